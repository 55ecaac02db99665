//! Link a guardian to a child, and unlink (R18, R21, R26).

use super::call::{Call, Scope};
use super::decide::look_at;
use super::lane::Verb;
use super::people::look_at_pairwise;
use super::refusal::{Conflict, Refusal};
use super::shared::Shared;
use super::verbs::{GuardianLinked, LinkGuardian, Recorded, UnlinkGuardian};
use super::work::{Circumstances, Stop, Subjects, Work};
use crate::domain::age::{self, AGE_OF_CONSENT};
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{OrganisationId, PersonId};
use crate::service::verbs::{Evidence, PersonRef};

fn by_staff(organisation: &OrganisationId, evidence: Option<Evidence>) -> Circumstances<'_> {
    Circumstances {
        organisation,
        occurred_at: None,
        actor: Actor::plain(ActorKind::Staff),
        evidence,
    }
}

impl Verb for LinkGuardian {
    type Answer = GuardianLinked;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at_pairwise(shared, call, &self.child, into);
        if let PersonRef::Pairwise(text) = &self.guardian {
            look_at_pairwise(shared, call, text, into);
        } else if let Some(organisation) = shared.policies.load().current.organisations.keys().next() {
            look_at(shared, &call.principal.system, organisation, &self.guardian, into);
        }
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<GuardianLinked, Stop> {
        call.require(Scope::PeopleWrite)?;
        let (child, organisation) = work.find_pairwise(call, &self.child)?;
        let guardian = work.find_member(call, &organisation, &self.guardian)?;
        if child == guardian {
            return Err(Refusal::Conflict(Conflict::SamePerson).into());
        }
        work.require_changeable(call, child)?;
        work.require_changeable(call, guardian)?;
        let zone = work.catalogue().network.zone;
        let standing = work.standing(child, &organisation);
        if age::has_reached(standing.birth(), AGE_OF_CONSENT, work.now, zone) {
            return Err(Refusal::Conflict(Conflict::NotAChild).into());
        }
        if !standing.has_guardian(guardian) {
            let change = Change::GuardianLinked {
                guardian,
                verification: self.verification,
            };
            let evidence = self.evidence.clone();
            work.record(
                call,
                guardian,
                by_staff(&organisation, None),
                Change::WardLinked { child },
            )?;
            work.record(call, child, by_staff(&organisation, evidence), change)?;
        }
        let guardian_id = work
            .shared
            .keys
            .pairwise(&call.principal.system, &organisation, guardian);
        Ok(GuardianLinked { guardian_id })
    }
}

impl Verb for UnlinkGuardian {
    type Answer = Recorded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at_pairwise(shared, call, &self.child, into);
        look_at_pairwise(shared, call, &self.guardian, into);
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Recorded, Stop> {
        call.require(Scope::PeopleWrite)?;
        let (child, organisation) = work.find_pairwise(call, &self.child)?;
        work.require_changeable(call, child)?;
        let system = &call.principal.system;
        let guardian: PersonId = work
            .shared
            .keys
            .open_pairwise(system, &organisation, &self.guardian)
            .ok_or(Refusal::NotFound)?;
        if !work.standing(child, &organisation).has_guardian(guardian) {
            return Err(Refusal::NotFound.into());
        }
        // A guardian who was erased leaves a link behind that must still be removable.
        let present = work.person(guardian)?.is_some_and(|found| found.keys.is_some());
        if present {
            work.record(
                call,
                guardian,
                by_staff(&organisation, None),
                Change::WardUnlinked { child },
            )?;
        }
        let change = Change::GuardianUnlinked { guardian };
        let id = work.record(call, child, by_staff(&organisation, None), change)?;
        Ok(Recorded {
            id,
            recorded_at: work.now,
        })
    }
}
