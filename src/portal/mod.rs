//! The face for people: what members choose and see under `/mijn`, what the desk records under `/balie`, and signing in.

mod asking;
pub mod catalogue;
pub mod children;
pub mod desk;
pub mod login;
pub mod public;
pub mod settings;
pub mod sixteen;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;

use crate::web::page::Page;
use crate::web::server::Face;
use crate::web::session::Member;

/// This face, for [`crate::web::server::start`].
pub fn face() -> Face {
    let methods = PATHS
        .iter()
        .chain(&login::PATHS)
        .chain(&desk::PATHS)
        .chain(&OWN)
        .map(|(path, methods)| ((*path).to_owned(), methods.to_vec()))
        .collect();
    Face { configure, methods }
}

/// The paths, so that a wrong method is told which ones there are.
const PATHS: [(&str, &[Method]); 4] = [
    ("/", &[Method::GET]),
    ("/mijn", &[Method::GET]),
    ("/zo-doen-wij-het", &[Method::GET]),
    ("/toegankelijkheid", &[Method::GET]),
];

fn configure(config: &mut ServiceConfig) {
    config
        .service(public::root)
        .service(public::start)
        .service(public::how)
        .service(public::accessibility)
        .configure(login::configure)
        .configure(desk::configure)
        .service(children::all)
        .service(children::choices)
        .service(children::ask)
        .service(children::choose)
        .service(sixteen::handover)
        .service(sixteen::say)
        .service(settings::look)
        .service(settings::change)
        .service(settings::out_elsewhere);
}

/// Pages of a member about children, turning 16 and settings.
const OWN: [(&str, &[Method]); 6] = [
    ("/mijn/kinderen", &[Method::GET]),
    ("/mijn/kinderen/{child}", &[Method::GET]),
    ("/mijn/kinderen/{child}/{purpose}", &[Method::GET, Method::POST]),
    ("/mijn/jij-bent-16", &[Method::GET, Method::POST]),
    ("/mijn/instellingen", &[Method::GET, Method::POST]),
    ("/mijn/instellingen/elders-uitloggen", &[Method::POST]),
];

/// A page of somebody who is signed in as a member.
fn member_page(page: Page, member: &Member) -> Page {
    page.with_navigation(&[
        ("/mijn/keuzes", "member-choices"),
        ("/mijn/kinderen", "member-children"),
        ("/mijn/instellingen", "member-settings"),
    ])
    .signed_in(member.session.csrf(), "/uitloggen")
}
