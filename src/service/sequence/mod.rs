//! Putting entries in order. Nodes commit batches of entries together with what they tell of; one node at a time, the
//! leader, gives the batches their places in the tree, signs the new checkpoint, and publishes it.
//!
//! The order of the steps is the design; each may be the last before a crash:
//!
//! 1. One transaction: batches get places, full tiles are stored, the head moves. *Crash after it:* the head is larger than
//!    the checkpoint; the next pass signs it. The key always makes the same signature over the same checkpoint.
//! 2. Sign. *Crash after it:* nobody saw the signature; the next pass makes it again.
//! 3. Keep the checkpoint outside the database, durably. *Crash after it:* the next pass keeps the same again. From here
//!    on the database may never be behind this checkpoint: if it is, it was rolled back.
//! 4. Publish it in the database. *Crash after it:* all is done.
//!
//! Entries are durable before step 1; callers never wait for any of these.

mod first_entry;
mod leader;
mod origin;
mod outside;
mod reading;
mod reopen;
mod runner;
mod sequencer;
mod tree;
mod turn;
mod witnessing;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::origin::{Naming, open_origins};
pub use self::outside::{Contradiction, ContradictionKind, KeepCheckpoints};
pub use self::reading::{LogName, ProvedEntry};
pub(crate) use self::reading::{checkpoint_of, cover_of};
pub use self::reopen::{Reopen, Reopened, reopen};
pub use self::runner::SequenceFigures;
pub(crate) use self::runner::{Sequencing, Standing, prepare};
pub use self::sequencer::{Passed, Published, Sequencer, SequencerOptions};
pub(crate) use self::witnessing::Witnessing;
pub use self::witnessing::{AskWitness, WitnessAnswer, WitnessFuture, WitnessPlan, WitnessSummary};
use crate::crypto::SigningKey;
use crate::crypto::note::NoteError;
use crate::store::StoreError;

/// How often the sequencer works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// At least this long from the beginning of one pass to that of the next.
    pub between: Duration,
    /// How often to look for batches of other nodes when no lane of this one rings.
    pub idle: Duration,
    /// How long a leader may leave batches where they are before another node takes over.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            between: Duration::from_millis(200),
            idle: Duration::from_millis(500),
            patience: Duration::from_secs(5),
        }
    }
}

/// The steps of a pass, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The batches have their places.
    Sequenced,
    /// The checkpoint is signed.
    Signed,
    /// It is kept outside the database.
    Kept,
    /// It is published.
    Published,
}

/// Why a pass was not finished.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database contradicts a checkpoint that was signed. Nothing may be recorded.
    #[error("{0}")]
    Contradiction(Box<Contradiction>),
    /// The place outside the database cannot be used.
    #[error("checkpoints cannot be kept outside the database: {0}")]
    Outside(std::io::Error),
    /// Another node leads, since this one was slow.
    #[error("another node leads")]
    Fenced,
    /// The key store and the database do not belong together.
    #[error(
        "the signing key of the log {log} is not the one that its origin was opened with; restore the key store that belongs to this database"
    )]
    Key {
        /// The log.
        log: String,
    },
    /// The public address or the network's id cannot be part of the name of a log.
    #[error("the public address and the network's id make no name for a log: {0}")]
    Name(#[from] NoteError),
    /// A test asked for this.
    #[error("stopped after {0:?}, as asked")]
    Stopped(Step),
}

/// The keys that sign checkpoints, by the short name of the log.
#[derive(Debug)]
pub struct LogKeys(BTreeMap<String, SigningKey>);

impl LogKeys {
    /// The key of a log.
    pub fn of(&self, log: &str) -> Option<&SigningKey> {
        self.0.get(log)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &SigningKey)> {
        self.0.iter().map(|(log, key)| (log.as_str(), key))
    }
}

impl FromIterator<(String, SigningKey)> for LogKeys {
    fn from_iter<I: IntoIterator<Item = (String, SigningKey)>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}
