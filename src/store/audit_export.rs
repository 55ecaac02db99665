//! Reading a log for an export: which part of it a span of time is, its entries in pieces, and their private parts.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::audit_tree::CheckpointRow;
use super::columns::{Number, int};
use super::error::StoreError;
use super::keys::{KEY, PersonKeyRow};
use super::schema::{audit_batch, audit_checkpoint, audit_place, audit_private, audit_queue, person_key};
use super::statement::Statement;
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// The private part of a leaf, with the place of its batch.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PlacedPrivate {
    /// The index of the first leaf of its batch.
    #[diesel(deserialize_as = Number<u64>)]
    pub start_index: u64,
    /// As in [`super::PrivateEntry`].
    #[diesel(deserialize_as = Number<u32>)]
    pub off: u32,
    /// Whom it is about.
    pub person_id: PersonId,
    /// The version of the person key it is sealed under.
    #[diesel(deserialize_as = Number<u32>)]
    pub key_version: u32,
    /// Ciphertext.
    pub sealed: Vec<u8>,
}

impl Tx<'_> {
    /// The part of an origin that was written in a span of time, both ends included: the index of the first leaf, and
    /// that after the last one. Leaves of other times may stand between; `None` when there are none of this time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_span(
        &mut self,
        log_id: u64,
        log: &str,
        from: Moment,
        to: Moment,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        // In SQL of our own, because the sum of two columns within an aggregate is more than diesel says simply.
        type Ends = (Option<i64>, Option<i64>);
        let (first, end): Ends = self.run(|connection| {
            Statement::<_, (Nullable<BigInt>, Nullable<BigInt>)>::new(
                "SELECT MIN(audit_place.start_index), MAX(audit_place.start_index + audit_place.n) \
                 FROM audit_batch INNER JOIN audit_place ON audit_place.log = audit_batch.log \
                 AND audit_place.node = audit_batch.node AND audit_place.node_seq = audit_batch.node_seq \
                 WHERE audit_batch.log = ? AND audit_batch.created_at >= ? AND audit_batch.created_at <= ? \
                 AND audit_place.log_id = ?",
                (
                    log.into_sql::<Text>(),
                    from.micros().into_sql::<BigInt>(),
                    to.micros().into_sql::<BigInt>(),
                    int(log_id).into_sql::<BigInt>(),
                ),
            )
            .get_result(connection)
        })?;
        let ends = first.zip(end);
        Ok(ends.and_then(|(first, end)| Some((u64::try_from(first).ok()?, u64::try_from(end).ok()?))))
    }

    /// Whether a log has batches without a place that were written up to an instant.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_queue_until(&mut self, log: &str, until: Moment) -> Result<bool, StoreError> {
        let one: Option<i64> = self.run(|connection| {
            audit_queue::table
                .inner_join(
                    audit_batch::table.on(audit_batch::log
                        .eq(audit_queue::log)
                        .and(audit_batch::node.eq(audit_queue::node))
                        .and(audit_batch::node_seq.eq(audit_queue::node_seq))),
                )
                .filter(audit_queue::log.eq(log))
                .filter(audit_batch::created_at.le(until.micros()))
                .select(audit_batch::node_seq)
                .first(connection)
                .optional()
        })?;
        Ok(one.is_some())
    }

    /// The checkpoint of exactly this size, if it is still there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn checkpoint_of_size(
        &mut self,
        log_id: u64,
        size: u64,
    ) -> Result<Option<CheckpointRow>, StoreError> {
        self.run(|connection| {
            audit_checkpoint::table
                .find((int(log_id), int(size)))
                .select(audit_checkpoint::all_columns)
                .first(connection)
                .optional()
        })
    }

    /// The private parts of the batches that begin from `from` up to but without `to`, in the order of the leaves.
    ///
    /// # Errors
    /// Those of the database.
    pub fn private_between(
        &mut self,
        log_id: u64,
        from: u64,
        to: u64,
    ) -> Result<Vec<PlacedPrivate>, StoreError> {
        self.run(|connection| {
            audit_place::table
                .inner_join(
                    audit_private::table.on(audit_private::log
                        .eq(audit_place::log)
                        .and(audit_private::node.eq(audit_place::node))
                        .and(audit_private::node_seq.eq(audit_place::node_seq))),
                )
                .filter(audit_place::log_id.eq(int(log_id)))
                .filter(audit_place::start_index.ge(int(from)))
                .filter(audit_place::start_index.lt(int(to)))
                .order((audit_place::start_index, audit_private::off))
                .select((
                    audit_place::start_index,
                    audit_private::off,
                    audit_private::person_id,
                    audit_private::key_version,
                    audit_private::sealed,
                ))
                .load(connection)
        })
    }

    /// The keys of people, in no order; those of people who were erased are not there any more.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keys_of_people(&mut self, people: &[PersonId]) -> Result<Vec<PersonKeyRow>, StoreError> {
        self.each(
            |connection| {
                let mut rows = Vec::with_capacity(people.len());
                for person in people {
                    rows.extend(
                        person_key::table
                            .filter(person_key::person_id.eq(person.as_bytes().as_slice()))
                            .select((person_key::person_id, KEY))
                            .load::<PersonKeyRow>(connection)?,
                    );
                }
                Ok(rows)
            },
            |connection| {
                let ids: Vec<&[u8]> = people.iter().map(|id| id.as_bytes().as_slice()).collect();
                person_key::table
                    .filter(person_key::person_id.eq_any(ids))
                    .select((person_key::person_id, KEY))
                    .load(connection)
            },
        )
    }
}
