//! Exports of an audit log: a bundle that anybody can verify offline with the key of the log alone.
//!
//! Asking for one is an act of administration that is recorded, with its reason, before anything is given out. The answer
//! is a ticket that fixes which entries, under which checkpoint; fetching makes the bundle as it goes, in constant memory,
//! and the same ticket always gives the same entries.

mod bundle;
mod pieces;
mod reason;
mod request;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

pub(super) use self::reason::{opening as reason_of, put as put_reason, put_sealed};
pub use self::request::{ExportPlan, LONGEST_REASON, RequestExport, RequestedExport};
use super::Service;
use super::call::{Call, Scope};
use super::keys::LOGS;
use super::refusal::{Conflict, Refusal};
use super::shared::OWN_CLIENT;
use crate::domain::purpose::words;
use crate::store::StoreError;

/// How many exports are made at the same time by one node.
pub(super) const AT_ONCE: usize = 2;

/// Bytes that go to a caller at a time, and how many such pieces wait for a slow one.
const PIECE: usize = 64 << 10;
const WAITING: usize = 8;
/// How long a caller may take to fetch a piece: after that the export is given up, so that others get a turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a request waits for a checkpoint that covers what was acknowledged before it, and how often it looks.
const COVERED_WITHIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// In which further form the entries are in the bundle, beside the lines themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// No further one.
    Ndjson,
    /// A table.
    Csv,
    /// A workbook.
    Xlsx,
    /// Lines in the shape of the Logboek Dataverwerkingen.
    Ldv,
}

words!(ExportFormat { Ndjson => "ndjson", Csv => "csv", Xlsx => "xlsx", Ldv => "ldv" });

/// Why a bundle was not finished.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database cannot be read, or holds what is no log.
    #[error("the log cannot be read: {0}")]
    Store(#[from] StoreError),
    /// It cannot be written to where it should go.
    #[error("the bundle cannot be written: {0}")]
    Write(#[from] io::Error),
    /// The database was rolled back, or a key is missing.
    #[error("the audit log contradicts a checkpoint, or its key is missing; see /readyz")]
    Unsound,
}

impl Service {
    /// Records that an export is asked for, and answers a ticket for it. It covers everything that was acknowledged
    /// before, unless the sequencer is late.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope, or for a system that does not work for all libraries;
    /// [`Refusal::NotFound`] for a log that does not exist; [`Conflict::NoCheckpoint`] for one that has nothing signed yet.
    pub async fn request_export(&self, call: &Call, verb: RequestExport) -> Result<RequestedExport, Refusal> {
        self.until_covered(&verb).await?;
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        lane.submit(call, verb).await
    }

    /// What a ticket stands for.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for any text that is not a ticket of this client that is still good.
    pub fn export_of(&self, call: &Call, ticket: &str) -> Result<ExportPlan, Refusal> {
        if call.principal.client != OWN_CLIENT {
            call.require(Scope::AuditRead)?;
        }
        let plan = ExportPlan::open(self.shared(), ticket).ok_or(Refusal::NotFound)?;
        if plan.is_for(call, self.world().now()) {
            Ok(plan)
        } else {
            Err(Refusal::NotFound)
        }
    }

    /// Makes the bundle. `progress` is told how many steps are done, of [`ExportPlan::steps`]. Blocks.
    ///
    /// # Errors
    /// [`ExportError`]; what was written until then is no bundle.
    pub fn write_export<W: Write>(
        &self,
        plan: &ExportPlan,
        into: W,
        progress: &dyn Fn(u64),
    ) -> Result<W, ExportError> {
        if self.0.shared.standing.is_halted() {
            return Err(ExportError::Unsound);
        }
        bundle::write(self, plan, into, progress)
    }

    /// Makes the bundle on a thread of its own, and gives out its bytes piece by piece. An error in the midst of it is
    /// the last piece.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when as many exports are being made as may be; [`Refusal::Unavailable`] when nothing may be read.
    pub fn stream_export(&self, plan: ExportPlan) -> Result<mpsc::Receiver<io::Result<Vec<u8>>>, Refusal> {
        if self.0.shared.standing.is_halted() {
            return Err(Refusal::Unavailable);
        }
        let turn = Arc::clone(&self.0.exports).try_acquire_owned();
        let turn = turn.map_err(|_| Refusal::Busy)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let service = self.clone();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let pieces = Pieces {
                sender: sender.clone(),
                runtime: runtime.clone(),
                piece: Vec::with_capacity(PIECE),
            };
            let ended = service.write_export(&plan, pieces, &|_| {});
            let ended = ended.and_then(|mut pieces| Ok(pieces.flush()?));
            if let Err(error) = ended {
                tracing::warn!(error = %error, log = plan.origin(), "an export was not finished");
                let lost = Err(io::Error::other("the export was not finished"));
                runtime.block_on(async { sender.send_timeout(lost, PATIENCE).await.ok() });
            }
            drop(turn);
        });
        Ok(receiver)
    }

    /// Waits until a checkpoint covers what was acknowledged so far; a few seconds at most.
    async fn until_covered(&self, verb: &RequestExport) -> Result<(), Refusal> {
        let now = self.world().now();
        let name = verb.log.clone();
        let end = tokio::time::Instant::now() + COVERED_WITHIN;
        let mut wanted = None;
        loop {
            let (name, store) = (name.clone(), self.store().clone());
            let _permit = self.reader()?;
            let read = tokio::task::spawn_blocking(move || {
                store.read("export_coverage", |tx| request::coverage(tx, &name, now))
            });
            let Ok(Ok(found)) = read.await else {
                return Err(Refusal::Unavailable);
            };
            let coverage = found.ok_or(Refusal::NotFound)?;
            if !coverage.queued {
                let size = *wanted.get_or_insert(coverage.head);
                if coverage.signed.is_some_and(|signed| signed >= size) {
                    return Ok(());
                }
            }
            if tokio::time::Instant::now() >= end {
                // Late is not wrong: the export then ends where the last checkpoint does.
                return match coverage.signed {
                    Some(_) => Ok(()),
                    None => Err(Refusal::Conflict(Conflict::NoCheckpoint)),
                };
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The key that signs the checkpoints of a log.
    fn log_key(&self, log: &str) -> Result<crate::crypto::SigningKey, ExportError> {
        if !LOGS.contains(&log) {
            return Err(ExportError::Unsound);
        }
        self.keys().log_signing(log).ok_or(ExportError::Unsound)
    }
}

/// Collects bytes and hands them to a caller who fetches.
struct Pieces {
    sender: mpsc::Sender<io::Result<Vec<u8>>>,
    runtime: tokio::runtime::Handle,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let sent = self
            .runtime
            .block_on(async { self.sender.send_timeout(Ok(piece), PATIENCE).await });
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody fetches it any more"))
    }
}
