//! Restriction of processing (GDPR art. 18) and its end.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::{ActorBody, PersonReference, RecordedAnswer, recorded};
use crate::service::call::Scope;
use crate::service::verbs::RecordRestriction;
use crate::service::{RESTRICTION_GROUNDS, Service};
use crate::web::asked::Asked;
use crate::web::problem::Problem;

/// A restriction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "ground": "accuracy", "actor": {"type": "self"}
}))]
pub struct RestrictionRequest {
    /// Who.
    pub person: PersonReference,
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// Why.
    #[schema(schema_with = schema::restriction_ground)]
    pub ground: String,
    /// Who asked for it.
    pub actor: ActorBody,
    /// Proof.
    #[schema(schema_with = schema::evidence)]
    pub evidence: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The end of a restriction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "actor": {"type": "staff"}, "evidence": {"letter": "B-12"}
}))]
pub struct RestrictionLifting {
    /// Who.
    pub person: PersonReference,
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// Who lifts it.
    pub actor: ActorBody,
    /// Proof that the person was told beforehand (GDPR art. 18(3)).
    #[schema(schema_with = schema::evidence)]
    pub evidence: serde_json::Map<String, serde_json::Value>,
}

/// Restrict processing
#[utoipa::path(
    tag = "Objections and restrictions", operation_id = "restrict", request_body = RestrictionRequest,
    responses(
        (status = 201, description = "Recorded", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "It contradicts the current state"),
    ),
    security(("clientCredentials" = ["consents:write"]))
)]
#[post("/restrictions")]
pub async fn restrict(
    asked: Asked<RestrictionRequest>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::ConsentsWrite)?;
    let mut reading = Reading::new(&service);
    let person = reading.person("/person", &body.person);
    let organisation = reading.organisation("/organisation", &body.organisation);
    let ground = match RESTRICTION_GROUNDS
        .into_iter()
        .find(|ground| *ground == body.ground)
    {
        Some(ground) => Some(ground.to_owned()),
        None => reading.mistake(
            "/ground",
            "unknown-word",
            format!("Expected one of: {}.", RESTRICTION_GROUNDS.join(", ")),
        ),
    };
    let actor = reading.actor("/actor", &body.actor);
    let evidence = optional(body.evidence.as_ref(), |facts| {
        reading.evidence("/evidence", facts)
    });
    let verb = (|| {
        Some(RecordRestriction {
            person: person?,
            organisation: organisation?,
            ground: Some(ground?),
            actor: actor?,
            evidence: evidence?,
        })
    })();
    let outcome = service.record_restriction(&call, reading.finish(verb)?).await?;
    Ok(recorded(StatusCode::CREATED, &outcome))
}

/// Lift a restriction
///
/// The person must be told before (GDPR art. 18(3)); the evidence says how.
#[utoipa::path(
    tag = "Objections and restrictions", operation_id = "liftRestriction", request_body = RestrictionLifting,
    responses(
        (status = 201, description = "Lifted", body = RecordedAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "It contradicts the current state"),
    ),
    security(("clientCredentials" = ["consents:write"]))
)]
#[post("/restriction-liftings")]
pub async fn lift(asked: Asked<RestrictionLifting>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::ConsentsWrite)?;
    let mut reading = Reading::new(&service);
    let person = reading.person("/person", &body.person);
    let organisation = reading.organisation("/organisation", &body.organisation);
    let actor = reading.actor("/actor", &body.actor);
    let evidence = reading.evidence("/evidence", &body.evidence);
    if body.evidence.is_empty() {
        reading.mistake::<()>("/evidence", "required", "Say how the person was told beforehand.");
    }
    let verb = (|| {
        Some(RecordRestriction {
            person: person?,
            organisation: organisation?,
            ground: None,
            actor: actor?,
            evidence: Some(evidence?),
        })
    })();
    let outcome = service.record_restriction(&call, reading.finish(verb)?).await?;
    Ok(recorded(StatusCode::CREATED, &outcome))
}
