//! `POST /v1/contact-reports`: contacts that a system made, told afterwards, so that one without a check is seen.

use std::collections::BTreeSet;

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::PersonReference;
use crate::domain::contact::ContactMatch;
use crate::domain::purpose::Channel;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::contacts::{
    ContactMade, ContactReported, MOST_REPORTED, REPORTED_WITHIN, ReportContacts,
};
use crate::web::asked::Asked;
use crate::web::problem::Problem;

/// Longest id of a contact, in characters.
const ID: usize = 200;

/// Contacts of one library for one purpose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "organisation": "bibliotheek-de-linde", "purpose": "newsletter", "reference": "campaign-2027-03",
    "contacts": [{
        "contactId": "msg-81723", "person": {"scheme": "member-number", "value": "2000123456"}, "channel": "email",
        "occurredAt": "2026-11-22T12:00:05.000Z", "decisionId": "8f14e45fceea167a5a36dedd4bea2543"
    }]
}))]
pub struct ContactReportRequest {
    /// For which library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// For which purpose of the catalogue.
    #[schema(example = "newsletter", max_length = 64)]
    pub purpose: String,
    /// Your campaign or case; kept encrypted.
    #[schema(max_length = 200)]
    pub reference: Option<String>,
    /// The contacts, 1 to 1,000. Send more in further requests.
    #[schema(min_items = 1, max_items = 1000)]
    pub contacts: Vec<ContactBody>,
}

/// One contact that was made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Contact)]
pub struct ContactBody {
    /// Your own id of the message or call. A contact is written down once under it, however often it is sent; let it tell
    /// nothing of the person.
    #[schema(example = "msg-81723", min_length = 1, max_length = 200)]
    pub contact_id: String,
    /// With whom.
    pub person: PersonReference,
    /// By which channel.
    #[schema(schema_with = schema::channel)]
    pub channel: String,
    /// When: at most 31 days ago, and not in the future.
    #[schema(schema_with = schema::moment)]
    pub occurred_at: String,
    /// The check that it rests on: a `decisionId` or a `decisionBatchId`. When absent, your last check about this person,
    /// purpose and channel in the 24 hours before the contact counts.
    #[schema(example = "8f14e45fceea167a5a36dedd4bea2543", max_length = 32)]
    pub decision_id: Option<String>,
}

/// What was found about the contacts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactReport {
    /// Contacts that were written down now.
    pub reported: usize,
    /// Contacts that were written down before.
    pub repeated: usize,
    /// Of all of them, those after a check that permitted.
    pub permitted: usize,
    /// Those after a check that denied: nobody should have been contacted.
    pub denied: usize,
    /// Those without any check.
    pub unchecked: usize,
    /// Each contact, in the order of the request.
    pub contacts: Vec<ContactAnswer>,
}

/// What was found about one contact.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactAnswer {
    /// Your own id of it.
    #[schema(example = "msg-81723")]
    pub contact_id: String,
    /// The check it was matched with.
    #[schema(schema_with = schema::contact_match)]
    pub check: &'static str,
    /// Whether it was written down before; what was found then stays.
    pub repeated: bool,
}

/// Report contacts that were made
///
/// Each stands in the audit log with the check that it was matched with; the privacy officer sees contacts without a check
/// and contacts after a denial. Somebody unknown is reported like anybody else. Send a report again as often as needed.
#[utoipa::path(
    tag = "Decisions", operation_id = "reportContacts", request_body = ContactReportRequest,
    responses((status = 200, description = "Written down, with what each was matched with", body = ContactReport)),
    security(("clientCredentials" = ["decisions:check"]))
)]
#[post("/contact-reports")]
pub async fn report(
    asked: Asked<ContactReportRequest>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::DecisionsCheck)?;
    let now = service.world().now();
    let mut reading = Reading::new(&service);
    let organisation = reading.organisation("/organisation", &body.organisation);
    let purpose = reading.purpose("/purpose", &body.purpose);
    let reference = reading.optional_text("/reference", body.reference.as_deref(), 200);
    if !(1..=MOST_REPORTED).contains(&body.contacts.len()) {
        let detail = format!("Report 1 to {MOST_REPORTED} contacts in one request.");
        reading.mistake::<()>("/contacts", "invalid-length", detail);
    }
    let oldest = now.plus_seconds(-REPORTED_WITHIN);
    let mut seen = BTreeSet::new();
    let mut contacts = Vec::with_capacity(body.contacts.len());
    for (at, contact) in body.contacts.iter().take(MOST_REPORTED).enumerate() {
        let place = |member: &str| format!("/contacts/{at}/{member}");
        let id = reading.text(&place("contactId"), &contact.contact_id, ID);
        if !seen.insert(contact.contact_id.as_str()) {
            let detail = "This id stands in the report already; give each contact its own.";
            reading.mistake::<()>(&place("contactId"), "duplicate", detail);
        }
        let person = reading.person(&place("person"), &contact.person);
        let channel = reading.word(&place("channel"), &contact.channel, Channel::parse, Channel::ALL);
        let occurred_at = reading.past(&place("occurredAt"), &contact.occurred_at);
        if occurred_at.is_some_and(|at| at < oldest) {
            let detail = "A contact is reported within 31 days.";
            reading.mistake::<()>(&place("occurredAt"), "too-old", detail);
        }
        let decision = optional(contact.decision_id.as_deref(), |text| {
            text.parse().ok().or_else(|| {
                let detail = "Expected a `decisionId` or a `decisionBatchId` that we gave.";
                reading.mistake(&place("decisionId"), "invalid-value", detail)
            })
        });
        contacts.extend((|| {
            Some(ContactMade {
                id: id?,
                person: person?,
                channel: channel?,
                occurred_at: occurred_at?,
                decision: decision?,
            })
        })());
    }
    let verb = (|| {
        Some(ReportContacts {
            organisation: organisation?,
            purpose: purpose?,
            reference: reference?,
            contacts,
        })
    })();
    let found = service.report_contacts(&call, reading.finish(verb)?).await?;
    Ok(HttpResponse::Ok().json(ContactReport::of(&found)))
}

impl ContactReport {
    fn of(found: &[ContactReported]) -> Self {
        let matched = |wanted| found.iter().filter(|one| one.matched == wanted).count();
        let repeated = found.iter().filter(|one| one.repeated).count();
        Self {
            reported: found.len() - repeated,
            repeated,
            permitted: matched(ContactMatch::Permit),
            denied: matched(ContactMatch::Deny),
            unchecked: matched(ContactMatch::None),
            contacts: found
                .iter()
                .map(|one| ContactAnswer {
                    contact_id: one.id.reveal().clone(),
                    check: one.matched.as_str(),
                    repeated: one.repeated,
                })
                .collect(),
        }
    }
}
