//! Rights requests: entered by systems, handled by officers, answered with letters and packages.

mod asked;
mod shown;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_LANGUAGE};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::asked::{RightsRequestChange, RightsRequestEntry};
use self::shown::RightsRequestDocument;
use super::page::{Page, escape};
use super::reading::{Reading, optional};
use super::wire::done;
use crate::domain::ids::RightsRequestId;
use crate::domain::preference::Language;
use crate::domain::rights::{RequestState, RequestType};
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::rights::ListRequests;
use crate::web::accept::best_of;
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::letters::{Letter, LetterKind, letter_of};
use crate::web::pdf::PDF;
use crate::web::problem::{Kind, Problem};
use crate::web::query::{self, Query};

/// Enter a rights request
///
/// However it came in, on the day it is entered or later: the term runs from `receivedAt`. It ends after one calendar
/// month, with the last hour of a working day of the Netherlands (Regulation 1182/71, Algemene termijnenwet). The request
/// of a child under 16 waits for a guardian; an objection does not. Who asks need not show a document: only a doubt that
/// is recorded allows to ask for more.
#[utoipa::path(
    tag = "Rights", operation_id = "enterRightsRequest", request_body = RightsRequestEntry,
    responses(
        (status = 201, description = "Received", body = RightsRequestDocument),
        (status = 404, description = "No such person for this caller"),
    ),
    security(("clientCredentials" = ["rights:write"]))
)]
#[post("/rights-requests")]
pub async fn enter(
    asked: Asked<RightsRequestEntry>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsWrite)?;
    let verb = body.verb(Reading::new(&service))?;
    let outcome = service.enter_rights_request(&call, verb).await?;
    Ok(done(StatusCode::CREATED, &outcome, |request| {
        RightsRequestDocument::of(request, &service)
    }))
}

/// Which requests; what is absent is not looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct RightsRequestQuery {
    /// To this library.
    organisation: Option<String>,
    /// `access`, `rectification`, `erasure`, `restriction`, `portability` or `objection`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Where it stands: `initiated`, `acknowledged`, `requires-action`, `required-action-performed`, `accepted`,
    /// `action-delayed`, `fulfilled`, `rejected` or `unfulfilled`.
    state: Option<String>,
    /// `true` for those whose term is over and that are not answered.
    overdue: Option<String>,
    /// Those that are not answered and due before this instant.
    due_before: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Requests on a page, 1 to 100; 50 when absent.
    limit: Option<String>,
}

/// A page of requests, what is due first first; without what they say.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RightsRequestPage {
    /// Requests.
    pub items: Vec<RightsRequestDocument>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// List rights requests
///
/// Of the libraries the calling system works for.
#[utoipa::path(
    tag = "Rights", operation_id = "listRightsRequests", params(RightsRequestQuery),
    responses((status = 200, description = "A page", body = RightsRequestPage)),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[get("/rights-requests")]
pub async fn list(
    caller: Caller,
    Query(asked): Query<RightsRequestQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let limit = query::limit(asked.limit.as_deref())?;
    let mut reading = Reading::new(&service);
    let organisation = optional(asked.organisation.as_deref(), |text| {
        reading.organisation("?organisation", text)
    });
    let kind = optional(asked.kind.as_deref(), |text| {
        reading.word("?type", text, RequestType::parse, RequestType::ALL)
    });
    let state = optional(asked.state.as_deref(), |text| {
        reading.word("?state", text, RequestState::parse, RequestState::ALL)
    });
    let overdue = match asked.overdue.as_deref() {
        None | Some("false") => Some(false),
        Some("true") => Some(true),
        Some(_) => reading.mistake("?overdue", "invalid-value", "Give true or false."),
    };
    let due_before = optional(asked.due_before.as_deref(), |text| {
        reading.moment("?dueBefore", text)
    });
    let verb = (|| {
        Some(ListRequests {
            organisation: organisation?,
            kind: kind?,
            state: state?,
            overdue: overdue?,
            due_before: due_before?,
            cursor: asked.cursor,
            limit,
        })
    })();
    let page = service.rights_requests(call, reading.finish(verb)?).await?;
    Ok(HttpResponse::Ok().json(RightsRequestPage {
        items: page
            .items
            .iter()
            .map(|request| RightsRequestDocument::of(request, &service))
            .collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Read a rights request
///
/// With everything that was done. Of a person who was erased since, what was said is gone; who did what and when stays.
#[utoipa::path(
    tag = "Rights", operation_id = "readRightsRequest",
    params(("requestId" = String, Path, description = "The request")),
    responses(
        (status = 200, description = "The request", body = RightsRequestDocument),
        (status = 404, description = "No such request for this caller"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[get("/rights-requests/{requestId}")]
pub async fn read(caller: Caller, id: Path<String>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let request = service.rights_request(call, request_id(&id)?).await?;
    Ok(HttpResponse::Ok().json(RightsRequestDocument::of(&request, &service)))
}

/// Take a step with a rights request
///
/// One step at a time, at the `revision` you saw. `complete` also does what was asked: an objection or restriction is
/// recorded, data are corrected, and other systems hear of it. A request for erasure is completed by the erasure itself.
#[utoipa::path(
    tag = "Rights", operation_id = "changeRightsRequest", request_body = RightsRequestChange,
    params(("requestId" = String, Path, description = "The request")),
    responses(
        (status = 200, description = "The request after the step", body = RightsRequestDocument),
        (status = 404, description = "No such request for this caller"),
        (status = 409, description = "Somebody else was first, or the step does not fit where the request stands"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[patch("/rights-requests/{requestId}")]
pub async fn change(
    asked: Asked<RightsRequestChange>,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsManage)?;
    let id = request_id(&id)?;
    let verb = body.verb(id, Reading::new(&service))?;
    let request = service.step_rights_request(&call, verb).await?;
    Ok(HttpResponse::Ok().json(RightsRequestDocument::of(&request, &service)))
}

/// In which language.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct LanguageQuery {
    /// `nl` or `en`; the person's own when absent.
    language: Option<String>,
}

impl LanguageQuery {
    fn read(&self, service: &Service) -> Result<Option<Language>, Problem> {
        let mut reading = Reading::new(service);
        let language = optional(self.language.as_deref(), |text| {
            reading.language("?language", text)
        });
        reading.finish(language)
    }
}

/// The forms of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Text,
    Pdf,
}

const FORMS: [(&str, Form); 3] = [
    ("text/html", Form::Html),
    ("text/plain", Form::Text),
    (PDF, Form::Pdf),
];

/// The form that a request likes best.
fn form(request: &HttpRequest) -> Option<Form> {
    let accept = request.headers().get(ACCEPT);
    let accept = accept.map_or("*/*", |value| value.to_str().unwrap_or(""));
    let best = best_of(accept, &FORMS.map(|(media, _)| media))?;
    let known = FORMS.into_iter().find(|(media, _)| *media == best);
    known.map(|(_, form)| form)
}

/// Read a letter to the person
///
/// `received`; `extension` once the term was extended; `rejection`, with its ground and where to complain, once it was
/// refused; `completed` once it was done. In plain Dutch or English, to send, print or hand over.
#[utoipa::path(
    tag = "Rights", operation_id = "readRightsLetter",
    params(
        ("requestId" = String, Path, description = "The request"),
        ("kind" = String, Path, description = "`received`, `extension`, `rejection` or `completed`"),
        LanguageQuery,
    ),
    responses(
        (status = 200, description = "The letter", content(
            (String = "text/html"), (String = "text/plain"), (String = "application/pdf"),
        )),
        (status = 404, description = "No such request for this caller, or no such letter yet"),
        (status = 406, description = "No such form"),
        (status = 409, description = "The person was erased, and what the letter said with them"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[get("/rights-requests/{requestId}/letters/{kind}")]
pub async fn letter(
    request: HttpRequest,
    caller: Caller,
    path: Path<(String, String)>,
    asked: Query<LanguageQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let (id, kind) = path.into_inner();
    let kind = LetterKind::parse(&kind).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let form = form(&request).ok_or_else(|| Problem::new(Kind::NotAcceptable))?;
    let wanted = asked.0.read(&service)?;
    let of = service.rights_request(call, request_id(&id)?).await?;
    let language = wanted
        .or_else(|| of.received().and_then(|received| received.language))
        .unwrap_or(call.language);
    let letter = letter_of(&of, kind, language, &service.catalogue())?;
    Ok(match form {
        Form::Html => super::page::respond(200, &page_of(&letter), language),
        Form::Text => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .insert_header((CONTENT_LANGUAGE, language.as_str()))
            .body(letter.text()),
        Form::Pdf => HttpResponse::Ok()
            .content_type(PDF)
            .insert_header((CONTENT_LANGUAGE, language.as_str()))
            .body(letter.pdf(language)),
    })
}

fn page_of(of: &Letter) -> Page {
    let mut body = format!(
        "<h1>{}</h1>\n<p>{}: {}<br>{}: {}</p>\n",
        escape(of.title),
        of.date.0,
        escape(&of.date.1),
        of.number.0,
        escape(&of.number.1)
    );
    for (heading, paragraphs) in &of.parts {
        body.push_str(&format!("<h2>{}</h2>\n", escape(heading)));
        for paragraph in paragraphs {
            body.push_str(&format!("<p>{}</p>\n", escape(paragraph)));
        }
    }
    Page {
        title: of.title.to_owned(),
        body,
    }
}

/// Fetch the package of a request for access or portability
///
/// A ZIP. For access: `overview.html` to read, `data.json` with everything, tables as CSV, and `texts/` with each
/// explanation byte for byte as it was shown. For portability: what the person provided, as `data.json` and CSV. That it
/// was made is recorded, where the person can see it. Nothing is made while it is not known who asks.
#[utoipa::path(
    tag = "Rights", operation_id = "fetchRightsPackage",
    params(("requestId" = String, Path, description = "The request"), LanguageQuery),
    responses(
        (status = 200, description = "The package", body = Vec<u8>, content_type = "application/zip"),
        (status = 404, description = "No such request for this caller, or none with a package"),
        (status = 409, description = "Nothing may be handed over now"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[get("/rights-requests/{requestId}/package")]
pub async fn fetch_package(
    caller: Caller,
    id: Path<String>,
    asked: Query<LanguageQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let id = request_id(&id)?;
    let wanted = asked.0.read(&service)?;
    let gathered = service.rights_package(call, id).await?;
    let asked_in = gathered.request.received().and_then(|received| received.language);
    let language = wanted
        .or(asked_in)
        .or(gathered.standing.preferences.language)
        .unwrap_or(call.language);
    let bytes = crate::web::package::zip(&gathered, language).map_err(|_| Problem::new(Kind::Internal))?;
    let name = format!("attachment; filename=\"{}-{id}.zip\"", gathered.request.kind);
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CONTENT_LANGUAGE, language.as_str()))
        .body(bytes))
}

/// What is no id of ours is nothing anybody has.
fn request_id(text: &str) -> Result<RightsRequestId, Problem> {
    text.parse().map_err(|_| Problem::new(Kind::NotFound))
}
