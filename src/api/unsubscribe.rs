//! Unsubscribing from a message (P15): a page with one button, and the one-click POST of mail programs (RFC 8058). No
//! cookie, no login, no redirect; the token in the link is all that is needed, and it opens nothing else.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;

use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::web::limit::anonymous;
use crate::web::page::{Page, show, show_with};
use crate::web::problem::Problem;

#[derive(Template)]
#[template(path = "portal/unsubscribe.html")]
struct Unsubscribe {
    page: Page,
    /// What is asked or was done, and what follows.
    lead: String,
    hint: String,
    /// Whether the button is still to be pressed.
    button: bool,
}

/// The page. Mail scanners fetch links before people do, so it changes nothing.
#[get("/u/{token}")]
pub async fn show_page(
    request: HttpRequest,
    token: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let page = Page::of(&request);
    let about = match service.unsubscribe_page(&token).await {
        Ok(about) => about,
        Err(refusal) => return unknown(page, refusal),
    };
    let title = match page.language {
        Language::Nl => &about.title_nl,
        Language::En => &about.title_en,
    };
    let lead = page.say2("leave-lead", "library", &about.organisation, "title", title);
    let page = page.titled("leave-title");
    Ok(show(&Unsubscribe {
        lead,
        hint: page.say("leave-hint"),
        button: true,
        page,
    }))
}

/// The act, as often as somebody likes. The body (`List-Unsubscribe=One-Click`, or an empty form) says nothing the link
/// does not, so it is not read.
#[post("/u/{token}")]
pub async fn act(
    request: HttpRequest,
    token: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let page = Page::of(&request);
    if let Err(refusal) = service.unsubscribe(&token).await {
        return unknown(page, refusal);
    }
    let page = page.titled("leave-done");
    Ok(show(&Unsubscribe {
        lead: page.say("leave-done-lead"),
        hint: page.say("leave-done-hint"),
        button: false,
        page,
    }))
}

/// One page for every token that is not good, whatever is wrong with it; other refusals as usual.
fn unknown(page: Page, refusal: Refusal) -> Result<HttpResponse, Problem> {
    match refusal {
        Refusal::NotFound | Refusal::Invalid(_) | Refusal::Forbidden(_) => {
            let page = page.titled("leave-unknown");
            Ok(show_with(
                StatusCode::NOT_FOUND,
                &Unsubscribe {
                    lead: page.say("leave-unknown-lead"),
                    hint: page.say("leave-unknown-hint"),
                    button: false,
                    page,
                },
            ))
        }
        Refusal::Conflict(_) | Refusal::KeyReused | Refusal::Busy | Refusal::Unavailable => {
            Err(refusal.into())
        }
    }
}
