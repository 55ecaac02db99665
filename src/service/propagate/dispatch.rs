//! Delivers messages to receivers of webhooks: at least once, those of one person in their order, from the node that
//! holds the receiver's lease.
//!
//! One thread reads and writes the database; requests run beside it and report back. An attempt counts when its end was
//! written; a node that dies before that leaves the delivery pending, and the next holder of the lease tries it again
//! under the same id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::endpoints::Secrets;
use super::figures::PropagationFigures;
use super::message::Told;
use super::send::{SendWebhooks, Sent, WebhookRequest};
use super::{PropagationOptions, Tempo};
use crate::domain::hex::hex;
use crate::domain::ids::{PersonId, SystemId};
use crate::domain::moment::Moment;
use crate::service::shared::Shared;
use crate::store::{AttemptEnd, DeliveryRow, EndpointRow, MessageRow, Store, StoreError, Tx, Which};
use crate::world::random;

/// Most ends of attempts that are written in one transaction.
const BATCH: usize = 256;
/// How long a stop waits for requests that run.
const ENDING: Duration = Duration::from_secs(2);
/// The longest pause that a receiver gets for asking.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
/// How often what waits is counted, and what is too old given up.
const MEASURE: Duration = Duration::from_secs(5);

/// What wakes the dispatcher.
#[derive(Debug)]
pub(super) enum Event {
    /// There is something new.
    Rung,
    /// An attempt ended.
    Ended(Ended),
    /// The service stops.
    Stop,
}

/// The end of an attempt.
#[derive(Debug)]
pub(super) struct Ended {
    endpoint: [u8; 16],
    seq: u64,
    person: PersonId,
    attempts: u64,
    since: Moment,
    sent: Sent,
}

/// A receiver that this node delivers to.
#[derive(Debug, Clone, Copy)]
struct Lease {
    epoch: u64,
    renewed: Instant,
}

pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    store: Store,
    sender: Arc<dyn SendWebhooks>,
    tempo: Tempo,
    figures: Arc<PropagationFigures>,
    runtime: tokio::runtime::Runtime,
    back: Sender<Event>,
    inbox: Receiver<Event>,
    leases: HashMap<[u8; 16], Lease>,
    /// Who has a delivery under way, or one whose end is not written yet.
    under_way: HashSet<([u8; 16], PersonId)>,
    unwritten: Vec<Ended>,
    /// Leases under our own name are left from our own last life, until we have looked once.
    reborn: bool,
    looked: Option<Instant>,
    measured: Option<Instant>,
    ill: bool,
}

impl Dispatcher {
    pub(super) fn new(
        shared: Arc<Shared>,
        store: Store,
        options: &PropagationOptions,
        figures: Arc<PropagationFigures>,
        (back, inbox): (Sender<Event>, Receiver<Event>),
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("webhooks-http")
            .enable_all()
            .build()?;
        Ok(Self {
            shared,
            store,
            sender: Arc::clone(&options.sender),
            tempo: options.tempo,
            figures,
            runtime,
            back,
            inbox,
            leases: HashMap::new(),
            under_way: HashSet::new(),
            unwritten: Vec::new(),
            reborn: true,
            looked: None,
            measured: None,
            ill: false,
        })
    }

    /// Until it is told to stop.
    pub(super) fn run(mut self) {
        loop {
            let stop = self.hear(self.tempo.poll);
            if !stop && !self.shared.standing.is_halted() {
                self.turn();
            }
            if stop {
                let until = Instant::now() + ENDING;
                while !self.under_way.is_empty() && Instant::now() < until {
                    self.hear(Duration::from_millis(50));
                    self.write_ends();
                }
                self.let_go();
                self.runtime.shutdown_background();
                return;
            }
        }
    }

    /// Takes in what happened; answers whether it is over.
    fn hear(&mut self, at_most: Duration) -> bool {
        let first = match self.inbox.recv_timeout(at_most) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return true,
        };
        let mut stop = false;
        for event in first.into_iter().chain(self.inbox.try_iter()) {
            match event {
                Event::Rung => {}
                Event::Ended(ended) => self.unwritten.push(ended),
                Event::Stop => stop = true,
            }
        }
        stop
    }

    fn turn(&mut self) {
        self.write_ends();
        let outcome = self.look();
        match outcome {
            Ok(()) => self.ill = false,
            Err(error) => {
                if !std::mem::replace(&mut self.ill, true) {
                    tracing::error!(alarm = "webhooks-stuck", error = %error, "deliveries wait");
                }
            }
        }
    }

    fn look(&mut self) -> Result<(), StoreError> {
        let mut endpoints = self.store.read("webhook_endpoints", |tx| tx.endpoints())?;
        let due = |at: Option<Instant>, every: Duration| at.is_none_or(|at| at.elapsed() >= every);
        let unheld = endpoints.iter().any(|row| !self.leases.contains_key(&row.id));
        if unheld || due(self.looked, self.tempo.lease / 4) {
            self.keep_leases(&endpoints)?;
            self.looked = Some(Instant::now());
            endpoints = self.store.read("webhook_endpoints", |tx| tx.endpoints())?;
        }
        if due(self.measured, MEASURE) {
            self.measure(&endpoints)?;
            self.measured = Some(Instant::now());
        }
        for endpoint in endpoints.iter().filter(|row| row.state == "active") {
            self.fill(endpoint)?;
        }
        Ok(())
    }

    /// Renews the leases we hold, and takes those that nobody holds.
    fn keep_leases(&mut self, endpoints: &[EndpointRow]) -> Result<(), StoreError> {
        let now = self.shared.world.now();
        let until = later(now, self.tempo.lease);
        let node = self.shared.node.as_str();
        let reborn = std::mem::replace(&mut self.reborn, false);
        self.leases
            .retain(|id, _| endpoints.iter().any(|row| row.id == *id));
        for row in endpoints {
            let ours = self.leases.get(&row.id).copied();
            let kept = match ours {
                Some(lease) if lease.renewed.elapsed() < self.tempo.lease / 4 => continue,
                Some(lease) => self
                    .store
                    .change("renew_lease", |tx| tx.renew_lease(&row.id, lease.epoch, until))?
                    .then_some(lease.epoch),
                None => {
                    let left = reborn && row.lease_node.as_deref() == Some(node);
                    if row.lease_until > now && !left {
                        continue;
                    }
                    self.store
                        .change("take_lease", |tx| tx.take_lease(row, node, until))?
                        .then_some(row.lease_epoch + 1)
                }
            };
            match kept {
                Some(epoch) => {
                    let renewed = Instant::now();
                    self.leases.insert(row.id, Lease { epoch, renewed });
                }
                None => {
                    self.leases.remove(&row.id);
                }
            }
        }
        Ok(())
    }

    /// Starts as many deliveries to a receiver as there is room for.
    fn fill(&mut self, endpoint: &EndpointRow) -> Result<(), StoreError> {
        let held = self
            .leases
            .get(&endpoint.id)
            .is_some_and(|lease| lease.renewed.elapsed() < self.tempo.lease);
        let now = self.shared.world.now();
        if !held || now < endpoint.rests_until {
            return Ok(());
        }
        let busy = self.under_way.iter().filter(|(to, _)| *to == endpoint.id).count();
        let down = endpoint.failures >= self.tempo.down_after;
        let (which, room) = if down {
            (Which::Probe, 1_usize.saturating_sub(busy))
        } else {
            (Which::Due(now), self.tempo.at_a_time.saturating_sub(busy))
        };
        if room == 0 {
            return Ok(());
        }
        let id = endpoint.id;
        // Those under way are pending too, and come first.
        let rows = self.store.read("deliveries_to_try", |tx| {
            tx.deliveries_to_try(&id, which, room + busy)
        })?;
        let Some(prepared) = Prepared::of(&self.shared, endpoint) else {
            return Ok(());
        };
        for (delivery, message) in rows.into_iter().take(room + busy) {
            if self.under_way.insert((id, delivery.person_id)) {
                self.send(&prepared, &delivery, &message);
            }
        }
        Ok(())
    }

    fn send(&self, to: &Prepared, delivery: &DeliveryRow, message: &MessageRow) {
        let request = to.request(&self.shared, message);
        let (sender, back) = (Arc::clone(&self.sender), self.back.clone());
        let ended = |sent| Ended {
            endpoint: delivery.endpoint_id,
            seq: delivery.seq,
            person: delivery.person_id,
            attempts: delivery.attempts + 1,
            since: delivery.since,
            sent,
        };
        let Some(request) = request else {
            // The dispatcher is the one who sends this to itself.
            let _ = back.send(Event::Ended(ended(Sent::Failed("cannot be written"))));
            return;
        };
        let mut report = ended(Sent::Failed("was not sent"));
        self.runtime.spawn(async move {
            report.sent = sender.send(request).await;
            let _ = back.send(Event::Ended(report));
        });
    }

    /// Writes how attempts ended. When the database does not take it, nobody whose end is unwritten gets another message.
    fn write_ends(&mut self) {
        while !self.unwritten.is_empty() {
            let batch: Vec<Ended> = self.unwritten.drain(..self.unwritten.len().min(BATCH)).collect();
            let written = self.store.change("end_attempts", |tx| self.write(tx, &batch));
            match written {
                Ok(()) => {
                    for ended in &batch {
                        self.under_way.remove(&(ended.endpoint, ended.person));
                        let counter = match ended.sent {
                            Sent::Delivered(_) => &self.figures.delivered,
                            _ => &self.figures.failed,
                        };
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the ends of deliveries are written later");
                    self.unwritten.splice(0..0, batch);
                    return;
                }
            }
        }
    }

    fn write(&self, tx: &mut Tx<'_>, batch: &[Ended]) -> Result<(), StoreError> {
        let now = self.shared.world.now();
        let mut health: HashMap<[u8; 16], Option<EndpointRow>> = HashMap::new();
        for ended in batch {
            let endpoint = match health.entry(ended.endpoint) {
                std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
                std::collections::hash_map::Entry::Vacant(empty) => {
                    empty.insert(tx.endpoint(&ended.endpoint)?)
                }
            };
            let Some(endpoint) = endpoint else { continue };
            tx.end_attempt(&ended.endpoint, ended.seq, &self.end(ended, now))?;
            self.heed(tx, endpoint, &ended.sent, now)?;
        }
        Ok(())
    }

    fn end<'e>(&self, ended: &'e Ended, now: Moment) -> AttemptEnd<'e> {
        let (status, why) = match &ended.sent {
            Sent::Delivered(status) => (Some(*status), None),
            Sent::Gone => (Some(410), Some("the receiver is gone")),
            Sent::Refused { status, .. } if (300..400).contains(status) => {
                (Some(*status), Some("a redirect, which is not followed"))
            }
            Sent::Refused { status, .. } => (Some(*status), Some("the receiver refused")),
            Sent::Failed(why) => (None, Some(*why)),
        };
        let over = matches!(ended.sent, Sent::Gone) || later(ended.since, self.tempo.give_up) <= now;
        let state = match ended.sent {
            Sent::Delivered(_) => "delivered",
            _ if over => "dead",
            _ => "pending",
        };
        let next = later(now, self.pause(ended.attempts));
        AttemptEnd {
            state,
            attempts: ended.attempts,
            due_at: if state == "pending" { next } else { now },
            ended_at: (state != "pending").then_some(now),
            status,
            why,
        }
    }

    /// How long until the next attempt: four times as long each time, give or take a fifth.
    fn pause(&self, attempts: u64) -> Duration {
        let power = u32::try_from(attempts.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .min(12);
        let pause = self.tempo.first_retry.saturating_mul(4_u32.saturating_pow(power));
        self.jittered(pause.min(self.tempo.longest_retry))
    }

    fn jittered(&self, pause: Duration) -> Duration {
        let [byte] = random(&*self.shared.world);
        pause.mul_f64(0.8 + 0.4 * f64::from(byte) / 255.0)
    }

    /// What an attempt says about its receiver.
    fn heed(
        &self,
        tx: &mut Tx<'_>,
        endpoint: &mut EndpointRow,
        sent: &Sent,
        now: Moment,
    ) -> Result<(), StoreError> {
        let id = endpoint.id;
        match sent {
            Sent::Delivered(_) => {
                if endpoint.failures == 0 {
                    return Ok(());
                }
                if endpoint.failures >= self.tempo.down_after {
                    tracing::info!(endpoint = hex(&id), "a receiver of webhooks works again");
                    tx.hasten_deliveries(&id, now)?;
                }
                endpoint.failures = 0;
                endpoint.rests_until = Moment::from_micros(0);
            }
            Sent::Gone => {
                tracing::warn!(
                    alarm = "webhook-gone",
                    endpoint = hex(&id),
                    "a receiver answered 410 and gets no more"
                );
                tx.disable_endpoint(&id, "the receiver answered 410", now)?;
                tx.give_up_deliveries(&id, None, "the receiver is gone", now)?;
                return Ok(());
            }
            // One of several that were under way when the receiver went down: it is left alone already.
            Sent::Refused { .. } | Sent::Failed(_) if now < endpoint.rests_until => return Ok(()),
            Sent::Refused { .. } | Sent::Failed(_) => {
                endpoint.failures += 1;
                let beyond = endpoint.failures.checked_sub(self.tempo.down_after);
                if beyond == Some(0) {
                    tracing::warn!(
                        alarm = "webhook-down",
                        endpoint = hex(&id),
                        "a receiver of webhooks does not work"
                    );
                }
                if let Some(beyond) = beyond {
                    let twice = 2_u32.saturating_pow(u32::try_from(beyond).unwrap_or(u32::MAX).min(12));
                    let rest = self.tempo.first_rest.saturating_mul(twice);
                    let rest = self.jittered(rest.min(self.tempo.longest_rest));
                    endpoint.rests_until = endpoint.rests_until.max(later(now, rest));
                }
                if let Sent::Refused {
                    retry_after: Some(asked),
                    ..
                } = sent
                {
                    let asked = later(now, (*asked).min(LONGEST_ASKED));
                    endpoint.rests_until = endpoint.rests_until.max(asked);
                }
            }
        }
        tx.set_endpoint_health(&id, endpoint.failures, endpoint.rests_until)
    }

    /// Counts what waits, and gives up what is too old, also of receivers that are paused.
    fn measure(&self, endpoints: &[EndpointRow]) -> Result<(), StoreError> {
        let now = self.shared.world.now();
        let before = Moment::from_micros(now.micros().saturating_sub(micros(self.tempo.give_up)));
        let (mut pending, mut dead, mut since) = (0, 0, None::<Moment>);
        for row in endpoints {
            let id = row.id;
            let (waiting, oldest) = self
                .store
                .read("measure_deliveries", |tx| tx.delivery_size(&id, "pending"))?;
            let (ended, _) = self
                .store
                .read("measure_deliveries", |tx| tx.delivery_size(&id, "dead"))?;
            if oldest.is_some_and(|oldest| oldest < before) && self.leases.contains_key(&id) {
                let given_up = self.store.change("give_up_deliveries", |tx| {
                    tx.give_up_deliveries(&id, Some(before), "given up", now)
                })?;
                tracing::warn!(
                    alarm = "webhook-dead",
                    endpoint = hex(&id),
                    count = given_up,
                    "deliveries were given up; they can be replayed"
                );
            }
            pending += waiting;
            dead += ended;
            since = match (since, oldest) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let down = endpoints
            .iter()
            .filter(|row| row.state == "disabled" || row.failures >= self.tempo.down_after)
            .count();
        self.figures.pending.store(pending, Ordering::Relaxed);
        self.figures.dead.store(dead, Ordering::Relaxed);
        let down = u64::try_from(down).unwrap_or(0);
        self.figures.down.store(down, Ordering::Relaxed);
        let since = since.map_or(0, Moment::seconds);
        self.figures.pending_since.store(since, Ordering::Relaxed);
        Ok(())
    }

    /// Lets another node go on at once.
    fn let_go(&mut self) {
        let over = Moment::from_micros(0);
        for (id, lease) in self.leases.drain() {
            let let_go = self
                .store
                .change("release_lease", |tx| tx.renew_lease(&id, lease.epoch, over));
            if let Err(error) = let_go {
                tracing::debug!(error = %error, "a lease ends by itself");
            }
        }
    }
}

/// What is the same for all requests to a receiver.
struct Prepared {
    system: SystemId,
    url: url::Url,
    secrets: Secrets,
}

impl Prepared {
    fn of(shared: &Shared, endpoint: &EndpointRow) -> Option<Self> {
        let opened = (|| {
            Some(Self {
                system: endpoint.system.parse().ok()?,
                url: endpoint.url.parse().ok()?,
                secrets: Secrets::open(&shared.keys, endpoint)?,
            })
        })();
        if opened.is_none() {
            tracing::error!(
                alarm = "webhook-unreadable",
                endpoint = hex(&endpoint.id),
                "the secret of a receiver does not open; give it a new one"
            );
        }
        opened
    }

    fn request(&self, shared: &Shared, message: &MessageRow) -> Option<WebhookRequest> {
        let told = Told::to(&shared.keys, &self.system, message)?;
        let body = told.cloud_event(&shared.public_base);
        let now = shared.world.now();
        Some(WebhookRequest {
            url: self.url.clone(),
            signature: self.secrets.sign(&told.id, now, &body),
            id: told.id,
            timestamp: now.seconds(),
            body,
        })
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn later(at: Moment, by: Duration) -> Moment {
    Moment::from_micros(at.micros().saturating_add(micros(by)))
}
