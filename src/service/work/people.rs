//! People in a unit of work: found by identifier or pseudonym, opened, changed by events, sealed again.

use std::sync::Arc;

use super::{Stop, Work};
use crate::audit::bundle;
use crate::audit::leaf::{Leaf, leaf_hash};
use crate::crypto::{self, PersonKeys, Place};
use crate::domain::consent::ConsentStatus;
use crate::domain::event::{Actor, Change, Event};
use crate::domain::ids::{EventId, IdentifierId, OrganisationId, PersonId, SchemeId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::person::{PersonRecord, Standing};
use crate::domain::personal::Personal;
use crate::service::call::Call;
use crate::service::keys::PERSON_KEY_VERSION;
use crate::service::refusal::{Conflict, Forbidden, Invalid, Refusal};
use crate::service::shared::{Shared, TEST_SCHEME};
use crate::service::verbs::{Evidence, PersonRef};
use crate::store::{
    EventRow, IdentifierRow, Loaded, NewPerson, PersonChange, PersonState as StoredState, RecordChange,
    SealedRecord, StoreError,
};

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
    stored_revision: Option<u64>,
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

/// Circumstances of an event.
pub(crate) struct Circumstances<'a> {
    pub(crate) organisation: &'a OrganisationId,
    pub(crate) occurred_at: Option<Moment>,
    pub(crate) actor: Actor,
    pub(crate) evidence: Option<Evidence>,
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
    pub(super) fn read_by_blind_index(&mut self, indexes: &[[u8; 16]]) -> Result<(), StoreError> {
        let missing: Vec<[u8; 16]> = indexes
            .iter()
            .filter(|index| !self.index.contains_key(*index))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        for (index, loaded) in self.tx.people_by_blind_index(&missing, false)? {
            self.index.insert(index, Some(loaded.id));
            self.take_in(loaded)?;
        }
        for index in missing {
            self.index.entry(index).or_insert(None);
        }
        Ok(())
    }

    pub(super) fn read_by_id(&mut self, ids: &[PersonId]) -> Result<(), StoreError> {
        let missing: Vec<PersonId> = ids
            .iter()
            .filter(|id| !self.people.contains_key(id))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        for loaded in self.tx.people_by_id(&missing, false)? {
            self.take_in(loaded)?;
        }
        Ok(())
    }

    fn take_in(&mut self, loaded: Loaded) -> Result<(), StoreError> {
        if self.people.contains_key(&loaded.id) {
            return Ok(());
        }
        let person = open(self.shared, loaded);
        self.people.insert(person.id, person);
        Ok(())
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
        let allowed = self
            .catalogue()
            .systems
            .get(system)
            .is_some_and(|s| s.schemes.contains(scheme));
        let magic = self.shared.test_subjects && scheme.as_str() == TEST_SCHEME;
        if allowed || magic {
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

    /// Makes somebody new, with a key that is stored already.
    pub(crate) fn new_person(&mut self) -> Result<PersonId, Stop> {
        let spare = self
            .spare
            .get(self.used)
            .ok_or(Stop::Refused(Refusal::Unavailable))?;
        self.used += 1;
        self.people.insert(
            spare.id,
            Person {
                id: spare.id,
                state: PersonState::Active,
                record: Arc::new(PersonRecord::default()),
                revision: 0,
                stored_revision: None,
                key_version: PERSON_KEY_VERSION,
                keys: Some(Arc::clone(&spare.keys)),
            },
        );
        self.staged.new_people.push(spare.id);
        Ok(spare.id)
    }

    /// Gives somebody an identifier that nobody has yet.
    pub(crate) fn add_identifier(
        &mut self,
        person: PersonId,
        id: IdentifierId,
        scheme: &SchemeId,
        value: &Personal<String>,
    ) -> Result<(), Stop> {
        let (version, index) = self
            .shared
            .keys
            .blind_index(scheme, value.reveal())
            .ok_or(Refusal::Unavailable)?;
        self.index.insert(index, Some(person));
        self.staged.new_identifiers.push(IdentifierRow {
            id,
            person_id: person,
            scheme: scheme.to_string(),
            key_version: u32::from(version),
            blind_index: index,
        });
        Ok(())
    }

    /// Takes an identifier away, at the end of the unit of work.
    pub(crate) fn remove_identifier(&mut self, id: IdentifierId) {
        self.staged.removed_identifiers.push(id);
    }

    /// Refuses changes to magic test subjects by anybody but ourselves.
    pub(crate) fn require_changeable(&self, call: &Call, person: PersonId) -> Result<(), Refusal> {
        if Self::is_own(call) || !self.member(person)?.is_test_subject() {
            return Ok(());
        }
        Err(Refusal::Forbidden(Forbidden::TestSubject))
    }

    /// Records an event: folds it into the record, seals it, writes its audit leaf, tells the outbox and the counters.
    pub(crate) fn record(
        &mut self,
        call: &Call,
        person: PersonId,
        circumstances: Circumstances<'_>,
        change: Change,
    ) -> Result<EventId, Stop> {
        let id = EventId::from_bytes(self.dated_id());
        let event = Event {
            id,
            organisation: circumstances.organisation.clone(),
            recorded_at: self.now,
            occurred_at: circumstances.occurred_at.unwrap_or(self.now),
            system: call.principal.system.clone(),
            actor: circumstances.actor,
            evidence: circumstances.evidence,
            policy: self.catalogue().version.clone(),
            change,
        };
        self.record_event(call, person, &event)?;
        Ok(id)
    }

    fn record_event(&mut self, call: &Call, person: PersonId, event: &Event) -> Result<(), Stop> {
        let before = self.people.get(&person).ok_or(Refusal::NotFound)?.clone();
        let keys = before.keys.clone().ok_or(Refusal::Conflict(Conflict::Erased))?;
        let revision = before.revision + 1;
        let mut record = Arc::clone(&before.record);
        Arc::make_mut(&mut record).apply(event);

        let nonce = self.random();
        let sealed = seal_event(self.shared, &before, &keys, event, revision, nonce)?;
        self.staged.events.push(EventRow {
            person_id: person,
            sequence: revision,
            event_id: event.id,
            recorded_at: event.recorded_at,
            sealed,
        });
        self.stage_event_leaf(call, &before, &keys, event)?;
        self.staged.tell(person, event);
        self.staged.touched.insert(person);
        self.about = Some(person);
        let after = Person {
            record,
            revision,
            ..before.clone()
        };
        self.people.insert(person, after);
        self.undo.push(before);
        Ok(())
    }

    /// Ends a person who became another one: identifiers move, and the id leads to the other from now on.
    pub(crate) fn end_by_merge(&mut self, gone: PersonId, into: PersonId) -> Result<(), Stop> {
        let before = self.people.get(&gone).ok_or(Refusal::NotFound)?.clone();
        let previous = before.stored_revision.ok_or(Refusal::Unavailable)?;
        self.staged.ended.push((
            into,
            PersonChange {
                id: gone,
                previous,
                revision: before.revision + 1,
                state: StoredState::Merged,
                merged_into: Some(into),
                ended_at: Some(self.now),
            },
        ));
        self.staged.touched.remove(&gone);
        self.people.insert(
            gone,
            Person {
                state: PersonState::Merged(into),
                keys: None,
                ..before.clone()
            },
        );
        for found in self.index.values_mut() {
            if *found == Some(gone) {
                *found = Some(into);
            }
        }
        self.undo.push(before);
        Ok(())
    }

    /// Erases somebody, but for the identifiers named, in this transaction. Whoever was merged into this person goes too.
    pub(crate) fn erase(&mut self, person: PersonId, keep: &[IdentifierId]) -> Result<(), Stop> {
        let now = self.now;
        let mut all = self.tx.merged_into(person)?;
        all.push(person);
        for id in all {
            self.tx.delete_person_keys(id)?;
            self.tx.erase_person(id, keep, now)?;
            self.staged.forget(id);
            if let Some(before) = self.people.get(&id).cloned() {
                self.people.insert(
                    id,
                    Person {
                        state: PersonState::Erased,
                        record: Arc::new(PersonRecord::default()),
                        keys: None,
                        ..before
                    },
                );
            }
        }
        Ok(())
    }

    /// The hash of the leaf of an event: batches carry the time of their events.
    pub(crate) fn leaf_hash_of(&mut self, event: &Event) -> Result<Option<[u8; 32]>, StoreError> {
        let at = event.recorded_at;
        for batch in self
            .tx
            .batches_between(super::Log::Consent.as_str(), at, at, None, u32::MAX)?
        {
            for line in bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)? {
                if Leaf::parse(line).is_ok_and(|leaf| leaf.id == event.id.into()) {
                    return Ok(Some(leaf_hash(line)));
                }
            }
        }
        Ok(None)
    }

    /// Seals the record of everybody who changed.
    pub(super) fn write_records(&mut self) -> Result<(), StoreError> {
        let touched: Vec<PersonId> = self.staged.touched.iter().copied().collect();
        let mut rows = Vec::with_capacity(touched.len());
        let mut heads = Vec::new();
        for id in touched {
            let nonce = self.random();
            let Some(person) = self.people.get(&id) else {
                continue;
            };
            let Some(keys) = &person.keys else { continue };
            let plain = serde_json::to_vec(&*person.record).map_err(|_| StoreError::Corrupt)?;
            let padded = crypto::pad(&plain, crypto::PAD_BUCKET).map_err(|_| StoreError::Corrupt)?;
            let place = record_place(
                self.shared.keys.tenant(),
                &person.id,
                person.key_version,
                person.revision,
            );
            let sealed =
                crypto::seal(&keys.record(), &place, nonce, &padded).map_err(|_| StoreError::Corrupt)?;
            rows.push(RecordChange {
                person_id: id,
                previous: person.stored_revision,
                record: SealedRecord {
                    revision: person.revision,
                    key_version: person.key_version,
                    sealed,
                },
            });
            if let Some(previous) = person.stored_revision {
                heads.push(PersonChange {
                    id,
                    previous,
                    revision: person.revision,
                    state: StoredState::Active,
                    merged_into: None,
                    ended_at: None,
                });
            }
        }
        // The head row first: it is the lock that two nodes meet at, always in the order of ids.
        if !heads.is_empty() {
            self.tx.set_people(&heads)?;
        }
        if rows.is_empty() {
            Ok(())
        } else {
            self.tx.put_records(&rows)
        }
    }
}

fn open(shared: &Shared, loaded: Loaded) -> Person {
    let nobody = |state| Person {
        id: loaded.id,
        state,
        record: Arc::new(PersonRecord::default()),
        revision: loaded.revision,
        stored_revision: Some(loaded.revision),
        key_version: PERSON_KEY_VERSION,
        keys: None,
    };
    match (loaded.state, loaded.merged_into) {
        (StoredState::Active, _) => {}
        (StoredState::Merged, Some(into)) => return nobody(PersonState::Merged(into)),
        (StoredState::Merged, None) | (StoredState::Erased, _) => return nobody(PersonState::Erased),
    }
    // Somebody whose key is gone was erased, also when a crash came between the key and the rest (promise 1).
    let Some(key) = &loaded.key else {
        return nobody(PersonState::Erased);
    };
    let opened = shared.keys.person_keys(loaded.id, key).and_then(|keys| {
        let record = loaded.record.as_ref().map_or_else(
            || Some(PersonRecord::default()),
            |row| {
                open_record(
                    shared,
                    loaded.id,
                    &keys,
                    row.key_version,
                    row.revision,
                    &row.sealed,
                )
            },
        )?;
        Some((keys, record))
    });
    let Some((keys, record)) = opened else {
        tracing::error!(
            alarm = "unreadable-record",
            "a person's key or record does not open; it was changed or moved outside the service"
        );
        return nobody(PersonState::Unreadable);
    };
    Person {
        record: Arc::new(record),
        keys: Some(Arc::new(keys)),
        ..nobody(PersonState::Active)
    }
}

fn open_record(
    shared: &Shared,
    person: PersonId,
    keys: &PersonKeys,
    key_version: u32,
    revision: u64,
    sealed: &[u8],
) -> Option<PersonRecord> {
    let place = record_place(shared.keys.tenant(), &person, key_version, revision);
    let padded = crypto::open(&keys.record(), &place, sealed).ok()?;
    serde_json::from_slice(crypto::unpad(&padded, crypto::PAD_BUCKET).ok()?).ok()
}

fn record_place<'a>(tenant: &'a str, person: &'a PersonId, key_version: u32, revision: u64) -> Place<'a> {
    Place {
        tenant,
        table: "person_record",
        column: "sealed",
        row: person.as_bytes(),
        person: person.as_bytes(),
        key_version,
        revision,
    }
}

fn event_place<'a>(
    tenant: &'a str,
    event: &'a EventId,
    person: &'a PersonId,
    key_version: u32,
    sequence: u64,
) -> Place<'a> {
    Place {
        tenant,
        table: "consent_event",
        column: "sealed",
        row: event.as_bytes(),
        person: person.as_bytes(),
        key_version,
        revision: sequence,
    }
}

fn seal_event(
    shared: &Shared,
    person: &Person,
    keys: &PersonKeys,
    event: &Event,
    sequence: u64,
    nonce: [u8; 12],
) -> Result<Vec<u8>, StoreError> {
    let plain = serde_json::to_vec(event).map_err(|_| StoreError::Corrupt)?;
    let padded = crypto::pad(&plain, crypto::PAD_BUCKET).map_err(|_| StoreError::Corrupt)?;
    let place = event_place(
        shared.keys.tenant(),
        &event.id,
        &person.id,
        person.key_version,
        sequence,
    );
    crypto::seal(&keys.event(), &place, nonce, &padded).map_err(|_| StoreError::Corrupt)
}

/// Opens a stored event.
pub(crate) fn open_event(shared: &Shared, person: &Person, row: &EventRow) -> Result<Event, StoreError> {
    let keys = person.keys.as_ref().ok_or(StoreError::Corrupt)?;
    let place = event_place(
        shared.keys.tenant(),
        &row.event_id,
        &row.person_id,
        person.key_version,
        row.sequence,
    );
    let padded = crypto::open(&keys.event(), &place, &row.sealed).map_err(|_| StoreError::Corrupt)?;
    let plain = crypto::unpad(&padded, crypto::PAD_BUCKET).map_err(|_| StoreError::Corrupt)?;
    serde_json::from_slice(plain).map_err(|_| StoreError::Corrupt)
}

/// The counter an event adds to, where it is about a purpose.
pub(super) fn measure(change: &Change) -> Option<&'static str> {
    match change {
        Change::Consent(act) => Some(match act.status {
            ConsentStatus::Given => "given",
            ConsentStatus::Refused => "refused",
            ConsentStatus::Withdrawn => "withdrawn",
            ConsentStatus::Renewed => "renewed",
            ConsentStatus::Requested => "requested",
            ConsentStatus::Revoked => "revoked",
        }),
        Change::Objected { .. } => Some("objected"),
        _ => None,
    }
}
