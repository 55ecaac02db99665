//! Objections that outlive the data of who made them: keyed hashes of identifiers, and nothing else.

use diesel::prelude::*;

use super::columns::Bytes;
use super::error::StoreError;
use super::schema::suppression;
use super::tx::Tx;
use crate::domain::moment::Moment;

/// An objection of somebody with an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct SuppressionRow {
    /// A keyed hash of the identifier.
    #[diesel(deserialize_as = Bytes<16>)]
    pub hash: [u8; 16],
    /// The library.
    pub organisation: String,
    /// The purpose; empty for all direct marketing.
    pub purpose: String,
    /// When it was made.
    pub since: Moment,
}

impl Tx<'_> {
    /// The objections under any of these hashes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn suppressions(&mut self, hashes: &[[u8; 16]]) -> Result<Vec<SuppressionRow>, StoreError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        self.run(|connection| {
            suppression::table
                .filter(suppression::hash.eq_any(hashes.iter().map(|hash| hash.as_slice())))
                .order((suppression::hash, suppression::organisation, suppression::purpose))
                .load(connection)
        })
    }

    /// Keeps objections; one that is kept already stays as it is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep_suppressions(&mut self, rows: &[SuppressionRow]) -> Result<(), StoreError> {
        for row in rows {
            let known = self.suppressions(&[row.hash])?;
            let same =
                |kept: &SuppressionRow| kept.organisation == row.organisation && kept.purpose == row.purpose;
            if known.iter().any(same) {
                continue;
            }
            self.run(|connection| {
                diesel::insert_into(suppression::table)
                    .values((
                        suppression::hash.eq(row.hash.as_slice()),
                        suppression::organisation.eq(&row.organisation),
                        suppression::purpose.eq(&row.purpose),
                        suppression::since.eq(row.since.micros()),
                    ))
                    .execute(connection)
            })?;
        }
        Ok(())
    }

    /// Forgets an objection that was lifted; gives how many hashes it was kept under.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget_suppressions(
        &mut self,
        hashes: &[[u8; 16]],
        organisation: &str,
        purpose: &str,
    ) -> Result<usize, StoreError> {
        if hashes.is_empty() {
            return Ok(0);
        }
        self.run(|connection| {
            diesel::delete(
                suppression::table
                    .filter(suppression::hash.eq_any(hashes.iter().map(|hash| hash.as_slice())))
                    .filter(suppression::organisation.eq(organisation))
                    .filter(suppression::purpose.eq(purpose)),
            )
            .execute(connection)
        })
    }
}
