//! Requests to erase somebody, from proposal to certificate, and which entries of the logs tell of them.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::schema::{erasure, erasure_entry};
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::{ErasureId, PersonId, RightsRequestId};
use crate::domain::moment::Moment;

/// One erasure.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ErasureRow {
    /// Its id.
    pub id: ErasureId,
    /// Whom it is about.
    pub person_id: PersonId,
    /// The ids of people who were merged into this one, 16 bytes each; known from the erasure on.
    pub merged: Vec<u8>,
    /// The library that deals with it.
    pub organisation: String,
    /// The libraries it is for, separated by spaces.
    pub organisations: String,
    /// The libraries at which it restricted processing, separated by spaces.
    pub restricted: String,
    /// The ground of GDPR art. 17(1).
    pub ground: String,
    /// The rights request it answers.
    pub rights_request_id: Option<RightsRequestId>,
    /// Days between the approval and the erasure in which it can be withdrawn.
    #[diesel(deserialize_as = Number<u64>)]
    pub cooling_days: u64,
    /// Where it stands.
    pub state: String,
    /// Who proposed, approved and ended it, sealed.
    pub officers: String,
    /// The ground of GDPR art. 17(3) on which it was refused.
    pub refused_ground: Option<String>,
    /// Until when that ground holds, where that is known.
    pub refused_until: Option<Moment>,
    /// The newest epoch that a key of the person was wrapped under.
    pub epoch: Option<i64>,
    /// Counts the changes of this row.
    #[diesel(deserialize_as = Number<u64>)]
    pub revision: u64,
    /// When it was proposed.
    pub proposed_at: Moment,
    /// When it was approved.
    pub approved_at: Option<Moment>,
    /// From when on it is carried out.
    pub due_at: Option<Moment>,
    /// When the person was erased here.
    pub erased_at: Option<Moment>,
    /// When key and rows were seen to be gone from the files.
    pub key_deleted_at: Option<Moment>,
    /// When the key of the last epoch was destroyed that could open an older backup.
    pub epoch_destroyed_at: Option<Moment>,
    /// When all systems had said that they erased as well.
    pub completed_at: Option<Moment>,
    /// When it was withdrawn or refused.
    pub ended_at: Option<Moment>,
}

/// An entry of a log that tells of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ErasureEntryRow {
    /// The erasure.
    pub erasure_id: ErasureId,
    /// The entry.
    #[diesel(deserialize_as = Bytes<16>)]
    pub entry_id: [u8; 16],
    /// The log.
    pub log: String,
    /// What it tells.
    pub kind: String,
}

impl Tx<'_> {
    /// Adds an erasure.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id exists.
    pub fn insert_erasure(&mut self, row: &ErasureRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(erasure::table)
                .values((
                    (
                        erasure::id.eq(row.id.as_bytes().as_slice()),
                        erasure::person_id.eq(row.person_id.as_bytes().as_slice()),
                        erasure::merged.eq(row.merged.as_slice()),
                        erasure::organisation.eq(&row.organisation),
                        erasure::organisations.eq(&row.organisations),
                        erasure::restricted.eq(&row.restricted),
                        erasure::ground.eq(&row.ground),
                        erasure::rights_request_id.eq(row.rights_request_id.map(|id| id.as_bytes().to_vec())),
                    ),
                    (
                        erasure::cooling_days.eq(int(row.cooling_days)),
                        erasure::state.eq(&row.state),
                        erasure::officers.eq(&row.officers),
                        erasure::revision.eq(int(row.revision)),
                        erasure::proposed_at.eq(row.proposed_at.micros()),
                    ),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// One erasure.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasure(&mut self, id: ErasureId) -> Result<Option<ErasureRow>, StoreError> {
        self.run(|connection| {
            erasure::table
                .find(id.as_bytes().as_slice())
                .first(connection)
                .optional()
        })
    }

    /// Writes what has changed of an erasure that was read at this revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else changed it meanwhile.
    pub fn update_erasure(&mut self, row: &ErasureRow) -> Result<(), StoreError> {
        let at = |moment: Option<Moment>| moment.map(Moment::micros);
        let changed = self.run(|connection| {
            let as_read = erasure::revision.eq(int(row.revision));
            diesel::update(erasure::table.find(row.id.as_bytes().as_slice()).filter(as_read))
                .set((
                    (
                        erasure::person_id.eq(row.person_id.as_bytes().as_slice()),
                        erasure::merged.eq(row.merged.as_slice()),
                        erasure::restricted.eq(&row.restricted),
                        erasure::state.eq(&row.state),
                        erasure::officers.eq(&row.officers),
                        erasure::refused_ground.eq(row.refused_ground.as_deref()),
                        erasure::refused_until.eq(at(row.refused_until)),
                        erasure::epoch.eq(row.epoch),
                        erasure::revision.eq(int(row.revision + 1)),
                    ),
                    (
                        erasure::approved_at.eq(at(row.approved_at)),
                        erasure::due_at.eq(at(row.due_at)),
                        erasure::erased_at.eq(at(row.erased_at)),
                        erasure::key_deleted_at.eq(at(row.key_deleted_at)),
                        erasure::epoch_destroyed_at.eq(at(row.epoch_destroyed_at)),
                        erasure::completed_at.eq(at(row.completed_at)),
                        erasure::ended_at.eq(at(row.ended_at)),
                    ),
                ))
                .execute(connection)
        })?;
        if changed == 1 {
            Ok(())
        } else {
            self.fail(StoreError::Conflict { constraint: None })
        }
    }

    /// Erasures of somebody, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasures_of(&mut self, person: PersonId) -> Result<Vec<ErasureRow>, StoreError> {
        self.run(|connection| {
            erasure::table
                .filter(erasure::person_id.eq(person.as_bytes().as_slice()))
                .order((erasure::proposed_at.desc(), erasure::id))
                .load(connection)
        })
    }

    /// Erasures in one state, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasures_in(&mut self, state: &str, limit: u32) -> Result<Vec<ErasureRow>, StoreError> {
        self.run(|connection| {
            erasure::table
                .filter(erasure::state.eq(state))
                .order((erasure::proposed_at, erasure::id))
                .limit(i64::from(limit))
                .load(connection)
        })
    }

    /// Erasures newest first, those after one that was read before.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasures_before(
        &mut self,
        before: Option<(Moment, ErasureId)>,
        limit: u32,
    ) -> Result<Vec<ErasureRow>, StoreError> {
        let (at, id) = before.map_or_else(
            || (i64::MAX, Vec::new()),
            |(at, id)| (at.micros(), id.as_bytes().to_vec()),
        );
        self.run(|connection| {
            let further = erasure::proposed_at
                .lt(at)
                .or(erasure::proposed_at.eq(at).and(erasure::id.gt(id)));
            erasure::table
                .filter(further)
                .order((erasure::proposed_at.desc(), erasure::id))
                .limit(i64::from(limit))
                .load(connection)
        })
    }

    /// How many erasures are in one of these states.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_erasures(&mut self, states: &[&str]) -> Result<u64, StoreError> {
        let counted: i64 = self.run(|connection| {
            erasure::table
                .filter(erasure::state.eq_any(states.iter().copied()))
                .count()
                .get_result(connection)
        })?;
        Ok(u64::try_from(counted).unwrap_or(0))
    }

    /// Notes which entries tell of erasures.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for one that is noted already.
    pub fn insert_erasure_entries(&mut self, rows: &[ErasureEntryRow]) -> Result<(), StoreError> {
        insert_rows!(self, erasure_entry, rows, |row| {
            erasure_id: Binary = row.erasure_id.as_bytes().as_slice(),
            entry_id: Binary = row.entry_id.as_slice(),
            log: Text = row.log.as_str(),
            kind: Text = row.kind.as_str(),
        })
    }

    /// The entries that tell of an erasure. Their ids begin with their time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erasure_entries(&mut self, id: ErasureId) -> Result<Vec<ErasureEntryRow>, StoreError> {
        self.run(|connection| {
            erasure_entry::table
                .filter(erasure_entry::erasure_id.eq(id.as_bytes().as_slice()))
                .order(erasure_entry::entry_id)
                .load(connection)
        })
    }
}
