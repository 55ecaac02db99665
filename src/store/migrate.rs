//! Brings a database to the schema of this program, and refuses one that is not ours to use.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use diesel::backend::Backend;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::AnyConnection;
use super::engine::StoreOptions;
use super::error::StoreError;
use super::location::Location;
use super::schema::{epoch_key, keystore_meta, meta, person_key, tenant_key};
use crate::domain::hex::hex;
use crate::domain::ids::PersonId;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

const INSTALLATION: &str = "installation";
const NETWORK: &str = "network";

/// Any number of nodes may start together; one migrates. The number is "akkoord" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(27418468459278948)";

/// Whether neither file of an SQLite store is there.
pub(super) fn is_absent(options: &StoreOptions) -> bool {
    match options.url.location() {
        Location::Sqlite(files) => !files.data.exists() && !files.keys.exists(),
        Location::Postgres(_) => false,
    }
}

/// Checks that the files of an SQLite store are there, or makes them, readable for their owner alone.
pub(super) fn prepare_files(options: &StoreOptions) -> Result<(), StoreError> {
    let Location::Sqlite(files) = options.url.location() else {
        return Ok(());
    };
    let (data, keys) = (files.data.display(), files.keys.display());
    let size = |path: &Path| std::fs::metadata(path).ok().map(|found| found.len());
    match (size(&files.data), size(&files.keys)) {
        (None, _) if !options.create => Err(StoreError::Misconfigured(format!(
            "There is no database at {data}. Correct the database URL, or allow a new one to be made."
        ))),
        (None, Some(1..)) => Err(StoreError::Misconfigured(format!(
            "The key store {keys} is there and its database {data} is not. Restore the database, or move the key store \
             away to begin anew."
        ))),
        (Some(1..), None) => Err(StoreError::Misconfigured(format!(
            "The database {data} is there and its key store {keys} is not. Restore the key store from its own backup: \
             without it nothing personal in the database can be read."
        ))),
        _ => make(&files.data).and_then(|()| make(&files.keys)),
    }
}

fn make(path: &Path) -> Result<(), StoreError> {
    let refused = |error: std::io::Error| {
        StoreError::Misconfigured(format!("The file {} cannot be made: {error}.", path.display()))
    };
    let (mut folders, mut file) = (DirBuilder::new(), OpenOptions::new());
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(0o700);
        file.mode(0o600);
    }
    if let Some(folder) = path.parent() {
        folders.recursive(true).create(folder).map_err(refused)?;
    }
    match file.write(true).create_new(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(refused(error)),
        _ => Ok(()),
    }
}

/// Runs what is missing of the migrations, and gives the installation id, which a new database gets here.
pub(super) fn migrate(
    connection: &mut AnyConnection,
    options: &StoreOptions,
) -> Result<[u8; 16], StoreError> {
    begin(connection)?;
    let result = bring_up(connection, options);
    if result.is_ok() {
        Manager::commit_transaction(connection)?;
    } else {
        // The connection is dropped after this; a failure here has nothing more to say.
        let _undone = Manager::rollback_transaction(connection);
    }
    result
}

/// Does what [`migrate`] does and takes it back: how many migrations are missing.
pub(super) fn rehearse(connection: &mut AnyConnection, options: &StoreOptions) -> Result<usize, StoreError> {
    begin(connection)?;
    let missing = match connection {
        AnyConnection::Sqlite(sqlite) => {
            applied(sqlite).map(|done| missing(&done, &names::<Sqlite>(&SQLITE)))
        }
        AnyConnection::Postgres(postgres) => {
            applied(postgres).map(|done| missing(&done, &names::<Pg>(&POSTGRES)))
        }
    };
    let result = missing.and_then(|missing| bring_up(connection, options).map(|_| missing));
    Manager::rollback_transaction(connection)?;
    result
}

fn missing(applied: &[String], known: &[String]) -> usize {
    known.iter().filter(|version| !applied.contains(version)).count()
}

fn begin(connection: &mut AnyConnection) -> Result<(), StoreError> {
    match connection {
        // All or nothing, also for a second process that starts now.
        AnyConnection::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?;
        }
        AnyConnection::Postgres(postgres) => {
            confirm_server(postgres)?;
            postgres.batch_execute("SET statement_timeout = 0; SET lock_timeout = '60s'")?;
            AnsiTransactionManager::begin_transaction_sql(postgres, "BEGIN")?;
            postgres.batch_execute(LOCK)?;
        }
    }
    Ok(())
}

fn confirm_server(connection: &mut PgConnection) -> Result<(), StoreError> {
    let version: i64 =
        sql::<BigInt>("SELECT current_setting('server_version_num')::bigint").get_result(connection)?;
    if version < 150_000 {
        return Err(StoreError::Misconfigured(format!(
            "The PostgreSQL server is version {}, and Akkoord needs 15 or newer. Upgrade the server.",
            version / 10_000
        )));
    }
    let fsync: String = sql::<Text>("SHOW fsync").get_result(connection)?;
    if fsync != "on" {
        tracing::warn!(
            "PostgreSQL runs with fsync = off: after a power failure acknowledged choices can be lost"
        );
    }
    Ok(())
}

type Manager = <AnyConnection as Connection>::TransactionManager;

fn bring_up(connection: &mut AnyConnection, options: &StoreOptions) -> Result<[u8; 16], StoreError> {
    let (applied, known) = match connection {
        AnyConnection::Sqlite(sqlite) => (applied(sqlite)?, names::<Sqlite>(&SQLITE)),
        AnyConnection::Postgres(postgres) => (applied(postgres)?, names::<Pg>(&POSTGRES)),
    };
    refuse_newer(&applied, &known)?;
    if !applied.is_empty() {
        confirm_network(connection, &options.network)?;
    }
    match connection {
        AnyConnection::Sqlite(sqlite) => run(sqlite, SQLITE)?,
        AnyConnection::Postgres(postgres) => run(postgres, POSTGRES)?,
    }
    identify(connection, options)
}

fn applied<DB: Backend>(connection: &mut impl MigrationHarness<DB>) -> Result<Vec<String>, StoreError> {
    let versions = connection
        .applied_migrations()
        .map_err(|error| refused(error.as_ref()))?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

fn names<DB: Backend>(migrations: &EmbeddedMigrations) -> Vec<String> {
    let migrations: Vec<Box<dyn Migration<DB>>> = migrations.migrations().unwrap_or_default();
    let mut names: Vec<String> = migrations
        .iter()
        .map(|step| step.name().version().to_string())
        .collect();
    names.sort();
    names
}

fn refuse_newer(applied: &[String], known: &[String]) -> Result<(), StoreError> {
    let Some(unknown) = applied.iter().filter(|version| !known.contains(version)).max() else {
        return Ok(());
    };
    let newest = known.last().map_or("none", String::as_str);
    Err(StoreError::Misconfigured(format!(
        "The database has schema {unknown}, and this program knows schemas up to {newest}. Start the newer Akkoord that \
         the database was used with, or restore the backup from before it."
    )))
}

fn run<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<(), StoreError> {
    match connection.run_pending_migrations(migrations) {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error.as_ref())),
    }
}

/// Statements of a migration hold no values, so the database's own words about them may be shown.
fn refused(error: &(dyn std::error::Error + Send + Sync + 'static)) -> StoreError {
    StoreError::Misconfigured(format!(
        "The schema of the database could not be brought up to date: {error}. The database user must be allowed to make \
         tables and schemas there."
    ))
}

fn confirm_network(connection: &mut AnyConnection, network: &str) -> Result<(), StoreError> {
    match value(connection, NETWORK)? {
        Some(theirs) if theirs != network => Err(StoreError::Misconfigured(format!(
            "The database belongs to the network {theirs}, and the policies describe the network {network}. Correct the \
             database URL or the policy directory."
        ))),
        _ => Ok(()),
    }
}

/// Data and keys carry the same id, so that neither is used with another's other half.
fn identify(connection: &mut AnyConnection, options: &StoreOptions) -> Result<[u8; 16], StoreError> {
    if let AnyConnection::Sqlite(sqlite) = connection {
        confirm_key_tables(sqlite)?;
    }
    let data = value(connection, INSTALLATION)?;
    let keys = keystore_meta::table
        .filter(keystore_meta::key.eq(INSTALLATION))
        .select(keystore_meta::value)
        .first::<String>(connection)
        .optional()?;
    let strangers = || {
        StoreError::Misconfigured(
            "The key store belongs to another database. Restore the data and the key store of the same installation."
                .to_owned(),
        )
    };
    let id = match (data, keys) {
        (Some(data), Some(keys)) if data == keys => return parse(&data),
        // The first start was cut off between the two files; nothing has been encrypted yet.
        (None, Some(keys)) if !has_keys(connection)? => keys,
        (None, None) => {
            let id = hex(&options.installation_id);
            diesel::insert_into(keystore_meta::table)
                .values((keystore_meta::key.eq(INSTALLATION), keystore_meta::value.eq(&id)))
                .execute(connection)?;
            id
        }
        _ => return Err(strangers()),
    };
    for (key, value) in [(INSTALLATION, &id), (NETWORK, &options.network)] {
        diesel::insert_into(meta::table)
            .values((meta::key.eq(key), meta::value.eq(value)))
            .execute(connection)?;
    }
    let created = options.now.rfc3339();
    diesel::insert_into(meta::table)
        .values((meta::key.eq("created_at"), meta::value.eq(created)))
        .execute(connection)?;
    parse(&id)
}

fn value(connection: &mut AnyConnection, key: &str) -> QueryResult<Option<String>> {
    meta::table
        .filter(meta::key.eq(key))
        .select(meta::value)
        .first(connection)
        .optional()
}

fn parse(id: &str) -> Result<[u8; 16], StoreError> {
    id.parse::<PersonId>()
        .map(|id| *id.as_bytes())
        .map_err(|_| StoreError::Corrupt)
}

fn has_keys(connection: &mut AnyConnection) -> QueryResult<bool> {
    Ok(person_key::table.count().get_result::<i64>(connection)?
        + tenant_key::table.count().get_result::<i64>(connection)?
        + epoch_key::table.count().get_result::<i64>(connection)?
        > 0)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn confirm_key_tables(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found: Count = diesel::sql_query(
        "SELECT count(*) AS n FROM keystore.sqlite_master WHERE type = 'table' AND name = 'person_key'",
    )
    .get_result(connection)?;
    if found.n == 1 {
        return Ok(());
    }
    Err(StoreError::Misconfigured(
        "The key store is empty and the database is not. Restore the key store from its own backup; if this database \
         was never used, remove both files and start again."
            .to_owned(),
    ))
}
