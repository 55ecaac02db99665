//! The way forward when entries are lost for good: the log is closed as it is found, and goes on under a new origin whose
//! first entry quotes the checkpoint that the database no longer leads to. Nothing is hidden: whoever holds the old
//! checkpoint finds it quoted, and can ask what became of the entries between.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::outside::{self, Contradiction, KeepCheckpoints};
use super::{LogKeys, Naming, SequenceError, first_entry, origin};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::crypto::note::{Note, VerifierKey};
use crate::domain::moment::Moment;
use crate::service::keys::Keyring;
use crate::service::shared::OWN_CLIENT;
use crate::service::work::dated_id;
use crate::service::{Service, ServiceOptions, StartError, catalogue};
use crate::store::{HeadRow, LogRow, LogState, Store, StoreError, Tx};
use crate::world::{World, random};

/// What reopening needs.
#[derive(Debug)]
pub struct Reopen<'a> {
    /// The database.
    pub store: &'a Store,
    /// Keys of the logs.
    pub keys: &'a LogKeys,
    /// Where checkpoints are kept outside the database.
    pub outside: Option<Arc<dyn KeepCheckpoints>>,
    /// How logs are named.
    pub naming: &'a Naming,
    /// Clock and randomness.
    pub world: &'a dyn World,
    /// Name of this node.
    pub node: &'a str,
    /// The version of the policies in force.
    pub policy_version: &'a str,
}

/// A log that goes on under a new origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    /// The log.
    pub log: String,
    /// The origin that was closed.
    pub closed: String,
    /// Entries it has in the database.
    pub found: u64,
    /// Entries that its last known checkpoint covers.
    pub kept: u64,
    /// The origin that was opened.
    pub opened: String,
}

/// Closes every log that contradicts a checkpoint, and opens each under a new origin. Nothing is done when none does.
///
/// # Errors
/// [`SequenceError`]; then nothing was changed.
pub fn reopen(with: &Reopen<'_>) -> Result<Vec<Reopened>, SequenceError> {
    let notes = match &with.outside {
        Some(outside) => outside.kept().map_err(SequenceError::Outside)?,
        None => Vec::new(),
    };
    let taken: Vec<String> = notes.iter().filter_map(|note| origin_of(note)).collect();
    let now = with.world.now();
    with.store.change("reopen_logs", |tx| {
        let found = outside::assess(tx, with.keys, &notes)?.contradictions;
        let mut by_log: BTreeMap<&str, Vec<&Contradiction>> = BTreeMap::new();
        for contradiction in &found {
            by_log.entry(&contradiction.log).or_default().push(contradiction);
        }
        let mut reopened = Vec::new();
        for (log, contradictions) in by_log {
            reopened.push(close_and_open(tx, with, now, log, &contradictions, &taken)?);
        }
        Ok(reopened)
    })
}

impl Service {
    /// Closes the logs that contradict a checkpoint, and opens each under a new origin that quotes it. For an operator
    /// who has lost entries for good and says so; nothing else may be using the database with an older program.
    ///
    /// # Errors
    /// As for [`Service::start`]; then nothing was changed.
    pub fn reopen(options: ServiceOptions) -> Result<Vec<Reopened>, StartError> {
        let ServiceOptions { store, world, .. } = options;
        let policies = catalogue::open(&store, &options.files, options.test_subjects, &*world)?;
        let keys = Keyring::open(&store, &options.root_key, &policies.current, &*world)?;
        Ok(reopen(&Reopen {
            store: &store,
            keys: &keys.log_keys(),
            outside: options.checkpoints,
            naming: &Naming::new(&options.public_base, keys.tenant()),
            world: &*world,
            node: &options.node,
            policy_version: &policies.current.version,
        })?)
    }
}

fn origin_of(note: &str) -> Option<String> {
    let checkpoint = Checkpoint::parse_body(Note::parse(note).ok()?.text).ok()?;
    Some(checkpoint.origin)
}

fn close_and_open(
    tx: &mut Tx<'_>,
    with: &Reopen<'_>,
    now: Moment,
    log: &str,
    contradictions: &[&Contradiction],
    taken: &[String],
) -> Result<Reopened, SequenceError> {
    let rows = tx.audit_logs()?;
    let key = || SequenceError::Key { log: log.to_owned() };
    let old = origin::current(&rows, log).ok_or_else(key)?;
    // Whoever leads now has lost the old origin before it is closed.
    let head = tx.lock_audit_head(old.id)?.ok_or(StoreError::Corrupt)?;
    tx.take_lead(old.id, OWN_CLIENT)?;
    tx.set_audit_log_state(old.id, LogState::Closed, old.contradiction.as_deref())?;

    let is_taken =
        |origin: &str| rows.iter().any(|row| row.origin == origin) || taken.iter().any(|t| t == origin);
    let origin = with.naming.free(log, now, is_taken);
    let public = with.keys.of(log).ok_or_else(key)?.public();
    let mut id = origin::next_id(&rows);
    // An origin that was opened in the time that was lost is known again, as closed: its checkpoint is accepted too.
    for lost in contradictions
        .iter()
        .filter(|lost| rows.iter().all(|row| row.origin != lost.kept_origin))
    {
        tx.insert_audit_log(&LogRow {
            id,
            log: log.to_owned(),
            origin: lost.kept_origin.clone(),
            vkey: VerifierKey::new(&lost.kept_origin, public)?.to_text(),
            state: LogState::Closed,
            contradiction: Some(lost.note.clone()),
        })?;
        id += 1;
    }
    let vkey = VerifierKey::new(&origin, public)?;
    let new = LogRow {
        id,
        log: log.to_owned(),
        origin,
        vkey: vkey.to_text(),
        state: LogState::Open,
        contradiction: None,
    };
    tx.insert_audit_log(&new)?;
    write_first_entry(tx, with, now, &new, &head, contradictions)?;
    Ok(Reopened {
        log: log.to_owned(),
        closed: old.origin.clone(),
        found: head.size,
        kept: contradictions.iter().map(|found| found.kept).max().unwrap_or(0),
        opened: new.origin,
    })
}

/// The first entry of a new origin has its place at once, before anything that is waiting in the queue.
fn write_first_entry(
    tx: &mut Tx<'_>,
    with: &Reopen<'_>,
    now: Moment,
    new: &LogRow,
    old: &HeadRow,
    contradictions: &[&Contradiction],
) -> Result<(), SequenceError> {
    let id = EntryId::from_bytes(dated_id(now, random(with.world)));
    let mut leaf = Leaf::new(
        "log.reopened",
        id,
        now.millis(),
        OWN_CLIENT,
        with.node,
        with.policy_version,
    );
    leaf.outcome = Some("ok".into());
    leaf.extra.insert("found".into(), old.size.to_string().into());
    let names = std::iter::once("checkpoint".to_owned()).chain((2_u32..).map(|n| format!("checkpoint-{n}")));
    for (name, contradiction) in names.zip(contradictions) {
        let name = Word::parse(name).map_err(|_| StoreError::Corrupt)?;
        leaf.extra.insert(name, contradiction.note.as_str().into());
    }
    first_entry::write(tx, with.world, with.node, new, &leaf)
}
