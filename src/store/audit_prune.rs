//! Removing what the audit logs need not keep any longer: whole batches at the beginning of an origin with their tiles of
//! hashes, and private parts. What is left still proves itself: tiles of higher levels stay.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::audit_rows::private_with_batch;
use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::{audit_batch, audit_place};
use super::statement::Statement;
use super::tx::Tx;
use crate::domain::moment::Moment;

/// A batch at its place, and when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct PlacedTime {
    /// Index of its first leaf.
    #[diesel(deserialize_as = Number<u64>)]
    pub start_index: u64,
    /// Its leaves.
    #[diesel(deserialize_as = Number<u64>)]
    pub n: u64,
    /// When it was written, by the clock of its node.
    pub created_at: Moment,
}

impl Tx<'_> {
    /// The batches of an origin that begin at an index or after it, in order, `limit` at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn placed_times(
        &mut self,
        log_id: u64,
        from: u64,
        limit: u32,
    ) -> Result<Vec<PlacedTime>, StoreError> {
        self.run(|connection| {
            audit_place::table
                .inner_join(
                    audit_batch::table.on(audit_batch::log
                        .eq(audit_place::log)
                        .and(audit_batch::node.eq(audit_place::node))
                        .and(audit_batch::node_seq.eq(audit_place::node_seq))),
                )
                .filter(audit_place::log_id.eq(int(log_id)))
                .filter(audit_place::start_index.ge(int(from)))
                .order(audit_place::start_index)
                .limit(limit.into())
                .select((audit_place::start_index, audit_place::n, audit_batch::created_at))
                .load(connection)
        })
    }

    /// When the oldest batch of a log was written.
    ///
    /// # Errors
    /// Those of the database.
    pub fn oldest_batch(&mut self, log: &str) -> Result<Option<Moment>, StoreError> {
        let oldest: Option<i64> = self.run(|connection| {
            audit_batch::table
                .filter(audit_batch::log.eq(log))
                .select(diesel::dsl::min(audit_batch::created_at))
                .first(connection)
        })?;
        Ok(oldest.map(Moment::from_micros))
    }

    /// Removes the batches of an origin that end at an index or before it: entries, private parts and places, and the
    /// tiles of leaf hashes and of bundles below it. Answers how many batches there were.
    ///
    /// # Errors
    /// Those of the database.
    pub fn prune_batches(&mut self, log_id: u64, below: u64) -> Result<usize, StoreError> {
        macro_rules! of_place {
            ($table:literal) => {
                concat!(
                    "DELETE FROM ",
                    $table,
                    " WHERE (log, node, node_seq) IN (SELECT log, node, node_seq FROM audit_place ",
                    "WHERE log_id = ? AND start_index < ? AND start_index + n <= ?)"
                )
            };
        }
        let bounds = || {
            (
                int(log_id).into_sql::<BigInt>(),
                int(below).into_sql::<BigInt>(),
                int(below).into_sql::<BigInt>(),
            )
        };
        for delete in [
            of_place!("audit_private"),
            of_place!("audit_bulk"),
            of_place!("audit_batch"),
        ] {
            self.run(|connection| Statement::<_>::new(delete, bounds()).execute(connection))?;
        }
        let placed = self.run(|connection| {
            Statement::<_>::new(
                "DELETE FROM audit_place WHERE log_id = ? AND start_index < ? AND start_index + n <= ?",
                bounds(),
            )
            .execute(connection)
        })?;
        self.run(|connection| {
            Statement::<_>::new(
                "DELETE FROM audit_tile WHERE log_id = ? AND level = 0 AND (idx + 1) * 256 <= ?",
                (int(log_id).into_sql::<BigInt>(), int(below).into_sql::<BigInt>()),
            )
            .execute(connection)
        })?;
        Ok(placed)
    }

    /// Removes the private parts of batches of a log that were written from an instant up to but without another. The
    /// leaves stay. Answers how many parts there were.
    ///
    /// # Errors
    /// Those of the database.
    pub fn prune_private(&mut self, log: &str, from: Moment, to: Moment) -> Result<usize, StoreError> {
        let mut removed = 0;
        for delete in [
            "DELETE FROM audit_private WHERE (log, node, node_seq) IN (SELECT log, node, node_seq FROM audit_batch \
             WHERE log = ? AND created_at >= ? AND created_at < ?)",
            "DELETE FROM audit_bulk WHERE (log, node, node_seq) IN (SELECT log, node, node_seq FROM audit_batch \
             WHERE log = ? AND created_at >= ? AND created_at < ?)",
        ] {
            removed += self.run(|connection| {
                Statement::<_>::new(
                    delete,
                    (
                        log.into_sql::<Text>(),
                        from.micros().into_sql::<BigInt>(),
                        to.micros().into_sql::<BigInt>(),
                    ),
                )
                .execute(connection)
            })?;
        }
        Ok(removed)
    }

    /// How many private parts such a removal would take.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_private(&mut self, log: &str, from: Moment, to: Moment) -> Result<u64, StoreError> {
        use super::schema::audit_bulk;
        let parts: i64 = self.run(|connection| {
            private_with_batch!()
                .filter(audit_batch::log.eq(log))
                .filter(audit_batch::created_at.ge(from.micros()))
                .filter(audit_batch::created_at.lt(to.micros()))
                .count()
                .first(connection)
        })?;
        let chunks: i64 = self.run(|connection| {
            audit_bulk::table
                .filter(audit_bulk::log.eq(log))
                .filter(audit_bulk::created_at.ge(from.micros()))
                .filter(audit_bulk::created_at.lt(to.micros()))
                .count()
                .first(connection)
        })?;
        Ok(u64::try_from(parts + chunks).unwrap_or(0))
    }
}
