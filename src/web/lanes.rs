//! What the service's lanes have done, as counters.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::service::Service;

/// Adds the lanes' counters: how many requests wait, and how many were committed in how many transactions. Their
/// quotient is the size of a batch.
pub fn register(registry: &mut Registry, service: &Service) {
    registry.register_collector(Box::new(Lanes(service.clone())));
}

struct Lanes(Service);

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let lanes = self.0.lanes();
        let gauge = ConstGauge::new(0_i64);
        let mut family =
            encoder.encode_descriptor("lane_waiting", "Requests waiting now", None, gauge.metric_type())?;
        for (name, figures) in &lanes {
            let waiting = ConstGauge::new(i64::try_from(figures.waiting.load(Relaxed)).unwrap_or(i64::MAX));
            waiting.encode(family.encode_family(&[("lane", *name)])?)?;
        }
        let counter = ConstCounter::new(0_u64);
        let mut family = encoder.encode_descriptor(
            "lane_batches",
            "Transactions committed",
            None,
            counter.metric_type(),
        )?;
        for (name, figures) in &lanes {
            let batches = ConstCounter::new(figures.batches.load(Relaxed));
            batches.encode(family.encode_family(&[("lane", *name)])?)?;
        }
        let mut family =
            encoder.encode_descriptor("lane_requests", "Requests committed", None, counter.metric_type())?;
        for (name, figures) in &lanes {
            let requests = ConstCounter::new(figures.requests.load(Relaxed));
            requests.encode(family.encode_family(&[("lane", *name)])?)?;
        }
        Ok(())
    }
}
