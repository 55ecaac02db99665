//! Bulk checks: the state of thousands of people in one statement, and the packed entries that tell of it afterwards.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::people::WrappedKey;
use super::records::SealedRecord;
use super::schema::{audit_bulk, person_identifier, person_key, person_record};
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// Somebody behind a blind index, with what a decision needs. Somebody without record or key is not told apart further:
/// new, merged or erased, which [`Tx::people_by_blind_index`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkPerson {
    /// The blind index that was asked for.
    pub blind_index: [u8; 16],
    /// The person.
    pub id: PersonId,
    /// The record, with the key it is sealed under.
    pub sealed: Option<(SealedRecord, WrappedKey)>,
}

/// The packed entries of one leaf, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct BulkRow {
    /// The log of the leaf.
    pub log: String,
    /// The node that wrote it.
    pub node: String,
    /// The batch.
    #[diesel(deserialize_as = Number<u64>)]
    pub node_seq: u64,
    /// The leaf in the batch, from 0.
    #[diesel(deserialize_as = Number<u32>)]
    pub off: u32,
    /// The id of the leaf.
    #[diesel(deserialize_as = Bytes<16>)]
    pub line: [u8; 16],
    /// How many entries.
    #[diesel(deserialize_as = Number<u32>)]
    pub n: u32,
    /// What holds for all entries, sealed.
    pub context: String,
    /// The entries.
    pub entries: Vec<u8>,
    /// When it was written.
    pub created_at: Moment,
}

/// Where a reading of packed entries goes on: after this row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BulkPlace {
    /// Its log.
    pub log: String,
    /// Its node.
    pub node: String,
    /// Its batch.
    pub node_seq: u64,
    /// Its leaf.
    pub off: u32,
}

#[derive(Queryable)]
struct Columns {
    #[diesel(deserialize_as = Bytes<16>)]
    blind_index: [u8; 16],
    id: PersonId,
    record: Option<SealedRecord>,
    key: Option<WrappedKey>,
}

impl From<Columns> for BulkPerson {
    fn from(row: Columns) -> Self {
        Self {
            blind_index: row.blind_index,
            id: row.id,
            sealed: row.record.zip(row.key),
        }
    }
}

/// The row of a person is not looked at: whoever is erased has neither record nor key any more, and the identifiers of
/// whoever was merged lead to the other one.
macro_rules! people {
    ($condition:expr) => {
        person_identifier::table
            .left_join(person_record::table.on(person_record::person_id.eq(person_identifier::person_id)))
            .left_join(
                person_key::table.on(person_key::person_id.eq(person_identifier::person_id).and(
                    person_key::version
                        .nullable()
                        .eq(person_record::key_version.nullable()),
                )),
            )
            .filter($condition)
            .select((
                person_identifier::blind_index,
                person_identifier::person_id,
                (
                    person_record::revision,
                    person_record::key_version,
                    person_record::sealed,
                )
                    .nullable(),
                (
                    person_key::version,
                    person_key::epoch,
                    person_key::wrapped,
                    person_key::kcv,
                )
                    .nullable(),
            ))
    };
}

impl Tx<'_> {
    /// The people behind blind indexes, in no order and each index once; an index that nobody has is left out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn bulk_people(&mut self, indexes: &[[u8; 16]]) -> Result<Vec<BulkPerson>, StoreError> {
        let mut sorted: Vec<&[u8]> = indexes.iter().map(|index| index.as_slice()).collect();
        // In the order of the index, so that neighbours are read from one page; and each once.
        sorted.sort_unstable();
        sorted.dedup();
        let rows: Vec<Columns> = self.each(
            |connection| {
                let mut rows = Vec::with_capacity(sorted.len());
                for index in &sorted {
                    rows.extend(
                        people!(person_identifier::blind_index.eq(*index)).load::<Columns>(connection)?,
                    );
                }
                Ok(rows)
            },
            |connection| {
                // The plan for any list is the plan for this one: by index. Planned for the list at hand, as the first
                // runs of a prepared statement are, it would read whole tables of millions for each chunk.
                connection.batch_execute("SET LOCAL plan_cache_mode = force_generic_plan")?;
                people!(person_identifier::blind_index.eq_any(&sorted)).load(connection)
            },
        )?;
        Ok(rows.into_iter().map(BulkPerson::from).collect())
    }

    /// Writes packed entries.
    ///
    /// # Errors
    /// Those of the database.
    pub fn insert_audit_bulk(&mut self, rows: &[BulkRow]) -> Result<(), StoreError> {
        insert_rows!(self, audit_bulk, rows, |row| {
            log: Text = row.log.as_str(),
            node: Text = row.node.as_str(),
            node_seq: BigInt = int(row.node_seq),
            off: BigInt = int(row.off),
            line: Binary = row.line.as_slice(),
            n: BigInt = int(row.n),
            context: Text = row.context.as_str(),
            entries: Binary = row.entries.as_slice(),
            created_at: BigInt = row.created_at.micros(),
        })
    }

    /// Packed entries after a place, `limit` rows at most, in the order of places.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_bulk_after(
        &mut self,
        place: Option<&BulkPlace>,
        limit: u32,
    ) -> Result<Vec<BulkRow>, StoreError> {
        let start = BulkPlace::default();
        let (after, off) = place.map_or((&start, -1), |place| (place, int(place.off)));
        self.run(|connection| {
            audit_bulk::table
                .filter(
                    audit_bulk::log
                        .gt(&after.log)
                        .or(audit_bulk::log.eq(&after.log).and(
                            audit_bulk::node
                                .gt(&after.node)
                                .or(audit_bulk::node.eq(&after.node).and(
                                    audit_bulk::node_seq
                                        .gt(int(after.node_seq))
                                        .or(audit_bulk::node_seq
                                            .eq(int(after.node_seq))
                                            .and(audit_bulk::off.gt(off))),
                                )),
                        )),
                )
                .order((
                    audit_bulk::log,
                    audit_bulk::node,
                    audit_bulk::node_seq,
                    audit_bulk::off,
                ))
                .limit(i64::from(limit))
                .select(audit_bulk::all_columns)
                .load(connection)
        })
    }
}
