//! What was told and what waits, for metrics and for `/readyz`.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// The figures of one node. What waits is counted in the database, and the same on every node.
#[derive(Debug, Default)]
pub struct PropagationFigures {
    /// Messages in the outbox that have no place yet.
    pub outbox: AtomicU64,
    /// Since when the oldest of them waits, in seconds since 1970; 0 when none does.
    pub outbox_since: AtomicI64,
    /// Places given by this node.
    pub placed: AtomicU64,
    /// Deliveries that wait.
    pub pending: AtomicU64,
    /// Since when the oldest of them is being tried, in seconds since 1970; 0 when none is.
    pub pending_since: AtomicI64,
    /// Deliveries that were given up and are kept.
    pub dead: AtomicU64,
    /// Receivers that do not work.
    pub down: AtomicU64,
    /// Deliveries by this node that succeeded.
    pub delivered: AtomicU64,
    /// Attempts by this node that failed.
    pub failed: AtomicU64,
    /// Whether the last look at the outbox failed.
    pub stuck: AtomicBool,
}

impl PropagationFigures {
    /// Whether messages get their places, and a word about it.
    pub fn word(&self, now_seconds: i64) -> (bool, String) {
        let since = self.outbox_since.load(Ordering::Relaxed);
        let late = since != 0 && now_seconds.saturating_sub(since) > 60;
        let good = !late && !self.stuck.load(Ordering::Relaxed);
        let word = match (good, self.pending.load(Ordering::Relaxed)) {
            (false, _) => "messages to other systems wait in the outbox".to_owned(),
            (true, 0) => "everything was told".to_owned(),
            (true, waiting) => format!("{waiting} deliveries wait"),
        };
        (good, word)
    }
}
