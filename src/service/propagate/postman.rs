//! Takes messages out of the outbox and gives them their places. Any node may; the row of the feed's head lets one at a
//! time. A message that was committed late is simply there at the next look: nothing is asked "after" anything here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::audience;
use super::dispatch::Event;
use super::figures::PropagationFigures;
use super::news::Ring;
use crate::domain::ids::{PersonId, SystemId};
use crate::domain::moment::Moment;
use crate::service::catalogue;
use crate::service::shared::Shared;
use crate::store::{DeliveryRow, MessageRow, OutboxRow, Store, StoreError, Tx};

/// Most messages that get their places in one transaction.
const BATCH: u32 = 1_000;
/// The least time between two looks, so that a busy node makes few transactions of many messages.
const BETWEEN: Duration = Duration::from_millis(10);
/// How often the outbox is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// Gives messages their places, in a thread of its own.
pub(super) struct Postman {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Store,
    pub(super) figures: Arc<PropagationFigures>,
    pub(super) poll: Duration,
    pub(super) dispatcher: Sender<Event>,
}

impl Postman {
    /// Until the bell is gone.
    pub(super) fn run(self, bell: &Receiver<Ring>) {
        let mut measured: Option<Instant> = None;
        loop {
            let began = Instant::now();
            match self.pass() {
                Ok(()) => self.figures.stuck.store(false, Ordering::Relaxed),
                Err(error) => {
                    if !self.figures.stuck.swap(true, Ordering::Relaxed) {
                        tracing::error!(alarm = "outbox-stuck", error = %error, "messages wait in the outbox");
                    }
                }
            }
            if measured.is_none_or(|at| at.elapsed() >= MEASURE) {
                self.measure();
                measured = Some(Instant::now());
            }
            match bell.recv_timeout(self.poll) {
                Ok(Ring::Look) => std::thread::sleep(BETWEEN.saturating_sub(began.elapsed())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    // What the lanes committed last.
                    if let Err(error) = self.pass() {
                        tracing::warn!(error = %error, "messages wait in the outbox for the next start");
                    }
                    return;
                }
            }
        }
    }

    fn pass(&self) -> Result<(), StoreError> {
        // A database that was rolled back says things about people that are no longer true.
        if self.shared.standing.is_halted() {
            return Ok(());
        }
        let (waiting, mut ends) = self.store.read("look_at_outbox", |tx| -> Result<_, StoreError> {
            Ok((!tx.outbox(1)?.is_empty(), tx.feed_ends()?))
        })?;
        if waiting {
            loop {
                let shared = &*self.shared;
                let taken = self
                    .store
                    .change("place_messages", |tx| -> Result<_, StoreError> {
                        catalogue::refresh(shared, tx)?;
                        place(shared, tx)
                    })?;
                self.figures.placed.fetch_add(taken.told, Ordering::Relaxed);
                if taken.rows < BATCH as usize {
                    break;
                }
            }
            ends = self.store.read("feed_ends", |tx| tx.feed_ends())?;
            // The dispatcher ends before the postman only when both are told to.
            let _ = self.dispatcher.send(Event::Rung);
        }
        self.shared.news.announce(ends.next.saturating_sub(1));
        Ok(())
    }

    fn measure(&self) {
        if let Ok((waiting, since)) = self.store.read("measure_outbox", |tx| tx.outbox_size()) {
            self.figures.outbox.store(waiting, Ordering::Relaxed);
            let since = since.map_or(0, Moment::seconds);
            self.figures.outbox_since.store(since, Ordering::Relaxed);
        }
    }
}

struct Taken {
    rows: usize,
    told: u64,
}

/// Moves messages from the outbox to the feed and to those whom they must be delivered to.
fn place(shared: &Shared, tx: &mut Tx<'_>) -> Result<Taken, StoreError> {
    // First the lock: what is read after it includes all that anybody else placed before.
    let ends = tx.lock_feed()?;
    let rows = tx.outbox(BATCH)?;
    if rows.is_empty() {
        return Ok(Taken { rows: 0, told: 0 });
    }
    let now = shared.world.now();
    let messages: Vec<MessageRow> = in_order(&rows)
        .into_iter()
        .filter(|row| audience::is_told(&row.kind))
        .zip(ends.next..)
        .map(|(row, seq)| MessageRow {
            seq,
            event_id: row.event_id,
            kind: row.kind.clone(),
            person_id: row.person_id,
            other_id: row.other_id,
            organisation: row.organisation.clone(),
            purpose: row.purpose.clone(),
            recorded_at: row.recorded_at,
            placed_at: now,
        })
        .collect();
    tx.place_messages(&messages)?;
    let deliveries = deliveries(shared, tx, &messages, now)?;
    tx.insert_deliveries(&deliveries)?;
    tx.delete_outbox(&rows)?;
    Ok(Taken {
        rows: rows.len(),
        told: u64::try_from(messages.len()).unwrap_or(0),
    })
}

/// As they were recorded, and in any case those of one person in the order of their changes.
fn in_order(rows: &[OutboxRow]) -> Vec<&OutboxRow> {
    let mut latest: HashMap<PersonId, Moment> = HashMap::new();
    let mut ordered: Vec<(Moment, &OutboxRow)> = rows
        .iter()
        .map(|row| {
            let at = latest.entry(row.person_id).or_insert(row.recorded_at);
            *at = row.recorded_at.max(*at);
            (*at, row)
        })
        .collect();
    // Stable: what came at the same moment stays in the order of changes.
    ordered.sort_by_key(|(at, _)| *at);
    ordered.into_iter().map(|(_, row)| row).collect()
}

fn deliveries(
    shared: &Shared,
    tx: &mut Tx<'_>,
    messages: &[MessageRow],
    now: Moment,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let endpoints = tx.endpoints()?;
    let catalogue = &shared.policies.load().current;
    let mut rows = Vec::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.state != "disabled") {
        let system = endpoint
            .system
            .parse::<SystemId>()
            .ok()
            .and_then(|id| catalogue.systems.get(&id));
        let Some(system) = system else { continue };
        for message in messages {
            let purpose = message.purpose.as_deref();
            if audience::concerns(catalogue, system, &message.organisation, purpose) {
                rows.push(DeliveryRow {
                    endpoint_id: endpoint.id,
                    seq: message.seq,
                    person_id: message.person_id,
                    state: "pending".to_owned(),
                    attempts: 0,
                    since: now,
                    due_at: now,
                    ended_at: None,
                    status: None,
                    why: None,
                });
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::EventId;

    #[test]
    fn clocks_do_not_change_the_order_of_one_person() {
        let row = |person, revision, at| OutboxRow {
            event_id: EventId::from_bytes([revision; 16]),
            kind: "consent.given".to_owned(),
            person_id: PersonId::from_bytes([person; 16]),
            other_id: None,
            revision: revision.into(),
            organisation: "a".to_owned(),
            purpose: None,
            recorded_at: Moment::from_micros(at),
        };
        // Person 1's second change was recorded by a node whose clock runs behind; person 2 came in between.
        let rows = [row(1, 1, 100), row(1, 2, 50), row(1, 3, 300), row(2, 4, 200)];
        let order: Vec<u64> = in_order(&rows).iter().map(|row| row.revision).collect();
        assert_eq!(order, [1, 2, 4, 3]);
    }
}
