//! Legal holds: what is in dispute is not removed at the end of its term.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::reading::Reading;
use super::wire::{PersonReference, RecordedAnswer, recorded};
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::retention::RecordHold;
use crate::web::asked::Asked;
use crate::web::problem::Problem;

/// Longest reason, in characters.
const REASON: usize = 200;

/// A legal hold, or its end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "reason": "Complaint 2026-31 at the Autoriteit Persoonsgegevens"
}))]
pub struct RetentionHoldRequest {
    /// Who.
    pub person: PersonReference,
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// Why. It is kept with the person, sealed.
    #[schema(example = "Complaint 2026-31", min_length = 1, max_length = 200)]
    pub reason: String,
}

/// Place a legal hold
///
/// While it lasts, nothing that this library knows of the person is removed at the end of its term (GDPR art. 17(3)(e)).
/// Decisions are not touched: to stop processing, restrict it.
#[utoipa::path(
    tag = "Retention", operation_id = "placeRetentionHold", request_body = RetentionHoldRequest,
    responses(
        (status = 201, description = "Recorded", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "It contradicts the current state"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[post("/retention-holds")]
pub async fn place(
    asked: Asked<RetentionHoldRequest>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsManage)?;
    record(&call, body, true, &service).await
}

/// End a legal hold
///
/// What is past its term by then is removed at the next daily run.
#[utoipa::path(
    tag = "Retention", operation_id = "endRetentionHold", request_body = RetentionHoldRequest,
    responses(
        (status = 201, description = "Recorded", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "It contradicts the current state"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[post("/retention-hold-endings")]
pub async fn end(
    asked: Asked<RetentionHoldRequest>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsManage)?;
    record(&call, body, false, &service).await
}

async fn record(
    call: &Call,
    body: RetentionHoldRequest,
    placed: bool,
    service: &Data<Service>,
) -> Result<HttpResponse, Problem> {
    let mut reading = Reading::new(service);
    let person = reading.person("/person", &body.person);
    let organisation = reading.organisation("/organisation", &body.organisation);
    let reason = reading.text("/reason", &body.reason, REASON);
    let verb = (|| {
        Some(RecordHold {
            person: person?,
            organisation: organisation?,
            placed,
            reason: reason?,
        })
    })();
    let outcome = service.record_hold(call, reading.finish(verb)?).await?;
    Ok(recorded(StatusCode::CREATED, &outcome))
}
