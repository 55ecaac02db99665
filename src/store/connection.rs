//! One connection of either engine, set up so that a commit that returned is on disk.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::sql_types::{BigInt, Text};

use super::error::StoreError;
use super::location::{DatabaseUrl, Files, Location};

/// A connection of the engine that the URL names at run time.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Makes connections, for the pool and for sessions.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) url: DatabaseUrl,
    pub(super) busy_timeout: Duration,
}

impl Connector {
    pub(super) fn open(&self) -> Result<AnyConnection, StoreError> {
        match self.url.location() {
            Location::Sqlite(files) => sqlite(files, self.busy_timeout).map(AnyConnection::Sqlite),
            Location::Postgres(url) => postgres(url).map(AnyConnection::Postgres),
        }
    }
}

/// Sets a connection up for statements that are run again and again with other values: each is planned once, for any values.
/// Planned for the values at hand, which costs as much as running it, a statement about a list of people would read whole
/// tables of millions for each small list.
pub(super) fn plan_once(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(connection) = connection {
        connection.batch_execute("SET plan_cache_mode = force_generic_plan")?;
    }
    Ok(())
}

impl ManageConnection for Connector {
    type Connection = AnyConnection;
    type Error = StoreError;

    fn connect(&self) -> Result<AnyConnection, StoreError> {
        self.open()
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        match connection {
            AnyConnection::Sqlite(_) => Ok(()),
            AnyConnection::Postgres(postgres) => Ok(postgres.ping()?),
        }
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

fn sqlite(files: &Files, busy_timeout: Duration) -> Result<SqliteConnection, StoreError> {
    let mut connection = SqliteConnection::establish(Files::text(&files.data)?)?;
    let busy = busy_timeout.as_millis();
    connection.batch_execute(&format!("PRAGMA busy_timeout = {busy}"))?;
    diesel::sql_query("ATTACH DATABASE ? AS keystore")
        .bind::<Text, _>(Files::text(&files.keys)?)
        .execute(&mut connection)?;
    // One statement each: a failure in the middle must not skip the rest. An erased row leaves no bytes in its page
    // (`secure_delete`); what SQLite sorts or keeps aside never becomes a file of its own (`temp_store`).
    for pragma in [
        "main.journal_mode = WAL",
        "keystore.journal_mode = WAL",
        "main.synchronous = FULL",
        "keystore.synchronous = FULL",
        "foreign_keys = ON",
        "main.secure_delete = ON",
        "keystore.secure_delete = ON",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
        "main.cache_size = -16384",
        "keystore.cache_size = -4096",
        // Pages are read where the operating system keeps them anyway, once for all connections.
        "main.mmap_size = 1073741824",
        "keystore.mmap_size = 1073741824",
        "wal_autocheckpoint = 4000",
    ] {
        connection.batch_execute(&format!("PRAGMA {pragma}"))?;
    }
    confirm_sqlite(&mut connection)?;
    Ok(connection)
}

/// Reads back what durability and erasure rest on: a build of SQLite may ignore a pragma without a word.
pub(super) fn confirm_sqlite(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    for file in ["main", "keystore"] {
        let mode: String = sql::<Text>(&format!("PRAGMA {file}.journal_mode")).get_result(connection)?;
        if mode != "wal" {
            return Err(not_durable("a write-ahead log (journal_mode = WAL)"));
        }
    }
    for (pragma, wanted) in [
        ("main.synchronous", 2),
        ("keystore.synchronous", 2),
        ("main.secure_delete", 1),
        ("keystore.secure_delete", 1),
        ("foreign_keys", 1),
    ] {
        let value: i64 = sql::<BigInt>(&format!("PRAGMA {pragma}")).get_result(connection)?;
        if value != wanted {
            return Err(not_durable(&format!("{pragma} = {wanted}")));
        }
    }
    Ok(())
}

fn not_durable(what: &str) -> StoreError {
    StoreError::Misconfigured(format!(
        "SQLite does not keep {what}, so an acknowledged withdrawal could be lost or an erased person could stay \
         readable. Use the SQLite that Akkoord is built with, and files on a local disk."
    ))
}

fn postgres(url: &str) -> Result<PgConnection, StoreError> {
    let mut connection = PgConnection::establish(url)?;
    connection.batch_execute(
        "SET synchronous_commit = on; SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
         SET idle_in_transaction_session_timeout = '30s'; SET default_transaction_isolation = 'read committed'",
    )?;
    // Only a superuser may, unless granted. Without it a deadlock in another language is an error, not a second try.
    let _english = connection.batch_execute("SET lc_messages = 'C'");
    confirm_postgres(&mut connection)?;
    Ok(connection)
}

/// Reads back what durability rests on: a pooler between us and the server may keep settings to itself.
pub(super) fn confirm_postgres(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mode: String = sql::<Text>("SHOW synchronous_commit").get_result(connection)?;
    if mode == "on" {
        return Ok(());
    }
    Err(StoreError::Misconfigured(
        "PostgreSQL does not keep synchronous_commit = on, so an acknowledged withdrawal could be lost. Connect to the \
         server itself, or through a pooler in session mode."
            .to_owned(),
    ))
}
