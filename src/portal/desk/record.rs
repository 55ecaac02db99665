//! One question at the desk: read aloud, answered, recorded, and proven on the spot.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::told::{self, tell};
use super::{Asked, Done, asking, library, mistake, not_found, number, page_of, seen, short};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::ActorKind;
use crate::domain::ids::{EventId, SchemeId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::policy::catalogue::Catalogue;
use crate::portal::asking::Question;
use crate::portal::children::word;
use crate::service::Service;
use crate::service::family::Near;
use crate::service::refusal::Refusal;
use crate::service::verbs::{ActorRef, FetchReceipt, PersonRef, RecordConsent};
use crate::web::page::{Page, onward, show};
use crate::web::session::{Form, Staff, Turned, once};
use crate::web::texts;

/// Longest form number.
const LONGEST: usize = 64;

#[derive(Template)]
#[template(path = "desk/question.html")]
struct Ask {
    page: Page,
    library: String,
    number: String,
    question: Question,
    mistake: Option<&'static str>,
    child: bool,
    revision: u64,
    once: String,
    to: String,
    today: String,
}

/// What staff filled in.
#[derive(Debug, Deserialize)]
pub struct Filled {
    /// `ja` or `nee`.
    pub(super) antwoord: Option<String>,
    /// `gezegd` or `papier`.
    hoe: Option<String>,
    /// The number on the form.
    #[serde(default)]
    formulier: String,
    /// The day on the form.
    #[serde(default)]
    datum: String,
    /// `zelf` or `ouder`, where it is a child.
    wie: Option<String>,
    /// The member number of the parent.
    #[serde(default)]
    ouder: String,
    /// What the page showed.
    versie: u32,
    /// When the page was made, in changes of the record.
    pub(super) stand: u64,
}

/// The script to read aloud, and the form.
#[get("/balie/lid/{member}/{purpose}")]
pub async fn ask(
    request: HttpRequest,
    at: Path<(String, String)>,
    asked: Query<Asked>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (member, purpose) = at.into_inner();
    let page = page_of(&request, &staff)?;
    let (_, seen) = seen(&service, &staff, &page, &member).await?;
    let near = &seen.near;
    let catalogue = service.catalogue();
    let question = asking::entry(&catalogue, &purpose)
        .and_then(|entry| asking::question(&catalogue, entry, near, &page))
        .ok_or_else(|| not_found(&page))?;
    let mut page = page
        .at(&catalogue, &near.organisation)
        .back_to(&seen.path, "desk-member");
    page.title.clone_from(&question.title);
    Ok(show(&Ask {
        library: library(&service, near),
        number: number(near),
        mistake: mistake(&asked.fout),
        child: !near.is_sixteen,
        revision: near.revision,
        once: once(&service),
        to: page.to(&format!("{}/{purpose}", seen.path)),
        today: service.world().now().date(page.zone()).to_string(),
        question,
        page,
    }))
}

/// Records it.
#[post("/balie/lid/{member}/{purpose}")]
pub async fn fill_in(
    request: HttpRequest,
    at: Path<(String, String)>,
    staff: Staff,
    form: Form<Filled>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (member, purpose) = at.into_inner();
    let page = page_of(&request, &staff)?;
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let (mut call, seen) = seen(&service, &staff, &page, &member).await?;
    let near = &seen.near;
    let catalogue = service.catalogue();
    let entry = asking::entry(&catalogue, &purpose).ok_or_else(|| not_found(&page))?;
    let back = |word: &str| Ok(onward(&page.to(&format!("{}/{purpose}?fout={word}", seen.path))));
    let filled = &form.value;
    let yes = match filled.antwoord.as_deref() {
        Some("ja") => true,
        Some("nee") => false,
        _ => return back("kies"),
    };
    let Some(said) = said(filled, near, &page) else {
        return back("invullen");
    };
    let actor = match actor(filled, near, &catalogue) {
        Some(actor) => ActorRef {
            staff: Some(staff.identity.subject.clone()),
            ..actor
        },
        None => return back("geen-ouder"),
    };
    call.idempotency = form.idempotency;
    // A yes is said knowing what was chosen last. A no counts whatever was shown (ADR 3).
    let old = yes && near.revision != filled.stand;
    if old && !service.was_done(&call).await.map_err(refused)? {
        return back("veranderd");
    }
    let verb = RecordConsent {
        person: PersonRef::Pairwise(seen.id.clone()),
        organisation: near.organisation.clone(),
        purpose: entry.purpose.id.clone(),
        status: asking::status(near, entry, yes),
        data_scopes: None,
        channels: None,
        notice_version: Some(filled.versie),
        language: Some(page.language),
        method: said.method,
        actor,
        evidence: said.evidence,
        occurred_at: said.occurred_at,
    };
    let done = match service.record_consent(&call, verb).await {
        Ok(done) => done,
        Err(refusal) => match word(&refusal) {
            Some(word) => return back(word),
            None => return Err(refused(refusal)),
        },
    };
    if !done.replayed {
        let said = |language| told::Said {
            title: entry
                .notice(language, false)
                .map(|notice| notice.title.clone())
                .unwrap_or_default(),
            answer: texts::say(language, if yes { "desk-mail-yes" } else { "desk-mail-no" }, &[]),
        };
        tell(&service, near, &page, said).await;
    }
    let receipt = done.answer.id;
    Ok(onward(
        &page.to(&format!("{}/{purpose}/klaar?bewijs={receipt}", seen.path)),
    ))
}

/// How it was said.
pub(super) struct Said {
    pub(super) method: IndicationMethod,
    pub(super) evidence: Option<Personal<Map<String, Value>>>,
    pub(super) occurred_at: Option<Moment>,
}

/// How it was said, when all of it was filled in.
pub(super) fn said(filled: &Filled, near: &Near, page: &Page) -> Option<Said> {
    let number = filled.formulier.trim();
    let fits = number.chars().count() <= LONGEST && !number.chars().any(char::is_control);
    if !fits || near.number.is_none() {
        return None;
    }
    let mut evidence = Map::new();
    if !number.is_empty() {
        evidence.insert("form".to_owned(), Value::String(number.to_owned()));
    }
    match filled.hoe.as_deref()? {
        "gezegd" => Some(Said {
            method: IndicationMethod::Desk,
            evidence: (!evidence.is_empty()).then(|| Personal::new(evidence)),
            occurred_at: None,
        }),
        // Paper without its number proves nothing (R16).
        "papier" if !number.is_empty() => {
            let occurred_at = match filled.datum.trim() {
                "" => None,
                day => {
                    let day: NaiveDate = day.parse().ok()?;
                    Some(Moment::start_of(day, page.zone()))
                }
            };
            Some(Said {
                method: IndicationMethod::Paper,
                evidence: Some(Personal::new(evidence)),
                occurred_at,
            })
        }
        _ => None,
    }
}

/// Whose word it is. A child may say it itself, or a parent who is named by number.
pub(super) fn actor(filled: &Filled, near: &Near, catalogue: &Catalogue) -> Option<ActorRef> {
    if near.is_sixteen || filled.wie.as_deref() != Some("ouder") {
        return Some(ActorRef::plain(ActorKind::Oneself));
    }
    let scheme: SchemeId = "member-number".parse().ok()?;
    let number = catalogue.schemes.get(&scheme)?.normalise(&filled.ouder)?;
    Some(ActorRef {
        guardian: Some(PersonRef::Identifier {
            scheme,
            value: Personal::new(number),
        }),
        ..ActorRef::plain(ActorKind::Guardian)
    })
}

/// The receipt, to show or print.
#[get("/balie/lid/{member}/{purpose}/klaar")]
pub async fn shown(
    request: HttpRequest,
    at: Path<(String, String)>,
    asked: Query<Asked>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (member, purpose) = at.into_inner();
    let page = page_of(&request, &staff)?;
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let (call, seen) = seen(&service, &staff, &page, &member).await?;
    let near = &seen.near;
    let id: EventId = asked.bewijs.parse().map_err(|_| not_found(&page))?;
    let receipt = service
        .receipt(&call, FetchReceipt { id })
        .await
        .map_err(refused)?;
    // Of this member and this purpose: an address is not made of another receipt.
    if receipt.person_id != seen.id || receipt.purpose.as_str() != purpose {
        return Err(not_found(&page));
    }
    let catalogue = service.catalogue();
    let title = asking::entry(&catalogue, &purpose)
        .and_then(|entry| entry.notice(page.language, false))
        .map(|notice| notice.title.clone())
        .unwrap_or_default();
    let address = service.address_of(near.person).await.map_err(refused)?;
    let page = page.at(&catalogue, &near.organisation).titled("desk-done");
    let yes = receipt.status.is_yes() || receipt.awaits_guardian;
    let paper = receipt.method == IndicationMethod::Paper;
    let lines = [
        ("desk-library", library(&service, near)),
        ("desk-receipt-member", number(near)),
        ("desk-receipt-about", title),
        (
            "desk-receipt-answer",
            page.say(if yes { "asking-yes" } else { "asking-no" }),
        ),
        ("desk-receipt-when", page.moment(&receipt.occurred_at)),
        (
            "desk-receipt-how",
            page.say(if paper { "desk-paper" } else { "desk-spoken" }),
        ),
        (
            "desk-receipt-text",
            page.say1("desk-receipt-version", "version", receipt.notice_version),
        ),
        ("desk-receipt-number", receipt.id.to_string()),
    ];
    Ok(show(&Done {
        waits: receipt.awaits_guardian,
        code: short(&receipt.id.to_string()),
        lines: lines
            .into_iter()
            .map(|(name, value)| (page.say(name), value))
            .collect(),
        mailed: address.is_some(),
        again: page.to(&seen.path),
        page,
    }))
}
