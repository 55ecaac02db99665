//! Turning 16 (P14): from that day somebody chooses alone. What a parent said yes to is shown, to be confirmed or stopped;
//! some of it stops by itself when it is not confirmed in time (R21, R22).

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::asking;
use super::children::page_of;
use super::told;
use crate::domain::consent::{ConsentStatus, IndicationMethod, Party};
use crate::domain::event::ActorKind;
use crate::domain::ids::OrganisationId;
use crate::domain::moment::Moment;
use crate::domain::purpose::OnAgeOfConsent;
use crate::policy::catalogue::{Catalogue, PurposeEntry};
use crate::service::Service;
use crate::service::family::Near;
use crate::service::refusal::Refusal;
use crate::service::sessions::MemberIdentity;
use crate::service::verbs::{ActorRef, PersonRef, RecordConsent};
use crate::web::page::{Page, onward, show};
use crate::web::session::{Form, Member, Turned, Why, once, portal_call};

#[derive(Template)]
#[template(path = "children/sixteen.html")]
struct Sixteen {
    page: Page,
    /// The day on which somebody turns 16, while that lies ahead.
    ahead: Option<String>,
    /// What a parent said yes to and the young person has not said anything about.
    inherited: Vec<Inherited>,
    once: String,
    saved: bool,
    child: bool,
}

struct Inherited {
    title: String,
    summary: String,
    library: String,
    library_id: String,
    purpose: String,
    since: String,
    /// Until when it goes on without a word.
    until: Option<String>,
    version: u32,
    revision: u64,
}

/// What somebody says about what a parent chose.
#[derive(Debug, Deserialize)]
pub struct Said {
    antwoord: String,
    doel: String,
    bij: String,
    versie: u32,
    stand: u64,
}

/// What the page says above.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    klaar: String,
}

async fn at_all(service: &Service, member: &Member, page: &Page) -> Result<Vec<Near>, Refusal> {
    let call = member.call(page.language)?;
    let mut found = Vec::new();
    for library in &member.libraries {
        let own = service.pairwise(&call, library, member.person);
        found.push(service.near(&call, &own).await?);
    }
    Ok(found)
}

/// Now you choose yourself.
#[get("/mijn/jij-bent-16")]
pub async fn handover(
    request: HttpRequest,
    asked: Query<Asked>,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &member);
    let near = at_all(&service, &member, &page).await;
    let near = near.map_err(|refusal| Turned::refused(&refusal, page.language))?;
    let grown = near.iter().any(|near| near.is_sixteen);
    let now = service.world().now();
    let today = now.date(page.zone());
    let ahead = near
        .iter()
        .find_map(|near| near.sixteen_on.filter(|day| *day > today));
    let catalogue = service.catalogue();
    let inherited = if grown {
        near.iter()
            .flat_map(|near| inherited(&catalogue, near, &page))
            .collect()
    } else {
        Vec::new()
    };
    Ok(show(&Sixteen {
        ahead: ahead.filter(|_| !grown).map(|day| page.date(&day)),
        child: !grown,
        inherited,
        once: once(&service),
        saved: asked.klaar == "1",
        page: page.titled(if grown { "sixteen-title" } else { "sixteen-ahead" }),
    }))
}

fn inherited(catalogue: &Catalogue, near: &Near, page: &Page) -> Vec<Inherited> {
    let library = catalogue.library(&near.organisation).to_owned();
    let guardians = near
        .consents
        .iter()
        .filter(|(_, consent)| consent.status.is_yes() && matches!(consent.by, Party::Guardian(_)));
    guardians
        .filter_map(|(purpose, consent)| {
            let entry = asking::entry(catalogue, purpose.as_str())?;
            let notice = entry.notice(page.language, false)?;
            Some(Inherited {
                title: notice.title.clone(),
                summary: notice.summary.clone(),
                library: library.clone(),
                library_id: near.organisation.to_string(),
                purpose: purpose.to_string(),
                since: page.day(&consent.occurred_at),
                until: until(entry, near, page).map(|until| page.day(&until)),
                version: entry.purpose.version,
                revision: near.revision,
            })
        })
        .collect()
}

/// When a yes of a parent ends that must be confirmed.
fn until(entry: &PurposeEntry, near: &Near, page: &Page) -> Option<Moment> {
    let rule = &entry.purpose.age;
    if rule.on_age_of_consent == OnAgeOfConsent::KeepAndInform {
        return None;
    }
    let birthday = near.sixteen_on?;
    let begins = Moment::start_of(birthday, page.zone());
    Some(begins.plus(rule.reconfirm_within, page.zone()))
}

/// Confirms or stops one.
#[post("/mijn/jij-bent-16")]
pub async fn say(
    request: HttpRequest,
    member: Member,
    form: Form<Said>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &member);
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let said = &form.value;
    let library = said.bij.parse::<OrganisationId>().ok();
    let library = library.filter(|library| member.libraries.contains(library));
    let catalogue = service.catalogue();
    let (Some(library), Some(entry)) = (library, asking::entry(&catalogue, &said.doel)) else {
        return Err(Turned::new(Why::NotFound, page.language));
    };
    let yes = match said.antwoord.as_str() {
        "ja" => true,
        "nee" => false,
        _ => return Err(Turned::new(Why::Malformed, page.language)),
    };
    let mut call = member.call(page.language).map_err(refused)?;
    let own = service.pairwise(&call, &library, member.person);
    let near = service.near(&call, &own).await.map_err(refused)?;
    call.idempotency = form.idempotency;
    if yes && near.revision != said.stand && !service.was_done(&call).await.map_err(refused)? {
        return Err(Turned::new(Why::Changed, page.language));
    }
    let verb = RecordConsent {
        person: PersonRef::Pairwise(own),
        organisation: library,
        purpose: entry.purpose.id.clone(),
        status: if yes {
            ConsentStatus::Given
        } else {
            ConsentStatus::Withdrawn
        },
        data_scopes: None,
        channels: None,
        notice_version: Some(said.versie),
        language: Some(page.language),
        method: IndicationMethod::WebForm,
        actor: ActorRef::plain(ActorKind::Oneself),
        evidence: None,
        occurred_at: None,
    };
    let done = service.record_consent(&call, verb).await.map_err(refused)?;
    if !done.replayed {
        told::receipt(&service, &call, member.person, &done.answer, &page).await;
    }
    Ok(onward(&page.to("/mijn/jij-bent-16?klaar=1")))
}

/// Whether somebody is 16 and a parent's yes still runs that they said nothing about: then this page comes first after signing
/// in, so that they are told (R22).
pub(super) async fn is_due(service: &Service, member: &MemberIdentity) -> Result<bool, Refusal> {
    let call = portal_call(member.language.unwrap_or_default())?;
    for library in &member.libraries {
        let own = service.pairwise(&call, library, member.person);
        let near = service.near(&call, &own).await?;
        let inherited = near
            .consents
            .values()
            .any(|consent| consent.status.is_yes() && matches!(consent.by, Party::Guardian(_)));
        if near.is_sixteen && inherited {
            return Ok(true);
        }
    }
    Ok(false)
}
