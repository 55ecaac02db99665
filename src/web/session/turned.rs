//! Who is turned away, and how that is said: in plain words, as a page.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, ResponseError};
use url::form_urlencoded::byte_serialize;

use crate::domain::preference::Language;
use crate::service::refusal::{Conflict, Refusal};

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Signed in, and not for this: 403.
    NotAllowed,
    /// The form did not stand on a page of ours, or its page is too old: 403.
    FromElsewhere,
    /// The form cannot be read: 400.
    Malformed,
    /// The form is too long: 413.
    TooLong,
    /// There is nothing here, or not for this person: 404. The same for both.
    NotFound,
    /// Somebody changed it meanwhile: 409.
    Changed,
    /// Too often: 429.
    TooOften,
    /// It cannot be done now: 503.
    Unavailable,
}

/// An answer that is not the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turned {
    /// First sign in, and then come back.
    SignIn {
        /// The page to sign in.
        page: &'static str,
        /// Where to come back to; may be empty.
        onward: String,
    },
    /// Begin again, on another page.
    Again(&'static str),
    /// A page that says why.
    Said(Why, Language),
}

impl Turned {
    /// A page that says why.
    pub const fn new(why: Why, language: Language) -> Self {
        Self::Said(why, language)
    }

    /// To the page to sign in.
    pub fn sign_in(page: &'static str, onward: &str) -> Self {
        Self::SignIn {
            page,
            onward: onward.to_owned(),
        }
    }

    /// What a use case refused. What is not there and what is not theirs look the same.
    pub const fn refused(refusal: &Refusal, language: Language) -> Self {
        let why = match refusal {
            Refusal::NotFound | Refusal::Conflict(Conflict::Erased) => Why::NotFound,
            Refusal::Forbidden(_) => Why::NotAllowed,
            Refusal::Conflict(_) | Refusal::KeyReused => Why::Changed,
            Refusal::Invalid(_) => Why::Malformed,
            Refusal::Busy | Refusal::Unavailable => Why::Unavailable,
        };
        Self::Said(why, language)
    }
}

impl Why {
    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotAllowed | Self::FromElsewhere => StatusCode::FORBIDDEN,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Changed => StatusCode::CONFLICT,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn { .. } => f.write_str("not signed in"),
            Self::Again(page) => write!(f, "begin again at {page}"),
            Self::Said(why, _) => write!(f, "turned away: {why:?}"),
        }
    }
}

impl std::error::Error for Turned {}

impl ResponseError for Turned {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::Again(_) => StatusCode::SEE_OTHER,
            Self::Said(why, _) => why.status(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::SignIn { page, onward } => {
                let to = if onward.is_empty() {
                    (*page).to_owned()
                } else {
                    let onward: String = byte_serialize(onward.as_bytes()).collect();
                    format!("{page}?verder={onward}")
                };
                HttpResponse::SeeOther().insert_header((LOCATION, to)).finish()
            }
            Self::Again(page) => HttpResponse::SeeOther().insert_header((LOCATION, *page)).finish(),
            // The words come from the layer around all pages (`web::page::errors`).
            Self::Said(why, _) => HttpResponse::build(why.status()).finish(),
        }
    }
}
