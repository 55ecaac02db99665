//! AuthZEN Authorization API 1.0: the same decisions for programs that speak that protocol. A deny is 200 with
//! `"decision": false`; unknown members are ignored; a wrong media type is 400 here.

use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, post};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::decisions::{Decision, DecisionRequest};
use super::reading::Reading;
use super::wire::PersonReference;
use crate::domain::decision::{Effect, Reason, ReasonCode};
use crate::domain::preference::Language;
use crate::policy::explain::explain;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Invalid, Refusal};
use crate::web::asked::Asked;
use crate::web::json;
use crate::web::limit::anonymous;
use crate::web::problem::{Kind, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Most evaluations in one request.
const MOST: usize = 100;

/// One question.
#[derive(Debug, Deserialize)]
pub(super) struct Evaluation {
    pub(super) subject: Entity,
    pub(super) action: ActionBody,
    pub(super) resource: Entity,
    pub(super) context: Option<Context>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entity {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActionBody {
    name: String,
    properties: Option<Properties>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    purpose: Option<String>,
    channel: Option<String>,
    data_scopes: Option<Vec<String>>,
    data_source: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Context {
    organisation: Option<String>,
    reference: Option<String>,
}

/// Many questions; what they share stands beside them.
#[derive(Debug, Deserialize)]
struct Evaluations {
    evaluations: Option<Vec<Value>>,
    options: Option<Options>,
}

#[derive(Debug, Deserialize)]
struct Options {
    evaluations_semantic: Option<String>,
}

/// When a batch stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

/// `POST /access/v1/evaluation`.
#[post("/access/v1/evaluation")]
pub async fn evaluate_one(
    request: HttpRequest,
    asked: Result<Asked<Value>, Problem>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = allowed(asked)?;
    let answer = evaluate_body(&call, &body, &service).await?;
    Ok(respond(&request, &answer))
}

/// `POST /access/v1/evaluations`.
#[post("/access/v1/evaluations")]
pub async fn evaluate_many(
    request: HttpRequest,
    asked: Result<Asked<Value>, Problem>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = allowed(asked)?;
    let batch: Evaluations = json::from_value(&body)?;
    let Some(items) = batch.evaluations.filter(|items| !items.is_empty()) else {
        let answer = evaluate_body(&call, &body, &service).await?;
        return Ok(respond(&request, &answer));
    };
    if items.len() > MOST {
        return Err(Invalid::new("/evaluations", "too-many", "Send at most 100 evaluations.").into());
    }
    let semantic = semantic(
        batch
            .options
            .and_then(|options| options.evaluations_semantic)
            .as_deref(),
    )?;
    let whole: Vec<Value> = items.iter().map(|item| with_defaults(item, &body)).collect();
    let mut answers = Vec::new();
    if semantic == Semantic::ExecuteAll {
        // All at once: the service commits them together.
        let all = whole.iter().map(|item| evaluate_body(&call, item, &service));
        for outcome in join_all(all).await {
            answers.push(item_answer(outcome)?);
        }
    } else {
        for item in &whole {
            let answer = item_answer(evaluate_body(&call, item, &service).await)?;
            let permitted = answer.get("decision") == Some(&Value::Bool(true));
            answers.push(answer);
            if permitted == (semantic == Semantic::PermitOnFirstPermit) {
                break;
            }
        }
    }
    Ok(respond(&request, &json!({"evaluations": answers})))
}

/// `GET /.well-known/authzen-configuration`.
#[get("/.well-known/authzen-configuration")]
pub async fn configure_client(request: HttpRequest, service: Data<Service>) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let base = service.public_base();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .json(json!({
            "policy_decision_point": base,
            "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
            "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
            "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
            "search_action_endpoint": format!("{base}/access/v1/search/action"),
        })))
}

/// The call and the body; what is 415 elsewhere is 400 here, as the conformance suite asks.
pub(super) fn allowed(asked: Result<Asked<Value>, Problem>) -> Result<(Call, Value), Problem> {
    let asked = asked.map_err(|problem| match problem.kind() {
        Kind::UnsupportedMediaType => {
            Problem::new(Kind::InvalidInput).saying("Send the body as `application/json`.")
        }
        _ => problem,
    })?;
    asked.allow(Scope::DecisionsCheck)
}

pub(super) fn respond(request: &HttpRequest, answer: &Value) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    let id: Option<&HeaderValue> = request.headers().get(&REQUEST_ID).filter(|id| id.len() <= 200);
    if let Some(id) = id {
        response.insert_header((REQUEST_ID, id.clone()));
    }
    response.json(answer)
}

fn semantic(word: Option<&str>) -> Result<Semantic, Problem> {
    match word {
        None | Some("execute_all") => Ok(Semantic::ExecuteAll),
        Some("deny_on_first_deny") => Ok(Semantic::DenyOnFirstDeny),
        Some("permit_on_first_permit") => Ok(Semantic::PermitOnFirstPermit),
        Some(_) => Err(Invalid::new(
            "/options/evaluations_semantic",
            "unknown-word",
            "Expected one of: execute_all, deny_on_first_deny, permit_on_first_permit.",
        )
        .into()),
    }
}

/// An item with what it leaves out taken from beside the list; a member of the item replaces the shared one whole.
fn with_defaults(item: &Value, shared: &Value) -> Value {
    let mut whole = Map::new();
    for name in ["subject", "action", "resource", "context"] {
        if let Some(value) = item.get(name).or_else(|| shared.get(name)) {
            whole.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(whole)
}

/// A broken item of a batch is a deny of that item; what is wrong with the service is wrong with the whole request.
fn item_answer(outcome: Result<Value, Problem>) -> Result<Value, Problem> {
    match outcome {
        Err(problem) if problem.kind().status().is_client_error() => {
            Ok(json!({"decision": false, "context": {"error": problem.document()}}))
        }
        other => other,
    }
}

pub(super) async fn evaluate(
    call: &Call,
    evaluation: Evaluation,
    service: &Service,
    base: &str,
) -> Result<Value, Problem> {
    let asks_itself =
        evaluation.subject.kind == "system" && evaluation.subject.id == call.principal.system.as_str();
    if !asks_itself {
        return Ok(denied(ReasonCode::DenyController, call.language));
    }
    if evaluation.resource.kind != "profile" {
        return Ok(denied(ReasonCode::DenyUnknownSubject, call.language));
    }
    let verb = question(evaluation)?
        .verb(call, Reading::new(service))
        .map_err(in_our_words)?;
    let decided = match service.decide(call, verb).await {
        Err(Refusal::NotFound) => return Ok(denied(ReasonCode::DenyUnknownSubject, call.language)),
        outcome => outcome?,
    };
    let permitted = decided.verdict.effect == Effect::Permit;
    Ok(json!({"decision": permitted, "context": Decision::of(&decided, call.language, base)}))
}

async fn evaluate_body(call: &Call, body: &Value, service: &Service) -> Result<Value, Problem> {
    evaluate(call, json::from_value(body)?, service, service.public_base()).await
}

/// A deny that needs no look at anybody's data.
fn denied(code: ReasonCode, language: Language) -> Value {
    let text = explain(&Reason::plain(code), language);
    json!({"decision": false, "context": {"reasons": [{"code": code.as_str(), "text": text}]}})
}

fn question(evaluation: Evaluation) -> Result<DecisionRequest, Problem> {
    let properties = evaluation.action.properties.unwrap_or_default();
    let context = evaluation.context.unwrap_or_default();
    let missing = |pointer| Invalid::new(pointer, "required", "This member is missing; it has no default.");
    let (organisation, purpose) = match (context.organisation, properties.purpose) {
        (Some(organisation), Some(purpose)) => (organisation, purpose),
        (organisation, purpose) => {
            let no_organisation = organisation.is_none().then(|| missing("/context/organisation"));
            let no_purpose = purpose.is_none().then(|| missing("/action/properties/purpose"));
            return Err(Problem::invalid(
                no_organisation.into_iter().chain(no_purpose).collect(),
            ));
        }
    };
    Ok(DecisionRequest {
        person: PersonReference {
            scheme: None,
            value: None,
            person_id: Some(evaluation.resource.id),
        },
        organisation,
        purpose,
        action: evaluation.action.name,
        channel: properties.channel,
        data_scopes: properties.data_scopes.unwrap_or_default(),
        data_source: properties.data_source,
        reference: context.reference,
        at: None,
    })
}

/// Pointers of a decision request as pointers of an evaluation.
pub(super) fn in_our_words(problem: Problem) -> Problem {
    let errors = problem.errors().iter().map(|error| {
        let (from, to) = [
            ("/person/personId", "/resource/id"),
            ("/organisation", "/context/organisation"),
            ("/reference", "/context/reference"),
            ("/action", "/action/name"),
            ("/purpose", "/action/properties/purpose"),
            ("/channel", "/action/properties/channel"),
            ("/dataScopes", "/action/properties/dataScopes"),
            ("/dataSource", "/action/properties/dataSource"),
        ]
        .into_iter()
        .find(|(from, _)| error.pointer.starts_with(from))
        .unwrap_or(("", ""));
        Invalid {
            pointer: error.pointer.replacen(from, to, 1),
            ..error.clone()
        }
    });
    let errors: Vec<Invalid> = errors.collect();
    if errors.is_empty() {
        problem
    } else {
        Problem::invalid(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_replaces_what_is_shared_as_a_whole() {
        let shared = json!({"subject": {"type": "system", "id": "crm"}, "action": {"name": "contact", "properties": {}}});
        let item = json!({"action": {"name": "enrich"}, "resource": {"type": "profile", "id": "x"}});
        assert_eq!(
            with_defaults(&item, &shared),
            json!({"subject": {"type": "system", "id": "crm"}, "action": {"name": "enrich"},
                   "resource": {"type": "profile", "id": "x"}})
        );
    }

    #[test]
    fn purpose_and_organisation_have_no_default() {
        let body = json!({"subject": {"type": "system", "id": "crm"}, "action": {"name": "contact"},
                          "resource": {"type": "profile", "id": "x"}, "more": 1});
        let problem = question(json::from_value(&body).unwrap()).unwrap_err();
        let pointers: Vec<&str> = problem
            .errors()
            .iter()
            .map(|error| error.pointer.as_str())
            .collect();
        assert_eq!(pointers, ["/context/organisation", "/action/properties/purpose"]);
    }
}
