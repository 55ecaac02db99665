//! P4 and P8: the receipts of one's choices: to read, to print, as PDF, and as signed JSON that anybody can check.

use actix_web::http::header::{CONTENT_DISPOSITION, HeaderValue};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::question::consent;
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::event::{ActorKind, Change};
use crate::domain::ids::EventId;
use crate::domain::preference::Language;
use crate::policy::catalogue::Catalogue;
use crate::portal::catalogue::line;
use crate::portal::member::{Subject, call, dress};
use crate::portal::told;
use crate::service::Service;
use crate::service::verbs::{ConsentHistory, FetchReceipt, Receipt};
use crate::web::page::{Page, onward, show};
use crate::web::pdf::{Document, PDF};
use crate::web::problem::{Kind, Problem};
use crate::web::receipt::{document, signed};
use crate::web::session::{Form, Member, once};

#[derive(Template)]
#[template(path = "portal/receipt.html")]
struct ReceiptPage {
    page: Page,
    said: String,
    lines: Vec<(String, String)>,
    code: String,
    pdf: String,
    json: String,
    /// Just chosen: what happens now.
    done: Option<String>,
    /// Where the choice is taken back, and its words; none when it is not the current one.
    undo: Option<String>,
    change: String,
    /// The other libraries, where the same can be chosen at once.
    everywhere: Option<String>,
    others: Vec<String>,
    once: String,
}

#[derive(Template)]
#[template(path = "portal/receipts.html")]
struct Receipts {
    page: Page,
    items: Vec<Item>,
}

struct Item {
    said: String,
    library: String,
    when: String,
    number: String,
    to: String,
}

/// What the address says besides.
#[derive(Debug, Default, Deserialize)]
pub struct Told {
    #[serde(default)]
    klaar: String,
}

/// A form with one button.
#[derive(Debug, Deserialize)]
pub struct Pressed {}

/// A receipt of this member; one of somebody else does not exist here.
async fn own(service: &Service, subject: &Subject, page: &Page, id: &str) -> Result<Receipt, Problem> {
    let id: EventId = id.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    let call = call(page)?;
    let receipt = service.receipt(&call, FetchReceipt { id }).await?;
    let theirs = subject
        .libraries
        .iter()
        .any(|library| service.pairwise(&call, library, subject.person) == receipt.person_id);
    if theirs {
        Ok(receipt)
    } else {
        Err(Problem::new(Kind::NotFound))
    }
}

fn title(catalogue: &Catalogue, purpose: &crate::domain::ids::PurposeId, language: Language) -> String {
    let entry = catalogue.purposes.get(purpose);
    let notice = entry.and_then(|entry| entry.notice(language, false));
    notice.map_or_else(|| purpose.to_string(), |notice| notice.title.clone())
}

/// What was said, as a sentence.
pub fn sentence(page: &Page, status: ConsentStatus, awaits: bool, title: &str) -> String {
    let id = match status {
        ConsentStatus::Given | ConsentStatus::Renewed => "said-yes",
        ConsentStatus::Refused => "said-no",
        ConsentStatus::Withdrawn => "said-stop",
        ConsentStatus::Requested if awaits => "said-yes-child",
        ConsentStatus::Requested => "said-asked",
        ConsentStatus::Revoked => "said-revoked",
    };
    page.say1(id, "title", title)
}

/// How it was said.
pub fn way(page: &Page, method: IndicationMethod) -> String {
    page.say(match method {
        IndicationMethod::WebForm => "way-web",
        IndicationMethod::MailLink | IndicationMethod::OneClick => "way-mail",
        IndicationMethod::Desk => "way-desk",
        IndicationMethod::Paper => "way-paper",
        IndicationMethod::Phone => "way-phone",
        IndicationMethod::Import => "way-import",
        IndicationMethod::Api => "way-app",
    })
}

/// Who said it.
pub fn who(page: &Page, actor: ActorKind) -> String {
    page.say(match actor {
        ActorKind::Oneself => "who-self",
        ActorKind::Guardian => "who-guardian",
        ActorKind::Staff => "who-staff",
        ActorKind::System => "who-system",
        ActorKind::Import => "who-import",
    })
}

/// A short number for people to say aloud: the first digits of the id in groups.
pub fn number(id: &EventId) -> String {
    let hex = id.to_string().replace('-', "").to_uppercase();
    let digits: Vec<char> = hex.chars().take(12).collect();
    let groups: Vec<String> = digits.chunks(4).map(|group| group.iter().collect()).collect();
    format!("B-{}", groups.join("-"))
}

fn lines(page: &Page, catalogue: &Catalogue, receipt: &Receipt) -> Vec<(String, String)> {
    let library = catalogue.organisations.get(&receipt.organisation);
    let data: Vec<String> = receipt
        .data_scopes
        .iter()
        .filter_map(|id| catalogue.data_scopes.get(id)?.title.get(&page.language).cloned())
        .collect();
    let mut lines = vec![
        (page.say("receipt-number"), number(&receipt.id)),
        (
            page.say("receipt-library"),
            library.map(|own| own.name.clone()).unwrap_or_default(),
        ),
        (page.say("receipt-when"), page.moment(&receipt.occurred_at)),
        (page.say("receipt-who"), who(page, receipt.actor)),
        (page.say("receipt-how"), way(page, receipt.method)),
        (page.say("receipt-data"), line(&data)),
    ];
    if let Some(until) = &receipt.valid_until {
        lines.push((page.say("receipt-until"), page.day(until)));
    }
    if receipt.notice_version > 0 {
        lines.push((
            page.say("receipt-text"),
            page.say1("receipt-text-version", "version", receipt.notice_version),
        ));
    }
    if receipt.awaits_guardian {
        lines.push((page.say("receipt-note"), page.say("state-awaits-guardian")));
    }
    lines
}

/// The list of receipts (P8).
#[get("/mijn/bewijzen")]
pub async fn all(
    request: HttpRequest,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("receipts-title");
    let page = page.back_to("/mijn/geschiedenis", "receipts-back");
    let subject = Subject::oneself(&member);
    let (call, catalogue) = (call(&page)?, service.catalogue());
    let mut found = Vec::new();
    for library in &subject.libraries {
        let verb = ConsentHistory {
            person_id: service.pairwise(&call, library, subject.person),
            until: None,
        };
        for item in service.consent_history(&call, verb).await? {
            if let Change::Consent(act) = &item.event.change {
                let at = item.event.recorded_at;
                let name = catalogue.organisations.get(library).map(|own| own.name.clone());
                let title = title(&catalogue, &act.purpose, page.language);
                found.push((
                    at,
                    Item {
                        said: sentence(&page, act.status, act.awaits_guardian, &title),
                        library: name.unwrap_or_default(),
                        when: page.moment(&at),
                        number: number(&item.event.id),
                        to: page.to(&format!("/mijn/bewijzen/{}", item.event.id)),
                    },
                ));
            }
        }
    }
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let items = found.into_iter().map(|(_, item)| item).collect();
    Ok(show(&Receipts { page, items }))
}

/// One receipt (P4).
#[get("/mijn/bewijzen/{receipt}")]
pub async fn one(
    request: HttpRequest,
    member: Member,
    id: Path<String>,
    told: Query<Told>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("receipt-title");
    let page = page.back_to("/mijn/keuzes", "question-back");
    let subject = Subject::oneself(&member);
    let receipt = own(&service, &subject, &page, &id).await?;
    let catalogue = service.catalogue();
    let title = title(&catalogue, &receipt.purpose, page.language);
    let here = format!("/mijn/bewijzen/{}", receipt.id);
    let change = format!("/mijn/keuzes/{}/{}", receipt.organisation, receipt.purpose);
    let standing = service
        .own_standing(&call(&page)?, subject.person, receipt.organisation.clone())
        .await?;
    let current = standing
        .standing
        .consents
        .get(&receipt.purpose)
        .is_some_and(|said| said.event == receipt.id);
    let yes = receipt.status.is_yes() || receipt.awaits_guardian;
    let done = (told.klaar == "1").then(|| {
        page.say(match (receipt.awaits_guardian, yes) {
            (true, _) => "receipt-done-child",
            (false, true) => "receipt-done-yes",
            (false, false) => "receipt-done-no",
        })
    });
    let others: Vec<String> = subject
        .libraries
        .iter()
        .filter(|library| **library != receipt.organisation)
        .filter_map(|library| Some(catalogue.organisations.get(library)?.name.clone()))
        .collect();
    let everywhere = (current && !others.is_empty()).then(|| page.to(&format!("{here}/overal")));
    Ok(show(&ReceiptPage {
        said: sentence(&page, receipt.status, receipt.awaits_guardian, &title),
        lines: lines(&page, &catalogue, &receipt),
        code: receipt.leaf_hash.clone(),
        pdf: page.to(&format!("{here}/bewijs.pdf")),
        json: page.to(&format!("{here}/bewijs.json")),
        done,
        undo: (current && yes).then(|| page.to(&format!("{here}/terug"))),
        change: page.to(&change),
        everywhere,
        others,
        once: once(&service),
        page,
    }))
}

/// Takes a yes back, with one press (GDPR art. 7(3)).
#[post("/mijn/bewijzen/{receipt}/terug")]
pub async fn take_it_back(
    request: HttpRequest,
    member: Member,
    id: Path<String>,
    form: Form<Pressed>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let subject = Subject::oneself(&member);
    let receipt = own(&service, &subject, &page, &id).await?;
    let id = record(
        &service,
        &subject,
        &page,
        &receipt,
        std::slice::from_ref(&receipt.organisation),
        false,
        &form,
    )
    .await?;
    let to = id.map_or_else(
        || "/mijn/keuzes".to_owned(),
        |id| format!("/mijn/bewijzen/{id}?klaar=1"),
    );
    Ok(onward(&page.to(&to)))
}

/// The same word at every other library of the member: one event, and one receipt, for each (R51).
#[post("/mijn/bewijzen/{receipt}/overal")]
pub async fn same_everywhere(
    request: HttpRequest,
    member: Member,
    id: Path<String>,
    form: Form<Pressed>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let subject = Subject::oneself(&member);
    let receipt = own(&service, &subject, &page, &id).await?;
    let others: Vec<_> = subject
        .libraries
        .iter()
        .filter(|library| **library != receipt.organisation)
        .cloned()
        .collect();
    let yes = receipt.status.is_yes() || receipt.awaits_guardian;
    record(&service, &subject, &page, &receipt, &others, yes, &form).await?;
    Ok(onward(&page.to("/mijn/bewijzen")))
}

async fn record(
    service: &Service,
    subject: &Subject,
    page: &Page,
    receipt: &Receipt,
    libraries: &[crate::domain::ids::OrganisationId],
    yes: bool,
    form: &Form<Pressed>,
) -> Result<Option<EventId>, Problem> {
    let catalogue = service.catalogue();
    let entry = catalogue
        .purposes
        .get(&receipt.purpose)
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    // The text was read for this version; another one is another question.
    if yes && receipt.notice_version != entry.purpose.version {
        return Err(Problem::new(Kind::Conflict(
            crate::service::refusal::Conflict::NothingToRenew,
        )));
    }
    let mut last = None;
    for library in libraries {
        let mut call = call(page)?;
        if libraries.len() == 1 {
            call.idempotency = form.idempotency;
        }
        let own = service
            .own_standing(&call, subject.person, library.clone())
            .await?;
        let said = own.standing.consents.get(&entry.purpose.id);
        if said.is_some_and(|said| said.status.is_yes() == yes && said.status != ConsentStatus::Requested) {
            continue; // it is so already
        }
        let verb = consent(service, subject, &call, library, entry, yes, &own, page);
        let done = service.record_consent(&call, verb).await?;
        if !done.replayed {
            told::receipt(service, &call, subject.person, &done.answer, page).await;
        }
        last = Some(done.answer.id);
    }
    Ok(last)
}

/// A receipt to keep or print.
#[get("/mijn/bewijzen/{receipt}/bewijs.pdf")]
pub async fn pdf(
    request: HttpRequest,
    member: Member,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let receipt = own(&service, &Subject::oneself(&member), &page, &id).await?;
    let catalogue = service.catalogue();
    let title = title(&catalogue, &receipt.purpose, page.language);
    let mut made = Document::new(&page.say("receipt-title"), page.language);
    made.paragraph(&sentence(&page, receipt.status, receipt.awaits_guardian, &title));
    for (name, value) in lines(&page, &catalogue, &receipt) {
        made.row(&name, &value);
    }
    made.heading(&page.say("receipt-check"));
    made.paragraph(&page.say("receipt-check-text"));
    made.paragraph(&receipt.leaf_hash);
    Ok(file(PDF, &format!("{}.pdf", number(&receipt.id)), made.finish()))
}

/// A receipt for programs, signed.
#[get("/mijn/bewijzen/{receipt}/bewijs.json")]
pub async fn json(
    request: HttpRequest,
    member: Member,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let receipt = own(&service, &Subject::oneself(&member), &page, &id).await?;
    let whole = signed(document(&receipt), &service);
    let text = serde_json::to_vec_pretty(&whole).map_err(|_| Problem::new(Kind::Internal))?;
    Ok(file(
        "application/json",
        &format!("{}.json", number(&receipt.id)),
        text,
    ))
}

/// A file that the browser keeps.
pub fn file(media: &'static str, name: &str, bytes: Vec<u8>) -> HttpResponse {
    let disposition = format!("attachment; filename=\"{name}\"");
    let mut response = HttpResponse::Ok();
    response.content_type(media);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        response.insert_header((CONTENT_DISPOSITION, value));
    }
    response.body(bytes)
}
