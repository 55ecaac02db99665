//! Receivers of webhooks, kept by the systems themselves: each sees and changes its own.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::message::Told;
use super::{Propagation, SendWebhooks, UrlMistake};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::crypto::WebhookSecret;
use crate::domain::hex::hex;
use crate::domain::ids::SystemId;
use crate::domain::moment::Moment;
use crate::domain::purpose::words;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::keys::Keyring;
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::work::{Stop, Subjects, Work};
use crate::store::{DeliveryRow, EndpointRow, StoreError, Tx};
use crate::world::random;

/// Most receivers of one system.
pub const MAX_ENDPOINTS: usize = 10;
/// Longest address, in characters.
const MAX_URL: usize = 1_000;
/// How long the secret before the newest one still signs too, in seconds: a day.
const BOTH_SIGN: i64 = 86_400;
/// Label of sealed secrets.
const LABEL: &str = "webhook-secrets";

/// Whether a receiver gets messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookState {
    /// Yes.
    Active,
    /// They wait, until they are given up.
    Paused,
    /// No: it answered 410. What happens meanwhile is not delivered later.
    Disabled,
}

words!(WebhookState { Active => "active", Paused => "paused", Disabled => "disabled" });

/// A receiver as its system sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// Where messages are sent.
    pub url: String,
    /// Whether it gets any.
    pub state: WebhookState,
    /// Why it does not.
    pub why: Option<String>,
    /// How often it failed since it last worked.
    pub failures: u64,
    /// Until when it is left alone.
    pub rests_until: Option<Moment>,
    /// When it was added.
    pub created_at: Moment,
    /// When it was last changed.
    pub changed_at: Moment,
}

/// A receiver that was added, or got a new secret.
#[derive(Debug)]
pub struct WebhookAdded {
    /// The receiver.
    pub webhook: Webhook,
    /// The secret, to be shown once.
    pub secret: WebhookSecret,
}

/// Add a receiver.
#[derive(Debug, Clone)]
pub struct AddWebhook {
    /// Where messages are sent.
    pub url: String,
}

/// Change a receiver; what is absent stays.
#[derive(Debug, Clone)]
pub struct ChangeWebhook {
    /// Its id.
    pub id: String,
    /// Where messages are sent.
    pub url: Option<String>,
    /// Whether it gets any; `disabled` cannot be asked for.
    pub state: Option<WebhookState>,
}

/// Read what was delivered to a receiver.
#[derive(Debug, Clone)]
pub struct ListDeliveries {
    /// Its id.
    pub id: String,
    /// Only those in a state: `pending`, `delivered` or `dead`.
    pub state: Option<String>,
    /// The id of the last delivery of the page before.
    pub after: Option<String>,
    /// Deliveries on a page.
    pub limit: usize,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub told: Told,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it is tried next, while it is pending.
    pub due_at: Option<Moment>,
    /// When it was delivered or given up.
    pub ended_at: Option<Moment>,
    /// The last HTTP status.
    pub status: Option<i64>,
    /// What went wrong the last time.
    pub why: Option<String>,
}

/// Deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Deliveries.
    pub items: Vec<Delivery>,
    /// Whether there are more.
    pub more: bool,
}

impl Service {
    /// Adds a receiver of the calling system. What happens from now on is delivered to it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn add_webhook(&self, call: &Call, verb: AddWebhook) -> Result<WebhookAdded, Refusal> {
        call.require(Scope::WebhooksManage)?;
        let url = checked(&*self.sender()?, &verb.url).await?;
        let now = self.world().now();
        let id: [u8; 16] = random(self.world());
        let secret = WebhookSecret::new(random(self.world()));
        let secrets = Secrets {
            endpoint: hex(&id),
            secrets: vec![Dated::new(&secret, now)],
        };
        let row = EndpointRow {
            id,
            system: call.principal.system.to_string(),
            url,
            secrets: secrets
                .seal(self.keys(), random(self.world()))
                .ok_or(Refusal::Unavailable)?,
            state: WebhookState::Active.as_str().to_owned(),
            why: None,
            created_at: now,
            changed_at: now,
            failures: 0,
            rests_until: Moment::from_micros(0),
            lease_node: None,
            lease_epoch: 0,
            lease_until: Moment::from_micros(0),
        };
        let row = self
            .write_endpoint(call, "webhook.added", Write::Add(row))
            .await?;
        let webhook = Webhook::of(&row);
        Ok(WebhookAdded { webhook, secret })
    }

    /// The receivers of the calling system, oldest first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn webhooks(&self, call: &Call) -> Result<Vec<Webhook>, Refusal> {
        call.require(Scope::WebhooksManage)?;
        self.read(call, |call, work| {
            let rows = work.tx().endpoints()?;
            let own = rows.iter().filter(|row| is_own(call, row));
            Ok(own.map(Webhook::of).collect())
        })
        .await
    }

    /// One receiver of the calling system.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] also for a receiver of another system.
    pub async fn webhook(&self, call: &Call, id: String) -> Result<Webhook, Refusal> {
        call.require(Scope::WebhooksManage)?;
        self.read(call, move |call, work| {
            Ok(Webhook::of(&own(call, work.tx(), &id)?))
        })
        .await
    }

    /// Changes a receiver of the calling system, and tries it at once.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn change_webhook(&self, call: &Call, verb: ChangeWebhook) -> Result<Webhook, Refusal> {
        call.require(Scope::WebhooksManage)?;
        let id = verb.id.clone();
        self.webhook(call, id).await?;
        let url = match &verb.url {
            Some(url) => Some(checked(&*self.sender()?, url).await?),
            None => None,
        };
        let change = Write::Change {
            id: verb.id,
            url,
            state: verb.state,
        };
        let row = self.write_endpoint(call, "webhook.changed", change).await?;
        Ok(Webhook::of(&row))
    }

    /// Gives a receiver of the calling system a new secret. For a day both sign.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn rotate_webhook(&self, call: &Call, id: String) -> Result<WebhookAdded, Refusal> {
        call.require(Scope::WebhooksManage)?;
        let secret = WebhookSecret::new(random(self.world()));
        let rotate = Write::Rotate {
            id,
            secret: secret.clone(),
            nonce: random(self.world()),
        };
        let row = self
            .write_endpoint(call, "webhook.secret-rotated", rotate)
            .await?;
        let webhook = Webhook::of(&row);
        Ok(WebhookAdded { webhook, secret })
    }

    /// Removes a receiver of the calling system, with all that was to be delivered to it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn remove_webhook(&self, call: &Call, id: String) -> Result<(), Refusal> {
        call.require(Scope::WebhooksManage)?;
        self.write_endpoint(call, "webhook.removed", Write::Remove(id))
            .await
            .map(|_| ())
    }

    /// What was, is and will be delivered to a receiver of the calling system.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn deliveries(&self, call: &Call, verb: ListDeliveries) -> Result<DeliveryPage, Refusal> {
        call.require(Scope::WebhooksManage)?;
        self.read(call, move |call, work| {
            let endpoint = own(call, work.tx(), &verb.id)?;
            let system = &call.principal.system;
            let before = match &verb.after {
                None => u64::MAX >> 1,
                Some(text) => place_of(work, system, text)?.ok_or_else(|| {
                    Refusal::from(Invalid::new(
                        "?cursor",
                        "invalid-cursor",
                        "Give the `nextCursor` of the page before, or nothing to begin with the newest.",
                    ))
                })?,
            };
            let mut rows =
                work.tx()
                    .deliveries_before(&endpoint.id, before, verb.state.as_deref(), verb.limit + 1)?;
            let more = rows.len() > verb.limit;
            rows.truncate(verb.limit);
            let keys = &work.shared.keys;
            let items = rows
                .iter()
                .filter_map(|(row, message)| Some(Delivery::of(row, Told::to(keys, system, message)?)))
                .collect();
            Ok(DeliveryPage { items, more })
        })
        .await
    }

    /// Delivers a message again to a receiver of the calling system, from the beginning.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when it was never to be delivered there, or is no longer kept.
    pub async fn replay_delivery(&self, call: &Call, id: String, delivery: &str) -> Result<(), Refusal> {
        call.require(Scope::WebhooksManage)?;
        let event = self.keys().open_message_id(&call.principal.system, delivery);
        let event = event.ok_or(Refusal::NotFound)?;
        self.write_endpoint(call, "webhook.replayed", Write::Replay { id, event })
            .await?;
        Ok(())
    }

    fn sender(&self) -> Result<Arc<dyn SendWebhooks>, Refusal> {
        let running = self.telling().ok_or(Refusal::Unavailable)?;
        Ok(Arc::clone(&running.sender))
    }

    async fn write_endpoint(
        &self,
        call: &Call,
        kind: &'static str,
        write: Write,
    ) -> Result<EndpointRow, Refusal> {
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        let row = lane.submit(call, WriteEndpoint { kind, write }).await?;
        self.telling().map(Propagation::ring);
        Ok(row)
    }
}

fn is_own(call: &Call, row: &EndpointRow) -> bool {
    row.system == call.principal.system.as_str()
}

fn own(call: &Call, tx: &mut Tx<'_>, id: &str) -> Result<EndpointRow, Stop> {
    let id = parse_id(id).ok_or(Refusal::NotFound)?;
    let row = tx.endpoint(&id)?.filter(|row| is_own(call, row));
    Ok(row.ok_or(Refusal::NotFound)?)
}

fn place_of(work: &mut Work<'_, '_>, system: &SystemId, id: &str) -> Result<Option<u64>, StoreError> {
    match work.shared.keys.open_message_id(system, id) {
        Some(event) => work.tx().place_of_message(event),
        None => Ok(None),
    }
}

/// An address to which webhooks may be sent, as it is written from then on.
async fn checked(sender: &dyn SendWebhooks, text: &str) -> Result<String, Refusal> {
    let wrong = |code, detail: String| Refusal::from(Invalid::new("/url", code, detail));
    let url: Option<Url> = (text.len() <= MAX_URL).then(|| text.parse().ok()).flatten();
    let url = url.ok_or_else(|| {
        let detail = format!(
            "Give a whole address, such as https://crm.example/akkoord, of at most {MAX_URL} characters."
        );
        wrong("invalid-url", detail)
    })?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        let mistake = UrlMistake::Credentials;
        return Err(wrong(mistake.code(), mistake.to_string()));
    }
    sender
        .check(&url)
        .await
        .map_err(|mistake| wrong(mistake.code(), mistake.to_string()))?;
    Ok(url.to_string())
}

/// What is done to a receiver.
enum Write {
    Add(EndpointRow),
    Change {
        id: String,
        url: Option<String>,
        state: Option<WebhookState>,
    },
    Rotate {
        id: String,
        secret: WebhookSecret,
        nonce: [u8; 12],
    },
    Remove(String),
    Replay {
        id: String,
        event: crate::domain::ids::EventId,
    },
}

/// Does it, and records that in the admin log.
struct WriteEndpoint {
    kind: &'static str,
    write: Write,
}

impl Verb for WriteEndpoint {
    type Answer = EndpointRow;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<EndpointRow, Stop> {
        let now = work.now;
        let row = match &self.write {
            Write::Add(row) => {
                add(call, work.tx(), row)?;
                row.clone()
            }
            Write::Change { id, url, state } => {
                let mut row = own(call, work.tx(), id)?;
                if let Some(url) = url {
                    refuse_twice(call, work.tx(), url, Some(&row.id))?;
                    row.url.clone_from(url);
                }
                if let Some(state) = state {
                    state.as_str().clone_into(&mut row.state);
                    row.why = None;
                }
                row.changed_at = now;
                work.tx().update_endpoint(&row)?;
                row
            }
            Write::Rotate { id, secret, nonce } => {
                let mut row = own(call, work.tx(), id)?;
                let keys = &work.shared.keys;
                // One that does not open is replaced alone.
                let mut secrets = Secrets::open(keys, &row).unwrap_or_else(|| Secrets {
                    endpoint: hex(&row.id),
                    secrets: Vec::new(),
                });
                secrets.secrets.insert(0, Dated::new(secret, now));
                secrets.secrets.truncate(2);
                row.secrets = secrets.seal(keys, *nonce).ok_or(Refusal::Unavailable)?;
                row.changed_at = now;
                work.tx().update_endpoint(&row)?;
                row
            }
            Write::Remove(id) => {
                let row = own(call, work.tx(), id)?;
                work.tx().delete_endpoint(&row.id)?;
                row
            }
            Write::Replay { id, event } => {
                let row = own(call, work.tx(), id)?;
                let place = work.tx().place_of_message(*event)?.ok_or(Refusal::NotFound)?;
                if !work.tx().replay_delivery(&row.id, place, now)? {
                    return Err(Refusal::NotFound.into());
                }
                row
            }
        };
        self.record(call, work, &row);
        Ok(row)
    }
}

fn add(call: &Call, tx: &mut Tx<'_>, row: &EndpointRow) -> Result<(), Stop> {
    refuse_twice(call, tx, &row.url, None)?;
    let own = tx.endpoints()?.iter().filter(|row| is_own(call, row)).count();
    if own >= MAX_ENDPOINTS {
        let detail = format!("A system has at most {MAX_ENDPOINTS} receivers; remove one first.");
        return Err(Refusal::from(Invalid::new("/url", "too-many", detail)).into());
    }
    tx.insert_endpoint(row)?;
    Ok(())
}

/// The same address twice would get everything twice.
fn refuse_twice(call: &Call, tx: &mut Tx<'_>, url: &str, but: Option<&[u8; 16]>) -> Result<(), Stop> {
    let there = tx
        .endpoints()?
        .iter()
        .any(|row| is_own(call, row) && row.url == url && Some(&row.id) != but);
    if there {
        let detail = "There is a receiver at this address already; change or remove that one.";
        return Err(Refusal::from(Invalid::new("/url", "already-there", detail)).into());
    }
    Ok(())
}

impl WriteEndpoint {
    fn record(&self, call: &Call, work: &mut Work<'_, '_>, row: &EndpointRow) {
        let policies = Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let node = work.shared.node.as_str();
        let version = policies.current.version.as_str();
        let system = &call.principal.system;
        let mut leaf = Leaf::new(self.kind, id, work.now.millis(), system, node, version);
        leaf.outcome = Some("ok".into());
        // The host alone: a path may hold a secret of the receiver.
        let host = row
            .url
            .parse::<Url>()
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default();
        let facts = [
            ("webhook", hex(&row.id)),
            ("host", host),
            ("state", row.state.clone()),
        ];
        leaf.extra = facts
            .iter()
            .map(|(name, fact)| (Word::from(*name), fact.as_str().into()))
            .collect();
        work.stage_admin_leaf(&leaf);
    }
}

impl Webhook {
    fn of(row: &EndpointRow) -> Self {
        Self {
            id: hex(&row.id),
            url: row.url.clone(),
            state: WebhookState::parse(&row.state).unwrap_or(WebhookState::Disabled),
            why: row.why.clone(),
            failures: row.failures,
            rests_until: Some(row.rests_until).filter(|until| until.micros() > 0),
            created_at: row.created_at,
            changed_at: row.changed_at,
        }
    }
}

impl Delivery {
    fn of(row: &DeliveryRow, told: Told) -> Self {
        Self {
            told,
            state: row.state.clone(),
            attempts: row.attempts,
            due_at: (row.state == "pending").then_some(row.due_at),
            ended_at: row.ended_at,
            status: row.status,
            why: row.why.clone(),
        }
    }
}

/// The secrets of a receiver, newest first, as they are sealed. They carry the receiver's id, so that one receiver's
/// secrets are never taken for another's.
#[derive(Serialize, Deserialize)]
pub(super) struct Secrets {
    endpoint: String,
    secrets: Vec<Dated>,
}

#[derive(Serialize, Deserialize)]
struct Dated {
    secret: String,
    since: Moment,
}

impl Dated {
    fn new(secret: &WebhookSecret, since: Moment) -> Self {
        Self {
            secret: secret.reveal().to_string(),
            since,
        }
    }
}

impl Secrets {
    pub(super) fn open(keys: &Keyring, row: &EndpointRow) -> Option<Self> {
        let bytes = keys.open_token(LABEL, &row.secrets)?;
        let secrets: Self = serde_json::from_slice(&bytes).ok()?;
        (secrets.endpoint == hex(&row.id)).then_some(secrets)
    }

    fn seal(&self, keys: &Keyring, nonce: [u8; 12]) -> Option<String> {
        let bytes = zeroize::Zeroizing::new(serde_json::to_vec(self).ok()?);
        keys.seal_token(LABEL, nonce, &bytes)
    }

    /// The header `webhook-signature`: of the newest secret, and for a day also of the one before.
    pub(super) fn sign(&self, id: &str, now: Moment, body: &[u8]) -> String {
        let newest = self.secrets.first().map(|secret| secret.since);
        let both = newest.is_some_and(|since| now < since.plus_seconds(BOTH_SIGN));
        let signatures: Vec<String> = self
            .secrets
            .iter()
            .take(if both { 2 } else { 1 })
            .filter_map(|secret| WebhookSecret::parse(&secret.secret))
            .map(|secret| secret.sign(id, now.seconds(), body))
            .collect();
        signatures.join(" ")
    }
}

impl Drop for Dated {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

fn parse_id(text: &str) -> Option<[u8; 16]> {
    EntryId::parse(text).map(|id| *id.as_bytes())
}
