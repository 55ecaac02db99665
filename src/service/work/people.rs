//! People in a unit of work: found by identifier or pseudonym, for one library.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sealed::{nobody, open};
use super::{Stop, Work};
use crate::crypto::PersonKeys;
use crate::domain::ids::{OrganisationId, PersonId, SchemeId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::person::{PersonRecord, Standing};
use crate::domain::personal::Personal;
use crate::policy::catalogue::Catalogue;
use crate::service::call::Call;
use crate::service::refusal::{Conflict, Invalid, Refusal};
use crate::service::remembered::{Recalled, RememberedFigures};
use crate::service::shared::{Shared, TEST_SCHEME};
use crate::service::verbs::PersonRef;
use crate::store::{Loaded, NewPerson, PersonState as StoredState, StoreError};

/// Where a person is in their life with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PersonState {
    /// Present.
    Active,
    /// Erased: key and record are gone.
    Erased,
    /// Merged into another person.
    Merged(PersonId),
    /// Stored, but the key or the record does not open: nothing about this person is answered, everybody else is.
    Unreadable,
}

/// A person as opened in this unit of work.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: PersonId,
    pub(crate) state: PersonState,
    pub(crate) record: Arc<PersonRecord>,
    /// The number of events so far.
    pub(crate) revision: u64,
    /// The revision that is stored; `None` for somebody new.
    pub(super) stored_revision: Option<u64>,
    pub(crate) key_version: u32,
    pub(crate) keys: Option<Arc<PersonKeys>>,
}

/// Who a reference leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nobody.
    Unknown,
    /// Somebody who was erased.
    Erased(PersonId),
    /// Somebody.
    Known(PersonId),
}
impl Person {
    pub(super) fn row(&self, shared: &Shared, now: Moment) -> NewPerson {
        NewPerson {
            id: self.id,
            tenant: shared.keys.tenant().to_owned(),
            revision: self.revision,
            created_at: now,
        }
    }

    /// What is current at a library, if the library knows the person.
    pub(crate) fn standing(&self, organisation: &OrganisationId) -> Option<&Standing> {
        self.record.standings.get(organisation)
    }

    /// Whether the person is a magic test subject.
    pub(crate) fn is_test_subject(&self) -> bool {
        self.record
            .identifiers
            .iter()
            .any(|identifier| identifier.scheme.as_str() == TEST_SCHEME)
    }
}

impl Work<'_, '_> {
    /// Takes in whom this node remembers, but for those who changed since.
    pub(super) fn take_in_recalled(&mut self, recalled: Recalled, changed: Vec<PersonId>) {
        let figures = self.shared.remembered.figures();
        RememberedFigures::count(&figures.recalled, recalled.people.len());
        let mut changed: BTreeSet<PersonId> = changed.into_iter().collect();
        for (index, loaded) in recalled.people {
            if changed.contains(&loaded.id) {
                continue;
            }
            if !self.people.contains_key(&loaded.id) {
                // Its key was wrapped again meanwhile: the database has the new one.
                let Some(person) = open(self.shared, &loaded) else {
                    changed.insert(loaded.id);
                    continue;
                };
                self.people.insert(person.id, person);
            }
            if let Some(index) = index {
                self.index.insert(index, Some(loaded.id));
            }
        }
        if !changed.is_empty() {
            RememberedFigures::count(&figures.changed, changed.len());
            self.shared.remembered.forget(changed);
        }
    }

    pub(super) fn read_by_blind_index(&mut self, indexes: &[[u8; 16]]) -> Result<(), StoreError> {
        let missing: Vec<[u8; 16]> = indexes
            .iter()
            .filter(|index| !self.index.contains_key(*index))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let loaded: Vec<([u8; 16], Arc<Loaded>)> = self
            .tx
            .people_by_blind_index(&missing, false)?
            .into_iter()
            .map(|(index, loaded)| (index, Arc::new(loaded)))
            .collect();
        for (index, loaded) in &loaded {
            self.index.insert(*index, Some(loaded.id));
            self.take_in(loaded);
        }
        self.tx
            .expect_too(present(loaded.iter().map(|(_, loaded)| loaded)));
        for index in missing {
            self.index.entry(index).or_insert(None);
        }
        if self.remembers {
            let known = loaded.iter().map(|(index, loaded)| (Some(*index), loaded));
            self.shared.remembered.keep(known);
        }
        Ok(())
    }

    /// Reads people in one statement who are looked at one by one afterwards.
    pub(crate) fn read_by_id(&mut self, ids: &[PersonId]) -> Result<(), StoreError> {
        let missing: Vec<PersonId> = ids
            .iter()
            .filter(|id| !self.people.contains_key(id))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let loaded = self.tx.people_by_id(&missing, false)?.into_iter().map(Arc::new);
        let loaded: Vec<Arc<Loaded>> = loaded.collect();
        for loaded in &loaded {
            self.take_in(loaded);
        }
        self.tx.expect_too(present(loaded.iter()));
        if self.remembers {
            let known = loaded.iter().map(|loaded| (None, loaded));
            self.shared.remembered.keep(known);
        }
        Ok(())
    }

    fn take_in(&mut self, loaded: &Loaded) {
        if self.people.contains_key(&loaded.id) {
            return;
        }
        let person = open(self.shared, loaded).unwrap_or_else(|| {
            tracing::error!(
                alarm = "unreadable-record",
                "a person's key or record does not open; it was changed or moved outside the service"
            );
            nobody(loaded, PersonState::Unreadable)
        });
        self.people.insert(person.id, person);
    }

    /// A person by id, reading it if need be; somebody who was merged leads to the person they became.
    pub(crate) fn person(&mut self, id: PersonId) -> Result<Option<&Person>, StoreError> {
        let id = self.present(id)?;
        Ok(self.people.get(&id))
    }

    /// A person by id as stored, also when merged into another.
    pub(crate) fn person_as_stored(&mut self, id: PersonId) -> Result<Option<&Person>, StoreError> {
        self.read_by_id(&[id])?;
        Ok(self.people.get(&id))
    }

    fn present(&mut self, mut id: PersonId) -> Result<PersonId, StoreError> {
        // A merge of a merge of a merge is followed to its end, and a circle is not followed for ever.
        for _ in 0..16 {
            self.read_by_id(&[id])?;
            match self.people.get(&id).map(|p| p.state) {
                Some(PersonState::Merged(into)) => id = into,
                _ => break,
            }
        }
        Ok(id)
    }

    /// Who a caller means, for one library.
    pub(crate) fn find(
        &mut self,
        system: &SystemId,
        organisation: &OrganisationId,
        reference: &PersonRef,
    ) -> Result<Found, Stop> {
        let id = match reference {
            PersonRef::Identifier { scheme, value } => {
                self.require_scheme(system, scheme)?;
                self.find_identifier(scheme, value)?
            }
            PersonRef::Pairwise(text) => self.shared.keys.open_pairwise(system, organisation, text),
        };
        let Some(id) = id else { return Ok(Found::Unknown) };
        Ok(match self.person(id)? {
            None => Found::Unknown,
            Some(person) => match person.state {
                PersonState::Erased => Found::Erased(person.id),
                PersonState::Unreadable => return Err(Refusal::Unavailable.into()),
                PersonState::Active | PersonState::Merged(_) => Found::Known(person.id),
            },
        })
    }

    /// Who an identifier leads to.
    pub(crate) fn find_identifier(
        &mut self,
        scheme: &SchemeId,
        value: &Personal<String>,
    ) -> Result<Option<PersonId>, StoreError> {
        let indexes = self.shared.keys.blind_indexes(scheme, value.reveal());
        self.read_by_blind_index(&indexes)?;
        Ok(indexes
            .iter()
            .find_map(|index| self.index.get(index).copied().flatten()))
    }

    /// Who a caller means, when it must be somebody present whom the library knows.
    pub(crate) fn find_member(
        &mut self,
        call: &Call,
        organisation: &OrganisationId,
        reference: &PersonRef,
    ) -> Result<PersonId, Stop> {
        match self.find(&call.principal.system, organisation, reference)? {
            Found::Erased(_) => Err(Refusal::Conflict(Conflict::Erased).into()),
            Found::Known(id)
                if self
                    .people
                    .get(&id)
                    .is_some_and(|p| p.standing(organisation).is_some()) =>
            {
                Ok(id)
            }
            Found::Known(_) | Found::Unknown => Err(Refusal::NotFound.into()),
        }
    }

    /// The person and library behind a pairwise id in a path: whichever library the pseudonym was made for.
    pub(crate) fn find_pairwise(
        &mut self,
        call: &Call,
        text: &str,
    ) -> Result<(PersonId, OrganisationId), Stop> {
        let system = &call.principal.system;
        let opened = self.catalogue().organisations.keys().find_map(|organisation| {
            Some((
                self.shared.keys.open_pairwise(system, organisation, text)?,
                organisation.clone(),
            ))
        });
        let (_, organisation) = opened.ok_or(Refusal::NotFound)?;
        self.require_organisation(call, &organisation)?;
        let id = self.find_member(call, &organisation, &PersonRef::Pairwise(text.to_owned()))?;
        Ok((id, organisation))
    }

    fn require_scheme(&self, system: &SystemId, scheme: &SchemeId) -> Result<(), Refusal> {
        if may_use_scheme(self.shared, self.catalogue(), system, scheme) {
            return Ok(());
        }
        let detail = "this system may not use that identifier scheme; use one that systems.toml lists for it";
        Err(Invalid::new("/person/scheme", "scheme-not-allowed", detail).into())
    }

    /// Somebody present, for reading and changing.
    pub(crate) fn member(&self, id: PersonId) -> Result<&Person, Refusal> {
        self.people.get(&id).ok_or(Refusal::NotFound)
    }

    /// What is current about somebody at a library; empty when the library does not know the person.
    pub(crate) fn standing(&self, id: PersonId, organisation: &OrganisationId) -> Standing {
        self.people
            .get(&id)
            .and_then(|p| p.standing(organisation))
            .cloned()
            .unwrap_or_default()
    }
}

/// Whether a system may name people by a kind of identifier.
pub(crate) fn may_use_scheme(
    shared: &Shared,
    catalogue: &Catalogue,
    system: &SystemId,
    scheme: &SchemeId,
) -> bool {
    let allowed = catalogue
        .systems
        .get(system)
        .is_some_and(|s| s.schemes.contains(scheme));
    allowed || shared.test_subjects && scheme.as_str() == TEST_SCHEME
}

/// Who is present, as which revision: whoever is erased before a line about them is added must not get a new one.
fn present<'p>(people: impl Iterator<Item = &'p Arc<Loaded>>) -> impl Iterator<Item = (PersonId, u64)> {
    people
        .filter(|person| person.state == StoredState::Active)
        .map(|person| (person.id, person.revision))
}
