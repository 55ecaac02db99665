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

    /// Title and what to do.
    pub const fn words(self, language: Language) -> (&'static str, &'static str) {
        match (self, language) {
            (Self::NotAllowed, Language::Nl) => (
                "Dit mag je hier niet",
                "Je bent ingelogd, maar niet voor deze pagina. Klopt dat niet? Vraag het aan je bibliotheek.",
            ),
            (Self::NotAllowed, Language::En) => (
                "You may not do this here",
                "You are logged in, but not for this page. Is that wrong? Ask your library.",
            ),
            (Self::FromElsewhere, Language::Nl) => (
                "We hebben niets veranderd",
                "Deze pagina stond te lang open, of kwam niet van ons. Ga terug, ververs de pagina en probeer het nog eens.",
            ),
            (Self::FromElsewhere, Language::En) => (
                "We changed nothing",
                "This page was open too long, or did not come from us. Go back, reload the page and try again.",
            ),
            (Self::Malformed, Language::Nl) => (
                "We snappen dit niet",
                "Er ging iets mis met het formulier. We hebben niets veranderd. Ga terug en vul het nog eens in.",
            ),
            (Self::Malformed, Language::En) => (
                "We do not understand this",
                "Something went wrong with the form. We changed nothing. Go back and fill it in again.",
            ),
            (Self::TooLong, Language::Nl) => (
                "Je tekst is te lang",
                "We hebben niets veranderd. Ga terug en maak je tekst korter.",
            ),
            (Self::TooLong, Language::En) => (
                "Your text is too long",
                "We changed nothing. Go back and make your text shorter.",
            ),
            (Self::NotFound, Language::Nl) => (
                "Deze pagina is er niet",
                "De pagina bestaat niet, of is niet voor jou. Ga naar Mijn privacy om verder te gaan.",
            ),
            (Self::NotFound, Language::En) => (
                "This page is not there",
                "The page does not exist, or is not for you. Go to My privacy to go on.",
            ),
            (Self::Changed, Language::Nl) => (
                "Er is intussen iets veranderd",
                "We hebben nu niets veranderd. Ga terug, ververs de pagina en kijk wat er staat.",
            ),
            (Self::Changed, Language::En) => (
                "Something has changed meanwhile",
                "We changed nothing now. Go back, reload the page and look what it says.",
            ),
            (Self::TooOften, Language::Nl) => (
                "Dat ging te vaak",
                "Wacht een paar minuten en probeer het dan nog eens.",
            ),
            (Self::TooOften, Language::En) => {
                ("That was too often", "Wait a few minutes and then try again.")
            }
            (Self::Unavailable, Language::Nl) => (
                "Het lukt nu even niet",
                "We weten niet zeker of je keuze is opgeslagen. Wacht even, ververs de pagina en kijk wat er staat.",
            ),
            (Self::Unavailable, Language::En) => (
                "It does not work right now",
                "We are not sure that your choice was saved. Wait a moment, reload the page and look what it says.",
            ),
        }
    }
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn { .. } => f.write_str("not signed in"),
            Self::Said(why, _) => write!(f, "turned away: {why:?}"),
        }
    }
}

impl std::error::Error for Turned {}

impl ResponseError for Turned {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } => StatusCode::SEE_OTHER,
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
            Self::Said(why, language) => {
                let (title, text) = why.words(*language);
                HttpResponse::build(why.status())
                    .content_type("text/html; charset=utf-8")
                    .body(format!(
                        "<!doctype html>\n<html lang=\"{}\">\n<title>{title}</title>\n<main>\n<h1>{title}</h1>\n\
                         <p>{text}</p>\n<p><a href=\"/mijn\">Mijn privacy</a></p>\n</main>\n</html>\n",
                        language.as_str()
                    ))
            }
        }
    }
}
