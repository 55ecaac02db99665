//! P2: everything there is to choose, at each library, in three groups.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use askama::Template;

use super::state::{Answer, State};
use crate::domain::decision::ReasonCode;
use crate::portal::catalogue::{Group, of_group, pictogram};
use crate::portal::member::{Subject, call, dress};
use crate::service::Service;
use crate::web::page::{Page, show};
use crate::web::problem::Problem;
use crate::web::session::Member;

#[derive(Template)]
#[template(path = "portal/overview.html")]
struct Overview {
    page: Page,
    /// Above the choices: for whom they are, when not for oneself.
    banner: Option<String>,
    libraries: Vec<Library>,
    stop: String,
}

struct Library {
    id: String,
    name: String,
    restricted: bool,
    open: usize,
    /// Texts that changed since somebody said yes: title and question.
    changed: Vec<(String, String)>,
    groups: Vec<Part>,
}

struct Part {
    anchor: String,
    title: String,
    lead: String,
    cards: Vec<Card>,
}

struct Card {
    title: String,
    pictogram: &'static str,
    state: State,
    /// Where it is changed or explained, and the words of that link.
    to: String,
    link: String,
}

/// The overview of a member.
#[get("/mijn/keuzes")]
pub async fn mine(
    request: HttpRequest,
    member: Member,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("choices-title");
    overview(page, &service, &Subject::oneself(&member), None).await
}

/// The overview of anybody, for whoever may see it.
///
/// # Errors
/// Those of reading.
pub async fn overview(
    page: Page,
    service: &Service,
    subject: &Subject,
    banner: Option<String>,
) -> Result<HttpResponse, Problem> {
    let catalogue = service.catalogue();
    let mut libraries = Vec::new();
    for (library, own) in subject.standings(service, &call(&page)?).await? {
        let (mut open, mut changed) = (0, Vec::new());
        let groups = Group::ALL.map(|group| {
            let (anchor, title, lead) = group.words();
            let cards: Vec<Card> = of_group(&catalogue, group, page.language)
                .into_iter()
                .filter(|entry| !entry.purpose.school_domain || own.standing.is_school())
                .filter_map(|entry| {
                    let notice = entry.notice(page.language, false)?;
                    let state = State::of(entry, &own, &page);
                    if group == Group::Choose && state.answer == Answer::None {
                        open += 1;
                    }
                    let to = page.to(&format!("{}/keuzes/{library}/{}", subject.base, entry.purpose.id));
                    let word = own.words.get(&entry.purpose.id);
                    if word.is_some_and(|word| word.effective == ReasonCode::DenyNoticeOutdated) {
                        changed.push((notice.title.clone(), to.clone()));
                    }
                    let link = match group {
                        Group::Choose if state.answer == Answer::None => "choices-choose",
                        Group::Choose | Group::Stop => "choices-change",
                        Group::Needed => "choices-read",
                    };
                    Some(Card {
                        title: notice.title.clone(),
                        pictogram: pictogram(entry),
                        state,
                        to,
                        link: page.say(link),
                    })
                })
                .collect();
            Part {
                anchor: format!("{anchor}-{library}"),
                title: page.say(title),
                lead: page.say(lead),
                cards,
            }
        });
        libraries.push(Library {
            name: catalogue.library(&library).to_owned(),
            id: library.to_string(),
            restricted: own.standing.restricted.is_some(),
            open,
            changed,
            groups: groups.into_iter().filter(|part| !part.cards.is_empty()).collect(),
        });
    }
    let stop = page.to(&format!("{}/stop-alles", subject.base));
    Ok(show(&Overview {
        page,
        banner,
        libraries,
        stop,
    }))
}
