//! A second person approves, and with that the proposal comes into force, in one transaction with its entry.

use super::{Proposal, ProposalMistake, ProposalState};
use crate::domain::ids::ProposalId;
use crate::service::Service;
use crate::service::apply::{Approved, PlanMistake};
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Conflict, Forbidden, Refusal};

impl Service {
    /// Brings a proposal into force. Answers the version of the catalogue.
    ///
    /// # Errors
    /// [`ProposalMistake`]; then nothing was changed.
    pub async fn approve_proposal(
        &self,
        call: &Call,
        id: ProposalId,
        revision: u64,
        officer: &str,
    ) -> Result<String, ProposalMistake> {
        call.require(Scope::PoliciesManage)?;
        if !call.serves_all(&self.catalogue()) {
            return Err(Refusal::Forbidden(Forbidden::Organisation).into());
        }
        let proposal: Proposal = self.proposal(call, id).await?;
        if proposal.revision != revision {
            return Err(Refusal::Conflict(Conflict::Revision).into());
        }
        let (ProposalState::Proposed, Some(plan)) = (proposal.state, &proposal.plan) else {
            return Err(Refusal::Conflict(Conflict::StepNotPossible).into());
        };
        // Two accounts of one name may be one person, and one account always is.
        if proposal.is_of(call) {
            return Err(PlanMistake::SamePerson(proposal.proposed_by).into());
        }
        let approved = Approved {
            by: officer,
            proposal: Some((id, revision)),
        };
        Ok(self.bring_into_force(call, plan, approved).await?)
    }
}
