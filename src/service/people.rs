//! Make people known, find them, and keep their identifiers.

use super::call::{Call, Scope};
use super::lane::Verb;
use super::refusal::{Conflict, Invalid, Refusal};
use super::shared::{Shared, TEST_SCHEME};
use super::verbs::{
    AddIdentifier, IdentifierAdded, LookUpPerson, Recorded, RegisterPerson, Registered, RemoveIdentifier,
};
use super::work::{Circumstances, PersonState, Stop, Subjects, Work};
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{IdentifierId, OrganisationId, PersonId, SchemeId};
use crate::domain::personal::Personal;

fn by_system(organisation: &OrganisationId) -> Circumstances<'_> {
    Circumstances {
        organisation,
        occurred_at: None,
        actor: Actor::plain(ActorKind::System),
        evidence: None,
    }
}

/// The people a pairwise id in a path may be, one per library of the calling system.
pub(crate) fn look_at_pairwise(shared: &Shared, call: &Call, text: &str, into: &mut Subjects) {
    let policies = shared.policies.load();
    let found = policies.current.organisations.keys().find_map(|organisation| {
        shared
            .keys
            .open_pairwise(&call.principal.system, organisation, text)
    });
    into.people.extend(found);
}

/// Refuses a scheme the system may not use, and the magic one to everybody but ourselves.
fn require_scheme(call: &Call, work: &Work<'_, '_>, scheme: &SchemeId, pointer: &str) -> Result<(), Refusal> {
    if Work::is_own(call) {
        return Ok(());
    }
    let system = work.catalogue().systems.get(&call.principal.system);
    if scheme.as_str() != TEST_SCHEME && system.is_some_and(|system| system.schemes.contains(scheme)) {
        return Ok(());
    }
    let detail = "this system may not use that identifier scheme; use one that systems.toml lists for it";
    Err(Invalid::new(pointer, "scheme-not-allowed", detail).into())
}

impl Verb for RegisterPerson {
    type Answer = Registered;

    fn subjects(&self, shared: &Shared, _: &Call, into: &mut Subjects) {
        for (scheme, value) in &self.identifiers {
            into.blind_indexes
                .extend(shared.keys.blind_indexes(scheme, value.reveal()));
        }
    }

    fn fresh_people(&self) -> usize {
        1
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Registered, Stop> {
        call.require(Scope::PeopleWrite)?;
        work.require_organisation(call, &self.organisation)?;
        for (index, (scheme, _)) in self.identifiers.iter().enumerate() {
            require_scheme(call, work, scheme, &format!("/identifiers/{index}/scheme"))?;
        }
        let person = match self.known(work)? {
            Some(person) => {
                work.require_changeable(call, person)?;
                person
            }
            None => work.new_person()?,
        };
        let before = work.standing(person, &self.organisation);
        let created = work.member(person)?.standing(&self.organisation).is_none();
        let language_changes = self.language.is_some() && self.language != before.preferences.language;
        let birth_changes = self.birth_date.is_some() && self.birth_date != before.birth_date;
        let membership_changes = self.membership.is_some() && self.membership != before.membership;
        if created || language_changes || birth_changes || membership_changes {
            let change = Change::Registered {
                membership: self.membership.clone(),
                birth_date: self.birth_date.clone(),
                language: self.language,
            };
            work.record(call, person, by_system(&self.organisation), change)?;
        }
        for (scheme, value) in &self.identifiers {
            let new = work.find_identifier(scheme, value)?.is_none();
            if new {
                add_identifier(call, work, person, &self.organisation, scheme, value)?;
            }
            // Somebody who was erased and had objected has objected still (R59).
            if created || new {
                work.object_as_before(call, person, &self.organisation, scheme, value)?;
            }
        }
        let person_id = work
            .shared
            .keys
            .pairwise(&call.principal.system, &self.organisation, person);
        Ok(Registered { person_id, created })
    }
}

impl RegisterPerson {
    /// The one person the identifiers belong to already.
    fn known(&self, work: &mut Work<'_, '_>) -> Result<Option<PersonId>, Stop> {
        let mut known = None;
        for (scheme, value) in &self.identifiers {
            let Some(found) = work.find_identifier(scheme, value)? else {
                continue;
            };
            let found = work.person(found)?.ok_or(Refusal::NotFound)?;
            match found.state {
                PersonState::Unreadable => return Err(Refusal::Unavailable.into()),
                PersonState::Erased => return Err(Refusal::Conflict(Conflict::Erased).into()),
                PersonState::Active | PersonState::Merged(_) => {}
            }
            if known.is_some_and(|known| known != found.id) {
                return Err(Refusal::Conflict(Conflict::Identifiers).into());
            }
            known = Some(found.id);
        }
        Ok(known)
    }
}

fn add_identifier(
    call: &Call,
    work: &mut Work<'_, '_>,
    person: PersonId,
    organisation: &OrganisationId,
    scheme: &SchemeId,
    value: &Personal<String>,
) -> Result<IdentifierId, Stop> {
    let identifier = IdentifierId::from_bytes(work.random());
    work.add_identifier(person, identifier, scheme, value)?;
    let change = Change::IdentifierAdded {
        identifier,
        scheme: scheme.clone(),
        value: value.clone(),
    };
    work.record(call, person, by_system(organisation), change)?;
    Ok(identifier)
}

impl Verb for AddIdentifier {
    type Answer = IdentifierAdded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at_pairwise(shared, call, &self.person_id, into);
        into.blind_indexes
            .extend(shared.keys.blind_indexes(&self.scheme, self.value.reveal()));
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<IdentifierAdded, Stop> {
        call.require(Scope::PeopleWrite)?;
        let (person, organisation) = work.find_pairwise(call, &self.person_id)?;
        work.require_changeable(call, person)?;
        require_scheme(call, work, &self.scheme, "/scheme")?;
        if let Some(owner) = work.find_identifier(&self.scheme, &self.value)? {
            let owner = work.person(owner)?.map(|found| found.id);
            let known = work.member(person)?.record.identifiers.iter();
            let same = known
                .clone()
                .find(|i| i.scheme == self.scheme && i.value == self.value)
                .map(|i| i.id);
            return match same {
                Some(identifier_id) if owner == Some(person) => Ok(IdentifierAdded { identifier_id }),
                _ => Err(Refusal::Conflict(Conflict::Identifiers).into()),
            };
        }
        let identifier_id = add_identifier(call, work, person, &organisation, &self.scheme, &self.value)?;
        work.object_as_before(call, person, &organisation, &self.scheme, &self.value)?;
        Ok(IdentifierAdded { identifier_id })
    }
}

impl Verb for RemoveIdentifier {
    type Answer = Recorded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at_pairwise(shared, call, &self.person_id, into);
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Recorded, Stop> {
        call.require(Scope::PeopleWrite)?;
        let (person, organisation) = work.find_pairwise(call, &self.person_id)?;
        work.require_changeable(call, person)?;
        // A library removes what it recorded itself; another library's identifiers do not exist for it (R50).
        let own = |i: &&crate::domain::person::Identifier| {
            i.id == self.identifier_id && i.organisation == organisation
        };
        if work.member(person)?.record.identifiers.iter().find(own).is_none() {
            return Err(Refusal::NotFound.into());
        }
        work.remove_identifier(self.identifier_id);
        let change = Change::IdentifierRemoved {
            identifier: self.identifier_id,
        };
        let id = work.record(call, person, by_system(&organisation), change)?;
        Ok(Recorded {
            id,
            recorded_at: work.now,
        })
    }
}

impl LookUpPerson {
    /// Finds the pairwise id; reads only.
    pub(crate) fn look_up(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<String, Stop> {
        call.require(Scope::DecisionsCheck)
            .or_else(|_| call.require(Scope::PeopleWrite))?;
        let system = work
            .catalogue()
            .systems
            .get(&call.principal.system)
            .cloned()
            .ok_or(Refusal::NotFound)?;
        if !Work::is_own(call)
            && !system.schemes.contains(&self.scheme)
            && self.scheme.as_str() != TEST_SCHEME
        {
            require_scheme(call, work, &self.scheme, "/scheme")?;
        }
        if let Some(organisation) = &self.organisation {
            work.require_organisation(call, organisation)?;
        }
        let person = work
            .find_identifier(&self.scheme, &self.value)?
            .ok_or(Refusal::NotFound)?;
        let policies = std::sync::Arc::clone(&work.policies);
        let person = work.person(person)?.ok_or(Refusal::NotFound)?;
        let mut libraries = person.record.standings.keys().filter(|library| {
            call.serves(&policies.current, library)
                && self.organisation.as_ref().is_none_or(|wanted| wanted == *library)
        });
        let library = libraries.next().ok_or(Refusal::NotFound)?.clone();
        if libraries.next().is_some() {
            let detail = "this person is known at more than one of your libraries; say for which one you ask";
            return Err(Refusal::from(Invalid::new("/organisation", "required", detail)).into());
        }
        let id = person.id;
        Ok(work.shared.keys.pairwise(&call.principal.system, &library, id))
    }
}
