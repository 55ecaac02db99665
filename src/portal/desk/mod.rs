//! The desk: staff finds a member by number and in no other way, reads the question aloud, and records what the member says
//! there or wrote on a form. The member gets a receipt on the spot, and a mail when an address is known.

mod record;

use actix_web::http::Method;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::asking::{self, Line};
use super::children::mistake;
use crate::domain::ids::OrganisationId;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::family::Near;
use crate::service::refusal::Refusal;
use crate::service::sessions::staff::Role;
use crate::web::page::{Page, onward, show};
use crate::web::session::{self, Form, Staff, Turned, Why};

/// The paths of the desk.
pub(super) const PATHS: [(&str, &[Method]); 4] = [
    ("/balie", &[Method::GET, Method::POST]),
    ("/balie/lid/{member}", &[Method::GET]),
    ("/balie/lid/{member}/{purpose}", &[Method::GET, Method::POST]),
    ("/balie/lid/{member}/{purpose}/klaar", &[Method::GET]),
];

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(start)
        .service(look_for)
        .service(show_member)
        .service(record::ask)
        .service(record::fill_in)
        .service(record::shown);
}

#[derive(Template)]
#[template(path = "desk/start.html")]
struct Start {
    page: Page,
    /// Where one works; with more than one, the library is chosen.
    libraries: Vec<(String, String)>,
    unknown: bool,
}

#[derive(Template)]
#[template(path = "desk/member.html")]
struct Found {
    page: Page,
    library: String,
    number: String,
    age: String,
    child: bool,
    guardians: usize,
    lines: Vec<Line>,
}

/// Whom staff looks for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    nummer: String,
    #[serde(default)]
    bij: String,
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

/// What staff does, as a call of the desk.
fn call_of(language: Language) -> Result<Call, Refusal> {
    session::call("desk", &[Scope::ConsentsRead, Scope::ConsentsWrite], language)
}

/// A member of a library that this person of staff works for; anybody else is not there.
async fn near(service: &Service, staff: &Staff, call: &Call, member: &str) -> Result<Near, Refusal> {
    let near = service.near(call, member).await?;
    if staff.reach().covers(&near.organisation) {
        return Ok(near);
    }
    Err(Refusal::NotFound)
}

/// Find a member.
#[get("/balie")]
pub async fn start(
    request: HttpRequest,
    asked: Query<Asked>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let mut page = page_of(&request, &staff)?.titled("desk-title");
    let catalogue = service.catalogue();
    let own = staff.reach().of(catalogue.organisations.keys());
    if let [only] = own.as_slice() {
        page = page.at(&catalogue, only);
    }
    let libraries = own
        .iter()
        .filter_map(|id| Some((id.to_string(), catalogue.organisations.get(id)?.name.clone())))
        .collect();
    Ok(show(&Start {
        page,
        libraries,
        unknown: asked.fout == "onbekend",
    }))
}

/// Finds one. The number stands in the form and in no address.
#[post("/balie")]
pub async fn look_for(
    request: HttpRequest,
    staff: Staff,
    form: Form<Wanted>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &staff)?;
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let unknown = || onward(&page.to("/balie?fout=onbekend"));
    let catalogue = service.catalogue();
    let scheme = catalogue
        .schemes
        .iter()
        .find(|(id, _)| id.as_str() == "member-number");
    let Some((scheme, number)) =
        scheme.and_then(|(id, scheme)| Some((id, scheme.normalise(&form.value.nummer)?)))
    else {
        return Ok(unknown());
    };
    let found = service.find_member(scheme.clone(), Personal::new(number)).await;
    let Some(found) = found.map_err(refused)? else {
        return Ok(unknown());
    };
    let mut libraries = staff.reach().of(&found.libraries);
    if let Ok(chosen) = form.value.bij.parse::<OrganisationId>() {
        libraries.retain(|library| *library == chosen);
    }
    // Somebody else's member looks like nobody's.
    let Some(library) = libraries.first() else {
        return Ok(unknown());
    };
    let call = call_of(page.language).map_err(refused)?;
    let member = service.pairwise(&call, library, found.person);
    Ok(onward(&page.to(&format!("/balie/lid/{member}"))))
}

/// What a member may be asked.
#[get("/balie/lid/{member}")]
pub async fn show_member(
    request: HttpRequest,
    member: Path<String>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &staff)?
        .titled("desk-member")
        .back_to("/balie", "desk-title");
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let call = call_of(page.language).map_err(refused)?;
    let near = near(&service, &staff, &call, &member).await.map_err(refused)?;
    let catalogue = service.catalogue();
    let lines = asking::lines(&catalogue, &near, &page, &format!("/balie/lid/{member}"));
    let page = page.at(&catalogue, &near.organisation);
    Ok(show(&Found {
        library: library(&service, &near),
        number: number(&near),
        age: near.age.map_or_else(
            || page.say("desk-age-unknown"),
            |age| page.say1("desk-age", "age", age),
        ),
        child: !near.is_sixteen,
        guardians: near.guardians.len(),
        lines,
        page,
    }))
}

fn number(near: &Near) -> String {
    near.number
        .as_ref()
        .map(|number| number.reveal().clone())
        .unwrap_or_default()
}

fn library(service: &Service, near: &Near) -> String {
    let catalogue = service.catalogue();
    let found = catalogue.organisations.get(&near.organisation);
    found.map(|library| library.name.clone()).unwrap_or_default()
}

/// What is not there, or not theirs.
fn not_found(page: &Page) -> Turned {
    Turned::new(Why::NotFound, page.language)
}
