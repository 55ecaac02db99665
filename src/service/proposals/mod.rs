//! Proposals to change the policies: the same files as `policies/`, made in the console or from a folder. A proposal is
//! drafted, proposed with its plan, and approved by a second person, which brings it into force; there is no way back but
//! another proposal. Every step stands in the log `admin`.

mod approve;
mod changed;
mod replay;
mod steps;
mod try_out;

use serde::{Deserialize, Serialize};

pub use self::changed::Changed;
pub use self::replay::{AskReplay, Difference, MOST_CHECKS, Replay};
pub use self::steps::{EndProposal, Possible, SaveDraft};
pub use self::try_out::{ImaginedAnswer, TryPerson};
use super::Service;
use super::apply::PlanMistake;
use super::call::{Call, Scope};
use super::refusal::{Forbidden, Refusal};
use super::work::Work;
use crate::domain::ids::ProposalId;
use crate::domain::moment::Moment;
use crate::domain::purpose::words;
use crate::policy::finding::Finding;
use crate::policy::load::{Checked, Files};
use crate::policy::plan::Plan;
use crate::store::{ProposalRow, StoreError};

/// Longest title, in characters.
pub const LONGEST_TITLE: usize = 120;
/// Longest reason, in characters.
pub const LONGEST_WHY: usize = 2_000;
/// Most proposals in the list, newest first.
const MOST: u32 = 200;

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProposalState {
    /// Somebody works on it.
    Draft,
    /// It has a plan, and waits for a second person.
    Proposed,
    /// It is in force.
    Applied,
    /// A second person said no.
    Refused,
    /// Its proposer took it back.
    Withdrawn,
}

words!(ProposalState {
    Draft => "draft", Proposed => "proposed", Applied => "applied", Refused => "refused", Withdrawn => "withdrawn",
});

/// A proposal as officers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// What it is called.
    pub title: String,
    /// Why.
    pub why: String,
    /// Where it stands.
    pub state: ProposalState,
    /// Counts its changes, so that nobody approves what they have not seen.
    pub revision: u64,
    /// The version of the catalogue that it changes.
    pub base: String,
    /// The files that change.
    pub files: Changed,
    /// The plan, once it is proposed.
    pub plan: Option<Plan>,
    /// Who proposes it.
    pub proposed_by: String,
    /// The client of who proposes it.
    proposer: String,
    /// Who approved, refused or withdrew it, and why where they said so.
    pub ended_by: Option<(String, Option<String>)>,
    /// The version of the catalogue that it became.
    pub applied: Option<String>,
    /// When it was begun.
    pub created_at: Moment,
    /// When it was proposed.
    pub proposed_at: Option<Moment>,
    /// When it was approved, refused or withdrawn.
    pub ended_at: Option<Moment>,
}

/// What the check of a proposal says.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Every finding, by file and line.
    pub findings: Vec<Finding>,
    /// How many examples were run.
    pub examples: usize,
    /// Whether it may be proposed.
    pub clean: bool,
}

/// Why a step with a proposal was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ProposalMistake {
    /// The files, or the catalogue they were made for.
    #[error(transparent)]
    Plan(#[from] PlanMistake),
    /// Another catalogue changed the same file since.
    #[error(
        "{file} was changed by catalogue {running} after this proposal was begun; begin again from the text in force"
    )]
    Overtaken {
        /// The file.
        file: String,
        /// What is in force.
        running: String,
    },
    /// What was asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<StoreError> for ProposalMistake {
    fn from(error: StoreError) -> Self {
        Self::Plan(error.into())
    }
}

impl Proposal {
    fn of(row: ProposalRow) -> Result<Self, StoreError> {
        let plan = row.plan.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            id: row.id,
            title: row.title,
            why: row.reason,
            state: ProposalState::parse(&row.state).ok_or(StoreError::Corrupt)?,
            revision: row.revision,
            base: row.base,
            files: serde_json::from_str(&row.files).map_err(|_| StoreError::Corrupt)?,
            plan: plan.map_err(|_| StoreError::Corrupt)?,
            proposed_by: row.proposed_by,
            proposer: row.proposer,
            ended_by: row.ended_by.map(|name| (name, row.ended_why)),
            applied: row.applied,
            created_at: row.created_at,
            proposed_at: row.proposed_at,
            ended_at: row.ended_at,
        })
    }

    /// Whether the caller proposed it, and so may not approve it.
    pub fn is_of(&self, call: &Call) -> bool {
        self.proposer == call.principal.client
    }
}

/// Policies are those of all libraries: who changes them works for all.
fn may_manage(call: &Call, work: &Work<'_, '_>) -> Result<(), Refusal> {
    call.require(Scope::PoliciesManage)?;
    if call.serves_all(work.catalogue()) {
        Ok(())
    } else {
        Err(Refusal::Forbidden(Forbidden::Organisation))
    }
}

impl Service {
    /// The texts of the catalogue in force.
    ///
    /// # Errors
    /// [`PlanMistake::Running`] when this program cannot read them.
    pub fn policy_files(&self) -> Result<Files, PlanMistake> {
        let row = self.store().read("policy_files", |tx| tx.latest_catalogue())?;
        let row = row.ok_or(PlanMistake::Running)?;
        serde_json::from_str(&row.content).map_err(|_| PlanMistake::Running)
    }

    /// Proposals, newest first.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope.
    pub async fn proposals(&self, call: &Call) -> Result<Vec<Proposal>, Refusal> {
        self.read(call, |call, work| {
            call.require(Scope::PoliciesRead)?;
            let rows = work.tx().proposals(MOST)?;
            Ok(rows.into_iter().map(Proposal::of).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One proposal.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn proposal(&self, call: &Call, id: ProposalId) -> Result<Proposal, Refusal> {
        self.read(call, move |call, work| {
            call.require(Scope::PoliciesRead)?;
            let row = work.tx().proposal(id)?.ok_or(Refusal::NotFound)?;
            Ok(Proposal::of(row)?)
        })
        .await
    }

    /// Everything about the files of a proposal: form, references, law, plain language, versions and examples. Blocks.
    ///
    /// # Errors
    /// [`ProposalMistake`].
    pub fn inspect_proposal(&self, proposal: &Proposal) -> Result<Inspected, ProposalMistake> {
        let files = self.proposed_files(proposal)?;
        let inspection = crate::policy::load::inspect(&files, None, &crate::crypto::sha256);
        let examples = inspection.checked.as_ref();
        Ok(Inspected {
            clean: inspection.is_clean(),
            examples: examples.map_or(0, |checked| checked.documents.examples()),
            findings: inspection.findings,
        })
    }

    /// The plan of a draft, without counting members: what changes, and which answers flip. Blocks.
    ///
    /// # Errors
    /// [`ProposalMistake`].
    pub fn preview(&self, proposal: &Proposal) -> Result<Plan, ProposalMistake> {
        let after = self.proposed(proposal)?;
        let (_, before) = self.running()?;
        let plan = Plan::between(Some(&before), &after, &crate::crypto::sha256);
        Ok(plan.map_err(PlanMistake::Mistakes)?)
    }

    /// The files of a proposal over those in force.
    fn proposed_files(&self, proposal: &Proposal) -> Result<Files, ProposalMistake> {
        let rows = self
            .store()
            .read("proposed_files", |tx| tx.catalogue_versions())?;
        let files = |version: Option<&str>| {
            let row = match version {
                Some(version) => rows.iter().find(|row| row.version == version),
                None => rows.last(),
            };
            let files = row.and_then(|row| serde_json::from_str::<Files>(&row.content).ok());
            files.ok_or(PlanMistake::Running)
        };
        let (base, running) = (files(Some(&proposal.base))?, files(None)?);
        if let Some(file) = proposal.files.overtaken(&base, &running) {
            return Err(ProposalMistake::Overtaken {
                file: file.to_owned(),
                running: rows.last().map(|row| row.version.clone()).unwrap_or_default(),
            });
        }
        Ok(proposal.files.over(&running))
    }

    /// The catalogue of a proposal.
    fn proposed(&self, proposal: &Proposal) -> Result<Checked, ProposalMistake> {
        Ok(super::apply::checked(&self.proposed_files(proposal)?)?)
    }
}
