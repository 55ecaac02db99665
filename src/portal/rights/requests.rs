//! P12: somebody's requests, with the day on which each is answered at the latest.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::step;
use crate::domain::ids::RightsRequestId;
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::rights::{RequestState, RequestType};
use crate::portal::member::{Subject, call, dress};
use crate::service::Service;
use crate::service::rights::{Content, RightsRequest, Step};
use crate::web::page::{Page, onward, show};
use crate::web::problem::{Kind, Problem};
use crate::web::session::{Form, Member};

/// How long a request for erasure can be taken back here without a word, in seconds: a week.
pub const THINK_IT_OVER: i64 = 7 * 86_400;

#[derive(Template)]
#[template(path = "portal/requests.html")]
struct Requests {
    page: Page,
    items: Vec<Item>,
    done: Option<&'static str>,
}

struct Item {
    number: String,
    title: String,
    library: String,
    received: String,
    state: String,
    answer: Option<String>,
    back: Option<String>,
    package: Option<String>,
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

/// A short number for people to say aloud.
pub fn number(id: &RightsRequestId) -> String {
    let hex = id.to_string().replace('-', "").to_uppercase();
    let digits: Vec<char> = hex.chars().take(8).collect();
    let groups: Vec<String> = digits.chunks(4).map(|group| group.iter().collect()).collect();
    format!("V-{}", groups.join("-"))
}

/// The list.
#[get("/mijn/verzoeken")]
pub async fn list(
    request: HttpRequest,
    member: Member,
    told: Query<Told>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("requests-title");
    let subject = Subject::oneself(&member);
    let catalogue = service.catalogue();
    let now = service.world().now();
    let found = service.own_requests(&call(&page)?, subject.person).await?;
    let items = found.iter().map(|request| Item {
        number: number(&request.id),
        title: title(request.kind, &page),
        library: catalogue.library(&request.organisation).to_owned(),
        received: page.day(&request.received_at),
        state: state(request, &page),
        answer: answer(request),
        back: may_take_back(request, now).then(|| page.to(&format!("/mijn/verzoeken/{}/terug", request.id))),
        package: (request.kind.has_package() && request.state == RequestState::Fulfilled)
            .then(|| page.to(&format!("/mijn/verzoeken/{}/gegevens.zip", request.id))),
    });
    let done = match told.klaar.as_str() {
        "wissen" => Some("requests-erase-done"),
        "terug" => Some("requests-taken-back"),
        "bezwaar" => Some("requests-objection-done"),
        _ => None,
    };
    Ok(show(&Requests {
        items: items.collect(),
        done,
        page,
    }))
}

fn title(kind: RequestType, page: &Page) -> String {
    page.say(match kind {
        RequestType::Access => "request-access",
        RequestType::Rectification => "request-correct",
        RequestType::Erasure => "request-erase",
        RequestType::Restriction => "request-lock",
        RequestType::Portability => "request-move",
        RequestType::Objection => "request-object",
    })
}

/// Where it stands, with the last day of its term.
fn state(request: &RightsRequest, page: &Page) -> String {
    let due = page.day(&request.due_at);
    match request.state {
        RequestState::RequiresAction => page.say1("request-waits", "date", due),
        RequestState::ActionDelayed => page.say1("request-later", "date", due),
        RequestState::Fulfilled => page.say1("request-done", "date", ended(request, page)),
        RequestState::Rejected => page.say1("request-refused", "date", ended(request, page)),
        RequestState::Unfulfilled => page.say1("request-closed", "date", ended(request, page)),
        RequestState::Initiated
        | RequestState::Acknowledged
        | RequestState::RequiredActionPerformed
        | RequestState::Accepted => page.say1("request-open", "date", due),
    }
}

fn ended(request: &RightsRequest, page: &Page) -> String {
    request
        .ended_at
        .as_ref()
        .map(|at| page.day(at))
        .unwrap_or_default()
}

/// What the library wrote back.
fn answer(request: &RightsRequest) -> Option<String> {
    request
        .history
        .iter()
        .rev()
        .find_map(|step| match step.content.as_ref()? {
            Content::Rejected { explanation, .. }
            | Content::Extended { explanation, .. }
            | Content::Closed { explanation } => Some(explanation.reveal().clone()),
            Content::Completed { explanation, .. } => explanation.as_ref().map(|text| text.reveal().clone()),
            Content::IdentityAsked { doubt } => Some(doubt.reveal().clone()),
            Content::Received(_) | Content::IdentityConfirmed { .. } | Content::GuardianConfirmed { .. } => {
                None
            }
        })
}

fn may_take_back(request: &RightsRequest, now: Moment) -> bool {
    request.kind == RequestType::Erasure
        && !request.state.is_ended()
        && now < request.received_at.plus_seconds(THINK_IT_OVER)
}

/// Takes a request for erasure back, within the week to think it over.
#[post("/mijn/verzoeken/{request}/terug")]
pub async fn take_back(
    request: HttpRequest,
    member: Member,
    id: Path<String>,
    _form: Form<Pressed>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let missing = || Problem::new(Kind::NotFound);
    let id: RightsRequestId = id.parse().map_err(|_| missing())?;
    let call = call(&page)?;
    let asked = service.own_request(&call, member.person, id).await?;
    if !may_take_back(&asked, service.world().now()) {
        return Err(missing());
    }
    let explanation = Personal::new(page.say("requests-taken-back-why"));
    step(&service, &call, &asked, Step::Close { explanation }).await?;
    Ok(onward(&page.to("/mijn/verzoeken?klaar=terug")))
}
