//! The thread that runs the sequencer, and what the lanes know of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{LogKeys, Naming, Pace, Passed, SequenceError, Sequencer, SequencerOptions, open_origins};
use crate::service::keys::Keyring;
use crate::service::{Service, StartError};

/// What everybody may know: whether anything may be recorded, and the bell for the sequencer.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    halted: AtomicBool,
    why: RwLock<Option<String>>,
    bell: Bell,
    figures: SequenceFigures,
}

/// What the sequencer of this node has done, for metrics.
#[derive(Debug, Default)]
pub struct SequenceFigures {
    /// Whether this node leads.
    pub leading: AtomicBool,
    /// Entries it gave a place.
    pub entries: AtomicU64,
    /// Checkpoints it published.
    pub checkpoints: AtomicU64,
    /// Passes that failed.
    pub failures: AtomicU64,
}

impl Standing {
    /// Whether nothing may be recorded, because the database contradicts a checkpoint.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    /// Whether this node leads.
    pub(crate) fn leads(&self) -> bool {
        self.figures.leading.load(Ordering::Relaxed)
    }

    /// Why, in a sentence.
    pub(crate) fn why_halted(&self) -> Option<String> {
        let why = self.why.read().unwrap_or_else(PoisonError::into_inner);
        why.clone()
    }

    /// Says that a batch was committed.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    pub(crate) const fn figures(&self) -> &SequenceFigures {
        &self.figures
    }

    fn halt(&self, why: String) {
        let mut known = self.why.write().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(&why) {
            tracing::error!(
                alarm = "audit-log-contradicted",
                error = why.as_str(),
                "nothing is recorded and nothing permitted"
            );
            *known = Some(why);
        }
        self.halted.store(true, Ordering::Release);
    }

    fn resume(&self) {
        if self.is_halted() {
            tracing::warn!("the database leads to every checkpoint again; recording goes on");
            self.halted.store(false, Ordering::Release);
            *self.why.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn note(&self, ended: &Result<Passed, SequenceError>, assessed: bool) {
        self.figures.leading.store(
            matches!(ended, Ok(Passed { leading: true, .. })),
            Ordering::Relaxed,
        );
        match ended {
            Ok(passed) => {
                self.resume();
                for published in &passed.published {
                    self.figures.entries.fetch_add(published.added, Ordering::Relaxed);
                    self.figures.checkpoints.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(
                        log = published.log.as_str(),
                        tree_size = published.size,
                        "published a checkpoint"
                    );
                }
            }
            Err(error) => {
                self.figures.failures.fetch_add(1, Ordering::Relaxed);
                match error {
                    SequenceError::Contradiction(_) => self.halt(error.to_string()),
                    // As long as it is not known whether the database was rolled back, it may have been.
                    SequenceError::Outside(_) if !assessed => self.halt(error.to_string()),
                    _ => tracing::error!(
                        alarm = "audit-log-late",
                        error = %error,
                        "entries are recorded, and wait for their checkpoint"
                    ),
                }
            }
        }
    }
}

impl Service {
    /// What the sequencer has done.
    pub fn sequencing(&self) -> &SequenceFigures {
        self.shared().standing.figures()
    }
}

/// A sequencer for the logs of a service, each of which has an origin after this.
pub(crate) fn prepare(
    keys: &Keyring,
    public_base: &str,
    options: impl FnOnce(Arc<LogKeys>) -> SequencerOptions,
) -> Result<Sequencer, SequenceError> {
    let naming = Naming::new(public_base, keys.tenant());
    let options = options(Arc::new(keys.log_keys()));
    open_origins(&options.store, &options.keys, &naming, options.world.now())?;
    if options.outside.is_none() {
        tracing::warn!(
            "checkpoints are kept in the database only: one that was rolled back is not recognised"
        );
    }
    Ok(Sequencer::new(options))
}

/// The running sequencer of a service.
pub(crate) struct Sequencing {
    standing: Arc<Standing>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sequencing {
    /// Compares the database with the checkpoints outside it, before anything else may use it, and starts the thread. A
    /// service whose database was rolled back does start: it answers to nothing, and says why.
    pub(crate) fn start(
        mut sequencer: Sequencer,
        standing: &Arc<Standing>,
        pace: Pace,
    ) -> Result<Self, StartError> {
        match sequencer.assess() {
            Ok(()) => {}
            Err(error @ (SequenceError::Contradiction(_) | SequenceError::Outside(_))) => {
                standing.halt(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        let shared = Arc::clone(standing);
        let thread = std::thread::Builder::new()
            .name("sequencer".into())
            .spawn(move || run(&mut sequencer, &shared, pace))?;
        Ok(Self {
            standing: Arc::clone(standing),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Sequences what the lanes have committed, and ends the thread.
    pub(crate) fn stop(&self) {
        self.standing.bell.stop();
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Sequencing {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(sequencer: &mut Sequencer, standing: &Standing, pace: Pace) {
    loop {
        // Whoever rings from here on is heard by the next pass.
        let stopping = standing.bell.answer();
        let began = Instant::now();
        let ended = sequencer.pass();
        standing.note(&ended, sequencer.has_assessed());
        let more = matches!(ended, Ok(Passed { more: true, .. }));
        if stopping && !more {
            return;
        }
        if !more {
            // Another leader hears the bells of its own lanes; this node's entries it finds when it looks.
            let leading = matches!(ended, Ok(Passed { leading: true, .. }));
            standing.bell.wait(began, pace, leading);
        }
    }
}

/// Wakes the sequencer; ringing costs a lane next to nothing.
#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // With the lock, so that whoever is about to wait has either seen it or is waiting already.
            let guard = self.lock();
            self.changed.notify_one();
            drop(guard);
        }
    }

    fn stop(&self) {
        *self.lock() = true;
        self.changed.notify_one();
    }

    /// Takes note of the bell; answers whether this is the last time.
    fn answer(&self) -> bool {
        let stopped = *self.lock();
        self.rung.store(false, Ordering::Release);
        stopped
    }

    /// Waits until the bell rings or the idle time is over, and in any case until a pass may begin again.
    fn wait(&self, since: Instant, pace: Pace, listening: bool) {
        let mut stopped = self.lock();
        loop {
            let rung = listening && self.rung.load(Ordering::Acquire);
            let until = if rung { pace.between } else { pace.idle };
            let left = until.saturating_sub(since.elapsed());
            if *stopped || left.is_zero() {
                return;
            }
            stopped = self.sleep(stopped, left);
        }
    }

    fn sleep<'g>(&self, guard: MutexGuard<'g, bool>, left: Duration) -> MutexGuard<'g, bool> {
        let (guard, _) = self
            .changed
            .wait_timeout(guard, left)
            .unwrap_or_else(PoisonError::into_inner);
        guard
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
