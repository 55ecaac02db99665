//! What stands open of erasures, for operators.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::service::Service;

/// Adds the figures of a service.
pub fn register(registry: &mut Registry, service: &Service) {
    registry.register_collector(Box::new(Erasures(service.clone())));
}

struct Erasures(Service);

impl fmt::Debug for Erasures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Erasures")
    }
}

impl Collector for Erasures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = self.0.erasure_figures();
        for (name, help, value) in [
            (
                "erasures_open",
                "Erasures that were proposed and are neither carried out nor ended",
                &figures.open,
            ),
            (
                "erasure_tasks_pending",
                "Tasks of systems that wait for an answer in time",
                &figures.pending,
            ),
            (
                "erasure_tasks_escalated",
                "Tasks of systems without an answer in time",
                &figures.escalated,
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value.load(Relaxed)).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
