//! P7: what happened, newest first, in sentences.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use askama::Template;

use crate::domain::event::{Change, Event};
use crate::domain::ids::PurposeId;
use crate::policy::catalogue::Catalogue;
use crate::portal::choices::receipt::{sentence, way, who};
use crate::portal::member::{Subject, call, dress};
use crate::service::Service;
use crate::service::verbs::ConsentHistory;
use crate::web::page::{Page, show};
use crate::web::problem::Problem;
use crate::web::session::Member;

#[derive(Template)]
#[template(path = "portal/history.html")]
struct History {
    page: Page,
    several: bool,
    items: Vec<Item>,
}

struct Item {
    when: String,
    what: String,
    how: String,
    library: String,
    receipt: Option<String>,
}

/// The history of a member at all their libraries.
#[get("/mijn/geschiedenis")]
pub async fn list(
    request: HttpRequest,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("history-title");
    let subject = Subject::oneself(&member);
    let (call, catalogue) = (call(&page)?, service.catalogue());
    let mut events = Vec::new();
    for library in &subject.libraries {
        let verb = ConsentHistory {
            person_id: service.pairwise(&call, library, subject.person),
            until: None,
        };
        events.extend(
            service
                .consent_history(&call, verb)
                .await?
                .into_iter()
                .map(|item| item.event),
        );
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.recorded_at));
    let items = events
        .iter()
        .map(|event| item(event, &catalogue, &page))
        .collect();
    Ok(show(&History {
        several: subject.libraries.len() > 1,
        items,
        page,
    }))
}

fn item(event: &Event, catalogue: &Catalogue, page: &Page) -> Item {
    let title = |id: &PurposeId| {
        let entry = catalogue.purposes.get(id);
        let notice = entry.and_then(|entry| entry.notice(page.language, false));
        notice.map_or_else(|| id.to_string(), |notice| notice.title.clone())
    };
    let (mut how, mut receipt) = (who(page, event.actor.kind), None);
    let what = match &event.change {
        Change::Consent(act) => {
            how = format!("{} {}", how, way(page, act.method));
            receipt = Some(page.to(&format!("/mijn/bewijzen/{}", event.id)));
            sentence(page, act.status, act.awaits_guardian, &title(&act.purpose))
        }
        Change::Objected {
            purpose: Some(purpose),
            method,
        } => {
            how = format!("{} {}", how, way(page, *method));
            page.say1("happened-objected", "title", title(purpose))
        }
        Change::Objected {
            purpose: None,
            method,
        } => {
            how = format!("{} {}", how, way(page, *method));
            page.say("happened-no-marketing")
        }
        Change::ObjectionEnded {
            purpose: Some(purpose),
        } => page.say1("happened-objection-ended", "title", title(purpose)),
        Change::ObjectionEnded { purpose: None } => page.say("happened-marketing-again"),
        Change::Registered { .. } => page.say("happened-registered"),
        Change::IdentifierAdded { .. } => page.say("happened-identifier-added"),
        Change::IdentifierRemoved { .. } => page.say("happened-identifier-removed"),
        Change::Restricted { .. } => page.say("happened-locked"),
        Change::RestrictionEnded => page.say("happened-unlocked"),
        Change::PreferencesSet(_) => page.say("happened-preferences"),
        Change::GuardianLinked { .. } => page.say("happened-guardian"),
        Change::GuardianUnlinked { .. } => page.say("happened-guardian-ended"),
        Change::WardLinked { .. } => page.say("happened-child"),
        Change::WardUnlinked { .. } => page.say("happened-child-ended"),
        Change::Enriched { purpose, .. } => page.say1("happened-enriched", "title", title(purpose)),
        Change::SourceNoticeDelivered { .. } => page.say("happened-told"),
        Change::Merged { .. } => page.say("happened-merged"),
        Change::ExpiryNear { purpose, .. } => page.say1("happened-expiry", "title", title(purpose)),
        Change::Held | Change::HoldEnded => page.say("happened-held"),
        Change::Condensed { .. } => page.say("happened-condensed"),
    };
    let library = catalogue.organisations.get(&event.organisation);
    Item {
        when: page.moment(&event.recorded_at),
        what,
        how,
        library: library.map(|own| own.name.clone()).unwrap_or_default(),
        receipt,
    }
}
