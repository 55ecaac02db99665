//! Bulk checks: the state of thousands of people in one statement, and the packed entries that tell of it afterwards.

use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::people::WrappedKey;
use super::records::SealedRecord;
use super::schema::{audit_bulk, person_identifier, person_key, person_record};
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// Somebody behind a blind index, with what a decision needs. Somebody without record or key is not told apart further:
/// new, merged or erased, which [`Tx::people_by_blind_index`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkPerson {
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

/// A line with its place, as read.
type PlacedLine = (Bytes<16>, String, String, Number<u64>, Number<u32>);

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

/// Somebody on SQLite, which is asked for one after the other. The row of a person is not looked at here either.
macro_rules! one_person {
    ($index:expr) => {
        person_identifier::table
            .left_join(person_record::table.on(person_record::person_id.eq(person_identifier::person_id)))
            .left_join(
                person_key::table.on(person_key::person_id.eq(person_identifier::person_id).and(
                    person_key::version
                        .nullable()
                        .eq(person_record::key_version.nullable()),
                )),
            )
            .filter(person_identifier::blind_index.eq($index))
            .select((
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

/// A row of the statements below: the place in the list, who, and what a decision needs.
#[derive(Queryable)]
struct Row {
    place: i64,
    id: PersonId,
    record: Option<SealedRecord>,
    key: Option<WrappedKey>,
}

/// The types of a row's columns.
type RowTypes = (
    BigInt,
    Binary,
    Nullable<(BigInt, BigInt, Binary)>,
    Nullable<(BigInt, BigInt, Binary, Binary)>,
);

/// The row of a person is not looked at: whoever is erased has neither record nor key any more, and the identifiers of
/// whoever was merged lead to the other one.
const BY_INDEX: &str = "SELECT list.place, i.person_id, r.revision, r.key_version, r.sealed, k.version, k.epoch, k.wrapped, k.kcv \
     FROM unnest(?) WITH ORDINALITY AS list (blind_index, place) \
     JOIN person_identifier i ON i.blind_index = list.blind_index \
     LEFT JOIN person_record r ON r.person_id = i.person_id \
     LEFT JOIN keystore.person_key k ON k.person_id = r.person_id AND k.version = r.key_version";

/// The places in the list of what stands at a place, counted from 1, among the different indexes.
fn places(sorted: &[([u8; 16], u32)], starts: &[u32], place: i64) -> impl Iterator<Item = usize> {
    let start = usize::try_from(place)
        .ok()
        .and_then(|place| starts.get(place.checked_sub(1)?))
        .and_then(|start| usize::try_from(*start).ok())
        .unwrap_or(usize::MAX);
    let equal = sorted.get(start..).unwrap_or_default();
    let first = equal.first().map(|(index, _)| *index);
    equal
        .iter()
        .take_while(move |(index, _)| Some(*index) == first)
        .filter_map(|(_, place)| usize::try_from(*place).ok())
}

impl Tx<'_> {
    /// Shows the people behind blind indexes to `show`, each with the place of its index in the list, in no order. An index
    /// that nobody has is left out; one that stands in the list twice is shown twice. Nothing but one row is in memory at a
    /// time, and not the list once it is sent.
    ///
    /// # Errors
    /// Those of the database.
    pub fn bulk_people(
        &mut self,
        indexes: Vec<[u8; 16]>,
        show: &mut dyn FnMut(usize, BulkPerson),
    ) -> Result<(), StoreError> {
        // In the order of the index, so that neighbours are read from one page; and each once.
        let mut sorted: Vec<([u8; 16], u32)> = indexes.into_iter().zip(0..).collect();
        sorted.sort_unstable();
        if !self.is_postgres() {
            return self.people_one_by_one(&sorted, show);
        }
        let same = |list: &[([u8; 16], u32)]| list.chunk_by(|a, b| a.0 == b.0).count();
        let mut unique: Vec<[u8; 16]> = Vec::with_capacity(same(&sorted));
        unique.extend(sorted.iter().map(|(index, _)| *index));
        unique.dedup();
        let mut starts: Vec<u32> = Vec::with_capacity(unique.len());
        let mut start = 0;
        for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
            starts.push(start);
            start += u32::try_from(equal.len()).unwrap_or(0);
        }
        self.each(
            |_| Ok(()),
            |connection| {
                let found = Statement::<_, RowTypes>::new(BY_INDEX, (unique.into_sql::<Array<Binary>>(),));
                for row in found.load_iter::<Row, PgRowByRowLoadingMode>(connection)? {
                    let Row {
                        place,
                        id,
                        record,
                        key,
                    } = row?;
                    let person = BulkPerson {
                        id,
                        sealed: record.zip(key),
                    };
                    let mut places = places(&sorted, &starts, place);
                    let Some(first) = places.next() else { continue };
                    places.for_each(|again| show(again, person.clone()));
                    show(first, person);
                }
                Ok(())
            },
        )
    }

    fn people_one_by_one(
        &mut self,
        sorted: &[([u8; 16], u32)],
        show: &mut dyn FnMut(usize, BulkPerson),
    ) -> Result<(), StoreError> {
        self.each(
            |connection| {
                for (index, place) in sorted {
                    let found: Option<(PersonId, Option<SealedRecord>, Option<WrappedKey>)> =
                        one_person!(index.as_slice()).first(connection).optional()?;
                    if let Some((id, record, key)) = found {
                        let sealed = record.zip(key);
                        show(
                            usize::try_from(*place).unwrap_or(usize::MAX),
                            BulkPerson { id, sealed },
                        );
                    }
                }
                Ok(())
            },
            |_| Ok(()),
        )
    }

    /// Writes the packed entries of a line.
    ///
    /// # Errors
    /// Those of the database.
    pub fn insert_audit_bulk(&mut self, row: &BulkRow) -> Result<(), StoreError> {
        insert_rows!(self, audit_bulk, std::slice::from_ref(row), |row| {
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

    /// Where the packed entries of lines stand whose ids lie in a span (the first included, the last not), newest first,
    /// `limit` at most. Ids begin with the time of the line and stand before the entries in a row: no entries are read.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_bulk_lines(
        &mut self,
        from: &[u8; 16],
        before: &[u8; 16],
        limit: u32,
    ) -> Result<Vec<([u8; 16], BulkPlace)>, StoreError> {
        let rows: Vec<PlacedLine> = self.run(|connection| {
            audit_bulk::table
                .filter(audit_bulk::line.ge(from.as_slice()))
                .filter(audit_bulk::line.lt(before.as_slice()))
                .order(audit_bulk::line.desc())
                .limit(i64::from(limit))
                .select((
                    audit_bulk::line,
                    audit_bulk::log,
                    audit_bulk::node,
                    audit_bulk::node_seq,
                    audit_bulk::off,
                ))
                .load(connection)
        })?;
        let placed = rows.into_iter().map(|(line, log, node, node_seq, off)| {
            let place = BulkPlace {
                log,
                node,
                node_seq: node_seq.into(),
                off: off.into(),
            };
            (line.into(), place)
        });
        Ok(placed.collect())
    }

    /// The packed entries at a place.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_bulk_at(&mut self, place: &BulkPlace) -> Result<Option<BulkRow>, StoreError> {
        self.run(|connection| {
            audit_bulk::table
                .filter(audit_bulk::log.eq(&place.log))
                .filter(audit_bulk::node.eq(&place.node))
                .filter(audit_bulk::node_seq.eq(int(place.node_seq)))
                .filter(audit_bulk::off.eq(int(place.off)))
                .select(audit_bulk::all_columns)
                .first(connection)
                .optional()
        })
    }
}
