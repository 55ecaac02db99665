//! The feed of changes, for systems that ask: what happened to people they may act on, by their own ids.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::schema;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::propagate::{LONGEST_WAIT, ReadChanges, Told};
use crate::service::refusal::Invalid;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::query::{self, Query};

/// Where to begin, and how long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The `nextCursor` of the page before; `latest` to begin at the end; absent to begin with the oldest that is kept.
    after: Option<String>,
    /// Changes on a page, 1 to 100; 50 when absent.
    limit: Option<String>,
    /// Seconds to wait while there is nothing, 0 to 30; 0 when absent.
    wait: Option<String>,
}

/// A page of the feed, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeFeed {
    /// Changes. Of one person always in their order.
    pub items: Vec<ChangeItem>,
    /// Where the next page begins; keep it once the page is dealt with. Always there.
    pub next_cursor: String,
    /// Whether the next page may be asked for at once. A page can be empty and have more behind it.
    pub more: bool,
}

/// One change. It says that something changed, not what holds now: ask for that.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeItem {
    /// Its id, for this system alone; a change that is told twice has the same.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "nl.akkoord.consent-withdrawn.v1")]
    pub kind: String,
    /// The calling system's own id of the person.
    pub person_id: String,
    /// In a merge: the id of the record that ended. `personId` is the one that stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_person_id: Option<String>,
    /// The library.
    #[schema(example = "bibliotheek-de-linde")]
    pub organisation: String,
    /// The purpose; absent when it touches all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// When it was recorded.
    #[schema(schema_with = schema::moment)]
    pub recorded_at: String,
    /// Its place: of two changes of one person the higher one is the later one. Compare as text.
    #[schema(example = "00000000000000004711")]
    pub sequence: String,
}

impl From<&Told> for ChangeItem {
    fn from(told: &Told) -> Self {
        Self {
            id: told.id.clone(),
            kind: told.kind.clone(),
            person_id: told.person_id.clone(),
            merged_person_id: told.merged_person_id.clone(),
            organisation: told.organisation.clone(),
            purpose: told.purpose.clone(),
            recorded_at: told.recorded_at.rfc3339(),
            sequence: told.sequence(),
        }
    }
}

/// Read the feed of changes
///
/// What the calling system must know: choices, objections, restrictions, merges and erasures of people at its libraries,
/// for purposes it may act on. Kept for 30 days. Nothing is ever skipped: read, deal with the page, keep `nextCursor`.
#[utoipa::path(
    tag = "Changes", operation_id = "readChanges", params(ChangesQuery),
    responses((status = 200, description = "A page", body = ChangeFeed)),
    security(("clientCredentials" = ["changes:read"]))
)]
#[get("/changes")]
pub async fn read(
    caller: Caller,
    Query(asked): Query<ChangesQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::ChangesRead)?;
    let limit = query::limit(asked.limit.as_deref())?;
    let wait = wait(asked.wait.as_deref())?;
    let from_now = asked.after.as_deref() == Some("latest");
    let verb = ReadChanges {
        after: asked.after.filter(|_| !from_now),
        from_now,
        limit,
        wait,
    };
    let page = service.changes(call, verb).await?;
    Ok(HttpResponse::Ok().json(ChangeFeed {
        items: page.items.iter().map(ChangeItem::from).collect(),
        next_cursor: page.cursor,
        more: page.more,
    }))
}

fn wait(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else {
        return Ok(Duration::ZERO);
    };
    let seconds = text.parse().ok().filter(|seconds| *seconds <= LONGEST_WAIT);
    let detail = "Give whole seconds from 0 to 30.";
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| Invalid::new("?wait", "invalid-value", detail).into())
}
