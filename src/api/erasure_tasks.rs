//! What a system must do about erasures, and its answers.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::erasures::{ErasureAnswer, known};
use super::reading::{Reading, optional};
use super::schema;
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::erasures::{AcknowledgeTask, ErasureTask, KeepGround, ListTasks, TaskOutcome};
use crate::service::refusal::Invalid;
use crate::store::ErasureTaskRow;
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::{Kind, Problem};
use crate::web::query::{self, Query};

/// A task of the calling system.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ErasureTask)]
pub struct ErasureTaskAnswer {
    /// Its id.
    #[schema(example = "45c48cce2e2d7fbdea1afc51c7c6ad26")]
    pub id: String,
    /// By which ids the system knows the person. Erase what you have under each of them.
    pub people: Vec<PersonOfTask>,
    /// `pending`, `escalated` when the answer is overdue, or `acknowledged`.
    #[schema(example = "pending")]
    pub state: String,
    /// What was answered.
    #[schema(example = "erased")]
    pub outcome: Option<&'static str>,
    /// On which ground of GDPR art. 17(3) something is kept.
    #[schema(example = "17-3-b")]
    pub kept_ground: Option<&'static str>,
    /// Until when.
    #[schema(schema_with = schema::optional_moment)]
    pub kept_until: Option<String>,
    /// When it was given.
    #[schema(schema_with = schema::moment)]
    pub created_at: String,
    /// Until when it is to be answered.
    #[schema(schema_with = schema::moment)]
    pub due_at: String,
    /// When it was answered.
    #[schema(schema_with = schema::optional_moment)]
    pub acknowledged_at: Option<String>,
}

/// A person as a system knows them at a library.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonOfTask {
    /// The library.
    #[schema(example = "bibliotheek-de-linde")]
    pub organisation: String,
    /// The system's own id of the person there.
    pub person_id: String,
}

/// A page of tasks, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ErasureTaskPage)]
pub struct ErasureTaskPageAnswer {
    /// Tasks.
    pub items: Vec<ErasureTaskAnswer>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// What was done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"outcome": "erased"}))]
pub struct ErasureAcknowledgement {
    /// What was done.
    #[schema(schema_with = schema::task_outcome)]
    pub outcome: String,
    /// With `kept`: the ground of GDPR art. 17(3).
    #[schema(schema_with = schema::keep_ground)]
    pub ground: Option<String>,
    /// With `kept`: until when, a day.
    #[schema(example = "2034-01-01")]
    pub until: Option<String>,
}

/// What came of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"outcome": "told-otherwise"}))]
pub struct ErasureTaskAnswerByOfficer {
    /// What came of it.
    #[schema(schema_with = schema::task_outcome_of_officers)]
    pub outcome: String,
}

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ErasureTaskQuery {
    /// Only `pending`, `escalated` or `acknowledged`.
    state: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Tasks on a page, 1 to 100; 50 when absent.
    limit: Option<String>,
}

/// A task as an officer sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOfErasure {
    /// Its id.
    pub id: String,
    /// The system.
    #[schema(example = "mailer")]
    pub system: String,
    /// For which libraries it received a permit.
    pub organisations: Vec<String>,
    /// `pending`, `escalated` or `acknowledged`.
    #[schema(example = "acknowledged")]
    pub state: String,
    /// What was answered.
    #[schema(example = "erased")]
    pub outcome: Option<String>,
    /// On which ground of GDPR art. 17(3) something is kept.
    pub kept_ground: Option<String>,
    /// Until when.
    #[schema(schema_with = schema::optional_moment)]
    pub kept_until: Option<String>,
    /// Until when it is to be answered.
    #[schema(schema_with = schema::moment)]
    pub due_at: String,
    /// Since when the answer is overdue.
    #[schema(schema_with = schema::optional_moment)]
    pub escalated_at: Option<String>,
    /// When it was answered.
    #[schema(schema_with = schema::optional_moment)]
    pub acknowledged_at: Option<String>,
}

/// Read the erasure tasks of the calling system
///
/// One for each erased person for whom this system received a permit: erase what you have of them, and acknowledge it.
#[utoipa::path(
    tag = "Erasures", operation_id = "readErasureTasks", params(ErasureTaskQuery),
    responses((status = 200, description = "A page", body = ErasureTaskPageAnswer)),
    security(("clientCredentials" = ["changes:read"]))
)]
#[get("/erasure-tasks")]
pub async fn read_all(
    caller: Caller,
    Query(asked): Query<ErasureTaskQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::ChangesRead)?;
    let limit = query::limit(asked.limit.as_deref())?;
    let known = ["pending", "escalated", "acknowledged"];
    if asked
        .state
        .as_deref()
        .is_some_and(|state| !known.contains(&state))
    {
        let detail = "Expected one of: pending, escalated, acknowledged.";
        return Err(Invalid::new("?state", "unknown-word", detail).into());
    }
    let verb = ListTasks {
        state: asked.state,
        cursor: asked.cursor,
        limit,
    };
    let page = service.erasure_tasks(call, verb).await?;
    Ok(HttpResponse::Ok().json(ErasureTaskPageAnswer {
        items: page.items.iter().map(ErasureTaskAnswer::of).collect(),
        next_cursor: page.next,
    }))
}

/// Acknowledge an erasure task
///
/// The same answer again changes nothing. Answer `erased`, `not-held`, or `kept` with a ground; what was kept becomes
/// `erased` by a second answer.
#[utoipa::path(
    tag = "Erasures", operation_id = "acknowledgeErasureTask", request_body = ErasureAcknowledgement,
    params(("taskId" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "Acknowledged", body = ErasureTaskAnswer),
        (status = 404, description = "No such task of this caller"),
        (status = 409, description = "It was answered otherwise"),
    ),
    security(("clientCredentials" = ["changes:read"]))
)]
#[post("/erasure-tasks/{taskId}/acknowledgements")]
pub async fn acknowledge(
    asked: Asked<ErasureAcknowledgement>,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::ChangesRead)?;
    let id = id.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    let mut reading = Reading::new(&service);
    let outcome = reading.word("/outcome", &body.outcome, of_system, TaskOutcome::OF_SYSTEMS);
    let ground = optional(body.ground.as_deref(), |text| {
        reading.word("/ground", text, KeepGround::parse, KeepGround::ALL)
    });
    let until = optional(body.until.as_deref(), |text| {
        first_moment(&mut reading, &service, "/until", text)
    });
    let keeps = outcome == Some(TaskOutcome::Kept);
    if keeps && body.ground.is_none() {
        reading.required::<()>("/ground");
    }
    if outcome.is_some() && !keeps && (body.ground.is_some() || body.until.is_some()) {
        let detail = "Give a ground and a day only where the outcome is `kept`.";
        reading.mistake::<()>("/ground", "not-kept", detail);
    }
    let verb = (|| {
        let until = until?;
        Some(AcknowledgeTask {
            id,
            of: None,
            outcome: outcome?,
            kept: ground?.map(|ground| (ground, until)),
        })
    })();
    let task = service.acknowledge_task(&call, reading.finish(verb)?).await?;
    Ok(HttpResponse::Ok().json(ErasureTaskAnswer::of(&task)))
}

/// Answer for a recipient that cannot
///
/// An officer told the recipient in another way, or telling it proves impossible or takes a disproportionate effort (GDPR
/// art. 19). The same answer again changes nothing.
#[utoipa::path(
    tag = "Erasures", operation_id = "answerErasureTask", request_body = ErasureTaskAnswerByOfficer,
    params(
        ("erasureId" = String, Path, description = "The erasure"),
        ("taskId" = String, Path, description = "The task"),
    ),
    responses(
        (status = 200, description = "Answered", body = ErasureAnswer),
        (status = 404, description = "No such task of an erasure that the caller may see"),
        (status = 409, description = "It was answered otherwise"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[post("/erasures/{erasureId}/tasks/{taskId}/answers")]
pub async fn answer(
    asked: Asked<ErasureTaskAnswerByOfficer>,
    ids: Path<(String, String)>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsManage)?;
    let (erasure, task) = ids.into_inner();
    let erasure = known(&erasure)?;
    let id = task.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    let mut reading = Reading::new(&service);
    let outcome = reading.word("/outcome", &body.outcome, of_officer, TaskOutcome::OF_OFFICERS);
    let outcome = reading.finish(outcome)?;
    let verb = AcknowledgeTask {
        id,
        of: Some(erasure),
        outcome,
        kept: None,
    };
    service.acknowledge_task(&call, verb).await?;
    let erasure = service.erasure(&call, erasure).await?;
    Ok(HttpResponse::Ok().json(ErasureAnswer::of(&erasure)))
}

fn of_system(word: &str) -> Option<TaskOutcome> {
    TaskOutcome::parse(word).filter(|outcome| TaskOutcome::OF_SYSTEMS.contains(outcome))
}

fn of_officer(word: &str) -> Option<TaskOutcome> {
    TaskOutcome::parse(word).filter(|outcome| TaskOutcome::OF_OFFICERS.contains(outcome))
}

/// A day, as the instant at which it begins where the library is.
pub(super) fn first_moment(
    reading: &mut Reading,
    service: &Service,
    pointer: &str,
    text: &str,
) -> Option<Moment> {
    let day = reading.date(pointer, text)?;
    Some(Moment::start_of(day, service.catalogue().network.zone))
}

impl ErasureTaskAnswer {
    fn of(task: &ErasureTask) -> Self {
        let people = task.people.iter().map(|(organisation, person_id)| PersonOfTask {
            organisation: organisation.to_string(),
            person_id: person_id.clone(),
        });
        Self {
            id: task.id.to_string(),
            people: people.collect(),
            state: task.state.clone(),
            outcome: task.outcome.map(TaskOutcome::as_str),
            kept_ground: task.kept.map(|(ground, _)| ground.as_str()),
            kept_until: task
                .kept
                .and_then(|(_, until)| until)
                .map(|until| until.rfc3339()),
            created_at: task.created_at.rfc3339(),
            due_at: task.due_at.rfc3339(),
            acknowledged_at: task.acknowledged_at.map(|at| at.rfc3339()),
        }
    }
}

impl TaskOfErasure {
    /// As an officer sees it.
    pub fn of(task: &ErasureTaskRow) -> Self {
        let at = |moment: Option<Moment>| moment.map(|moment| moment.rfc3339());
        Self {
            id: task.id.to_string(),
            system: task.system.clone(),
            organisations: task.organisations.split(' ').map(str::to_owned).collect(),
            state: task.state.clone(),
            outcome: task.outcome.clone(),
            kept_ground: task.kept_ground.clone(),
            kept_until: at(task.kept_until),
            due_at: task.due_at.rfc3339(),
            escalated_at: at(task.escalated_at),
            acknowledged_at: at(task.acknowledged_at),
        }
    }
}
