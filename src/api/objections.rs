//! Objections (GDPR art. 21) and their ends.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::{ActorBody, PersonReference, RecordedAnswer, recorded};
use crate::domain::consent::IndicationMethod;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::verbs::RecordObjection;
use crate::web::asked::Asked;
use crate::web::problem::Problem;

/// An objection, or the end of one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "directMarketing": true, "indicationMethod": "phone", "actor": {"type": "self"}
}))]
pub struct ObjectionRequest {
    /// Who.
    pub person: PersonReference,
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// One purpose; give this or `directMarketing`.
    #[schema(max_length = 64)]
    pub purpose: Option<String>,
    /// True for all direct marketing of the library (GDPR art. 21(2)).
    pub direct_marketing: Option<bool>,
    /// How it was said.
    #[schema(schema_with = schema::indication_method)]
    pub indication_method: String,
    /// Who said it.
    pub actor: ActorBody,
    /// Proof.
    #[schema(schema_with = schema::evidence)]
    pub evidence: Option<serde_json::Map<String, serde_json::Value>>,
    /// When it was said; absent means now. Never in the future.
    #[schema(schema_with = schema::moment)]
    pub occurred_at: Option<String>,
}

/// Record an objection
#[utoipa::path(
    tag = "Objections and restrictions", operation_id = "recordObjection", request_body = ObjectionRequest,
    responses(
        (status = 201, description = "Recorded", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "There is no right to object to this purpose"),
    ),
    security(("clientCredentials" = ["consents:write"]))
)]
#[post("/objections")]
pub async fn make(asked: Asked<ObjectionRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    record(asked, &service, true).await
}

/// Lift an objection
///
/// Only the person can take an objection back.
#[utoipa::path(
    tag = "Objections and restrictions", operation_id = "liftObjection", request_body = ObjectionRequest,
    responses(
        (status = 201, description = "Lifted", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "It contradicts the current state"),
    ),
    security(("clientCredentials" = ["consents:write"]))
)]
#[post("/objection-liftings")]
pub async fn lift(asked: Asked<ObjectionRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    record(asked, &service, false).await
}

async fn record(
    asked: Asked<ObjectionRequest>,
    service: &Service,
    made: bool,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::ConsentsWrite)?;
    let verb = body.verb(Reading::new(service), made)?;
    Ok(recorded(
        StatusCode::CREATED,
        &service.record_objection(&call, verb).await?,
    ))
}

impl ObjectionRequest {
    fn verb(&self, mut reading: Reading, made: bool) -> Result<RecordObjection, Problem> {
        let person = reading.person("/person", &self.person);
        let organisation = reading.organisation("/organisation", &self.organisation);
        let purpose = match (self.purpose.as_deref(), self.direct_marketing) {
            (Some(text), None | Some(false)) => reading.purpose("/purpose", text).map(Some),
            (None, Some(true)) => Some(None),
            _ => reading.mistake(
                "/purpose",
                "purpose-or-marketing",
                "Give either `purpose` or `\"directMarketing\": true`.",
            ),
        };
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
        let verb = (|| {
            Some(RecordObjection {
                person: person?,
                organisation: organisation?,
                purpose: purpose?,
                made,
                method: method?,
                actor: actor?,
                evidence: evidence?,
                occurred_at: occurred_at?,
            })
        })();
        reading.finish(verb)
    }
}
