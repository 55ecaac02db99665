//! What completing a request does: through the same acts that a system would record, in the same transaction.

use super::enter::{EnterRequest, needs_guardian};
use super::sealed::{Opened, organisation_of, outline};
use super::step::{Taken, next_state, record};
use super::{Content, Correction, RightsRequest, Wish};
use crate::domain::age::{self, AGE_OF_CONSENT};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{PersonId, PurposeId};
use crate::domain::personal::Personal;
use crate::domain::rights::{RejectionGround, RequestType, StepKind};
use crate::service::call::{Call, Scope};
use crate::service::consent::require_authority;
use crate::service::lane::Verb;
use crate::service::refusal::{Conflict, Invalid, Refusal};
use crate::service::verbs::{
    ActorRef, AddIdentifier, Evidence, PersonRef, RecordObjection, RecordRestriction, RemoveIdentifier,
};
use crate::service::work::{Circumstances, Stop, Work};

/// Refuses an answer to whoever may not have it now: a guardian whose authority ended, or a child alone (R21, R63).
pub(super) fn require_voice(
    work: &mut Work<'_, '_>,
    request: &RightsRequest,
    person: PersonId,
    guardian: Option<PersonId>,
) -> Result<(), Stop> {
    let zone = work.catalogue().network.zone;
    let standing = work.standing(person, &request.organisation);
    match guardian {
        Some(guardian) => {
            // A guardian who was merged is who they became; one who was erased stands behind nothing.
            let found = work.person(guardian)?.filter(|found| found.keys.is_some());
            let guardian = found.map(|found| found.id);
            let guardian = guardian.ok_or(Refusal::Conflict(Conflict::GuardianRequired))?;
            Ok(require_authority(
                &standing,
                Some(guardian),
                work.now,
                work.now,
                zone,
            )?)
        }
        None if needs_guardian(request.kind)
            && !age::has_reached(standing.birth(), AGE_OF_CONSENT, work.now, zone) =>
        {
            Err(Refusal::Conflict(Conflict::GuardianRequired).into())
        }
        None => Ok(()),
    }
}

/// Does what was asked, or what the officer says instead; answers what was done.
pub(super) fn complete(
    call: &Call,
    work: &mut Work<'_, '_>,
    opened: &Opened,
    instead: Option<&Wish>,
    officer: &Personal<String>,
) -> Result<Wish, Stop> {
    let request = &opened.request;
    if instead.is_some_and(|wish| !wish.fits(request.kind)) {
        let detail = "this does not belong to a request of this type";
        return Err(Refusal::from(Invalid::new("/complete", "another-type", detail)).into());
    }
    if request.kind == RequestType::Erasure {
        // The erasure has its own way, with two officers; it completes the request itself.
        return match opened.person {
            None => Ok(Wish::Plain),
            Some(_) => Err(Refusal::Conflict(Conflict::ErasureNotFinished).into()),
        };
    }
    let person = opened
        .person
        .as_ref()
        .ok_or(Refusal::Conflict(Conflict::Erased))?;
    require_voice(work, request, person.id, opened.guardian)?;
    let act = Act {
        request,
        person: person.id,
        officer,
        call: acting(call),
    };
    let asked = request.received().map(|received| &received.wish);
    let wish = instead.or(asked).cloned().unwrap_or(Wish::Plain);
    match (request.kind, &wish) {
        // It stands since the request came in.
        (_, Wish::Objection { purpose }) if stands(work, opened, person.id, purpose.as_ref()) => {}
        (_, Wish::Objection { purpose }) => {
            act.objection(purpose.as_ref()).act(&act.call, work)?;
        }
        (_, Wish::Restriction { ground }) => {
            act.restriction(ground).act(&act.call, work)?;
        }
        (_, Wish::Correction(correction)) => act.correct(work, correction)?,
        (RequestType::Objection, Wish::Plain) => {
            return Err(unsaid("/complete/purpose", "say which `purpose`, or `directMarketing`").into());
        }
        (RequestType::Restriction, Wish::Plain) => {
            return Err(unsaid("/complete/ground", "say on which ground of GDPR art. 18(1)").into());
        }
        // What was wrong stood in another system, and was corrected there.
        (_, Wish::Plain) => {}
    }
    Ok(wish)
}

/// From its receipt on what somebody objects to stops, before anybody has weighed anything (GDPR art. 21(1) and (3), R33,
/// R40). What nobody can object to is left for the officer to refuse.
pub(super) fn stop_at_receipt(
    call: &Call,
    work: &mut Work<'_, '_>,
    opened: &Opened,
    asked: &EnterRequest,
) -> Result<(), Stop> {
    let (Wish::Objection { purpose }, Some(person)) = (&asked.wish, &opened.person) else {
        return Ok(());
    };
    if !may_object(work, purpose.as_ref()) || stands(work, opened, person.id, purpose.as_ref()) {
        return Ok(());
    }
    let facts = [("rightsRequest".to_owned(), opened.request.id.to_string().into())];
    let objection = RecordObjection {
        person: asked.person.clone(),
        organisation: asked.organisation.clone(),
        purpose: purpose.clone(),
        made: true,
        method: asked.method,
        actor: asked.actor.clone(),
        evidence: Some(Personal::new(serde_json::Map::from_iter(facts))),
        occurred_at: None,
    };
    objection.act(&acting(call), work)?;
    Ok(())
}

fn may_object(work: &Work<'_, '_>, purpose: Option<&PurposeId>) -> bool {
    let Some(purpose) = purpose else { return true };
    let entry = work.catalogue().purposes.get(purpose);
    entry.is_some_and(|entry| entry.purpose.allows_objection())
}

/// Whether such an objection stands already.
fn stands(work: &Work<'_, '_>, opened: &Opened, person: PersonId, purpose: Option<&PurposeId>) -> bool {
    let standing = work.standing(person, &opened.request.organisation);
    match purpose {
        None => standing.marketing_objection.is_some(),
        Some(purpose) => standing.objections.contains_key(purpose),
    }
}

/// Whether nothing outweighs an objection: it is to direct marketing (GDPR art. 21(2) and (3)), or of a child under 16,
/// whose no is always honoured (R19). An unknown age is under 16.
pub(super) fn is_absolute(work: &Work<'_, '_>, opened: &Opened) -> bool {
    let request = &opened.request;
    if request.kind != RequestType::Objection {
        return false;
    }
    let promotional = match request.received().map(|received| &received.wish) {
        Some(Wish::Objection { purpose: None }) => true,
        Some(Wish::Objection {
            purpose: Some(purpose),
        }) => {
            let entry = work.catalogue().purposes.get(purpose);
            entry.is_some_and(|entry| entry.purpose.is_promotional())
        }
        _ => false,
    };
    let zone = work.catalogue().network.zone;
    let child = opened.person.as_ref().is_some_and(|person| {
        let standing = work.standing(person.id, &request.organisation);
        !age::has_reached(standing.birth(), AGE_OF_CONSENT, work.now, zone)
    });
    promotional || child
}

/// Ends the objection that a request made, when the officer refuses it on a ground that the law knows: compelling grounds
/// or a legal claim (GDPR art. 21(1)), or because it is manifestly unfounded or excessive (art. 12(5)). Where it is not
/// known who asked, what was stopped stays stopped.
pub(super) fn outweigh(
    call: &Call,
    work: &mut Work<'_, '_>,
    opened: &Opened,
    ground: RejectionGround,
    officer: &Personal<String>,
) -> Result<(), Stop> {
    let request = &opened.request;
    let wish = request.received().map(|received| received.wish.clone());
    let (Some(Wish::Objection { purpose }), Some(person)) = (wish, &opened.person) else {
        return Ok(());
    };
    let unknown = ground == RejectionGround::IdentityNotEstablished;
    if unknown || !stands(work, opened, person.id, purpose.as_ref()) {
        return Ok(());
    }
    let act = Act {
        request,
        person: person.id,
        officer,
        call: acting(call),
    };
    let mut evidence = act.evidence();
    if let Some(facts) = &mut evidence {
        let mut named = facts.reveal().clone();
        named.insert("ground".to_owned(), ground.as_str().into());
        *facts = Personal::new(named);
    }
    let ended = RecordObjection {
        made: false,
        evidence,
        ..act.objection(purpose.as_ref())
    };
    ended.act(&act.call, work)?;
    Ok(())
}

fn unsaid(pointer: &str, detail: &str) -> Refusal {
    Invalid::new(
        pointer,
        "required",
        format!("the request did not say it: {detail}"),
    )
    .into()
}

/// What an erasure does to the requests of whom it erases: it completes those that asked for it and closes the others,
/// because there will be nobody to answer. In the transaction of the erasure, before [`Work::erase`]: the entries are made
/// with the key that is about to go.
pub(crate) fn close_for_erased(call: &Call, work: &mut Work<'_, '_>, person: PersonId) -> Result<(), Stop> {
    let mut people = work.tx().merged_into(person)?;
    people.push(person);
    for row in work.tx().rights_requests_of(&people)? {
        if row.ended_at.is_some() {
            continue;
        }
        let organisation = organisation_of(&row)?;
        let opened = outline(call, work, row, organisation)?;
        let kind = match opened.request.kind {
            RequestType::Erasure => StepKind::Completed,
            _ => StepKind::Closed,
        };
        end(call, work, &opened, kind)?;
    }
    Ok(())
}

fn end(call: &Call, work: &mut Work<'_, '_>, opened: &Opened, kind: StepKind) -> Result<(), Stop> {
    if opened.request.state.is_ended() {
        return Ok(());
    }
    // Whoever was still to show who they are, is gone now.
    let state =
        next_state(&opened.request, kind).or_else(|_| next_state(&opened.request, StepKind::Closed))?;
    let mut row = opened.row.clone();
    row.state = state.to_string();
    row.revision += 1;
    row.ended_at = Some(work.now);
    work.tx().update_rights_request(&row)?;
    let taken = Taken {
        kind,
        officer: None,
        content: None::<Content>,
    };
    record(call, work, &row, opened.person.as_ref(), taken)
}

/// Who handles a right may record what follows from it.
fn acting(call: &Call) -> Call {
    let mut call = call.clone();
    call.principal
        .scopes
        .extend([Scope::ConsentsWrite, Scope::ConsentsRead, Scope::PeopleWrite]);
    call.idempotency = None;
    call
}

/// An act that follows from a request.
struct Act<'a> {
    request: &'a RightsRequest,
    person: PersonId,
    officer: &'a Personal<String>,
    call: Call,
}

impl Act<'_> {
    fn person(&self) -> PersonRef {
        PersonRef::Pairwise(self.request.person_id.clone())
    }

    /// Staff, on the word of who asked.
    fn actor(&self) -> ActorRef {
        ActorRef {
            kind: ActorKind::Staff,
            guardian: None,
            staff: Some(self.officer.clone()),
        }
    }

    fn evidence(&self) -> Option<Evidence> {
        let facts = [("rightsRequest".to_owned(), self.request.id.to_string().into())];
        Some(Personal::new(serde_json::Map::from_iter(facts)))
    }

    fn method(&self) -> IndicationMethod {
        self.request
            .received()
            .map_or(IndicationMethod::Paper, |received| received.method)
    }

    fn objection(&self, purpose: Option<&PurposeId>) -> RecordObjection {
        RecordObjection {
            person: self.person(),
            organisation: self.request.organisation.clone(),
            purpose: purpose.cloned(),
            made: true,
            method: self.method(),
            actor: self.actor(),
            evidence: self.evidence(),
            occurred_at: None,
        }
    }

    fn restriction(&self, ground: &str) -> RecordRestriction {
        RecordRestriction {
            person: self.person(),
            organisation: self.request.organisation.clone(),
            ground: Some(ground.to_owned()),
            actor: self.actor(),
            evidence: self.evidence(),
        }
    }

    fn correct(&self, work: &mut Work<'_, '_>, correction: &Correction) -> Result<(), Stop> {
        let person_id = &self.request.person_id;
        for (scheme, value) in &correction.add {
            let add = AddIdentifier {
                person_id: person_id.clone(),
                scheme: scheme.clone(),
                value: value.clone(),
            };
            add.act(&self.call, work)?;
        }
        for (scheme, value) in &correction.remove {
            let known = work.member(self.person)?.record.identifiers.iter();
            let own = known
                .filter(|found| found.organisation == self.request.organisation)
                .find(|found| found.scheme == *scheme && found.value == *value);
            // Taken away already: what is wanted holds.
            let Some(identifier_id) = own.map(|found| found.id) else {
                continue;
            };
            let remove = RemoveIdentifier {
                person_id: person_id.clone(),
                identifier_id,
            };
            remove.act(&self.call, work)?;
        }
        if correction.language.is_none() && correction.birth_date.is_none() {
            return Ok(());
        }
        let circumstances = Circumstances {
            organisation: &self.request.organisation,
            occurred_at: None,
            actor: Actor {
                kind: ActorKind::Staff,
                guardian: None,
                staff: Some(self.officer.clone()),
            },
            evidence: self.evidence(),
        };
        let change = Change::Registered {
            membership: None,
            birth_date: correction.birth_date.clone(),
            language: correction.language,
        };
        work.record(&self.call, self.person, circumstances, change)?;
        Ok(())
    }
}
