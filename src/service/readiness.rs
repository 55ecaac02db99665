//! Whether the service can do its work now.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Service;
use super::lane::{Lane, SignOfLife};
use super::refusal::Refusal;
use super::sequence::WitnessSummary;

/// Whether the service can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// All of it.
    pub ready: bool,
    /// Part, whether it works, and a word about it.
    pub checks: Vec<(&'static str, bool, String)>,
    /// How far the witnesses of the audit logs have come. The service does not wait for them.
    pub witnesses: WitnessSummary,
}

/// How long a sign of life may take.
const READY_WITHIN: Duration = Duration::from_secs(3);
/// Within which time a lane with a full queue commits at least once.
const BUSY_WITHIN: Duration = Duration::from_millis(500);

impl Service {
    /// Who is asked to cosign the audit logs: `quorum N` and a key on each line; empty when nobody is.
    pub fn witnesses(&self) -> &str {
        self.0.witnessing.policy()
    }

    /// Whether the database answers and leads to every checkpoint, and whether checks and changes can be recorded: a
    /// database that is locked or stuck may still be read.
    pub async fn ready(&self) -> Readiness {
        let store = self.0.store.clone();
        let pinged = tokio::time::timeout(
            READY_WITHIN,
            tokio::task::spawn_blocking(move || store.ping().map_err(|error| error.to_string())),
        );
        let (pinged, recording) = tokio::join!(pinged, self.records());
        let database = match pinged {
            Ok(Ok(Ok(()))) => (true, "answers".to_owned()),
            Ok(Ok(Err(why))) => (false, why),
            Ok(Err(_)) | Err(_) => (false, "does not answer".to_owned()),
        };
        let policies = format!("version {}", self.catalogue().version);
        let halted = self.0.shared.standing.why_halted();
        // No part of `ready`: a node that cannot tell others can still record, and must.
        let propagation = self
            .propagation()
            .map(|figures| figures.word(self.world().now().seconds()));
        let word = if recording { "works" } else { "cannot be done now" };
        Readiness {
            ready: database.0 && recording && halted.is_none(),
            checks: vec![
                ("database", database.0, database.1),
                ("recording", recording, word.to_owned()),
                ("policies", true, policies),
                (
                    "audit-log",
                    halted.is_none(),
                    halted.unwrap_or_else(|| "leads to every checkpoint".to_owned()),
                ),
            ]
            .into_iter()
            .chain(propagation.map(|(good, word)| ("propagation", good, word)))
            .collect(),
            witnesses: self.0.witnessing.summary(),
        }
    }

    /// Whether every lane ends transactions.
    async fn records(&self) -> bool {
        let live = async {
            for lane in std::iter::once(&self.0.checks).chain(&self.0.changes) {
                if !self.lives(lane).await {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(READY_WITHIN, live).await.unwrap_or(false)
    }

    async fn lives(&self, lane: &Lane) -> bool {
        let Ok(call) = self.operator() else { return false };
        match lane.submit(&call, SignOfLife).await {
            Ok(()) => true,
            // A full queue is no reason to take the node out, as long as it gets shorter.
            Err(Refusal::Busy) => {
                let before = lane.figures().batches.load(Ordering::Relaxed);
                tokio::time::sleep(BUSY_WITHIN).await;
                lane.figures().batches.load(Ordering::Relaxed) != before
            }
            Err(_) => false,
        }
    }
}
