//! Rights requests: their way in clear, and what they say sealed beside it.

use diesel::prelude::*;

use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::{rights_request, rights_request_content, rights_request_step};
use super::tx::Tx;
use crate::domain::ids::{PersonId, RightsRequestId};
use crate::domain::moment::Moment;

/// A request, without what it says.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct RightsRequestRow {
    /// Its id.
    pub id: RightsRequestId,
    /// Whose request; the tombstone once the person is erased.
    pub person_id: PersonId,
    /// To which library.
    pub organisation: String,
    /// `access`, `rectification`, `erasure`, `restriction`, `portability` or `objection`.
    pub kind: String,
    /// Where it stands.
    pub state: String,
    /// Counts the steps.
    #[diesel(deserialize_as = Number<u64>)]
    pub revision: u64,
    /// Through which system it came in.
    pub system: String,
    /// When the library received it.
    pub received_at: Moment,
    /// Until when it must be answered.
    pub due_at: Moment,
    /// When the term was extended.
    pub extended_at: Option<Moment>,
    /// When it was answered.
    pub ended_at: Option<Moment>,
    /// Who is responsible for it, sealed.
    pub assignee: Option<String>,
}

/// One step of a request.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct RightsStepRow {
    /// Of which request.
    pub request_id: RightsRequestId,
    /// Its number, from 1: the revision it led to.
    #[diesel(deserialize_as = Number<u64>)]
    pub number: u64,
    /// What was done.
    pub step: String,
    /// Where the request stood after it.
    pub state: String,
    /// When.
    pub at: Moment,
    /// Through which system.
    pub system: String,
    /// Who did it, sealed.
    pub officer: Option<String>,
}

/// What a step says, sealed for a person.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct RightsContentRow {
    /// Of which request.
    pub request_id: RightsRequestId,
    /// Of which step.
    #[diesel(deserialize_as = Number<u64>)]
    pub number: u64,
    /// Under whose key.
    pub person_id: PersonId,
    /// The version of that key.
    #[diesel(deserialize_as = Number<u32>)]
    pub key_version: u32,
    /// The content.
    pub sealed: Vec<u8>,
}

/// Which requests; what is absent is not looked at.
#[derive(Debug, Clone, Default)]
pub struct RightsFilter {
    /// To one of these libraries; `None` for any.
    pub organisations: Option<Vec<String>>,
    /// Of this type.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Not answered yet, and due before this.
    pub due_before: Option<Moment>,
    /// After this place in the order of due dates.
    pub after: Option<(Moment, RightsRequestId)>,
}

type Columns = (
    rights_request::id,
    rights_request::person_id,
    rights_request::organisation,
    rights_request::kind,
    rights_request::state,
    rights_request::revision,
    rights_request::system,
    rights_request::received_at,
    rights_request::due_at,
    rights_request::extended_at,
    rights_request::ended_at,
    rights_request::assignee,
);

const COLUMNS: Columns = (
    rights_request::id,
    rights_request::person_id,
    rights_request::organisation,
    rights_request::kind,
    rights_request::state,
    rights_request::revision,
    rights_request::system,
    rights_request::received_at,
    rights_request::due_at,
    rights_request::extended_at,
    rights_request::ended_at,
    rights_request::assignee,
);

impl Tx<'_> {
    /// One request.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rights_request(&mut self, id: RightsRequestId) -> Result<Option<RightsRequestRow>, StoreError> {
        self.run(|connection| {
            rights_request::table
                .find(id.as_bytes().as_slice())
                .select(COLUMNS)
                .first(connection)
                .optional()
        })
    }

    /// Requests that pass a filter, what is due first first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rights_requests(
        &mut self,
        filter: &RightsFilter,
        limit: usize,
    ) -> Result<Vec<RightsRequestRow>, StoreError> {
        self.run(|connection| {
            let mut query = rights_request::table
                .order((rights_request::due_at, rights_request::id))
                .select(COLUMNS)
                .limit(int(limit))
                .into_boxed();
            if let Some(organisations) = &filter.organisations {
                query = query.filter(rights_request::organisation.eq_any(organisations));
            }
            if let Some(kind) = &filter.kind {
                query = query.filter(rights_request::kind.eq(kind));
            }
            if let Some(state) = &filter.state {
                query = query.filter(rights_request::state.eq(state));
            }
            if let Some(before) = filter.due_before {
                query = query
                    .filter(rights_request::ended_at.is_null())
                    .filter(rights_request::due_at.lt(before.micros()));
            }
            if let Some((due_at, id)) = &filter.after {
                let later = rights_request::due_at.gt(due_at.micros());
                let beside = rights_request::due_at
                    .eq(due_at.micros())
                    .and(rights_request::id.gt(id.as_bytes().as_slice()));
                query = query.filter(later.or(beside));
            }
            query.load(connection)
        })
    }

    /// All requests of some people, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rights_requests_of(&mut self, people: &[PersonId]) -> Result<Vec<RightsRequestRow>, StoreError> {
        let people: Vec<&[u8]> = people.iter().map(|id| id.as_bytes().as_slice()).collect();
        self.run(|connection| {
            rights_request::table
                .filter(rights_request::person_id.eq_any(people))
                .order((rights_request::received_at, rights_request::id))
                .select(COLUMNS)
                .load(connection)
        })
    }

    /// The steps of a request, in order.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rights_steps(&mut self, id: RightsRequestId) -> Result<Vec<RightsStepRow>, StoreError> {
        self.run(|connection| {
            rights_request_step::table
                .filter(rights_request_step::request_id.eq(id.as_bytes().as_slice()))
                .order(rights_request_step::number)
                .select((
                    rights_request_step::request_id,
                    rights_request_step::number,
                    rights_request_step::step,
                    rights_request_step::state,
                    rights_request_step::at,
                    rights_request_step::system,
                    rights_request_step::officer,
                ))
                .load(connection)
        })
    }

    /// What the steps of a request say.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rights_content(&mut self, id: RightsRequestId) -> Result<Vec<RightsContentRow>, StoreError> {
        self.run(|connection| {
            rights_request_content::table
                .filter(rights_request_content::request_id.eq(id.as_bytes().as_slice()))
                .order(rights_request_content::number)
                .select((
                    rights_request_content::request_id,
                    rights_request_content::number,
                    rights_request_content::person_id,
                    rights_request_content::key_version,
                    rights_request_content::sealed,
                ))
                .load(connection)
        })
    }

    /// Adds a request.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id exists.
    pub fn insert_rights_request(&mut self, row: &RightsRequestRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(rights_request::table)
                .values((
                    rights_request::id.eq(row.id.as_bytes().as_slice()),
                    rights_request::person_id.eq(row.person_id.as_bytes().as_slice()),
                    rights_request::organisation.eq(&row.organisation),
                    rights_request::kind.eq(&row.kind),
                    rights_request::state.eq(&row.state),
                    rights_request::revision.eq(int(row.revision)),
                    rights_request::system.eq(&row.system),
                    rights_request::received_at.eq(row.received_at.micros()),
                    rights_request::due_at.eq(row.due_at.micros()),
                    rights_request::extended_at.eq(row.extended_at.map(Moment::micros)),
                    rights_request::ended_at.eq(row.ended_at.map(Moment::micros)),
                    rights_request::assignee.eq(row.assignee.as_deref()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// Changes a request that is still at the revision before this one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else changed it meanwhile.
    pub fn update_rights_request(&mut self, row: &RightsRequestRow) -> Result<(), StoreError> {
        let changed = self.run(|connection| {
            let as_seen = rights_request::revision.eq(int(row.revision) - 1);
            diesel::update(
                rights_request::table
                    .find(row.id.as_bytes().as_slice())
                    .filter(as_seen),
            )
            .set((
                rights_request::state.eq(&row.state),
                rights_request::revision.eq(int(row.revision)),
                rights_request::due_at.eq(row.due_at.micros()),
                rights_request::extended_at.eq(row.extended_at.map(Moment::micros)),
                rights_request::ended_at.eq(row.ended_at.map(Moment::micros)),
                rights_request::assignee.eq(row.assignee.as_deref()),
            ))
            .execute(connection)
        })?;
        self.expect_all(changed, 1)
    }

    /// Adds a step, with what it says where that can be kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else added it meanwhile.
    pub fn insert_rights_step(
        &mut self,
        step: &RightsStepRow,
        content: Option<&RightsContentRow>,
    ) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(rights_request_step::table)
                .values((
                    rights_request_step::request_id.eq(step.request_id.as_bytes().as_slice()),
                    rights_request_step::number.eq(int(step.number)),
                    rights_request_step::step.eq(&step.step),
                    rights_request_step::state.eq(&step.state),
                    rights_request_step::at.eq(step.at.micros()),
                    rights_request_step::system.eq(&step.system),
                    rights_request_step::officer.eq(step.officer.as_deref()),
                ))
                .execute(connection)?;
            let Some(content) = content else { return Ok(()) };
            diesel::insert_into(rights_request_content::table)
                .values((
                    rights_request_content::request_id.eq(content.request_id.as_bytes().as_slice()),
                    rights_request_content::number.eq(int(content.number)),
                    rights_request_content::person_id.eq(content.person_id.as_bytes().as_slice()),
                    rights_request_content::key_version.eq(int(content.key_version)),
                    rights_request_content::sealed.eq(content.sealed.as_slice()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }
}
