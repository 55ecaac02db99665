//! What other systems must still be told, written in the transaction of the event it tells of.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::error::StoreError;
use super::schema::outbox;
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::{EventId, PersonId};
use crate::domain::moment::Moment;

/// One message. It names the person only by our own id; each system gets its own pseudonym when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct OutboxRow {
    /// The event it tells of.
    pub event_id: EventId,
    /// What it tells.
    pub kind: String,
    /// Whom it is about.
    pub person_id: PersonId,
    /// The library.
    pub organisation: String,
    /// The purpose, if it is about one.
    pub purpose: Option<String>,
    /// When the event was recorded.
    pub recorded_at: Moment,
}

impl Tx<'_> {
    /// Adds messages.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the event already has a message of this kind.
    pub fn insert_outbox(&mut self, messages: &[OutboxRow]) -> Result<(), StoreError> {
        insert_rows!(self, outbox, messages, |row| {
            event_id: Binary = row.event_id.as_bytes().as_slice(),
            kind: Text = row.kind.as_str(),
            person_id: Binary = row.person_id.as_bytes().as_slice(),
            organisation: Text = row.organisation.as_str(),
            purpose: Nullable<Text> = row.purpose.as_deref(),
            recorded_at: BigInt = row.recorded_at.micros(),
        })
    }

    /// The oldest messages, `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn outbox(&mut self, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.run(|connection| {
            outbox::table
                .order((outbox::recorded_at, outbox::event_id, outbox::kind))
                .limit(i64::from(limit))
                .select((
                    outbox::event_id,
                    outbox::kind,
                    outbox::person_id,
                    outbox::organisation,
                    outbox::purpose,
                    outbox::recorded_at,
                ))
                .load(connection)
        })
    }
}
