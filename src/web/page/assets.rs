//! The style sheet, the looks of the libraries, and the sign in the tab of a browser. Everything comes from here.

use std::sync::LazyLock;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get};

use crate::crypto::sha256;
use crate::domain::hex::hex;
use crate::domain::ids::OrganisationId;
use crate::policy::theme::STYLE_SHEET;
use crate::service::Service;
use crate::web::problem::{Kind, Problem};

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let whole = hex(&sha256(STYLE_SHEET.as_bytes()));
    whole.chars().take(12).collect()
});

const SIGN: &str = include_str!("../../../assets/akkoord.svg");

/// Changes when the style sheet does, so that browsers may keep it for good.
pub fn version() -> &'static str {
    &VERSION
}

/// The style sheet.
#[get("/assets/akkoord.css")]
pub async fn style_sheet() -> HttpResponse {
    css(STYLE_SHEET.to_owned(), "public, max-age=31536000, immutable")
}

/// The look of a library, from the catalogue in force.
#[get("/assets/themes/{library}.css")]
pub async fn theme(library: Path<String>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let catalogue = service.catalogue();
    let theme = library
        .parse::<OrganisationId>()
        .ok()
        .and_then(|id| catalogue.themes.get(&id))
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    Ok(css(theme.css(), "public, max-age=300"))
}

/// The sign in the tab of a browser.
#[get("/assets/akkoord.svg")]
pub async fn sign() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((CACHE_CONTROL, "public, max-age=86400"))
        .body(SIGN)
}

fn css(text: String, keep: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, keep))
        .body(text)
}
