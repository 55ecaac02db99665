//! Origins: the names under which a log signs. `akkoord.example/wise/consent/2027` is the consent log of the network
//! `wise` that was opened in 2027; a log that is closed goes on under another label.

use chrono::Datelike;

use super::{LogKeys, SequenceError};
use crate::audit::edge::Edge;
use crate::audit::tree::empty_root;
use crate::crypto::note::VerifierKey;
use crate::domain::moment::Moment;
use crate::store::{HeadRow, LogRow, LogState, Store, StoreError, Tx};

/// How the logs of a network are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    host: String,
    network: String,
}

impl Naming {
    /// For the public address of the service (`https://akkoord.example`) and the id of its network.
    pub fn new(public_base: &str, network: &str) -> Self {
        let address = public_base
            .split_once("://")
            .map_or(public_base, |(_, rest)| rest);
        let host = address.split('/').next().unwrap_or_default();
        Self {
            host: host.to_owned(),
            network: network.to_owned(),
        }
    }

    /// An address without scheme, as C2SP tlog-checkpoint asks of an origin.
    pub fn origin(&self, log: &str, label: &str) -> String {
        format!("{}/{}/{log}/{label}", self.host, self.network)
    }

    /// The first label of the year that gives an origin not yet `taken`: `2027`, then `2027.2`.
    pub(super) fn free(&self, log: &str, now: Moment, taken: impl Fn(&str) -> bool) -> String {
        free(&format!("{}/{}/{log}", self.host, self.network), now, taken)
    }
}

/// The first origin of the year below a prefix that is not yet `taken`.
pub(super) fn free(prefix: &str, now: Moment, taken: impl Fn(&str) -> bool) -> String {
    let year = now.utc().year();
    let labels = std::iter::once(year.to_string()).chain((2_u32..).map(|n| format!("{year}.{n}")));
    let mut origins = labels.map(|label| format!("{prefix}/{label}"));
    origins.find(|origin| !taken(origin)).unwrap_or_default()
}

/// Opens an origin for each log that has none, and checks the keys of those that have. Several nodes may do this at once.
///
/// # Errors
/// [`SequenceError::Key`], [`SequenceError::Name`] or [`SequenceError::Store`].
pub fn open_origins(
    store: &Store,
    keys: &LogKeys,
    naming: &Naming,
    now: Moment,
) -> Result<(), SequenceError> {
    let open = || store.change("open_logs", |tx| open(tx, keys, naming, now));
    match open() {
        // Another node was first; what it opened is checked like any other.
        Err(SequenceError::Store(StoreError::Conflict { .. })) => open(),
        ended => ended,
    }
}

fn open(tx: &mut Tx<'_>, keys: &LogKeys, naming: &Naming, now: Moment) -> Result<(), SequenceError> {
    let mut rows = tx.audit_logs()?;
    for (log, key) in keys.iter() {
        if let Some(row) = current(&rows, log) {
            let ours = VerifierKey::new(&row.origin, key.public())?.to_text();
            if ours != row.vkey {
                return Err(SequenceError::Key { log: log.to_owned() });
            }
            continue;
        }
        let origin = naming.free(log, now, |origin| rows.iter().any(|row| row.origin == origin));
        let row = LogRow {
            id: next_id(&rows),
            log: log.to_owned(),
            vkey: VerifierKey::new(&origin, key.public())?.to_text(),
            origin,
            state: LogState::Open,
            contradiction: None,
        };
        tx.insert_audit_log(&row)?;
        tx.insert_audit_head(&HeadRow {
            log_id: row.id,
            size: 0,
            root: empty_root(),
            edge: Edge::new().to_bytes(),
            leader: None,
            leader_epoch: 0,
        })?;
        rows.push(row);
    }
    Ok(())
}

/// The origin that a log has now.
pub(super) fn current<'r>(rows: &'r [LogRow], log: &str) -> Option<&'r LogRow> {
    rows.iter()
        .find(|row| row.log == log && row.state != LogState::Closed)
}

pub(super) fn next_id(rows: &[LogRow]) -> u64 {
    rows.iter().map(|row| row.id).max().unwrap_or(0) + 1
}
