//! The store itself: opens a database of either engine and runs named transactions on it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{NopErrorHandler, Pool, R2D2Connection};
use diesel::sql_types::Bool;

use super::connection::{AnyConnection, Connector, plan_once};
use super::error::{Failure, StoreError};
use super::location::DatabaseUrl;
use super::turnstile::Turnstile;
use super::tx::{Appends, Tx};
use super::{migrate, standby};
use crate::domain::moment::Moment;

/// How long a call waits for a free connection of the pool.
const POOL_WAIT: Duration = Duration::from_secs(2);
/// How often a transaction that met another one is run again, until when since its start, and the first pause before
/// that; each next pause is twice as long.
const RETRIES: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(4);
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// Most connections that [`Store::read`] and [`Store::change`] use together; sessions come on top.
    pub pool_size: u32,
    /// How long SQLite waits for another process that is writing.
    pub busy_timeout: Duration,
    /// Refuse to work without a synchronous standby, and confirm each change there before it is acknowledged.
    pub require_synchronous_standby: bool,
    /// Make SQLite files that are not there yet.
    pub create: bool,
    /// Random; given to a new database, so that a key store is never used with the data of another one.
    pub installation_id: [u8; 16],
    /// The network of libraries that the data belong to; a database of another network is refused.
    pub network: String,
    /// Now.
    pub now: Moment,
    /// Who is told of transactions.
    pub observer: Option<Arc<dyn Observer>>,
}

/// What [`Store::open`] would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehearsal {
    /// No files yet: they would be made.
    New,
    /// The schema of this program.
    Current,
    /// An older or empty schema, which would be brought up to date.
    Behind {
        /// How many migrations are missing.
        steps: usize,
    },
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Durable.
    Committed,
    /// Nothing was changed.
    RolledBack,
    /// Sent, but not known to be durable.
    Unknown,
}

/// Is told of each transaction, for metrics.
pub trait Observer: Send + Sync + fmt::Debug {
    /// A transaction ended after so long, waiting and retries included.
    fn transaction(&self, name: &'static str, outcome: Outcome, duration: Duration, retries: u32);
}

/// A database of either engine, in rows: no cryptography and no rules about what the rows mean. Its calls block, so
/// they belong on a thread that may. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    connector: Connector,
    pool: Pool<Connector>,
    installation: [u8; 16],
    /// SQLite has one writer. Threads queue here; SQLite's own waiting is polling, which starves some of them. Its
    /// `busy_timeout` remains for other processes.
    writer: Turnstile,
    require_synchronous_standby: bool,
    observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.connector.url).finish()
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Read,
    Change,
    Append,
}

impl Purpose {
    const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

impl Store {
    /// Opens the database, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] with the remedy for a database that is missing, newer than this program, another
    /// network's, not durable, or separated from its keys; [`StoreError::Unavailable`] when it does not answer.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let connector = Connector {
            url: options.url.clone(),
            busy_timeout: options.busy_timeout,
        };
        migrate::prepare_files(&options)?;
        let mut connection = connector.open()?;
        if options.require_synchronous_standby {
            standby::require(&mut connection)?;
        }
        let installation = migrate::migrate(&mut connection, &options)?;
        drop(connection);
        let pool = Pool::builder()
            .max_size(options.pool_size.max(1))
            .min_idle(Some(1))
            .connection_timeout(POOL_WAIT)
            .test_on_check_out(true)
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(connector.clone());
        Ok(Self(Arc::new(Inner {
            connector,
            pool,
            installation,
            writer: Turnstile::default(),
            require_synchronous_standby: options.require_synchronous_standby,
            observer: options.observer,
        })))
    }

    /// Finds out whether [`Store::open`] would work, and changes nothing: the schema is brought up to date in a transaction
    /// that is taken back.
    ///
    /// # Errors
    /// What [`Store::open`] would say.
    pub fn rehearse(options: &StoreOptions) -> Result<Rehearsal, StoreError> {
        if migrate::is_absent(options) && options.create {
            return Ok(Rehearsal::New);
        }
        let kept = StoreOptions {
            create: false,
            ..options.clone()
        };
        migrate::prepare_files(&kept)?;
        let connector = Connector {
            url: options.url.clone(),
            busy_timeout: options.busy_timeout,
        };
        let mut connection = connector.open()?;
        let missing = migrate::rehearse(&mut connection, options)?;
        if options.require_synchronous_standby {
            standby::require(&mut connection)?;
        }
        Ok(match missing {
            0 => Rehearsal::Current,
            steps => Rehearsal::Behind { steps },
        })
    }

    /// The id that this database and its key store carry.
    pub fn installation_id(&self) -> &[u8; 16] {
        &self.0.installation
    }

    /// Reads in one snapshot. The closure may run again.
    ///
    /// # Errors
    /// What the closure returned, or why the database could not be read.
    pub fn read<T, E: From<StoreError>>(
        &self,
        name: &'static str,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.perform(name, Purpose::Read, &mut Pooled(self), work)
    }

    /// Changes rows in one transaction, which is durable when this returns `Ok`. On PostgreSQL the isolation level is
    /// read committed, so lock the rows that a decision rests on. When it meets another transaction, the closure runs
    /// again from the start, a bounded number of times.
    ///
    /// # Errors
    /// What the closure returned, and then nothing was changed; or why the database could not do it. Only after
    /// [`StoreError::NotYetDurable`] it is unknown whether the change was made.
    pub fn change<T, E: From<StoreError>>(
        &self,
        name: &'static str,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.perform(name, Purpose::Change, &mut Pooled(self), work)
    }

    /// A connection of its own for a thread that changes rows all the time. It connects at its first transaction.
    pub fn session(&self) -> Session {
        Session {
            store: self.clone(),
            connection: None,
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// Why there was none.
    pub fn ping(&self) -> Result<(), StoreError> {
        self.read("ping", |tx| {
            tx.run(|connection| diesel::select(true.into_sql::<Bool>()).execute(connection))
        })
        .map(|_| ())
    }

    /// Whether the database is PostgreSQL, which takes several writers at a time.
    pub fn is_postgres(&self) -> bool {
        !self.0.connector.url.is_sqlite()
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    fn perform<T, E: From<StoreError>>(
        &self,
        name: &'static str,
        purpose: Purpose,
        source: &mut impl Source,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let mut retries = 0;
        let ended = loop {
            let queues = purpose.writes() && self.0.connector.url.is_sqlite();
            let turn = queues.then(|| self.0.writer.wait());
            let ended = source
                .with(|connection| self.attempt(connection, purpose, &mut work))
                .unwrap_or_else(|error| Ended::failed(error));
            drop(turn);
            if !ended.again || retries == RETRIES || started.elapsed() >= PATIENCE {
                break ended;
            }
            std::thread::sleep(FIRST_PAUSE.saturating_mul(1 << retries));
            retries += 1;
        };
        if let Some(observer) = &self.0.observer {
            observer.transaction(name, ended.outcome, started.elapsed(), retries);
        }
        ended.result
    }

    fn attempt<T, E: From<StoreError>>(
        &self,
        connection: &mut AnyConnection,
        purpose: Purpose,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Ended<T, E> {
        // On SQLite an append is a few statements, and their transaction costs no round trip.
        if purpose == Purpose::Append && matches!(connection, AnyConnection::Postgres(_)) {
            return self.append(connection, work);
        }
        if let Err(error) = begin(connection, purpose) {
            return Ended::rolled_back(error.into());
        }
        let mut tx = Tx::new(connection);
        let result = work(&mut tx);
        let failure = tx.into_failure();
        let value = match (result, failure) {
            (Ok(value), None) => value,
            (result, failure) => {
                // If this fails too, the connection is broken, which its owner sees and then drops it.
                let _undone = Manager::rollback_transaction(connection);
                let again = failure.as_ref().is_some_and(|failure| failure.again);
                let result = match (result, failure) {
                    (Ok(_), Some(failure)) => Err(failure.error.into()),
                    (result, _) => result,
                };
                return Ended {
                    result,
                    outcome: Outcome::RolledBack,
                    again,
                };
            }
        };
        if let Err(error) = Manager::commit_transaction(connection) {
            let failure = Failure::from(error);
            // An answer to COMMIT that says no is certain; no answer, or a disk that failed at it, is not.
            let certain = !connection.is_broken() && failure.error != Failure::disk().error;
            return match purpose {
                Purpose::Change | Purpose::Append if !certain => {
                    Ended::unknown("no answer came to the commit, or its disk failed")
                }
                _ => Ended::rolled_back(failure),
            };
        }
        if purpose.writes() {
            self.confirmed(connection, value)
        } else {
            Ended::committed(value)
        }
    }

    /// Each statement is a transaction; the last one writes.
    fn append<T, E: From<StoreError>>(
        &self,
        connection: &mut AnyConnection,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Ended<T, E> {
        let mut tx = Tx::that(connection, Appends::Once);
        let result = work(&mut tx);
        let appends = tx.appends();
        let failure = tx.into_failure();
        let value = match (result, failure) {
            (Ok(value), None) => value,
            // What was sent and not answered may have been done.
            (_, Some(failure))
                if appends == Appends::Sent
                    && (connection.is_broken() || failure.error == Failure::disk().error) =>
            {
                return Ended::unknown("no answer came to a statement, or its disk failed");
            }
            (Err(_), _) | (_, Some(_)) if appends == Appends::Done => {
                return Ended::unknown("something failed after the statement that commits");
            }
            (Ok(_), Some(failure)) => return Ended::rolled_back(failure),
            (Err(error), failure) => {
                return Ended {
                    result: Err(error),
                    outcome: Outcome::RolledBack,
                    again: failure.is_some_and(|failure| failure.again),
                };
            }
        };
        if appends == Appends::Done {
            self.confirmed(connection, value)
        } else {
            Ended::committed(value)
        }
    }

    /// Where two machines must have it, the other one has it too.
    fn confirmed<T, E: From<StoreError>>(&self, connection: &mut AnyConnection, value: T) -> Ended<T, E> {
        if self.0.require_synchronous_standby
            && let Err(error) = standby::confirm(connection)
        {
            return Ended {
                result: Err(error.into()),
                outcome: Outcome::Unknown,
                again: false,
            };
        }
        Ended::committed(value)
    }
}

type Manager = <AnyConnection as Connection>::TransactionManager;

fn begin(connection: &mut AnyConnection, purpose: Purpose) -> QueryResult<()> {
    match (connection, purpose) {
        (AnyConnection::Sqlite(connection), Purpose::Read) => {
            AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN")
        }
        // At once: a reader that becomes a writer later can only fail when another one wrote meanwhile.
        (AnyConnection::Sqlite(connection), Purpose::Change | Purpose::Append) => {
            AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")
        }
        (AnyConnection::Postgres(connection), Purpose::Read) => {
            AnsiTransactionManager::begin_transaction_sql(
                connection,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            )
        }
        (AnyConnection::Postgres(connection), Purpose::Change | Purpose::Append) => {
            AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN ISOLATION LEVEL READ COMMITTED")
        }
    }
}

/// How one attempt at a transaction ended.
struct Ended<T, E> {
    result: Result<T, E>,
    outcome: Outcome,
    again: bool,
}

impl<T, E: From<StoreError>> Ended<T, E> {
    fn failed(error: StoreError) -> Self {
        Self {
            result: Err(error.into()),
            outcome: Outcome::RolledBack,
            again: false,
        }
    }

    const fn committed(value: T) -> Self {
        Self {
            result: Ok(value),
            outcome: Outcome::Committed,
            again: false,
        }
    }

    fn rolled_back(failure: Failure) -> Self {
        Self {
            again: failure.again,
            ..Self::failed(failure.error)
        }
    }

    fn unknown(why: &'static str) -> Self {
        Self {
            outcome: Outcome::Unknown,
            ..Self::failed(StoreError::NotYetDurable(why))
        }
    }
}

/// Where a transaction gets its connection from.
trait Source {
    fn with<R>(&mut self, work: impl FnOnce(&mut AnyConnection) -> R) -> Result<R, StoreError>;
}

struct Pooled<'s>(&'s Store);

impl Source for Pooled<'_> {
    fn with<R>(&mut self, work: impl FnOnce(&mut AnyConnection) -> R) -> Result<R, StoreError> {
        let mut connection = self.0.0.pool.get().map_err(|_| {
            StoreError::Unavailable(Cow::Borrowed("no connection became free within 2 seconds"))
        })?;
        Ok(work(&mut connection))
    }
}

/// A connection of its own; see [`Store::session`].
#[expect(missing_debug_implementations, reason = "diesel's connections have no Debug")]
pub struct Session {
    store: Store,
    connection: Option<AnyConnection>,
}

impl Session {
    /// Like [`Store::change`], on this session's own connection. After that was lost, the next call makes a new one.
    ///
    /// # Errors
    /// As for [`Store::change`].
    pub fn change<T, E: From<StoreError>>(
        &mut self,
        name: &'static str,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let store = self.store.clone();
        store.perform(name, Purpose::Change, self, work)
    }

    /// Reads, and at last adds one batch to one log with [`Tx::append_audit`], which is durable when this returns `Ok`.
    /// There is no transaction around it, and none is needed: each statement sees all that was committed before it, as it
    /// would in a transaction that reads committed rows, and what is written is one statement. It spares two round
    /// trips. The closure may run again.
    ///
    /// # Errors
    /// As for [`Store::change`].
    pub fn append<T, E: From<StoreError>>(
        &mut self,
        name: &'static str,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let store = self.store.clone();
        store.perform(name, Purpose::Append, self, work)
    }

    /// Like [`Store::read`], on this session's own connection.
    ///
    /// # Errors
    /// As for [`Store::read`].
    pub fn read<T, E: From<StoreError>>(
        &mut self,
        name: &'static str,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let store = self.store.clone();
        store.perform(name, Purpose::Read, self, work)
    }
}

impl Source for Session {
    fn with<R>(&mut self, work: impl FnOnce(&mut AnyConnection) -> R) -> Result<R, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut connection = self.store.connector().open()?;
                plan_once(&mut connection)?;
                connection
            }
        };
        let result = work(&mut connection);
        if !connection.is_broken() {
            self.connection = Some(connection);
        }
        Ok(result)
    }
}
