//! The desk: staff finds a member by number and in no other way, reads the question aloud, and records what the member says
//! there or wrote on a form: a choice, or that something must stop. The member gets a receipt on the spot, and a mail when an
//! address is known. Every look at a member is recorded first, with who looked and why.

mod look;
mod object;
mod record;
mod told;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use askama::Template;
use serde::Deserialize;

use super::asking;
use super::children::mistake;
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::family::Near;
use crate::service::refusal::Refusal;
use crate::service::sessions::staff::{Reach, Role};
use crate::web::page::Page;
use crate::web::session::{self, Staff, Turned, Why};

/// The paths of the desk. A member is a ticket: it is good for a quarter of an hour and for who looked the member up.
pub(super) const PATHS: [(&str, &[Method]); 6] = [
    ("/balie", &[Method::GET, Method::POST]),
    ("/balie/lid/{member}", &[Method::GET]),
    ("/balie/lid/{member}/{purpose}", &[Method::GET, Method::POST]),
    ("/balie/lid/{member}/{purpose}/klaar", &[Method::GET]),
    ("/balie/lid/{member}/bezwaar/{what}", &[Method::GET, Method::POST]),
    ("/balie/lid/{member}/bezwaar/{what}/klaar", &[Method::GET]),
];

/// Where a ticket that is no longer good leads.
const TOO_OLD: &str = "/balie?fout=verlopen";

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(look::start)
        .service(look::look_for)
        .service(look::show_member)
        .service(object::shown)
        .service(object::ask)
        .service(object::fill_in)
        .service(record::shown)
        .service(record::ask)
        .service(record::fill_in);
}

/// A receipt, to show or print.
#[derive(Template)]
#[template(path = "desk/receipt.html")]
struct Done {
    page: Page,
    /// A child said yes, and a parent has not.
    waits: bool,
    code: String,
    lines: Vec<(String, String)>,
    mailed: bool,
    again: String,
}

/// What the page says above.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    fout: String,
    #[serde(default)]
    bewijs: String,
}

/// A page of the desk, for who may stand there.
fn page_of(request: &HttpRequest, staff: &Staff) -> Result<Page, Turned> {
    let mut page = Page::of(request);
    staff.require(&[Role::Desk, Role::Officer], page.language)?;
    page = page
        .with_navigation(&[("/balie", "desk-navigation")])
        .signed_in(staff.session.csrf(), "/uitloggen");
    page.who = Some(staff.identity.name.reveal().clone());
    Ok(page)
}

/// What staff does, as a call of the desk, within the libraries they work for.
fn call_of(staff: &Staff, language: Language) -> Result<Call, Refusal> {
    let mut call = session::call("desk", &[Scope::ConsentsRead, Scope::ConsentsWrite], language)?;
    call.principal.client = format!("desk:{}", staff.identity.subject.reveal());
    Ok(match staff.reach() {
        Reach::All => call,
        Reach::These(these) => call.within(these.clone()),
    })
}

/// A member who was looked up a moment ago.
struct Seen {
    near: Near,
    /// How verbs name them.
    id: String,
    /// The pages about them.
    path: String,
}

/// The member of a ticket. One of somebody else, one that is too old and no ticket at all lead to the same page.
async fn seen(service: &Service, staff: &Staff, page: &Page, ticket: &str) -> Result<(Call, Seen), Turned> {
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let call = call_of(staff, page.language).map_err(refused)?;
    let looked = service
        .looked_up(&call, ticket)
        .map_err(|_| Turned::Again(TOO_OLD))?;
    let near = match service.near(&call, &looked.person_id).await {
        Ok(near) if staff.reach().covers(&near.organisation) => near,
        Ok(_) | Err(Refusal::NotFound) => return Err(Turned::Again(TOO_OLD)),
        Err(refusal) => return Err(refused(refusal)),
    };
    let seen = Seen {
        near,
        id: looked.person_id,
        path: format!("/balie/lid/{ticket}"),
    };
    Ok((call, seen))
}

fn number(near: &Near) -> String {
    near.number
        .as_ref()
        .map(|number| number.reveal().clone())
        .unwrap_or_default()
}

fn library(service: &Service, near: &Near) -> String {
    service.catalogue().library(&near.organisation).to_owned()
}

/// What is not there, or not theirs.
fn not_found(page: &Page) -> Turned {
    Turned::new(Why::NotFound, page.language)
}

/// The first letters of the number of a receipt, for people; the whole number stands below it.
fn short(id: &str) -> String {
    let text: String = id.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let (first, rest) = text.split_at_checked(4).unwrap_or((&text, ""));
    format!("B-{}-{}", first.to_uppercase(), rest.to_uppercase())
}
