//! Pruning of the audit logs by the written policy of the network (`[log_retention]` of `network.toml`), as C2SP
//! tlog-tiles allows: entries and leaf hashes below a minimum index go, whole tiles at a time; higher tiles stay, so that
//! older checkpoints still prove themselves. Each pruning is an entry of the admin log. Private parts go earlier than the
//! leaves they belong to.

use std::sync::Arc;

use super::Service;
use super::refusal::Refusal;
use super::shared::{OWN_CLIENT, Shared};
use super::work::{batch_of_one, dated_id};
use crate::audit::leaf::{EntryId, Leaf};
use crate::audit::tile::WIDTH;
use crate::domain::hex::hex;
use crate::domain::moment::{Moment, Period};
use crate::policy::catalogue::Catalogue;
use crate::store::{LogRow, LogState, Store, StoreError, Tx};
use crate::world::random;

/// Batches that are looked at, or removed, in one transaction.
const STEP: u32 = 256;

/// What was pruned of one origin, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The log.
    pub log: String,
    /// The origin.
    pub origin: String,
    /// The policy, as an ISO 8601 period.
    pub policy: String,
    /// Entries below this index were gone before.
    pub from: u64,
    /// Entries below this index are gone now.
    pub to: u64,
}

/// What was pruned of the private parts of a log, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedPrivate {
    /// The log.
    pub log: String,
    /// Parts of before this instant.
    pub before: Moment,
    /// How many; a chunk of a bulk check counts as one.
    pub parts: u64,
}

/// What one run did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruning {
    /// Entries.
    pub entries: Vec<Pruned>,
    /// Private parts.
    pub private: Vec<PrunedPrivate>,
}

impl Pruning {
    /// How much was removed: entries and private parts.
    pub fn items(&self) -> u64 {
        let entries = self.entries.iter().map(|pruned| pruned.to - pruned.from);
        entries
            .chain(self.private.iter().map(|private| private.parts))
            .sum()
    }
}

impl Service {
    /// Prunes what the policy in force no longer keeps; a dry run only tells.
    pub async fn prune(&self, dry: bool) -> Result<Pruning, Refusal> {
        let (shared, store) = (Arc::clone(&self.0.shared), self.store().clone());
        let done = tokio::task::spawn_blocking(move || prune(&shared, &store, dry)).await;
        match done {
            Ok(Ok(pruning)) => Ok(pruning),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "the audit logs could not be pruned");
                Err(Refusal::Unavailable)
            }
            Err(_) => Err(Refusal::Unavailable),
        }
    }
}

/// One run. Every step is a transaction of its own: a run that breaks off is finished by the next.
pub(crate) fn prune(shared: &Shared, store: &Store, dry: bool) -> Result<Pruning, StoreError> {
    let mut done = Pruning::default();
    if shared.standing.is_halted() {
        return Ok(done);
    }
    let catalogue = Arc::clone(&shared.policies.load().current);
    let (now, zone) = (shared.world.now(), catalogue.network.zone);
    let rows = store.read("prune_logs", |tx| tx.audit_logs())?;
    for row in rows.iter().filter(|row| row.state != LogState::Halted) {
        let keep = term(&catalogue, &row.log);
        let found = minimum(store, row, now.minus(keep, zone))?;
        if found.to > found.from {
            done.entries.push(Pruned {
                log: row.log.clone(),
                origin: row.origin.clone(),
                policy: keep.to_string(),
                from: found.from,
                to: found.to,
            });
            if !dry {
                // First nobody reads below it any more, then it goes.
                store.change("prune_log", |tx| {
                    tx.put_meta(&minimum_key(row.id), &found.to.to_string())?;
                    record(tx, shared, &catalogue, row, keep, &found)
                })?;
            }
        }
        if !dry {
            remove(store, row.id)?;
        }
    }
    let keep = catalogue.network.log_retention.private;
    for log in super::keys::LOGS {
        let (since, until) = (private_since(store, log)?, now.minus(keep, zone));
        if since >= until {
            continue;
        }
        let parts = if dry {
            store.read("count_private", |tx| tx.count_private(log, since, until))?
        } else {
            prune_private(store, log, since, until)?
        };
        if parts > 0 {
            done.private.push(PrunedPrivate {
                log: log.to_owned(),
                before: until,
                parts,
            });
        }
    }
    Ok(done)
}

/// The index below which an origin has no entries any more.
pub(crate) fn minimum_of(tx: &mut Tx<'_>, log_id: u64) -> Result<u64, StoreError> {
    let kept = tx.meta(&minimum_key(log_id))?;
    kept.map_or(Ok(0), |text| text.parse().map_err(|_| StoreError::Corrupt))
}

fn minimum_key(log_id: u64) -> String {
    format!("minimum-index:{log_id}")
}

fn term(catalogue: &Catalogue, log: &str) -> Period {
    let retention = &catalogue.network.log_retention;
    match log {
        "consent" => retention.consent,
        "decision" => retention.decision,
        _ => retention.admin,
    }
}

struct Found {
    from: u64,
    to: u64,
}

/// How far the entries at the beginning are all older than an instant, are under a published checkpoint, and fill whole
/// tiles.
fn minimum(store: &Store, row: &LogRow, before: Moment) -> Result<Found, StoreError> {
    let (from, published) = store.read("prune_from", |tx| {
        let published = tx.newest_checkpoint(row.id)?.map_or(0, |newest| newest.size);
        Ok::<_, StoreError>((minimum_of(tx, row.id)?, published))
    })?;
    let (mut at, mut to) = (from, from);
    loop {
        let page = store.read("prune_times", |tx| tx.placed_times(row.id, at, STEP))?;
        let old = page.iter().take_while(|batch| batch.created_at < before).count();
        if let Some(last) = old.checked_sub(1).and_then(|last| page.get(last)) {
            to = last.start_index + last.n;
            at = to;
        }
        if old < page.len() || page.is_empty() {
            break;
        }
    }
    let to = to.min(published);
    Ok(Found {
        from,
        to: (to - to % WIDTH).max(from),
    })
}

/// Removes what is below the minimum index, some batches at a time.
fn remove(store: &Store, log_id: u64) -> Result<(), StoreError> {
    let minimum = store.read("prune_minimum", |tx| minimum_of(tx, log_id))?;
    loop {
        let page = store.read("prune_times", |tx| tx.placed_times(log_id, 0, STEP))?;
        let last = page
            .iter()
            .map(|batch| batch.start_index + batch.n)
            .take_while(|end| *end <= minimum)
            .last();
        let Some(last) = last else { break };
        store.change("prune_batches", |tx| tx.prune_batches(log_id, last))?;
    }
    Ok(())
}

fn record(
    tx: &mut Tx<'_>,
    shared: &Shared,
    catalogue: &Catalogue,
    row: &LogRow,
    keep: Period,
    found: &Found,
) -> Result<(), StoreError> {
    let now = shared.world.now();
    let id = EntryId::from_bytes(dated_id(now, random(&*shared.world)));
    let node = shared.node.as_str();
    let mut leaf = Leaf::new(
        "log.pruned",
        id,
        now.millis(),
        OWN_CLIENT,
        node,
        &catalogue.version,
    );
    leaf.outcome = Some("ok".into());
    let (from, to, keep) = (found.from.to_string(), found.to.to_string(), keep.to_string());
    for (name, fact) in [
        ("origin", &row.origin),
        ("from", &from),
        ("to", &to),
        ("retention", &keep),
    ] {
        leaf.extra.insert(name.into(), fact.as_str().into());
    }
    let line = leaf.encode();
    let boot: [u8; 6] = random(&*shared.world);
    let boot = hex(&boot);
    let batch = batch_of_one("admin", (format!("{node}.{boot}.prune"), 0), &line, now)?;
    tx.append_audit(&batch, &[])
}

fn private_key(log: &str) -> String {
    format!("private-pruned:{log}")
}

fn private_since(store: &Store, log: &str) -> Result<Moment, StoreError> {
    let kept = store.read("private_pruned", |tx| tx.meta(&private_key(log)))?;
    let micros = kept.map_or(Ok(0), |text| text.parse().map_err(|_| StoreError::Corrupt))?;
    Ok(Moment::from_micros(micros))
}

/// A day at a time, from the first day that has any.
fn prune_private(store: &Store, log: &str, since: Moment, until: Moment) -> Result<u64, StoreError> {
    const DAY: i64 = 86_400;
    let oldest = store.read("oldest_batch", |tx| tx.oldest_batch(log))?;
    let mut at = oldest.map_or(until, |oldest| oldest.max(since));
    let mut removed = 0;
    while at < until {
        let next = at.plus_seconds(DAY).min(until);
        removed += store.change("prune_private", |tx| tx.prune_private(log, at, next))?;
        at = next;
    }
    store.change("private_pruned", |tx| {
        tx.put_meta(&private_key(log), &until.micros().to_string())
    })?;
    Ok(u64::try_from(removed).unwrap_or(0))
}
