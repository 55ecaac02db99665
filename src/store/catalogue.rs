//! The versions of the policy catalogue that have been in force.

use diesel::prelude::*;

use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::catalogue_version;
use super::tx::Tx;
use crate::domain::moment::Moment;

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct CatalogueRow {
    /// 1, 2, 3, … without gaps.
    #[diesel(deserialize_as = Number<u64>)]
    pub sequence: u64,
    /// Its name, recorded with each decision; unique.
    pub version: String,
    /// The whole catalogue as text.
    pub content: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// When it came into force.
    pub applied_at: Moment,
}

type Columns = (
    catalogue_version::sequence,
    catalogue_version::version,
    catalogue_version::content,
    catalogue_version::proposed_by,
    catalogue_version::approved_by,
    catalogue_version::applied_at,
);

const COLUMNS: Columns = (
    catalogue_version::sequence,
    catalogue_version::version,
    catalogue_version::content,
    catalogue_version::proposed_by,
    catalogue_version::approved_by,
    catalogue_version::applied_at,
);

impl Tx<'_> {
    /// The number of the newest version: what every transaction compares before it decides anything.
    ///
    /// # Errors
    /// Those of the database.
    pub fn catalogue_sequence(&mut self) -> Result<Option<u64>, StoreError> {
        let last: Option<i64> = self.run(|connection| {
            catalogue_version::table
                .select(diesel::dsl::max(catalogue_version::sequence))
                .first(connection)
        })?;
        Ok(last.and_then(|last| u64::try_from(last).ok()))
    }

    /// All versions, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn catalogue_versions(&mut self) -> Result<Vec<CatalogueRow>, StoreError> {
        self.run(|connection| {
            catalogue_version::table
                .order(catalogue_version::sequence)
                .select(COLUMNS)
                .load(connection)
        })
    }

    /// The version in force.
    ///
    /// # Errors
    /// Those of the database.
    pub fn latest_catalogue(&mut self) -> Result<Option<CatalogueRow>, StoreError> {
        self.run(|connection| {
            catalogue_version::table
                .order(catalogue_version::sequence.desc())
                .select(COLUMNS)
                .first(connection)
                .optional()
        })
    }

    /// Adds the next version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its number is not the next one, because somebody was first, or its name is taken.
    pub fn insert_catalogue_version(&mut self, row: &CatalogueRow) -> Result<(), StoreError> {
        let last: Option<i64> = self.run(|connection| {
            catalogue_version::table
                .select(diesel::dsl::max(catalogue_version::sequence))
                .first(connection)
        })?;
        // Of two that read the same last number, the primary key lets one through.
        if last.unwrap_or(0).checked_add(1) != Some(int(row.sequence)) {
            return self.fail(StoreError::Conflict {
                constraint: Some("catalogue_version_pkey"),
            });
        }
        self.run(|connection| {
            diesel::insert_into(catalogue_version::table)
                .values((
                    catalogue_version::sequence.eq(int(row.sequence)),
                    catalogue_version::version.eq(&row.version),
                    catalogue_version::content.eq(&row.content),
                    catalogue_version::proposed_by.eq(&row.proposed_by),
                    catalogue_version::approved_by.eq(row.approved_by.as_deref()),
                    catalogue_version::applied_at.eq(row.applied_at.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }
}
