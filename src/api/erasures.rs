//! Erasing somebody: proposed by one officer, approved by another, carried out by the service.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::erasure_tasks::{TaskOfErasure, first_moment};
use super::reading::{Reading, optional};
use super::schema;
use super::wire::{PersonReference, done, names};
use crate::domain::ids::{ErasureId, RightsRequestId};
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::erasures::{
    ApproveErasure, Erasure, ErasureGround, ErasureState, Keep, KeepGround, LONGEST_OFFICER,
    MOST_COOLING_DAYS, ProposeErasure, RefuseErasure, Step, WithdrawErasure,
};
use crate::service::refusal::Invalid;
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::{Kind, Problem};
use crate::web::query::{self, Query};

/// Longest reason of a refusal, in characters.
const LONGEST_REASON: usize = 1_000;

/// A person to erase.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "ground": "17-1-b", "officer": "j.bakker", "coolingOffDays": 0
}))]
pub struct ErasureRequest {
    /// Whom.
    pub person: PersonReference,
    /// The library that deals with it. The person is erased at every library of the network that knows them.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// The ground of GDPR art. 17(1).
    #[schema(schema_with = schema::erasure_ground)]
    pub ground: String,
    /// Who proposes it: the officer's own number or name in your system. Never shown to members.
    #[schema(example = "j.bakker", max_length = 100)]
    pub officer: String,
    /// The rights request it answers: 32 hexadecimal digits.
    #[schema(max_length = 32)]
    pub rights_request_id: Option<String>,
    /// Days between approval and erasure in which it can be withdrawn, 0 to 28; 0 when absent. Every check denies meanwhile.
    #[schema(minimum = 0, maximum = 28)]
    pub cooling_off_days: Option<u64>,
}

/// That another officer approves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"officer": "m.visser"}))]
pub struct ErasureApproval {
    /// Who approves: another one than who proposed, through another client.
    #[schema(example = "m.visser", max_length = 100)]
    pub officer: String,
}

/// That an erasure is refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "officer": "m.visser", "ground": "17-3-e", "reason": "A claim for lost books is before the court.",
    "until": "2027-06-01"
}))]
pub struct ErasureRefusal {
    /// Who refuses.
    #[schema(example = "m.visser", max_length = 100)]
    pub officer: String,
    /// The ground of GDPR art. 17(3).
    #[schema(schema_with = schema::keep_ground)]
    pub ground: String,
    /// Why, sealed for the person.
    #[schema(max_length = 1000)]
    pub reason: String,
    /// Until when the ground holds, where that is known: a day.
    #[schema(example = "2027-06-01")]
    pub until: Option<String>,
}

/// An erasure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Erasure)]
pub struct ErasureAnswer {
    /// Its id.
    #[schema(example = "8f14e45fceea167a5a36dedd4bea2543")]
    pub id: String,
    /// Where it stands.
    #[schema(schema_with = schema::erasure_state)]
    pub state: &'static str,
    /// The caller's id of the person.
    pub person_id: String,
    /// The library that deals with it.
    #[schema(example = "bibliotheek-de-linde")]
    pub organisation: String,
    /// The libraries it is for.
    pub organisations: Vec<String>,
    /// The ground of GDPR art. 17(1).
    #[schema(schema_with = schema::erasure_ground)]
    pub ground: &'static str,
    /// The rights request it answers.
    pub rights_request_id: Option<String>,
    /// Days between approval and erasure.
    pub cooling_off_days: u64,
    /// Who proposed it.
    pub proposed: ErasureStep,
    /// Who approved it.
    pub approved: Option<ErasureStep>,
    /// Who withdrew or refused it.
    pub ended: Option<ErasureStep>,
    /// On which ground it was refused.
    pub refused: Option<ErasureRefused>,
    /// From when on it is carried out.
    #[schema(schema_with = schema::optional_moment)]
    pub due_at: Option<String>,
    /// When the person was erased here.
    #[schema(schema_with = schema::optional_moment)]
    pub erased_at: Option<String>,
    /// When key and rows were seen to be gone from the database.
    #[schema(schema_with = schema::optional_moment)]
    pub key_deleted_at: Option<String>,
    /// When the key of the last epoch was destroyed under which an older backup could be read.
    #[schema(schema_with = schema::optional_moment)]
    pub epoch_destroyed_at: Option<String>,
    /// When every system had answered.
    #[schema(schema_with = schema::optional_moment)]
    pub completed_at: Option<String>,
    /// What is not erased, why and until when, and what follows for others.
    pub exceptions: Vec<ErasureException>,
    /// What the systems do that received a permit for this person (GDPR art. 19).
    pub tasks: Vec<TaskOfErasure>,
}

/// Who did something, and when.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureStep {
    /// When.
    #[schema(schema_with = schema::moment)]
    pub at: String,
    /// Who.
    pub officer: String,
    /// Through which system.
    pub system: String,
}

/// Why an erasure was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureRefused {
    /// The ground of GDPR art. 17(3).
    #[schema(schema_with = schema::keep_ground)]
    pub ground: &'static str,
    /// Until when it holds.
    #[schema(schema_with = schema::optional_moment)]
    pub until: Option<String>,
}

/// Something that is not erased, or that follows for others.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureException {
    /// `tombstone`, `log-entries`, `messages-to-systems`, `objection-hash`, `legal-retention`, `legal-hold`,
    /// `guardian-of-children`, `child-with-guardians` or `open-rights-request`.
    #[schema(example = "log-entries")]
    pub what: &'static str,
    /// On which ground: `gdpr-` and the article, or a ground of art. 17(3).
    #[schema(example = "gdpr-5-2")]
    pub ground: &'static str,
    /// Until when, where that is an instant.
    #[schema(schema_with = schema::optional_moment)]
    pub until: Option<String>,
    /// Until when, in the words of the register of processing.
    pub term: Option<String>,
    /// How many.
    pub count: Option<usize>,
    /// The library, where it is about one.
    pub organisation: Option<String>,
    /// The purpose, where it is about one.
    pub purpose: Option<String>,
    /// Whether the erasure waits for it.
    pub blocks: bool,
}

/// A page of erasures, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ErasurePage)]
pub struct ErasurePageAnswer {
    /// Erasures.
    pub items: Vec<ErasureAnswer>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// Which erasures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ErasureQuery {
    /// Only those in a state.
    state: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Erasures on a page, 1 to 100; 50 when absent.
    limit: Option<String>,
}

/// Propose to erase somebody
///
/// Nothing happens to the person yet. The answer says what will not be erased, on which ground and until when. Somebody
/// who was merged into another is erased with that one.
#[utoipa::path(
    tag = "Erasures", operation_id = "proposeErasure", request_body = ErasureRequest,
    responses(
        (status = 201, description = "Proposed", body = ErasureAnswer),
        (status = 404, description = "No such person for this caller"),
        (status = 409, description = "Erased already, under way, or known at a library the caller does not work for"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[post("/erasures")]
pub async fn propose(asked: Asked<ErasureRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsManage)?;
    let mut reading = Reading::new(&service);
    let person = reading.person("/person", &body.person);
    let organisation = reading.organisation("/organisation", &body.organisation);
    let ground = reading.word("/ground", &body.ground, ErasureGround::parse, ErasureGround::ALL);
    let officer = reading.text("/officer", body.officer.trim(), LONGEST_OFFICER);
    let request = optional(body.rights_request_id.as_deref(), |text| {
        let id = text.parse::<RightsRequestId>().ok();
        id.or_else(|| {
            reading.mistake(
                "/rightsRequestId",
                "invalid-value",
                "Expected the id of a rights request.",
            )
        })
    });
    let cooling_days = body.cooling_off_days.unwrap_or(0);
    if cooling_days > MOST_COOLING_DAYS {
        reading.mistake::<()>("/coolingOffDays", "invalid-value", "Give 0 to 28 days.");
    }
    let verb = (|| {
        Some(ProposeErasure {
            person: person?,
            organisation: organisation?,
            ground: ground?,
            officer: officer?,
            rights_request: request?,
            cooling_days,
        })
    })();
    let proposed = service.propose_erasure(&call, reading.finish(verb)?).await?;
    let id = proposed
        .answer
        .id
        .parse()
        .map_err(|_| Problem::new(Kind::Internal))?;
    let erasure = service.erasure(&call, id).await?;
    Ok(done(StatusCode::CREATED, &proposed, |_| {
        ErasureAnswer::of(&erasure)
    }))
}

/// Read erasures
///
/// Those whose libraries the calling system all works for, newest first.
#[utoipa::path(
    tag = "Erasures", operation_id = "readErasures", params(ErasureQuery),
    responses((status = 200, description = "A page", body = ErasurePageAnswer)),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[get("/erasures")]
pub async fn read_all(
    caller: Caller,
    Query(asked): Query<ErasureQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let limit = query::limit(asked.limit.as_deref())?;
    let state = match asked.state.as_deref() {
        None => None,
        Some(text) => Some(ErasureState::parse(text).ok_or_else(|| {
            Invalid::new(
                "?state",
                "unknown-word",
                "Expected a state of an erasure, such as `proposed`.",
            )
        })?),
    };
    let page = service.erasures(call, state, asked.cursor, limit).await?;
    Ok(HttpResponse::Ok().json(ErasurePageAnswer {
        items: page.items.iter().map(ErasureAnswer::of).collect(),
        next_cursor: page.next,
    }))
}

/// Read an erasure
#[utoipa::path(
    tag = "Erasures", operation_id = "readErasure",
    params(("erasureId" = String, Path, description = "The erasure")),
    responses(
        (status = 200, description = "The erasure", body = ErasureAnswer),
        (status = 404, description = "No such erasure for this caller"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[get("/erasures/{erasureId}")]
pub async fn read(caller: Caller, id: Path<String>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let erasure = service.erasure(call, known(&id)?).await?;
    Ok(HttpResponse::Ok().json(ErasureAnswer::of(&erasure)))
}

/// Approve an erasure
///
/// By another officer, through another client. From here on every check about this person denies; seconds later, or when
/// the days of cooling off are over, the person is erased.
#[utoipa::path(
    tag = "Erasures", operation_id = "approveErasure", request_body = ErasureApproval,
    params(("erasureId" = String, Path, description = "The erasure")),
    responses(
        (status = 201, description = "Approved", body = ErasureAnswer),
        (status = 403, description = "The officer or the client is the one that proposed it"),
        (status = 404, description = "No such erasure for this caller"),
        (status = 409, description = "It is not waiting for an approval"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[post("/erasures/{erasureId}/approvals")]
pub async fn approve(
    asked: Asked<ErasureApproval>,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsManage)?;
    let id = known(&id)?;
    let mut reading = Reading::new(&service);
    let officer = reading.text("/officer", body.officer.trim(), LONGEST_OFFICER);
    let officer = reading.finish(officer)?;
    service
        .approve_erasure(&call, ApproveErasure { id, officer })
        .await?;
    let erasure = service.erasure(&call, id).await?;
    Ok(HttpResponse::Created().json(ErasureAnswer::of(&erasure)))
}

/// Refuse an erasure
///
/// Before it is carried out, on a ground of GDPR art. 17(3). What the approval had restricted is lifted.
#[utoipa::path(
    tag = "Erasures", operation_id = "refuseErasure", request_body = ErasureRefusal,
    params(("erasureId" = String, Path, description = "The erasure")),
    responses(
        (status = 201, description = "Refused", body = ErasureAnswer),
        (status = 404, description = "No such erasure for this caller"),
        (status = 409, description = "It is carried out or ended already"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[post("/erasures/{erasureId}/refusals")]
pub async fn refuse(
    asked: Asked<ErasureRefusal>,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::RightsManage)?;
    let id = known(&id)?;
    let mut reading = Reading::new(&service);
    let officer = reading.text("/officer", body.officer.trim(), LONGEST_OFFICER);
    let ground = reading.word("/ground", &body.ground, KeepGround::parse, KeepGround::ALL);
    let reason = reading.text("/reason", &body.reason, LONGEST_REASON);
    let until = optional(body.until.as_deref(), |text| {
        first_moment(&mut reading, &service, "/until", text)
    });
    let verb = (|| {
        Some(RefuseErasure {
            id,
            officer: officer?,
            ground: ground?,
            until: until?,
            reason: reason?,
        })
    })();
    service.refuse_erasure(&call, reading.finish(verb)?).await?;
    let erasure = service.erasure(&call, id).await?;
    Ok(HttpResponse::Created().json(ErasureAnswer::of(&erasure)))
}

/// Withdraw an erasure
///
/// Before it is carried out. What the approval had restricted is lifted.
#[utoipa::path(
    tag = "Erasures", operation_id = "withdrawErasure",
    params(("erasureId" = String, Path, description = "The erasure")),
    responses(
        (status = 200, description = "Withdrawn", body = ErasureAnswer),
        (status = 404, description = "No such erasure for this caller"),
        (status = 409, description = "It is carried out or ended already"),
    ),
    security(("clientCredentials" = ["rights:manage"]))
)]
#[delete("/erasures/{erasureId}")]
pub async fn withdraw(
    caller: Caller,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::RightsManage)?;
    let id = known(&id)?;
    let verb = WithdrawErasure { id, officer: None };
    service.withdraw_erasure(call, verb).await?;
    let erasure = service.erasure(call, id).await?;
    Ok(HttpResponse::Ok().json(ErasureAnswer::of(&erasure)))
}

/// An id in a path; what is none is not there.
pub(super) fn known(id: &str) -> Result<ErasureId, Problem> {
    id.parse().map_err(|_| Problem::new(Kind::NotFound))
}

impl ErasureAnswer {
    /// As an officer sees it.
    pub fn of(erasure: &Erasure) -> Self {
        let at = |moment: Option<crate::domain::moment::Moment>| moment.map(|moment| moment.rfc3339());
        Self {
            id: erasure.id.to_string(),
            state: erasure.state.as_str(),
            person_id: erasure.person_id.clone(),
            organisation: erasure.organisation.to_string(),
            organisations: names(&erasure.organisations),
            ground: erasure.ground.as_str(),
            rights_request_id: erasure.rights_request.map(|id| id.to_string()),
            cooling_off_days: erasure.cooling_days,
            proposed: ErasureStep::of(&erasure.proposed),
            approved: erasure.approved.as_ref().map(ErasureStep::of),
            ended: erasure.ended.as_ref().map(ErasureStep::of),
            refused: erasure.refused.map(|(ground, until)| ErasureRefused {
                ground: ground.as_str(),
                until: at(until),
            }),
            due_at: at(erasure.due_at),
            erased_at: at(erasure.erased_at),
            key_deleted_at: at(erasure.key_deleted_at),
            epoch_destroyed_at: at(erasure.epoch_destroyed_at),
            completed_at: at(erasure.completed_at),
            exceptions: erasure.keeps.iter().map(ErasureException::of).collect(),
            tasks: erasure.tasks.iter().map(TaskOfErasure::of).collect(),
        }
    }
}

impl ErasureStep {
    fn of(step: &Step) -> Self {
        Self {
            at: step.at.rfc3339(),
            officer: step.officer.reveal().clone(),
            system: step.system.clone(),
        }
    }
}

impl ErasureException {
    /// As it is shown.
    pub fn of(keep: &Keep) -> Self {
        Self {
            what: keep.what,
            ground: keep.ground,
            until: keep.until.map(|until| until.rfc3339()),
            term: keep.term.clone(),
            count: keep.count,
            organisation: keep.organisation.as_ref().map(ToString::to_string),
            purpose: keep.purpose.clone(),
            blocks: keep.blocks,
        }
    }
}
