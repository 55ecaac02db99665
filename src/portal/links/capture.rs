//! P16: the link that a system or the desk may show or print, so that somebody can answer a question later. It names a
//! library and a purpose and nobody: it may hang on a wall.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use askama::Template;
use qrcode::QrCode;
use qrcode::render::svg;

use crate::domain::ids::{OrganisationId, PurposeId};
use crate::domain::purpose::{LegalBasis, PurposeStatus};
use crate::policy::catalogue::{Catalogue, PurposeEntry};
use crate::portal::catalogue::{data, line, pictogram, recipients};
use crate::service::Service;
use crate::web::limit::anonymous;
use crate::web::page::{Page, show};
use crate::web::problem::{Kind, Problem};

#[derive(Template)]
#[template(path = "portal/capture.html")]
struct Capture {
    page: Page,
    library: String,
    pictogram: &'static str,
    question: String,
    summary: String,
    data: String,
    recipients: Vec<String>,
    choose: String,
    code: String,
    /// The link, to be broken between its two parts where there is no room.
    site: String,
    name: String,
}

/// What a link is about: `<library>.<purpose>`.
fn about<'c>(catalogue: &'c Catalogue, token: &str) -> Option<(OrganisationId, &'c PurposeEntry)> {
    let (library, purpose) = token.split_once('.')?;
    let library: OrganisationId = library.parse().ok()?;
    let purpose: PurposeId = purpose.parse().ok()?;
    let entry = catalogue.purposes.get(&purpose)?;
    let asked =
        entry.purpose.legal_basis == LegalBasis::Consent && entry.purpose.status == PurposeStatus::Active;
    (asked && catalogue.organisations.contains_key(&library)).then_some((library, &**entry))
}

/// The question, and where it is answered.
#[get("/k/{token}")]
pub async fn look(
    request: HttpRequest,
    token: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let catalogue = service.catalogue();
    let missing = || Problem::new(Kind::NotFound);
    let (library, entry) = about(&catalogue, &token).ok_or_else(missing)?;
    let mut page = Page::of(&request).at(&catalogue, &library);
    let notice = entry.notice(page.language, false).ok_or_else(missing)?;
    let question = notice.question.clone().unwrap_or_else(|| notice.title.clone());
    page.title.clone_from(&question);
    Ok(show(&Capture {
        library: catalogue.library(&library).to_owned(),
        pictogram: pictogram(entry),
        question,
        summary: notice.summary.clone(),
        data: line(&data(&catalogue, entry, page.language)),
        recipients: recipients(&catalogue, entry, &page),
        choose: page.to(&format!("/mijn/keuzes/{library}/{}", entry.purpose.id)),
        code: format!("/k/{token}/qr.svg"),
        site: format!("{}/k/", service.public_base()),
        name: token.clone(),
        page,
    }))
}

/// The link as a QR code.
#[get("/k/{token}/qr.svg")]
pub async fn code(
    request: HttpRequest,
    token: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let catalogue = service.catalogue();
    about(&catalogue, &token).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let link = format!("{}/k/{token}", service.public_base());
    let code = QrCode::new(link.as_bytes()).map_err(|_| Problem::new(Kind::Internal))?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(HttpResponse::Ok().content_type("image/svg+xml").body(drawn))
}
