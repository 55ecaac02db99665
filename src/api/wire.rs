//! Pieces of the wire that many resources share.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema;
use crate::service::verbs::{Done, Recorded};
use crate::web::idempotency::IDEMPOTENCY_REPLAYED;

/// A person: by `scheme` and `value`, or by the `personId` that this service gave to the calling system.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({"scheme": "member-number", "value": "2000123456"}))]
pub struct PersonReference {
    /// Kind of identifier.
    #[schema(example = "member-number", max_length = 64)]
    pub scheme: Option<String>,
    /// The identifier.
    #[schema(max_length = 254)]
    pub value: Option<String>,
    /// The calling system's own id of this person at this library.
    #[schema(max_length = 200)]
    pub person_id: Option<String>,
}

/// An identifier.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Identifier)]
pub struct IdentifierBody {
    /// Kind.
    #[schema(example = "member-number", max_length = 64)]
    pub scheme: String,
    /// Value.
    #[schema(example = "2000123456", max_length = 254)]
    pub value: String,
}

/// Who speaks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Actor)]
pub struct ActorBody {
    /// Who.
    #[serde(rename = "type")]
    #[schema(schema_with = schema::actor_kind)]
    pub kind: String,
    /// The guardian, where `type` is `guardian`.
    pub guardian: Option<PersonReference>,
    /// The staff member's own number, when somebody of the library typed or acted.
    #[schema(max_length = 100)]
    pub staff: Option<String>,
}

/// An act that was recorded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordedEvent)]
pub struct RecordedAnswer {
    /// The event.
    #[schema(example = "8f14e45fceea167a5a36dedd4bea2543")]
    pub event_id: String,
    /// When it was recorded.
    #[schema(schema_with = schema::moment)]
    pub recorded_at: String,
}

impl From<&Recorded> for RecordedAnswer {
    fn from(recorded: &Recorded) -> Self {
        Self {
            event_id: recorded.id.to_string(),
            recorded_at: recorded.recorded_at.rfc3339(),
        }
    }
}

/// An answer to a write, saying when it is a replay.
pub fn done<T, W: Serialize>(
    status: StatusCode,
    done: &Done<T>,
    render: impl FnOnce(&T) -> W,
) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if done.replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    response.json(render(&done.answer))
}

/// The answer to an act that has no more to say than its id.
pub fn recorded(status: StatusCode, outcome: &Done<Recorded>) -> HttpResponse {
    done(status, outcome, |answer| RecordedAnswer::from(answer))
}

pub use crate::domain::hex::hex;

/// Names of ids, sorted as they are.
pub fn names<T: ToString>(ids: impl IntoIterator<Item = T>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}
