//! Receipts: the proof of a recorded word, in the form somebody asks for.

mod json_ld;
mod kantara;
mod readable;

pub mod document;

use actix_web::http::header::{ACCEPT, CONTENT_LANGUAGE};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use document::{ReceiptDocument, Verification, signed, verify};

use crate::domain::ids::EventId;
use crate::policy::catalogue::{Catalogue, Organisation, PurposeEntry};
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::refusal::Invalid;
use crate::service::verbs::{FetchReceipt, Receipt};
use crate::web::accept::best_of;
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::pdf::PDF;
use crate::web::problem::{Kind, Problem};
use crate::web::query::Query;

/// The forms of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    JsonLd,
    Html,
    Text,
    Pdf,
}

const FORMS: [(&str, Form); 5] = [
    ("application/json", Form::Json),
    ("application/ld+json", Form::JsonLd),
    ("text/html", Form::Html),
    ("text/plain", Form::Text),
    (PDF, Form::Pdf),
];

/// In which profile.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ReceiptQuery {
    /// `kantara-1.1` for a Kantara Consent Receipt 1.1 as `application/json`.
    profile: Option<String>,
}

/// Read a receipt
///
/// As `application/json` it is signed: take away the member `signature`, write the rest as RFC 8785 canonical JSON
/// (members sorted by name, no spaces), and verify the Ed25519 signature `signature.value` (base64url) over those bytes
/// with the key `signature.keyId` of `/.well-known/jwks.json`. Or let `POST /v1/receipt-verifications` do it.
///
/// As `application/ld+json` it is a receipt of ISO/IEC TS 27560 in the Data Privacy Vocabulary 2.3. As `text/html`,
/// `text/plain` and `application/pdf` it is for people.
#[utoipa::path(
    tag = "Receipts", operation_id = "readReceipt",
    params(("receiptId" = String, Path, description = "The receipt"), ReceiptQuery),
    responses(
        (status = 200, description = "The receipt", content(
            (ReceiptDocument = "application/json"), (Object = "application/ld+json"), (String = "text/html"),
            (String = "text/plain"), (String = "application/pdf"),
        )),
        (status = 404, description = "No such receipt for this caller"),
        (status = 406, description = "No such form"),
    ),
    security(("clientCredentials" = ["consents:read"]))
)]
#[get("/receipts/{receiptId}")]
pub async fn read(
    request: HttpRequest,
    caller: Caller,
    id: Path<String>,
    query: Query<ReceiptQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::ConsentsRead)?;
    let accept = request
        .headers()
        .get(ACCEPT)
        .map_or("*/*", |value| value.to_str().unwrap_or(""));
    let form = form(accept).ok_or_else(|| Problem::new(Kind::NotAcceptable))?;
    let kantara = match query.0.profile.as_deref() {
        None => false,
        Some("kantara-1.1") if form == Form::Json => true,
        Some("kantara-1.1") => return Err(Problem::new(Kind::NotAcceptable)),
        Some(_) => return Err(Invalid::new("?profile", "unknown-word", "Expected `kantara-1.1`.").into()),
    };
    let id: EventId = id.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    let receipt = service.receipt(call, FetchReceipt { id }).await?;
    let catalogue = service.catalogue();
    let facts = Facts::of(&receipt, &catalogue, &service, service.public_base())?;
    Ok(match form {
        Form::Json if kantara => HttpResponse::Ok().json(kantara::render(&facts)),
        Form::Json => HttpResponse::Ok().json(signed(&ReceiptDocument::of(&receipt), &service)),
        Form::JsonLd => HttpResponse::Ok()
            .content_type("application/ld+json")
            .body(json_ld::render(&facts).to_string()),
        Form::Html => super::page::respond(200, &readable::html(&facts, call.language), call.language),
        Form::Text => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .insert_header((CONTENT_LANGUAGE, call.language.as_str()))
            .body(readable::text(&facts, call.language)),
        Form::Pdf => HttpResponse::Ok()
            .content_type(PDF)
            .insert_header((CONTENT_LANGUAGE, call.language.as_str()))
            .body(readable::pdf(&facts, call.language)),
    })
}

/// The form an `Accept` header likes best.
fn form(accept: &str) -> Option<Form> {
    let best = best_of(accept, &FORMS.map(|(media, _)| media))?;
    FORMS
        .into_iter()
        .find(|(media, _)| *media == best)
        .map(|(_, form)| form)
}

/// A receipt with what the catalogue says about its parties and purpose.
#[derive(Debug)]
struct Facts<'r> {
    receipt: &'r Receipt,
    catalogue: &'r Catalogue,
    organisation: &'r Organisation,
    purpose: std::sync::Arc<PurposeEntry>,
    base: &'r str,
}

impl<'r> Facts<'r> {
    fn of(
        receipt: &'r Receipt,
        catalogue: &'r Catalogue,
        service: &Service,
        base: &'r str,
    ) -> Result<Self, Problem> {
        let purpose = service
            .purpose_version(&receipt.purpose, receipt.notice_version)
            .or_else(|| catalogue.purposes.get(&receipt.purpose).cloned());
        let organisation = catalogue.organisations.get(&receipt.organisation);
        let (purpose, organisation) = purpose
            .zip(organisation)
            .ok_or_else(|| Problem::new(Kind::NotFound))?;
        Ok(Self {
            receipt,
            catalogue,
            organisation,
            purpose,
            base,
        })
    }

    fn title(&self, language: crate::domain::preference::Language) -> String {
        let notice = self.purpose.notice(language, false);
        notice.map_or_else(|| self.receipt.purpose.to_string(), |notice| notice.title.clone())
    }

    fn notice_url(&self) -> String {
        format!(
            "{}/v1/notices/{}/{}/{}",
            self.base,
            self.receipt.purpose,
            self.receipt.notice_version,
            self.receipt.language.as_str()
        )
    }

    fn term(&self, scope: &crate::domain::ids::DataScopeId) -> String {
        let known = self.catalogue.data_scopes.get(scope);
        known.map_or_else(|| scope.to_string(), |scope| scope.term.clone())
    }
}

/// A receipt to check: the whole JSON document, as it was answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, example = json!({"receiptId": "…", "signature": {"algorithm": "Ed25519", "keyId": "…", "value": "…"}}))]
pub struct ReceiptVerificationRequest(Map<String, Value>);

/// Whether a receipt is ours and unchanged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptVerification {
    /// Whether we signed exactly this.
    pub valid: bool,
    /// `valid`, `no-signature`, `unknown-key` or `changed`.
    #[schema(example = "valid")]
    pub code: &'static str,
    /// The same in words.
    pub detail: &'static str,
}

/// Check whether a receipt is ours and unchanged
#[utoipa::path(
    tag = "Receipts", operation_id = "verifyReceipt", request_body = ReceiptVerificationRequest,
    responses((status = 200, description = "Whether it is", body = ReceiptVerification)),
    security(("clientCredentials" = ["consents:read"]))
)]
#[post("/receipt-verifications")]
pub async fn check(
    asked: Asked<ReceiptVerificationRequest>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (_, body) = asked.allow(Scope::ConsentsRead)?;
    let outcome = verify(&body.0, &service.jwks());
    Ok(HttpResponse::Ok().json(ReceiptVerification {
        valid: outcome == Verification::Valid,
        code: outcome.code(),
        detail: outcome.detail(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_liked_best_is_chosen() {
        for (accept, expected) in [
            ("*/*", Some(Form::Json)),
            ("application/json", Some(Form::Json)),
            ("application/ld+json", Some(Form::JsonLd)),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Some(Form::Html),
            ),
            ("text/*;q=0.5, application/json;q=0.4", Some(Form::Html)),
            ("text/*, text/html;q=0", Some(Form::Text)),
            ("application/pdf", Some(Form::Pdf)),
            ("application/pdf, */*;q=0.1", Some(Form::Pdf)),
            ("image/png", None),
            ("", None),
        ] {
            assert_eq!(form(accept), expected, "{accept}");
        }
    }
}
