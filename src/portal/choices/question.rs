//! P3: one question a page. Two equal answers, none chosen in advance when nobody chose; the text that is shown is the
//! notice of the policy, and its version is what the choice is recorded with.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::state::{Answer, State, objected};
use crate::domain::age;
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::ids::OrganisationId;
use crate::policy::catalogue::{Catalogue, Notice, PurposeEntry};
use crate::portal::catalogue::{Group, data, line, pictogram, recipients};
use crate::portal::member::{Subject, call, dress};
use crate::portal::told;
use crate::service::Service;
use crate::service::call::Idempotency;
use crate::service::own::Own;
use crate::service::refusal::{Conflict, Refusal};
use crate::service::verbs::{RecordConsent, RecordObjection};
use crate::web::page::{Page, onward, prose, show};
use crate::web::problem::{Kind, Problem};
use crate::web::session::{Form, Member, once};

/// Below this age somebody is told in the words for children.
const WORDS_FOR_CHILDREN: u32 = 12;

#[derive(Template)]
#[template(path = "portal/question.html")]
struct Question {
    page: Page,
    heading: String,
    library: String,
    pictogram: &'static str,
    summary: String,
    state: State,
    data: String,
    recipients: Vec<String>,
    if_no: String,
    full: String,
    version: u32,
    /// What is recorded now, so that a choice made elsewhere in the meantime is noticed.
    stands: String,
    once: String,
    form: Option<Choices>,
    /// What was wrong with the last try, or what was done: ids of texts.
    mistake: Option<&'static str>,
    done: Option<&'static str>,
    /// A no to all promotion stands above this.
    no_marketing: bool,
    objection: String,
}

/// The two answers.
struct Choices {
    yes: String,
    no: String,
    chosen: Option<bool>,
}

/// What the address says besides.
#[derive(Debug, Default, Deserialize)]
pub struct Told {
    /// What was wrong with the last try.
    #[serde(default)]
    fout: String,
    /// That it was done.
    #[serde(default)]
    klaar: String,
}

/// A choice as it is sent.
#[derive(Debug, Deserialize)]
pub struct Chosen {
    /// `ja` or `nee`; absent when neither was chosen.
    #[serde(default)]
    antwoord: String,
    /// The version of the text that was shown.
    versie: u32,
    /// What was recorded when the page was made.
    #[serde(default)]
    stand: String,
}

/// The question about one purpose at one library.
#[get("/mijn/keuzes/{library}/{purpose}")]
pub async fn ask(
    request: HttpRequest,
    member: Member,
    path: Path<(String, String)>,
    told: Query<Told>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let (library, purpose) = path.into_inner();
    question(
        page,
        &service,
        &Subject::oneself(&member),
        (&library, &purpose),
        &told,
    )
    .await
}

/// The answer.
#[post("/mijn/keuzes/{library}/{purpose}")]
pub async fn choose(
    request: HttpRequest,
    member: Member,
    path: Path<(String, String)>,
    form: Form<Chosen>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let (library, purpose) = path.into_inner();
    let subject = Subject::oneself(&member);
    answer(
        &page,
        &service,
        &subject,
        (&library, &purpose),
        &form.value,
        form.idempotency,
    )
    .await
}

/// What is asked, with its library.
fn found<'c>(
    catalogue: &'c Catalogue,
    subject: &Subject,
    (library, purpose): (&str, &str),
) -> Result<(OrganisationId, &'c PurposeEntry), Problem> {
    let missing = || Problem::new(Kind::NotFound);
    let library = subject.library(library).ok_or_else(missing)?;
    let id = purpose
        .parse::<crate::domain::ids::PurposeId>()
        .map_err(|_| missing())?;
    let entry = catalogue.purposes.get(&id).ok_or_else(missing)?;
    Ok((library.clone(), entry))
}

/// What is recorded about a purpose now.
fn stands(entry: &PurposeEntry, own: &Own) -> String {
    match Group::of(entry) {
        Group::Choose => {
            let said = own.standing.consents.get(&entry.purpose.id);
            said.map(|said| said.event.to_string()).unwrap_or_default()
        }
        Group::Stop | Group::Needed => objected(entry, own)
            .map(|at| at.micros().to_string())
            .unwrap_or_default(),
    }
}

/// The words that are shown to this person: those for children when a child reads them.
fn words<'c>(entry: &'c PurposeEntry, own: &Own, page: &Page, subject: &Subject) -> Option<&'c Notice> {
    let small = !age::has_reached(own.standing.birth(), WORDS_FOR_CHILDREN, own.now, page.zone());
    entry.notice(page.language, small && subject.guardian.is_none())
}

/// The page of one question, for whoever may see it.
///
/// # Errors
/// 404 for a library or purpose that is not theirs; those of reading.
pub async fn question(
    page: Page,
    service: &Service,
    subject: &Subject,
    names: (&str, &str),
    told: &Told,
) -> Result<HttpResponse, Problem> {
    let catalogue = service.catalogue();
    let (library, entry) = found(&catalogue, subject, names)?;
    let own = service
        .own_standing(&call(&page)?, subject.person, library.clone())
        .await?;
    let missing = || Problem::new(Kind::NotFound);
    let notice = words(entry, &own, &page, subject).ok_or_else(missing)?;
    let whole = entry.notice(page.language, false).ok_or_else(missing)?;
    let group = Group::of(entry);
    let state = State::of(entry, &own, &page);
    let said = own.standing.consents.get(&entry.purpose.id);
    let form = match group {
        Group::Choose => Some(Choices {
            yes: notice.yes.clone().unwrap_or_else(|| page.say("question-yes")),
            no: notice.no.clone().unwrap_or_else(|| page.say("question-no")),
            chosen: match state.answer {
                Answer::Yes => Some(true),
                Answer::No => said.map(|said| said.status.is_yes()),
                Answer::None | Answer::Done => None,
            },
        }),
        Group::Stop => Some(Choices {
            yes: page.say("question-go-on"),
            no: notice.object.clone().unwrap_or_else(|| page.say("question-stop")),
            chosen: (state.answer == Answer::No).then_some(false),
        }),
        Group::Needed => None,
    };
    let full = if whole.full.is_empty() {
        &notice.full
    } else {
        &whole.full
    };
    let mistake = match told.fout.as_str() {
        "kies" => Some("question-mistake-none"),
        "tekst" => Some("question-mistake-text"),
        "veranderd" => Some("question-mistake-changed"),
        "leeftijd" => Some("question-mistake-age"),
        "ouders" => Some("question-mistake-guardians"),
        _ => None,
    };
    let done = match (told.klaar.as_str(), state.answer) {
        ("1", Answer::No) => Some("question-stopped"),
        ("1", _) => Some("question-goes-on"),
        _ => None,
    };
    let mut page = page.back_to(&format!("{}/keuzes", subject.base), "question-back");
    let heading = notice.question.clone().unwrap_or_else(|| notice.title.clone());
    page.title = match mistake {
        Some(_) => format!("{}: {heading}", page.say("question-mistake")),
        None => heading.clone(),
    };
    let marketing = own.standing.marketing_objection.is_some() && entry.purpose.is_promotional();
    let objection = page.to(&format!("{}/bezwaar", subject.base));
    Ok(show(&Question {
        heading,
        library: catalogue.library(&library).to_owned(),
        pictogram: pictogram(entry),
        summary: notice.summary.clone(),
        data: line(&data(&catalogue, entry, page.language)),
        recipients: recipients(&catalogue, entry, &page),
        if_no: notice
            .if_no
            .clone()
            .or_else(|| notice.why_no_choice.clone())
            .unwrap_or_default(),
        full: prose::html(full, 3),
        version: entry.purpose.version,
        stands: stands(entry, &own),
        once: once(service),
        form,
        mistake,
        done,
        no_marketing: marketing,
        objection,
        state,
        page,
    }))
}

/// Records an answer.
///
/// # Errors
/// 404 for a library or purpose that is not theirs; what the verbs refuse and a new look cannot mend.
pub async fn answer(
    page: &Page,
    service: &Service,
    subject: &Subject,
    names: (&str, &str),
    chosen: &Chosen,
    idempotency: Option<Idempotency>,
) -> Result<HttpResponse, Problem> {
    let catalogue = service.catalogue();
    let (library, entry) = found(&catalogue, subject, names)?;
    let here = format!("{}/keuzes/{library}/{}", subject.base, entry.purpose.id);
    let again = |why: &str| Ok(onward(&page.to(&format!("{here}?fout={why}"))));
    let wants = match chosen.antwoord.as_str() {
        "ja" => true,
        "nee" => false,
        _ => return again("kies"),
    };
    let mut call = call(page)?;
    let own = service
        .own_standing(&call, subject.person, library.clone())
        .await?;
    // A no counts whatever was shown or recorded before it (R6); a yes only to what stands there now.
    if wants && chosen.versie != entry.purpose.version {
        return again("tekst");
    }
    call.idempotency = idempotency;
    if wants && chosen.stand != stands(entry, &own) && !repeated(entry, &own) {
        return again("veranderd");
    }
    match Group::of(entry) {
        Group::Needed => Err(Problem::new(Kind::NotFound)),
        Group::Stop => {
            let verb = RecordObjection {
                person: subject.person_at(service, &call, &library),
                organisation: library.clone(),
                purpose: Some(entry.purpose.id.clone()),
                made: !wants,
                method: IndicationMethod::WebForm,
                actor: subject.actor(service, &call, &library),
                evidence: None,
                occurred_at: None,
            };
            service.record_objection(&call, verb).await?;
            Ok(onward(&page.to(&format!("{here}?klaar=1"))))
        }
        Group::Choose => {
            let verb = consent(service, subject, &call, &library, entry, wants, &own, page);
            match service.record_consent(&call, verb).await {
                Ok(done) => {
                    if !done.replayed {
                        told::receipt(service, &call, subject.person, &done.answer, page).await;
                    }
                    let to = format!("{}/bewijzen/{}?klaar=1", subject.base, done.answer.id);
                    Ok(onward(&page.to(&to)))
                }
                Err(Refusal::Conflict(Conflict::MinimumAge)) => again("leeftijd"),
                Err(Refusal::Conflict(Conflict::GuardiansDisagree)) => again("ouders"),
                Err(refusal) => Err(refusal.into()),
            }
        }
    }
}

/// The same yes stands there already: a second press of the button, or a page that came back.
fn repeated(entry: &PurposeEntry, own: &Own) -> bool {
    own.standing
        .consents
        .get(&entry.purpose.id)
        .is_some_and(|said| said.status.is_yes())
}

/// A yes or a no to a purpose that rests on consent. A no after a yes takes it back.
#[expect(
    clippy::too_many_arguments,
    reason = "one act, each of whose parts is named once"
)]
pub(super) fn consent(
    service: &Service,
    subject: &Subject,
    call: &crate::service::call::Call,
    library: &OrganisationId,
    entry: &PurposeEntry,
    yes: bool,
    own: &Own,
    page: &Page,
) -> RecordConsent {
    let before = own
        .standing
        .consents
        .get(&entry.purpose.id)
        .map(|said| said.status);
    let status = match (yes, before) {
        (true, _) => ConsentStatus::Given,
        (false, Some(status)) if status.is_yes() || status == ConsentStatus::Withdrawn => {
            ConsentStatus::Withdrawn
        }
        (false, _) => ConsentStatus::Refused,
    };
    RecordConsent {
        person: subject.person_at(service, call, library),
        organisation: library.clone(),
        purpose: entry.purpose.id.clone(),
        status,
        data_scopes: None,
        channels: None,
        notice_version: Some(entry.purpose.version),
        language: Some(page.language),
        method: IndicationMethod::WebForm,
        actor: subject.actor(service, call, library),
        evidence: None,
        occurred_at: None,
    }
}
