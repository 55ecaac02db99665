//! P9: what the library knows, and taking all of it along. Who asks for it is signed in, so the answer is there at once:
//! the request is entered, answered and closed like every other, and the package is the one that officers give.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::{enter, handling, step};
use crate::domain::ids::RightsRequestId;
use crate::domain::personal::Personal;
use crate::domain::rights::{RequestState, RequestType};
use crate::policy::catalogue::Catalogue;
use crate::portal::catalogue::{Group, data, line, of_group};
use crate::portal::choices::receipt::file;
use crate::portal::choices::state::{Answer, State};
use crate::portal::member::{Subject, call, dress};
use crate::service::Service;
use crate::service::own::Own;
use crate::service::rights::Step;
use crate::web::package;
use crate::web::page::{Page, onward, show};
use crate::web::problem::{Kind, Problem};
use crate::web::session::{Form, Member, once};

#[derive(Template)]
#[template(path = "portal/data.html")]
struct Held {
    page: Page,
    libraries: Vec<Library>,
    ready: Option<String>,
    waits: bool,
}

struct Library {
    id: String,
    name: String,
    facts: Vec<(String, String)>,
    used: Vec<(String, String)>,
    once: String,
}

/// What the address says besides.
#[derive(Debug, Default, Deserialize)]
pub struct Told {
    /// The request whose package is ready.
    #[serde(default)]
    klaar: String,
    /// That a guardian must help.
    #[serde(default)]
    wacht: String,
}

/// From which library.
#[derive(Debug, Deserialize)]
pub struct From {
    bibliotheek: String,
}

/// What each library knows.
#[get("/mijn/gegevens")]
pub async fn held(
    request: HttpRequest,
    member: Member,
    told: Query<Told>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("data-title");
    let subject = Subject::oneself(&member);
    let catalogue = service.catalogue();
    let mut libraries = Vec::new();
    for (library, own) in subject.standings(&service, &call(&page)?).await? {
        libraries.push(Library {
            name: catalogue.library(&library).to_owned(),
            id: library.to_string(),
            facts: facts(&own, &catalogue, &page),
            used: used(&own, &catalogue, &page),
            once: once(&service),
        });
    }
    let ready: Option<RightsRequestId> = told.klaar.parse().ok();
    Ok(show(&Held {
        libraries,
        ready: ready.map(|id| page.to(&format!("/mijn/verzoeken/{id}/gegevens.zip"))),
        waits: told.wacht == "1",
        page,
    }))
}

/// What is known about somebody, each with its name.
fn facts(own: &Own, catalogue: &Catalogue, page: &Page) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    for identifier in &own.identifiers {
        let scheme = catalogue.schemes.get(&identifier.scheme);
        let title = scheme.and_then(|scheme| scheme.title.get(&page.language).cloned());
        facts.push((
            title.unwrap_or_else(|| identifier.scheme.to_string()),
            identifier.value.reveal().clone(),
        ));
    }
    if let Some(birth) = own.standing.birth() {
        facts.push((page.say("data-birth"), page.date(&birth)));
    }
    if let Some(membership) = &own.standing.membership {
        let since = membership.since.map(|since| page.date(&since));
        let text = match since {
            Some(since) => page.say1("data-member-since", "date", since),
            None => page.say("data-member"),
        };
        facts.push((page.say("data-membership"), text));
    }
    if let Some(language) = own.standing.preferences.language {
        facts.push((
            page.say("data-language"),
            page.say(match language {
                crate::domain::preference::Language::Nl => "data-dutch",
                crate::domain::preference::Language::En => "data-english",
            }),
        ));
    }
    if !own.standing.guardians.is_empty() {
        facts.push((
            page.say("data-guardians"),
            own.standing.guardians.len().to_string(),
        ));
    }
    if !own.standing.wards.is_empty() {
        facts.push((page.say("data-children"), own.standing.wards.len().to_string()));
    }
    facts
}

/// For what data are used now: title, and the kinds of data.
fn used(own: &Own, catalogue: &Catalogue, page: &Page) -> Vec<(String, String)> {
    let mut used = Vec::new();
    for group in Group::ALL {
        for entry in of_group(catalogue, group, page.language) {
            let answer = State::of(entry, own, page).answer;
            let here = !entry.purpose.school_domain || own.standing.is_school();
            if here
                && matches!(answer, Answer::Yes | Answer::Done)
                && let Some(notice) = entry.notice(page.language, false)
            {
                used.push((notice.title.clone(), line(&data(catalogue, entry, page.language))));
            }
        }
    }
    used
}

/// Makes the package ready.
#[post("/mijn/gegevens/ophalen")]
pub async fn fetch(
    request: HttpRequest,
    member: Member,
    form: Form<From>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let subject = Subject::oneself(&member);
    let library = subject
        .library(&form.value.bibliotheek)
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    let wanted = (library, RequestType::Access);
    let entered = enter(&service, &subject, &page, wanted, None, form.idempotency).await?;
    if entered.state == RequestState::RequiresAction {
        return Ok(onward(&page.to("/mijn/gegevens?wacht=1")));
    }
    let call = call(&page)?;
    let current = service.own_request(&call, subject.person, entered.id).await?;
    if !current.state.is_ended() {
        let explanation = Some(Personal::new(page.say("data-fetched")));
        step(
            &service,
            &call,
            &current,
            Step::Complete {
                explanation,
                instead: None,
            },
        )
        .await?;
    }
    Ok(onward(&page.to(&format!("/mijn/gegevens?klaar={}", entered.id))))
}

/// The package of a request for access or portability, as a ZIP that opens on any computer.
#[get("/mijn/verzoeken/{request}/gegevens.zip")]
pub async fn fetch_package(
    request: HttpRequest,
    member: Member,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let missing = || Problem::new(Kind::NotFound);
    let id: RightsRequestId = id.parse().map_err(|_| missing())?;
    let call = call(&page)?;
    let asked = service.own_request(&call, member.person, id).await?;
    // What an officer still has to look at is given by the officer.
    if !asked.kind.has_package() || asked.state != RequestState::Fulfilled {
        return Err(missing());
    }
    let gathered = service.rights_package(&handling(&call), id).await?;
    let bytes = package::zip(&gathered, page.language).map_err(|_| Problem::new(Kind::Internal))?;
    Ok(file("application/zip", &page.say("data-file"), bytes))
}
