//! The lane: a thread with a connection that commits many requests at once. While one batch commits, the next one
//! fills; there is no timer. The rate grows with the load, and a lone request waits for its own commit only. Where the
//! database takes several writers a lane may have several threads: while one waits for the database, another works.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::call::Call;
use super::catalogue;
use super::refusal::Refusal;
use super::shared::Shared;
use super::work::{Finished, FreshPerson, NodeSequence, Stop, Subjects, Work};
use crate::domain::hex::hex;
use crate::domain::ids::PersonId;
use crate::store::{Fence, Session, Store, StoreError, Tx};
use crate::world::random;

/// Most requests in one transaction.
const BATCH: usize = 1024;

/// How often a batch is tried again when another node changed the same people meanwhile.
const TRIES: usize = 8;

/// A use case that goes through the lane. `act` may run more than once; only the run that is committed counts.
pub(crate) trait Verb: Send + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// What it will look at.
    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects);

    /// How many people it may make.
    fn fresh_people(&self) -> usize {
        0
    }

    /// Whether it writes nothing but lines of one log, and what changes people who are present (`Tx::append_acts`).
    fn fits_one_statement(&self) -> bool {
        false
    }

    /// Does it.
    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Self::Answer, Stop>;
}

/// A request that changes nothing: it is answered when a lane has ended a transaction.
pub(crate) struct SignOfLife;

impl Verb for SignOfLife {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, _: &Call, _: &mut Work<'_, '_>) -> Result<(), Stop> {
        Ok(())
    }
}

trait Job: Send {
    fn subjects(&self, shared: &Shared, into: &mut Subjects);
    fn fresh_people(&self) -> usize;
    fn fits_one_statement(&self) -> bool;
    fn run(&mut self, work: &mut Work<'_, '_>) -> Result<(), StoreError>;
    fn reply(self: Box<Self>, committed: Result<(), Refusal>);
}

struct Ticket<V: Verb> {
    call: Call,
    verb: V,
    outcome: Option<Result<V::Answer, Refusal>>,
    reply: oneshot::Sender<Result<V::Answer, Refusal>>,
}

impl<V: Verb> Job for Ticket<V> {
    fn subjects(&self, shared: &Shared, into: &mut Subjects) {
        self.verb.subjects(shared, &self.call, into);
    }

    fn fresh_people(&self) -> usize {
        self.verb.fresh_people()
    }

    fn fits_one_statement(&self) -> bool {
        self.verb.fits_one_statement()
    }

    fn run(&mut self, work: &mut Work<'_, '_>) -> Result<(), StoreError> {
        if self.reply.is_closed() {
            // The caller gave up while this waited in the queue: nothing was recorded, and nothing will be.
            self.outcome = Some(Err(Refusal::Unavailable));
            return Ok(());
        }
        let mark = work.mark();
        self.outcome = Some(match self.verb.act(&self.call, work) {
            Ok(answer) => Ok(answer),
            Err(Stop::Refused(refusal)) => {
                work.roll_back(&mark);
                Err(refusal)
            }
            Err(Stop::Store(error)) => return Err(error),
        });
        Ok(())
    }

    fn reply(self: Box<Self>, committed: Result<(), Refusal>) {
        let outcome = match committed {
            Ok(()) => self.outcome.unwrap_or(Err(Refusal::Unavailable)),
            Err(refusal) => Err(refusal),
        };
        // Nobody may be waiting any more; what is committed stays committed.
        let _ = self.reply.send(outcome);
    }
}

/// What a lane has done, for metrics.
#[derive(Debug, Default)]
pub struct LaneFigures {
    /// Requests waiting now.
    pub waiting: AtomicUsize,
    /// Batches committed.
    pub batches: AtomicU64,
    /// Requests committed.
    pub requests: AtomicU64,
}

/// The way into a lane.
pub(crate) struct Lane {
    queue: std::sync::RwLock<Option<SyncSender<Box<dyn Job>>>>,
    deadline: Duration,
    figures: Arc<LaneFigures>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// What its threads take turns at.
type Queue = Arc<Mutex<Receiver<Box<dyn Job>>>>;

impl Lane {
    /// Starts so many threads.
    pub(crate) fn start(
        name: &str,
        threads: usize,
        shared: &Arc<Shared>,
        store: &Store,
        queue: usize,
        deadline: Duration,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(queue);
        let receiver: Queue = Arc::new(Mutex::new(receiver));
        let figures = Arc::new(LaneFigures::default());
        // A new node name each start: batch numbers are never used twice, whatever happened to the last ones.
        let boot: [u8; 6] = random(&*shared.world);
        let sequence = NodeSequence::new(format!("{}.{}.{name}", shared.node, hex(&boot)));
        let threads = (0..threads).map(|_| {
            let runner = Runner {
                shared: Arc::clone(shared),
                store: store.clone(),
                session: store.session(),
                sequence: sequence.clone(),
                spare: Vec::new(),
                figures: Arc::clone(&figures),
            };
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new()
                .name(format!("lane-{name}"))
                .spawn(move || runner.run(&receiver))
        });
        let threads = threads.collect::<Result<_, _>>()?;
        Ok(Self {
            queue: std::sync::RwLock::new(Some(sender)),
            deadline,
            figures,
            threads: Mutex::new(threads),
        })
    }

    /// Hands a request in and waits for its commit.
    pub(crate) async fn submit<V: Verb>(&self, call: &Call, verb: V) -> Result<V::Answer, Refusal> {
        let (reply, answer) = oneshot::channel();
        let ticket: Box<dyn Job> = Box::new(Ticket {
            call: call.clone(),
            verb,
            outcome: None,
            reply,
        });
        self.enqueue(ticket)?;
        match tokio::time::timeout(self.deadline, answer).await {
            Ok(Ok(outcome)) => outcome,
            // Not in time, or the lane ended: whether it was recorded is unknown, and unknown is never a permit.
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }

    fn enqueue(&self, ticket: Box<dyn Job>) -> Result<(), Refusal> {
        let queue = self.queue.read().map_err(|_| Refusal::Unavailable)?;
        let sender = queue.as_ref().ok_or(Refusal::Unavailable)?;
        // Counted before it is sent, so that the lane never counts it out first.
        self.figures.waiting.fetch_add(1, Ordering::Relaxed);
        sender.try_send(ticket).map_err(|error| {
            self.figures.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Refusal::Busy,
                TrySendError::Disconnected(_) => Refusal::Unavailable,
            }
        })
    }

    /// What the lane has done.
    pub(crate) fn figures(&self) -> &LaneFigures {
        &self.figures
    }

    /// Takes nothing more, finishes what was taken, and ends the threads.
    pub(crate) fn stop(&self) {
        if let Ok(mut queue) = self.queue.write() {
            *queue = None;
        }
        let threads = self
            .threads
            .lock()
            .map(|mut threads| std::mem::take(&mut *threads));
        for thread in threads.unwrap_or_default() {
            let _ = thread.join();
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Runner {
    shared: Arc<Shared>,
    store: Store,
    session: Session,
    sequence: NodeSequence,
    spare: Vec<FreshPerson>,
    figures: Arc<LaneFigures>,
}

impl Runner {
    fn run(mut self, queue: &Queue) {
        while let Some(batch) = next_batch(queue) {
            self.figures.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            self.process(batch);
        }
    }

    fn process(&mut self, mut batch: Vec<Box<dyn Job>>) {
        // A database that was rolled back has forgotten withdrawals: nothing may be permitted on its word.
        if self.shared.standing.is_halted() {
            return batch
                .into_iter()
                .for_each(|job| job.reply(Err(Refusal::Unavailable)));
        }
        let mut outcome: Result<bool, _> = Err(StoreError::Unavailable("not tried".into()));
        let mut at_once = batch.iter().all(|job| job.fits_one_statement());
        for _ in 0..TRIES {
            outcome = self.attempt(&mut batch, at_once);
            if !matches!(outcome, Err(StoreError::Conflict { .. })) {
                break;
            }
            at_once = false;
        }
        match outcome {
            Ok(tells) => {
                self.figures.batches.fetch_add(1, Ordering::Relaxed);
                self.figures
                    .requests
                    .fetch_add(u64::try_from(batch.len()).unwrap_or(0), Ordering::Relaxed);
                batch.into_iter().for_each(|job| job.reply(Ok(())));
                self.shared.standing.ring();
                if tells {
                    self.shared.news.ring();
                }
            }
            // One request that cannot be done must not take the others with it.
            Err(error) if batch.len() > 1 && !is_outage(&error) => {
                batch.into_iter().for_each(|job| self.process(vec![job]));
            }
            Err(error) => {
                tracing::error!(error = %error, "a batch could not be committed; its callers are told so");
                batch
                    .into_iter()
                    .for_each(|job| job.reply(Err(Refusal::Unavailable)));
            }
        }
    }

    /// Answers whether other systems must be told anything.
    fn attempt(&mut self, batch: &mut [Box<dyn Job>], at_once: bool) -> Result<bool, StoreError> {
        self.prepare_people(batch.iter().map(|job| job.fresh_people()).sum())?;
        let Self {
            shared,
            session,
            sequence,
            spare,
            ..
        } = self;
        let in_one = |tx: &mut Tx<'_>| -> Result<(usize, Finished), StoreError> {
            let look = |batch: &[Box<dyn Job>]| {
                let mut subjects = Subjects::default();
                batch.iter().for_each(|job| job.subjects(shared, &mut subjects));
                subjects
            };
            let mut subjects = look(batch);
            let recalled = shared
                .remembered
                .recall(&subjects.blind_indexes, &subjects.people);
            let (policies, changed) = if tx.only_appends() {
                // Whom this node remembers is not asked about first: what is decided is added if they are still the same.
                let policies = shared.policies.load_full();
                tx.expect(Fence {
                    people: recalled.claims(),
                    catalogue: policies.sequence,
                });
                (policies, Vec::new())
            } else {
                let (catalogue, changed) = tx.news_since(&recalled.claims())?;
                if catalogue::follow(shared, tx, catalogue)? {
                    // It may have keys of blind indexes that were not known a moment ago.
                    subjects = look(batch);
                }
                (shared.policies.load_full(), changed)
            };
            let mut work = Work::begin_with(shared, policies, tx, spare, &subjects, (recalled, changed))?;
            for job in batch.iter_mut() {
                job.run(&mut work)?;
            }
            let used = work.used_spares();
            Ok((used, work.finish(sequence)?))
        };
        let committed = if at_once {
            session.append("lane", in_one)
        } else {
            session.change("lane", in_one)
        };
        match committed {
            Ok((used, Finished { tells, changed })) => {
                spare.drain(..used.min(spare.len()));
                shared.remembered.renew(changed);
                Ok(tells)
            }
            Err(conflict @ StoreError::Conflict { .. }) => Err(conflict),
            Err(error) => {
                shared.remembered.forget_all();
                // The database may have gone after it had committed: then these ids are people already, and whoever
                // is registered next needs another.
                spare.clear();
                Err(error)
            }
        }
    }

    /// Keys of people to come are stored before the transaction that makes the people: the key store is another
    /// database, and a key that belongs to nobody harms nobody, while a person without a key could not be read.
    fn prepare_people(&mut self, needed: usize) -> Result<(), StoreError> {
        if self.spare.len() >= needed {
            return Ok(());
        }
        let (mut rows, mut fresh) = (Vec::new(), Vec::new());
        for _ in self.spare.len()..needed {
            let id = PersonId::from_bytes(random(&*self.shared.world));
            let made = self.shared.keys.new_person_key(id, &*self.shared.world);
            let (keys, row) = made.ok_or(StoreError::Corrupt)?;
            rows.push(row);
            fresh.push(FreshPerson {
                id,
                keys: Arc::new(keys),
            });
        }
        match self.store.add_person_keys(&rows) {
            // The epoch ended before this node heard of it: the batch is tried again with the new one.
            Err(conflict @ StoreError::Conflict { constraint: None }) => {
                self.shared.keys.look_for_epochs(None)?;
                return Err(conflict);
            }
            added => added?,
        }
        self.spare.extend(fresh);
        Ok(())
    }
}

/// Everything that waits, once something does; none when nothing will come any more.
fn next_batch(queue: &Queue) -> Option<Vec<Box<dyn Job>>> {
    // Nothing that holds this can panic half-way through a change.
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    let mut batch = vec![queue.recv().ok()?];
    batch.extend(queue.try_iter().take(BATCH - 1));
    Some(batch)
}

const fn is_outage(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable(_) | StoreError::Full | StoreError::NotYetDurable(_)
    )
}
