//! The receivers of webhooks: where they are, whether they work, and which node delivers to them.

use diesel::prelude::*;

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::schema::{webhook_delivery, webhook_endpoint};
use super::tx::Tx;
use crate::domain::moment::Moment;

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct EndpointRow {
    /// Its id.
    #[diesel(deserialize_as = Bytes<16>)]
    pub id: [u8; 16],
    /// The system it belongs to.
    pub system: String,
    /// Where messages are sent.
    pub url: String,
    /// Its secrets, sealed.
    pub secrets: String,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    /// Why it is disabled.
    pub why: Option<String>,
    /// When it was added.
    pub created_at: Moment,
    /// When it was last changed.
    pub changed_at: Moment,
    /// How often it failed since it last worked.
    #[diesel(deserialize_as = Number<u64>)]
    pub failures: u64,
    /// Until when nothing is sent to it.
    pub rests_until: Moment,
    /// The node that delivers to it.
    pub lease_node: Option<String>,
    /// Counts the leases.
    #[diesel(deserialize_as = Number<u64>)]
    pub lease_epoch: u64,
    /// Until when that node does.
    pub lease_until: Moment,
}

type Columns = (
    webhook_endpoint::id,
    webhook_endpoint::system,
    webhook_endpoint::url,
    webhook_endpoint::secrets,
    webhook_endpoint::state,
    webhook_endpoint::why,
    webhook_endpoint::created_at,
    webhook_endpoint::changed_at,
    webhook_endpoint::failures,
    webhook_endpoint::rests_until,
    webhook_endpoint::lease_node,
    webhook_endpoint::lease_epoch,
    webhook_endpoint::lease_until,
);

const COLUMNS: Columns = (
    webhook_endpoint::id,
    webhook_endpoint::system,
    webhook_endpoint::url,
    webhook_endpoint::secrets,
    webhook_endpoint::state,
    webhook_endpoint::why,
    webhook_endpoint::created_at,
    webhook_endpoint::changed_at,
    webhook_endpoint::failures,
    webhook_endpoint::rests_until,
    webhook_endpoint::lease_node,
    webhook_endpoint::lease_epoch,
    webhook_endpoint::lease_until,
);

impl Tx<'_> {
    /// All receivers, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn endpoints(&mut self) -> Result<Vec<EndpointRow>, StoreError> {
        self.run(|connection| {
            webhook_endpoint::table
                .order((webhook_endpoint::created_at, webhook_endpoint::id))
                .select(COLUMNS)
                .load(connection)
        })
    }

    /// One receiver.
    ///
    /// # Errors
    /// Those of the database.
    pub fn endpoint(&mut self, id: &[u8; 16]) -> Result<Option<EndpointRow>, StoreError> {
        self.run(|connection| {
            webhook_endpoint::table
                .find(id.as_slice())
                .select(COLUMNS)
                .first(connection)
                .optional()
        })
    }

    /// Adds a receiver, which nobody delivers to yet.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id exists.
    pub fn insert_endpoint(&mut self, row: &EndpointRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(webhook_endpoint::table)
                .values((
                    webhook_endpoint::id.eq(row.id.as_slice()),
                    webhook_endpoint::system.eq(&row.system),
                    webhook_endpoint::url.eq(&row.url),
                    webhook_endpoint::secrets.eq(&row.secrets),
                    webhook_endpoint::state.eq(&row.state),
                    webhook_endpoint::why.eq(row.why.as_deref()),
                    webhook_endpoint::created_at.eq(row.created_at.micros()),
                    webhook_endpoint::changed_at.eq(row.changed_at.micros()),
                    webhook_endpoint::failures.eq(0_i64),
                    webhook_endpoint::rests_until.eq(0_i64),
                    webhook_endpoint::lease_epoch.eq(0_i64),
                    webhook_endpoint::lease_until.eq(0_i64),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// Changes what its owner decides, and lets it be tried at once; `false` when it is gone.
    ///
    /// # Errors
    /// Those of the database.
    pub fn update_endpoint(&mut self, row: &EndpointRow) -> Result<bool, StoreError> {
        let changed = self.run(|connection| {
            diesel::update(webhook_endpoint::table.find(row.id.as_slice()))
                .set((
                    webhook_endpoint::url.eq(&row.url),
                    webhook_endpoint::secrets.eq(&row.secrets),
                    webhook_endpoint::state.eq(&row.state),
                    webhook_endpoint::why.eq(row.why.as_deref()),
                    webhook_endpoint::changed_at.eq(row.changed_at.micros()),
                    webhook_endpoint::failures.eq(0_i64),
                    webhook_endpoint::rests_until.eq(0_i64),
                ))
                .execute(connection)
        })?;
        Ok(changed == 1)
    }

    /// Removes a receiver and what was to be delivered to it; `false` when it is gone already.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_endpoint(&mut self, id: &[u8; 16]) -> Result<bool, StoreError> {
        let id = id.as_slice();
        let removed = self.run(|connection| {
            diesel::delete(webhook_delivery::table.filter(webhook_delivery::endpoint_id.eq(id)))
                .execute(connection)?;
            diesel::delete(webhook_endpoint::table.find(id)).execute(connection)
        })?;
        Ok(removed == 1)
    }

    /// Takes the lease of a receiver for a node, if it is still as it was seen; the new epoch is one more.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take_lease(&mut self, seen: &EndpointRow, node: &str, until: Moment) -> Result<bool, StoreError> {
        let epoch = int(seen.lease_epoch);
        let taken = self.run(|connection| {
            let as_seen = webhook_endpoint::lease_epoch.eq(epoch);
            diesel::update(webhook_endpoint::table.find(seen.id.as_slice()).filter(as_seen))
                .set((
                    webhook_endpoint::lease_node.eq(Some(node)),
                    webhook_endpoint::lease_epoch.eq(epoch + 1),
                    webhook_endpoint::lease_until.eq(until.micros()),
                ))
                .execute(connection)
        })?;
        Ok(taken == 1)
    }

    /// Makes a lease of ours last until an instant, also one that is over, to let go; `false` when another has it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn renew_lease(&mut self, id: &[u8; 16], epoch: u64, until: Moment) -> Result<bool, StoreError> {
        let renewed = self.run(|connection| {
            let ours = webhook_endpoint::lease_epoch.eq(int(epoch));
            diesel::update(webhook_endpoint::table.find(id.as_slice()).filter(ours))
                .set(webhook_endpoint::lease_until.eq(until.micros()))
                .execute(connection)
        })?;
        Ok(renewed == 1)
    }

    /// Notes how often a receiver failed since it last worked, and until when it is left alone.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_endpoint_health(
        &mut self,
        id: &[u8; 16],
        failures: u64,
        rests_until: Moment,
    ) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::update(webhook_endpoint::table.find(id.as_slice()))
                .set((
                    webhook_endpoint::failures.eq(int(failures)),
                    webhook_endpoint::rests_until.eq(rests_until.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// Ends deliveries to a receiver, until its owner makes it active again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn disable_endpoint(&mut self, id: &[u8; 16], why: &str, now: Moment) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::update(webhook_endpoint::table.find(id.as_slice()))
                .set((
                    webhook_endpoint::state.eq("disabled"),
                    webhook_endpoint::why.eq(Some(why)),
                    webhook_endpoint::changed_at.eq(now.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }
}
