//! Changes of people in a unit of work: made, given identifiers, changed by events, merged, erased.

use std::sync::Arc;

use super::people::{Person, PersonState};
use super::sealed::seal_event;
use super::{Log, Stop, Work};
use crate::audit::bundle;
use crate::audit::leaf::{Leaf, leaf_hash};
use crate::domain::consent::ConsentStatus;
use crate::domain::event::{Actor, Change, Event};
use crate::domain::ids::{EventId, IdentifierId, OrganisationId, PersonId, SchemeId};
use crate::domain::moment::Moment;
use crate::domain::person::PersonRecord;
use crate::domain::personal::Personal;
use crate::service::call::Call;
use crate::service::keys::PERSON_KEY_VERSION;
use crate::service::refusal::{Conflict, Forbidden, Refusal};
use crate::service::verbs::Evidence;
use crate::store::{
    EventRow, IdentifierRow, OutboxRow, PersonChange, PersonState as StoredState, StoreError,
};

/// The kind of message that tells of an erasure.
pub(crate) const PERSON_ERASED: &str = "person.erased";
/// In the place of a revision: after every other message about somebody.
const LAST: u64 = 1 << 40;
/// The kind of message that tells of a merge.
pub(crate) const PERSON_MERGED: &str = "person.merged";

/// Circumstances of an event.
pub(crate) struct Circumstances<'a> {
    pub(crate) organisation: &'a OrganisationId,
    pub(crate) occurred_at: Option<Moment>,
    pub(crate) actor: Actor,
    pub(crate) evidence: Option<Evidence>,
}
impl Work<'_, '_> {
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
        self.staged.tell(person, revision, event);
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

    /// Tells the systems of a library something about a person that no event of that library tells: that a merge or an
    /// erasure touches it too.
    pub(crate) fn tell_library(
        &mut self,
        kind: &str,
        person: PersonId,
        other: Option<PersonId>,
        organisation: &OrganisationId,
    ) -> Result<(), Stop> {
        let revision = self.people.get(&person).ok_or(Refusal::NotFound)?.revision;
        let message = OutboxRow {
            event_id: EventId::from_bytes(self.dated_id()),
            kind: kind.to_owned(),
            person_id: person,
            other_id: other,
            revision,
            organisation: organisation.to_string(),
            purpose: None,
            recorded_at: self.now,
        };
        self.staged.tell_more(message);
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
        self.tell_erased(&all, person)?;
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

    /// Whoever knows the person, by this id or one that was merged into it, must know (GDPR art. 19).
    fn tell_erased(&mut self, ids: &[PersonId], person: PersonId) -> Result<(), Stop> {
        let found = self.people.get(&person).ok_or(Refusal::NotFound)?;
        let libraries: Vec<_> = found.record.standings.keys().cloned().collect();
        for (id, organisation) in ids
            .iter()
            .flat_map(|id| libraries.iter().map(move |library| (*id, library)))
        {
            let message = OutboxRow {
                event_id: EventId::from_bytes(self.dated_id()),
                kind: PERSON_ERASED.to_owned(),
                person_id: id,
                other_id: None,
                revision: LAST,
                organisation: organisation.to_string(),
                purpose: None,
                recorded_at: self.now,
            };
            self.staged.tell_more(message);
        }
        Ok(())
    }

    /// The hash of the leaf of an event: batches carry the time of their events.
    pub(crate) fn leaf_hash_of(&mut self, event: &Event) -> Result<Option<[u8; 32]>, StoreError> {
        let at = event.recorded_at;
        for batch in self
            .tx
            .batches_between(Log::Consent.as_str(), at, at, None, u32::MAX)?
        {
            for line in bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)? {
                if Leaf::parse(line).is_ok_and(|leaf| leaf.id == event.id.into()) {
                    return Ok(Some(leaf_hash(line)));
                }
            }
        }
        Ok(None)
    }
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
        Change::ExpiryNear { .. } => Some("reminded"),
        _ => None,
    }
}
