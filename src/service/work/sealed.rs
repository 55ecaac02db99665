//! How people and their events are sealed for the database, and opened again.

use std::sync::Arc;

use super::Work;
use super::people::{Person, PersonState};
use crate::crypto::{self, PersonKeys, Place};
use crate::domain::event::Event;
use crate::domain::ids::{EventId, OrganisationId, PersonId};
use crate::domain::person::PersonRecord;
use crate::service::keys::PERSON_KEY_VERSION;
use crate::service::shared::Shared;
use crate::store::{
    ChangedPerson, EventRow, Loaded, PersonState as StoredState, RecordChange, SealedRecord, StoreError,
};

impl Work<'_, '_> {
    /// Seals the record of everybody who changed: first ones, and those in the place of others; in the order of ids.
    pub(super) fn seal_records(&mut self) -> Result<(Vec<RecordChange>, Vec<ChangedPerson>), StoreError> {
        let touched: Vec<PersonId> = self.staged.touched.iter().copied().collect();
        let (mut first, mut changed) = (Vec::new(), Vec::with_capacity(touched.len()));
        for id in touched {
            let nonce = self.random();
            let Some(person) = self.people.get(&id) else {
                continue;
            };
            let Some(keys) = &person.keys else { continue };
            let plain = person.record.to_bytes().map_err(|_| StoreError::Corrupt)?;
            let padded = crypto::pad(&plain, crypto::PAD_BUCKET).map_err(|_| StoreError::Corrupt)?;
            let place = record_place(
                self.shared.keys.tenant(),
                &person.id,
                person.key_version,
                person.revision,
            );
            let sealed =
                crypto::seal(&keys.record(), &place, nonce, &padded).map_err(|_| StoreError::Corrupt)?;
            let record = SealedRecord {
                revision: person.revision,
                key_version: person.key_version,
                sealed,
            };
            match person.stored_revision {
                Some(previous) => changed.push(ChangedPerson { id, previous, record }),
                None => first.push(RecordChange {
                    person_id: id,
                    previous: None,
                    record,
                }),
            }
        }
        Ok((first, changed))
    }
}

/// Somebody of whom nothing is known but a state.
pub(super) fn nobody(loaded: &Loaded, state: PersonState) -> Person {
    Person {
        id: loaded.id,
        state,
        record: Arc::new(PersonRecord::default()),
        revision: loaded.revision,
        stored_revision: Some(loaded.revision),
        key_version: PERSON_KEY_VERSION,
        keys: None,
    }
}

/// Opens somebody; `None` when key or record do not open.
pub(super) fn open(shared: &Shared, loaded: &Loaded) -> Option<Person> {
    match (loaded.state, loaded.merged_into) {
        (StoredState::Active, _) => {}
        // The record has moved on; the history and its receipts are still read with the key they were sealed under (R4).
        (StoredState::Merged, Some(into)) => {
            let key = loaded.key.as_ref();
            let keys = key.and_then(|key| shared.keys.person_keys(loaded.id, key));
            return Some(Person {
                keys: keys.map(Arc::new),
                ..nobody(loaded, PersonState::Merged(into))
            });
        }
        (StoredState::Merged, None) | (StoredState::Erased, _) => {
            return Some(nobody(loaded, PersonState::Erased));
        }
    }
    // Somebody whose key is gone was erased, also when a crash came between the key and the rest (promise 1).
    let Some(key) = &loaded.key else {
        return Some(nobody(loaded, PersonState::Erased));
    };
    let keys = shared.keys.person_keys(loaded.id, key)?;
    let record = match &loaded.record {
        None => PersonRecord::default(),
        Some(row) => open_record(
            shared,
            loaded.id,
            &keys,
            row.key_version,
            row.revision,
            &row.sealed,
        )?,
    };
    Some(Person {
        record: Arc::new(record),
        keys: Some(Arc::new(keys)),
        ..nobody(loaded, PersonState::Active)
    })
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
    PersonRecord::from_bytes(crypto::unpad(&padded, crypto::PAD_BUCKET).ok()?).ok()
}

/// Opens a record of which one library's standing is wanted and nothing else.
pub(crate) fn open_standing(
    shared: &Shared,
    person: PersonId,
    keys: &PersonKeys,
    row: &SealedRecord,
    organisation: &OrganisationId,
) -> Option<PersonRecord> {
    let place = record_place(shared.keys.tenant(), &person, row.key_version, row.revision);
    let padded = crypto::open(&keys.record(), &place, &row.sealed).ok()?;
    PersonRecord::at(organisation, crypto::unpad(&padded, crypto::PAD_BUCKET).ok()?).ok()
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

pub(super) fn seal_event(
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
