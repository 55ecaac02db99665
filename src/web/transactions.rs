//! What the store's transactions do, as counters: by name and outcome, how long they take, and how often they are run
//! again because they met another one.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::store::{Observer, Outcome};

/// Bounds of the duration buckets, in seconds.
const BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// The counters. Give one clone to the store as its observer and another to the server.
#[derive(Clone)]
pub struct Transactions {
    ended: Family<Ended, Counter>,
    retries: Family<Name, Counter>,
    durations: Family<Name, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    transaction: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    transaction: &'static str,
}

impl Default for Transactions {
    fn default() -> Self {
        Self {
            ended: Family::default(),
            retries: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        }
    }
}

impl Transactions {
    /// Adds the counters to those that are served.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("transactions", "Transactions that ended", self.ended.clone());
        registry.register(
            "transaction_retries",
            "Times a transaction was run again because it met another one",
            self.retries.clone(),
        );
        registry.register(
            "transaction_duration_seconds",
            "Time a transaction took, waiting and retries included",
            self.durations.clone(),
        );
    }
}

impl Observer for Transactions {
    fn transaction(&self, name: &'static str, outcome: Outcome, duration: Duration, retries: u32) {
        let outcome = match outcome {
            Outcome::Committed => "committed",
            Outcome::RolledBack => "rolled-back",
            Outcome::Unknown => "unknown",
        };
        let ended = Ended {
            transaction: name,
            outcome,
        };
        self.ended.get_or_create(&ended).inc();
        let name = Name { transaction: name };
        self.retries.get_or_create(&name).inc_by(retries.into());
        self.durations
            .get_or_create(&name)
            .observe(duration.as_secs_f64());
    }
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::metrics::Metrics;

    #[test]
    fn transactions_are_counted_by_name_and_outcome() {
        let (metrics, transactions) = (Metrics::default(), Transactions::default());
        metrics.register(|registry| transactions.register(registry));
        transactions.transaction("checks", Outcome::Committed, Duration::from_millis(2), 1);
        transactions.transaction("checks", Outcome::Unknown, Duration::from_millis(2), 0);
        let text = metrics.text().unwrap();
        for line in [
            r#"akkoord_transactions_total{transaction="checks",outcome="committed"} 1"#,
            r#"akkoord_transactions_total{transaction="checks",outcome="unknown"} 1"#,
            r#"akkoord_transaction_retries_total{transaction="checks"} 1"#,
            r#"akkoord_transaction_duration_seconds_count{transaction="checks"} 2"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
