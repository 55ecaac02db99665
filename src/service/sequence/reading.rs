//! The public side of the logs: checkpoints, tiles, entries and proofs. Nothing here is about a person, so nobody is asked
//! who they are.

use super::tree::StoredTree;
use crate::audit::bundle;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::leaf::{EntryId, Leaf};
use crate::audit::tile::{Content, Tile, WIDTH};
use crate::audit::tlog_proof::LogProof;
use crate::audit::tree::Hash;
use crate::crypto::SigningKey;
use crate::domain::ids::DecisionId;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::keys::LOGS;
use crate::service::prune::minimum_of;
use crate::service::refusal::Refusal;
use crate::service::search;
use crate::service::work::{Log, dated};
use crate::store::{CheckpointRow, HeadRow, LogRow, LogState, StoreError, Tx};

/// Which origin of a log is meant: `consent` is the one it has now, `consent-2027.2` one for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogName {
    log: String,
    label: Option<String>,
}

impl LogName {
    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        let (log, label) = match name.split_once('-') {
            Some((log, label)) => (log, Some(label)),
            None => (name, None),
        };
        LOGS.contains(&log).then(|| Self {
            log: log.to_owned(),
            label: label.map(ToOwned::to_owned),
        })
    }

    /// Whether it will mean the same origin for ever.
    pub const fn is_permanent(&self) -> bool {
        self.label.is_some()
    }

    /// The origin that is meant, among all of them.
    pub(crate) fn find(&self, rows: Vec<LogRow>) -> Option<LogRow> {
        let named = |row: &LogRow| match &self.label {
            None => row.state != LogState::Closed,
            Some(label) => row.origin.ends_with(&format!("/{}/{label}", self.log)),
        };
        rows.into_iter().find(|row| row.log == self.log && named(row))
    }
}

/// An entry with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedEntry {
    /// The name of the log.
    pub origin: String,
    /// The proof, with the checkpoint it leads to.
    pub proof: LogProof,
    /// The entry itself.
    pub line: Vec<u8>,
}

impl Service {
    /// The newest checkpoint of a log, with the lines of its witnesses.
    pub async fn log_checkpoint(&self, name: LogName) -> Result<String, Refusal> {
        self.read_logs(move |tx| {
            let Some(row) = name.find(tx.audit_logs()?) else {
                return Ok(None);
            };
            Ok(tx.newest_checkpoint(row.id)?.map(|newest| text(&newest)))
        })
        .await
    }

    /// The newest checkpoint of a log that a witness has cosigned, with its lines.
    pub async fn log_witnessed(&self, name: LogName) -> Result<String, Refusal> {
        self.read_logs(move |tx| {
            let Some(row) = name.find(tx.audit_logs()?) else {
                return Ok(None);
            };
            Ok(tx.newest_cosigned(row.id)?.map(|newest| text(&newest)))
        })
        .await
    }

    /// The key with which a log's checkpoints are verified.
    pub async fn log_vkey(&self, name: LogName) -> Result<String, Refusal> {
        self.read_logs(move |tx| Ok(name.find(tx.audit_logs()?).map(|row| row.vkey)))
            .await
    }

    /// A tile of hashes or of entries.
    pub async fn log_tile(&self, name: LogName, tile: Tile) -> Result<Vec<u8>, Refusal> {
        self.read_logs(move |tx| {
            let Some((_, head)) = open(tx, &name)? else {
                return Ok(None);
            };
            let pruned = (minimum_of(tx, head.log_id)? / WIDTH) > tile.index;
            let mut tree = StoredTree::below(tx, &head)?;
            match tile.content {
                Content::Entries | Content::Hashes(0) if pruned => Ok(None),
                Content::Entries => tree.entries(tile),
                Content::Hashes(_) => tree.hashes(tile),
            }
        })
        .await
    }

    /// The index below which a log has no entries any more (C2SP tlog-tiles, pruning).
    pub async fn log_minimum(&self, name: LogName) -> Result<u64, Refusal> {
        self.read_logs(move |tx| match name.find(tx.audit_logs()?) {
            Some(row) => minimum_of(tx, row.id).map(Some),
            None => Ok(None),
        })
        .await
    }

    /// The proof that the tree of the first `old` entries is the beginning of that of the newest checkpoint, with that
    /// checkpoint: what a witness asks for.
    pub async fn log_consistency(&self, name: LogName, old: u64) -> Result<(String, Vec<Hash>), Refusal> {
        self.read_logs(move |tx| {
            let Some((row, head)) = open(tx, &name)? else {
                return Ok(None);
            };
            let Some(newest) = tx.newest_checkpoint(row.id)?.filter(|newest| old <= newest.size) else {
                return Ok(None);
            };
            // The hashes to the left of such a size are gone, unless it fills whole tiles.
            if old < minimum_of(tx, row.id)? && !old.is_multiple_of(WIDTH) {
                return Ok(None);
            }
            let proof = StoredTree::below(tx, &head)?.prove_consistency(old, newest.size)?;
            Ok(Some((text(&newest), proof)))
        })
        .await
    }

    /// An entry of a log (`consent`, `decision` or `admin`) by its id, with its proof; `None` until a checkpoint covers
    /// it, which takes about a second.
    pub async fn proof_of(&self, log: &'static str, id: EntryId) -> Result<Option<ProvedEntry>, Refusal> {
        self.read_logs(move |tx| prove(tx, log, id)).await
    }

    /// The proof that a decision is in the log, for the system that asked for it and for auditors.
    pub async fn decision_proof(&self, call: &Call, id: DecisionId) -> Result<Option<ProvedEntry>, Refusal> {
        let auditor = call.require(Scope::AuditRead).is_ok();
        if !auditor {
            call.require(Scope::DecisionsCheck)?;
        }
        let Some(proved) = self.proof_of(Log::Decision.as_str(), id.into()).await? else {
            return Ok(None);
        };
        let leaf = Leaf::parse(&proved.line).map_err(|_| Refusal::Unavailable)?;
        // Somebody else's decision is as if it were not there (R64); so is one for a library that the reader does not
        // work for.
        let own = leaf.system.as_str() == call.principal.system.as_str();
        if own || (auditor && search::may_see(call, &self.catalogue(), &leaf)) {
            Ok(Some(proved))
        } else {
            Err(Refusal::NotFound)
        }
    }

    async fn read_logs<T: Send + 'static>(
        &self,
        mut read: impl FnMut(&mut Tx<'_>) -> Result<Option<T>, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _permit = self.reader()?;
        let store = self.store().clone();
        let done = tokio::task::spawn_blocking(move || store.read("read_log", |tx| read(tx))).await;
        match done {
            Ok(Ok(Some(found))) => Ok(found),
            Ok(Ok(None)) => Err(Refusal::NotFound),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "a log could not be read");
                Err(Refusal::Unavailable)
            }
            Err(_) => Err(Refusal::Unavailable),
        }
    }
}

fn open(tx: &mut Tx<'_>, name: &LogName) -> Result<Option<(LogRow, HeadRow)>, StoreError> {
    let Some(row) = name.find(tx.audit_logs()?) else {
        return Ok(None);
    };
    let head = tx.audit_head(row.id)?.ok_or(StoreError::Corrupt)?;
    Ok(Some((row, head)))
}

/// The checkpoint of a size that was published, as it was, with the lines of its witnesses. One that is not kept any more
/// is made again: the key always makes the same signature over the same head.
pub(crate) fn checkpoint_of(
    tx: &mut Tx<'_>,
    row: &LogRow,
    size: u64,
    key: &SigningKey,
) -> Result<String, StoreError> {
    if let Some(kept) = tx.checkpoint_of_size(row.id, size)? {
        return Ok(text(&kept));
    }
    let head = tx.audit_head(row.id)?.ok_or(StoreError::Corrupt)?;
    let root = StoredTree::below(tx, &head)?.root_at(size)?;
    let checkpoint = Checkpoint {
        origin: row.origin.clone(),
        size,
        root,
    };
    checkpoint.sign(key).map_err(|_| StoreError::Corrupt)
}

/// The hashes of the subtrees that hold the entries from `from` up to but without `to` of an origin.
pub(crate) fn cover_of(tx: &mut Tx<'_>, log_id: u64, from: u64, to: u64) -> Result<Vec<Hash>, StoreError> {
    let head = tx.audit_head(log_id)?.ok_or(StoreError::Corrupt)?;
    StoredTree::below(tx, &head)?.cover(from, to)
}

fn text(checkpoint: &CheckpointRow) -> String {
    format!("{}{}", checkpoint.note, checkpoint.cosignatures)
}

/// The outer `None`: no such entry. The inner one: no checkpoint covers it yet.
fn prove(tx: &mut Tx<'_>, log: &str, id: EntryId) -> Result<Option<Option<ProvedEntry>>, StoreError> {
    // An entry's id says when it was made.
    let (from, to) = dated(*id.as_bytes());
    for batch in tx.batches_between(log, from, to, None, u32::MAX)? {
        let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
        let own = |line: &&[u8]| Leaf::parse(line).is_ok_and(|leaf| leaf.id == id);
        let Some((offset, line)) = (0_u64..).zip(lines).find(|(_, line)| own(line)) else {
            continue;
        };
        let Some(place) = tx.place_of(log, &batch.node, batch.node_seq)? else {
            return Ok(Some(None));
        };
        let index = place.start_index + offset;
        // One that a witness has cosigned is worth more than one that is newer.
        let covers = |newest: &CheckpointRow| index < newest.size;
        let cosigned = tx.newest_cosigned(place.log_id)?.filter(covers);
        let Some(newest) = (match cosigned {
            Some(cosigned) => Some(cosigned),
            None => tx.newest_checkpoint(place.log_id)?.filter(covers),
        }) else {
            return Ok(Some(None));
        };
        let head = tx.audit_head(place.log_id)?.ok_or(StoreError::Corrupt)?;
        let hashes = StoredTree::below(tx, &head)?.prove_inclusion(index, newest.size)?;
        let rows = tx.audit_logs()?;
        let row = rows.into_iter().find(|row| row.id == place.log_id);
        return Ok(Some(Some(ProvedEntry {
            origin: row.ok_or(StoreError::Corrupt)?.origin,
            proof: LogProof {
                extra: None,
                index,
                hashes,
                checkpoint: text(&newest),
            },
            line: line.to_vec(),
        })));
    }
    Ok(None)
}
