//! Source notices: somebody was told where data about them came from (GDPR art. 14).

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::{PersonReference, RecordedAnswer, recorded};
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::verbs::RecordSourceNotice;
use crate::web::asked::Asked;
use crate::web::problem::Problem;

/// A source notice that was delivered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "purpose": "profile-enrichment", "dataSource": "event-registration"
}))]
pub struct SourceNoticeRequest {
    /// Who was told.
    pub person: PersonReference,
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// The purpose of the enrichment.
    #[schema(example = "profile-enrichment", max_length = 64)]
    pub purpose: String,
    /// Where the data came from.
    #[schema(example = "event-registration", max_length = 64)]
    pub data_source: String,
    /// When the person was told; absent means now. Never in the future.
    #[schema(schema_with = schema::moment)]
    pub occurred_at: Option<String>,
}

/// Record that somebody was told where data came from
#[utoipa::path(
    tag = "Consents", operation_id = "recordSourceNotice", request_body = SourceNoticeRequest,
    responses(
        (status = 201, description = "Recorded", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
    ),
    security(("clientCredentials" = ["consents:write"]))
)]
#[post("/source-notices")]
pub async fn deliver(
    asked: Asked<SourceNoticeRequest>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::ConsentsWrite)?;
    let mut reading = Reading::new(&service);
    let person = reading.person("/person", &body.person);
    let organisation = reading.organisation("/organisation", &body.organisation);
    let purpose = reading.purpose("/purpose", &body.purpose);
    let source = reading.data_source("/dataSource", &body.data_source);
    let occurred_at = optional(body.occurred_at.as_deref(), |text| {
        reading.past("/occurredAt", text)
    });
    let verb = (|| {
        Some(RecordSourceNotice {
            person: person?,
            organisation: organisation?,
            purpose: purpose?,
            source: source?,
            occurred_at: occurred_at?,
        })
    })();
    let outcome = service.record_source_notice(&call, reading.finish(verb)?).await?;
    Ok(recorded(StatusCode::CREATED, &outcome))
}
