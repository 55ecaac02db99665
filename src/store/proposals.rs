//! Proposed changes of the policies.

use diesel::prelude::*;

use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::policy_proposal;
use super::tx::Tx;
use crate::domain::ids::ProposalId;
use crate::domain::moment::Moment;

/// One proposal.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ProposalRow {
    /// Its id.
    pub id: ProposalId,
    /// What it is called.
    pub title: String,
    /// Why.
    pub reason: String,
    /// The files that change, as JSON: the new text of each, or null for one that goes.
    pub files: String,
    /// Hash of those.
    pub files_sha256: String,
    /// The version of the catalogue that it changes.
    pub base: String,
    /// The plan, as JSON, once it is proposed.
    pub plan: Option<String>,
    /// `draft`, `proposed`, `applied`, `refused` or `withdrawn`.
    pub state: String,
    /// Counts its changes.
    #[diesel(deserialize_as = Number<u64>)]
    pub revision: u64,
    /// The name of who proposes it.
    pub proposed_by: String,
    /// The client of who proposes it.
    pub proposer: String,
    /// The name of who approved, refused or withdrew it.
    pub ended_by: Option<String>,
    /// Why it was refused or withdrawn.
    pub ended_why: Option<String>,
    /// The version that it became.
    pub applied: Option<String>,
    /// When it was begun.
    pub created_at: Moment,
    /// When it was proposed.
    pub proposed_at: Option<Moment>,
    /// When it was approved, refused or withdrawn.
    pub ended_at: Option<Moment>,
}

impl Tx<'_> {
    /// Adds a proposal.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id exists.
    pub fn insert_proposal(&mut self, row: &ProposalRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(policy_proposal::table)
                .values((
                    policy_proposal::id.eq(row.id.as_bytes().as_slice()),
                    policy_proposal::title.eq(&row.title),
                    policy_proposal::reason.eq(&row.reason),
                    policy_proposal::files.eq(&row.files),
                    policy_proposal::files_sha256.eq(&row.files_sha256),
                    policy_proposal::base.eq(&row.base),
                    policy_proposal::state.eq(&row.state),
                    policy_proposal::revision.eq(int(row.revision)),
                    policy_proposal::proposed_by.eq(&row.proposed_by),
                    policy_proposal::proposer.eq(&row.proposer),
                    policy_proposal::created_at.eq(row.created_at.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// One proposal.
    ///
    /// # Errors
    /// Those of the database.
    pub fn proposal(&mut self, id: ProposalId) -> Result<Option<ProposalRow>, StoreError> {
        self.run(|connection| {
            policy_proposal::table
                .find(id.as_bytes().as_slice())
                .first(connection)
                .optional()
        })
    }

    /// Proposals, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn proposals(&mut self, limit: u32) -> Result<Vec<ProposalRow>, StoreError> {
        self.run(|connection| {
            policy_proposal::table
                .order((policy_proposal::created_at.desc(), policy_proposal::id))
                .limit(i64::from(limit))
                .load(connection)
        })
    }

    /// Writes what has changed of a proposal that was read at this revision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else changed it meanwhile.
    pub fn update_proposal(&mut self, row: &ProposalRow) -> Result<(), StoreError> {
        let at = |moment: Option<Moment>| moment.map(Moment::micros);
        let changed = self.run(|connection| {
            let as_read = policy_proposal::revision.eq(int(row.revision));
            diesel::update(
                policy_proposal::table
                    .find(row.id.as_bytes().as_slice())
                    .filter(as_read),
            )
            .set((
                policy_proposal::title.eq(&row.title),
                policy_proposal::reason.eq(&row.reason),
                policy_proposal::files.eq(&row.files),
                policy_proposal::files_sha256.eq(&row.files_sha256),
                policy_proposal::base.eq(&row.base),
                policy_proposal::plan.eq(row.plan.as_deref()),
                policy_proposal::state.eq(&row.state),
                policy_proposal::revision.eq(int(row.revision + 1)),
                policy_proposal::ended_by.eq(row.ended_by.as_deref()),
                policy_proposal::ended_why.eq(row.ended_why.as_deref()),
                policy_proposal::applied.eq(row.applied.as_deref()),
                policy_proposal::proposed_at.eq(at(row.proposed_at)),
                policy_proposal::ended_at.eq(at(row.ended_at)),
            ))
            .execute(connection)
        })?;
        if changed == 1 {
            Ok(())
        } else {
            self.fail(StoreError::Conflict { constraint: None })
        }
    }
}
