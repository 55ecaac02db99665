//! Asking witnesses: other organisations that cosign our checkpoints after they have seen that the log only grew. Whoever
//! trusts one of them need not trust us that everybody is shown the same log.
//!
//! Nobody waits for a witness: checkpoints are published first, and cosigned some seconds later, by a thread of its own
//! in the node that leads. A witness that is away is asked again; `/readyz` and the export say how far they have come.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::runner::Standing;
use super::tree::StoredTree;
use crate::audit::add_checkpoint::AddCheckpoint;
use crate::audit::witness::{WitnessKey, cosignatures};
use crate::crypto::note::Note;
use crate::domain::moment::Moment;
use crate::service::StartError;
use crate::store::{CheckpointRow, LogState, Session, Store, StoreError};

/// Of each hour, one cosigned checkpoint is left.
const HOUR: i64 = 3_600_000_000;

/// A witness that can be asked.
pub trait AskWitness: Send + Sync + fmt::Debug {
    /// The key of its cosignatures.
    fn key(&self) -> &WitnessKey;

    /// Sends the body of an `add-checkpoint` request (C2SP tlog-witness).
    fn add_checkpoint(&self, body: String) -> WitnessFuture<'_>;
}

/// What a witness says, in a while.
pub type WitnessFuture<'a> = Pin<Box<dyn Future<Output = Result<WitnessAnswer, String>> + 'a>>;

/// What a witness says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// 200: signature lines.
    Cosigned(String),
    /// 409: the size of the checkpoint that it cosigned last.
    LastSeen(u64),
    /// Anything else, as a status of HTTP.
    Refused(u16),
}

/// Which witnesses are asked, and how many of them make a quorum.
#[derive(Debug, Clone)]
pub struct WitnessPlan {
    /// The witnesses.
    pub witnesses: Vec<Arc<dyn AskWitness>>,
    /// How many must have cosigned a checkpoint for others to rely on it; 0 when nobody asks that.
    pub quorum: usize,
    /// How often they are asked.
    pub every: Duration,
}

impl Default for WitnessPlan {
    fn default() -> Self {
        Self {
            witnesses: Vec::new(),
            quorum: 0,
            every: Duration::from_secs(10),
        }
    }
}

/// How far the witnesses have come, as the node that asks them knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WitnessSummary {
    /// Witnesses that are asked.
    pub known: usize,
    /// Those that have cosigned the newest checkpoint of every log the last time they were asked.
    pub cosigned: usize,
    /// How many are wanted.
    pub quorum: usize,
}

impl WitnessSummary {
    /// Whether enough have cosigned.
    pub const fn is_met(&self) -> bool {
        self.cosigned >= self.quorum
    }
}

/// The thread that asks.
pub(crate) struct Witnessing {
    shared: Arc<Shared>,
    /// Who is asked and how many are wanted, for whoever gets an export; empty without witnesses.
    policy: String,
    stopped: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    quorum: usize,
    /// Whether each witness had cosigned everything; empty until they were first asked.
    cosigned: Mutex<Vec<bool>>,
    known: usize,
}

impl Witnessing {
    /// Starts the thread; without witnesses there is none.
    pub(crate) fn start(
        plan: WitnessPlan,
        store: &Store,
        standing: &Arc<Standing>,
        now: impl Fn() -> Moment + Send + 'static,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            quorum: plan.quorum,
            cosigned: Mutex::default(),
            known: plan.witnesses.len(),
        });
        let (stopped, stop) = watch::channel(false);
        let mut policy = String::new();
        if !plan.witnesses.is_empty() {
            let keys = plan.witnesses.iter().map(|witness| witness.key().to_text());
            policy = format!(
                "quorum {}\n{}\n",
                plan.quorum,
                keys.collect::<Vec<_>>().join("\n")
            );
        }
        let mut thread = None;
        if !plan.witnesses.is_empty() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let asking = Asking {
                session: store.session(),
                store: store.clone(),
                known: BTreeMap::new(),
                plan,
            };
            let (shared, standing) = (Arc::clone(&shared), Arc::clone(standing));
            let run = move || runtime.block_on(asking.run(&shared, &standing, stop, now));
            thread = Some(std::thread::Builder::new().name("witnesses".into()).spawn(run)?);
        }
        Ok(Self {
            shared,
            policy,
            stopped,
            thread: Mutex::new(thread),
        })
    }

    /// `quorum N` and the key of each witness; empty without witnesses.
    pub(crate) fn policy(&self) -> &str {
        &self.policy
    }

    /// How far they have come.
    pub(crate) fn summary(&self) -> WitnessSummary {
        let cosigned = lock(&self.shared.cosigned);
        WitnessSummary {
            known: self.shared.known,
            cosigned: cosigned.iter().filter(|cosigned| **cosigned).count(),
            quorum: self.shared.quorum,
        }
    }

    /// Ends the thread, also while it waits for a witness.
    pub(crate) fn stop(&self) {
        let _ = self.stopped.send(true);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Witnessing {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Asking {
    store: Store,
    session: Session,
    plan: WitnessPlan,
    /// The size that a witness cosigned last, by log and by its place in the plan.
    known: BTreeMap<(u64, usize), u64>,
}

/// A checkpoint to be cosigned.
struct Newest {
    log_id: u64,
    log: String,
    row: CheckpointRow,
}

impl Asking {
    async fn run(
        mut self,
        shared: &Shared,
        standing: &Standing,
        mut stop: watch::Receiver<bool>,
        now: impl Fn() -> Moment,
    ) {
        let asking = async {
            loop {
                if standing.leads() && !standing.is_halted() {
                    match self.round(now()).await {
                        Ok(cosigned) => *lock(&shared.cosigned) = cosigned,
                        Err(error) => tracing::error!(error = %error, "witnesses could not be asked"),
                    }
                }
                tokio::time::sleep(self.plan.every).await;
            }
        };
        tokio::select! {
            () = asking => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Asks every witness about every log; answers who has cosigned all of them.
    async fn round(&mut self, now: Moment) -> Result<Vec<bool>, StoreError> {
        let mut all = vec![true; self.plan.witnesses.len()];
        for newest in self.newest()? {
            let witnesses = self.plan.witnesses.clone();
            let asked = witnesses.iter().enumerate().map(|(number, witness)| {
                let known = self.known.get(&(newest.log_id, number)).copied();
                let (store, newest) = (&self.store, &newest);
                async move { (number, ask(store, &**witness, newest, known.unwrap_or(0)).await) }
            });
            let mut lines = String::new();
            for (number, answer) in join_all(asked).await {
                let key = (newest.log_id, number);
                match answer {
                    Ok(Asked::AsBefore) => {}
                    Ok(Asked::Cosigned(line)) => {
                        lines.push_str(&line);
                        self.known.insert(key, newest.row.size);
                    }
                    Err(why) => {
                        if let Some(all) = all.get_mut(number) {
                            *all = false;
                        }
                        // What it knows is asked anew next time.
                        self.known.remove(&key);
                        let witness = witnesses.get(number).map_or("", |witness| witness.key().name());
                        tracing::warn!(
                            witness,
                            log = newest.log.as_str(),
                            error = why.as_str(),
                            "a witness did not cosign"
                        );
                    }
                }
            }
            if !lines.is_empty() {
                self.keep(&newest, lines, now)?;
            }
        }
        Ok(all)
    }

    fn newest(&self) -> Result<Vec<Newest>, StoreError> {
        self.store.read("newest_checkpoints", |tx| {
            let mut found = Vec::new();
            for log in tx.audit_logs()? {
                if log.state == LogState::Halted {
                    continue;
                }
                if let Some(row) = tx.newest_checkpoint(log.id)?.filter(|row| row.size > 0) {
                    let (log_id, log) = (log.id, log.log);
                    found.push(Newest { log_id, log, row });
                }
            }
            Ok(found)
        })
    }

    fn keep(&mut self, newest: &Newest, lines: String, now: Moment) -> Result<(), StoreError> {
        let many = lines.lines().count();
        let row = CheckpointRow {
            cosignatures: lines,
            ..newest.row.clone()
        };
        // Fewer than the last time: then that one is worth more than this.
        let complete = many == self.plan.witnesses.len();
        self.session.change("cosign", |tx| {
            tx.cosign_checkpoint(&row)?;
            if complete {
                let hour = Moment::from_micros(now.micros() - now.micros().rem_euclid(HOUR));
                tx.thin_cosigned(row.log_id, row.size, hour)?;
            }
            Ok(())
        })
    }
}

enum Asked {
    AsBefore,
    Cosigned(String),
}

/// Asks one witness; when it has cosigned something else last than we think, once more.
async fn ask(store: &Store, witness: &dyn AskWitness, newest: &Newest, known: u64) -> Result<Asked, String> {
    let size = newest.row.size;
    if known == size {
        return Ok(Asked::AsBefore);
    }
    let mut old = known;
    for _ in 0..2 {
        let body = request(store, newest, old).map_err(|error| error.to_string())?;
        match witness.add_checkpoint(body).await? {
            WitnessAnswer::Cosigned(lines) => {
                let note = format!("{}{lines}", newest.row.note);
                let note = Note::parse(&note).map_err(|error| error.to_string())?;
                let known = [witness.key().clone()];
                let found = cosignatures(&note, &known).map_err(|error| error.to_string())?;
                if found.is_empty() {
                    return Err(
                        "its answer is not signed with the key that the configuration names".to_owned(),
                    );
                }
                return Ok(Asked::Cosigned(lines));
            }
            WitnessAnswer::LastSeen(seen) if seen > size => {
                return Err(format!(
                    "it has cosigned a checkpoint of {seen} entries, and this database has {size}: if that is so, the \
                     database was rolled back"
                ));
            }
            WitnessAnswer::LastSeen(seen) if seen == old => {
                return Err(
                    "it has cosigned another checkpoint of the same size: this log has two histories"
                        .to_owned(),
                );
            }
            WitnessAnswer::LastSeen(seen) => old = seen,
            WitnessAnswer::Refused(status) => return Err(format!("it answered with status {status}")),
        }
    }
    Err("it changes what it has seen last while it is asked".to_owned())
}

fn request(store: &Store, newest: &Newest, old: u64) -> Result<String, StoreError> {
    let proof = store.read("prove_growth", |tx| {
        let head = tx.audit_head(newest.log_id)?.ok_or(StoreError::Corrupt)?;
        StoredTree::below(tx, &head)?.prove_consistency(old, newest.row.size)
    })?;
    Ok(AddCheckpoint {
        old,
        proof,
        checkpoint: newest.row.note.clone(),
    }
    .to_text())
}
