//! What may be done inside one transaction. The functions themselves stand with their tables.

use diesel::connection::TransactionManager;
use diesel::prelude::*;
use diesel::result::QueryResult;

use super::connection::AnyConnection;
use super::error::{Failure, StoreError};
use super::people::Fence;
use crate::domain::ids::PersonId;

type Manager = <AnyConnection as Connection>::TransactionManager;

/// An open transaction. When a statement in it fails, the whole transaction is rolled back, whatever the closure that
/// uses it returns: PostgreSQL would otherwise answer a later `COMMIT` with a silent rollback.
#[expect(missing_debug_implementations, reason = "diesel's connections have no Debug")]
pub struct Tx<'c> {
    connection: &'c mut AnyConnection,
    failure: Option<Failure>,
    appends: Appends,
    fence: Option<Fence>,
}

/// How much a transaction may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appends {
    /// What it likes.
    Anything,
    /// One statement, which is a transaction of its own; it was not sent yet.
    Once,
    /// That statement was sent.
    Sent,
    /// And done.
    Done,
}

impl<'c> Tx<'c> {
    pub(super) const fn new(connection: &'c mut AnyConnection) -> Self {
        Self::that(connection, Appends::Anything)
    }

    pub(super) const fn that(connection: &'c mut AnyConnection, appends: Appends) -> Self {
        Self {
            connection,
            failure: None,
            appends,
            fence: None,
        }
    }

    /// What must still be so when the next batch is added; otherwise nothing is added, and [`StoreError::Conflict`] says so.
    pub fn expect(&mut self, fence: Fence) {
        self.fence = Some(fence);
    }

    /// Adds to what must still be so, where [`Tx::expect`] was said: people who were read since. On SQLite nobody comes in
    /// between.
    pub fn expect_too(&mut self, people: impl IntoIterator<Item = (PersonId, u64)>) {
        if self.is_postgres()
            && let Some(fence) = &mut self.fence
        {
            fence.people.extend(people);
        }
    }

    pub(super) const fn take_fence(&mut self) -> Option<Fence> {
        self.fence.take()
    }

    /// Whether it may write one statement only: [`Tx::append_audit`] or [`Tx::append_acts`].
    pub const fn only_appends(&self) -> bool {
        !matches!(self.appends, Appends::Anything)
    }

    /// Before the one statement that such a transaction writes.
    pub(super) fn append(&mut self) -> Result<(), StoreError> {
        match self.appends {
            Appends::Anything => Ok(()),
            Appends::Once => {
                self.appends = Appends::Sent;
                Ok(())
            }
            Appends::Sent | Appends::Done => {
                self.fail(StoreError::Other("a second statement after the one that commits"))
            }
        }
    }

    /// When that statement did nothing.
    pub(super) fn not_appended(&mut self) {
        if self.appends == Appends::Sent {
            self.appends = Appends::Once;
        }
    }

    /// After that statement.
    pub(super) fn appended(&mut self) {
        if self.appends == Appends::Sent {
            self.appends = Appends::Done;
        }
    }

    pub(super) const fn appends(&self) -> Appends {
        self.appends
    }

    pub(super) fn into_failure(self) -> Option<Failure> {
        self.failure
    }

    /// Runs statements that are written the same for both engines.
    pub(super) fn run<T>(
        &mut self,
        statements: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let result = statements(self.connection);
        self.note(result)
    }

    /// Runs statements that each engine has its own form of.
    pub(super) fn each<T>(
        &mut self,
        sqlite: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
        postgres: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let result = match self.connection {
            AnyConnection::Sqlite(connection) => sqlite(connection),
            AnyConnection::Postgres(connection) => postgres(connection),
        };
        self.note(result)
    }

    pub(super) const fn is_postgres(&self) -> bool {
        matches!(self.connection, AnyConnection::Postgres(_))
    }

    /// Fails the transaction for a reason that is no error of the database.
    pub(super) fn fail<T>(&mut self, error: StoreError) -> Result<T, StoreError> {
        self.failure.get_or_insert(Failure {
            error: error.clone(),
            again: false,
        });
        Err(error)
    }

    fn note<T>(&mut self, result: QueryResult<T>) -> Result<T, StoreError> {
        result.map_err(|error| {
            let failure = Failure::from(error);
            let error = failure.error.clone();
            self.failure.get_or_insert(failure);
            error
        })
    }

    /// A part that can fail alone: what it did is undone, and the transaction goes on. A failure that the whole
    /// transaction should be run again for (a lost connection, a deadlock) still ends it.
    ///
    /// # Errors
    /// What the closure returned, or what failed in it.
    pub fn savepoint<T, E: From<StoreError>>(
        &mut self,
        part: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(Manager::begin_transaction)?;
        let mut inner = Tx::new(self.connection);
        let result = part(&mut inner);
        let failure = inner.into_failure();
        match (result, failure) {
            (Ok(value), None) => {
                self.run(Manager::commit_transaction)?;
                Ok(value)
            }
            (result, failure) => {
                self.run(Manager::rollback_transaction)?;
                let again = failure.as_ref().is_some_and(|failure| failure.again);
                let error = failure.as_ref().map(|failure| failure.error.clone());
                if again {
                    self.failure = failure;
                }
                match (result, error) {
                    (Err(error), _) => Err(error),
                    (Ok(_), Some(error)) => Err(error.into()),
                    (Ok(value), None) => Ok(value),
                }
            }
        }
    }
}
