//! Consents: record a word, read the current ones, read the history.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::reading::{Reading, optional};
use super::receipts::document::{ReceiptDocument, signed};
use super::schema;
use super::wire::{ActorBody, PersonReference, done, names};
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::event::Change;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::refusal::Invalid;
use crate::service::verbs::{
    ConsentHistory, CurrentConsent, CurrentConsents, CurrentState, HistoryItem, RecordConsent,
};
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::query::{Query, limit};

/// A word on consent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "purpose": "newsletter", "status": "given", "dataScopes": ["email", "identity"], "channels": ["email"],
    "noticeVersion": 3, "language": "nl", "indicationMethod": "web-form", "actor": {"type": "self"},
    "evidence": {"form": "A-17"}
}))]
pub struct ConsentRequest {
    /// Whose data.
    pub person: PersonReference,
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// The purpose.
    #[schema(example = "newsletter", max_length = 64)]
    pub purpose: String,
    /// What was said.
    #[schema(schema_with = schema::consent_status)]
    pub status: String,
    /// The data it covers; absent means all of the purpose.
    #[schema(max_items = 50)]
    pub data_scopes: Option<Vec<String>>,
    /// The channels it covers; absent means all of the purpose.
    #[schema(schema_with = schema::channels)]
    pub channels: Option<Vec<String>>,
    /// The version of the notice that was shown; required for a yes.
    #[schema(minimum = 1)]
    pub notice_version: Option<u32>,
    /// The language it was shown in; required for a yes.
    #[schema(schema_with = schema::language)]
    pub language: Option<String>,
    /// How it was said.
    #[schema(schema_with = schema::indication_method)]
    pub indication_method: String,
    /// Who said it.
    pub actor: ActorBody,
    /// Proof.
    #[schema(schema_with = schema::evidence)]
    pub evidence: Option<serde_json::Map<String, serde_json::Value>>,
    /// When it was said, for paper and imports; absent means now. Never in the future.
    #[schema(schema_with = schema::moment)]
    pub occurred_at: Option<String>,
}

/// Record what somebody said about a consent
///
/// Once this is answered, every later decision takes it into account. The answer is the receipt, signed.
#[utoipa::path(
    tag = "Consents", operation_id = "recordConsent", request_body = ConsentRequest,
    responses(
        (status = 201, description = "Recorded; the signed receipt", body = ReceiptDocument),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "It contradicts the current state"),
    ),
    security(("clientCredentials" = ["consents:write"]))
)]
#[post("/consents")]
pub async fn record(asked: Asked<ConsentRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::ConsentsWrite)?;
    let verb = body.verb(Reading::new(&service))?;
    let outcome = service.record_consent(&call, verb).await?;
    Ok(done(StatusCode::CREATED, &outcome, |receipt| {
        signed(&ReceiptDocument::of(receipt), &service)
    }))
}

impl ConsentRequest {
    fn verb(&self, mut reading: Reading) -> Result<RecordConsent, Problem> {
        let person = reading.person("/person", &self.person);
        let organisation = reading.organisation("/organisation", &self.organisation);
        let purpose = reading.purpose("/purpose", &self.purpose);
        let status = reading.word("/status", &self.status, ConsentStatus::parse, ConsentStatus::ALL);
        let data_scopes = optional(self.data_scopes.as_deref(), |texts| {
            reading.data_scopes("/dataScopes", texts)
        });
        let channels = optional(self.channels.as_deref(), |texts| {
            reading.channels("/channels", texts)
        });
        let language = optional(self.language.as_deref(), |text| {
            reading.language("/language", text)
        });
        let method = reading.word(
            "/indicationMethod",
            &self.indication_method,
            IndicationMethod::parse,
            IndicationMethod::ALL,
        );
        let actor = reading.actor("/actor", &self.actor);
        let evidence = optional(self.evidence.as_ref(), |facts| {
            reading.evidence("/evidence", facts)
        });
        let occurred_at = optional(self.occurred_at.as_deref(), |text| {
            reading.past("/occurredAt", text)
        });
        for (pointer, list) in [("/dataScopes", &self.data_scopes), ("/channels", &self.channels)] {
            if list
                .as_ref()
                .is_some_and(|list| list.is_empty() || list.len() > 50)
            {
                reading.mistake::<()>(
                    pointer,
                    "invalid-length",
                    "Give 1 to 50, or leave it out for all of the purpose.",
                );
            }
        }
        let verb = (|| {
            Some(RecordConsent {
                person: person?,
                organisation: organisation?,
                purpose: purpose?,
                status: status?,
                data_scopes: data_scopes?,
                channels: channels?,
                notice_version: self.notice_version,
                language: language?,
                method: method?,
                actor: actor?,
                evidence: evidence?,
                occurred_at: occurred_at?,
            })
        })();
        reading.finish(verb)
    }
}

/// What is current about a person at a library.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentOverview {
    /// The library.
    pub organisation: String,
    /// Grows with every change; send it with a change of preferences to be told when somebody else was first.
    pub revision: u64,
    /// One for each purpose that was ever asked.
    pub consents: Vec<ConsentState>,
    /// Since when the person objects to all direct marketing; null when not.
    #[schema(schema_with = schema::optional_moment)]
    pub marketing_objected_at: Option<String>,
    /// Objections to single purposes.
    pub objections: Vec<ObjectionState>,
    /// Since when processing is restricted; null when not.
    #[schema(schema_with = schema::optional_moment)]
    pub restricted_at: Option<String>,
}

/// The current word on one purpose.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentState {
    /// The purpose.
    pub purpose: String,
    /// The last word.
    #[schema(schema_with = schema::consent_status)]
    pub status: &'static str,
    /// Whether it permits now, and if not why.
    #[schema(schema_with = schema::reason_code)]
    pub effective: &'static str,
    /// When it was said.
    #[schema(schema_with = schema::moment)]
    pub occurred_at: String,
    /// Until when it permits; null when it does not.
    #[schema(schema_with = schema::optional_moment)]
    pub valid_until: Option<String>,
    /// The data it covers.
    pub data_scopes: Vec<String>,
    /// The channels it covers.
    pub channels: Vec<String>,
    /// The notice that was shown; 0 when none was.
    pub notice_version: u32,
    /// The receipt.
    pub receipt_id: String,
}

/// An objection to one purpose.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectionState {
    /// The purpose.
    pub purpose: String,
    /// Since when.
    #[schema(schema_with = schema::moment)]
    pub objected_at: String,
}

/// Read the current consents, objections and restriction of a person
#[utoipa::path(
    tag = "Consents", operation_id = "currentConsents",
    params(("personId" = String, Path, description = "The calling system's own id of the person")),
    responses(
        (status = 200, description = "The current state", body = ConsentOverview),
        (status = 404, description = "No such person for this caller"),
    ),
    security(("clientCredentials" = ["consents:read"]))
)]
#[get("/people/{personId}/consents")]
pub async fn current(
    caller: Caller,
    person: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::ConsentsRead)?;
    let verb = CurrentConsents {
        person_id: person.into_inner(),
    };
    let state = service.current_consents(call, verb).await?;
    Ok(HttpResponse::Ok().json(ConsentOverview::from(&state)))
}

impl From<&CurrentState> for ConsentOverview {
    fn from(state: &CurrentState) -> Self {
        Self {
            organisation: state.organisation.to_string(),
            revision: state.revision,
            consents: state.consents.iter().map(ConsentState::from).collect(),
            marketing_objected_at: state.marketing_objection.map(|at| at.rfc3339()),
            objections: state
                .objections
                .iter()
                .map(|(purpose, at)| ObjectionState {
                    purpose: purpose.to_string(),
                    objected_at: at.rfc3339(),
                })
                .collect(),
            restricted_at: state.restricted.map(|at| at.rfc3339()),
        }
    }
}

impl From<&CurrentConsent> for ConsentState {
    fn from(consent: &CurrentConsent) -> Self {
        Self {
            purpose: consent.purpose.to_string(),
            status: consent.status.as_str(),
            effective: consent.effective.as_str(),
            occurred_at: consent.occurred_at.rfc3339(),
            valid_until: consent.valid_until.map(|at| at.rfc3339()),
            data_scopes: names(&consent.data_scopes),
            channels: names(&consent.channels),
            notice_version: consent.notice_version,
            receipt_id: consent.receipt.to_string(),
        }
    }
}

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only what was recorded up to this instant (RFC 3339).
    #[param(format = "date-time")]
    until: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Events a page, 1 to 100; 50 when absent.
    limit: Option<String>,
}

/// A page of a history, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentEventPage {
    /// Events.
    pub items: Vec<ConsentEvent>,
    /// Send it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Something that happened to a person at a library.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentEvent {
    /// Its place in the history.
    pub sequence: u64,
    /// Id; of a word on consent also the receipt's.
    pub event_id: String,
    /// What happened.
    #[schema(example = "consent.given")]
    pub kind: &'static str,
    /// When it happened.
    #[schema(schema_with = schema::moment)]
    pub occurred_at: String,
    /// When it was recorded.
    #[schema(schema_with = schema::moment)]
    pub recorded_at: String,
    /// Through which system.
    pub system: String,
    /// Who spoke.
    #[schema(schema_with = schema::actor_kind)]
    pub actor: &'static str,
    /// The version of the catalogue in force.
    pub policy_version: String,
    /// The purpose, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What was said about a consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentEventDetail>,
}

/// What was said about a consent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentEventDetail {
    /// Status.
    #[schema(schema_with = schema::consent_status)]
    pub status: &'static str,
    /// The notice that was shown; 0 when none was.
    pub notice_version: u32,
    /// SHA-256 of the notice, in hexadecimal; empty when none was shown.
    pub notice_hash: String,
    /// The language it was shown in.
    #[schema(schema_with = schema::language)]
    pub language: &'static str,
    /// The data it covers.
    pub data_scopes: Vec<String>,
    /// The channels it covers.
    pub channels: Vec<String>,
    /// How it was said.
    #[schema(schema_with = schema::indication_method)]
    pub indication_method: &'static str,
    /// Whether a child said yes and a guardian has not.
    pub awaits_guardian: bool,
}

/// Read the history of a person, oldest first
#[utoipa::path(
    tag = "Consents", operation_id = "consentEvents",
    params(("personId" = String, Path, description = "The calling system's own id of the person"), HistoryQuery),
    responses(
        (status = 200, description = "A page of events", body = ConsentEventPage),
        (status = 404, description = "No such person for this caller"),
    ),
    security(("clientCredentials" = ["consents:read"]))
)]
#[get("/people/{personId}/consent-events")]
pub async fn history(
    caller: Caller,
    person: Path<String>,
    query: Query<HistoryQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::ConsentsRead)?;
    let mut reading = Reading::new(&service);
    let until = optional(query.0.until.as_deref(), |text| reading.past("?until", text));
    let until = reading.finish(until)?;
    let size = limit(query.0.limit.as_deref())?;
    let after = match query.0.cursor.as_deref() {
        None => 0,
        Some(text) => text.parse::<u64>().map_err(|_| {
            Invalid::new(
                "?cursor",
                "invalid-value",
                "Send the `nextCursor` of the page before.",
            )
        })?,
    };
    let verb = ConsentHistory {
        person_id: person.into_inner(),
        until,
    };
    let items = service.consent_history(call, verb).await?;
    let mut rest = items.iter().filter(|item| item.sequence > after);
    let page: Vec<ConsentEvent> = rest.by_ref().take(size).map(ConsentEvent::from).collect();
    let next_cursor = rest.next().and(page.last()).map(|last| last.sequence.to_string());
    Ok(HttpResponse::Ok().json(ConsentEventPage {
        items: page,
        next_cursor,
    }))
}

impl From<&HistoryItem> for ConsentEvent {
    /// The event without what is not the caller's to see: staff numbers, other people, identifiers, evidence.
    fn from(item: &HistoryItem) -> Self {
        let event = &item.event;
        let purpose = match &event.change {
            Change::Consent(act) => Some(&act.purpose),
            Change::Objected { purpose, .. } | Change::ObjectionEnded { purpose } => purpose.as_ref(),
            Change::Enriched { purpose, .. }
            | Change::SourceNoticeDelivered { purpose, .. }
            | Change::ExpiryNear { purpose, .. } => Some(purpose),
            Change::Registered { .. }
            | Change::IdentifierAdded { .. }
            | Change::IdentifierRemoved { .. }
            | Change::Restricted { .. }
            | Change::RestrictionEnded
            | Change::PreferencesSet(_)
            | Change::GuardianLinked { .. }
            | Change::GuardianUnlinked { .. }
            | Change::WardLinked { .. }
            | Change::WardUnlinked { .. }
            | Change::Held
            | Change::HoldEnded
            | Change::Condensed { .. }
            | Change::Merged { .. } => None,
        };
        let consent = match &event.change {
            Change::Consent(act) => Some(ConsentEventDetail {
                status: act.status.as_str(),
                notice_version: act.notice_version,
                notice_hash: act.notice_hash.clone(),
                language: act.language.as_str(),
                data_scopes: names(&act.data_scopes),
                channels: names(&act.channels),
                indication_method: act.method.as_str(),
                awaits_guardian: act.awaits_guardian,
            }),
            _ => None,
        };
        Self {
            sequence: item.sequence,
            event_id: event.id.to_string(),
            kind: event.change.leaf_kind(),
            occurred_at: event.occurred_at.rfc3339(),
            recorded_at: event.recorded_at.rfc3339(),
            system: event.system.to_string(),
            actor: event.actor.kind.as_str(),
            policy_version: event.policy.clone(),
            purpose: purpose.map(ToString::to_string),
            consent,
        }
    }
}
