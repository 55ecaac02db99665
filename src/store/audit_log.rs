//! The logs of a network: which origin each has, its head, and who leads.

use std::fmt;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::schema::{audit_head, audit_log};
use super::statement::Statement;
use super::tx::Tx;

/// One node at a time puts batches in order. The number is "akkoord" in ASCII and one.
const LEADER_LOCK: i64 = 27_418_468_459_278_949;

/// How a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    /// It grows.
    Open,
    /// The database contradicts a checkpoint that was signed: nothing is recorded until an operator decides.
    Halted,
    /// It will never grow again; it can still be read.
    Closed,
}

impl LogState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Halted => "halted",
            Self::Closed => "closed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Halted, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

impl fmt::Display for LogState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One origin of a log of this network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Number of the origin.
    pub id: u64,
    /// Short name: `consent`, `decision`, `admin`.
    pub log: String,
    /// The name in its checkpoints; unique.
    pub origin: String,
    /// Verifier key of its checkpoints.
    pub vkey: String,
    /// Whether it grows.
    pub state: LogState,
    /// The checkpoint, kept outside the database, that the database does not lead to.
    pub contradiction: Option<String>,
}

/// The head of an origin: what the next append needs.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct HeadRow {
    /// The origin.
    #[diesel(deserialize_as = Number<u64>)]
    pub log_id: u64,
    /// Entries.
    #[diesel(deserialize_as = Number<u64>)]
    pub size: u64,
    /// The root over them.
    #[diesel(deserialize_as = Bytes<32>)]
    pub root: [u8; 32],
    /// The partial tiles at the right edge.
    pub edge: Vec<u8>,
    /// The node that leads.
    pub leader: Option<String>,
    /// Grows with each new leader; only the one that made it so may append.
    #[diesel(deserialize_as = Number<u64>)]
    pub leader_epoch: u64,
}

/// Origins and who leads.
impl Tx<'_> {
    /// Adds an origin.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the number or origin exists: two nodes that open origins at the same time take the
    /// same number.
    pub fn insert_audit_log(&mut self, row: &LogRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(audit_log::table)
                .values((
                    audit_log::id.eq(int(row.id)),
                    audit_log::log.eq(&row.log),
                    audit_log::origin.eq(&row.origin),
                    audit_log::vkey.eq(&row.vkey),
                    audit_log::state.eq(row.state.as_str()),
                    audit_log::contradiction.eq(&row.contradiction),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// All origins, the oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_logs(&mut self) -> Result<Vec<LogRow>, StoreError> {
        type Columns = (i64, String, String, String, String, Option<String>);
        let rows: Vec<Columns> = self.run(|connection| {
            audit_log::table
                .order(audit_log::id)
                .select(audit_log::all_columns)
                .load(connection)
        })?;
        let row = |(id, log, origin, vkey, state, contradiction): Columns| {
            Some(LogRow {
                id: u64::try_from(id).ok()?,
                log,
                origin,
                vkey,
                state: LogState::parse(&state)?,
                contradiction,
            })
        };
        match rows.into_iter().map(row).collect() {
            Some(rows) => Ok(rows),
            None => self.fail(StoreError::Corrupt),
        }
    }

    /// Changes how an origin stands, unless it is closed. Answers whether it did.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_audit_log_state(
        &mut self,
        id: u64,
        state: LogState,
        contradiction: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.run(|connection| {
            Statement::<_>::new(
                "UPDATE audit_log SET state = ?, contradiction = ? WHERE id = ? AND state <> 'closed'",
                (
                    state.as_str().into_sql::<Text>(),
                    contradiction.into_sql::<Nullable<Text>>(),
                    int(id).into_sql::<BigInt>(),
                ),
            )
            .execute(connection)
            .map(|changed| changed == 1)
        })
    }

    /// Adds the head of a new origin.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on `audit_head_pkey`.
    pub fn insert_audit_head(&mut self, head: &HeadRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(audit_head::table)
                .values((
                    audit_head::log_id.eq(int(head.log_id)),
                    audit_head::size.eq(int(head.size)),
                    audit_head::root.eq(head.root.as_slice()),
                    audit_head::edge.eq(&head.edge),
                    audit_head::leader.eq(&head.leader),
                    audit_head::leader_epoch.eq(int(head.leader_epoch)),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// The head of an origin.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_head(&mut self, log_id: u64) -> Result<Option<HeadRow>, StoreError> {
        self.run(|connection| {
            audit_head::table
                .find(int(log_id))
                .select(audit_head::all_columns)
                .first(connection)
                .optional()
        })
    }

    /// The head of an origin, which nobody else can change until this transaction ends.
    ///
    /// # Errors
    /// Those of the database.
    pub fn lock_audit_head(&mut self, log_id: u64) -> Result<Option<HeadRow>, StoreError> {
        let head = audit_head::table
            .find(int(log_id))
            .select(audit_head::all_columns);
        self.each(
            // BEGIN IMMEDIATE has locked everything.
            |connection| head.first(connection).optional(),
            |connection| head.for_update().first(connection).optional(),
        )
    }

    /// Tries to hold the lock of the one node that leads, for as long as this connection lives. On SQLite, which one
    /// process serves, it is always free.
    ///
    /// # Errors
    /// Those of the database.
    pub fn try_leader_lock(&mut self) -> Result<bool, StoreError> {
        self.each(
            |_| Ok(true),
            |connection| {
                Statement::<_, Bool>::new(
                    "SELECT pg_try_advisory_lock(?)",
                    (LEADER_LOCK.into_sql::<BigInt>(),),
                )
                .get_result(connection)
            },
        )
    }

    /// Makes a node the leader of an origin: from here on no earlier leader can append. Answers the new epoch.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take_lead(&mut self, log_id: u64, leader: &str) -> Result<u64, StoreError> {
        let epoch: Number<u64> = self.run(|connection| {
            Statement::<_>::new(
                "UPDATE audit_head SET leader = ?, leader_epoch = leader_epoch + 1 WHERE log_id = ?",
                (leader.into_sql::<Text>(), int(log_id).into_sql::<BigInt>()),
            )
            .execute(connection)?;
            audit_head::table
                .find(int(log_id))
                .select(audit_head::leader_epoch)
                .first(connection)
        })?;
        Ok(epoch.into())
    }

    /// Moves the head from a size to the one in `head`, whose `leader_epoch` must be the one in force.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] without a constraint when somebody else moved it, or leads now.
    pub fn advance_audit_head(&mut self, from: u64, head: &HeadRow) -> Result<(), StoreError> {
        let moved = self.run(|connection| {
            Statement::<_>::new(
                "UPDATE audit_head SET size = ?, root = ?, edge = ? WHERE log_id = ? AND size = ? AND leader_epoch = ?",
                (
                    int(head.size).into_sql::<BigInt>(),
                    head.root.as_slice().into_sql::<Binary>(),
                    head.edge.as_slice().into_sql::<Binary>(),
                    int(head.log_id).into_sql::<BigInt>(),
                    int(from).into_sql::<BigInt>(),
                    int(head.leader_epoch).into_sql::<BigInt>(),
                ),
            )
            .execute(connection)
        })?;
        if moved == 1 {
            Ok(())
        } else {
            self.fail(StoreError::Conflict { constraint: None })
        }
    }
}
