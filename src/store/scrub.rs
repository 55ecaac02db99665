//! Making deleted bytes go from the files, and keeping SQLite's log short.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::connection::AnyConnection;
use super::engine::Store;
use super::error::StoreError;
use super::statement::Statement;

/// Tables whose rows an erasure deletes or rewrites.
const TOUCHED: &str = "person, person_record, consent_event, audit_private, person_identifier, idempotency, \
                       rights_request_content, keystore.person_key";
/// The keys of epochs: a handful of rows, so that the table is rewritten in a moment and nothing is left in its file.
const EPOCHS: &str = "keystore.epoch_key";

const SCRUB_TRIES: u32 = 20;
const UNSEEN_TRIES: u32 = 50;
const SCRUB_PAUSE: Duration = Duration::from_millis(100);

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = BigInt)]
    busy: i64,
}

impl Store {
    /// After an erasure: makes the bytes of deleted rows go from the database files too. SQLite's log is copied into
    /// the files, whose deleted rows are overwritten, and cut to nothing; PostgreSQL's tables are vacuumed. What free space,
    /// backups and PostgreSQL's archived log still hold is sealed under keys that are destroyed at the epoch's end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when readers kept SQLite's log in use for two seconds: try again later.
    pub fn scrub(&self) -> Result<(), StoreError> {
        let mut connection = self.connector().open()?;
        match &mut connection {
            AnyConnection::Sqlite(connection) => {
                truncate_log(connection, "main")?;
                truncate_log(connection, "keystore")
            }
            AnyConnection::Postgres(connection) => {
                connection.batch_execute("SET statement_timeout = 0")?;
                unseen(connection)?;
                connection.batch_execute(&format!("VACUUM {TOUCHED}"))?;
                connection.batch_execute(&format!("VACUUM FULL {EPOCHS}"))?;
                Ok(())
            }
        }
    }

    /// Rewrites the tables that hold data of people, so that their files hold nothing that was deleted. On PostgreSQL each
    /// is locked while it is rewritten, and needs as much free space again: for a quiet hour. SQLite overwrites what is
    /// deleted at once; there its files get shorter.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rewrite_tables(&self) -> Result<(), StoreError> {
        let mut connection = self.connector().open()?;
        match &mut connection {
            AnyConnection::Sqlite(connection) => {
                for file in ["main", "keystore"] {
                    connection.batch_execute(&format!("VACUUM {file}"))?;
                    truncate_log(connection, file)?;
                }
                Ok(())
            }
            AnyConnection::Postgres(connection) => {
                connection.batch_execute("SET statement_timeout = 0")?;
                unseen(connection)?;
                connection.batch_execute(&format!("VACUUM FULL {TOUCHED}, {EPOCHS}"))?;
                Ok(())
            }
        }
    }

    /// Copies SQLite's log into the files as far as nobody reads it, without making anybody wait. Called now and then
    /// from a thread of its own, it spares the writers that work. PostgreSQL does this by itself.
    ///
    /// # Errors
    /// Those of the database.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        match &mut self.connector().open()? {
            AnyConnection::Sqlite(connection) => {
                for file in ["main", "keystore"] {
                    connection.batch_execute(&format!("PRAGMA {file}.wal_checkpoint(PASSIVE)"))?;
                }
                Ok(())
            }
            AnyConnection::Postgres(_) => Ok(()),
        }
    }
}

/// Waits until no transaction is left that could still see what was deleted: such rows stay, also where a table is
/// rewritten. One that has written counts from its beginning, also while it looks at nothing. Five seconds at most; one
/// that takes longer keeps what it sees until the next sweep.
fn unseen(connection: &mut PgConnection) -> Result<(), StoreError> {
    let begun: String =
        diesel::select(diesel::dsl::sql::<Text>("txid_current()::text")).get_result(connection)?;
    for _ in 0..UNSEEN_TRIES {
        let seen: bool = Statement::<_, Bool>::new(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() \
             AND greatest(age(backend_xmin), age(backend_xid)) > age(CAST(CAST(? AS xid8) AS xid)))",
            (begun.as_str().into_sql::<Text>(),),
        )
        .get_result(connection)?;
        if !seen {
            return Ok(());
        }
        std::thread::sleep(SCRUB_PAUSE);
    }
    tracing::warn!(
        alarm = "scrub-late",
        "a transaction kept old rows in view for five seconds; the next sweep takes them"
    );
    Ok(())
}

fn truncate_log(connection: &mut SqliteConnection, file: &str) -> Result<(), StoreError> {
    for _ in 0..SCRUB_TRIES {
        let checkpoint: Checkpoint =
            diesel::sql_query(format!("PRAGMA {file}.wal_checkpoint(TRUNCATE)")).get_result(connection)?;
        if checkpoint.busy == 0 {
            return Ok(());
        }
        std::thread::sleep(SCRUB_PAUSE);
    }
    Err(StoreError::Unavailable("readers kept its log in use".into()))
}
