//! A new catalogue comes into force: planned by one, approved by another, recorded, on every node at one instant. There
//! is no way back but forward: what was shown to a member stays what it was.

use std::sync::Arc;

use super::Service;
use super::call::Call;
use super::catalogue::{numbered, refresh};
use super::keys::KeyringError;
use super::lane::Verb;
use super::refusal::{Conflict, Refusal};
use super::shared::Shared;
use super::work::{Stop, Subjects, Work};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::crypto::sha256;
use crate::domain::ids::ProposalId;
use crate::policy::finding::Finding;
use crate::policy::load::{Checked, CompileOptions, Files, inspect};
use crate::policy::meaning::VersionHistory;
use crate::policy::plan::Plan;
use crate::store::{CatalogueRow, StoreError};

/// Longest name of a proposer or approver, in characters.
const LONGEST_NAME: usize = 200;

/// Why a plan was not made or applied.
#[derive(Debug, thiserror::Error)]
pub enum PlanMistake {
    /// The files have mistakes, or do not continue the catalogue in force.
    #[error("the policies have {} mistakes; run `akkoord policy check`", .0.len())]
    Mistakes(Vec<Finding>),
    /// The catalogue in force cannot be read.
    #[error("the catalogue in force cannot be read by this program; run the program that applied it")]
    Running,
    /// The plan was changed after it was made.
    #[error("the files in the plan are not those it was made of; make the plan again")]
    Tampered,
    /// Somebody else applied another one.
    #[error("the plan changes catalogue {base}, and {running} is in force by now; make the plan again")]
    Moved {
        /// What the plan was made for.
        base: String,
        /// What is in force.
        running: String,
    },
    /// Nothing changes.
    #[error("the plan changes nothing")]
    Empty,
    /// One person alone.
    #[error(
        "{0} proposed this plan, and somebody else must approve it: two people look at every change of the policies"
    )]
    SamePerson(String),
    /// There is no proposer or approver.
    #[error("a plan needs a proposer and an approver: names or roles of 1 to {LONGEST_NAME} characters")]
    Nobody,
    /// The keys of new identifier schemes cannot be made.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be recorded.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Service {
    /// The plan from the catalogue in force to other files, with what it means for members. Changes nothing. Blocks.
    ///
    /// # Errors
    /// [`PlanMistake`].
    pub fn plan(&self, files: &Files, proposed_by: Option<&str>) -> Result<Plan, PlanMistake> {
        let after = checked(files)?;
        let (_, before) = self.running()?;
        let mut plan = Plan::between(Some(&before), &after, &sha256).map_err(PlanMistake::Mistakes)?;
        plan.proposed_by = proposed_by.map(name).transpose()?;
        plan.impact = Some(self.impact(&after.catalogue)?);
        Ok(plan)
    }

    /// Brings a plan into force, and records that. Every node takes it over with its next transaction. Answers the
    /// version.
    ///
    /// # Errors
    /// [`PlanMistake`]; then nothing was changed.
    pub async fn apply_plan(
        &self,
        call: &Call,
        plan: &Plan,
        approved_by: &str,
    ) -> Result<String, PlanMistake> {
        let approved = Approved {
            by: approved_by,
            proposal: None,
        };
        self.bring_into_force(call, plan, approved).await
    }

    /// The same for a plan that may stand in a proposal, which then ends with it.
    pub(super) async fn bring_into_force(
        &self,
        call: &Call,
        plan: &Plan,
        approved: Approved<'_>,
    ) -> Result<String, PlanMistake> {
        let approver = name(approved.by)?;
        let proposer = name(plan.proposed_by.as_deref().unwrap_or_default())?;
        if proposer.to_lowercase() == approver.to_lowercase() {
            return Err(PlanMistake::SamePerson(proposer));
        }
        if !plan.is_intact(&sha256) {
            return Err(PlanMistake::Tampered);
        }
        let after = checked(&plan.files)?;
        let (sequence, before) = self.running()?;
        let running = before.catalogue.version.clone();
        if plan.base.as_ref() != Some(&running) {
            let base = plan.base.clone().unwrap_or_else(|| "none".to_owned());
            return Err(PlanMistake::Moved { base, running });
        }
        let again = Plan::between(Some(&before), &after, &sha256).map_err(PlanMistake::Mistakes)?;
        if again.is_empty() {
            return Err(PlanMistake::Empty);
        }
        // Their keys are there before any node meets the new identifier schemes.
        self.keys()
            .make_missing(self.store(), &after.catalogue, self.world())?;
        let verb = ApplyCatalogue {
            sequence: sequence + 1,
            version: numbered(&plan.date, sequence + 1),
            content: serde_json::to_string(&plan.files).map_err(|_| StoreError::Corrupt)?,
            files_sha256: plan.files_sha256.clone(),
            proposer,
            approver,
            proposal: approved.proposal,
        };
        let version = verb.version.clone();
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        if !lane.submit(call, verb).await? {
            let running = self.catalogue().version.clone();
            let base = before.catalogue.version;
            return Err(PlanMistake::Moved { base, running });
        }
        self.store()
            .read("refresh_catalogue", |tx| refresh(self.shared(), tx))?;
        Ok(version)
    }

    /// The catalogue in force with its number and its files.
    pub(super) fn running(&self) -> Result<(u64, Checked), PlanMistake> {
        let row = self.store().read("plan_catalogue", |tx| tx.latest_catalogue())?;
        let row = row.ok_or(PlanMistake::Running)?;
        let files: Files = serde_json::from_str(&row.content).map_err(|_| PlanMistake::Running)?;
        let compiled = VersionHistory::of(&files)
            .map_err(|finding| vec![finding])
            .and_then(|earlier| {
                Checked::compile(&files, &row.version, &earlier, CompileOptions::default(), &sha256)
            });
        compiled
            .map(|checked| (row.sequence, checked))
            .map_err(|_| PlanMistake::Running)
    }
}

/// Files that may come into force: those with no mistake of any sort, and examples that pass.
pub(super) fn checked(files: &Files) -> Result<Checked, PlanMistake> {
    let inspection = inspect(files, None, &sha256);
    let clean = inspection.is_clean();
    match inspection.checked {
        Some(checked) if clean => Ok(checked),
        _ => Err(PlanMistake::Mistakes(
            inspection
                .findings
                .into_iter()
                .filter(Finding::is_error)
                .collect(),
        )),
    }
}

fn name(text: &str) -> Result<String, PlanMistake> {
    let text = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(PlanMistake::Nobody)
    }
}

/// Adds the next catalogue, unless another one came first.
struct ApplyCatalogue {
    sequence: u64,
    version: String,
    content: String,
    files_sha256: String,
    proposer: String,
    approver: String,
    proposal: Option<(ProposalId, u64)>,
}

/// Who approves, and which proposal at which revision.
pub(super) struct Approved<'a> {
    pub(super) by: &'a str,
    pub(super) proposal: Option<(ProposalId, u64)>,
}

impl Verb for ApplyCatalogue {
    type Answer = bool;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<bool, Stop> {
        if work.policies.sequence + 1 != self.sequence {
            return Ok(false);
        }
        let now = work.now;
        if let Some((id, revision)) = self.proposal {
            let mut row = work.tx().proposal(id)?.ok_or(Refusal::NotFound)?;
            if row.revision != revision || row.state != "proposed" {
                return Err(Refusal::Conflict(Conflict::Revision).into());
            }
            row.state = "applied".to_owned();
            row.ended_by = Some(self.approver.clone());
            row.ended_at = Some(now);
            row.applied = Some(self.version.clone());
            work.tx().update_proposal(&row)?;
        }
        work.tx().insert_catalogue_version(&CatalogueRow {
            sequence: self.sequence,
            version: self.version.clone(),
            content: self.content.clone(),
            proposed_by: self.proposer.clone(),
            approved_by: Some(self.approver.clone()),
            applied_at: now,
        })?;
        let policies = Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let mut leaf = Leaf::new(
            "policy.applied",
            id,
            now.millis(),
            &call.principal.system,
            work.shared.node.as_str(),
            policies.current.version.as_str(),
        );
        leaf.outcome = Some("ok".into());
        // Who proposed and who approved stands in the database: a line of the log names nobody.
        let proposal = self.proposal.map(|(id, _)| id.to_string());
        leaf.extra = [
            ("applied", Some(self.version.as_str())),
            ("files-sha256", Some(self.files_sha256.as_str())),
            ("proposal", proposal.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, fact)| Some((name, fact?)))
        .map(|(name, fact)| (Word::from(name), fact.into()))
        .collect();
        work.stage_admin_leaf(&leaf);
        Ok(true)
    }
}
