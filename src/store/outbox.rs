//! What other systems must still be told, written in the transaction of the event it tells of.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::outbox;
use super::statement::{Statement, insert_rows};
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
    /// Who else it is about: the person that was merged into this one.
    pub other_id: Option<PersonId>,
    /// The how manieth change of the person it is. Messages of one person are told in this order, whatever the clocks of
    /// the nodes say.
    #[diesel(deserialize_as = Number<u64>)]
    pub revision: u64,
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
            other_id: Nullable<Binary> = row.other_id.as_ref().map(|id| id.as_bytes().as_slice()),
            revision: BigInt = int(row.revision),
            organisation: Text = row.organisation.as_str(),
            purpose: Nullable<Text> = row.purpose.as_deref(),
            recorded_at: BigInt = row.recorded_at.micros(),
        })
    }

    /// Messages person by person, each person's in the order of their changes; `limit` at most. Whatever of a person is
    /// left out comes after what is given.
    ///
    /// # Errors
    /// Those of the database.
    pub fn outbox(&mut self, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.run(|connection| {
            outbox::table
                .order((
                    outbox::person_id,
                    outbox::revision,
                    outbox::event_id,
                    outbox::kind,
                ))
                .limit(i64::from(limit))
                .select((
                    outbox::event_id,
                    outbox::kind,
                    outbox::person_id,
                    outbox::other_id,
                    outbox::revision,
                    outbox::organisation,
                    outbox::purpose,
                    outbox::recorded_at,
                ))
                .load(connection)
        })
    }

    /// How many messages wait, and since when the oldest does.
    ///
    /// # Errors
    /// Those of the database.
    pub fn outbox_size(&mut self) -> Result<(u64, Option<Moment>), StoreError> {
        let (waiting, oldest): (Number<u64>, Option<Moment>) = self.run(|connection| {
            outbox::table
                .select((diesel::dsl::count_star(), diesel::dsl::min(outbox::recorded_at)))
                .first(connection)
        })?;
        Ok((waiting.into(), oldest))
    }

    /// Removes messages that were taken over.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_outbox(&mut self, messages: &[OutboxRow]) -> Result<(), StoreError> {
        self.each(
            |connection| {
                for row in messages {
                    let key = (row.event_id.as_bytes().as_slice(), row.kind.as_str());
                    diesel::delete(outbox::table.find(key)).execute(connection)?;
                }
                Ok(())
            },
            |connection| {
                let ids: Vec<&[u8]> = messages
                    .iter()
                    .map(|row| row.event_id.as_bytes().as_slice())
                    .collect();
                let kinds: Vec<&str> = messages.iter().map(|row| row.kind.as_str()).collect();
                Statement::<_>::new(
                    "DELETE FROM outbox WHERE (event_id, kind) IN (SELECT unnest(?), unnest(?))",
                    (ids.into_sql::<Array<Binary>>(), kinds.into_sql::<Array<Text>>()),
                )
                .execute(connection)
                .map(|_| ())
            },
        )
    }
}
