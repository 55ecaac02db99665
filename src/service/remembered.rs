//! People whom this node has read before, as sealed as the database holds them. They are never believed on their own word:
//! a transaction asks the database whether each of them is still the same (`Tx::news_since`, or `Tx::expect` where all it
//! writes is one statement), which costs a look at one index instead of three tables and a sealed record. So a withdrawal
//! that was acknowledged anywhere is seen by the next check everywhere, and what is spared is reading, not asking (ADR 13).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Service;
use crate::domain::ids::PersonId;
use crate::store::{ChangedPerson, Loaded, PersonState};

/// What one entry costs beside its ciphertext, in bytes: two places in tables, half empty, and the row itself.
const OVERHEAD: usize = 320;

/// The people this node remembers. Bounded: the older half goes when the younger one is full, and whoever is asked
/// about moves to the younger half.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// Most bytes of one half.
    half: usize,
    halves: Mutex<Halves>,
    figures: RememberedFigures,
}

/// How often remembering spared a reading, for metrics.
#[derive(Debug, Default)]
pub struct RememberedFigures {
    /// Times that somebody was remembered.
    pub recalled: AtomicU64,
    /// Times that such a person had changed, and was read again.
    pub changed: AtomicU64,
    /// People who were read because they were not remembered.
    pub read: AtomicU64,
    /// Bytes in use.
    pub bytes: AtomicU64,
}

impl RememberedFigures {
    pub(crate) fn count(counter: &AtomicU64, more: usize) {
        counter.fetch_add(u64::try_from(more).unwrap_or(0), Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Halves {
    young: Half,
    old: Half,
}

#[derive(Debug, Default)]
struct Half {
    people: HashMap<PersonId, Arc<Loaded>>,
    indexes: HashMap<[u8; 16], PersonId>,
    bytes: usize,
}

/// Whom a batch looks at and this node has read before: each by the index that was looked for, or by id.
#[derive(Debug)]
pub(crate) struct Recalled {
    pub(crate) people: Vec<(Option<[u8; 16]>, Arc<Loaded>)>,
}

impl Recalled {
    /// What the database must confirm: who, and as which revision; each once.
    pub(crate) fn claims(&self) -> Vec<(PersonId, u64)> {
        let claims = self.people.iter().map(|(_, person)| (person.id, person.revision));
        let mut claims: Vec<(PersonId, u64)> = claims.collect();
        claims.sort_unstable();
        claims.dedup();
        claims
    }
}

impl Half {
    fn keep(&mut self, index: Option<[u8; 16]>, person: Arc<Loaded>) {
        if let Some(index) = index {
            self.indexes.insert(index, person.id);
        }
        let bytes = weight(&person);
        match self.people.insert(person.id, person) {
            Some(earlier) => self.bytes = (self.bytes + bytes).saturating_sub(weight(&earlier)),
            None => self.bytes += bytes,
        }
    }

    fn forget(&mut self, person: PersonId) {
        // Its indexes lead nowhere from here on, and go with the half.
        if let Some(person) = self.people.remove(&person) {
            self.bytes = self.bytes.saturating_sub(weight(&person));
        }
    }
}

impl Halves {
    fn by_index(&mut self, index: [u8; 16]) -> Option<Arc<Loaded>> {
        let young = self.young.indexes.get(&index);
        let id = *young.or_else(|| self.old.indexes.get(&index))?;
        let known = young.is_some();
        let person = self.by_id(id)?;
        if !known {
            self.young.indexes.insert(index, id);
        }
        Some(person)
    }

    fn by_id(&mut self, id: PersonId) -> Option<Arc<Loaded>> {
        if let Some(person) = self.young.people.get(&id) {
            return Some(Arc::clone(person));
        }
        let person = Arc::clone(self.old.people.get(&id)?);
        self.young.keep(None, Arc::clone(&person));
        Some(person)
    }
}

impl Remembered {
    /// Room for so many bytes; 0 remembers nobody.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            half: bytes / 2,
            halves: Mutex::default(),
            figures: RememberedFigures::default(),
        }
    }

    /// What remembering did.
    pub(crate) const fn figures(&self) -> &RememberedFigures {
        &self.figures
    }

    /// Who of these was read before.
    pub(crate) fn recall(&self, indexes: &[[u8; 16]], ids: &[PersonId]) -> Recalled {
        let mut people = Vec::new();
        if self.half > 0 {
            let mut halves = self.halves();
            people.reserve(indexes.len() + ids.len());
            for index in indexes {
                people.extend(halves.by_index(*index).map(|person| (Some(*index), person)));
            }
            for id in ids {
                people.extend(halves.by_id(*id).map(|person| (None, person)));
            }
            self.make_room(&mut halves);
        }
        Recalled { people }
    }

    /// Remembers who was read. Only somebody who is present, with record and key: everything else is rare, and is read
    /// each time.
    pub(crate) fn keep<'p>(&self, people: impl Iterator<Item = (Option<[u8; 16]>, &'p Arc<Loaded>)>) {
        if self.half == 0 {
            return;
        }
        let mut halves = self.halves();
        for (index, person) in people {
            RememberedFigures::count(&self.figures.read, 1);
            if person.state == PersonState::Active && person.record.is_some() && person.key.is_some() {
                halves.young.keep(index, Arc::clone(person));
            }
        }
        self.make_room(&mut halves);
    }

    /// Who is remembered and was changed by this node has the new record; `changed` is committed.
    pub(crate) fn renew(&self, changed: Vec<ChangedPerson>) {
        // A batch of checks changes nobody, and waits for nobody here.
        if self.half == 0 || changed.is_empty() {
            return;
        }
        let mut halves = self.halves();
        for change in changed {
            let known = halves.by_id(change.id);
            halves.young.forget(change.id);
            halves.old.forget(change.id);
            // Somebody else was quicker where the revision is another one.
            if let Some(known) = known.filter(|known| known.revision == change.previous) {
                let renewed = Loaded {
                    revision: change.record.revision,
                    record: Some(change.record),
                    ..(*known).clone()
                };
                halves.young.keep(None, Arc::new(renewed));
            }
        }
        self.make_room(&mut halves);
    }

    /// Forgets somebody.
    pub(crate) fn forget(&self, people: impl IntoIterator<Item = PersonId>) {
        let mut halves = self.halves();
        for person in people {
            halves.young.forget(person);
            halves.old.forget(person);
        }
    }

    /// Forgets everybody: after an outage the database may be another one.
    pub(crate) fn forget_all(&self) {
        *self.halves() = Halves::default();
    }

    fn make_room(&self, halves: &mut Halves) {
        if halves.young.bytes > self.half {
            halves.old = std::mem::take(&mut halves.young);
        }
        let bytes = u64::try_from(halves.young.bytes + halves.old.bytes).unwrap_or(u64::MAX);
        self.figures.bytes.store(bytes, Ordering::Relaxed);
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        // Nothing that holds this can panic half-way through a change.
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// How often remembering spared a reading.
    pub fn remembered(&self) -> &RememberedFigures {
        self.shared().remembered.figures()
    }
}

fn weight(person: &Loaded) -> usize {
    let record = person.record.as_ref().map_or(0, |record| record.sealed.len());
    let key = person.key.as_ref().map_or(0, |key| key.wrapped.len());
    OVERHEAD + record + key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SealedRecord, WrappedKey};

    fn person(number: u8) -> Arc<Loaded> {
        Arc::new(Loaded {
            id: PersonId::from_bytes([number; 16]),
            revision: 1,
            state: PersonState::Active,
            merged_into: None,
            record: Some(SealedRecord {
                revision: 1,
                key_version: 1,
                sealed: vec![0; 600],
            }),
            key: Some(WrappedKey {
                version: 1,
                epoch: 1,
                wrapped: vec![0; 80],
                kcv: [0; 16],
            }),
        })
    }

    fn found(remembered: &Remembered, indexes: &[[u8; 16]], ids: &[PersonId]) -> Vec<PersonId> {
        let found = remembered.recall(indexes, ids).people;
        found.iter().map(|(_, person)| person.id).collect()
    }

    #[test]
    fn somebody_is_found_by_index_and_by_id_until_forgotten() {
        let remembered = Remembered::new(1 << 20);
        let one = person(1);
        remembered.keep(std::iter::once((Some([7; 16]), &one)));
        assert_eq!(found(&remembered, &[[7; 16], [8; 16]], &[]), [one.id]);
        assert_eq!(found(&remembered, &[], &[one.id, person(2).id]), [one.id]);
        remembered.forget([one.id]);
        assert!(found(&remembered, &[[7; 16]], &[one.id]).is_empty());
    }

    #[test]
    fn who_was_changed_here_is_remembered_with_the_new_record_unless_somebody_was_quicker() {
        let changed = |previous: u64| ChangedPerson {
            id: person(1).id,
            previous,
            record: SealedRecord {
                revision: previous + 1,
                key_version: 1,
                sealed: vec![9; 700],
            },
        };
        let remembered = Remembered::new(1 << 20);
        remembered.renew(vec![changed(1)]);
        assert!(
            found(&remembered, &[], &[person(1).id]).is_empty(),
            "was never read"
        );

        remembered.keep(std::iter::once((Some([7; 16]), &person(1))));
        remembered.renew(vec![changed(1)]);
        let people = remembered.recall(&[[7; 16]], &[]).people;
        let (_, renewed) = people.first().unwrap();
        assert_eq!((renewed.revision, &renewed.record), (2, &Some(changed(1).record)));
        assert_eq!(renewed.key, person(1).key);
        let bytes = remembered.figures().bytes.load(Ordering::Relaxed);
        assert_eq!(bytes, weight(renewed) as u64);

        // Another node changed it first: revision 2 is not what 5 was made of.
        remembered.renew(vec![changed(4)]);
        assert!(found(&remembered, &[[7; 16]], &[person(1).id]).is_empty());
    }

    #[test]
    fn who_is_asked_about_stays_and_the_rest_goes() {
        let remembered = Remembered::new(20 * weight(&person(0)));
        for number in 0..200 {
            let one = person(number);
            remembered.keep(std::iter::once((Some([number; 16]), &one)));
            assert_eq!(found(&remembered, &[[0; 16]], &[]).len(), 1, "after {number}");
        }
        let all: Vec<[u8; 16]> = (0..200).map(|number| [number; 16]).collect();
        let left = found(&remembered, &all, &[]).len();
        assert!((2..=21).contains(&left), "{left} people are left");
        let halves = remembered.halves();
        assert!(halves.young.bytes + halves.old.bytes <= 21 * weight(&person(0)));
    }

    #[test]
    fn nobody_is_remembered_who_is_erased_or_when_there_is_no_room() {
        let remembered = Remembered::new(1 << 20);
        let erased = Arc::new(Loaded {
            state: PersonState::Erased,
            record: None,
            key: None,
            ..(*person(3)).clone()
        });
        remembered.keep(std::iter::once((Some([3; 16]), &erased)));
        assert!(found(&remembered, &[[3; 16]], &[erased.id]).is_empty());

        let nothing = Remembered::new(0);
        nothing.keep(std::iter::once((Some([1; 16]), &person(1))));
        assert!(found(&nothing, &[[1; 16]], &[]).is_empty());
    }
}
