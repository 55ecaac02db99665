//! A request comes in: its term begins, whoever wrote it down and whenever.

use super::answer::stop_at_receipt;
use super::sealed::open_request;
use super::step::{Taken, record};
use super::{Content, Received, RightsRequest, Wish};
use crate::domain::age::{self, AGE_OF_CONSENT};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::ActorKind;
use crate::domain::ids::{OrganisationId, RightsRequestId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::rights::{RequestState, RequestType, StepKind};
use crate::domain::working_days;
use crate::service::call::{Call, Scope};
use crate::service::consent::{find_guardian, require_authority};
use crate::service::decide::look_at;
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::verbs::{ActorRef, Evidence, PersonRef};
use crate::service::work::{Stop, Subjects, Work};
use crate::store::RightsRequestRow;

/// Take a request in.
#[derive(Debug, Clone)]
pub struct EnterRequest {
    /// Whose data.
    pub person: PersonRef,
    /// Library.
    pub organisation: OrganisationId,
    /// Which right.
    pub kind: RequestType,
    /// Who speaks.
    pub actor: ActorRef,
    /// How it came in.
    pub method: IndicationMethod,
    /// When the library received it, however late it is entered; absent means now.
    pub received_at: Option<Moment>,
    /// The language of the answer; absent means the person's own.
    pub language: Option<Language>,
    /// In the person's own words.
    pub text: Option<Personal<String>>,
    /// What exactly.
    pub wish: Wish,
    /// Proof.
    pub evidence: Option<Evidence>,
}

/// Whether a right of a child is exercised by a guardian (UAVG art. 5(4)). A no of the child's own is honoured (R19).
pub(super) const fn needs_guardian(kind: RequestType) -> bool {
    !matches!(kind, RequestType::Objection)
}

impl Verb for EnterRequest {
    type Answer = RightsRequest;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        let system = &call.principal.system;
        look_at(shared, system, &self.organisation, &self.person, into);
        if let Some(guardian) = &self.actor.guardian {
            look_at(shared, system, &self.organisation, guardian, into);
        }
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<RightsRequest, Stop> {
        call.require(Scope::RightsWrite)?;
        work.require_organisation(call, &self.organisation)?;
        if matches!(self.actor.kind, ActorKind::System | ActorKind::Import) {
            let detail = "a right is exercised by the person, a guardian, or staff on the person's word";
            return Err(Refusal::from(Invalid::new("/actor/type", "not-a-voice", detail)).into());
        }
        let received_at = self.received_at.unwrap_or(work.now).min(work.now);
        let person = work.find_member(call, &self.organisation, &self.person)?;
        work.require_changeable(call, person)?;
        let guardian = find_guardian(call, work, &self.organisation, &self.actor)?;
        let zone = work.catalogue().network.zone;
        let standing = work.standing(person, &self.organisation);
        require_authority(&standing, guardian, received_at, work.now, zone)?;

        // What a child asks alone is received like any other, with its term, and waits for a guardian. An unknown age is
        // under 16 (R23).
        let grown = age::has_reached(standing.birth(), AGE_OF_CONSENT, received_at, zone);
        let state = if guardian.is_none() && !grown && needs_guardian(self.kind) {
            RequestState::RequiresAction
        } else {
            RequestState::Initiated
        };
        let id = RightsRequestId::from_bytes(work.random());
        let row = RightsRequestRow {
            id,
            person_id: person,
            organisation: self.organisation.to_string(),
            kind: self.kind.to_string(),
            state: state.to_string(),
            revision: 1,
            system: call.principal.system.to_string(),
            received_at,
            due_at: working_days::term_ends(received_at, 1, zone),
            extended_at: None,
            ended_at: None,
            assignee: None,
        };
        let content = Content::Received(Box::new(Received {
            actor: self.actor.kind,
            guardian,
            staff: self.actor.staff.clone(),
            method: self.method,
            language: self.language,
            text: self.text.clone(),
            wish: self.wish.clone(),
            evidence: self.evidence.clone(),
        }));
        work.tx().insert_rights_request(&row)?;
        let person = work.member(person)?.clone();
        let taken = Taken {
            kind: StepKind::Received,
            officer: self.actor.staff.as_ref(),
            content: Some(content),
        };
        record(call, work, &row, Some(&person), taken)?;
        let opened = open_request(call, work, id)?;
        stop_at_receipt(call, work, &opened, self)?;
        work.is_about(person.id);
        Ok(opened.request)
    }
}
