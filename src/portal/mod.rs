//! The face for people: what members choose and see under `/mijn`, what the desk records under `/balie`, and signing in.

mod asking;
pub mod catalogue;
pub mod children;
pub mod choices;
pub mod desk;
pub mod links;
pub mod login;
pub mod member;
pub mod public;
pub mod rights;
pub mod seen;
pub mod settings;
pub mod sixteen;
pub mod tidings;
mod told;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;

use crate::web::server::Face;

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
const PATHS: [(&str, &[Method]); 25] = [
    ("/", &[Method::GET]),
    ("/mijn", &[Method::GET]),
    ("/zo-doen-wij-het", &[Method::GET]),
    ("/toegankelijkheid", &[Method::GET]),
    ("/mijn/keuzes", &[Method::GET]),
    ("/mijn/keuzes/{library}/{purpose}", &[Method::GET, Method::POST]),
    ("/mijn/bewijzen", &[Method::GET]),
    ("/mijn/bewijzen/{receipt}", &[Method::GET]),
    ("/mijn/bewijzen/{receipt}/terug", &[Method::POST]),
    ("/mijn/bewijzen/{receipt}/overal", &[Method::POST]),
    ("/mijn/bewijzen/{receipt}/bewijs.pdf", &[Method::GET]),
    ("/mijn/bewijzen/{receipt}/bewijs.json", &[Method::GET]),
    ("/mijn/stop-alles", &[Method::GET, Method::POST]),
    ("/mijn/wie-vroeg", &[Method::GET]),
    ("/mijn/geschiedenis", &[Method::GET]),
    ("/mijn/gegevens", &[Method::GET]),
    ("/mijn/gegevens/ophalen", &[Method::POST]),
    ("/mijn/gegevens/wissen", &[Method::GET, Method::POST]),
    ("/mijn/bezwaar", &[Method::GET, Method::POST]),
    ("/mijn/bezwaar/reclame", &[Method::POST]),
    ("/mijn/verzoeken", &[Method::GET]),
    ("/mijn/verzoeken/{request}/terug", &[Method::POST]),
    ("/mijn/verzoeken/{request}/gegevens.zip", &[Method::GET]),
    ("/k/{token}", &[Method::GET]),
    ("/k/{token}/qr.svg", &[Method::GET]),
];

fn configure(config: &mut ServiceConfig) {
    config
        .service(public::root)
        .service(public::start)
        .service(public::how)
        .service(public::accessibility)
        .service(choices::overview::mine)
        .service(choices::question::ask)
        .service(choices::question::choose)
        .service(choices::receipt::all)
        .service(choices::receipt::one)
        .service(choices::receipt::take_it_back)
        .service(choices::receipt::same_everywhere)
        .service(choices::receipt::pdf)
        .service(choices::receipt::json)
        .service(choices::stop::look)
        .service(choices::stop::act)
        .service(seen::asked::list)
        .service(seen::history::list)
        .service(rights::data::held)
        .service(rights::data::fetch)
        .service(rights::data::fetch_package)
        .service(rights::erase::look)
        .service(rights::erase::confirm)
        .service(rights::object::look)
        .service(rights::object::promotion)
        .service(rights::object::say_why)
        .service(rights::requests::list)
        .service(rights::requests::take_back)
        .service(links::capture::look)
        .service(links::capture::code)
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
