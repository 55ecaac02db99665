//! What stands in a database, seen past the service: by a connection of the test's own.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

/// A connection to the database of either engine, as the URL of the configuration names it.
pub enum Rows {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Hashes {
    #[diesel(sql_type = Binary)]
    leaf_hashes: Vec<u8>,
}

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = Binary)]
    bytes: Vec<u8>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Rows {
    /// Connects; SQLite's key store is the schema `keystore` here too.
    pub fn open(url: &str) -> Rows {
        match url.strip_prefix("sqlite://") {
            Some(path) => {
                let mut connection = SqliteConnection::establish(path).unwrap();
                let keys = format!("{}-keys.db", path.strip_suffix(".db").unwrap());
                connection
                    .batch_execute(&format!(
                        "PRAGMA busy_timeout = 20000; ATTACH DATABASE '{keys}' AS keystore"
                    ))
                    .unwrap();
                Rows::Sqlite(connection)
            }
            None => Rows::Postgres(PgConnection::establish(url).unwrap()),
        }
    }

    /// Runs statements.
    pub fn run(&mut self, sql: &str) {
        match self {
            Rows::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
            Rows::Postgres(connection) => connection.batch_execute(sql).unwrap(),
        }
    }

    fn load<T>(&mut self, sql: &str) -> Vec<T>
    where
        T: QueryableByName<diesel::sqlite::Sqlite> + QueryableByName<diesel::pg::Pg> + 'static,
    {
        match self {
            Rows::Sqlite(connection) => diesel::sql_query(sql).load(connection).unwrap(),
            Rows::Postgres(connection) => diesel::sql_query(sql).load(connection).unwrap(),
        }
    }

    /// How many rows requests have written to each table. What the leader of the log makes of those rows, sooner or
    /// later, is left out: every leaf is in `audit_batch` from the start.
    pub fn written(&mut self) -> BTreeMap<String, i64> {
        const LEADERS: [&str; 5] = [
            "audit_queue",
            "audit_place",
            "audit_head",
            "audit_tile",
            "audit_checkpoint",
        ];
        let mut counts = self.counts();
        counts.retain(|table, _| !LEADERS.iter().any(|leaders| table.ends_with(leaders)));
        counts
    }

    /// What stands in a column of bytes.
    pub fn bytes(&mut self, column: &str, table: &str, condition: &str) -> Vec<Vec<u8>> {
        let found: Vec<Bytes> = self.load(&format!(
            "SELECT {column} AS bytes FROM {table} WHERE {condition}"
        ));
        found.into_iter().map(|row| row.bytes).collect()
    }

    /// How many rows of a table are so.
    pub fn count_of(&mut self, table: &str, condition: &str) -> i64 {
        let counted: Vec<Count> = self.load(&format!("SELECT count(*) AS n FROM {table} WHERE {condition}"));
        counted.first().unwrap().n
    }

    /// How many rows each table has.
    pub fn counts(&mut self) -> BTreeMap<String, i64> {
        let tables = match self {
            Rows::Sqlite(_) => {
                "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                 UNION ALL SELECT 'keystore.' || name FROM keystore.sqlite_schema WHERE type = 'table'"
            }
            Rows::Postgres(_) => {
                "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables \
                 WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            }
        };
        let tables: Vec<Name> = self.load(tables);
        tables
            .into_iter()
            .map(|table| {
                let counted: Vec<Count> = self.load(&format!("SELECT count(*) AS n FROM {}", table.name));
                (table.name, counted.first().unwrap().n)
            })
            .collect()
    }
}

/// The hashes of all leaves of a log, sequenced or not, in hexadecimal.
pub fn leaf_hashes(url: &str, log: &str) -> BTreeSet<String> {
    let rows: Vec<Hashes> = Rows::open(url).load(&format!(
        "SELECT leaf_hashes FROM audit_batch WHERE log = '{log}'"
    ));
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
    rows.iter()
        .flat_map(|row| row.leaf_hashes.chunks_exact(32).map(hex))
        .collect()
}
