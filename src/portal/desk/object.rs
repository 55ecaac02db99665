//! Objecting at the desk (GDPR art. 21): to one purpose or to all promotion, and allowing it again. No reason is asked, and
//! it holds at once; paper has its number here too.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;

use super::record::{Filled, actor, said};
use super::told::{self, tell};
use super::{Asked, Done, library, mistake, not_found, number, page_of, seen, short};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::Change;
use crate::domain::ids::{EventId, PurposeId};
use crate::domain::preference::Language;
use crate::domain::purpose::PurposeStatus;
use crate::policy::catalogue::{Catalogue, PurposeEntry};
use crate::portal::catalogue::Group;
use crate::portal::children::word;
use crate::service::Service;
use crate::service::family::Near;
use crate::service::refusal::Refusal;
use crate::service::verbs::{ActorRef, ConsentHistory, PersonRef, RecordObjection};
use crate::web::page::{Page, onward, show};
use crate::web::session::{Form, Staff, Turned, once};
use crate::web::texts;

/// What all promotion is called in an address. No purpose has this id: ids are English.
pub(super) const MARKETING: &str = "reclame";

#[derive(Template)]
#[template(path = "desk/object.html")]
struct Ask {
    page: Page,
    library: String,
    number: String,
    summary: String,
    current: String,
    stop: String,
    mistake: Option<&'static str>,
    child: bool,
    version: u32,
    revision: u64,
    once: String,
    to: String,
    today: String,
}

/// What somebody objects to.
enum About<'c> {
    /// All promotion.
    Marketing,
    /// One purpose.
    One(&'c PurposeEntry),
}

impl<'c> About<'c> {
    /// By its name in an address.
    fn named(catalogue: &'c Catalogue, name: &str) -> Option<Self> {
        if name == MARKETING {
            return Some(Self::Marketing);
        }
        let id: PurposeId = name.parse().ok()?;
        let entry = catalogue.purposes.get(&id)?;
        let fits = entry.purpose.status == PurposeStatus::Active && Group::of(entry) == Group::Stop;
        fits.then_some(Self::One(entry))
    }

    fn purpose(&self) -> Option<PurposeId> {
        match self {
            Self::Marketing => None,
            Self::One(entry) => Some(entry.purpose.id.clone()),
        }
    }

    fn title(&self, language: Language) -> String {
        match self {
            Self::Marketing => texts::say(language, "desk-marketing", &[]),
            Self::One(entry) => entry
                .notice(language, false)
                .map(|notice| notice.title.clone())
                .unwrap_or_default(),
        }
    }

    fn summary(&self, page: &Page) -> String {
        match self {
            Self::Marketing => page.say("object-marketing-text"),
            Self::One(entry) => entry
                .notice(page.language, false)
                .map(|notice| notice.summary.clone())
                .unwrap_or_default(),
        }
    }

    /// How it stands.
    fn current(&self, near: &Near, page: &Page) -> String {
        let since = match self {
            Self::Marketing => near.marketing_objection.as_ref(),
            Self::One(entry) => near.objections.get(&entry.purpose.id),
        };
        match since {
            Some(since) => page.say1("state-stopped-since", "date", page.day(since)),
            None => page.say("desk-runs"),
        }
    }
}

/// What is read aloud, and the form.
#[get("/balie/lid/{member}/bezwaar/{what}")]
pub async fn ask(
    request: HttpRequest,
    at: Path<(String, String)>,
    asked: Query<Asked>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (member, what) = at.into_inner();
    let page = page_of(&request, &staff)?;
    let (_, seen) = seen(&service, &staff, &page, &member).await?;
    let near = &seen.near;
    let catalogue = service.catalogue();
    let about = About::named(&catalogue, &what).ok_or_else(|| not_found(&page))?;
    let mut page = page
        .at(&catalogue, &near.organisation)
        .back_to(&seen.path, "desk-member");
    page.title = about.title(page.language);
    let own = match &about {
        About::One(entry) => entry
            .notice(page.language, false)
            .and_then(|notice| notice.object.clone()),
        About::Marketing => Some(page.say("object-marketing-stop")),
    };
    Ok(show(&Ask {
        library: library(&service, near),
        number: number(near),
        summary: about.summary(&page),
        current: about.current(near, &page),
        stop: own.unwrap_or_else(|| page.say("question-stop")),
        mistake: mistake(&asked.fout),
        child: !near.is_sixteen,
        version: match &about {
            About::One(entry) => entry.purpose.version,
            About::Marketing => 0,
        },
        revision: near.revision,
        once: once(&service),
        to: page.to(&format!("{}/bezwaar/{what}", seen.path)),
        today: service.world().now().date(page.zone()).to_string(),
        page,
    }))
}

/// Records it. `nee` stops it, `ja` allows it again.
#[post("/balie/lid/{member}/bezwaar/{what}")]
pub async fn fill_in(
    request: HttpRequest,
    at: Path<(String, String)>,
    staff: Staff,
    form: Form<Filled>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (member, what) = at.into_inner();
    let page = page_of(&request, &staff)?;
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let (mut call, seen) = seen(&service, &staff, &page, &member).await?;
    let near = &seen.near;
    let catalogue = service.catalogue();
    let about = About::named(&catalogue, &what).ok_or_else(|| not_found(&page))?;
    let path = format!("{}/bezwaar/{what}", seen.path);
    let back = |word: &str| Ok(onward(&page.to(&format!("{path}?fout={word}"))));
    let filled = &form.value;
    let stops = match filled.antwoord.as_deref() {
        Some("nee") => true,
        Some("ja") => false,
        _ => return back("kies"),
    };
    let Some(said) = said(filled, near, &page) else {
        return back("invullen");
    };
    let Some(actor) = actor(filled, near, &catalogue) else {
        return back("geen-ouder");
    };
    call.idempotency = form.idempotency;
    // It is allowed again knowing what was said last. A stop holds whatever was shown (ADR 3).
    let old = !stops && near.revision != filled.stand;
    if old && !service.was_done(&call).await.map_err(refused)? {
        return back("veranderd");
    }
    let verb = RecordObjection {
        person: PersonRef::Pairwise(seen.id.clone()),
        organisation: near.organisation.clone(),
        purpose: about.purpose(),
        made: stops,
        method: said.method,
        actor: ActorRef {
            staff: Some(staff.identity.subject.clone()),
            ..actor
        },
        evidence: said.evidence,
        occurred_at: said.occurred_at,
    };
    let done = match service.record_objection(&call, verb).await {
        Ok(done) => done,
        Err(refusal) => match word(&refusal) {
            Some(word) => return back(word),
            None => return Err(refused(refusal)),
        },
    };
    if !done.replayed {
        let said = |language| told::Said {
            title: about.title(language),
            answer: texts::say(language, answer(stops), &[]),
        };
        tell(&service, near, &page, said).await;
    }
    Ok(onward(
        &page.to(&format!("{path}/klaar?bewijs={}", done.answer.id)),
    ))
}

const fn answer(stops: bool) -> &'static str {
    if stops {
        "desk-mail-stop"
    } else {
        "desk-mail-again"
    }
}

/// The receipt, to show or print: what the history of the member says of it.
#[get("/balie/lid/{member}/bezwaar/{what}/klaar")]
pub async fn shown(
    request: HttpRequest,
    at: Path<(String, String)>,
    asked: Query<Asked>,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let (member, what) = at.into_inner();
    let page = page_of(&request, &staff)?;
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let (call, seen) = seen(&service, &staff, &page, &member).await?;
    let near = &seen.near;
    let catalogue = service.catalogue();
    let about = About::named(&catalogue, &what).ok_or_else(|| not_found(&page))?;
    let id: EventId = asked.bewijs.parse().map_err(|_| not_found(&page))?;
    let verb = ConsentHistory {
        person_id: seen.id.clone(),
        until: None,
    };
    let history = service.consent_history(&call, verb).await.map_err(refused)?;
    let event = history.into_iter().map(|item| item.event);
    let event = event
        .into_iter()
        .find(|event| event.id == id)
        .ok_or_else(|| not_found(&page))?;
    let (purpose, method, stops) = match &event.change {
        Change::Objected { purpose, method } => (purpose, Some(*method), true),
        Change::ObjectionEnded { purpose } => (purpose, None, false),
        _ => return Err(not_found(&page)),
    };
    if *purpose != about.purpose() {
        return Err(not_found(&page));
    }
    let address = service.address_of(near.person).await.map_err(refused)?;
    let page = page.at(&catalogue, &near.organisation).titled("desk-done");
    let mut lines = vec![
        ("desk-library", library(&service, near)),
        ("desk-receipt-member", number(near)),
        ("desk-receipt-about", about.title(page.language)),
        ("desk-receipt-answer", page.say(answer(stops))),
        ("desk-receipt-when", page.moment(&event.occurred_at)),
    ];
    if let Some(method) = method {
        let paper = method == IndicationMethod::Paper;
        let how = page.say(if paper { "desk-paper" } else { "desk-spoken" });
        lines.push(("desk-receipt-how", how));
    }
    lines.push(("desk-receipt-number", event.id.to_string()));
    Ok(show(&Done {
        waits: false,
        code: short(&event.id.to_string()),
        lines: lines
            .into_iter()
            .map(|(name, value)| (page.say(name), value))
            .collect(),
        mailed: address.is_some(),
        again: page.to(&seen.path),
        page,
    }))
}
