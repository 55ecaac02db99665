//! The schemas of both engines: equal to each other, to what erasure declares and to the constraints that errors name;
//! and each migration undone by its `down.sql`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use akkoord::store::{CONSTRAINTS, ERASURE};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::support::engine::{Engine, TestStorage};
use crate::support::postgres::Postgres;
use crate::support::source::root;
use crate::support::store::open;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn sqlite(file: &Path, sql: &str) -> Vec<String> {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    lines(&mut connection, sql)
}

fn lines(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(sql).load(connection).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

fn text(lines: &str) -> Vec<String> {
    lines.lines().map(str::to_owned).collect()
}

/// Lines about the tables of a migrated store, those of the key store with its name in front.
fn of_tables(storage: &TestStorage, in_sqlite: &str, in_postgres: &str) -> BTreeSet<String> {
    drop(open(storage));
    match storage.engine() {
        Engine::Sqlite => {
            let data = sqlite(&storage.directory().join("akkoord.db"), in_sqlite);
            let keys = sqlite(&storage.directory().join("akkoord-keys.db"), in_sqlite);
            data.into_iter()
                .chain(keys.into_iter().map(|line| format!("keystore.{line}")))
                .filter(|line| !line.starts_with("__diesel"))
                .collect()
        }
        Engine::Postgres => text(&storage.psql(in_postgres))
            .into_iter()
            .map(|line| line.strip_prefix("public.").unwrap_or(&line).to_owned())
            .filter(|line| !line.starts_with("__diesel"))
            .collect(),
    }
}

/// `table|position|column|kind|required`
fn columns(storage: &TestStorage) -> BTreeSet<String> {
    of_tables(
        storage,
        "SELECT format('%s|%d|%s|%s|%d', m.name, c.cid + 1, c.name, lower(c.type), c.\"notnull\") AS line \
         FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'",
        "SELECT format('%s.%s|%s|%s|%s|%s', table_schema, table_name, ordinal_position, column_name, \
         CASE data_type WHEN 'bytea' THEN 'blob' WHEN 'bigint' THEN 'integer' ELSE data_type END, \
         CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END) \
         FROM information_schema.columns WHERE table_schema IN ('public', 'keystore')",
    )
}

/// `table: table.column, table.column`
fn keys(storage: &TestStorage) -> BTreeSet<String> {
    of_tables(
        storage,
        "SELECT t || ': ' || group_concat(t || '.' || c, ', ') AS line FROM (\
           SELECT m.name AS t, c.name AS c, '' AS i FROM sqlite_master m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND c.pk > 0 \
           UNION ALL \
           SELECT m.name, c.name, i.name FROM sqlite_master m, pragma_index_list(m.name) i, \
             pragma_index_info(i.name) c WHERE m.type = 'table' AND i.\"unique\" AND i.origin <> 'pk') \
         GROUP BY t, i",
        "SELECT n.nspname || '.' || t.relname || ': ' || string_agg(t.relname || '.' || a.attname, ', ' ORDER BY k.at) \
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace, \
           unnest(c.conkey) WITH ORDINALITY k(n, at) JOIN pg_attribute a ON a.attnum = k.n \
         WHERE c.contype IN ('p', 'u') AND n.nspname IN ('public', 'keystore') AND a.attrelid = t.oid \
         GROUP BY c.oid, n.nspname, t.relname",
    )
}

/// Names of indexes and triggers that a person gave.
fn names(storage: &TestStorage) -> BTreeSet<String> {
    of_tables(
        storage,
        "SELECT name AS line FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL",
        "SELECT schemaname || '.' || indexname FROM pg_indexes WHERE schemaname IN ('public', 'keystore') \
           AND indexname !~ '_(pkey|key)$' \
         UNION SELECT 'public.' || tgname FROM pg_trigger WHERE NOT tgisinternal",
    )
}

#[test]
fn both_engines_have_the_same_tables_columns_keys_indexes_and_triggers() {
    let (sqlite, postgres) = (
        TestStorage::new(Engine::Sqlite),
        TestStorage::new(Engine::Postgres),
    );
    assert_eq!(columns(&sqlite), columns(&postgres));
    assert!(columns(&sqlite).contains("keystore.epoch_key|2|wrapped|blob|0"));
    assert_eq!(keys(&sqlite), keys(&postgres));
    assert_eq!(names(&sqlite), names(&postgres));
    assert!(names(&sqlite).contains("keystore.person_key_epoch"));
}

both_engines! {
    fn erasure_declares_every_column_and_no_other(engine) {
        let declared: BTreeSet<String> = ERASURE
            .iter()
            .flat_map(|(table, columns)| columns.iter().map(move |(column, _)| format!("{table}.{column}")))
            .collect();
        let real: BTreeSet<String> = columns(&TestStorage::new(engine))
            .iter()
            .map(|line| {
                let mut parts = line.split('|');
                format!("{}.{}", parts.next().unwrap(), parts.nth(1).unwrap())
            })
            .collect();
        assert_eq!(declared, real);
    }

    fn errors_know_every_unique_constraint(engine) {
        let storage = TestStorage::new(engine);
        let real: BTreeSet<String> = keys(&storage)
            .iter()
            .map(|line| line.split_once(": ").unwrap().1.to_owned())
            .collect();
        let known: BTreeSet<String> = CONSTRAINTS
            .iter()
            .map(|(_, columns)| (*columns).to_owned())
            .collect();
        assert_eq!(known, real);
        if engine == Engine::Postgres {
            let real: BTreeSet<String> = text(&storage.psql(
                "SELECT conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace \
                 WHERE contype IN ('p', 'u') AND nspname IN ('public', 'keystore') AND conname NOT LIKE '\\_\\_diesel%'",
            ))
            .into_iter()
            .collect();
            assert_eq!(
                CONSTRAINTS
                    .iter()
                    .map(|(name, _)| (*name).to_owned())
                    .collect::<BTreeSet<_>>(),
                real
            );
        }
    }
}

/// The migrations of an engine as (name, up, down), in order.
fn migrations(engine: &str) -> Vec<(String, String, String)> {
    let folder = root().join("migrations").join(engine);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let read = |name: &str, file: &str| std::fs::read_to_string(folder.join(name).join(file)).unwrap();
    names
        .into_iter()
        .map(|name| {
            let (up, down) = (read(&name, "up.sql"), read(&name, "down.sql"));
            (name, up, down)
        })
        .collect()
}

/// Runs each migration up, down and up again; the schema after the first and second time up must be the same, and after
/// down the same as before.
fn up_down_up(engine: &str, mut run: impl FnMut(&str), mut schema: impl FnMut() -> BTreeMap<String, String>) {
    let mut before = schema();
    for (name, up, down) in migrations(engine) {
        run(&up);
        let first = schema();
        assert_ne!(before, first, "{name} does nothing");
        run(&down);
        assert_eq!(
            before,
            schema(),
            "{name}/down.sql leaves something or takes too much"
        );
        run(&up);
        assert_eq!(first, schema(), "{name}");
        before = first;
    }
}

fn by_name(lines: Vec<String>) -> BTreeMap<String, String> {
    lines
        .into_iter()
        .map(|line| {
            let (name, definition) = line.split_once('|').unwrap();
            (name.to_owned(), definition.to_owned())
        })
        .collect()
}

#[test]
fn migrations_of_sqlite_can_be_undone() {
    let storage = TestStorage::new(Engine::Sqlite);
    let (data, keys) = (storage.directory().join("a.db"), storage.directory().join("k.db"));
    let connection = std::cell::RefCell::new(SqliteConnection::establish(data.to_str().unwrap()).unwrap());
    connection
        .borrow_mut()
        .batch_execute(&format!("ATTACH '{}' AS keystore", keys.display()))
        .unwrap();
    up_down_up(
        "sqlite",
        |sql| connection.borrow_mut().batch_execute(sql).unwrap(),
        || {
            by_name(lines(
                &mut connection.borrow_mut(),
                "SELECT 'main.' || name || '|' || coalesce(sql, '') AS line FROM main.sqlite_master \
                 UNION ALL SELECT 'keystore.' || name || '|' || coalesce(sql, '') FROM keystore.sqlite_master",
            ))
        },
    );
}

#[test]
fn migrations_of_postgres_can_be_undone() {
    let database = Postgres::shared().database();
    let schema = "SELECT table_schema || '.' || table_name || '.' || column_name || '|' || data_type || is_nullable \
         FROM information_schema.columns WHERE table_schema IN ('public', 'keystore') \
       UNION SELECT conrelid::regclass || '.' || conname || '|' || pg_get_constraintdef(oid) FROM pg_constraint \
         WHERE connamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'keystore')) \
       UNION SELECT schemaname || '.' || indexname || '|' || indexdef FROM pg_indexes WHERE schemaname IN ('public', 'keystore') \
       UNION SELECT tgname || '|' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
       UNION SELECT proname || '|' || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
       UNION SELECT nspname || '|schema' FROM pg_namespace WHERE nspname !~ '^pg_'";
    up_down_up(
        "postgres",
        |sql| {
            database.psql(sql);
        },
        || {
            by_name(text(&database.psql(&format!(
                "SELECT replace(l, E'\\n', ' ') FROM ({schema}) AS x(l)"
            ))))
        },
    );
}
