//! P10: asking for erasure, in three steps: choose, check, confirm. Two officers carry it out (they see it as a request for
//! erasure); for a week it can be taken back here.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::enter;
use crate::domain::purpose::LegalBasis;
use crate::domain::rights::RequestType;
use crate::portal::catalogue::{Group, of_group};
use crate::portal::member::{Subject, dress};
use crate::service::Service;
use crate::web::page::{Page, onward, show};
use crate::web::problem::{Kind, Problem};
use crate::web::session::{Form, Member, once};

#[derive(Template)]
#[template(path = "portal/erase.html")]
struct Erase {
    page: Page,
    /// What can be erased: value and words.
    options: Vec<(&'static str, String)>,
    libraries: Vec<(String, String)>,
    keeps: Vec<(String, String)>,
    mistake: bool,
    /// The second step: what was chosen.
    check: Option<Check>,
}

struct Check {
    what: &'static str,
    words: String,
    library: String,
    name: String,
    everywhere: bool,
    once: String,
}

/// What was chosen so far; it travels in the address until it is confirmed, and changes nothing.
#[derive(Debug, Default, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    wat: String,
    #[serde(default)]
    bibliotheek: String,
    #[serde(default)]
    stap: String,
}

/// What can be erased, and its words.
const KINDS: [(&str, &str); 3] = [
    ("lijsten", "erase-lists"),
    ("geschiedenis", "erase-history"),
    ("alles", "erase-all"),
];

/// The steps that change nothing: choosing and checking.
#[get("/mijn/gegevens/wissen")]
pub async fn look(
    request: HttpRequest,
    member: Member,
    chosen: Query<Chosen>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("erase-title");
    let subject = Subject::oneself(&member);
    let catalogue = service.catalogue();
    let name = |id: &str| {
        let library = subject.library(id)?;
        Some((
            library.to_string(),
            catalogue.organisations.get(library)?.name.clone(),
        ))
    };
    let only = subject.libraries.first().filter(|_| subject.libraries.len() == 1);
    let library = name(&chosen.bibliotheek).or_else(|| name(only?.as_str()));
    let kind = KINDS.iter().find(|(value, _)| *value == chosen.wat);
    let check = kind
        .zip(library)
        .filter(|_| chosen.stap == "2")
        .map(|((what, words), (library, name))| Check {
            what,
            words: page.say(words),
            library,
            name,
            everywhere: *what == "alles" && subject.libraries.len() > 1,
            once: once(&service),
        });
    let mut keeps = vec![(page.say("erase-keep-loans"), page.say("erase-keep-loans-why"))];
    for entry in of_group(&catalogue, Group::Needed, page.language) {
        if entry.purpose.legal_basis == LegalBasis::LegalObligation
            && let Some(notice) = entry.notice(page.language, false)
        {
            keeps.push((notice.title.clone(), page.say("erase-keep-law")));
        }
    }
    let back = if check.is_some() {
        "/mijn/gegevens/wissen"
    } else {
        "/mijn/gegevens"
    };
    let mut page = page.back_to(back, "erase-back");
    if check.is_some() {
        page.title = page.say("erase-check-title");
    }
    Ok(show(&Erase {
        options: KINDS
            .iter()
            .map(|(value, words)| (*value, page.say(words)))
            .collect(),
        libraries: subject
            .libraries
            .iter()
            .filter_map(|id| name(id.as_str()))
            .collect(),
        keeps,
        mistake: chosen.stap == "2" && check.is_none(),
        check,
        page,
    }))
}

/// Confirms it: the request is entered, with its term.
#[post("/mijn/gegevens/wissen")]
pub async fn confirm(
    request: HttpRequest,
    member: Member,
    form: Form<Chosen>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let subject = Subject::oneself(&member);
    let missing = || Problem::new(Kind::NotFound);
    let library = subject.library(&form.value.bibliotheek).ok_or_else(missing)?;
    let (_, words) = KINDS
        .iter()
        .find(|(value, _)| *value == form.value.wat)
        .ok_or_else(missing)?;
    let text = Some(page.say(words));
    let wanted = (library, RequestType::Erasure);
    enter(&service, &subject, &page, wanted, text, form.idempotency).await?;
    Ok(onward(&page.to("/mijn/verzoeken?klaar=wissen")))
}
