//! The face for people: what members choose and see under `/mijn`, what the desk records under `/balie`, and signing in.

pub mod catalogue;
pub mod public;

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
        .service(public::accessibility);
}
