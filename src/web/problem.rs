//! Errors as RFC 9457 documents. Each is a sentence of what is wrong and what to do; nothing of the input comes back.

mod conflicts;

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::headers;
use super::trace::TRACEPARENT;
use crate::service::call::Scope;
use crate::service::refusal::{Conflict, Forbidden, Invalid, Refusal};

/// Media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which a caller may try again when the service has too much work or no database.
const RETRY_AFTER_SECONDS: u32 = 2;

/// An error as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<Invalid>,
    header: Option<Header>,
    close: bool,
    traceparent: Option<String>,
}

/// The one header that belongs to the problem.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Header {
    Challenge(Cow<'static, str>),
    RetryAfter(u32),
    Allow(String),
}

/// What sort of problem; the last part of its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by its title and detail")]
pub enum Kind {
    InvalidInput,
    Unauthenticated,
    InsufficientScope,
    OrganisationNotServed,
    NoGuardianAuthority,
    TestSubjectReadOnly,
    AnotherOfficerNeeded,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    BodyTimeout,
    Conflict(Conflict),
    BodyTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    TooManyRequests,
    Internal,
    NotOffered,
    Busy,
    Unavailable,
}

impl Kind {
    /// The stable code, kebab-case.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::Unauthenticated => "unauthenticated",
            Self::InsufficientScope => "insufficient-scope",
            Self::OrganisationNotServed => "organisation-not-served",
            Self::NoGuardianAuthority => "no-guardian-authority",
            Self::TestSubjectReadOnly => "test-subject-read-only",
            Self::AnotherOfficerNeeded => "another-officer-needed",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::NotAcceptable => "not-acceptable",
            Self::BodyTimeout => "body-timeout",
            Self::Conflict(conflict) => conflicts::texts(conflict).0,
            Self::BodyTooLarge => "body-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::TooManyRequests => "too-many-requests",
            Self::Internal => "internal",
            Self::NotOffered => "not-offered",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidInput => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope
            | Self::OrganisationNotServed
            | Self::NoGuardianAuthority
            | Self::TestSubjectReadOnly
            | Self::AnotherOfficerNeeded => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotOffered => StatusCode::NOT_IMPLEMENTED,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::InvalidInput => "The request is not valid",
            Self::Unauthenticated => "Authentication is needed",
            Self::InsufficientScope => "The token lacks a scope",
            Self::OrganisationNotServed => "The system does not work for this library",
            Self::NoGuardianAuthority => "The guardian may not speak for this person",
            Self::TestSubjectReadOnly => "Test subjects cannot be changed",
            Self::AnotherOfficerNeeded => "Another officer must approve this",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::NotAcceptable => "No such representation",
            Self::BodyTimeout => "The body came too slowly",
            Self::Conflict(_) => "The request contradicts the current state",
            Self::BodyTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::IdempotencyKeyReused => "The Idempotency-Key was used for another request",
            Self::TooManyRequests => "Too many requests",
            Self::Internal => "Something went wrong here",
            Self::NotOffered => "This is not offered",
            Self::Busy => "The service is busy",
            Self::Unavailable => "The service cannot record this now",
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::InvalidInput => "Correct the members named in `errors` and send the request again.",
            Self::Unauthenticated => {
                "Send a valid access token in the header `Authorization: Bearer …`. Get one at `/oauth2/token`."
            }
            Self::InsufficientScope => {
                "The token lacks the scope this needs. Ask for a token with it; the client must be allowed to have it."
            }
            Self::OrganisationNotServed => {
                "The calling system is not registered for this library. Have it added in the policy files, or use the \
                 library it works for."
            }
            Self::NoGuardianAuthority => {
                "There is no verified guardian link, or the child is 16 or older and speaks for itself. Link the \
                 guardian first, or let the young person choose."
            }
            Self::TestSubjectReadOnly => {
                "Test subjects answer the same for everyone. Register a person of your own."
            }
            Self::AnotherOfficerNeeded => {
                "Two people look at every erasure. Let somebody else approve it, with another name and another client."
            }
            Self::NotFound => "There is nothing here for you. Check the path and the id.",
            Self::MethodNotAllowed => {
                "This resource does not know the method. The header `Allow` names those it knows."
            }
            Self::NotAcceptable => {
                "This is not available in that form. Ask for one of the media types in the API document."
            }
            Self::BodyTimeout => {
                "The whole body must arrive within the deadline. Send it again without pauses."
            }
            Self::Conflict(conflict) => conflicts::texts(conflict).1,
            Self::BodyTooLarge => "Send a smaller body; the API document names the limit.",
            Self::UnsupportedMediaType => {
                "Send the body as `application/json` in UTF-8, without content encoding."
            }
            Self::IdempotencyKeyReused => "Use a new Idempotency-Key for every new request.",
            Self::TooManyRequests => {
                "Wait as many seconds as the header `Retry-After` says, and send fewer requests."
            }
            Self::Internal => {
                "Nothing was permitted. Try again; tell us the trace id of the header `traceparent`."
            }
            Self::NotOffered => "The service does not do this.",
            Self::Busy => {
                "There is more work than the service can take. Nothing was recorded. Try again after `Retry-After` \
                 seconds."
            }
            Self::Unavailable => {
                "The service cannot record now, so it answers nothing. Whether a write took effect is unknown: repeat \
                 it with the same Idempotency-Key after `Retry-After` seconds."
            }
        }
    }
}

impl Problem {
    /// A problem with its usual detail.
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            detail: Cow::Borrowed(kind.detail()),
            errors: Vec::new(),
            header: None,
            close: false,
            traceparent: None,
        }
    }

    /// Mistakes in the input.
    pub fn invalid(errors: Vec<Invalid>) -> Self {
        Self {
            errors,
            ..Self::new(Kind::InvalidInput)
        }
    }

    /// No usable token. `error` is the code of RFC 6750 §3.1 when a token was sent and is not good.
    pub fn unauthenticated(error: Option<BearerError>) -> Self {
        let challenge = match error {
            None => "Bearer realm=\"akkoord\"",
            Some(BearerError::InvalidToken) => "Bearer realm=\"akkoord\", error=\"invalid_token\"",
            Some(BearerError::InvalidRequest) => "Bearer realm=\"akkoord\", error=\"invalid_request\"",
        };
        Self {
            header: Some(Header::Challenge(Cow::Borrowed(challenge))),
            ..Self::new(Kind::Unauthenticated)
        }
    }

    /// A good token without a scope that this needs (RFC 6750 §3.1).
    pub fn insufficient_scope(scope: Scope) -> Self {
        let challenge = format!("Bearer realm=\"akkoord\", error=\"insufficient_scope\", scope=\"{scope}\"");
        Self {
            header: Some(Header::Challenge(challenge.into())),
            ..Self::new(Kind::InsufficientScope)
        }
    }

    /// Too many requests; good again after some seconds.
    pub fn too_many(seconds: u32) -> Self {
        Self {
            header: Some(Header::RetryAfter(seconds)),
            ..Self::new(Kind::TooManyRequests)
        }
    }

    /// A path that knows other methods.
    pub fn method_not_allowed(allow: String) -> Self {
        Self {
            header: Some(Header::Allow(allow)),
            ..Self::new(Kind::MethodNotAllowed)
        }
    }

    /// The same with another sentence.
    #[must_use]
    pub fn saying(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same, and it may be good after some seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.header = Some(Header::RetryAfter(seconds));
        self
    }

    /// The same, and the connection is closed after the answer: the rest of the body is not worth waiting for.
    #[must_use]
    pub const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// The same, and the answer names its trace: where no layer outside does that any more.
    #[must_use]
    pub fn traced(mut self, traceparent: String) -> Self {
        self.traceparent = Some(traceparent);
        self
    }

    /// What sort it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The mistakes it names.
    pub fn errors(&self) -> &[Invalid] {
        &self.errors
    }

    fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.kind.status());
        response.content_type(PROBLEM_JSON);
        if self.close {
            response.force_close();
        }
        let mut response = response.json(self.document());
        let map = response.headers_mut();
        if let Some((name, value)) = match &self.header {
            Some(Header::Challenge(text)) => HeaderValue::from_str(text)
                .ok()
                .map(|value| (WWW_AUTHENTICATE, value)),
            Some(Header::RetryAfter(seconds)) => Some((RETRY_AFTER, HeaderValue::from(*seconds))),
            Some(Header::Allow(methods)) => HeaderValue::from_str(methods).ok().map(|value| (ALLOW, value)),
            None => None,
        } {
            map.insert(name, value);
        }
        if let Some(value) = self
            .traceparent
            .as_deref()
            .and_then(|text| HeaderValue::from_str(text).ok())
        {
            map.insert(TRACEPARENT, value);
        }
        // A problem may be answered where no middleware runs any more; it carries its headers itself.
        headers::put(map, headers::Page::Api);
        response
    }

    /// The document that is sent.
    pub fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:akkoord:problem:{}", self.kind.code()),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone().into_owned(),
            errors: self
                .errors
                .iter()
                .map(|error| ProblemError {
                    pointer: error.pointer.clone(),
                    code: error.code.to_owned(),
                    detail: error.detail.clone(),
                })
                .collect(),
        }
    }
}

/// The error codes of RFC 6750 §3.1 that a challenge may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerError {
    /// The token is malformed, expired, revoked or not for us.
    InvalidToken,
    /// The token was sent in a wrong way.
    InvalidRequest,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.code())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(errors) => Self::invalid(errors),
            Refusal::Forbidden(Forbidden::Scope) => Self {
                header: Some(Header::Challenge(Cow::Borrowed(
                    "Bearer realm=\"akkoord\", error=\"insufficient_scope\"",
                ))),
                ..Self::new(Kind::InsufficientScope)
            },
            Refusal::Forbidden(Forbidden::Organisation) => Self::new(Kind::OrganisationNotServed),
            Refusal::Forbidden(Forbidden::Guardian) => Self::new(Kind::NoGuardianAuthority),
            Refusal::Forbidden(Forbidden::TestSubject) => Self::new(Kind::TestSubjectReadOnly),
            Refusal::Forbidden(Forbidden::SameOfficer) => Self::new(Kind::AnotherOfficerNeeded),
            Refusal::NotFound => Self::new(Kind::NotFound),
            Refusal::Conflict(conflict) => Self::new(Kind::Conflict(conflict)),
            Refusal::KeyReused => Self::new(Kind::IdempotencyKeyReused),
            Refusal::Busy => Self {
                header: Some(Header::RetryAfter(RETRY_AFTER_SECONDS)),
                ..Self::new(Kind::Busy)
            },
            Refusal::Unavailable => Self {
                header: Some(Header::RetryAfter(RETRY_AFTER_SECONDS)),
                ..Self::new(Kind::Unavailable)
            },
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(vec![invalid])
    }
}

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, title = "Problem", example = json!({
    "type": "urn:akkoord:problem:invalid-input", "title": "The request is not valid", "status": 400,
    "detail": "Correct the members named in `errors` and send the request again.",
    "errors": [{"pointer": "/purpose", "code": "unknown-purpose", "detail": "The catalogue has no such purpose."}]
}))]
pub struct ProblemDocument {
    /// What sort of problem; stable, to be compared by programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:akkoord:problem:invalid-input")]
    pub kind: String,
    /// The same in words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong here and what to do.
    pub detail: String,
    /// Each mistake of an invalid request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemError>,
}

/// One mistake.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemError {
    /// JSON pointer (RFC 6901) to the member of the body; for a query parameter `?name`, for a header its name.
    #[schema(example = "/person/scheme")]
    pub pointer: String,
    /// Stable code.
    #[schema(example = "unknown-scheme")]
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

#[cfg(test)]
mod tests;
