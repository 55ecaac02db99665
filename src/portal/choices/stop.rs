//! P5: stop everything at once: every yes is taken back, and promotion ends; one event for each.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::question::consent;
use super::state::{Answer, State};
use crate::domain::consent::IndicationMethod;
use crate::portal::catalogue::{Group, of_group};
use crate::portal::member::{Subject, call, dress};
use crate::portal::told;
use crate::service::Service;
use crate::service::verbs::RecordObjection;
use crate::web::page::{Page, onward, show};
use crate::web::problem::Problem;
use crate::web::session::{Form, Member, once};

#[derive(Template)]
#[template(path = "portal/stop.html")]
struct Stop {
    page: Page,
    /// What ends: the title of each purpose, with its library where there are several.
    ends: Vec<String>,
    done: bool,
    once: String,
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

/// What would end.
#[get("/mijn/stop-alles")]
pub async fn look(
    request: HttpRequest,
    member: Member,
    told: Query<Told>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("stop-title");
    let page = page.back_to("/mijn/keuzes", "question-back");
    let subject = Subject::oneself(&member);
    let catalogue = service.catalogue();
    let mut ends = Vec::new();
    for (library, own) in subject.standings(&service, &call(&page)?).await? {
        for entry in of_group(&catalogue, Group::Choose, page.language) {
            if State::of(entry, &own, &page).answer == Answer::Yes
                && let Some(notice) = entry.notice(page.language, false)
            {
                let name = catalogue.organisations.get(&library).map(|own| own.name.as_str());
                ends.push(match name.filter(|_| subject.libraries.len() > 1) {
                    Some(name) => format!("{} ({name})", notice.title),
                    None => notice.title.clone(),
                });
            }
        }
    }
    Ok(show(&Stop {
        ends,
        done: told.klaar == "1",
        once: once(&service),
        page,
    }))
}

/// Ends it.
#[post("/mijn/stop-alles")]
pub async fn act(
    request: HttpRequest,
    member: Member,
    _form: Form<Pressed>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member);
    let subject = Subject::oneself(&member);
    let (call, catalogue) = (call(&page)?, service.catalogue());
    for (library, own) in subject.standings(&service, &call).await? {
        for entry in of_group(&catalogue, Group::Choose, page.language) {
            // A yes that does not count at the moment could count again: it is taken back as well.
            let said = own.standing.consents.get(&entry.purpose.id);
            if said.is_some_and(|said| said.status.is_yes() || said.awaits_guardian) {
                let verb = consent(&service, &subject, &call, &library, entry, false, &own, &page);
                let done = service.record_consent(&call, verb).await?;
                if !done.replayed {
                    told::receipt(&service, &call, subject.person, &done.answer, &page).await;
                }
            }
        }
        if own.standing.marketing_objection.is_none() {
            let verb = RecordObjection {
                person: subject.person_at(&service, &call, &library),
                organisation: library.clone(),
                purpose: None,
                made: true,
                method: IndicationMethod::WebForm,
                actor: subject.actor(&service, &call, &library),
                evidence: None,
                occurred_at: None,
            };
            service.record_objection(&call, verb).await?;
        }
    }
    Ok(onward(&page.to("/mijn/stop-alles?klaar=1")))
}
