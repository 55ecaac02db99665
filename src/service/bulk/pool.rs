//! The threads that bulk checks run on, each with a connection of its own. Chunks wait in one queue, first come first
//! served; who hands in a chunk waits for its answer before handing in many more, so the queue is never long.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::oneshot;

use super::chunk::{self, Chunk};
use super::{AHEAD, AT_ONCE, BulkAnswer, Listed, Slots, Task};
use crate::domain::hex::hex;
use crate::service::lane::LaneFigures;
use crate::service::refusal::Refusal;
use crate::service::shared::Shared;
use crate::service::work::NodeSequence;
use crate::store::{Session, Store};
use crate::world::random;

/// One chunk to check.
pub(super) struct Job {
    pub(super) task: Arc<Task>,
    pub(super) number: u32,
    pub(super) people: Listed,
    pub(super) reply: oneshot::Sender<Result<Vec<BulkAnswer>, Refusal>>,
}

/// The threads.
pub(crate) struct Pool {
    queue: RwLock<Option<SyncSender<Job>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    slots: Slots,
    deadline: Duration,
    figures: Arc<LaneFigures>,
}

impl Pool {
    /// Starts the threads: one for each core, at least two, so that one decides while the other waits for the database.
    pub(crate) fn start(shared: &Arc<Shared>, store: &Store, deadline: Duration) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(AT_ONCE * AHEAD);
        let receiver = Arc::new(Mutex::new(receiver));
        let figures = Arc::new(LaneFigures::default());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut threads = Vec::new();
        for number in 0..cores.clamp(2, 8) {
            let boot: [u8; 6] = random(&*shared.world);
            let boot = hex(&boot);
            let worker = Worker {
                shared: Arc::clone(shared),
                session: store.session(),
                snapshots: !store.is_postgres(),
                sequence: NodeSequence::new(format!("{}.{boot}.bulk-{number}", shared.node)),
                figures: Arc::clone(&figures),
            };
            let queue = Arc::clone(&receiver);
            let thread = std::thread::Builder::new()
                .name(format!("bulk-{number}"))
                .spawn(move || worker.run(&queue))?;
            threads.push(thread);
        }
        Ok(Self {
            queue: RwLock::new(Some(sender)),
            threads: Mutex::new(threads),
            slots: Slots::default(),
            // A chunk may wait for those of others, and is itself thousands of checks.
            deadline: deadline.saturating_mul(3),
            figures,
        })
    }

    pub(super) fn enqueue(&self, job: Job) -> Result<(), Refusal> {
        let queue = self.queue.read().map_err(|_| Refusal::Unavailable)?;
        let sender = queue.as_ref().ok_or(Refusal::Unavailable)?;
        self.figures.waiting.fetch_add(1, Ordering::Relaxed);
        sender.try_send(job).map_err(|error| {
            self.figures.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Refusal::Busy,
                TrySendError::Disconnected(_) => Refusal::Unavailable,
            }
        })
    }

    pub(super) const fn slots(&self) -> &Slots {
        &self.slots
    }

    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// What the threads have done.
    pub(crate) fn figures(&self) -> &LaneFigures {
        &self.figures
    }

    /// Takes nothing more, finishes what was taken, and ends the threads.
    pub(crate) fn stop(&self) {
        if let Ok(mut queue) = self.queue.write() {
            *queue = None;
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Worker {
    shared: Arc<Shared>,
    session: Session,
    snapshots: bool,
    sequence: NodeSequence,
    figures: Arc<LaneFigures>,
}

impl Worker {
    fn run(mut self, queue: &Mutex<Receiver<Job>>) {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { return };
            self.figures.waiting.fetch_sub(1, Ordering::Relaxed);
            // The caller went away while this waited: nothing was recorded, and nothing will be.
            if job.reply.is_closed() {
                continue;
            }
            let outcome = self.check(&job);
            if outcome.is_ok() {
                self.figures.batches.fetch_add(1, Ordering::Relaxed);
                let people = u64::try_from(job.people.len()).unwrap_or(0);
                self.figures.requests.fetch_add(people, Ordering::Relaxed);
                self.shared.standing.ring();
            }
            // Nobody may be waiting any more; what is committed stays committed.
            let _ = job.reply.send(outcome);
        }
    }

    fn check(&mut self, job: &Job) -> Result<Vec<BulkAnswer>, Refusal> {
        // A database that was rolled back has forgotten withdrawals: nothing may be permitted on its word.
        if self.shared.standing.is_halted() {
            return Err(Refusal::Unavailable);
        }
        let chunk = Chunk {
            shared: &self.shared,
            task: &job.task,
            number: job.number,
            people: &job.people,
        };
        let checked = if self.snapshots {
            chunk::check_from_snapshot(&chunk, &mut self.session, &self.sequence)
        } else {
            chunk::check_in_one(&chunk, &mut self.session, &self.sequence)
        };
        checked.map_err(|error| chunk::refusal(&error))
    }
}
