//! Who leads. One node at a time should, and the database makes sure that only one can: each leader begins a new epoch,
//! and whoever finds another epoch at the head than its own changes nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::SequenceError;
use crate::store::{HeadRow, Session, Store};

/// How many times the patience a superseded process looks on where there is no work and no lock.
const IDLE: u32 = 6;

/// What this node knows about its own leadership.
pub(super) struct Leadership {
    name: String,
    patience: Duration,
    /// The epoch that we began at each origin; absent while another leads.
    epochs: Option<BTreeMap<u64, u64>>,
    /// Another took over from us once.
    superseded: bool,
    /// Since when the heads were as they are, with or without work.
    watched: Option<(Instant, bool, Heads)>,
}

/// The head of each origin: its id, its size and its epoch.
type Heads = Vec<(u64, u64, u64)>;

impl Leadership {
    pub(super) fn new(name: String, patience: Duration) -> Self {
        Self {
            name,
            patience,
            epochs: None,
            superseded: false,
            watched: None,
        }
    }

    /// Our epoch at an origin.
    pub(super) fn epoch(&self, log_id: u64) -> Result<u64, SequenceError> {
        let epochs = self.epochs.as_ref().ok_or(SequenceError::Fenced)?;
        epochs.get(&log_id).copied().ok_or(SequenceError::Fenced)
    }

    /// Leads, if nobody else does or whoever does stands still. `waiting` tells whether there is work to do.
    pub(super) fn lead(
        &mut self,
        store: &Store,
        session: &mut Session,
        heads: &[HeadRow],
        waiting: bool,
    ) -> Result<bool, SequenceError> {
        if let Some(epochs) = &self.epochs
            && heads.iter().all(|head| epochs.contains_key(&head.log_id))
        {
            return Ok(true);
        }
        // PostgreSQL's lock goes with the connection of a leader that died, and stays with one that hangs. A SQLite file
        // has no such lock: there, a process that was superseded looks on.
        let postgres = store.is_postgres();
        let stalled = self.stalled(heads, waiting, postgres);
        if !postgres && self.superseded && !stalled {
            return Ok(false);
        }
        let name = self.name.as_str();
        let taken = session.change("lead", |tx| {
            let locked = tx.try_leader_lock()?;
            if postgres && !locked && !stalled {
                return Ok::<_, SequenceError>(None);
            }
            let mut epochs = BTreeMap::new();
            for head in heads {
                epochs.insert(head.log_id, tx.take_lead(head.log_id, name)?);
            }
            Ok(Some(epochs))
        })?;
        if taken.is_some() {
            tracing::info!(node = name, "leads the audit logs from here on");
            self.superseded = false;
            self.watched = None;
        }
        self.epochs = taken;
        Ok(self.epochs.is_some())
    }

    /// Lets go. A new connection also lets go of PostgreSQL's lock.
    pub(super) fn step_down(&mut self, store: &Store, session: &mut Session) {
        if self.epochs.take().is_some() {
            tracing::info!(node = self.name.as_str(), "another node leads the audit logs");
        }
        self.superseded = true;
        *session = store.session();
    }

    /// Whether for so long no head moved nor changed its leader although there was work; or, where no lock tells whether
    /// the leader still lives, for much longer without work. A command that has ended leaves such a head behind, and what
    /// one process does for all would rest until something is written.
    fn stalled(&mut self, heads: &[HeadRow], waiting: bool, locks: bool) -> bool {
        if !waiting && locks {
            self.watched = None;
            return false;
        }
        let patience = if waiting {
            self.patience
        } else {
            self.patience * IDLE
        };
        let seen: Vec<_> = heads
            .iter()
            .map(|head| (head.log_id, head.size, head.leader_epoch))
            .collect();
        match &self.watched {
            Some((since, worked, before)) if *worked == waiting && *before == seen => {
                since.elapsed() >= patience
            }
            _ => {
                self.watched = Some((Instant::now(), waiting, seen));
                patience.is_zero()
            }
        }
    }
}
