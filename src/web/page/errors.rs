//! Errors as pages in plain words. Handlers of faces for people answer with the same problems as everybody; one layer turns
//! what a person would see into a page in their language, with what to do and whom to call.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER};
use actix_web::middleware::Next;
use askama::Template;

use super::{Page, show_with};
use crate::web::problem::{PROBLEM_JSON, Problem};
use crate::web::session::{Turned, Why};
use crate::web::texts;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    lead: String,
    hint: String,
}

/// The page for a status; `code` is that of the problem, for which there may be words of its own.
pub fn page(page: Page, status: StatusCode, code: Option<&str>) -> actix_web::HttpResponse {
    let own = code
        .map(|code| format!("error-{code}"))
        .filter(|id| texts::has(id));
    let by_status = format!("error-{}", status.as_u16());
    let id = own.unwrap_or_else(|| match status {
        _ if texts::has(&by_status) => by_status,
        status if status.is_server_error() => "error-500".to_owned(),
        _ => "error-400".to_owned(),
    });
    let mut page = page;
    page.title = page.say(&id);
    let (lead, hint) = (page.say(&format!("{id}-lead")), page.say(&format!("{id}-hint")));
    show_with(status, &ErrorPage { page, lead, hint })
}

/// The layer.
///
/// # Errors
/// Those of the layers inside it.
pub async fn in_words(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let for_people = is_for_people(&request);
    let answered = next.call(request).await?;
    let is_problem = answered
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(PROBLEM_JSON.as_bytes()));
    let error = answered.response().error();
    let turned = error.and_then(|error| match error.as_error::<Turned>()? {
        Turned::Said(why, _) => Some(*why),
        Turned::SignIn { .. } | Turned::Again(_) => None,
    });
    if !for_people || (!is_problem && turned.is_none()) {
        return Ok(answered);
    }
    let status = answered.status();
    let problem = error.and_then(|error| error.as_error::<Problem>());
    let code = turned
        .and_then(code)
        .or_else(|| problem.map(|problem| problem.kind().code()));
    let mut shown = page(Page::of(answered.request()), status, code);
    for name in [RETRY_AFTER, ALLOW] {
        if let Some(value) = answered.headers().get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    let (request, _) = answered.into_parts();
    Ok(ServiceResponse::new(request, shown))
}

/// What is said in other words than its status.
const fn code(why: Why) -> Option<&'static str> {
    match why {
        Why::NotAllowed => Some("not-allowed"),
        Why::FromElsewhere => Some("from-elsewhere"),
        Why::Malformed | Why::TooLong | Why::NotFound | Why::Changed | Why::TooOften | Why::Unavailable => {
            None
        }
    }
}

/// Whether a person reads the answer: a browser went there, and not to a path of programs.
fn is_for_people(request: &ServiceRequest) -> bool {
    const PROGRAMS: [&str; 7] = [
        "/v1",
        "/access",
        "/oauth2",
        "/.well-known",
        "/log",
        "/docs",
        "/readyz",
    ];
    let path = request.path();
    let browser = request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.contains("text/html"));
    browser && !PROGRAMS.iter().any(|start| path.starts_with(start))
}
