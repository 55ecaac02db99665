//! The feed: messages with their places. A place is given by whoever holds the head row until its commit, so that whoever
//! sees a place sees every place before it; a cursor that says "after this place" skips nothing.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::{feed_head, message, webhook_delivery};
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::ids::{EventId, PersonId};
use crate::domain::moment::Moment;

/// A message in its place.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct MessageRow {
    /// Its place, from 1.
    #[diesel(deserialize_as = Number<u64>)]
    pub seq: u64,
    /// The event it tells of.
    pub event_id: EventId,
    /// What it tells.
    pub kind: String,
    /// Whom it is about.
    pub person_id: PersonId,
    /// Who else it is about: the person that was merged into this one.
    pub other_id: Option<PersonId>,
    /// The library.
    pub organisation: String,
    /// The purpose, if it is about one.
    pub purpose: Option<String>,
    /// When the event was recorded.
    pub recorded_at: Moment,
    /// When it got its place.
    pub placed_at: Moment,
}

/// Where the feed begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedEnds {
    /// The first place that is kept.
    pub oldest: u64,
    /// The next place to be given.
    pub next: u64,
}

type Columns = (
    message::seq,
    message::event_id,
    message::kind,
    message::person_id,
    message::other_id,
    message::organisation,
    message::purpose,
    message::recorded_at,
    message::placed_at,
);

pub(super) const MESSAGE: Columns = (
    message::seq,
    message::event_id,
    message::kind,
    message::person_id,
    message::other_id,
    message::organisation,
    message::purpose,
    message::recorded_at,
    message::placed_at,
);

impl Tx<'_> {
    /// Where the feed begins and ends.
    ///
    /// # Errors
    /// Those of the database.
    pub fn feed_ends(&mut self) -> Result<FeedEnds, StoreError> {
        let (oldest, next): (Number<u64>, Number<u64>) = self.run(|connection| {
            feed_head::table
                .find(1_i64)
                .select((feed_head::oldest, feed_head::next))
                .first(connection)
        })?;
        Ok(FeedEnds {
            oldest: oldest.into(),
            next: next.into(),
        })
    }

    /// The same, and nobody else gives places until this transaction ends.
    ///
    /// # Errors
    /// Those of the database; [`StoreError::Unavailable`] when another node holds the row for too long.
    pub fn lock_feed(&mut self) -> Result<FeedEnds, StoreError> {
        self.run(|connection| {
            Statement::<_>::new("UPDATE feed_head SET next = next WHERE id = 1", ()).execute(connection)
        })?;
        self.feed_ends()
    }

    /// Adds messages whose places begin at the end of the feed that [`Tx::lock_feed`] gave.
    ///
    /// # Errors
    /// Those of the database.
    pub fn place_messages(&mut self, messages: &[MessageRow]) -> Result<(), StoreError> {
        let Some(last) = messages.last() else {
            return Ok(());
        };
        let next = int(last.seq + 1).into_sql::<BigInt>();
        self.run(|connection| {
            Statement::<_>::new("UPDATE feed_head SET next = ? WHERE id = 1", (next,)).execute(connection)
        })?;
        insert_rows!(self, message, messages, |row| {
            seq: BigInt = int(row.seq),
            event_id: Binary = row.event_id.as_bytes().as_slice(),
            kind: Text = row.kind.as_str(),
            person_id: Binary = row.person_id.as_bytes().as_slice(),
            other_id: Nullable<Binary> = row.other_id.as_ref().map(|id| id.as_bytes().as_slice()),
            organisation: Text = row.organisation.as_str(),
            purpose: Nullable<Text> = row.purpose.as_deref(),
            recorded_at: BigInt = row.recorded_at.micros(),
            placed_at: BigInt = row.placed_at.micros(),
        })
    }

    /// Messages after a place, in order, `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn messages_after(&mut self, place: u64, limit: u32) -> Result<Vec<MessageRow>, StoreError> {
        self.run(|connection| {
            message::table
                .filter(message::seq.gt(int(place)))
                .order(message::seq)
                .limit(i64::from(limit))
                .select(MESSAGE)
                .load(connection)
        })
    }

    /// The place of the message about an event.
    ///
    /// # Errors
    /// Those of the database.
    pub fn place_of_message(&mut self, event: EventId) -> Result<Option<u64>, StoreError> {
        let found: Option<Number<u64>> = self.run(|connection| {
            message::table
                .filter(message::event_id.eq(event.as_bytes().as_slice()))
                .select(message::seq)
                .first(connection)
                .optional()
        })?;
        Ok(found.map(u64::from))
    }

    /// Removes messages that got their place before an instant, with their deliveries; gives how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn prune_messages(&mut self, before: Moment) -> Result<usize, StoreError> {
        let ends = self.lock_feed()?;
        self.run(|connection| {
            let removed = diesel::delete(message::table.filter(message::placed_at.lt(before.micros())))
                .execute(connection)?;
            if removed == 0 {
                return Ok(0);
            }
            let first: Option<i64> = message::table
                .select(diesel::dsl::min(message::seq))
                .first(connection)?;
            let oldest = first.unwrap_or(int(ends.next));
            diesel::update(feed_head::table.find(1_i64))
                .set(feed_head::oldest.eq(oldest))
                .execute(connection)?;
            diesel::delete(webhook_delivery::table.filter(webhook_delivery::seq.lt(oldest)))
                .execute(connection)?;
            Ok(removed)
        })
    }
}
