//! Exports of the audit logs: ask with a reason, fetch a bundle that anybody can verify offline.

use std::io;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_DISPOSITION, LOCATION};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::hex;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::exports::{ExportFormat, ExportPlan, LONGEST_REASON, RequestExport, RequestedExport};
use crate::service::refusal::{Forbidden, Refusal};
use crate::service::sequence::LogName;
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::Problem;

/// Longest ticket, in characters.
const TICKET: usize = 1_000;

/// What is wanted of a log.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "log": "decision", "from": "2026-11-01T00:00:00Z", "to": "2026-11-30T23:59:59Z", "format": "csv",
    "openings": false, "reason": "Yearly audit, case 2026-14"
}))]
pub struct AuditExportRequest {
    /// `consent`, `decision` or `admin` for the log as it is now; `decision-2026` for an origin that was closed.
    #[schema(example = "decision", max_length = 64)]
    pub log: String,
    /// Entries written not before this; absent from the beginning of the log.
    #[schema(schema_with = schema::moment)]
    pub from: Option<String>,
    /// Entries written not after this; absent to the end of the log. Entries of other times that stand between are in
    /// the export too, because nothing can be left out of a part of a log.
    #[schema(schema_with = schema::moment)]
    pub to: Option<String>,
    /// In which further form the entries are in the bundle.
    #[schema(schema_with = schema::export_format)]
    pub format: String,
    /// Whether the private parts are opened: personal data, encrypted nowhere in the bundle. Those of people who were
    /// erased cannot be opened by anybody.
    #[serde(default)]
    pub openings: bool,
    /// Why. It is recorded, sealed, in the entry of the admin log that tells of this export.
    #[schema(example = "Yearly audit, case 2026-14", min_length = 1, max_length = 200)]
    pub reason: String,
}

/// An export that can be fetched.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditExport {
    /// Its id: sealed, and good for the client that asked only.
    pub export_id: String,
    /// `consent`, `decision` or `admin`.
    #[schema(example = "decision")]
    pub log: String,
    /// The name of the log in its checkpoints.
    #[schema(example = "akkoord.example/bibliotheken-merwedeland/decision/2026")]
    pub origin: String,
    /// The index of the first entry, from 0.
    pub first_index: u64,
    /// Entries in the export.
    pub entries: u64,
    /// Entries in the whole log, under the checkpoint of the export.
    pub log_size: u64,
    /// In which further form.
    #[schema(schema_with = schema::export_format)]
    pub format: &'static str,
    /// Whether private parts are opened.
    pub openings: bool,
    /// Until when it can be fetched.
    #[schema(schema_with = schema::moment)]
    pub expires_at: String,
    /// Where it can be fetched.
    #[schema(example = "/v1/audit-exports/AbC")]
    pub href: String,
    /// Hash of the leaf in the log `admin` that records the request.
    pub leaf_hash: String,
}

/// Ask for an export of an audit log
///
/// Records who asks, why, and for which entries, and answers where the bundle can be fetched for an hour. The export
/// covers everything that was acknowledged before. The calling system must work for all libraries: entries of one library
/// cannot be taken out of a log.
#[utoipa::path(
    tag = "Audit", operation_id = "requestAuditExport", request_body = AuditExportRequest,
    responses(
        (status = 202, description = "Recorded; fetch it at `Location`", body = AuditExport,
            headers(("Location" = String, description = "Where the bundle can be fetched"))),
        (status = 404, description = "No such log"),
        (status = 409, description = "The log has no checkpoint yet"),
    ),
    security(("clientCredentials" = ["audit:read"]))
)]
#[post("/audit-exports")]
pub async fn ask(asked: Asked<AuditExportRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::AuditRead)?;
    let verb = body.verb(Reading::new(&service))?;
    let requested = match service.request_export(&call, verb).await {
        Err(refusal @ Refusal::Forbidden(Forbidden::Organisation)) => {
            return Err(Problem::from(refusal).saying(
                "A log holds the entries of every library, and none can be left out. Ask with a system that works for \
                 all libraries.",
            ));
        }
        other => other?,
    };
    let export = AuditExport::of(&requested);
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, export.href.clone()))
        .json(export))
}

/// Fetch an export
///
/// A ZIP: `leaves.ndjson` (line i is entry i of the export, byte for byte), `hashes`, `checkpoint`, `vkey`,
/// `erasures.ndjson`, `openings.ndjson` and a further form where asked for, and the signed `manifest.json`. Verify it with
/// `akkoord audit verify`, or as `docs/AUDIT.md` shows without any software of ours. It is made while it is fetched; an
/// answer that breaks off is no bundle.
#[utoipa::path(
    tag = "Audit", operation_id = "fetchAuditExport",
    params(("exportId" = String, Path, description = "The id of the export, from the answer to the request")),
    responses(
        (status = 200, description = "The bundle", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "No such export for this client, or it has expired"),
    ),
    security(("clientCredentials" = ["audit:read"]))
)]
#[get("/audit-exports/{exportId}")]
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
    let plan = service.export_of(call, &id)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/zip")
        .insert_header((CONTENT_DISPOSITION, attachment(&plan)));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let pieces = service.stream_export(plan)?;
    let body = stream::unfold(pieces, async |mut pieces| {
        let piece: Option<io::Result<Vec<u8>>> = pieces.recv().await;
        piece.map(|piece| (piece.map(Bytes::from), pieces))
    });
    Ok(response.streaming(body))
}

/// Says what it is without saying more than its content.
fn attachment(plan: &ExportPlan) -> String {
    format!(
        "attachment; filename=\"akkoord-{}-{}-{}.zip\"",
        plan.log, plan.from, plan.to
    )
}

impl AuditExportRequest {
    fn verb(self, mut reading: Reading) -> Result<RequestExport, Problem> {
        let log = LogName::parse(&self.log).or_else(|| {
            reading.mistake(
                "/log",
                "unknown-log",
                "The log is one of consent, decision, admin, with the label of an origin where it is an earlier one.",
            )
        });
        let from = optional(self.from.as_deref(), |text| reading.moment("/from", text));
        let to = optional(self.to.as_deref(), |text| reading.moment("/to", text));
        let format = reading.word("/format", &self.format, ExportFormat::parse, ExportFormat::ALL);
        let reason = reading.text("/reason", &self.reason, LONGEST_REASON);
        let verb = (|| {
            Some(RequestExport {
                log: log?,
                from: from?,
                to: to?,
                format: format?,
                openings: self.openings,
                reason: reason?,
            })
        })();
        reading.finish(verb)
    }
}

impl AuditExport {
    fn of(requested: &RequestedExport) -> Self {
        let plan = &requested.plan;
        Self {
            export_id: requested.ticket.clone(),
            log: plan.log.clone(),
            origin: plan.origin().to_owned(),
            first_index: plan.from,
            entries: plan.entries(),
            log_size: plan.size,
            format: plan.format.as_str(),
            openings: plan.openings,
            expires_at: plan.expires_at().rfc3339(),
            href: format!("/v1/audit-exports/{}", requested.ticket),
            leaf_hash: hex(&requested.leaf_hash),
        }
    }
}
