//! The steps of a proposal up to the approval, each with its entry in the log `admin`.

use super::{Changed, LONGEST_TITLE, LONGEST_WHY, Proposal, ProposalMistake, ProposalState, may_manage};
use crate::audit::leaf::{EntryId, Leaf};
use crate::crypto::sha256;
use crate::domain::hex::hex;
use crate::domain::ids::ProposalId;
use crate::policy::plan::Plan;
use crate::service::Service;
use crate::service::apply::PlanMistake;
use crate::service::call::Call;
use crate::service::exports::put_sealed;
use crate::service::lane::Verb;
use crate::service::refusal::{Conflict, Forbidden, Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::work::{Stop, Subjects, Work};
use crate::store::{ProposalRow, StoreError};

/// Longest texts of a proposal together, in bytes.
const LONGEST_FILES: usize = 1 << 20;
/// Longest name of an officer, in characters.
const LONGEST_NAME: usize = 100;

/// Begin a proposal, or change a draft.
#[derive(Debug, Clone)]
pub struct SaveDraft {
    /// Which draft, and the revision its officer saw; none to begin one.
    pub draft: Option<(ProposalId, u64)>,
    /// What it is called.
    pub title: String,
    /// Why.
    pub why: String,
    /// The files that change, with their new texts.
    pub files: Changed,
    /// Who proposes it.
    pub officer: String,
}

/// End a proposal that is not in force.
#[derive(Debug, Clone)]
pub struct EndProposal {
    /// Which.
    pub id: ProposalId,
    /// The revision the officer saw.
    pub revision: u64,
    /// Whether a second person refuses it; else its proposer withdraws it.
    pub refuse: bool,
    /// Why.
    pub why: String,
    /// Who ends it.
    pub officer: String,
}

/// A draft with its plan.
struct Submit {
    id: ProposalId,
    revision: u64,
    base: String,
    plan: String,
    files_sha256: String,
    officer: String,
}

impl Service {
    /// Begins a proposal, or changes a draft. Its files may have mistakes; the check tells them.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn save_draft(&self, call: &Call, verb: SaveDraft) -> Result<ProposalId, Refusal> {
        self.lane_of_changes().submit(call, verb).await
    }

    /// Proposes a draft: from now on its plan, with the members who must choose again, waits for a second person. Of what
    /// is proposed already, makes the plan anew.
    ///
    /// # Errors
    /// [`ProposalMistake`].
    pub async fn submit_proposal(
        &self,
        call: &Call,
        id: ProposalId,
        revision: u64,
        officer: &str,
    ) -> Result<(), ProposalMistake> {
        let proposal = self.proposal(call, id).await?;
        let (service, by) = (self.clone(), officer.to_owned());
        let planned = tokio::task::spawn_blocking(move || -> Result<Plan, ProposalMistake> {
            let files = service.proposed_files(&proposal)?;
            Ok(service.plan(&files, Some(&by))?)
        });
        let plan = planned.await.map_err(|_| Refusal::Unavailable)??;
        if plan.is_empty() {
            return Err(PlanMistake::Empty.into());
        }
        let submit = Submit {
            id,
            revision,
            base: plan.base.clone().unwrap_or_default(),
            files_sha256: plan.files_sha256.clone(),
            plan: serde_json::to_string(&plan).map_err(|_| StoreError::Corrupt)?,
            officer: officer.to_owned(),
        };
        Ok(self.lane_of_changes().submit(call, submit).await?)
    }

    /// Refuses or withdraws a proposal.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn end_proposal(&self, call: &Call, verb: EndProposal) -> Result<(), Refusal> {
        self.lane_of_changes().submit(call, verb).await
    }
}

impl Verb for SaveDraft {
    type Answer = ProposalId;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<ProposalId, Stop> {
        may_manage(call, work)?;
        self.check()?;
        let files = serde_json::to_string(&self.files).map_err(|_| StoreError::Corrupt)?;
        let files_sha256 = hex(&sha256(files.as_bytes()));
        let mut row = match self.draft {
            Some((id, revision)) => {
                let row = own(call, work, id, revision)?;
                if row.state != ProposalState::Draft.as_str() {
                    return Err(Refusal::Conflict(Conflict::StepNotPossible).into());
                }
                row
            }
            None => ProposalRow {
                id: ProposalId::from_bytes(work.random()),
                title: String::new(),
                reason: String::new(),
                files: String::new(),
                files_sha256: String::new(),
                base: work.catalogue().version.clone(),
                plan: None,
                state: ProposalState::Draft.to_string(),
                revision: 1,
                proposed_by: self.officer.clone(),
                proposer: call.principal.client.clone(),
                ended_by: None,
                ended_why: None,
                applied: None,
                created_at: work.now,
                proposed_at: None,
                ended_at: None,
            },
        };
        row.title = self.title.trim().to_owned();
        row.reason = self.why.trim().to_owned();
        (row.files, row.files_sha256) = (files, files_sha256);
        match self.draft {
            Some(_) => work.tx().update_proposal(&row)?,
            None => work.tx().insert_proposal(&row)?,
        }
        record(call, work, "policy.drafted", &row, &self.officer)?;
        Ok(row.id)
    }
}

impl SaveDraft {
    fn check(&self) -> Result<(), Refusal> {
        let length = |text: &str, most| (1..=most).contains(&text.trim().chars().count());
        let wrong = |pointer: &str, code, detail: String| Err(Invalid::new(pointer, code, detail).into());
        if !length(&self.title, LONGEST_TITLE) {
            let detail = format!("Give the proposal a title of 1 to {LONGEST_TITLE} characters.");
            return wrong("/title", "invalid-length", detail);
        }
        if !length(&self.why, LONGEST_WHY) {
            let detail = format!("Say in 1 to {LONGEST_WHY} characters why this changes.");
            return wrong("/why", "invalid-length", detail);
        }
        if !length(&self.officer, LONGEST_NAME) {
            return wrong("/officer", "required", "Say who proposes it.".to_owned());
        }
        if let Some(file) = self.files.stranger() {
            let detail = format!(
                "{file} is no policy file: use network.toml, data-scopes.toml, systems.toml, purposes/<id>.toml or themes/<library>.css."
            );
            return wrong("/files", "unexpected-file", detail);
        }
        if self.files.size() > LONGEST_FILES {
            let detail = format!("The files are longer than {LONGEST_FILES} bytes together.");
            return wrong("/files", "too-long", detail);
        }
        Ok(())
    }
}

impl Verb for Submit {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        may_manage(call, work)?;
        let mut row = own(call, work, self.id, self.revision)?;
        let waits = [ProposalState::Draft, ProposalState::Proposed].map(ProposalState::as_str);
        if !waits.contains(&row.state.as_str()) {
            return Err(Refusal::Conflict(Conflict::StepNotPossible).into());
        }
        row.state = ProposalState::Proposed.to_string();
        row.base.clone_from(&self.base);
        row.files_sha256.clone_from(&self.files_sha256);
        row.plan = Some(self.plan.clone());
        row.proposed_at = Some(work.now);
        work.tx().update_proposal(&row)?;
        record(call, work, "policy.proposed", &row, &self.officer)
    }
}

impl Verb for EndProposal {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        may_manage(call, work)?;
        if self.why.trim().is_empty() || self.why.chars().count() > LONGEST_WHY {
            let detail = format!("Say in 1 to {LONGEST_WHY} characters why.");
            return Err(Refusal::from(Invalid::new("/why", "invalid-length", detail)).into());
        }
        let mut row = found(work, self.id, self.revision)?;
        let is_own = row.proposer == call.principal.client;
        let (state, kind, possible) = if self.refuse {
            let waits = row.state == ProposalState::Proposed.as_str();
            (ProposalState::Refused, "policy.refused", waits && !is_own)
        } else {
            let ended = row.ended_at.is_some();
            (ProposalState::Withdrawn, "policy.withdrawn", !ended && is_own)
        };
        if !possible {
            return Err(Refusal::Conflict(Conflict::StepNotPossible).into());
        }
        row.state = state.to_string();
        row.ended_by = Some(self.officer.clone());
        row.ended_why = Some(self.why.trim().to_owned());
        row.ended_at = Some(work.now);
        work.tx().update_proposal(&row)?;
        record(call, work, kind, &row, &self.officer)
    }
}

/// A proposal at the revision that an officer saw.
pub(super) fn found(work: &mut Work<'_, '_>, id: ProposalId, revision: u64) -> Result<ProposalRow, Stop> {
    let row = work.tx().proposal(id)?.ok_or(Refusal::NotFound)?;
    if row.revision == revision {
        Ok(row)
    } else {
        Err(Refusal::Conflict(Conflict::Revision).into())
    }
}

/// The same, of its own proposer.
fn own(call: &Call, work: &mut Work<'_, '_>, id: ProposalId, revision: u64) -> Result<ProposalRow, Stop> {
    let row = found(work, id, revision)?;
    if row.proposer == call.principal.client {
        Ok(row)
    } else {
        Err(Refusal::Forbidden(Forbidden::SameOfficer).into())
    }
}

/// The entry of a step: which proposal and which files, in clear; who, sealed.
fn record(
    call: &Call,
    work: &mut Work<'_, '_>,
    kind: &'static str,
    row: &ProposalRow,
    officer: &str,
) -> Result<(), Stop> {
    let policies = std::sync::Arc::clone(&work.policies);
    let id = EntryId::from_bytes(work.dated_id());
    let (node, version) = (work.shared.node.as_str(), policies.current.version.as_str());
    let mut leaf = Leaf::new(kind, id, work.now.millis(), &call.principal.system, node, version);
    leaf.outcome = Some("ok".into());
    let facts = [
        ("proposal", row.id.to_string()),
        ("base", row.base.clone()),
        ("files-sha256", row.files_sha256.clone()),
    ];
    leaf.extra = facts
        .into_iter()
        .map(|(name, fact)| (name.into(), fact.into()))
        .collect();
    let private = serde_json::json!({
        "officer": officer, "client": call.principal.client, "title": row.title, "reason": row.ended_why,
    });
    put_sealed(work, &mut leaf, &private).ok_or(Refusal::Unavailable)?;
    work.stage_admin_leaf(&leaf);
    Ok(())
}

impl Proposal {
    /// Whether a step can be taken by a caller: change, propose, approve, refuse, withdraw.
    pub fn possible(&self, call: &Call) -> Possible {
        let (own, draft) = (self.is_of(call), self.state == ProposalState::Draft);
        let proposed = self.state == ProposalState::Proposed;
        Possible {
            change: own && draft,
            propose: own && (draft || proposed),
            decide: !own && proposed,
            withdraw: own && (draft || proposed),
        }
    }
}

/// What a caller can do with a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Possible {
    /// Change its files.
    pub change: bool,
    /// Propose it, or make its plan anew.
    pub propose: bool,
    /// Approve or refuse it.
    pub decide: bool,
    /// Take it back.
    pub withdraw: bool,
}
