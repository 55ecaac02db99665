//! What reports and retention look at of rights requests and erasures: their course, without anything about a person.

use diesel::prelude::*;

use super::error::StoreError;
use super::schema::{rights_request, rights_request_content, rights_request_step};
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
}
