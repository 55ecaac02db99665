//! Search the audit logs: who asked what, and why it was answered as it was.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::reading::{Reading, optional};
use super::wire::hex;
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::decision::{Effect, ReasonCode};
use crate::domain::ids::SystemId;
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::search::{FoundEntries, FoundEntry, SearchEntries, SearchPerson};
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::query::{self, Query};

/// What to search for; what is absent is not looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// `decision` (when absent), `consent` or `admin`.
    log: Option<String>,
    /// Not before this instant.
    from: Option<String>,
    /// Not after this instant.
    to: Option<String>,
    /// The calling system.
    system: Option<String>,
    /// The library.
    organisation: Option<String>,
    /// The purpose.
    purpose: Option<String>,
    /// `permit` or `deny`.
    outcome: Option<String>,
    /// A reason code, decisive or not.
    reason_code: Option<String>,
    /// One decision, or one receipt: the id that was answered.
    entry_id: Option<String>,
    /// One person, by the calling system's own id. Needs `reason`; looks through all logs.
    person_id: Option<String>,
    /// Why you look up a person. It is recorded, encrypted, where the person can ask for it.
    reason: Option<String>,
    /// `true` to open the private parts of a person's entries; needs `personId` and `reason`.
    open: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Entries on a page, 1 to 100; 50 when absent.
    limit: Option<String>,
}

/// A page of entries, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntryPage {
    /// Entries.
    pub items: Vec<AuditEntry>,
    /// Where the next page begins; null at the end. A page can be empty and still have a next one.
    pub next_cursor: Option<String>,
}

/// One entry of a log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// `decision`, `consent` or `admin`.
    #[schema(example = "decision")]
    pub log: String,
    /// Its place in the log, from 0; null until it is in the tree, a second after it was written at the latest.
    pub index: Option<u64>,
    /// SHA-256 of the leaf as RFC 6962 hashes it, in hexadecimal.
    pub leaf_hash: String,
    /// The id of the decision or receipt.
    pub entry_id: String,
    /// What happened.
    #[schema(example = "decision")]
    pub kind: String,
    /// When.
    #[schema(format = "date-time")]
    pub recorded_at: String,
    /// The calling system.
    pub system: String,
    /// The library.
    pub organisation: Option<String>,
    /// The purpose.
    pub purpose: Option<String>,
    /// What the system wanted to do.
    pub action: Option<String>,
    /// By which channel.
    pub channel: Option<String>,
    /// `permit`, `deny` or `ok`.
    pub outcome: Option<String>,
    /// Reason codes; the first was decisive.
    pub reason_codes: Vec<String>,
    /// The data that were permitted.
    pub data_scopes: Vec<String>,
    /// The policies that were applied.
    pub policy_version: String,
    /// Of the line of a bulk check: how many people it is about. Where a person was looked up, `outcome`, `reasonCodes`
    /// and `dataScopes` are what was answered about this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk: Option<BulkCounts>,
    /// The private part as JSON text, where it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
}

/// What a bulk check answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkCounts {
    /// The `decisionBatchId` of the whole check, to which this line belongs.
    pub decision_batch_id: Option<String>,
    /// People asked about.
    pub checked: u64,
    /// People permitted.
    pub permitted: u64,
    /// People denied, by decisive reason.
    #[schema(example = json!({"deny-withdrawn": 12}))]
    pub denied: BTreeMap<String, u64>,
}

/// Search the audit logs
///
/// Entries of the libraries the calling system works for, newest first. Looking up a person needs a reason; that it was
/// looked up is recorded before the answer is given.
#[utoipa::path(
    tag = "Audit", operation_id = "searchAuditEntries", params(AuditQuery),
    responses((status = 200, description = "A page of entries", body = AuditEntryPage)),
    security(("clientCredentials" = ["audit:read"]))
)]
#[get("/audit-entries")]
pub async fn search(
    caller: Caller,
    Query(asked): Query<AuditQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::AuditRead)?;
    let limit = query::limit(asked.limit.as_deref())?;
    let page = match asked.person(Reading::new(&service), limit)? {
        Some(verb) => FoundEntries {
            items: service.search_person(call, verb).await?,
            next_cursor: None,
        },
        None => {
            service
                .search_entries(call, asked.entries(Reading::new(&service), limit)?)
                .await?
        }
    };
    Ok(HttpResponse::Ok().json(AuditEntryPage {
        items: page.items.iter().map(AuditEntry::of).collect(),
        next_cursor: page.next_cursor,
    }))
}

impl AuditQuery {
    fn person(&self, mut reading: Reading, limit: usize) -> Result<Option<SearchPerson>, Problem> {
        let Some(person_id) = &self.person_id else {
            return Ok(None);
        };
        let person_id = reading.person_id("?personId", person_id);
        let reason = match &self.reason {
            Some(reason) => reading.text("?reason", reason, 200),
            None => reading.required("?reason"),
        };
        let open = match self.open.as_deref() {
            None | Some("false") => Some(false),
            Some("true") => Some(true),
            Some(_) => reading.mistake("?open", "invalid-value", "Give true or false."),
        };
        let verb = (|| {
            Some(SearchPerson {
                person_id: person_id?,
                reason: reason?,
                open: open?,
                limit,
            })
        })();
        reading.finish(verb).map(Some)
    }

    fn entries(&self, mut reading: Reading, limit: usize) -> Result<SearchEntries, Problem> {
        let from = optional(self.from.as_deref(), |text| reading.moment("?from", text));
        let to = optional(self.to.as_deref(), |text| reading.moment("?to", text));
        let system = optional(self.system.as_deref(), |text| match text.parse::<SystemId>() {
            Ok(system) => Some(system),
            Err(_) => reading.mistake(
                "?system",
                "invalid-value",
                "A system id is lower-case words joined by hyphens.",
            ),
        });
        let organisation = optional(self.organisation.as_deref(), |text| {
            reading.organisation("?organisation", text)
        });
        let purpose = optional(self.purpose.as_deref(), |text| reading.purpose("?purpose", text));
        let outcome = optional(self.outcome.as_deref(), |text| {
            reading.word("?outcome", text, Effect::parse, Effect::ALL)
        });
        let reason = optional(self.reason_code.as_deref(), |text| {
            reading.word("?reasonCode", text, ReasonCode::parse, ReasonCode::ALL)
        });
        let id = optional(self.entry_id.as_deref(), |text| match EntryId::parse(text) {
            Some(id) => Some(id),
            None => reading.mistake(
                "?entryId",
                "invalid-value",
                "An id is 32 lower-case hexadecimal digits.",
            ),
        });
        let verb = (|| {
            Some(SearchEntries {
                log: self.log.clone().unwrap_or_else(|| "decision".to_owned()),
                from: from?.unwrap_or(Moment::from_micros(0)),
                to: to?.unwrap_or(Moment::from_micros(i64::MAX)),
                system: system?,
                organisation: organisation?,
                purpose: purpose?,
                outcome: outcome?,
                reason: reason?,
                id: id?,
                cursor: self.cursor.clone(),
                limit,
            })
        })();
        reading.finish(verb)
    }
}

impl AuditEntry {
    fn of(found: &FoundEntry) -> Self {
        let leaf: &Leaf<'_> = &found.leaf;
        Self {
            log: found.log.clone(),
            index: found.index,
            leaf_hash: hex(&found.leaf_hash),
            entry_id: leaf.id.to_string(),
            kind: leaf.kind.to_string(),
            recorded_at: Moment::from_micros(leaf.millis.saturating_mul(1_000)).rfc3339(),
            system: leaf.system.to_string(),
            organisation: leaf.organisation.as_ref().map(ToString::to_string),
            purpose: leaf.purpose.as_ref().map(ToString::to_string),
            action: leaf.action.as_ref().map(ToString::to_string),
            channel: leaf.channel.as_ref().map(ToString::to_string),
            outcome: match found.about {
                Some(about) => Some(about.reason.effect().to_string()),
                None => leaf.outcome.as_ref().map(ToString::to_string),
            },
            reason_codes: match found.about {
                Some(about) => vec![about.reason.to_string()],
                None => leaf.reasons.iter().map(ToString::to_string).collect(),
            },
            data_scopes: leaf
                .scopes
                .iter()
                .enumerate()
                .filter(|(at, _)| {
                    found.about.is_none_or(|about| {
                        about
                            .scopes
                            .checked_shr(u32::try_from(*at).unwrap_or(64))
                            .unwrap_or(0)
                            & 1
                            == 1
                    })
                })
                .map(|(_, scope)| scope.to_string())
                .collect(),
            policy_version: leaf.policy.to_string(),
            bulk: leaf.bulk.as_ref().map(|bulk| BulkCounts {
                decision_batch_id: leaf
                    .extra
                    .iter()
                    .find(|(key, _)| key.as_str() == "batch")
                    .map(|(_, id)| id.to_string()),
                checked: bulk.checked,
                permitted: bulk.permitted,
                denied: bulk
                    .denied
                    .iter()
                    .map(|(reason, count)| (reason.to_string(), *count))
                    .collect(),
            }),
            private: found.private.as_ref().map(|text| text.reveal().clone()),
        }
    }
}
