//! The steps of an officer. Whoever takes one says at which revision they saw the request, and the law says which steps
//! are possible.

use super::answer::{self, require_voice};
use super::sealed::{Opened, open_request, seal_content, seal_officer};
use super::{Content, RightsRequest, Wish};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::domain::event::ActorKind;
use crate::domain::ids::RightsRequestId;
use crate::domain::personal::Personal;
use crate::domain::rights::{ExtensionReason, RejectionGround, RequestState, RequestType, StepKind};
use crate::domain::working_days;
use crate::service::call::{Call, Scope};
use crate::service::consent::find_guardian;
use crate::service::lane::Verb;
use crate::service::refusal::{Conflict, Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::verbs::{ActorRef, PersonRef};
use crate::service::work::{Log, Person, Stop, Subjects, Work};
use crate::store::{RightsRequestRow, RightsStepRow, StoreError};

/// The longest extension, in months (GDPR art. 12(3)).
pub const LONGEST_EXTENSION: u32 = 2;

/// Take a step with a request.
#[derive(Debug, Clone)]
pub struct TakeStep {
    /// Which request.
    pub id: RightsRequestId,
    /// The revision the officer saw.
    pub revision: u64,
    /// Who takes it: the staff member's own number.
    pub officer: Personal<String>,
    /// The step.
    pub step: Step,
}

/// A step, with what it says.
#[derive(Debug, Clone)]
pub enum Step {
    /// The person was told that the request was received.
    Acknowledge,
    /// Make an officer responsible.
    Assign {
        /// Whom.
        to: Personal<String>,
    },
    /// Ask the person to show who they are, for a doubt that is recorded (GDPR art. 12(6)).
    AskIdentity {
        /// The doubt.
        doubt: Personal<String>,
    },
    /// It is known who asks.
    ConfirmIdentity {
        /// How.
        how: Personal<String>,
    },
    /// A guardian stands behind the request of a child.
    ConfirmGuardian {
        /// Who.
        guardian: PersonRef,
    },
    /// It will be granted.
    Accept,
    /// Extend the term, once, within the first month (GDPR art. 12(3)).
    Extend {
        /// By 1 or 2 months.
        months: u32,
        /// Why, as the law has it.
        reason: ExtensionReason,
        /// Why, for the person.
        explanation: Personal<String>,
    },
    /// Refuse (GDPR art. 12(4)).
    Reject {
        /// On which ground.
        ground: RejectionGround,
        /// Why, for the person.
        explanation: Personal<String>,
    },
    /// Do it, and say so.
    Complete {
        /// What was done, for the person.
        explanation: Option<Personal<String>>,
        /// What to record here, where that is other than was asked, or was not said.
        instead: Option<Wish>,
    },
    /// End it in another way: the person took it back, or is gone.
    Close {
        /// Why.
        explanation: Personal<String>,
    },
}

impl Step {
    const fn kind(&self) -> StepKind {
        match self {
            Self::Acknowledge => StepKind::Acknowledged,
            Self::Assign { .. } => StepKind::Assigned,
            Self::AskIdentity { .. } => StepKind::IdentityAsked,
            Self::ConfirmIdentity { .. } => StepKind::IdentityConfirmed,
            Self::ConfirmGuardian { .. } => StepKind::GuardianConfirmed,
            Self::Accept => StepKind::Accepted,
            Self::Extend { .. } => StepKind::Extended,
            Self::Reject { .. } => StepKind::Rejected,
            Self::Complete { .. } => StepKind::Completed,
            Self::Close { .. } => StepKind::Closed,
        }
    }
}

impl Verb for TakeStep {
    type Answer = RightsRequest;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<RightsRequest, Stop> {
        call.require(Scope::RightsManage)?;
        let opened = open_request(call, work, self.id)?;
        if opened.row.revision != self.revision {
            return Err(Refusal::Conflict(Conflict::Revision).into());
        }
        let kind = self.step.kind();
        require_possible(&opened, kind)?;
        let mut row = opened.row.clone();
        let content = self.content(call, work, &opened, &mut row)?;
        let state = next_state(&opened.request, kind)?;
        row.state = state.to_string();
        row.revision += 1;
        row.ended_at = state.is_ended().then_some(work.now);
        let taken = Taken {
            kind,
            officer: Some(&self.officer),
            content,
        };
        work.tx().update_rights_request(&row)?;
        record(call, work, &row, opened.person.as_ref(), taken)?;
        Ok(open_request(call, work, self.id)?.request)
    }
}

/// Once the person is erased nothing is left to decide on but to close the request, or, where that was what was asked, to
/// complete it.
fn require_possible(opened: &Opened, kind: StepKind) -> Result<(), Refusal> {
    let possible = match kind {
        StepKind::Closed | StepKind::Assigned => true,
        StepKind::Completed => opened.request.kind == RequestType::Erasure,
        _ => false,
    };
    if opened.person.is_some() || possible || opened.request.state.is_ended() {
        Ok(())
    } else {
        Err(Refusal::Conflict(Conflict::Erased))
    }
}

/// The state after a step, or why the step does not fit.
pub(super) fn next_state(request: &RightsRequest, kind: StepKind) -> Result<RequestState, Refusal> {
    request.state.after(kind).ok_or(Refusal::Conflict(match kind {
        _ if request.state.is_ended() => Conflict::RequestEnded,
        StepKind::Completed => Conflict::ActionRequired,
        _ => Conflict::StepNotPossible,
    }))
}

impl TakeStep {
    /// Checks the step, has its effects on the row and the person, and answers what it says.
    fn content(
        &self,
        call: &Call,
        work: &mut Work<'_, '_>,
        opened: &Opened,
        row: &mut RightsRequestRow,
    ) -> Result<Option<Content>, Stop> {
        let request = &opened.request;
        // Before anything else: what ended is not extended, refused or done a second time.
        next_state(request, self.step.kind())?;
        Ok(match &self.step {
            Step::Acknowledge | Step::Accept => None,
            Step::Assign { to } => {
                row.assignee = seal_officer(work, Some(to))?;
                None
            }
            Step::AskIdentity { doubt } => Some(Content::IdentityAsked { doubt: doubt.clone() }),
            Step::ConfirmIdentity { how } => Some(Content::IdentityConfirmed { how: how.clone() }),
            Step::ConfirmGuardian { guardian } => Some(self.guardian(call, work, opened, guardian)?),
            Step::Extend {
                months,
                reason,
                explanation,
            } => {
                self.extend(work, row, *months)?;
                Some(Content::Extended {
                    months: *months,
                    reason: *reason,
                    explanation: explanation.clone(),
                })
            }
            Step::Reject { ground, explanation } => {
                let absolute = answer::is_absolute(work, opened);
                if !ground.fits(request.kind, absolute) {
                    return Err(no_such_ground(request, absolute).into());
                }
                answer::outweigh(call, work, opened, *ground, &self.officer)?;
                Some(Content::Rejected {
                    ground: *ground,
                    explanation: explanation.clone(),
                })
            }
            Step::Complete { explanation, instead } => {
                let did = answer::complete(call, work, opened, instead.as_ref(), &self.officer)?;
                Some(Content::Completed {
                    explanation: explanation.clone(),
                    did,
                })
            }
            Step::Close { explanation } => Some(Content::Closed {
                explanation: explanation.clone(),
            }),
        })
    }

    fn extend(&self, work: &Work<'_, '_>, row: &mut RightsRequestRow, months: u32) -> Result<(), Refusal> {
        if row.extended_at.is_some() {
            return Err(Refusal::Conflict(Conflict::AlreadyExtended));
        }
        if !(1..=LONGEST_EXTENSION).contains(&months) {
            let detail = "a term is extended by 1 or 2 months (GDPR art. 12(3))";
            return Err(Invalid::new("/extend/months", "invalid-value", detail).into());
        }
        if work.now > row.due_at {
            return Err(Refusal::Conflict(Conflict::TooLateToExtend));
        }
        let zone = work.catalogue().network.zone;
        // From the receipt: a weekend at the end of the first month makes the whole no longer.
        row.due_at = working_days::term_ends(row.received_at, 1 + months, zone);
        row.extended_at = Some(work.now);
        Ok(())
    }

    fn guardian(
        &self,
        call: &Call,
        work: &mut Work<'_, '_>,
        opened: &Opened,
        guardian: &PersonRef,
    ) -> Result<Content, Stop> {
        let organisation = &opened.request.organisation;
        let actor = ActorRef {
            kind: ActorKind::Guardian,
            guardian: Some(guardian.clone()),
            staff: None,
        };
        let guardian = find_guardian(call, work, organisation, &actor)?
            .ok_or(Refusal::Conflict(Conflict::GuardianRequired))?;
        let person = opened
            .person
            .as_ref()
            .ok_or(Refusal::Conflict(Conflict::Erased))?;
        require_voice(work, &opened.request, person.id, Some(guardian))?;
        Ok(Content::GuardianConfirmed { guardian })
    }
}

fn no_such_ground(request: &RightsRequest, absolute: bool) -> Refusal {
    let grounds: Vec<&str> = RejectionGround::ALL
        .iter()
        .filter(|ground| ground.fits(request.kind, absolute))
        .map(|ground| ground.as_str())
        .collect();
    let detail = format!(
        "the law does not know this ground for this request; it knows {}",
        grounds.join(", ")
    );
    Invalid::new("/reject/ground", "unknown-ground", detail).into()
}

/// A step that was decided on.
pub(super) struct Taken<'t> {
    pub(super) kind: StepKind,
    pub(super) officer: Option<&'t Personal<String>>,
    pub(super) content: Option<Content>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Private<'a> {
    request: RightsRequestId,
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    officer: Option<&'a Personal<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

/// Writes a step down and makes its entry in the log of choices. The line says of which type the request is and not which
/// request: two lines of one request are not to be joined by whoever reads the log.
pub(super) fn record(
    call: &Call,
    work: &mut Work<'_, '_>,
    row: &RightsRequestRow,
    person: Option<&Person>,
    taken: Taken<'_>,
) -> Result<(), Stop> {
    let content = match (person, &taken.content) {
        (Some(person), Some(content)) => Some(seal_content(work, person, (row.id, row.revision), content)?),
        // What is said about somebody who was erased is not kept: nothing can ever take it away again.
        _ => None,
    };
    let step = RightsStepRow {
        request_id: row.id,
        number: row.revision,
        step: taken.kind.to_string(),
        state: row.state.clone(),
        at: work.now,
        system: call.principal.system.to_string(),
        officer: seal_officer(work, taken.officer)?,
    };
    work.tx().insert_rights_step(&step, content.as_ref())?;
    let private = Private {
        request: row.id,
        client: &call.principal.client,
        officer: taken.officer,
        content: taken.content.as_ref(),
        trace: call.trace.as_ref().map(|trace| trace.reveal().as_str()),
    };
    let private = serde_json::to_vec(&private).map_err(|_| StoreError::Corrupt)?;
    stage(call, work, row, person, taken.kind.leaf_kind(), &private)
}

/// The entry of something that was done with a request.
pub(super) fn stage(
    call: &Call,
    work: &mut Work<'_, '_>,
    row: &RightsRequestRow,
    person: Option<&Person>,
    kind: &'static str,
    private: &[u8],
) -> Result<(), Stop> {
    let organisation = super::sealed::organisation_of(row)?;
    let policies = std::sync::Arc::clone(&work.policies);
    let id = EntryId::from_bytes(work.dated_id());
    let mut leaf = Leaf::new(
        kind,
        id,
        work.now.millis(),
        &call.principal.system,
        work.shared.node.as_str(),
        policies.current.version.as_str(),
    );
    leaf.organisation = Some((&organisation).into());
    leaf.outcome = Some("ok".into());
    leaf.extra = [(Word::from("type"), row.kind.as_str().into())]
        .into_iter()
        .collect();
    match person.and_then(|person| Some((person, person.keys.clone()?))) {
        Some((person, keys)) => {
            work.stage_leaf_about(Log::Consent, person, &keys, leaf, private)?;
        }
        None => {
            work.stage_leaf_about_nobody(Log::Consent, leaf);
        }
    }
    Ok(())
}
