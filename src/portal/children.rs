//! Children (P13): what a guardian chooses for a child under 16, per library. What a child of 12 or older asked or was asked
//! stays with the child; a guardian sees the choices that are theirs to make and nothing else. From the 16th birthday there
//! is nothing here any more (R21).

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::asking::{self, Line, Question};
use super::told;
use crate::domain::consent::IndicationMethod;
use crate::domain::event::ActorKind;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::family::Near;
use crate::service::refusal::Refusal;
use crate::service::verbs::{ActorRef, PersonRef, RecordConsent};
use crate::web::page::{Page, onward, show};
use crate::web::session::{Form, Member, Turned, Why, once};

#[derive(Template)]
#[template(path = "children/list.html")]
struct List {
    page: Page,
    children: Vec<Child>,
}

struct Child {
    who: String,
    library: String,
    to: String,
}

#[derive(Template)]
#[template(path = "children/child.html")]
struct Choices {
    page: Page,
    who: String,
    library: String,
    sixteen: Option<String>,
    twelve: bool,
    lines: Vec<Line>,
    saved: bool,
}

#[derive(Template)]
#[template(path = "children/question.html")]
struct Ask {
    page: Page,
    who: String,
    library: String,
    question: Question,
    mistake: Option<&'static str>,
    revision: u64,
    once: String,
    to: String,
}

/// An answer for a child.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// `ja` or `nee`.
    antwoord: Option<String>,
    /// What the form showed.
    versie: u32,
    /// When the form was made, in changes of the record.
    stand: u64,
}

/// What the page says above.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    fout: String,
    #[serde(default)]
    klaar: String,
}

/// A page of the part for members.
pub(super) fn page_of(request: &HttpRequest, member: &Member) -> Page {
    let page = Page::of(request);
    match request.app_data::<Data<Service>>() {
        Some(service) => super::member::dress(page, service, member),
        None => page,
    }
}

fn who(near: &Near, page: &Page) -> String {
    let number = near.number.as_ref().map(|number| number.reveal().as_str());
    let age = near.age.map_or_else(String::new, |age| age.to_string());
    page.say2("children-who", "age", age, "number", format!("…{}", last(number)))
}

/// The last four digits: enough to tell children apart, too little to use.
fn last(number: Option<&str>) -> String {
    let number = number.unwrap_or_default();
    let skip = number.chars().count().saturating_sub(4);
    number.chars().skip(skip).collect()
}

fn library(service: &Service, near: &Near) -> String {
    service.catalogue().library(&near.organisation).to_owned()
}

/// All children.
#[get("/mijn/kinderen")]
pub async fn all(
    request: HttpRequest,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &member).titled("children-title");
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let call = member.call(page.language).map_err(refused)?;
    let children = service.children(&call, member.person).await.map_err(refused)?;
    let children = children
        .iter()
        .map(|near| Child {
            who: who(near, &page),
            library: library(&service, near),
            to: page.to(&path(&service, &call, near)),
        })
        .collect();
    Ok(show(&List { page, children }))
}

fn path(service: &Service, call: &Call, near: &Near) -> String {
    let child = service.pairwise(call, &near.organisation, near.person);
    format!("/mijn/kinderen/{child}")
}

/// What may be chosen for one child.
#[get("/mijn/kinderen/{child}")]
pub async fn choices(
    request: HttpRequest,
    child: Path<String>,
    asked: Query<Asked>,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &member)
        .titled("children-choices")
        .back_to("/mijn/kinderen", "children-title");
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let call = member.call(page.language).map_err(refused)?;
    let near = service
        .child(&call, member.person, &child)
        .await
        .map_err(refused)?;
    let path = path(&service, &call, &near);
    let catalogue = service.catalogue();
    let page = page.at(&catalogue, &near.organisation);
    let lines = asking::lines(&catalogue, &near, &page, &path);
    Ok(show(&Choices {
        who: who(&near, &page),
        library: library(&service, &near),
        sixteen: near.sixteen_on.map(|day| page.date(&day)),
        twelve: near.age.is_some_and(|age| age >= 12),
        lines,
        saved: asked.klaar == "1",
        page,
    }))
}

/// One question for one child.
#[get("/mijn/kinderen/{child}/{purpose}")]
pub async fn ask(
    request: HttpRequest,
    at: Path<(String, String)>,
    asked: Query<Asked>,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (child, purpose) = at.into_inner();
    let mut page = page_of(&request, &member);
    let language = page.language;
    let refused = |refusal: Refusal| Turned::refused(&refusal, language);
    let call = member.call(language).map_err(refused)?;
    let near = service
        .child(&call, member.person, &child)
        .await
        .map_err(refused)?;
    let catalogue = service.catalogue();
    let entry = asking::entry(&catalogue, &purpose);
    let question = entry.and_then(|entry| asking::question(&catalogue, entry, &near, &page));
    let Some(question) = question else {
        return Err(Turned::new(Why::NotFound, language));
    };
    let path = path(&service, &call, &near);
    page.title.clone_from(&question.question);
    let page = page
        .at(&catalogue, &near.organisation)
        .back_to(&path, "children-choices");
    Ok(show(&Ask {
        who: who(&near, &page),
        library: library(&service, &near),
        question,
        mistake: mistake(&asked.fout),
        revision: near.revision,
        once: once(&service),
        to: page.to(&format!("{path}/{purpose}")),
        page,
    }))
}

/// The texts that an address may name.
pub(super) fn mistake(word: &str) -> Option<&'static str> {
    match word {
        "kies" => Some("asking-mistake-choose"),
        "veranderd" => Some("asking-mistake-changed"),
        "andere-ouder" => Some("asking-mistake-other-parent"),
        "geen-ouder" => Some("asking-mistake-no-guardian"),
        "invullen" => Some("asking-mistake-fill-in"),
        _ => None,
    }
}

/// The word in an address for a refusal that somebody can do something about.
pub(super) fn word(refusal: &Refusal) -> Option<&'static str> {
    Some(match asking::mistake(refusal)? {
        "asking-mistake-other-parent" => "andere-ouder",
        "asking-mistake-no-guardian" => "geen-ouder",
        _ => "invullen",
    })
}

/// Records an answer.
#[post("/mijn/kinderen/{child}/{purpose}")]
pub async fn choose(
    request: HttpRequest,
    at: Path<(String, String)>,
    member: Member,
    form: Form<Answer>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (child, purpose) = at.into_inner();
    let page = page_of(&request, &member);
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let mut call = member.call(page.language).map_err(refused)?;
    let near = service
        .child(&call, member.person, &child)
        .await
        .map_err(refused)?;
    let catalogue = service.catalogue();
    let Some(entry) = asking::entry(&catalogue, &purpose) else {
        return Err(Turned::new(Why::NotFound, page.language));
    };
    let here = path(&service, &call, &near);
    let back = |word: &str| onward(&page.to(&format!("{here}/{purpose}?fout={word}")));
    let answer = &form.value;
    let yes = match answer.antwoord.as_deref() {
        Some("ja") => true,
        Some("nee") => false,
        _ => return Ok(back("kies")),
    };
    call.idempotency = form.idempotency;
    let verb = RecordConsent {
        person: PersonRef::Pairwise(child),
        organisation: near.organisation.clone(),
        purpose: entry.purpose.id.clone(),
        status: asking::status(&near, entry, yes),
        data_scopes: None,
        channels: None,
        notice_version: Some(answer.versie),
        language: Some(page.language),
        method: IndicationMethod::WebForm,
        actor: ActorRef {
            guardian: Some(PersonRef::Pairwise(service.pairwise(
                &call,
                &near.organisation,
                member.person,
            ))),
            ..ActorRef::plain(ActorKind::Guardian)
        },
        evidence: None,
        occurred_at: None,
    };
    // Somebody chose meanwhile, on another page: a yes must be said knowing that. A no counts whatever was shown (ADR 3).
    let old = yes && near.revision != answer.stand;
    if old && !service.was_done(&call).await.map_err(refused)? {
        return Ok(back("veranderd"));
    }
    match service.record_consent(&call, verb).await {
        Ok(done) => {
            if !done.replayed {
                told::receipt(&service, &call, near.person, &done.answer, &page).await;
            }
            Ok(onward(&page.to(&format!("{here}?klaar=1"))))
        }
        Err(refusal) => match word(&refusal) {
            Some(word) => Ok(back(word)),
            None => Err(refused(refusal)),
        },
    }
}
