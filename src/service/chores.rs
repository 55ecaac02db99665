//! What must be done now and then: one thread, a list of chores with their intervals, and figures of each. A chore that
//! fails is tried again at its next time; nothing waits for one.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::access::Access;
use super::shared::Shared;
use super::{Service, catalogue, counting, epochs, erasures, propagate, prune, retention, sessions, signing};
use crate::domain::moment::Moment;
use crate::store::{Store, StoreError};

/// How long the answer to an `Idempotency-Key` is kept, in seconds: a day.
pub const ANSWERS_KEPT: i64 = 24 * 3_600;

const MINUTE: Duration = Duration::from_secs(60);

/// What a chore has done, for metrics.
#[derive(Debug)]
pub struct ChoreFigures {
    /// Its name.
    pub name: &'static str,
    /// How often it is done.
    pub every: Duration,
    /// When it was last done without a mistake, in seconds since 1970; 0 when not yet since the start.
    pub last_success: AtomicI64,
    /// How often it was done.
    pub runs: AtomicU64,
    /// How often it could not be done.
    pub failures: AtomicU64,
    /// What it removed or took over.
    pub items: AtomicU64,
}

/// One thing to do.
pub(crate) struct Chore {
    figures: Arc<ChoreFigures>,
    /// Whether one node does it for all: the one that leads the audit logs.
    once_for_all: bool,
    work: Box<dyn FnMut() -> Result<usize, StoreError> + Send>,
}

impl Chore {
    /// A chore; `work` says how many things it removed or took over.
    pub(crate) fn new(
        name: &'static str,
        every: Duration,
        once_for_all: bool,
        work: impl FnMut() -> Result<usize, StoreError> + Send + 'static,
    ) -> Self {
        Self {
            figures: Arc::new(ChoreFigures {
                name,
                every,
                last_success: AtomicI64::new(0),
                runs: AtomicU64::new(0),
                failures: AtomicU64::new(0),
                items: AtomicU64::new(0),
            }),
            once_for_all,
            work: Box::new(work),
        }
    }

    fn run(&mut self, now: Moment) {
        match (self.work)() {
            Ok(items) => {
                let items = u64::try_from(items).unwrap_or(0);
                self.figures.items.fetch_add(items, Ordering::Relaxed);
                self.figures.runs.fetch_add(1, Ordering::Relaxed);
                self.figures.last_success.store(now.seconds(), Ordering::Relaxed);
            }
            Err(error) => {
                self.figures.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(alarm = "chore-failed", job = self.figures.name, error = %error, "tried again at its next time");
            }
        }
    }
}

/// The chores of a service.
pub(crate) fn of_service(shared: &Arc<Shared>, store: &Store, access: &Arc<Access>) -> Vec<Chore> {
    let with =
        |name, every, once_for_all, work: fn(&Shared, &Store, &Access) -> Result<usize, StoreError>| {
            let (shared, store, access) = (Arc::clone(shared), store.clone(), Arc::clone(access));
            Chore::new(name, every, once_for_all, move || work(&shared, &store, &access))
        };
    vec![
        with("signing-keys", signing::LOOK, false, |shared, store, access| {
            signing::look(shared, store, access)?;
            Ok(0)
        }),
        // Every transaction looks too; this is for a node that nobody asks anything.
        with("catalogue", signing::LOOK, false, |shared, store, _| {
            store.read("refresh_catalogue", |tx| catalogue::refresh(shared, tx))?;
            Ok(0)
        }),
        with("sweep-answers", MINUTE, true, |shared, store, _| {
            let before = shared.world.now().plus_seconds(-ANSWERS_KEPT);
            store.change("sweep_answers", |tx| tx.delete_idempotency_before(before))
        }),
        with("sweep-assertions", MINUTE, true, |shared, store, _| {
            let now = shared.world.now();
            store.change("sweep_assertions", |tx| tx.sweep_assertions(now))
        }),
        with("sweep-sessions", MINUTE, true, |shared, store, _| {
            let now = shared.world.now();
            store.change("sweep_sessions", |tx| {
                let over = tx.sweep_sessions(now, now.plus_seconds(-sessions::IDLE_SECONDS))?;
                Ok::<_, StoreError>(over + tx.sweep_mail(now.plus_seconds(-sessions::MAIL_KEPT))?)
            })
        }),
        with("prune-logs", 24 * 60 * MINUTE, true, |shared, store, _| {
            let pruning = prune::prune(shared, store, false)?;
            Ok(usize::try_from(pruning.items()).unwrap_or(usize::MAX))
        }),
        with("count-decisions", MINUTE, true, |_, store, _| {
            counting::count_decisions(store)
        }),
        with("sweep-contacts", 60 * MINUTE, true, |shared, store, _| {
            let catalogue = std::sync::Arc::clone(&shared.policies.load().current);
            let (keep, zone) = (catalogue.network.log_retention.decision, catalogue.network.zone);
            let before = shared.world.now().minus(keep, zone);
            store.change("sweep_contacts", |tx| tx.sweep_contacts(before))
        }),
        // Does a little at a time, and nothing more once everybody was looked at that day.
        with("retention", MINUTE, true, |shared, store, _| {
            retention::chore(shared, store)
        }),
        with(
            "sweep-messages",
            Duration::from_secs(3_600),
            true,
            |shared, store, _| {
                let before = shared.world.now().plus_seconds(-propagate::KEPT);
                store.change("sweep_messages", |tx| tx.prune_messages(before))
            },
        ),
        with("epoch-keys", signing::LOOK, false, |shared, _, _| {
            epochs::look(shared)
        }),
        with("erasures", signing::LOOK, false, |shared, store, _| {
            erasures::carry_out(shared, store)
        }),
        with("erasure-figures", MINUTE, false, |shared, store, _| {
            erasures::count(shared, store)
        }),
        with("turn-epoch", MINUTE, false, |shared, store, _| {
            epochs::keep_turning(shared, store)
        }),
        // PostgreSQL does this by itself, and is not asked.
        with("wal-checkpoint", Duration::from_secs(15), false, |_, store, _| {
            store.checkpoint().map(|()| 0)
        }),
    ]
}

/// The thread that does them.
pub(crate) struct Chores {
    figures: Vec<Arc<ChoreFigures>>,
    bell: Arc<Bell>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Bell {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// Waits; answers whether it is over.
    fn wait(&self, at_most: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) = self
            .changed
            .wait_timeout_while(stopped, at_most, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        *stopped
    }
}

impl Chores {
    /// Starts the thread. Each chore is first done after its interval, so that a start waits for none.
    pub(crate) fn start(chores: Vec<Chore>, shared: &Arc<Shared>) -> std::io::Result<Self> {
        let figures = chores.iter().map(|chore| Arc::clone(&chore.figures)).collect();
        let bell = Arc::new(Bell::default());
        let (ours, shared) = (Arc::clone(&bell), Arc::clone(shared));
        let thread = std::thread::Builder::new()
            .name("chores".into())
            .spawn(move || run(chores, &ours, &shared))?;
        Ok(Self {
            figures,
            bell,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the chore that is being done, and the thread.
    pub(crate) fn stop(&self) {
        *self.bell.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.changed.notify_all();
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(chores: Vec<Chore>, bell: &Bell, shared: &Shared) {
    let started = Instant::now();
    let mut due: Vec<(Instant, Chore)> = chores
        .into_iter()
        .map(|chore| (started + chore.figures.every, chore))
        .collect();
    loop {
        let Some(next) = due.iter().map(|(at, _)| *at).min() else {
            return;
        };
        if bell.wait(next.saturating_duration_since(Instant::now())) {
            return;
        }
        for (at, chore) in &mut due {
            if *at > Instant::now() {
                continue;
            }
            // A database that was rolled back is left as it is: it is evidence.
            let leads = shared.standing.figures().leading.load(Ordering::Relaxed);
            if !shared.standing.is_halted() && (leads || !chore.once_for_all) {
                chore.run(shared.world.now());
            }
            *at = Instant::now() + chore.figures.every;
        }
    }
}

impl Service {
    /// What the chores have done.
    pub fn chores(&self) -> &[Arc<ChoreFigures>] {
        &self.0.chores.figures
    }

    /// Does every chore once, now, whoever leads. Blocks.
    pub fn do_chores(&self) -> Result<usize, StoreError> {
        let mut items = 0;
        for mut chore in of_service(&self.0.shared, &self.0.store, &self.0.access) {
            items += (chore.work)()?;
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::test_house::house;

    fn chores(house: &crate::service::test_house::House, work: Vec<Chore>) -> Chores {
        Chores::start(work, &house.service.0.shared).unwrap()
    }

    fn until(what: impl Fn() -> bool) {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn a_chore_is_done_again_and_again_also_after_it_failed() {
        let house = house();
        let mut times = 0;
        let sometimes = Chore::new("sometimes", Duration::from_millis(1), false, move || {
            times += 1;
            match times {
                1 => Err(StoreError::Full),
                _ => Ok(2),
            }
        });
        let running = chores(&house, vec![sometimes]);
        let figures = &running.figures[0];
        until(|| figures.runs.load(Ordering::Relaxed) >= 2);
        assert_eq!(figures.failures.load(Ordering::Relaxed), 1);
        assert_eq!(figures.items.load(Ordering::Relaxed) % 2, 0);
        let now = house.service.world().now().seconds();
        assert_eq!(figures.last_success.load(Ordering::Relaxed), now);
    }

    #[test]
    fn the_end_does_not_wait_for_the_next_time() {
        let house = house();
        let rare = Chore::new("rare", Duration::from_secs(3_600), false, || Ok(0));
        let running = chores(&house, vec![rare]);
        let began = Instant::now();
        running.stop();
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(running.figures[0].runs.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_one_node_does_for_all_waits_for_the_lead() {
        let house = house();
        let leading = &house.service.0.shared.standing.figures().leading;
        until(|| leading.load(Ordering::Relaxed));
        let once = Chore::new("once", Duration::from_millis(1), true, || Ok(1));
        let running = chores(&house, vec![once]);
        until(|| running.figures[0].runs.load(Ordering::Relaxed) > 0);
    }
}
