//! The face for systems: `/v1` as `openapi/v1.json` describes it, AuthZEN, unsubscribe links and the documentation.

pub mod audit_entries;
pub mod audit_exports;
pub mod authzen;
pub mod authzen_search;
pub mod changes;
pub mod consents;
pub mod contact_reports;
pub mod decision_batches;
pub mod decisions;
pub mod docs;
pub mod erasure_certificate;
pub mod erasure_tasks;
pub mod erasures;
pub mod log;
pub mod oauth;
pub mod objections;
pub mod openapi;
pub(crate) use crate::web::bare as page;
pub mod people;
pub mod preferences;
pub mod proofs;
pub mod purposes;
pub mod reading;
pub mod receipts;
pub mod records_of_processing;
pub mod reports;
pub mod restrictions;
pub mod retention_holds;
pub mod rights_requests;
mod schema;
pub mod source_notices;
pub mod statistics;
pub mod unsubscribe;
pub mod webhook_endpoints;
pub mod wire;

use actix_web::http::Method;
use actix_web::web::{self, PathConfig, ServiceConfig};
use utoipa_actix_web::service_config::ServiceConfig as DescribedConfig;

use crate::web::problem::{Kind, Problem};
use crate::web::server::Face;

/// This face, for [`crate::web::server::start`].
pub fn face() -> Face {
    let mut methods: Vec<(String, Vec<Method>)> = OUTSIDE
        .iter()
        .map(|(path, methods)| ((*path).to_owned(), methods.to_vec()))
        .collect();
    for (path, mut item) in openapi::document().paths.paths {
        let known = openapi::operations(&mut item).filter_map(|(method, _)| method.parse().ok());
        methods.push((format!("/v1{path}"), known.collect()));
    }
    Face { configure, methods }
}

/// Paths outside `/v1`.
const OUTSIDE: [(&str, &[Method]); 17] = [
    ("/u/{token}", &[Method::GET, Method::POST]),
    ("/docs", &[Method::GET]),
    ("/docs/{file}", &[Method::GET]),
    ("/access/v1/evaluation", &[Method::POST]),
    ("/access/v1/evaluations", &[Method::POST]),
    ("/access/v1/search/subject", &[Method::POST]),
    ("/access/v1/search/action", &[Method::POST]),
    ("/access/v1/search/resource", &[Method::POST]),
    ("/.well-known/authzen-configuration", &[Method::GET]),
    ("/oauth2/token", &[Method::POST]),
    ("/.well-known/oauth-authorization-server", &[Method::GET]),
    ("/.well-known/jwks.json", &[Method::GET]),
    ("/log/{name}/checkpoint", &[Method::GET]),
    ("/log/{name}/witnessed-checkpoint", &[Method::GET]),
    ("/log/{name}/minimum-index", &[Method::GET]),
    ("/log/{name}/vkey", &[Method::GET]),
    ("/log/{name}/tile/{tile}*", &[Method::GET]),
];

fn configure(config: &mut ServiceConfig) {
    config
        .app_data(PathConfig::default().error_handler(|_, _| Problem::new(Kind::NotFound).into()))
        .service(web::scope("/v1").configure(|inner| v1(&mut DescribedConfig::new(inner))))
        .service(unsubscribe::show_page)
        .service(unsubscribe::act)
        .service(docs::index)
        .service(docs::file)
        .service(authzen::evaluate_one)
        .service(authzen::evaluate_many)
        .service(authzen_search::subjects)
        .service(authzen_search::actions)
        .service(authzen_search::resources)
        .service(authzen::configure_client)
        .service(oauth::token)
        .service(oauth::metadata)
        .service(oauth::keys)
        .service(log::checkpoint)
        .service(log::witnessed)
        .service(log::minimum)
        .service(log::vkey)
        .service(log::tile);
}

/// Everything under `/v1`; each resource describes itself in the OpenAPI document.
fn v1(config: &mut DescribedConfig<'_>) {
    config
        .service(decisions::decide)
        .service(decision_batches::check)
        .service(contact_reports::report)
        .service(proofs::decision)
        .service(people::register)
        .service(people::look_up)
        .service(people::add_identifier)
        .service(people::remove_identifier)
        .service(people::link_guardian)
        .service(people::unlink_guardian)
        .service(people::merge)
        .service(consents::record)
        .service(consents::current)
        .service(consents::history)
        .service(receipts::read)
        .service(receipts::check)
        .service(proofs::receipt)
        .service(objections::make)
        .service(objections::lift)
        .service(restrictions::restrict)
        .service(restrictions::lift)
        .service(retention_holds::place)
        .service(retention_holds::end)
        .service(rights_requests::enter)
        .service(rights_requests::list)
        .service(rights_requests::read)
        .service(rights_requests::change)
        .service(rights_requests::letter)
        .service(rights_requests::fetch_package)
        .service(source_notices::deliver)
        .service(preferences::read)
        .service(preferences::set)
        .service(purposes::read_all)
        .service(purposes::read_version)
        .service(purposes::read_notice)
        .service(audit_entries::search)
        .service(audit_exports::ask)
        .service(audit_exports::fetch)
        .service(records_of_processing::read)
        .service(statistics::read)
        .service(reports::ask)
        .service(reports::fetch)
        .service(changes::read)
        .service(webhook_endpoints::add)
        .service(webhook_endpoints::read_all)
        .service(webhook_endpoints::read)
        .service(webhook_endpoints::change)
        .service(webhook_endpoints::remove)
        .service(webhook_endpoints::rotate)
        .service(webhook_endpoints::read_deliveries)
        .service(webhook_endpoints::replay)
        .service(erasures::propose)
        .service(erasures::read_all)
        .service(erasures::read)
        .service(erasures::approve)
        .service(erasures::refuse)
        .service(erasures::withdraw)
        .service(erasure_certificate::read)
        .service(erasure_tasks::answer)
        .service(erasure_tasks::read_all)
        .service(erasure_tasks::acknowledge)
        .service(docs::document);
}
