//! The calling systems as they behave: when they last asked, how much, what they heard, whether they hear us, and how old
//! their keys are.

use std::collections::BTreeMap;

use super::scan::scan;
use crate::domain::ids::{OrganisationId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::access::client::ClientState;
use crate::service::call::{Call, Scope};
use crate::service::contacts::CONTACT_REPORTED;
use crate::service::refusal::Refusal;
use crate::store::StoreError;

/// Days that are counted.
const DAYS: i64 = 7;
/// Days after which a secret is old.
const OLD_SECRET: i64 = 365;

/// One day of one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SystemDay {
    /// Answers that permit.
    pub permits: u64,
    /// Answers that deny.
    pub denials: u64,
}

/// A receiver of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookLine {
    /// Host of the address.
    pub host: String,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    /// Failures since it last worked.
    pub failures: u64,
}

/// A key or secret of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAge {
    /// The client.
    pub client: String,
    /// `secret`, `keys` or `issuer`.
    pub sort: &'static str,
    /// Its age in days; of keys, since they were registered or changed.
    pub days: i64,
    /// Whether it is time for another.
    pub old: bool,
}

/// One system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemLine {
    /// Its id.
    pub id: SystemId,
    /// Its title in Dutch and English.
    pub title: (String, String),
    /// Who gets the data.
    pub recipient: String,
    /// The libraries it works for; none for all.
    pub organisations: Option<Vec<OrganisationId>>,
    /// When it last asked anything, within the days that were counted.
    pub last_seen: Option<Moment>,
    /// The last days, oldest first.
    pub days: Vec<SystemDay>,
    /// Purposes it asked about in those days.
    pub purposes: Vec<String>,
    /// Its receivers.
    pub webhooks: Vec<WebhookLine>,
    /// Its keys and secrets.
    pub keys: Vec<KeyAge>,
}

/// All systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Systems {
    /// The first of the days that were counted, in UTC.
    pub first_day: Moment,
    /// By id.
    pub lines: Vec<SystemLine>,
    /// Whether there were more entries than were counted.
    pub more: bool,
}

#[derive(Default)]
struct Tally {
    last: Option<i64>,
    days: Vec<SystemDay>,
    purposes: std::collections::BTreeSet<String>,
}

impl Service {
    /// The systems, with what the libraries of the caller saw of them in the last seven days.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope.
    pub async fn systems(&self, call: &Call) -> Result<Systems, Refusal> {
        call.require(Scope::AuditRead)
            .or_else(|_| call.require(Scope::PoliciesRead))?;
        let clients = self.clients().await.map_err(|_| Refusal::Unavailable)?;
        let (service, call) = (self.clone(), call.clone());
        let counted = tokio::task::spawn_blocking(move || count(&service, &call)).await;
        let Ok(Ok((first_day, mut tallies, hooks, more))) = counted else {
            return Err(Refusal::Unavailable);
        };
        let now = self.world().now();
        let catalogue = self.catalogue();
        let lines = catalogue.systems.iter().map(|(id, system)| {
            let tally = tallies.remove(id.as_str()).unwrap_or_default();
            let keys = clients
                .iter()
                .filter(|client| client.system == *id && client.state == ClientState::Active);
            SystemLine {
                id: id.clone(),
                title: (title(system, Language::Nl), title(system, Language::En)),
                recipient: system.recipient.clone(),
                organisations: system
                    .organisations
                    .as_ref()
                    .map(|set| set.iter().cloned().collect()),
                last_seen: tally.last.map(|millis| Moment::from_micros(millis * 1_000)),
                days: if tally.days.is_empty() {
                    vec![SystemDay::default(); usize::try_from(DAYS).unwrap_or(0)]
                } else {
                    tally.days
                },
                purposes: tally.purposes.into_iter().collect(),
                webhooks: hooks
                    .iter()
                    .filter(|(of, _)| of == id.as_str())
                    .map(|(_, line)| line.clone())
                    .collect(),
                keys: keys.flat_map(|client| ages(client, now)).collect(),
            }
        });
        Ok(Systems {
            first_day,
            lines: lines.collect(),
            more,
        })
    }
}

fn title(system: &crate::policy::catalogue::System, language: Language) -> String {
    system.title.get(&language).cloned().unwrap_or_default()
}

fn ages(client: &crate::service::access::client::Client, now: Moment) -> Vec<KeyAge> {
    let days = |at: Moment| now.seconds().saturating_sub(at.seconds()).div_euclid(86_400);
    let age = |sort, at| KeyAge {
        client: client.id.to_string(),
        sort,
        days: days(at),
        old: days(at) > OLD_SECRET,
    };
    if client.id.is_foreign() {
        return vec![KeyAge {
            old: false,
            ..age("issuer", client.created_at)
        }];
    }
    let secrets = client
        .secrets
        .iter()
        .map(|secret| age("secret", secret.created_at));
    let keys = client.jwks.iter().map(|_| age("keys", client.changed_at));
    secrets.chain(keys).collect()
}

type Counted = (Moment, BTreeMap<String, Tally>, Vec<(String, WebhookLine)>, bool);

fn count(service: &Service, call: &Call) -> Result<Counted, StoreError> {
    let now = service.world().now();
    let today = now.seconds().div_euclid(86_400);
    let first = today - DAYS + 1;
    let from = Moment::from_micros(0).plus_seconds(first * 86_400);
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let more = scan(service, call, "decision", (from, now), |_, _, _, leaf| {
        let tally = tallies.entry(leaf.system.to_string()).or_default();
        if tally.days.is_empty() {
            tally.days = vec![SystemDay::default(); usize::try_from(DAYS).unwrap_or(0)];
        }
        tally.last = tally.last.max(Some(leaf.millis));
        tally
            .purposes
            .extend(leaf.purpose.as_ref().map(ToString::to_string));
        let at = usize::try_from(leaf.millis.div_euclid(86_400_000) - first).unwrap_or(usize::MAX);
        let answered = leaf.kind.as_str() != CONTACT_REPORTED;
        if let Some(day) = tally.days.get_mut(at).filter(|_| answered) {
            let permitted = leaf
                .outcome
                .as_ref()
                .is_some_and(|word| word.as_str() == "permit");
            let (permits, denials) = match &leaf.bulk {
                Some(bulk) => (bulk.permitted, bulk.denied.values().sum()),
                None => (u64::from(permitted), u64::from(!permitted)),
            };
            day.permits += permits;
            day.denials += denials;
        }
        Ok(())
    })?;
    let endpoints = service.store().read("console_webhooks", |tx| tx.endpoints())?;
    let hooks = endpoints.into_iter().map(|row| {
        let host = url::Url::parse(&row.url).ok();
        let line = WebhookLine {
            host: host
                .and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default(),
            state: row.state,
            failures: row.failures,
        };
        (row.system, line)
    });
    Ok((from, tallies, hooks.collect(), more))
}
