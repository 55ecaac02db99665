//! Signing in and out: the page to choose how, and the way out. The account of a library is in [`account`], a link by mail in
//! [`link`].

pub mod account;
pub mod link;

use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::sixteen;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::sessions::{MemberIdentity, Token};
use crate::web::limit;
use crate::web::page::{Page, onward, show};
use crate::web::session::doors::Doors;
use crate::web::session::onward::local;
use crate::web::session::{Form, Turned, Visitor, Why, cookie};

/// The paths to sign in and out.
pub(super) const PATHS: [(&str, &[Method]); 9] = [
    ("/inloggen", &[Method::GET]),
    ("/inloggen/medewerkers", &[Method::GET]),
    ("/inloggen/account", &[Method::GET]),
    ("/inloggen/medewerkers/account", &[Method::GET]),
    ("/inloggen/terug", &[Method::GET]),
    ("/inloggen/link", &[Method::POST]),
    ("/inloggen/link/verstuurd", &[Method::GET]),
    ("/inloggen/link/{token}", &[Method::GET, Method::POST]),
    ("/uitloggen", &[Method::GET, Method::POST]),
];

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(for_members)
        .service(for_staff)
        .service(account::go)
        .service(account::go_staff)
        .service(account::returned)
        .service(link::ask)
        .service(link::sent)
        .service(link::look)
        .service(link::press)
        .service(leave)
        .service(left);
}

/// Where members go when nothing else was asked for.
pub(super) const MEMBERS_HOME: &str = "/mijn/keuzes";
/// Where staff goes then.
pub(super) const STAFF_HOME: &str = "/balie";

/// What the pages to sign in are asked with.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// Where to go afterwards.
    #[serde(default)]
    verder: String,
    /// What went wrong before.
    #[serde(default)]
    fout: String,
}

#[derive(Template)]
#[template(path = "login/choose.html")]
struct Choose {
    page: Page,
    /// Where the link to the account leads.
    account: Option<String>,
    /// Whether a link by mail is offered.
    links: bool,
    /// What to say of the last attempt: the id of a text.
    mistake: Option<&'static str>,
    csrf: String,
    onward: String,
    staff: bool,
}

#[derive(Template)]
#[template(path = "login/out.html")]
struct Out {
    page: Page,
    /// Where one may sign out of the account too.
    elsewhere: Option<String>,
}

/// How do you want to sign in?
#[get("/inloggen")]
pub async fn for_members(
    request: HttpRequest,
    asked: Query<Asked>,
    service: Data<Service>,
    doors: Data<Doors>,
) -> HttpResponse {
    let offered = doors.members.is_some();
    choose(&request, &asked, &service, offered, doors.links, false)
}

/// The same for staff.
#[get("/inloggen/medewerkers")]
pub async fn for_staff(
    request: HttpRequest,
    asked: Query<Asked>,
    service: Data<Service>,
    doors: Data<Doors>,
) -> HttpResponse {
    choose(&request, &asked, &service, doors.staff.is_some(), false, true)
}

fn choose(
    request: &HttpRequest,
    asked: &Asked,
    service: &Service,
    offered: bool,
    links: bool,
    staff: bool,
) -> HttpResponse {
    let title = if staff { "login-staff-title" } else { "login-title" };
    let page = Page::of(request).titled(title);
    let onward = local(&asked.verder).unwrap_or_default().to_owned();
    let path = if staff {
        "/inloggen/medewerkers/account"
    } else {
        "/inloggen/account"
    };
    let account = offered.then(|| page.to(&with_onward(path, &onward)));
    let mistake = match asked.fout.as_str() {
        "" => None,
        "onbekend" if staff => Some("login-mistake-no-role"),
        "onbekend" => Some("login-mistake-unknown"),
        "weg" => Some("login-mistake-away"),
        "link" => Some("login-mistake-link"),
        _ => Some("login-mistake"),
    };
    show(&Choose {
        account,
        links,
        mistake,
        csrf: service.form_token(),
        onward,
        staff,
        page,
    })
}

/// Where a member goes who asked for nothing else: to the choices; who turned 16 first sees what a parent chose.
async fn home(service: &Service, member: &MemberIdentity) -> Result<&'static str, Refusal> {
    Ok(if sixteen::is_due(service, member).await? {
        "/mijn/jij-bent-16"
    } else {
        MEMBERS_HOME
    })
}

/// A path with where to go afterwards.
fn with_onward(path: &str, onward: &str) -> String {
    if onward.is_empty() {
        return path.to_owned();
    }
    let onward: String = byte_serialize(onward.as_bytes()).collect();
    format!("{path}?verder={onward}")
}

/// Nothing but the hidden field.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// Signs out. The way back leads to no page: nothing of it was kept.
#[post("/uitloggen")]
pub async fn leave(
    request: HttpRequest,
    _form: Form<Nothing>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = Page::of(&request);
    if let Some(token) = cookie::of(&request, &service) {
        let ended = service.sign_out(&token).await;
        ended.map_err(|refusal| Turned::refused(&refusal, page.language))?;
    }
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, page.to("/uitloggen")))
        .append_header(cookie::take(&service))
        .finish())
}

/// You are signed out.
#[get("/uitloggen")]
pub async fn left(
    request: HttpRequest,
    visitor: Visitor,
    service: Data<Service>,
    doors: Data<Doors>,
) -> HttpResponse {
    let mut page = Page::of(&request);
    if let Some(session) = visitor.session() {
        page = page
            .titled("login-still-in")
            .signed_in(session.csrf(), "/uitloggen");
        return show(&Out {
            page,
            elsewhere: None,
        });
    }
    let back = format!("{}/uitloggen", service.public_base());
    let elsewhere = match &doors.members {
        Some(door) => door.party.end_session(&back, service.world().now()).await,
        None => None,
    };
    show(&Out {
        page: page.titled("login-out"),
        elsewhere: elsewhere.map(String::from),
    })
}

/// Counts a try to sign in; a network that tries too often waits.
fn limited(request: &HttpRequest) -> Result<(), Turned> {
    let language = Page::of(request).language;
    limit::anonymous(request).map_err(|_| Turned::new(Why::TooOften, language))
}

/// Gives the browser its new session, ends the one it had, and goes on.
async fn enter(
    request: &HttpRequest,
    service: &Service,
    token: &Token,
    to: &str,
) -> Result<HttpResponse, Refusal> {
    if let Some(before) = cookie::of(request, service) {
        // Whoever put that token there does not get this session with it (session fixation).
        service.sign_out(&before).await?;
    }
    let page = Page::of(request);
    let mut answer = onward(&page.to(to));
    let (name, value) = cookie::give(token, service);
    if let Ok(value) = value.parse() {
        answer.headers_mut().append(name, value);
    }
    Ok(answer)
}
