//! The face for privacy officers: the console under `/fg`. Every page is built of a few blocks; who sits at it, and what
//! they may, is in `seat`.

mod access;
mod audit;
mod blocks;
mod contacts;
mod difference;
mod erasures;
mod export;
mod figures;
mod files;
mod notices;
mod others;
mod person;
mod policy;
mod proposal;
mod purposes;
mod reports;
mod requests;
pub mod seat;
mod steps;
mod systems;
mod times;
mod today;
mod what_if;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;

use crate::web::server::Face;

/// This face, for [`crate::web::server::start`].
pub fn face() -> Face {
    let methods = PATHS
        .iter()
        .map(|(path, methods)| ((*path).to_owned(), methods.to_vec()))
        .collect();
    Face { configure, methods }
}

/// To look at.
const LOOK: &[Method] = &[Method::GET];
/// To look at and to act.
const ACT: &[Method] = &[Method::GET, Method::POST];

/// The paths, so that a wrong method is told which ones there are.
pub const PATHS: [(&str, &[Method]); 40] = [
    ("/fg", LOOK),
    ("/fg/verzoeken", LOOK),
    ("/fg/verzoeken.csv", LOOK),
    ("/fg/verzoeken/{id}", ACT),
    ("/fg/verzoeken/{id}/brief/{brief}", LOOK),
    ("/fg/zoeken", LOOK),
    ("/fg/zoeken/persoon", ACT),
    ("/fg/zoeken/persoon/{kaart}", LOOK),
    ("/fg/zoeken/export", ACT),
    ("/fg/zoeken/export/{kaart}", LOOK),
    ("/fg/zoeken/export/{kaart}/bestand", LOOK),
    ("/fg/zoeken/{log}/{id}", LOOK),
    ("/fg/zoeken/{log}/{id}/bewijs.txt", LOOK),
    ("/fg/doelen", LOOK),
    ("/fg/doelen/{id}", LOOK),
    ("/fg/systemen", LOOK),
    ("/fg/systemen/contacten", LOOK),
    ("/fg/systemen/contacten.csv", LOOK),
    ("/fg/cijfers", LOOK),
    ("/fg/cijfers/{plot}.csv", LOOK),
    ("/fg/wissen", ACT),
    ("/fg/wissen/{id}", ACT),
    ("/fg/wissen/{id}/verklaring.{vorm}", LOOK),
    ("/fg/beleid", LOOK),
    ("/fg/beleid/nieuw", ACT),
    ("/fg/beleid/{id}", ACT),
    ("/fg/beleid/{id}/bestand", &[Method::POST]),
    ("/fg/beleid/{id}/vraag", ACT),
    ("/fg/beleid/{id}/antwoord", LOOK),
    ("/fg/beleid/{id}/opnieuw", LOOK),
    ("/fg/bewaren", ACT),
    ("/fg/balie", LOOK),
    ("/fg/zestien", LOOK),
    ("/fg/datalek", LOOK),
    ("/fg/toegang", LOOK),
    ("/fg/toegang.csv", LOOK),
    ("/fg/herkomst", LOOK),
    ("/fg/rapport", ACT),
    ("/fg/rapport/{kaart}", LOOK),
    ("/fg/rapport/{kaart}/bestand", LOOK),
];

fn configure(config: &mut ServiceConfig) {
    // What is named stands before what is not: the first pattern that fits answers.
    config
        .service(today::today_page)
        .service(requests::requests_page)
        .service(requests::requests_file)
        .service(requests::request_page)
        .service(steps::request_step)
        .service(requests::letter_page)
        .service(audit::search_page)
        .service(person::look_page)
        .service(person::look)
        .service(person::person_page)
        .service(export::export_page)
        .service(export::export)
        .service(export::export_ready)
        .service(export::export_file)
        .service(audit::proof_file)
        .service(audit::entry_page)
        .service(purposes::purposes_page)
        .service(purposes::purpose_page)
        .service(systems::systems_page)
        .service(contacts::contacts_page)
        .service(contacts::contacts_file)
        .service(figures::figures_page)
        .service(figures::figures_file)
        .service(erasures::erasures_page)
        .service(erasures::propose)
        .service(erasures::certificate)
        .service(erasures::erasure_page)
        .service(erasures::erasure_step)
        .service(policy::policy_page)
        .service(policy::new_page)
        .service(policy::begin)
        .service(proposal::proposal_page)
        .service(proposal::proposal_step)
        .service(policy::change_file)
        .service(what_if::ask_page)
        .service(what_if::ask_member)
        .service(what_if::answer_page)
        .service(what_if::replay_page)
        .service(others::retention_page)
        .service(others::hold)
        .service(others::desk_page)
        .service(others::sixteen_page)
        .service(others::breach_page)
        .service(access::access_page)
        .service(access::access_file)
        .service(notices::notices_page)
        .service(reports::report_page)
        .service(reports::report)
        .service(reports::report_ready)
        .service(reports::report_file);
}
