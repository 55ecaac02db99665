//! What the service's lanes and chores have done, as counters.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::service::Service;
use crate::service::chores::ChoreFigures;

/// Adds the lanes' counters: how many requests wait, and how many were committed in how many transactions. Their
/// quotient is the size of a batch. And those of what is done now and then.
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
        encode_remembered(&self.0, &mut encoder)?;
        encode_chores(&self.0, &mut encoder)
    }
}

fn encode_remembered(service: &Service, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let figures = service.remembered();
    let bytes = ConstGauge::new(i64::try_from(figures.bytes.load(Relaxed)).unwrap_or(i64::MAX));
    bytes.encode(encoder.encode_descriptor(
        "remembered_bytes",
        "People kept in memory, sealed, in bytes",
        None,
        bytes.metric_type(),
    )?)?;
    let counters = [
        (
            "remembered_recalled",
            "Times somebody was remembered",
            &figures.recalled,
        ),
        (
            "remembered_changed",
            "Times somebody remembered had changed and was read again",
            &figures.changed,
        ),
        (
            "remembered_read",
            "Times somebody was read because they were not remembered",
            &figures.read,
        ),
    ];
    for (name, help, figure) in counters {
        let counter = ConstCounter::new(figure.load(Relaxed));
        counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
    }
    Ok(())
}

fn encode_chores(service: &Service, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let gauge = ConstGauge::new(0_i64);
    let mut family = encoder.encode_descriptor(
        "chore_last_success_timestamp_seconds",
        "When it was last done, in seconds since 1970; 0 when not yet since the start",
        None,
        gauge.metric_type(),
    )?;
    for figures in service.chores() {
        let at = ConstGauge::new(figures.last_success.load(Relaxed));
        at.encode(family.encode_family(&[("chore", figures.name)])?)?;
    }
    type Figure = fn(&ChoreFigures) -> u64;
    let counters: [(&str, &str, Figure); 3] = [
        ("chore_runs", "Times it was done", |f| f.runs.load(Relaxed)),
        ("chore_failures", "Times it could not be done", |f| {
            f.failures.load(Relaxed)
        }),
        ("chore_items", "What it removed", |f| f.items.load(Relaxed)),
    ];
    for (name, help, figure) in counters {
        let counter = ConstCounter::new(0_u64);
        let mut family = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
        for figures in service.chores() {
            ConstCounter::new(figure(figures)).encode(family.encode_family(&[("chore", figures.name)])?)?;
        }
    }
    Ok(())
}
