//! What was told to other systems and what waits, as counters.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::service::Service;

/// Adds the figures of a service that tells other systems; none when it does not.
pub fn register(registry: &mut Registry, service: &Service) {
    registry.register_collector(Box::new(Propagation(service.clone())));
}

struct Propagation(Service);

impl fmt::Debug for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Propagation")
    }
}

impl Collector for Propagation {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(figures) = self.0.propagation() else {
            return Ok(());
        };
        let now = self.0.world().now().seconds();
        let age = |since: i64| {
            if since == 0 {
                0
            } else {
                now.saturating_sub(since).max(0)
            }
        };
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for (name, help, value) in [
            (
                "outbox_waiting",
                "Messages without a place in the feed, on all nodes",
                whole(figures.outbox.load(Relaxed)),
            ),
            (
                "outbox_oldest_seconds",
                "Age of the oldest of them",
                age(figures.outbox_since.load(Relaxed)),
            ),
            (
                "webhook_pending",
                "Deliveries that wait, on all nodes",
                whole(figures.pending.load(Relaxed)),
            ),
            (
                "webhook_oldest_pending_seconds",
                "Age of the oldest of them",
                age(figures.pending_since.load(Relaxed)),
            ),
            (
                "webhook_dead",
                "Deliveries that were given up and are kept, on all nodes",
                whole(figures.dead.load(Relaxed)),
            ),
            (
                "webhook_receivers_down",
                "Receivers that do not work, on all nodes",
                whole(figures.down.load(Relaxed)),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        for (name, help, value) in [
            (
                "feed_messages",
                "Messages that this node gave a place in the feed",
                figures.placed.load(Relaxed),
            ),
            (
                "webhook_delivered",
                "Deliveries by this node",
                figures.delivered.load(Relaxed),
            ),
            (
                "webhook_failed",
                "Attempts by this node that failed",
                figures.failed.load(Relaxed),
            ),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
