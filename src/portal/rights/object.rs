//! P11: objecting. Promotion ends at once and needs no reason; what rests on another ground ends at once as well, and who
//! wants to say why gets an answer of the officer.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::enter;
use crate::domain::consent::IndicationMethod;
use crate::domain::rights::RequestType;
use crate::portal::catalogue::{Group, of_group, pictogram};
use crate::portal::choices::state::State;
use crate::portal::member::{Subject, call, dress};
use crate::service::Service;
use crate::service::verbs::RecordObjection;
use crate::web::page::{Page, onward, show};
use crate::web::problem::{Kind, Problem};
use crate::web::session::{Form, Member, once};

/// Longest explanation, in characters.
const LONGEST: usize = 2_000;

#[derive(Template)]
#[template(path = "portal/object.html")]
struct Objection {
    page: Page,
    libraries: Vec<Library>,
    done: Option<&'static str>,
    mistake: Option<&'static str>,
    once: String,
}

struct Library {
    id: String,
    name: String,
    /// Since when no promotion is wanted.
    since: Option<String>,
    cards: Vec<Card>,
}

struct Card {
    title: String,
    pictogram: &'static str,
    state: State,
    to: String,
}

/// What the address says besides.
#[derive(Debug, Default, Deserialize)]
pub struct Told {
    #[serde(default)]
    klaar: String,
    #[serde(default)]
    fout: String,
}

/// All promotion of a library: to end it, or to allow it again.
#[derive(Debug, Deserialize)]
pub struct Promotion {
    bibliotheek: String,
    reclame: String,
}

/// Why somebody objects.
#[derive(Debug, Deserialize)]
pub struct Reason {
    bibliotheek: String,
    #[serde(default)]
    waarom: String,
}

/// What can be objected to.
#[get("/mijn/bezwaar")]
pub async fn look(
    request: HttpRequest,
    member: Member,
    told: Query<Told>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("object-title");
    let page = page.back_to("/mijn/gegevens", "erase-back");
    let subject = Subject::oneself(&member);
    let catalogue = service.catalogue();
    let mut libraries = Vec::new();
    for (library, own) in subject.standings(&service, &call(&page)?).await? {
        let cards = of_group(&catalogue, Group::Stop, page.language)
            .into_iter()
            .filter(|entry| !entry.purpose.school_domain || own.standing.is_school())
            .filter_map(|entry| {
                Some(Card {
                    title: entry.notice(page.language, false)?.title.clone(),
                    pictogram: pictogram(entry),
                    state: State::of(entry, &own, &page),
                    to: page.to(&format!("/mijn/keuzes/{library}/{}", entry.purpose.id)),
                })
            });
        libraries.push(Library {
            name: catalogue.library(&library).to_owned(),
            id: library.to_string(),
            since: own.standing.marketing_objection.as_ref().map(|at| page.day(at)),
            cards: cards.collect(),
        });
    }
    let done = match told.klaar.as_str() {
        "stop" => Some("object-stopped"),
        "weer" => Some("object-again"),
        _ => None,
    };
    let mistake = match told.fout.as_str() {
        "leeg" => Some("object-empty"),
        "lang" => Some("object-long"),
        _ => None,
    };
    Ok(show(&Objection {
        libraries,
        done,
        mistake,
        once: once(&service),
        page,
    }))
}

/// Ends all promotion of a library at once, or allows it again (GDPR art. 21(2) and (3)).
#[post("/mijn/bezwaar/reclame")]
pub async fn promotion(
    request: HttpRequest,
    member: Member,
    form: Form<Promotion>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let subject = Subject::oneself(&member);
    let missing = || Problem::new(Kind::NotFound);
    let library = subject.library(&form.value.bibliotheek).ok_or_else(missing)?;
    let made = match form.value.reclame.as_str() {
        "stop" => true,
        "weer" => false,
        _ => return Err(missing()),
    };
    let call = call(&page)?;
    let own = service
        .own_standing(&call, subject.person, library.clone())
        .await?;
    if own.standing.marketing_objection.is_some() != made {
        let verb = RecordObjection {
            person: subject.person_at(&service, &call, library),
            organisation: library.clone(),
            purpose: None,
            made,
            method: IndicationMethod::WebForm,
            actor: subject.actor(&service, &call, library),
            evidence: None,
            occurred_at: None,
        };
        service.record_objection(&call, verb).await?;
    }
    Ok(onward(
        &page.to(&format!("/mijn/bezwaar?klaar={}", form.value.reclame)),
    ))
}

/// Somebody says why: a request that the officer answers within its term.
#[post("/mijn/bezwaar")]
pub async fn say_why(
    request: HttpRequest,
    member: Member,
    form: Form<Reason>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let subject = Subject::oneself(&member);
    let library = subject
        .library(&form.value.bibliotheek)
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    let text = form.value.waarom.trim();
    if text.is_empty() {
        return Ok(onward(&page.to("/mijn/bezwaar?fout=leeg#waarom")));
    }
    if text.chars().count() > LONGEST {
        return Ok(onward(&page.to("/mijn/bezwaar?fout=lang#waarom")));
    }
    let wanted = (library, RequestType::Objection);
    enter(
        &service,
        &subject,
        &page,
        wanted,
        Some(text.to_owned()),
        form.idempotency,
    )
    .await?;
    Ok(onward(&page.to("/mijn/verzoeken?klaar=bezwaar")))
}
