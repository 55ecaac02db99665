//! One unit of work: many requests, one transaction. Everything is read up front, decided in memory, staged, and
//! written at the end in a handful of statements; a request that is refused leaves nothing behind.

mod changes;
mod people;
mod sealed;
mod staged;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use changes::{Circumstances, PERSON_ERASED, PERSON_MERGED};
pub(crate) use people::{Found, Person, PersonState, may_use_scheme};
pub(crate) use sealed::{open_event, open_standing};
use staged::Staged;
pub(crate) use staged::{Log, NodeSequence, batch_of_one};

use super::call::Call;
use super::refusal::{Forbidden, Refusal};
use super::remembered::Recalled;
use super::shared::{OWN_CLIENT, Policies, Shared};
use crate::crypto::PersonKeys;
use crate::domain::ids::{OrganisationId, PersonId};
use crate::domain::moment::Moment;
use crate::policy::catalogue::Catalogue;
use crate::store::{ChangedPerson, IdempotencyRow, StoreError, Tx};

/// A person key that is stored already and belongs to nobody yet.
pub(crate) struct FreshPerson {
    pub(crate) id: PersonId,
    pub(crate) keys: Arc<PersonKeys>,
}

/// Why a unit of work could not go on. A refusal concerns one request; a store error all of them.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    Store(StoreError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a request will look at; read for the whole batch in a few statements.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    pub(crate) blind_indexes: Vec<[u8; 16]>,
    pub(crate) people: Vec<PersonId>,
    pub(crate) idempotency: Vec<(String, [u8; 32])>,
}

/// The work at hand.
pub(crate) struct Work<'w, 'tx> {
    pub(crate) shared: &'w Shared,
    pub(crate) policies: Arc<Policies>,
    pub(crate) now: Moment,
    tx: &'w mut Tx<'tx>,
    random: Random<'w>,
    people: HashMap<PersonId, Person>,
    /// What a blind index leads to; absent means not looked up yet.
    index: HashMap<[u8; 16], Option<PersonId>>,
    idempotency: HashMap<(String, [u8; 32]), IdempotencyRow>,
    spare: &'w [FreshPerson],
    used: usize,
    staged: Staged,
    undo: Vec<Person>,
    about: Option<PersonId>,
    /// Whether who is read is remembered. A look at everybody would push out those who are asked about.
    remembers: bool,
}

/// What was done beside what was asked for.
#[must_use]
pub(crate) struct Finished {
    /// Whether other systems must be told anything.
    pub(crate) tells: bool,
    /// Who has another record now.
    pub(crate) changed: Vec<ChangedPerson>,
}

/// A point to go back to when a request is refused half-way.
pub(crate) struct Mark {
    staged: staged::Lengths,
    used: usize,
}

impl<'w, 'tx> Work<'w, 'tx> {
    /// Begins work in a transaction and reads what the requests will look at.
    pub(crate) fn begin(
        shared: &'w Shared,
        policies: Arc<Policies>,
        tx: &'w mut Tx<'tx>,
        spare: &'w [FreshPerson],
        subjects: &Subjects,
    ) -> Result<Self, StoreError> {
        let mut work = Self::empty(shared, policies, tx, spare);
        work.read(subjects)?;
        Ok(work)
    }

    /// The same where some of them were read before, and the database was asked in this transaction who of them changed.
    /// Who is read is remembered.
    pub(crate) fn begin_with(
        shared: &'w Shared,
        policies: Arc<Policies>,
        tx: &'w mut Tx<'tx>,
        spare: &'w [FreshPerson],
        subjects: &Subjects,
        (recalled, changed): (Recalled, Vec<PersonId>),
    ) -> Result<Self, StoreError> {
        let mut work = Self::empty(shared, policies, tx, spare);
        work.remembers = true;
        work.take_in_recalled(recalled, changed);
        work.read(subjects)?;
        Ok(work)
    }

    fn empty(
        shared: &'w Shared,
        policies: Arc<Policies>,
        tx: &'w mut Tx<'tx>,
        spare: &'w [FreshPerson],
    ) -> Self {
        Self {
            shared,
            policies,
            now: shared.world.now(),
            tx,
            random: Random::new(shared),
            people: HashMap::new(),
            index: HashMap::new(),
            idempotency: HashMap::new(),
            spare,
            used: 0,
            staged: Staged::default(),
            undo: Vec::new(),
            about: None,
            remembers: false,
        }
    }

    fn read(&mut self, subjects: &Subjects) -> Result<(), StoreError> {
        let mut ids = subjects.people.clone();
        // Before the answers to keys: whoever sees the person that another node has just made sees its answer too.
        self.read_by_blind_index(&subjects.blind_indexes)?;
        if !subjects.idempotency.is_empty() {
            let keys: Vec<(&str, [u8; 32])> = subjects
                .idempotency
                .iter()
                .map(|(c, k)| (c.as_str(), *k))
                .collect();
            for row in self.tx.find_idempotency(&keys)? {
                ids.extend(row.person_id);
                self.idempotency
                    .insert((row.client_id.clone(), row.key_hash), row);
            }
        }
        self.read_by_id(&ids)
    }

    /// The catalogue in force.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.policies.current
    }

    /// The transaction, for the rare statement that is not staged.
    pub(crate) fn tx(&mut self) -> &mut Tx<'tx> {
        self.tx
    }

    /// Unpredictable bytes.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        self.random.bytes()
    }

    /// The id of an entry: its time in milliseconds, then 80 unpredictable bits. The time finds the entry again, and is
    /// no secret: it stands in the line.
    pub(crate) fn dated_id(&mut self) -> [u8; 16] {
        dated_id(self.now, self.random())
    }

    /// Where to go back to.
    pub(crate) fn mark(&mut self) -> Mark {
        self.undo.clear();
        self.about = None;
        Mark {
            staged: self.staged.lengths(),
            used: self.used,
        }
    }

    /// Forgets everything since the mark.
    pub(crate) fn roll_back(&mut self, mark: &Mark) {
        for person in self.undo.drain(..).rev() {
            self.people.insert(person.id, person);
        }
        for person in self.staged.truncate(&mark.staged) {
            self.people.remove(&person);
        }
        self.index
            .retain(|_, found| found.is_none_or(|id| self.people.contains_key(&id)));
        self.used = mark.used;
    }

    /// How many of the spare person keys were taken.
    pub(crate) const fn used_spares(&self) -> usize {
        self.used
    }

    /// Refuses a caller whose system does not work for a library.
    pub(crate) fn require_organisation(
        &self,
        call: &Call,
        organisation: &OrganisationId,
    ) -> Result<(), Refusal> {
        let served = call.serves(self.catalogue(), organisation);
        if served && self.catalogue().organisations.contains_key(organisation) {
            Ok(())
        } else {
            Err(Refusal::Forbidden(Forbidden::Organisation))
        }
    }

    /// What was answered before to an idempotency key.
    pub(crate) fn earlier_answer(&self, client: &str, key: [u8; 32]) -> Option<&IdempotencyRow> {
        self.idempotency.get(&(client.to_owned(), key))
    }

    /// Remembers the answer to an idempotency key, for later requests in the same batch and for good.
    pub(crate) fn remember_answer(&mut self, row: IdempotencyRow) {
        self.idempotency
            .insert((row.client_id.clone(), row.key_hash), row.clone());
        self.staged.idempotency.push(row);
    }

    /// Notes the person the request is about, where it records no event of that person.
    pub(crate) const fn is_about(&mut self, person: PersonId) {
        self.about = Some(person);
    }

    /// The person the request turned out to be about.
    pub(crate) const fn about(&self) -> Option<PersonId> {
        self.about
    }

    /// Whether a call is Akkoord's own.
    pub(crate) fn is_own(call: &Call) -> bool {
        call.principal.client == OWN_CLIENT
    }

    /// Writes everything that was staged. After this the work is over.
    pub(crate) fn finish(mut self, sequence: &NodeSequence) -> Result<Finished, StoreError> {
        if self.tx.only_appends() && !self.staged.fits_one_statement() {
            // It is more than was said, or all was refused by what is remembered: done again, in a transaction.
            return Err(StoreError::Conflict { constraint: None });
        }
        let Staged { new_people, .. } = &self.staged;
        if !new_people.is_empty() {
            let rows: Vec<_> = new_people
                .iter()
                .filter_map(|id| self.people.get(id))
                .map(|p| p.row(self.shared, self.now))
                .collect();
            self.tx.insert_people(&rows)?;
        }
        if !self.staged.new_identifiers.is_empty() {
            self.tx.insert_identifiers(&self.staged.new_identifiers)?;
        }
        let (first, changed) = self.seal_records()?;
        self.tx.put_records(&first)?;
        let tells = self.staged.tells();
        self.staged.write(self.tx, sequence, self.now, &changed)?;
        Ok(Finished { tells, changed })
    }
}

/// See [`Work::dated_id`].
pub(crate) fn dated_id(at: Moment, random: [u8; 10]) -> [u8; 16] {
    let [_, _, time @ ..] = at.millis().to_be_bytes();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(time.into_iter().chain(random)) {
        *to = from;
    }
    id
}

/// The millisecond in which an entry was made, from its id.
pub(crate) fn dated(id: [u8; 16]) -> (Moment, Moment) {
    let [a, b, c, d, e, f, ..] = id;
    let micros = i64::from_be_bytes([0, 0, a, b, c, d, e, f]).saturating_mul(1_000);
    (
        Moment::from_micros(micros),
        Moment::from_micros(micros.saturating_add(999)),
    )
}

/// Bytes from the world, fetched many at a time.
struct Random<'w> {
    shared: &'w Shared,
    buffer: [u8; 1024],
    next: usize,
}

impl<'w> Random<'w> {
    const fn new(shared: &'w Shared) -> Self {
        Self {
            shared,
            buffer: [0; 1024],
            next: 1024,
        }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        if let Some(ready) = self.buffer.get_mut(self.next..self.next + N) {
            out.copy_from_slice(ready);
            // A byte that was given out is never given again.
            ready.fill(0);
            self.next += N;
            return out;
        }
        if N > self.buffer.len() {
            self.shared.world.fill(&mut out);
            return out;
        }
        self.shared.world.fill(&mut self.buffer);
        self.next = 0;
        self.bytes()
    }
}
