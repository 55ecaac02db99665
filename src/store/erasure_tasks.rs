//! What the systems must do about an erasure: one task for each that received a permit for the person (GDPR art. 19).

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::error::StoreError;
use super::schema::erasure_task;
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::{ErasureId, ErasureTaskId};
use crate::domain::moment::Moment;

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ErasureTaskRow {
    /// Its id.
    pub id: ErasureTaskId,
    /// The erasure.
    pub erasure_id: ErasureId,
    /// The system.
    pub system: String,
    /// The libraries for which it received a permit, separated by spaces.
    pub organisations: String,
    /// `pending`, `escalated` or `acknowledged`.
    pub state: String,
    /// What the system did.
    pub outcome: Option<String>,
    /// The ground of GDPR art. 17(3) on which it keeps something.
    pub kept_ground: Option<String>,
    /// Until when.
    pub kept_until: Option<Moment>,
    /// When it was given.
    pub created_at: Moment,
    /// When an answer is overdue.
    pub due_at: Moment,
    /// When an officer was told that there is none.
    pub escalated_at: Option<Moment>,
    /// When the system answered.
    pub acknowledged_at: Option<Moment>,
}

/// How many tasks stand open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskCounts {
    /// In time.
    pub pending: u64,
    /// Overdue.
    pub escalated: u64,
}

impl Tx<'_> {
    /// Adds tasks.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a system has one for the erasure already.
    pub fn insert_erasure_tasks(&mut self, rows: &[ErasureTaskRow]) -> Result<(), StoreError> {
        insert_rows!(self, erasure_task, rows, |row| {
            id: Binary = row.id.as_bytes().as_slice(),
            erasure_id: Binary = row.erasure_id.as_bytes().as_slice(),
            system: Text = row.system.as_str(),
            organisations: Text = row.organisations.as_str(),
            state: Text = row.state.as_str(),
            created_at: BigInt = row.created_at.micros(),
            due_at: BigInt = row.due_at.micros(),
        })
    }

    /// One task.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasure_task(&mut self, id: ErasureTaskId) -> Result<Option<ErasureTaskRow>, StoreError> {
        self.run(|connection| {
            erasure_task::table
                .find(id.as_bytes().as_slice())
                .first(connection)
                .optional()
        })
    }

    /// The tasks of an erasure, by system.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasure_tasks_of(&mut self, id: ErasureId) -> Result<Vec<ErasureTaskRow>, StoreError> {
        self.run(|connection| {
            erasure_task::table
                .filter(erasure_task::erasure_id.eq(id.as_bytes().as_slice()))
                .order(erasure_task::system)
                .load(connection)
        })
    }

    /// The tasks of a system, oldest first, those after one that was read before.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasure_tasks_for(
        &mut self,
        system: &str,
        state: Option<&str>,
        after: Option<(Moment, ErasureTaskId)>,
        limit: u32,
    ) -> Result<Vec<ErasureTaskRow>, StoreError> {
        let (at, id) = after.map_or_else(
            || (i64::MIN, Vec::new()),
            |(at, id)| (at.micros(), id.as_bytes().to_vec()),
        );
        self.run(|connection| {
            let further = erasure_task::created_at
                .gt(at)
                .or(erasure_task::created_at.eq(at).and(erasure_task::id.gt(id)));
            let mut found = erasure_task::table
                .filter(erasure_task::system.eq(system))
                .filter(further)
                .into_boxed();
            if let Some(state) = state {
                found = found.filter(erasure_task::state.eq(state));
            }
            found
                .order((erasure_task::created_at, erasure_task::id))
                .limit(i64::from(limit))
                .load(connection)
        })
    }

    /// Notes what a system answered, on a task that is in the state in which it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was answered meanwhile.
    pub fn acknowledge_erasure_task(&mut self, row: &ErasureTaskRow, before: &str) -> Result<(), StoreError> {
        let changed = self.run(|connection| {
            let as_read = erasure_task::state.eq(before);
            diesel::update(
                erasure_task::table
                    .find(row.id.as_bytes().as_slice())
                    .filter(as_read),
            )
            .set((
                erasure_task::state.eq(&row.state),
                erasure_task::outcome.eq(row.outcome.as_deref()),
                erasure_task::kept_ground.eq(row.kept_ground.as_deref()),
                erasure_task::kept_until.eq(row.kept_until.map(Moment::micros)),
                erasure_task::acknowledged_at.eq(row.acknowledged_at.map(Moment::micros)),
            ))
            .execute(connection)
        })?;
        if changed == 1 {
            Ok(())
        } else {
            self.fail(StoreError::Conflict { constraint: None })
        }
    }

    /// Tasks that are pending and overdue, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn overdue_erasure_tasks(
        &mut self,
        now: Moment,
        limit: u32,
    ) -> Result<Vec<ErasureTaskRow>, StoreError> {
        self.run(|connection| {
            erasure_task::table
                .filter(erasure_task::state.eq("pending"))
                .filter(erasure_task::due_at.le(now.micros()))
                .order((erasure_task::due_at, erasure_task::id))
                .limit(i64::from(limit))
                .load(connection)
        })
    }

    /// Notes that an officer is told of a task without an answer; `false` when it was answered meanwhile.
    ///
    /// # Errors
    /// Those of the database.
    pub fn escalate_erasure_task(&mut self, id: ErasureTaskId, now: Moment) -> Result<bool, StoreError> {
        let changed = self.run(|connection| {
            let pending = erasure_task::state.eq("pending");
            diesel::update(erasure_task::table.find(id.as_bytes().as_slice()).filter(pending))
                .set((
                    erasure_task::state.eq("escalated"),
                    erasure_task::escalated_at.eq(Some(now.micros())),
                ))
                .execute(connection)
        })?;
        Ok(changed == 1)
    }

    /// How many tasks stand open.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_erasure_tasks(&mut self) -> Result<TaskCounts, StoreError> {
        let mut count = |state: &str| -> Result<u64, StoreError> {
            let counted: i64 = self.run(|connection| {
                erasure_task::table
                    .filter(erasure_task::state.eq(state))
                    .count()
                    .get_result(connection)
            })?;
            Ok(u64::try_from(counted).unwrap_or(0))
        };
        Ok(TaskCounts {
            pending: count("pending")?,
            escalated: count("escalated")?,
        })
    }
}
