//! What was, is and will be delivered to each receiver of webhooks.

use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::feed::{MESSAGE, MessageRow};
use super::schema::{message, webhook_delivery};
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// A message for one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct DeliveryRow {
    /// The receiver.
    #[diesel(deserialize_as = Bytes<16>)]
    pub endpoint_id: [u8; 16],
    /// The message, by its place in the feed.
    #[diesel(deserialize_as = Number<u64>)]
    pub seq: u64,
    /// Whom it is about.
    pub person_id: PersonId,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    #[diesel(deserialize_as = Number<u64>)]
    pub attempts: u64,
    /// Since when it is being tried.
    pub since: Moment,
    /// When it is tried next.
    pub due_at: Moment,
    /// When it was delivered or given up.
    pub ended_at: Option<Moment>,
    /// The last HTTP status.
    pub status: Option<i64>,
    /// What went wrong the last time.
    pub why: Option<String>,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd<'a> {
    /// `pending` to try again, `delivered` or `dead`.
    pub state: &'a str,
    /// How often it was tried by now.
    pub attempts: u64,
    /// When it is tried next.
    pub due_at: Moment,
    /// When it was delivered or given up.
    pub ended_at: Option<Moment>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What went wrong.
    pub why: Option<&'a str>,
}

const PENDING: &str = "pending";

type Columns = (
    webhook_delivery::endpoint_id,
    webhook_delivery::seq,
    webhook_delivery::person_id,
    webhook_delivery::state,
    webhook_delivery::attempts,
    webhook_delivery::since,
    webhook_delivery::due_at,
    webhook_delivery::ended_at,
    webhook_delivery::status,
    webhook_delivery::why,
);

const COLUMNS: Columns = (
    webhook_delivery::endpoint_id,
    webhook_delivery::seq,
    webhook_delivery::person_id,
    webhook_delivery::state,
    webhook_delivery::attempts,
    webhook_delivery::since,
    webhook_delivery::due_at,
    webhook_delivery::ended_at,
    webhook_delivery::status,
    webhook_delivery::why,
);

/// Which deliveries may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those whose time has come by this instant, the longest due first.
    Due(Moment),
    /// Any, the least tried first: to find out whether a receiver works again.
    Probe,
}

impl Tx<'_> {
    /// Adds deliveries.
    ///
    /// # Errors
    /// Those of the database.
    pub fn insert_deliveries(&mut self, rows: &[DeliveryRow]) -> Result<(), StoreError> {
        insert_rows!(self, webhook_delivery, rows, |row| {
            endpoint_id: Binary = row.endpoint_id.as_slice(),
            seq: BigInt = int(row.seq),
            person_id: Binary = row.person_id.as_bytes().as_slice(),
            state: Text = row.state.as_str(),
            attempts: BigInt = int(row.attempts),
            since: BigInt = row.since.micros(),
            due_at: BigInt = row.due_at.micros(),
        })
    }

    /// Deliveries to a receiver that may be tried, with their messages: of each person the earliest that is pending,
    /// and no other.
    ///
    /// # Errors
    /// Those of the database.
    pub fn deliveries_to_try(
        &mut self,
        endpoint: &[u8; 16],
        which: Which,
        limit: usize,
    ) -> Result<Vec<(DeliveryRow, MessageRow)>, StoreError> {
        let earlier = diesel::alias!(webhook_delivery as earlier);
        let pending = || {
            webhook_delivery::table
                .inner_join(message::table.on(message::seq.eq(webhook_delivery::seq)))
                .filter(webhook_delivery::endpoint_id.eq(endpoint.as_slice()))
                .filter(webhook_delivery::state.eq(PENDING))
                // The least of an index on the person, and not "none before it": for that SQLite goes through everything
                // that ever came before.
                .filter(
                    webhook_delivery::seq.nullable().eq(earlier
                        .filter(
                            earlier
                                .field(webhook_delivery::endpoint_id)
                                .eq(endpoint.as_slice()),
                        )
                        .filter(
                            earlier
                                .field(webhook_delivery::person_id)
                                .eq(webhook_delivery::person_id),
                        )
                        .filter(earlier.field(webhook_delivery::state).eq(PENDING))
                        .select(min(earlier.field(webhook_delivery::seq)))
                        .single_value()),
                )
                .select((COLUMNS, MESSAGE))
                .limit(int(limit))
        };
        self.run(|connection| match which {
            Which::Due(now) => pending()
                .filter(webhook_delivery::due_at.le(now.micros()))
                .order((webhook_delivery::due_at, webhook_delivery::seq))
                .load(connection),
            Which::Probe => pending()
                .order((webhook_delivery::attempts, webhook_delivery::seq))
                .load(connection),
        })
    }

    /// Notes how an attempt ended. What is no longer pending stays as it is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_attempt(
        &mut self,
        endpoint: &[u8; 16],
        seq: u64,
        end: &AttemptEnd<'_>,
    ) -> Result<(), StoreError> {
        self.run(|connection| {
            let pending = webhook_delivery::state.eq(PENDING);
            diesel::update(
                webhook_delivery::table
                    .find((endpoint.as_slice(), int(seq)))
                    .filter(pending),
            )
            .set((
                webhook_delivery::state.eq(end.state),
                webhook_delivery::attempts.eq(int(end.attempts)),
                webhook_delivery::due_at.eq(end.due_at.micros()),
                webhook_delivery::ended_at.eq(end.ended_at.map(Moment::micros)),
                webhook_delivery::status.eq(end.status.map(i64::from)),
                webhook_delivery::why.eq(end.why),
            ))
            .execute(connection)
            .map(|_| ())
        })
    }

    /// Lets everything that waits for its next attempt be tried now: the receiver works again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn hasten_deliveries(&mut self, endpoint: &[u8; 16], now: Moment) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::update(
                webhook_delivery::table
                    .filter(webhook_delivery::endpoint_id.eq(endpoint.as_slice()))
                    .filter(webhook_delivery::state.eq(PENDING))
                    .filter(webhook_delivery::due_at.gt(now.micros())),
            )
            .set(webhook_delivery::due_at.eq(now.micros()))
            .execute(connection)
            .map(|_| ())
        })
    }

    /// Gives up deliveries to a receiver: those tried since before an instant, or all; gives how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn give_up_deliveries(
        &mut self,
        endpoint: &[u8; 16],
        since_before: Option<Moment>,
        why: &str,
        now: Moment,
    ) -> Result<usize, StoreError> {
        let before = since_before.map_or(i64::MAX, Moment::micros);
        self.run(|connection| {
            diesel::update(
                webhook_delivery::table
                    .filter(webhook_delivery::endpoint_id.eq(endpoint.as_slice()))
                    .filter(webhook_delivery::state.eq(PENDING))
                    .filter(webhook_delivery::since.lt(before)),
            )
            .set((
                webhook_delivery::state.eq("dead"),
                webhook_delivery::ended_at.eq(Some(now.micros())),
                webhook_delivery::why.eq(Some(why)),
            ))
            .execute(connection)
        })
    }

    /// Delivers something again, from the beginning; `false` when there is no such delivery.
    ///
    /// # Errors
    /// Those of the database.
    pub fn replay_delivery(
        &mut self,
        endpoint: &[u8; 16],
        seq: u64,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let replayed = self.run(|connection| {
            diesel::update(webhook_delivery::table.find((endpoint.as_slice(), int(seq))))
                .set((
                    webhook_delivery::state.eq(PENDING),
                    webhook_delivery::attempts.eq(0_i64),
                    webhook_delivery::since.eq(now.micros()),
                    webhook_delivery::due_at.eq(now.micros()),
                    webhook_delivery::ended_at.eq(None::<i64>),
                ))
                .execute(connection)
        })?;
        Ok(replayed == 1)
    }

    /// Deliveries to a receiver before a place, newest first, with their messages.
    ///
    /// # Errors
    /// Those of the database.
    pub fn deliveries_before(
        &mut self,
        endpoint: &[u8; 16],
        place: u64,
        state: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(DeliveryRow, MessageRow)>, StoreError> {
        let page = || {
            webhook_delivery::table
                .inner_join(message::table.on(message::seq.eq(webhook_delivery::seq)))
                .filter(webhook_delivery::endpoint_id.eq(endpoint.as_slice()))
                .filter(webhook_delivery::seq.lt(int(place)))
                .order(webhook_delivery::seq.desc())
                .limit(int(limit))
                .select((COLUMNS, MESSAGE))
        };
        self.run(|connection| match state {
            Some(state) => page().filter(webhook_delivery::state.eq(state)).load(connection),
            None => page().load(connection),
        })
    }

    /// How many deliveries are in a state, and since when the oldest of them is being tried.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delivery_size(
        &mut self,
        endpoint: &[u8; 16],
        state: &str,
    ) -> Result<(u64, Option<Moment>), StoreError> {
        let (count, since): (Number<u64>, Option<Moment>) = self.run(|connection| {
            webhook_delivery::table
                .filter(webhook_delivery::endpoint_id.eq(endpoint.as_slice()))
                .filter(webhook_delivery::state.eq(state))
                .select((count_star(), min(webhook_delivery::since)))
                .first(connection)
        })?;
        Ok((count.into(), since))
    }
}
