//! AuthZEN searches. What is found may be acted on, so each finding is a decision like any other: asked, answered and
//! recorded one by one, in one transaction.
//!
//! * An *action search* answers what the calling system may do with one person: each purpose, action and channel of its
//!   grants that is permitted.
//! * A *subject search* answers which systems may: the calling system or none. What other systems may do is not told.
//! * A *resource search* would list the people of a purpose. That is not offered, and not in the metadata: a list of who
//!   consented would be out of date while it is read. `POST /v1/decision-batches` answers about the caller's own list.

use std::collections::BTreeSet;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, post};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use super::authzen::{ActionBody, Entity, Evaluation, allowed, evaluate, in_our_words, respond};
use super::decisions::DecisionRequest;
use super::reading::Reading;
use super::wire::{PersonReference, names};
use crate::domain::decision::Effect;
use crate::domain::purpose::Action;
use crate::policy::catalogue::Catalogue;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Invalid, Refusal};
use crate::service::verbs::Decided;
use crate::web::asked::Asked;
use crate::web::json;
use crate::web::problem::{Kind, Problem};

/// Most questions that one action search may lead to.
const MOST: usize = 500;

#[derive(Debug, Deserialize)]
struct ActionSearch {
    subject: Entity,
    resource: Entity,
    #[serde(default)]
    context: Context,
    page: Option<Page>,
}

#[derive(Debug, Deserialize)]
struct SubjectSearch {
    subject: Typed,
    action: ActionBody,
    resource: Entity,
    context: Option<Value>,
    page: Option<Page>,
}

/// What is searched for: its type; an id is ignored.
#[derive(Debug, Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
struct Context {
    organisation: Option<String>,
    reference: Option<String>,
    /// Only this purpose.
    purpose: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Page {
    token: Option<String>,
}

/// `POST /access/v1/search/action`.
#[post("/access/v1/search/action")]
pub async fn actions(
    request: HttpRequest,
    asked: Result<Asked<Value>, Problem>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = allowed(asked)?;
    let search: ActionSearch = json::from_value(&body)?;
    first_page(search.page.as_ref())?;
    let Some(organisation) = &search.context.organisation else {
        let detail = "This member is missing; it has no default.";
        return Err(Invalid::new("/context/organisation", "required", detail).into());
    };
    let asks_itself = search.subject.kind == "system" && search.subject.id == call.principal.system.as_str();
    if !asks_itself || search.resource.kind != "profile" {
        return Ok(respond(&request, &json!({"results": []})));
    }
    let possible = possible(&call, &service.catalogue(), search.context.purpose.as_deref());
    if possible.len() > MOST {
        return Err(Invalid::new("/context/purpose", "required", "Search within one purpose.").into());
    }
    let questions: Vec<DecisionRequest> = possible
        .into_iter()
        .map(|possible| DecisionRequest {
            person: PersonReference {
                scheme: None,
                value: None,
                person_id: Some(search.resource.id.clone()),
            },
            organisation: organisation.clone(),
            purpose: possible.purpose,
            action: possible.action.as_str().to_owned(),
            channel: possible.channel,
            data_scopes: possible.data_scopes,
            data_source: possible.data_source,
            reference: search.context.reference.clone(),
            at: None,
        })
        .collect();
    let decided = join_all(questions.iter().map(|question| decide(&call, question, &service))).await;
    let mut results = Vec::new();
    for (question, decided) in questions.iter().zip(decided) {
        let permitted = decided?.filter(|decided| decided.verdict.effect == Effect::Permit);
        results.extend(permitted.map(|decided| found(question, &decided)));
    }
    Ok(respond(&request, &json!({"results": results})))
}

/// `POST /access/v1/search/subject`.
#[post("/access/v1/search/subject")]
pub async fn subjects(
    request: HttpRequest,
    asked: Result<Asked<Value>, Problem>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = allowed(asked)?;
    let search: SubjectSearch = json::from_value(&body)?;
    first_page(search.page.as_ref())?;
    if search.subject.kind != "system" {
        return Ok(respond(&request, &json!({"results": []})));
    }
    let ourselves = json!({"type": "system", "id": call.principal.system.as_str()});
    let evaluation = Evaluation {
        subject: json::from_value(&ourselves)?,
        action: search.action,
        resource: search.resource,
        context: search.context.as_ref().map(json::from_value).transpose()?,
    };
    let answer = evaluate(&call, evaluation, &service, service.public_base()).await?;
    let permitted = answer.get("decision") == Some(&Value::Bool(true));
    let results: Vec<Value> = permitted.then_some(ourselves).into_iter().collect();
    Ok(respond(&request, &json!({"results": results})))
}

/// `POST /access/v1/search/resource`: not offered.
#[post("/access/v1/search/resource")]
pub async fn resources(asked: Result<Asked<Value>, Problem>) -> Result<HttpResponse, Problem> {
    let asked = asked?;
    asked.allow(Scope::DecisionsCheck)?;
    Err(Problem::new(Kind::NotOffered).saying(
        "People are not listed. Send your own list to `POST /v1/decision-batches`, or ask about one person with \
         `POST /access/v1/evaluation`.",
    ))
}

/// All results are on the first page, so there is no token to ask for another.
fn first_page(page: Option<&Page>) -> Result<(), Problem> {
    match page.and_then(|page| page.token.as_deref()) {
        None | Some("") => Ok(()),
        Some(_) => {
            Err(Invalid::new("/page/token", "unknown-token", "Leave it out: there is one page.").into())
        }
    }
}

async fn decide(
    call: &Call,
    question: &DecisionRequest,
    service: &Service,
) -> Result<Option<Decided>, Problem> {
    let verb = question.verb(call, Reading::new(service)).map_err(in_our_words)?;
    match service.decide(call, verb).await {
        Ok(decided) => Ok(Some(decided)),
        Err(Refusal::NotFound) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// A permitted action, with the data that may be used and the decision that stands for it in the log.
fn found(question: &DecisionRequest, decided: &Decided) -> Value {
    let mut properties = json!({
        "purpose": question.purpose,
        "dataScopes": names(&decided.verdict.data_scopes),
        "decisionId": decided.id.to_string(),
        "validUntil": decided.verdict.valid_until.map(|at| at.rfc3339()),
    });
    if let Some(properties) = properties.as_object_mut() {
        let channel = question.channel.iter().map(|channel| ("channel", channel));
        let source = question.data_source.iter().map(|source| ("dataSource", source));
        properties.extend(
            channel
                .chain(source)
                .map(|(name, word)| (name.to_owned(), json!(word))),
        );
    }
    json!({"name": question.action, "properties": properties})
}

/// What a system could ask at all.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Possible {
    purpose: String,
    action: Action,
    channel: Option<String>,
    data_source: Option<String>,
    data_scopes: Vec<String>,
}

fn possible(call: &Call, catalogue: &Catalogue, only: Option<&str>) -> BTreeSet<Possible> {
    let grants = catalogue
        .systems
        .get(&call.principal.system)
        .map(|system| &system.grants);
    let mut all = BTreeSet::new();
    for grant in grants.into_iter().flatten() {
        let purposes = grant
            .purposes
            .iter()
            .filter(|id| only.is_none_or(|only| id.as_str() == only));
        for entry in purposes.filter_map(|id| catalogue.purposes.get(id)) {
            let purpose = &entry.purpose;
            let data_scopes: BTreeSet<_> = grant
                .data_scopes
                .intersection(&purpose.data_scopes)
                .cloned()
                .collect();
            for action in grant.actions.intersection(&purpose.actions) {
                // To contact takes a channel, to enrich a source; nothing else takes either.
                let channels: Vec<Option<String>> = match action {
                    Action::Contact => {
                        let channels = grant.channels.intersection(&purpose.channels);
                        channels
                            .map(|channel| Some(channel.as_str().to_owned()))
                            .collect()
                    }
                    _ => vec![None],
                };
                let sources: Vec<Option<String>> = match action {
                    Action::Enrich => {
                        let sources = purpose.enrichment_sources.iter();
                        sources.map(|source| Some(source.to_string())).collect()
                    }
                    _ => vec![None],
                };
                for channel in &channels {
                    all.extend(sources.iter().map(|source| Possible {
                        purpose: purpose.id.to_string(),
                        action: *action,
                        channel: channel.clone(),
                        data_source: source.clone(),
                        data_scopes: names(&data_scopes),
                    }));
                }
            }
        }
    }
    all
}
