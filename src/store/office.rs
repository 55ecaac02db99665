//! What reports and retention look at of rights requests and erasures: their course, without anything about a person.

use diesel::prelude::*;

use super::error::StoreError;
use super::schema::{erasure, erasure_task, rights_request, rights_request_content, rights_request_step};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// The course of one rights request.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct RequestFacts {
    /// Its id.
    pub id: Vec<u8>,
    /// The library.
    pub organisation: String,
    /// `access`, `erasure` …
    pub kind: String,
    /// The state it is in.
    pub state: String,
    /// When it was received.
    pub received_at: Moment,
    /// When it is due.
    pub due_at: Moment,
    /// When the term was extended.
    pub extended_at: Option<Moment>,
    /// When it was answered.
    pub ended_at: Option<Moment>,
}

/// The course of one erasure.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ErasureFacts {
    /// Its id.
    pub id: Vec<u8>,
    /// The library that proposed it.
    pub organisation: String,
    /// The ground of GDPR art. 17(1).
    pub ground: String,
    /// The state it is in.
    pub state: String,
    /// When it was proposed.
    pub proposed_at: Moment,
    /// When somebody else approved it.
    pub approved_at: Option<Moment>,
    /// When everything was gone and denied.
    pub erased_at: Option<Moment>,
    /// When the key of its epoch was destroyed, so that no backup of the key store helps.
    pub epoch_destroyed_at: Option<Moment>,
    /// When every recipient had answered.
    pub completed_at: Option<Moment>,
}

/// One recipient's task of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct TaskFacts {
    /// The recipient.
    pub system: String,
    /// `pending`, `escalated` or `acknowledged`.
    pub state: String,
    /// What it did.
    pub outcome: Option<String>,
    /// When it is due.
    pub due_at: Moment,
    /// When it was escalated.
    pub escalated_at: Option<Moment>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Moment>,
}

impl Tx<'_> {
    /// Requests that were received in a span of time (both ends included), in the order of receipt.
    ///
    /// # Errors
    /// Those of the database.
    pub fn requests_received(&mut self, from: Moment, to: Moment) -> Result<Vec<RequestFacts>, StoreError> {
        self.run(|connection| {
            rights_request::table
                .filter(rights_request::received_at.between(from.micros(), to.micros()))
                .order((rights_request::received_at, rights_request::id))
                .select((
                    rights_request::id,
                    rights_request::organisation,
                    rights_request::kind,
                    rights_request::state,
                    rights_request::received_at,
                    rights_request::due_at,
                    rights_request::extended_at,
                    rights_request::ended_at,
                ))
                .load(connection)
        })
    }

    /// Requests that were answered before an instant, in the order of their ids, after one of them: id, person and library;
    /// `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn requests_ended(
        &mut self,
        before: Moment,
        after: &[u8],
        limit: u32,
    ) -> Result<Vec<(Vec<u8>, PersonId, String)>, StoreError> {
        self.run(|connection| {
            rights_request::table
                .filter(rights_request::ended_at.lt(before.micros()))
                .filter(rights_request::id.gt(after))
                .order(rights_request::id)
                .limit(i64::from(limit))
                .select((
                    rights_request::id,
                    rights_request::person_id,
                    rights_request::organisation,
                ))
                .load(connection)
        })
    }

    /// Removes a request with its steps and what was sealed with it. Answers whether it was still there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_request(&mut self, id: &[u8]) -> Result<bool, StoreError> {
        self.run(|connection| {
            diesel::delete(rights_request_content::table.filter(rights_request_content::request_id.eq(id)))
                .execute(connection)?;
            diesel::delete(rights_request_step::table.filter(rights_request_step::request_id.eq(id)))
                .execute(connection)?;
            let removed = diesel::delete(rights_request::table.filter(rights_request::id.eq(id)))
                .execute(connection)?;
            Ok(removed > 0)
        })
    }

    /// Erasures that were proposed in a span of time (both ends included), in that order.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasures_proposed(&mut self, from: Moment, to: Moment) -> Result<Vec<ErasureFacts>, StoreError> {
        self.run(|connection| {
            erasure::table
                .filter(erasure::proposed_at.between(from.micros(), to.micros()))
                .order((erasure::proposed_at, erasure::id))
                .select((
                    erasure::id,
                    erasure::organisation,
                    erasure::ground,
                    erasure::state,
                    erasure::proposed_at,
                    erasure::approved_at,
                    erasure::erased_at,
                    erasure::epoch_destroyed_at,
                    erasure::completed_at,
                ))
                .load(connection)
        })
    }

    /// The tasks of the recipients of an erasure, by system.
    ///
    /// # Errors
    /// Those of the database.
    pub fn tasks_of_erasure(&mut self, id: &[u8]) -> Result<Vec<TaskFacts>, StoreError> {
        self.run(|connection| {
            erasure_task::table
                .filter(erasure_task::erasure_id.eq(id))
                .order(erasure_task::system)
                .select((
                    erasure_task::system,
                    erasure_task::state,
                    erasure_task::outcome,
                    erasure_task::due_at,
                    erasure_task::escalated_at,
                    erasure_task::acknowledged_at,
                ))
                .load(connection)
        })
    }
}
