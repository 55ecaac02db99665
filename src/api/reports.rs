//! Reports: asked for with a reason that is recorded, then fetched.

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_DISPOSITION, LOCATION};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use crate::domain::ids::SystemId;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::exports::LONGEST_REASON;
use crate::service::refusal::Refusal;
use crate::service::reports::{RegisterView, ReportFormat, ReportKind, RequestReport, RequestedReport};
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::report::{ReportError, bundle};

/// Longest ticket, in characters.
const TICKET: usize = 2_000;

/// What is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "kind": "breach", "format": "xlsx", "from": "2026-11-01T00:00:00Z", "to": "2026-11-03T12:00:00Z", "system": "mailer",
    "reason": "Breach 2026-3, reported to the authority"
}))]
pub struct ReportRequest {
    /// Which report.
    #[schema(schema_with = schema::report_kind)]
    pub kind: String,
    /// In which form.
    #[schema(schema_with = schema::report_format)]
    pub format: String,
    /// From when; needed for `audit` and `breach`.
    #[schema(schema_with = schema::moment)]
    pub from: Option<String>,
    /// Until when; needed for `audit` and `breach`.
    #[schema(schema_with = schema::moment)]
    pub to: Option<String>,
    /// One library; absent all that the calling system works for.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: Option<String>,
    /// For `breach`: the system that was breached.
    #[schema(example = "mailer", max_length = 64)]
    pub system: Option<String>,
    /// For `register`: `controller` (GDPR art. 30(1), when absent) or `processor` (art. 30(2)).
    #[schema(schema_with = schema::register_view)]
    pub view: Option<String>,
    /// Why. It is recorded, sealed, in the entry of the admin log that tells of this request.
    #[schema(example = "Breach 2026-3", min_length = 1, max_length = 200)]
    pub reason: String,
}

/// A report that can be fetched.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportTicket {
    /// Its id: sealed, and good for the client that asked only.
    pub report_id: String,
    /// Which report.
    #[schema(schema_with = schema::report_kind)]
    pub kind: &'static str,
    /// In which form.
    #[schema(schema_with = schema::report_format)]
    pub format: &'static str,
    /// Until when it can be fetched.
    #[schema(schema_with = schema::moment)]
    pub expires_at: String,
    /// Where it can be fetched.
    #[schema(example = "/v1/reports/AbC")]
    pub href: String,
    /// Hash of the leaf in the log `admin` that records the request.
    pub leaf_hash: String,
}

/// Ask for a report
///
/// Records who asks, why and for what, and answers where the report can be fetched for an hour. It is about the libraries
/// that the calling system works for. Kinds: `audit` (what stands in the audit logs of a time), `consent-rates`,
/// `register` (GDPR art. 30), `breach` (who was affected by a system between two instants, by your own ids),
/// `rights-requests` (with their lead times) and `erasures` (with the answers of recipients), which also ask for the scope
/// `rights:manage`.
#[utoipa::path(
    tag = "Reports", operation_id = "requestReport", request_body = ReportRequest,
    responses(
        (status = 202, description = "Recorded; fetch it at `Location`", body = ReportTicket,
            headers(("Location" = String, description = "Where the report can be fetched"))),
    ),
    security(("clientCredentials" = ["audit:read"]))
)]
#[post("/reports")]
pub async fn ask(asked: Asked<ReportRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::AuditRead)?;
    let verb = body.verb(Reading::new(&service))?;
    let requested = service.request_report(&call, verb).await?;
    let ticket = ReportTicket::of(&requested);
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, ticket.href.clone()))
        .json(ticket))
}

/// Fetch a report
///
/// A ZIP: the report in the form asked for (for `csv` a file for each table) and the signed `manifest.json`. Verify it with
/// `akkoord report verify` and the key at `/log/admin/vkey`. It is made while it is fetched, from what is known then.
#[utoipa::path(
    tag = "Reports", operation_id = "fetchReport",
    params(("reportId" = String, Path, description = "The id of the report, from the answer to the request")),
    responses(
        (status = 200, description = "The report", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "No such report for this client, or it has expired"),
    ),
    security(("clientCredentials" = ["audit:read"]))
)]
#[get("/reports/{reportId}")]
pub async fn fetch(
    caller: Caller,
    request: HttpRequest,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::AuditRead)?;
    if id.len() > TICKET {
        return Err(Refusal::NotFound.into());
    }
    let plan = service.report_of(call, &id)?;
    let name = format!("attachment; filename=\"akkoord-{}.zip\"", plan.kind);
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/zip")
        .insert_header((CONTENT_DISPOSITION, name));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    match bundle(&service, call, &plan).await {
        Ok(bytes) => Ok(response.body(bytes)),
        Err(ReportError::Refused(refusal)) => Err(refusal.into()),
        Err(error) => {
            tracing::error!(error = %error, "a report could not be packed");
            Err(Refusal::Unavailable.into())
        }
    }
}

impl ReportRequest {
    fn verb(self, mut reading: Reading) -> Result<RequestReport, Problem> {
        let kind = reading.word("/kind", &self.kind, ReportKind::parse, ReportKind::ALL);
        let format = reading.word("/format", &self.format, ReportFormat::parse, ReportFormat::ALL);
        let from = optional(self.from.as_deref(), |text| reading.moment("/from", text));
        let to = optional(self.to.as_deref(), |text| reading.moment("/to", text));
        let organisation = optional(self.organisation.as_deref(), |text| {
            reading.organisation("/organisation", text)
        });
        let system = optional(self.system.as_deref(), |text| match text.parse::<SystemId>() {
            Ok(system) => Some(system),
            Err(_) => reading.mistake("/system", "unknown-system", "The catalogue has no such system."),
        });
        let view = optional(self.view.as_deref(), |text| {
            reading.word("/view", text, RegisterView::parse, RegisterView::ALL)
        });
        let reason = reading.text("/reason", &self.reason, LONGEST_REASON);
        let verb = (|| {
            Some(RequestReport {
                kind: kind?,
                format: format?,
                from: from?,
                to: to?,
                organisation: organisation?,
                system: system?,
                view: view?.unwrap_or(RegisterView::Controller),
                reader: None,
                reason: reason?,
            })
        })();
        reading.finish(verb)
    }
}

impl ReportTicket {
    fn of(requested: &RequestedReport) -> Self {
        let plan = &requested.plan;
        Self {
            report_id: requested.ticket.clone(),
            kind: plan.kind.as_str(),
            format: plan.format.as_str(),
            expires_at: plan.expires_at().rfc3339(),
            href: format!("/v1/reports/{}", requested.ticket),
            leaf_hash: plan.leaf_hash().to_owned(),
        }
    }
}
