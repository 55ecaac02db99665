//! `POST /v1/decision-batches`: one question about everybody on a list. The list is a stream and so is the answer: it
//! begins before the list has ended, keeps its order, and neither is ever held as a whole.

mod answer;
mod lines;
mod run;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use self::answer::Answering;
use self::lines::{Format, ListReader, Names};
use self::run::{PIECES, Run};
use super::reading::{Reading, optional};
use super::schema;
use crate::domain::decision::Question;
use crate::domain::ids::SchemeId;
use crate::domain::purpose::{Action, Channel};
use crate::service::Service;
use crate::service::bulk::{BulkQuestion, BulkRefused, ListOf};
use crate::service::call::{Call, Scope};
use crate::web::auth::Caller;
use crate::web::body::BodyLimits;
use crate::web::problem::{Kind, Problem};
use crate::web::query::Query;

/// The word for pairwise ids where a scheme stands otherwise; no scheme can have it.
const PERSON_IDS: &str = "personId";

/// Seconds after which a system that has too many bulk checks under way may try again.
const RETRY_AFTER: u32 = 5;

/// The question about everybody on the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// For which library.
    #[param(example = "bibliotheek-de-linde", max_length = 64)]
    organisation: String,
    /// For which purpose of the catalogue.
    #[param(example = "newsletter", max_length = 64)]
    purpose: String,
    /// To do what: `contact`, `profile`, `share` or `process`. `enrich` is asked per person.
    #[param(example = "contact")]
    action: String,
    /// By which channel, as in `POST /v1/decisions`; required for `contact`.
    #[param(example = "email")]
    channel: Option<String>,
    /// With which data: ids with commas between them; absent means none.
    #[param(example = "email,identity", max_length = 2000)]
    data_scopes: Option<String>,
    /// What the values of the list are: an identifier scheme, or `personId` for the ids that the calling system got
    /// from us.
    #[param(example = "member-number", max_length = 64)]
    scheme: String,
    /// Your campaign or case, for your own audit; kept encrypted.
    #[param(max_length = 200)]
    reference: Option<String>,
    /// `permitted` leaves everybody who is denied out of the answer; they are counted and recorded all the same. `all`
    /// when absent.
    #[param(example = "all")]
    output: Option<String>,
}

/// A line of the list. Blank lines are skipped.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"value": "2000123456", "ref": "row-17"}))]
pub struct BatchLine {
    /// Who: an identifier of the scheme, or a `personId`.
    #[schema(min_length = 1, max_length = 254)]
    pub value: String,
    /// Your own word for this line; comes back with the answer and is not kept.
    #[serde(rename = "ref")]
    #[schema(max_length = 200)]
    pub reference: Option<String>,
}

/// A line of the answer, in the order of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"value": "2000123456", "ref": "row-17", "decision": "permit", "reason": "permit-consent",
    "dataScopes": ["email", "identity"]}))]
pub struct BatchAnswer {
    /// As it stands in the list; null when the line could not be read.
    pub value: Option<String>,
    /// As it stands in the list; absent when the list has none.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Yes or no.
    #[schema(schema_with = schema::effect)]
    pub decision: &'static str,
    /// The decisive reason. Besides the codes of `POST /v1/decisions`: `malformed` for a line that names nobody, and
    /// `unavailable` for a person whose data cannot be read now. Both are a deny.
    #[schema(example = "permit-consent")]
    pub reason: &'static str,
    /// The data that may be used.
    pub data_scopes: Vec<String>,
    /// Of a malformed line: its number in the list, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// Asks about everybody on a list
///
/// Send the list as `application/x-ndjson`, a `{"value", "ref"}` per line, or as `text/csv` with the header `value` or
/// `value,ref` (or with semicolons). The answer has the same form and order, and begins while the list is still being
/// sent: read it at the same time, or the stream stops when both sides wait for each other. Of any length.
///
/// Every answer is in the audit log before it is sent. The last line is `{"summary": {"checked", "permitted", "denied":
/// {code: count}, "malformed", "decisionBatchId"}}`; `checked` leaves malformed lines out. In CSV it is a last row
/// `#summary,<decisionBatchId>,,,<the same as JSON>`. **Without a summary the answer is not whole**: the last line is
/// then `{"error": …}` (in CSV a row `#error`), or the connection broke. What was answered until then is recorded and
/// holds; send the rest of the list again. A repeated list is a new check, and an `Idempotency-Key` is not looked at.
///
/// A malformed line is answered with `malformed` and stops nothing. In CSV a value that a spreadsheet would run as a
/// formula gets an apostrophe in front of it.
#[utoipa::path(
    tag = "Decisions", operation_id = "decideInBulk", params(BatchQuery),
    request_body(description = "The list", content(
        (BatchLine = "application/x-ndjson"), (String = "text/csv", example = json!("value,ref\n2000123456,row-17\n"))
    )),
    responses(
        (status = 200, description = "The answers, then the summary", content(
            (BatchAnswer = "application/x-ndjson"), (String = "text/csv")
        )),
        (status = 415, description = "The list is neither `application/x-ndjson` nor `text/csv` in UTF-8"),
        (status = 429, description = "Too many requests, or two bulk checks of this system are under way; wait as `Retry-After` says")
    ),
    security(("clientCredentials" = ["decisions:check"]))
)]
#[post("/decision-batches")]
pub async fn check(
    request: HttpRequest,
    caller: Caller,
    query: Query<BatchQuery>,
    payload: Payload,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::DecisionsCheck)?.clone();
    let format = format(&request).ok_or_else(|| {
        let detail =
            "Send the list as `application/x-ndjson` or `text/csv` in UTF-8, without content encoding.";
        Problem::new(Kind::UnsupportedMediaType).saying(detail).closing()
    })?;
    let (asked, only_permitted) = query
        .0
        .asked(&call, Reading::new(&service))
        .map_err(Problem::closing)?;
    let names = Names::of(&service.catalogue(), &asked.list);
    let check = service
        .begin_bulk(&call, asked)
        .map_err(|refused| match refused {
            BulkRefused::Refused(refusal) => Problem::from(refusal).closing(),
            BulkRefused::TooMany => Problem::too_many(RETRY_AFTER)
                .saying("This system has two bulk checks under way. Wait until one of them has ended.")
                .closing(),
        })?;
    let pause = request
        .app_data::<Data<BodyLimits>>()
        .map_or_else(BodyLimits::default, |limits| *limits.get_ref())
        .deadline;
    let mut list = ListReader::new(payload.into_inner(), format, names, pause);
    let delimiter = list.begin().await.map_err(Problem::closing)?;

    let (sender, receiver) = mpsc::channel(PIECES);
    let answering = Answering::new(format, delimiter, only_permitted);
    actix_web::rt::spawn(Run::new(check, list, answering, sender).run());
    let pieces = futures_util::stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((Ok::<_, actix_web::Error>(piece), receiver))
    });
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .streaming(Box::pin(pieces)))
}

fn format(request: &HttpRequest) -> Option<Format> {
    let text = |name| {
        request
            .headers()
            .get(name)
            .map_or(Ok(""), |value| value.to_str())
            .ok()
    };
    if !matches!(text(CONTENT_ENCODING)?, "" | "identity") {
        return None;
    }
    let mut parts = text(CONTENT_TYPE)?.split(';').map(str::trim);
    let format = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/x-ndjson" => Format::Ndjson,
        "text/csv" => Format::Csv,
        _ => return None,
    };
    let known = ["charset=utf-8", "charset=\"utf-8\"", "header=present"];
    parts
        .all(|part| known.contains(&part.to_ascii_lowercase().as_str()))
        .then_some(format)
}

impl BatchQuery {
    /// The question as the service takes it, and whether the answer is of those who are permitted only.
    fn asked(&self, call: &Call, mut reading: Reading) -> Result<(BulkQuestion, bool), Problem> {
        let organisation = reading.organisation("?organisation", &self.organisation);
        let purpose = reading.purpose("?purpose", &self.purpose);
        let action = reading.word("?action", &self.action, Action::parse, Action::ALL);
        let channel = optional(self.channel.as_deref(), |text| {
            reading.word("?channel", text, Channel::parse, Channel::ALL)
        });
        if action == Some(Action::Contact) && self.channel.is_none() {
            reading.required::<()>("?channel");
        }
        let scopes: Vec<String> = self
            .data_scopes
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| text.split(',').map(str::to_owned).collect())
            .unwrap_or_default();
        let data_scopes = reading.data_scopes("?dataScopes", &scopes);
        let list = match self.scheme.as_str() {
            PERSON_IDS => Some(ListOf::PersonIds),
            text => reading.scheme("?scheme", text).map(ListOf::Scheme),
        };
        let reference = reading.optional_text("?reference", self.reference.as_deref(), 200);
        let only_permitted = match self.output.as_deref() {
            None | Some("all") => Some(false),
            Some("permitted") => Some(true),
            Some(_) => reading.mistake("?output", "unknown-word", "Expected one of: all, permitted."),
        };
        let system = call.principal.system.clone();
        let asked = (|| {
            let question = Question {
                system,
                organisation: organisation?,
                purpose: purpose?,
                action: action?,
                channel: channel?,
                data_scopes: data_scopes?,
                data_source: None,
            };
            let list: ListOf = list?;
            Some((
                BulkQuestion {
                    question,
                    list,
                    reference: reference?,
                },
                only_permitted?,
            ))
        })();
        reading.finish(asked)
    }
}

impl Reading {
    /// An identifier scheme of the catalogue.
    fn scheme(&mut self, pointer: &str, text: &str) -> Option<SchemeId> {
        let known = text.parse::<SchemeId>().ok().filter(|id| self.has_scheme(id));
        known.or_else(|| {
            let detail = "The catalogue has no such kind of identifier. Use an id of `policies/network.toml`, or `personId`.";
            self.mistake(pointer, "unknown-scheme", detail)
        })
    }
}
