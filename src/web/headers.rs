//! Headers that every answer carries, errors included (NL API Design Rules: version-header, security-headers; ASVS V3.4).

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::page;

/// The full version of the API, on every answer.
pub const API_VERSION: HeaderName = HeaderName::from_static("api-version");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Where the pages for people are.
const PEOPLE: [&str; 10] = [
    "/mijn",
    "/balie",
    "/fg",
    "/inloggen",
    "/uitloggen",
    "/u",
    "/k",
    "/assets",
    "/zo-doen-wij-het",
    "/toegankelijkheid",
];

fn begins(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a browser may do with an answer that says nothing about it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Data for programs: nothing.
    Api,
    /// The API documentation, whose scripts and styles come with the program.
    Docs,
    /// A page for people.
    People,
}

impl Page {
    /// By path.
    pub fn of(path: &str) -> Self {
        if path == "/docs" || path.starts_with("/docs/") {
            Self::Docs
        } else if path == "/" || PEOPLE.iter().any(|start| begins(path, start)) {
            Self::People
        } else {
            Self::Api
        }
    }

    const fn content_security_policy(self) -> &'static str {
        match self {
            Self::Api => "default-src 'none'; frame-ancestors 'none'; sandbox",
            Self::People => page::CONTENT_POLICY,
            // Swagger UI writes style attributes; its scripts are files.
            Self::Docs => {
                "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                 font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
            }
        }
    }
}

/// Puts the headers on an answer. A cache rule or content security policy that the answer has already stays.
pub fn put(headers: &mut HeaderMap, page: Page) {
    let fixed = [
        (API_VERSION, env!("CARGO_PKG_VERSION")),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let defaults = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, page.content_security_policy()),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
