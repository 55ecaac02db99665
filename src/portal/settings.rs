//! Settings (P18): the language libraries write in, receipts by mail, and being signed in elsewhere.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use askama::Template;
use serde::Deserialize;

use super::children::page_of;
use crate::domain::event::ActorKind;
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::refusal::{Conflict, Refusal};
use crate::service::verbs::{ActorRef, ReadPreferences, SetPreferences};
use crate::web::page::{Page, onward, show};
use crate::web::session::{Form, Member, Turned, Why};

/// How often a change is tried again when somebody else changes the same at that moment.
const TRIES: usize = 3;

#[derive(Template)]
#[template(path = "children/settings.html")]
struct Settings {
    page: Page,
    libraries: Vec<String>,
    language: Language,
    receipts: bool,
    since: String,
    session: &'static str,
    said: Option<&'static str>,
}

/// What was changed.
#[derive(Debug, Deserialize)]
pub struct Changed {
    /// `nl` or `en`.
    language: Option<String>,
    /// `ja` or `nee`.
    receipts: Option<String>,
}

/// What the page says above.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    klaar: String,
}

/// All settings.
#[get("/mijn/instellingen")]
pub async fn look(
    request: HttpRequest,
    asked: Query<Asked>,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &member).titled("settings-title");
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let call = member.call(page.language).map_err(refused)?;
    let mut receipts = false;
    for library in &member.libraries {
        let person_id = service.pairwise(&call, library, member.person);
        let read = service.preferences(&call, ReadPreferences { person_id }).await;
        receipts |= read.map_err(refused)?.preferences.receipts_by_mail;
    }
    let catalogue = service.catalogue();
    let libraries = member
        .libraries
        .iter()
        .filter_map(|id| Some(catalogue.organisations.get(id)?.name.clone()))
        .collect();
    let signed_in = &member.session.signed_in;
    Ok(show(&Settings {
        libraries,
        language: member.language.unwrap_or_default(),
        receipts,
        since: page.moment(&signed_in.since),
        session: if signed_in.with_account() {
            "settings-session-account"
        } else {
            "settings-session-link"
        },
        said: match asked.klaar.as_str() {
            "1" => Some("settings-saved"),
            "uit" => Some("settings-out-elsewhere-done"),
            _ => None,
        },
        page,
    }))
}

/// Changes them, at every library.
#[post("/mijn/instellingen")]
pub async fn change(
    request: HttpRequest,
    member: Member,
    form: Form<Changed>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &member);
    let refused = |refusal: Refusal| Turned::refused(&refusal, page.language);
    let language = form.value.language.as_deref().and_then(Language::parse);
    let receipts = match form.value.receipts.as_deref() {
        Some("ja") => true,
        Some("nee") => false,
        _ => return Err(Turned::new(Why::Malformed, page.language)),
    };
    let call = member.call(page.language).map_err(refused)?;
    for library in &member.libraries {
        let person_id = service.pairwise(&call, library, member.person);
        let mut done = Err(Refusal::Conflict(Conflict::Revision));
        for _ in 0..TRIES {
            let read = ReadPreferences {
                person_id: person_id.clone(),
            };
            let state = service.preferences(&call, read).await.map_err(refused)?;
            let mut preferences = state.preferences.clone();
            preferences.language = language.or(preferences.language);
            preferences.receipts_by_mail = receipts;
            if preferences == state.preferences {
                done = Ok(());
                break;
            }
            let verb = SetPreferences {
                person_id: person_id.clone(),
                preferences,
                revision: Some(state.revision),
                actor: ActorRef::plain(ActorKind::Oneself),
            };
            done = service.set_preferences(&call, verb).await.map(|_| ());
            if !matches!(done, Err(Refusal::Conflict(_))) {
                break;
            }
        }
        done.map_err(refused)?;
    }
    let there = language.map_or_else(
        || page.to("/mijn/instellingen?klaar=1"),
        |language| format!("/mijn/instellingen?klaar=1&taal={}", language.as_str()),
    );
    Ok(onward(&there))
}

/// Nothing but the hidden field.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// Signs out everywhere else.
#[post("/mijn/instellingen/elders-uitloggen")]
pub async fn out_elsewhere(
    request: HttpRequest,
    member: Member,
    _form: Form<Nothing>,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let page = page_of(&request, &member);
    let ended = service
        .sign_out_elsewhere(member.person, &member.session.token)
        .await;
    ended.map_err(|refusal| Turned::refused(&refusal, page.language))?;
    Ok(onward(&page.to("/mijn/instellingen?klaar=uit")))
}
