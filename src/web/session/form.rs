//! Forms: read strictly, and only from a page of ours.
//!
//! Another site can make a browser send a form here, with its cookies. Two things show that it did not: what the browser
//! itself says of where the form stood (`Sec-Fetch-Site`, or `Origin` from older browsers), and a hidden field that only our
//! page could know (ASVS V3.5).

use actix_web::dev::Payload;
use actix_web::http::header::ORIGIN;
use actix_web::web::{Data, Query};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::{SIGN_IN, SIGN_IN_STAFF, Turned, Why, back, cookie, onward};
use crate::crypto::{constant_time_eq, sha256_parts};
use crate::service::Service;
use crate::service::call::Idempotency;
use crate::web::body;
use crate::web::form::decode;
use crate::web::language;
use crate::web::problem::Kind;

/// Longest form, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The field that only our page could know.
const CSRF: &str = "_csrf";
/// The field that makes a form count once.
const ONCE: &str = "_once";

/// A form of somebody who is signed in.
#[derive(Debug)]
pub struct Form<T> {
    /// What was filled in.
    pub value: T,
    /// When the form has a field `_once`: what makes its second sending a repetition of the first. To be put in the call.
    pub idempotency: Option<Idempotency>,
}

/// A form of somebody who need not be signed in: to sign in, for one. Its field `_csrf` is [`Service::form_token`].
#[derive(Debug)]
pub struct OpenForm<T> {
    /// What was filled in.
    pub value: T,
}

impl<T: DeserializeOwned> FromRequest for Form<T> {
    type Error = Turned;
    type Future = LocalBoxFuture<'static, Result<Self, Turned>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let fields = Fields::read(&request, payload).await?;
            let service = service(&request)?;
            let Some(token) = cookie::of(&request, service) else {
                let onward = back(&request);
                let page = if onward::is_of_staff(&onward) {
                    SIGN_IN_STAFF
                } else {
                    SIGN_IN
                };
                return Err(Turned::sign_in(page, &onward));
            };
            let expected = token.csrf();
            if !constant_time_eq(expected.as_bytes(), fields.csrf.as_bytes()) {
                return Err(Turned::new(Why::FromElsewhere, language::of(&request)));
            }
            Ok(Self {
                idempotency: fields.idempotency(&request, &expected),
                value: fields.value(&request)?,
            })
        })
    }
}

impl<T: DeserializeOwned> FromRequest for OpenForm<T> {
    type Error = Turned;
    type Future = LocalBoxFuture<'static, Result<Self, Turned>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let fields = Fields::read(&request, payload).await?;
            if !service(&request)?.is_form_token(&fields.csrf) {
                return Err(Turned::new(Why::FromElsewhere, language::of(&request)));
            }
            Ok(Self {
                value: fields.value(&request)?,
            })
        })
    }
}

fn service(request: &HttpRequest) -> Result<&Service, Turned> {
    request
        .app_data::<Data<Service>>()
        .map(|service| service.get_ref())
        .ok_or_else(|| Turned::new(Why::Unavailable, language::of(request)))
}

/// The fields of a form that stood on a page of ours.
struct Fields {
    csrf: Zeroizing<String>,
    once: Option<String>,
    rest: Vec<(String, Zeroizing<String>)>,
}

impl Fields {
    async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Turned> {
        let language = language::of(request);
        if !stood_here(request) {
            return Err(Turned::new(Why::FromElsewhere, language));
        }
        let body = body::read(request, payload, Kind::UnsupportedMediaType, is_form).await;
        let body = body.map_err(|problem| match problem.kind() {
            Kind::BodyTooLarge => Turned::new(Why::TooLong, language),
            _ => Turned::new(Why::Malformed, language),
        })?;
        if body.len() > MAX_BYTES {
            return Err(Turned::new(Why::TooLong, language));
        }
        Self::parse(&body).ok_or_else(|| Turned::new(Why::Malformed, language))
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let (mut csrf, mut once, mut rest) = (None, None, Vec::new());
        for part in body.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default()).ok()?;
            let value = text(halves.next().unwrap_or_default())?;
            match name.as_str() {
                CSRF if csrf.is_none() => csrf = Some(value),
                ONCE if once.is_none() => once = Some(value.to_string()),
                CSRF | ONCE => return None,
                _ => rest.push((name.to_string(), value)),
            }
        }
        Some(Self {
            csrf: csrf.unwrap_or_default(),
            once,
            rest,
        })
    }

    fn value<T: DeserializeOwned>(&self, request: &HttpRequest) -> Result<T, Turned> {
        let mut encoded = Serializer::new(String::new());
        for (name, value) in &self.rest {
            encoded.append_pair(name, value);
        }
        let encoded = Zeroizing::new(encoded.finish());
        match Query::<T>::from_query(&encoded) {
            Ok(query) => Ok(query.into_inner()),
            Err(_) => Err(Turned::new(Why::Malformed, language::of(request))),
        }
    }

    fn idempotency(&self, request: &HttpRequest, csrf: &str) -> Option<Idempotency> {
        let once = self.once.as_deref().filter(|once| !once.is_empty())?;
        let mut parts: Vec<&[u8]> = vec![request.path().as_bytes()];
        for (name, value) in &self.rest {
            parts.extend([b"\n", name.as_bytes(), b"=", value.as_bytes()]);
        }
        Some(Idempotency {
            key: sha256_parts(&[csrf.as_bytes(), b"\n", once.as_bytes()]),
            request: sha256_parts(&parts),
        })
    }
}

/// A value in clear. Unlike elsewhere it may have lines, which a browser sends as `\r\n`; other control characters may not be.
fn text(encoded: &[u8]) -> Option<Zeroizing<String>> {
    let mut whole = Zeroizing::new(String::new());
    let mut rest = encoded;
    loop {
        let at = rest
            .windows(6)
            .position(|bytes| bytes.eq_ignore_ascii_case(b"%0d%0a"));
        let Some(at) = at else {
            whole.push_str(&decode(rest).ok()?);
            return Some(whole);
        };
        let (line, after) = rest.split_at(at);
        whole.push_str(&decode(line).ok()?);
        whole.push('\n');
        rest = after.split_at_checked(6)?.1;
    }
}

/// Whether the form stood on a page of ours. `none` is somebody who did it by hand.
fn stood_here(request: &HttpRequest) -> bool {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    };
    match header("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => {
            let origin = header(ORIGIN.as_str());
            let base = request.app_data::<Data<Service>>();
            base.is_some_and(|service| origin == Some(service.public_base()))
        }
    }
}

fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_the_hidden_ones_taken_out() {
        let fields = Fields::parse(b"_csrf=abc&_once=x&why=one%0D%0Atwo&a=1&a=2").unwrap();
        assert_eq!(fields.csrf.as_str(), "abc");
        assert_eq!(fields.once.as_deref(), Some("x"));
        let rest: Vec<_> = fields
            .rest
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(rest, [("why", "one\ntwo"), ("a", "1"), ("a", "2")]);
        for wrong in ["_csrf=a&_csrf=b", "a=%0a", "a=%00", "a=%ff", "a=%", "%0d%0a=1"] {
            assert!(Fields::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(is_form("application/x-www-form-urlencoded; charset=UTF-8"));
        assert!(!is_form("text/plain") && !is_form("multipart/form-data; boundary=x"));
    }
}
