//! What systems know people by, as blind indexes only.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::schema::person_identifier;
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::{IdentifierId, PersonId};

/// An identifier, findable by its blind index.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct IdentifierRow {
    /// Its own id.
    pub id: IdentifierId,
    /// Whose it is.
    pub person_id: PersonId,
    /// Kind, such as `member-number`.
    pub scheme: String,
    /// The version of the blind-index key.
    #[diesel(deserialize_as = Number<u32>)]
    pub key_version: u32,
    /// Blind index; unique.
    #[diesel(deserialize_as = Bytes<16>)]
    pub blind_index: [u8; 16],
}

impl Tx<'_> {
    /// Adds identifiers.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on `person_identifier_blind_index_key` when somebody has one of them.
    pub fn insert_identifiers(&mut self, identifiers: &[IdentifierRow]) -> Result<(), StoreError> {
        insert_rows!(self, person_identifier, identifiers, |row| {
            id: Binary = row.id.as_bytes().as_slice(),
            person_id: Binary = row.person_id.as_bytes().as_slice(),
            scheme: Text = row.scheme.as_str(),
            key_version: BigInt = int(row.key_version),
            blind_index: Binary = row.blind_index.as_slice(),
        })
    }

    /// Removes identifiers; those that are not there count as removed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_identifiers(&mut self, ids: &[IdentifierId]) -> Result<(), StoreError> {
        let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes().as_slice()).collect();
        self.run(|connection| {
            diesel::delete(person_identifier::table.filter(person_identifier::id.eq_any(ids)))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// The identifiers of a person, in the order of their ids.
    ///
    /// # Errors
    /// Those of the database.
    pub fn identifiers_of(&mut self, person: PersonId) -> Result<Vec<IdentifierRow>, StoreError> {
        self.run(|connection| {
            person_identifier::table
                .filter(person_identifier::person_id.eq(person.as_bytes().as_slice()))
                .order(person_identifier::id)
                .select((
                    person_identifier::id,
                    person_identifier::person_id,
                    person_identifier::scheme,
                    person_identifier::key_version,
                    person_identifier::blind_index,
                ))
                .load(connection)
        })
    }

    /// Gives all identifiers of one person to another.
    ///
    /// # Errors
    /// Those of the database.
    pub fn move_identifiers(&mut self, from: PersonId, to: PersonId) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::update(
                person_identifier::table.filter(person_identifier::person_id.eq(from.as_bytes().as_slice())),
            )
            .set(person_identifier::person_id.eq(to.as_bytes().as_slice()))
            .execute(connection)
        })
    }
}
