//! The sealed record of each person: everything current about them.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary};

use super::columns::{Number, int};
use super::error::StoreError;
use super::people::list;
use super::schema::person_record;
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::ids::PersonId;

/// A person's record as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct SealedRecord {
    /// Which change of the person it shows.
    #[diesel(deserialize_as = Number<u64>)]
    pub revision: u64,
    /// The version of the person key it is sealed under.
    #[diesel(deserialize_as = Number<u32>)]
    pub key_version: u32,
    /// Ciphertext.
    pub sealed: Vec<u8>,
}

/// A record to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// Whose it is.
    pub person_id: PersonId,
    /// The revision that it replaces; `None` for the first record of a person.
    pub previous: Option<u64>,
    /// The record.
    pub record: SealedRecord,
}

impl Tx<'_> {
    /// Writes records: the first of a person, or over the revision that was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a person has another revision of it, or none, or already one.
    pub fn put_records(&mut self, changes: &[RecordChange]) -> Result<(), StoreError> {
        let (first, later): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.previous.is_none());
        self.insert_records(&first)?;
        if later.is_empty() {
            return Ok(());
        }
        let later: Vec<(i64, &RecordChange)> = later
            .iter()
            .filter_map(|change| Some((int(change.previous?), *change)))
            .collect();
        let changed = self.each(
            |connection| {
                let mut changed = 0;
                for (previous, row) in &later {
                    changed += Statement::<_>::new(
                        "UPDATE person_record SET revision = ?, key_version = ?, sealed = ? \
                         WHERE person_id = ? AND revision = ?",
                        (
                            int(row.record.revision).into_sql::<BigInt>(),
                            int(row.record.key_version).into_sql::<BigInt>(),
                            row.record.sealed.as_slice().into_sql::<Binary>(),
                            row.person_id.as_bytes().as_slice().into_sql::<Binary>(),
                            previous.into_sql::<BigInt>(),
                        ),
                    )
                    .execute(connection)?;
                }
                Ok(changed)
            },
            |connection| {
                Statement::<_>::new(
                    "UPDATE person_record SET revision = new.revision, key_version = new.key_version, \
                     sealed = new.sealed FROM (SELECT unnest(?) AS person_id, unnest(?) AS previous, \
                     unnest(?) AS revision, unnest(?) AS key_version, unnest(?) AS sealed) AS new \
                     WHERE person_record.person_id = new.person_id AND person_record.revision = new.previous",
                    (
                        list(&later, |(_, row)| row.person_id.as_bytes().as_slice())
                            .into_sql::<Array<Binary>>(),
                        list(&later, |(previous, _)| *previous).into_sql::<Array<BigInt>>(),
                        list(&later, |(_, row)| int(row.record.revision)).into_sql::<Array<BigInt>>(),
                        list(&later, |(_, row)| int(row.record.key_version)).into_sql::<Array<BigInt>>(),
                        list(&later, |(_, row)| row.record.sealed.as_slice()).into_sql::<Array<Binary>>(),
                    ),
                )
                .execute(connection)
            },
        )?;
        self.expect_all(changed, later.len())
    }

    fn insert_records(&mut self, records: &[&RecordChange]) -> Result<(), StoreError> {
        insert_rows!(self, person_record, records, |row| {
            person_id: Binary = row.person_id.as_bytes().as_slice(),
            revision: BigInt = int(row.record.revision),
            key_version: BigInt = int(row.record.key_version),
            sealed: Binary = row.record.sealed.as_slice(),
        })
    }
}
