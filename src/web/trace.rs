//! One outermost layer around every request: its trace (W3C Trace Context), one log line with the pattern of its route
//! and never its path, its counters, the headers of every answer, and an answer even when a handler panics.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};
use futures_util::FutureExt;

use super::headers::{self, Page};
use super::limit::Allowance;
use super::problem::{Kind, Problem};
use super::site::Site;
use super::unread;
use crate::domain::hex::hex;
use crate::service::Service;
use crate::world::random;

/// The header of W3C Trace Context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace a request belongs to, and our own span in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

impl Trace {
    /// The trace of a request, once the outermost layer has seen it.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().copied()
    }

    /// The trace id: 32 hexadecimal digits.
    pub fn id(&self) -> String {
        hex(&self.trace)
    }

    /// The header, with our span as the parent of what follows.
    pub fn traceparent(&self) -> String {
        format!(
            "00-{}-{}-{:02x}",
            hex(&self.trace),
            hex(&self.span),
            u8::from(self.sampled)
        )
    }

    /// Continues the trace of a header; a header that is no `traceparent` starts a new one. `fresh` are random bytes.
    fn continuing(header: Option<&str>, fresh: [u8; 24]) -> Self {
        let (own_trace, own_span) = fresh.split_at(16);
        let (trace, sampled) = header.and_then(parse).unwrap_or((first(own_trace), false));
        Self {
            trace,
            span: first(own_span),
            sampled,
        }
    }
}

/// The trace id and the sampled flag of a `traceparent`.
fn parse(header: &str) -> Option<([u8; 16], bool)> {
    let mut parts = header.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = unhex::<1>(version)?;
    let [flags] = unhex::<1>(flags)?;
    let (trace, parent) = (unhex::<16>(trace)?, unhex::<8>(parent)?);
    // Version 0 has exactly four parts; later ones may have more (W3C Trace Context §3.2.4).
    let known = version != 0xff && (version != 0 || parts.next().is_none());
    (known && trace != [0; 16] && parent != [0; 8]).then_some((trace, flags & 1 == 1))
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// Which client made a request; put there by authentication, for the log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName(pub String);

/// The layer.
///
/// # Errors
/// 500 as a problem document when a handler panics.
pub async fn observe(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let fresh = request
        .app_data::<Data<Service>>()
        .map_or([0; 24], |service| random(service.world()));
    let header = request.headers().get(&TRACEPARENT).and_then(|v| v.to_str().ok());
    let trace = Trace::continuing(header, fresh);
    request.extensions_mut().insert(trace);
    let method = method_name(request.method());
    let page = Page::of(request.path());
    let site = request.app_data::<Data<Site>>().cloned();

    let held = unread::hold(&mut request);
    let answered = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let mut answered = answered.unwrap_or_else(|_| {
        let problem = Problem::new(Kind::Internal).closing();
        Err(problem.traced(trace.traceparent()).into())
    });
    let (route, client, status) = match &mut answered {
        Ok(response) => {
            let allowance = response.request().extensions().get::<Allowance>().copied();
            let client = response.request().extensions().get::<ClientName>().cloned();
            let route = response.request().match_pattern();
            let map = response.headers_mut();
            headers::put(map, page);
            if let Some(allowance) = allowance {
                allowance.put(map);
            }
            if let Ok(value) = HeaderValue::from_str(&trace.traceparent()) {
                map.insert(TRACEPARENT, value);
            }
            (route, client, response.status())
        }
        Err(error) => (None, None, error.as_response_error().status_code()),
    };
    let route = route.as_deref().unwrap_or("unmatched");
    let took = started.elapsed();
    if let Some(site) = site {
        site.metrics.answered(route, method, status.as_u16(), took);
    }
    tracing::info!(
        target: "akkoord::request",
        method,
        route,
        status = status.as_u16(),
        duration_ms = took.as_secs_f64() * 1_000.0,
        client = client.as_ref().map(|client| client.0.as_str()),
        trace_id = trace.id(),
    );
    match held {
        Some(held) => answered.map(|response| held.until_sent(response)),
        None => answered,
    }
}

/// The method, from a fixed list: a caller may send any word as its method.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service, try_call_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    #[actix_web::test]
    async fn a_panic_is_answered_without_details_and_with_every_header() {
        let broken = web::to(|| async {
            if Method::GET == "GET" {
                panic!("a secret");
            }
            HttpResponse::Ok().finish()
        });
        let app = App::new().route("/", broken).wrap(from_fn(observe));
        let app = init_service(app).await;
        let answered = try_call_service(&app, TestRequest::get().to_request()).await;
        let response = answered.unwrap_err().error_response();
        assert_eq!(response.status(), 500);
        for name in [
            "api-version",
            "strict-transport-security",
            "traceparent",
            "cache-control",
        ] {
            assert!(response.headers().contains_key(name), "{name}");
        }
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        assert!(!String::from_utf8(body.to_vec()).unwrap().contains("secret"));
    }

    const FRESH: [u8; 24] = [7; 24];

    #[test]
    fn a_trace_is_continued_with_our_own_span() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Trace::continuing(Some(header), FRESH);
        assert_eq!(trace.id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(
            trace.traceparent(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01"
        );
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
        assert_eq!(
            Trace::continuing(Some(later), FRESH).id(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
    }

    #[test]
    fn what_is_no_traceparent_starts_a_new_trace() {
        for header in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert_eq!(
                Trace::continuing(Some(header), FRESH).id(),
                "07".repeat(16),
                "{header}"
            );
        }
    }
}
