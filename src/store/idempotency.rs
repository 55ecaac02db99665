//! Answers kept under the caller's `Idempotency-Key`, so that a request that is sent again is answered, not done again.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::schema::idempotency;
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// One kept answer.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct IdempotencyRow {
    /// The caller.
    pub client_id: String,
    /// SHA-256 of the caller's key.
    #[diesel(deserialize_as = Bytes<32>)]
    pub key_hash: [u8; 32],
    /// SHA-256 of the request: the same key with another request is a mistake of the caller.
    #[diesel(deserialize_as = Bytes<32>)]
    pub request_hash: [u8; 32],
    /// Whom the answer is about.
    pub person_id: Option<PersonId>,
    /// HTTP status.
    #[diesel(deserialize_as = Number<u16>)]
    pub status: u16,
    /// The answer, as ciphertext.
    pub sealed: Vec<u8>,
    /// When it was given.
    pub created_at: Moment,
}

type Columns = (
    idempotency::client_id,
    idempotency::key_hash,
    idempotency::request_hash,
    idempotency::person_id,
    idempotency::status,
    idempotency::sealed,
    idempotency::created_at,
);

const COLUMNS: Columns = (
    idempotency::client_id,
    idempotency::key_hash,
    idempotency::request_hash,
    idempotency::person_id,
    idempotency::status,
    idempotency::sealed,
    idempotency::created_at,
);

impl Tx<'_> {
    /// Answers kept under these pairs of caller and key hash, in no order; those without one are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn find_idempotency(&mut self, keys: &[(&str, [u8; 32])]) -> Result<Vec<IdempotencyRow>, StoreError> {
        let mut rows: Vec<IdempotencyRow> = self.each(
            |connection| {
                let mut rows = Vec::new();
                for (client, hash) in keys {
                    rows.extend(
                        idempotency::table
                            .filter(idempotency::client_id.eq(*client))
                            .filter(idempotency::key_hash.eq(hash.as_slice()))
                            .select(COLUMNS)
                            .load::<IdempotencyRow>(connection)?,
                    );
                }
                Ok(rows)
            },
            |connection| {
                let clients: Vec<&str> = keys.iter().map(|(client, _)| *client).collect();
                let hashes: Vec<&[u8]> = keys.iter().map(|(_, hash)| hash.as_slice()).collect();
                idempotency::table
                    .filter(idempotency::client_id.eq_any(clients))
                    .filter(idempotency::key_hash.eq_any(hashes))
                    .select(COLUMNS)
                    .load(connection)
            },
        )?;
        rows.retain(|row| {
            keys.iter()
                .any(|(client, hash)| row.client_id == *client && row.key_hash == *hash)
        });
        Ok(rows)
    }

    /// Keeps answers.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on `idempotency_pkey` when a request with the same key was answered meanwhile.
    pub fn insert_idempotency(&mut self, answers: &[IdempotencyRow]) -> Result<(), StoreError> {
        insert_rows!(self, idempotency, answers, |row| {
            client_id: Text = row.client_id.as_str(),
            key_hash: Binary = row.key_hash.as_slice(),
            request_hash: Binary = row.request_hash.as_slice(),
            person_id: Nullable<Binary> = row.person_id.as_ref().map(|id| id.as_bytes().as_slice()),
            status: BigInt = int(row.status),
            sealed: Binary = row.sealed.as_slice(),
            created_at: BigInt = row.created_at.micros(),
        })
    }

    /// Forgets answers given before an instant; gives how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_idempotency_before(&mut self, instant: Moment) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(idempotency::table.filter(idempotency::created_at.lt(instant.micros())))
                .execute(connection)
        })
    }
}
