//! The face for privacy officers: the console under `/fg`.

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
const PATHS: [(&str, &[Method]); 0] = [];

const fn configure(_config: &mut ServiceConfig) {}
