//! Reading the audit log back by time. Entries carry their time in their id, so this finds a single one too.

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::audit_rows::{PrivateEntry, StoredBatch, batch_columns, private_with_batch, with_place};
use super::bulk::BulkRow;
use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::{audit_batch, audit_bulk, audit_private};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// Where a search goes on: just before this batch, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchFrom {
    /// Its time.
    pub created_at: Moment,
    /// Its node.
    pub node: String,
    /// Its number.
    pub node_seq: u64,
}

impl Tx<'_> {
    /// Batches of a log written in a span of time (both ends included), newest first, `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn batches_between(
        &mut self,
        log: &str,
        from: Moment,
        to: Moment,
        before: Option<&SearchFrom>,
        limit: u32,
    ) -> Result<Vec<StoredBatch>, StoreError> {
        let (at, node, seq) = before.map_or((to.micros(), "", 0), |b| {
            (
                b.created_at.micros().min(to.micros()),
                b.node.as_str(),
                int(b.node_seq),
            )
        });
        let first = before.is_none();
        self.run(|connection| {
            with_place!()
                .filter(audit_batch::log.eq(log))
                .filter(audit_batch::created_at.ge(from.micros()))
                .filter(audit_batch::created_at.le(at))
                .filter(
                    audit_batch::created_at
                        .lt(at)
                        .or(audit_batch::node.lt(node))
                        .or(audit_batch::node.eq(node).and(audit_batch::node_seq.lt(seq)))
                        .or(first.into_sql::<Bool>()),
                )
                .order((
                    audit_batch::created_at.desc(),
                    audit_batch::node.desc(),
                    audit_batch::node_seq.desc(),
                ))
                .limit(i64::from(limit))
                .select(batch_columns())
                .load(connection)
        })
    }

    /// Whom the leaves of a batch are about, as far as their private parts are kept: the place of each leaf in the batch.
    ///
    /// # Errors
    /// Those of the database.
    pub fn people_of_batch(
        &mut self,
        log: &str,
        node: &str,
        node_seq: u64,
    ) -> Result<Vec<(u32, PersonId)>, StoreError> {
        let rows: Vec<(Number<u32>, PersonId)> = self.run(|connection| {
            audit_private::table
                .filter(audit_private::log.eq(log))
                .filter(audit_private::node.eq(node))
                .filter(audit_private::node_seq.eq(int(node_seq)))
                .select((audit_private::off, audit_private::person_id))
                .load(connection)
        })?;
        Ok(rows
            .into_iter()
            .map(|(off, person)| (off.into(), person))
            .collect())
    }

    /// The private parts of the leaves of a batch.
    ///
    /// # Errors
    /// Those of the database.
    pub fn private_of_batch(
        &mut self,
        log: &str,
        node: &str,
        node_seq: u64,
    ) -> Result<Vec<PrivateEntry>, StoreError> {
        self.run(|connection| {
            audit_private::table
                .filter(audit_private::log.eq(log))
                .filter(audit_private::node.eq(node))
                .filter(audit_private::node_seq.eq(int(node_seq)))
                .select(audit_private::all_columns)
                .load(connection)
        })
    }

    /// The packed entries of the leaves of a batch.
    ///
    /// # Errors
    /// Those of the database.
    pub fn bulk_of_batch(
        &mut self,
        log: &str,
        node: &str,
        node_seq: u64,
    ) -> Result<Vec<BulkRow>, StoreError> {
        self.run(|connection| {
            audit_bulk::table
                .filter(audit_bulk::log.eq(log))
                .filter(audit_bulk::node.eq(node))
                .filter(audit_bulk::node_seq.eq(int(node_seq)))
                .order(audit_bulk::off)
                .select(audit_bulk::all_columns)
                .load(connection)
        })
    }

    /// The private parts about one person of a log's batches that were written in a span of time (the first instant
    /// included, the last not), in no order.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_private_between(
        &mut self,
        log: &str,
        person: PersonId,
        from: Moment,
        before: Moment,
    ) -> Result<Vec<PrivateEntry>, StoreError> {
        self.run(|connection| {
            private_with_batch!()
                .filter(audit_private::person_id.eq(person.as_bytes().as_slice()))
                .filter(audit_private::log.eq(log))
                .filter(audit_batch::created_at.ge(from.micros()))
                .filter(audit_batch::created_at.lt(before.micros()))
                .select(audit_private::all_columns)
                .load(connection)
        })
    }
}
