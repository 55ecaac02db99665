//! Finding a member by number, and what may be recorded for this one.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::asking::{self, Line};
use super::{Asked, call_of, library, number, page_of, seen};
use crate::domain::ids::OrganisationId;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::portal::catalogue::{self, Group, of_group};
use crate::service::Service;
use crate::service::desk::LookAtDesk;
use crate::service::family::Near;
use crate::service::refusal::Refusal;
use crate::web::page::{Page, onward, show};
use crate::web::session::{Form, Staff, Turned};
use crate::web::texts;

/// Why staff looks: value, words on the page, and the words of the entry in the log, which are Dutch always.
const REASONS: [(&str, &str); 3] = [
    ("balie", "desk-why-here"),
    ("telefoon", "desk-why-phone"),
    ("formulier", "desk-why-form"),
];

#[derive(Template)]
#[template(path = "desk/start.html")]
struct Start {
    page: Page,
    /// Where one works; with more than one, the library is chosen.
    libraries: Vec<(String, String)>,
    reasons: Vec<(&'static str, String)>,
    mistake: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "desk/member.html")]
struct Found {
    page: Page,
    library: String,
    number: String,
    age: String,
    child: bool,
    guardians: usize,
    /// What is done after a yes.
    lines: Vec<Line>,
    /// What is done until somebody objects.
    stops: Vec<Line>,
}

/// Whom staff looks for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    nummer: String,
    #[serde(default)]
    bij: String,
    #[serde(default)]
    waarom: String,
}

/// Find a member.
#[get("/balie")]
pub async fn start(
    request: HttpRequest,
    asked: Query<Asked>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let mut page = page_of(&request, &staff)?.titled("desk-title");
    let catalogue = service.catalogue();
    let own = staff.reach().of(catalogue.organisations.keys());
    if let [only] = own.as_slice() {
        page = page.at(&catalogue, only);
    }
    let libraries = own
        .iter()
        .filter_map(|id| Some((id.to_string(), catalogue.organisations.get(id)?.name.clone())))
        .collect();
    Ok(show(&Start {
        libraries,
        reasons: REASONS
            .iter()
            .map(|(value, words)| (*value, page.say(words)))
            .collect(),
        mistake: match asked.fout.as_str() {
            "onbekend" => Some("desk-unknown"),
            "verlopen" => Some("desk-too-old"),
            "waarom" => Some("desk-say-why"),
            _ => None,
        },
        page,
    }))
}

/// Finds one. The number stands in the form and in no address.
#[post("/balie")]
pub async fn look_for(
    request: HttpRequest,
    staff: Staff,
    form: Form<Wanted>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &staff)?;
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let back = |word: &str| onward(&page.to(&format!("/balie?fout={word}")));
    let wanted = &form.value;
    let reason = REASONS.iter().find(|(value, _)| *value == wanted.waarom);
    let Some((_, reason)) = reason else {
        return Ok(back("waarom"));
    };
    let reason = Personal::new(texts::say(Language::Nl, reason, &[]));
    let catalogue = service.catalogue();
    let scheme = catalogue
        .schemes
        .iter()
        .find(|(id, _)| id.as_str() == "member-number");
    let number = scheme.and_then(|(id, scheme)| Some((id, scheme.normalise(&wanted.nummer)?)));
    let found = match number {
        Some((scheme, number)) => service
            .find_member(scheme.clone(), Personal::new(number))
            .await
            .map_err(refused)?,
        None => None,
    };
    let chosen = wanted.bij.parse::<OrganisationId>().ok();
    let chosen = chosen.filter(|chosen| staff.reach().covers(chosen));
    // Somebody else's member looks like nobody's.
    let found = found.and_then(|found| {
        let own = staff.reach().of(&found.libraries);
        let library = own
            .into_iter()
            .find(|library| chosen.as_ref().is_none_or(|chosen| chosen == library))?;
        Some((found.person, library))
    });
    let mut own = staff.reach().of(catalogue.organisations.keys());
    let only = own.pop().filter(|_| own.is_empty());
    let call = call_of(&staff, page.language).map_err(refused)?;
    let look = LookAtDesk {
        person: found.as_ref().map(|(person, _)| *person),
        organisation: found
            .as_ref()
            .map(|(_, library)| library.clone())
            .or(chosen)
            .or(only),
        reason: reason.clone(),
        staff: staff.identity.name.clone(),
    };
    // First it is written down that somebody looked, and for whom.
    service.note_look_at_desk(&call, look).await.map_err(refused)?;
    let Some((person, library)) = found else {
        return Ok(back("onbekend"));
    };
    let member = service.pairwise(&call, &library, person);
    let ticket = service.look_ticket(&call, &member, &library, &reason);
    let ticket = ticket.map_err(refused)?;
    Ok(onward(&page.to(&format!("/balie/lid/{ticket}"))))
}

/// What a member may be asked, and what may be stopped.
#[get("/balie/lid/{member}")]
pub async fn show_member(
    request: HttpRequest,
    member: Path<String>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &staff)?
        .titled("desk-member")
        .back_to("/balie", "desk-title");
    let (_, seen) = seen(&service, &staff, &page, &member).await?;
    let near = &seen.near;
    let catalogue = service.catalogue();
    let page = page.at(&catalogue, &near.organisation);
    Ok(show(&Found {
        library: library(&service, near),
        number: number(near),
        age: near.age.map_or_else(
            || page.say("desk-age-unknown"),
            |age| page.say1("desk-age", "age", age),
        ),
        child: !near.is_sixteen,
        guardians: near.guardians.len(),
        lines: asking::lines(&catalogue, near, &page, &seen.path),
        stops: stops(&catalogue, near, &page, &seen.path),
        page,
    }))
}

/// What somebody can object to, all promotion first.
fn stops(catalogue: &crate::policy::catalogue::Catalogue, near: &Near, page: &Page, path: &str) -> Vec<Line> {
    let answer = |since: Option<&crate::domain::moment::Moment>| match since {
        Some(since) => page.say1("state-stopped-since", "date", page.day(since)),
        None => page.say("desk-runs"),
    };
    let all = Line {
        title: page.say("desk-marketing"),
        pictogram: "letter",
        answer: answer(near.marketing_objection.as_ref()),
        to: page.to(&format!("{path}/bezwaar/{}", super::object::MARKETING)),
    };
    let single = of_group(catalogue, Group::Stop, page.language)
        .into_iter()
        .filter_map(|entry| {
            Some(Line {
                title: entry.notice(page.language, false)?.title.clone(),
                pictogram: catalogue::pictogram(entry),
                answer: answer(near.objections.get(&entry.purpose.id)),
                to: page.to(&format!("{path}/bezwaar/{}", entry.purpose.id)),
            })
        });
    std::iter::once(all).chain(single).collect()
}
