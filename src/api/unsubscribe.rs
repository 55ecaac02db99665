//! Unsubscribing from a message: a page with one button, and the one-click POST of mail programs (RFC 8058). No cookie,
//! no login, no redirect; the token in the link is all that is needed.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};

use super::page::{Page, escape, respond};
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::web::limit::anonymous;
use crate::web::problem::Problem;

/// The page. Mail scanners fetch links before people do, so it changes nothing.
#[get("/u/{token}")]
pub async fn show(
    request: HttpRequest,
    token: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let about = match service.unsubscribe_page(&token).await {
        Ok(about) => about,
        Err(refusal) => return unknown(refusal),
    };
    let library = escape(&about.organisation);
    let page = Page {
        title: "Afmelden · Unsubscribe".to_owned(),
        body: format!(
            "<h1>Afmelden</h1>\n<p>Wil je geen berichten meer van {library} over “{nl}”?</p>\n\
             <form method=\"post\"><button>Meld mij af</button></form>\n<hr>\n\
             <section lang=\"en\"><h2>Unsubscribe</h2>\n<p>Do you want no more messages from {library} about “{en}”?</p>\n\
             <form method=\"post\"><button>Unsubscribe me</button></form></section>",
            nl = escape(&about.title_nl),
            en = escape(&about.title_en),
        ),
    };
    Ok(respond(200, &page, Language::Nl))
}

/// The act, as often as somebody likes. The body (`List-Unsubscribe=One-Click`, or an empty form) says nothing the link
/// does not, so it is not read.
#[post("/u/{token}")]
pub async fn act(
    request: HttpRequest,
    token: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    if let Err(refusal) = service.unsubscribe(&token).await {
        return unknown(refusal);
    }
    let page = Page {
        title: "Je bent afgemeld · You are unsubscribed".to_owned(),
        body: "<h1>Je bent afgemeld</h1>\n<p>Je krijgt deze berichten niet meer.</p>\n<hr>\n\
               <section lang=\"en\"><h2>You are unsubscribed</h2>\n<p>You will not get these messages any \
               more.</p></section>"
            .to_owned(),
    };
    Ok(respond(200, &page, Language::Nl))
}

/// One page for every token that is not good, whatever is wrong with it; other refusals as usual.
fn unknown(refusal: Refusal) -> Result<HttpResponse, Problem> {
    match refusal {
        Refusal::NotFound | Refusal::Invalid(_) | Refusal::Forbidden(_) => Ok(respond(
            404,
            &Page {
                title: "Deze link werkt niet · This link does not work".to_owned(),
                body: "<h1>Deze link werkt niet</h1>\n<p>Neem de hele link uit het bericht. Lukt het niet? Vraag het je \
                       bibliotheek.</p>\n<hr>\n<section lang=\"en\"><h2>This link does not work</h2>\n<p>Use the whole \
                       link of the message. Still no luck? Ask your library.</p></section>"
                    .to_owned(),
            },
            Language::Nl,
        )),
        Refusal::Conflict(_) | Refusal::KeyReused | Refusal::Busy | Refusal::Unavailable => Err(refusal.into()),
    }
}
