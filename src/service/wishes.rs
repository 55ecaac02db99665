//! Objections, restrictions, preferences, and the word that somebody was told where data came from.

use super::call::{Call, Scope};
use super::consent::{find_guardian, occurred_at, require_authority};
use super::decide::look_at;
use super::lane::Verb;
use super::people::look_at_pairwise;
use super::refusal::{Conflict, Invalid, Refusal};
use super::shared::Shared;
use super::verbs::{
    ActorRef, Evidence, PersonRef, PreferencesState, ReadPreferences, RecordObjection, RecordRestriction,
    RecordSourceNotice, Recorded, SetPreferences, actor,
};
use super::work::{Circumstances, Stop, Subjects, Work};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::{ActorKind, Change};
use crate::domain::ids::{OrganisationId, PersonId};
use crate::domain::moment::Moment;

/// The grounds of GDPR art. 18(1)(a)–(d).
pub const RESTRICTION_GROUNDS: [&str; 4] = ["accuracy", "unlawful", "claim", "objection"];

/// An act of or for somebody at a library, checked: who it is about and which guardian speaks.
struct Act<'a> {
    organisation: &'a OrganisationId,
    person: &'a PersonRef,
    actor: &'a ActorRef,
    evidence: Option<&'a Evidence>,
    occurred_at: Moment,
}

impl Act<'_> {
    fn look_at(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at(
            shared,
            &call.principal.system,
            self.organisation,
            self.person,
            into,
        );
        if let Some(guardian) = &self.actor.guardian {
            look_at(shared, &call.principal.system, self.organisation, guardian, into);
        }
    }

    fn admit(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(PersonId, Option<PersonId>), Stop> {
        call.require(Scope::ConsentsWrite)?;
        work.require_organisation(call, self.organisation)?;
        let person = work.find_member(call, self.organisation, self.person)?;
        work.require_changeable(call, person)?;
        let guardian = find_guardian(call, work, self.organisation, self.actor)?;
        let standing = work.standing(person, self.organisation);
        let zone = work.catalogue().network.zone;
        require_authority(&standing, guardian, self.occurred_at, work.now, zone)?;
        Ok((person, guardian))
    }

    fn record(
        &self,
        call: &Call,
        work: &mut Work<'_, '_>,
        (person, guardian): (PersonId, Option<PersonId>),
        change: Change,
    ) -> Result<Recorded, Stop> {
        let circumstances = Circumstances {
            organisation: self.organisation,
            occurred_at: Some(self.occurred_at),
            actor: actor(self.actor, guardian),
            evidence: self.evidence.cloned(),
        };
        let id = work.record(call, person, circumstances, change)?;
        Ok(Recorded {
            id,
            recorded_at: work.now,
        })
    }
}

impl RecordObjection {
    const fn act_at(&self, occurred_at: Moment) -> Act<'_> {
        Act {
            organisation: &self.organisation,
            person: &self.person,
            actor: &self.actor,
            evidence: self.evidence.as_ref(),
            occurred_at,
        }
    }
}

impl Verb for RecordObjection {
    type Answer = Recorded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        self.act_at(Moment::from_micros(0)).look_at(shared, call, into);
    }

    fn fits_one_statement(&self) -> bool {
        true
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Recorded, Stop> {
        let act = self.act_at(occurred_at(self.occurred_at, self.method, work.now)?);
        let admitted = act.admit(call, work)?;
        if let Some(id) = &self.purpose {
            let entry = work.catalogue().purposes.get(id).ok_or_else(|| {
                Refusal::from(Invalid::new(
                    "/purpose",
                    "unknown-purpose",
                    "there is no such purpose; GET /v1/purposes lists them",
                ))
            })?;
            if !entry.purpose.allows_objection() {
                return Err(Refusal::Conflict(Conflict::NoObjection).into());
            }
        }
        let purpose = self.purpose.clone();
        let change = if self.made {
            Change::Objected {
                purpose,
                method: self.method,
            }
        } else {
            // Only the person lifts an objection (R33); staff type what the person said.
            if matches!(self.actor.kind, ActorKind::System | ActorKind::Import) {
                let detail =
                    "only the person, a guardian or staff on the person's word can lift an objection";
                return Err(Refusal::from(Invalid::new("/actor/type", "not-a-voice", detail)).into());
            }
            Change::ObjectionEnded { purpose }
        };
        let recorded = act.record(call, work, admitted, change)?;
        if !self.made {
            work.forget_objection(admitted.0, &self.organisation, self.purpose.as_ref())?;
        }
        Ok(recorded)
    }
}

impl RecordRestriction {
    const fn act_at(&self, occurred_at: Moment) -> Act<'_> {
        Act {
            organisation: &self.organisation,
            person: &self.person,
            actor: &self.actor,
            evidence: self.evidence.as_ref(),
            occurred_at,
        }
    }
}

impl Verb for RecordRestriction {
    type Answer = Recorded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        self.act_at(Moment::from_micros(0)).look_at(shared, call, into);
    }

    fn fits_one_statement(&self) -> bool {
        true
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Recorded, Stop> {
        let act = self.act_at(work.now);
        let admitted = act.admit(call, work)?;
        let change = match &self.ground {
            Some(ground) if RESTRICTION_GROUNDS.contains(&ground.as_str()) => Change::Restricted {
                ground: ground.clone(),
            },
            Some(_) => {
                let detail = "the ground is one of accuracy, unlawful, claim, objection (GDPR art. 18(1))";
                return Err(Refusal::from(Invalid::new("/ground", "unknown-ground", detail)).into());
            }
            // GDPR art. 18(3): the person is told before the restriction is lifted.
            None if self
                .evidence
                .as_ref()
                .is_none_or(|evidence| evidence.reveal().is_empty()) =>
            {
                let detail =
                    "say in evidence how and when the person was told; the law asks for that before lifting";
                return Err(Refusal::from(Invalid::new("/evidence", "evidence-required", detail)).into());
            }
            None => Change::RestrictionEnded,
        };
        act.record(call, work, admitted, change)
    }
}

impl Verb for SetPreferences {
    type Answer = PreferencesState;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at_pairwise(shared, call, &self.person_id, into);
    }

    fn fits_one_statement(&self) -> bool {
        true
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<PreferencesState, Stop> {
        let (person, organisation) = work.find_pairwise(call, &self.person_id)?;
        let reference = PersonRef::Pairwise(self.person_id.clone());
        let act = Act {
            organisation: &organisation,
            person: &reference,
            actor: &self.actor,
            evidence: None,
            occurred_at: work.now,
        };
        let admitted = act.admit(call, work)?;
        let current = work.standing(person, &organisation).revision;
        if self.revision.is_some_and(|seen| seen != current) {
            return Err(Refusal::Conflict(Conflict::Revision).into());
        }
        for purpose in self.preferences.purposes.keys() {
            if !work.catalogue().purposes.contains_key(purpose) {
                let pointer = format!("/purposes/{purpose}");
                let detail = "there is no such purpose; GET /v1/purposes lists them";
                return Err(Refusal::from(Invalid::new(pointer, "unknown-purpose", detail)).into());
            }
        }
        act.record(
            call,
            work,
            admitted,
            Change::PreferencesSet(self.preferences.clone()),
        )?;
        Ok(PreferencesState {
            preferences: self.preferences.clone(),
            revision: work.standing(person, &organisation).revision,
        })
    }
}

impl ReadPreferences {
    /// Reads only.
    pub(crate) fn read(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<PreferencesState, Stop> {
        call.require(Scope::ConsentsRead)?;
        let (person, organisation) = work.find_pairwise(call, &self.person_id)?;
        let standing = work.standing(person, &organisation);
        Ok(PreferencesState {
            preferences: standing.preferences,
            revision: standing.revision,
        })
    }
}

impl Verb for RecordSourceNotice {
    type Answer = Recorded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at(
            shared,
            &call.principal.system,
            &self.organisation,
            &self.person,
            into,
        );
    }

    fn fits_one_statement(&self) -> bool {
        true
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Recorded, Stop> {
        let actor = ActorRef::plain(ActorKind::System);
        let act = Act {
            organisation: &self.organisation,
            person: &self.person,
            actor: &actor,
            evidence: None,
            occurred_at: occurred_at(self.occurred_at, IndicationMethod::Paper, work.now)?,
        };
        let admitted = act.admit(call, work)?;
        let known = work.standing(admitted.0, &self.organisation).enrichments;
        if !known
            .iter()
            .any(|e| e.purpose == self.purpose && e.source == self.source)
        {
            return Err(Refusal::NotFound.into());
        }
        let change = Change::SourceNoticeDelivered {
            purpose: self.purpose.clone(),
            source: self.source.clone(),
        };
        act.record(call, work, admitted, change)
    }
}
