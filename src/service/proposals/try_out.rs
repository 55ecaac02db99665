//! What a proposed catalogue would answer: to any question about somebody described, and to a question about a member,
//! which is looked up with a reason that is recorded.

use std::sync::Arc;

use super::{Proposal, ProposalMistake};
use crate::domain::decision::{Question, Verdict};
use crate::domain::personal::Personal;
use crate::policy::catalogue::Catalogue;
use crate::policy::evaluate::{Subject, evaluate};
use crate::policy::examples::Imagined;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::console::look::Look;
use crate::service::decide::look_at;
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::verbs::PersonRef;
use crate::service::work::{Found, Stop, Subjects, Work};

/// The answers of the catalogue in force and of the proposed one; none where it does not know the purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImaginedAnswer {
    /// Now.
    pub before: Option<Verdict>,
    /// Under the proposal.
    pub after: Option<Verdict>,
}

/// Ask about a member.
#[derive(Debug, Clone)]
pub struct TryPerson {
    /// Who.
    pub person: PersonRef,
    /// What.
    pub question: Question,
    /// Why the officer looks; recorded, sealed.
    pub reason: Personal<String>,
    /// Who looks.
    pub officer: String,
}

struct Try {
    ask: TryPerson,
    after: Arc<Catalogue>,
}

impl Service {
    /// What the catalogue in force and the proposed one answer about somebody who is described. Records nothing. Blocks.
    ///
    /// # Errors
    /// [`ProposalMistake`].
    pub fn imagine(&self, proposal: &Proposal, asked: &Imagined) -> Result<ImaginedAnswer, ProposalMistake> {
        let after = self.proposed(proposal)?;
        let (before, now) = (self.catalogue(), self.world().now());
        Ok(ImaginedAnswer {
            before: asked.answer(&before, &before, now),
            after: asked.answer(&before, &after.catalogue, now),
        })
    }

    /// What they answer about a member. That the member was looked up is recorded before it is answered.
    ///
    /// # Errors
    /// [`ProposalMistake`].
    pub async fn try_person(
        &self,
        call: &Call,
        proposal: &Proposal,
        ask: TryPerson,
    ) -> Result<ImaginedAnswer, ProposalMistake> {
        let (service, of) = (self.clone(), proposal.clone());
        let after = tokio::task::spawn_blocking(move || service.proposed(&of)).await;
        let after = Arc::new(after.map_err(|_| Refusal::Unavailable)??.catalogue);
        Ok(self.lane_of_changes().submit(call, Try { ask, after }).await?)
    }
}

impl Verb for Try {
    type Answer = ImaginedAnswer;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        let system = &call.principal.system;
        look_at(
            shared,
            system,
            &self.ask.question.organisation,
            &self.ask.person,
            into,
        );
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<ImaginedAnswer, Stop> {
        call.require(Scope::PoliciesRead)?;
        call.require(Scope::AuditRead)?;
        let question = &self.ask.question;
        work.require_organisation(call, &question.organisation)?;
        if self.ask.reason.reveal().trim().is_empty() {
            let detail = "say why you look this person up; the reason is recorded";
            return Err(Refusal::from(Invalid::new("/reason", "required", detail)).into());
        }
        let found = work.find(&call.principal.system, &question.organisation, &self.ask.person)?;
        let look = Look {
            what: "try-policy",
            organisation: &question.organisation,
            reason: self.ask.reason.reveal(),
            officer: &self.ask.officer,
            person: match found {
                Found::Known(id) => Some(work.shared.keys.pairwise(
                    &call.principal.system,
                    &question.organisation,
                    id,
                )),
                Found::Unknown | Found::Erased(_) => None,
            },
            request: None,
        };
        look.record(call, work)?;
        let before = Arc::clone(&work.policies.current);
        let now = work.now;
        let answer = |catalogue: &Catalogue| -> Result<Option<Verdict>, Refusal> {
            if !catalogue.purposes.contains_key(&question.purpose) {
                return Ok(None);
            }
            Ok(Some(match found {
                Found::Unknown => evaluate(catalogue, Subject::Unknown, question, now),
                Found::Erased(_) => evaluate(catalogue, Subject::Erased, question, now),
                Found::Known(id) => {
                    evaluate(catalogue, Subject::Known(&work.member(id)?.record), question, now)
                }
            }))
        };
        Ok(ImaginedAnswer {
            before: answer(&before)?,
            after: answer(&self.after)?,
        })
    }
}
