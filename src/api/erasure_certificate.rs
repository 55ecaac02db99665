//! The certificate of an erasure: signed JSON that anybody verifies offline, and a PDF for people.

use actix_web::http::header::{ACCEPT, CONTENT_LANGUAGE};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::erasure_tasks::TaskOfErasure;
use super::erasures::{ErasureException, known};
use super::schema;
use crate::service::Service;
use crate::service::call::Scope;
use crate::web::auth::Caller;
use crate::web::erasure_certificate;
use crate::web::pdf::PDF;
use crate::web::problem::{Kind, Problem};

/// Proof that somebody was erased. To verify it offline: `akkoord erasure verify FILE --key VKEY --key VKEY`, with the lines
/// of `/log/admin/vkey` and `/log/consent/vkey`. By hand: take away `signature`, write the rest as RFC 8785 canonical JSON
/// (members sorted by name, no spaces); `signature` is a C2SP signed note over the line `type`, and a line `sha256` with the
/// SHA-256 of that JSON in base64; each `proof` is a `c2sp.org/tlog-proof@v1` with the entry in `extra`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureCertificate {
    /// What this is.
    #[serde(rename = "type")]
    #[schema(example = "urn:akkoord:erasure-certificate:1")]
    pub kind: &'static str,
    /// The erasure.
    pub erasure_id: String,
    /// The library that dealt with it.
    #[schema(example = "bibliotheek-de-linde")]
    pub organisation: String,
    /// The libraries at which the person is erased.
    pub organisations: Vec<String>,
    /// The ground of GDPR art. 17(1).
    #[schema(schema_with = schema::erasure_ground)]
    pub ground: &'static str,
    /// The rights request it answers.
    pub rights_request_id: Option<String>,
    /// Where it stood when this was issued.
    #[schema(schema_with = schema::erasure_state)]
    pub state: &'static str,
    /// When it was proposed.
    #[schema(schema_with = schema::moment)]
    pub proposed_at: String,
    /// When another officer approved it.
    #[schema(schema_with = schema::optional_moment)]
    pub approved_at: Option<String>,
    /// When the person was erased.
    #[schema(schema_with = schema::optional_moment)]
    pub erased_at: Option<String>,
    /// When key and rows were seen to be gone from the database.
    #[schema(schema_with = schema::optional_moment)]
    pub key_deleted_at: Option<String>,
    /// The last epoch of the key.
    pub epoch: Option<i64>,
    /// When the key of that epoch was destroyed; null as long as it is not.
    #[schema(schema_with = schema::optional_moment)]
    pub epoch_destroyed_at: Option<String>,
    /// When every system had answered; null as long as one has not.
    #[schema(schema_with = schema::optional_moment)]
    pub completed_at: Option<String>,
    /// How.
    pub method: &'static str,
    /// Every system that received a permit for this person, and what it answered.
    pub recipients: Vec<TaskOfErasure>,
    /// What is not erased, why and until when.
    pub exceptions: Vec<ErasureException>,
    /// The entries of the logs that tell of it, each with its proof.
    pub entries: Vec<ErasureCertificateEntry>,
    /// When this was issued.
    #[schema(schema_with = schema::moment)]
    pub issued_at: String,
    /// The signature over everything else, by the key of the admin log.
    #[schema(required)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// An entry of a log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureCertificateEntry {
    /// The log.
    #[schema(example = "consent")]
    pub log: String,
    /// What it tells.
    #[schema(example = "erasure.key-deleted")]
    pub kind: String,
    /// `c2sp.org/tlog-proof@v1`.
    pub proof: String,
}

/// Read the certificate of an erasure
///
/// From `erased` on; it says where the erasure stood when it was issued, and is final when `completedAt` is there. As
/// `application/pdf` it is for people.
#[utoipa::path(
    tag = "Erasures", operation_id = "readErasureCertificate",
    params(("erasureId" = String, Path, description = "The erasure")),
    responses(
        (status = 200, description = "The certificate", content(
            (ErasureCertificate = "application/json"), (String = "application/pdf"),
        )),
        (status = 404, description = "No such erasure for this caller, or no checkpoint covers it yet"),
        (status = 406, description = "No such form"),
        (status = 409, description = "The person is not erased yet"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[get("/erasures/{erasureId}/certificate")]
pub async fn read(
    request: HttpRequest,
    caller: Caller,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let accept = request
        .headers()
        .get(ACCEPT)
        .map_or("*/*", |value| value.to_str().unwrap_or(""));
    let likes = |media: &str| {
        let ranges = accept.split(',').filter_map(|part| part.split(';').next());
        ranges
            .map(str::trim)
            .any(|range| range.eq_ignore_ascii_case(media))
    };
    let pdf = likes(PDF) && !likes("application/json");
    if !pdf
        && !["application/json", "application/*", "*/*"]
            .into_iter()
            .any(likes)
    {
        return Err(Problem::new(Kind::NotAcceptable));
    }
    let Some(certified) = service.certify_erasure(call, known(&id)?).await? else {
        return Err(Problem::new(Kind::NotFound)
            .saying(
                "No checkpoint covers the entries of this erasure yet. It takes about a second; ask again.",
            )
            .retry_after(1));
    };
    if pdf {
        let bytes = erasure_certificate::pdf(
            &certified,
            &service.catalogue(),
            service.public_base(),
            call.language,
        );
        return Ok(HttpResponse::Ok()
            .content_type(PDF)
            .insert_header((CONTENT_LANGUAGE, call.language.as_str()))
            .body(bytes));
    }
    let document = erasure_certificate::document(&service, &certified).await?;
    Ok(HttpResponse::Ok().json(document))
}
