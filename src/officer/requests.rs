//! C2 and C3: the queue of rights requests, one request with its steps, and its letters.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_LANGUAGE};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;

use super::blocks::{Block, Field, Form, Table, Tone, cell, link};
use super::files::csv;
use super::seat::{Part, Seat, acts};
use super::steps::steps;
use super::today::due;
use crate::domain::ids::RightsRequestId;
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::domain::rights::{RequestState, RequestType};
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::reports::table::Cell as Value;
use crate::service::rights::{Content, ListRequests, PastStep, RequestPage, RightsRequest, Wish};
use crate::web::letters::{LetterKind, letter_of};
use crate::web::pdf::PDF;
use crate::web::session::{Staff, Turned};

/// Where requests are.
pub(super) const PATH: &str = "/fg/verzoeken";
/// Rows of a page.
const ROWS: usize = 50;
/// Rows of a file.
const MOST: usize = 5_000;

/// What is filtered; everything in the address.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Filter {
    bibliotheek: String,
    soort: String,
    stand: String,
    telaat: String,
    binnen: String,
    vanaf: String,
}

impl Filter {
    fn verb(&self, now: Moment, limit: usize) -> ListRequests {
        let days: Option<i64> = self.binnen.parse().ok().filter(|days| (1..=366).contains(days));
        let open = self.stand.is_empty() || self.stand == "open";
        let all_open = Moment::from_micros(i64::MAX);
        ListRequests {
            organisation: self.bibliotheek.parse().ok(),
            kind: RequestType::parse(&self.soort),
            state: RequestState::parse(&self.stand),
            overdue: self.telaat == "ja",
            due_before: match days {
                Some(days) => Some(now.plus_seconds(days * 86_400)),
                None => open.then_some(all_open),
            },
            cursor: Some(self.vanaf.clone()).filter(|cursor| !cursor.is_empty()),
            limit,
        }
    }

    fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("bibliotheek", &self.bibliotheek)
            .append_pair("soort", &self.soort)
            .append_pair("stand", &self.stand)
            .append_pair("telaat", &self.telaat)
            .append_pair("binnen", &self.binnen)
            .finish()
    }
}

/// The queue.
#[get("/fg/verzoeken")]
pub async fn requests_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Requests, "fg-requests")?;
    let now = service.world().now();
    let found = service.rights_requests(&seat.call, filter.verb(now, ROWS)).await;
    let RequestPage { items, next_cursor } = found.map_err(|refusal| seat.turned(&refusal))?;
    let rows = items.iter().map(|item| {
        vec![
            link(seat.page.to(&format!("{PATH}/{}", item.id)), short(item.id)),
            cell(seat.word("request", item.kind.as_str())),
            cell(seat.library(&service, &item.organisation)),
            cell(seat.page.day(&item.received_at)),
            due(&seat, item, now),
            cell(seat.word("state", item.state.as_str())),
            cell(
                item.assignee
                    .as_ref()
                    .map(|name| name.reveal().clone())
                    .unwrap_or_default(),
            ),
        ]
    });
    let head = [
        "fg-number",
        "fg-what",
        "fg-library",
        "fg-received",
        "fg-due",
        "fg-state",
        "fg-who",
    ];
    let table = Table {
        caption: seat.page.say("fg-requests"),
        head: head.map(|id| cell(seat.page.say(id))).to_vec(),
        rows: rows.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    };
    let mut links = vec![(
        seat.page.to(&format!("{PATH}.csv?{}", filter.query())),
        seat.page.say("fg-csv"),
    )];
    links.push((seat.page.to("/fg/herkomst"), seat.page.say("fg-notices")));
    if let Some(cursor) = next_cursor {
        let next = super::seat::with(&format!("{PATH}?{}", filter.query()), "vanaf", &cursor);
        links.insert(0, (seat.page.to(&next), seat.page.say("fg-further")));
    }
    let blocks = vec![
        Block::Lead(seat.page.say("fg-requests-lead")),
        Block::Form(filter_form(&seat, &service, &filter)),
        Block::Table(table),
        Block::Buttons(links),
    ];
    Ok(seat.show(&request, blocks))
}

/// The queue as a file.
#[get("/fg/verzoeken.csv")]
pub async fn requests_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Requests, "fg-requests")?;
    let verb = filter.verb(service.world().now(), MOST);
    let found = service.rights_requests(&seat.call, verb).await;
    let found = found.map_err(|refusal| seat.turned(&refusal))?;
    let time = |at: Option<Moment>| at.map_or(Value::Empty, |at| Value::Time(at.millis()));
    let text = |text: &str| crate::service::reports::table::text(text);
    let rows = found.items.iter().map(|item| {
        vec![
            text(&item.id.to_string()),
            text(item.kind.as_str()),
            text(item.organisation.as_str()),
            time(Some(item.received_at)),
            time(Some(item.due_at)),
            time(item.extended_at),
            time(item.ended_at),
            text(item.state.as_str()),
            text(item.assignee.as_ref().map_or("", |name| name.reveal())),
        ]
    });
    let head = [
        "id",
        "kind",
        "organisation",
        "receivedAt",
        "dueAt",
        "extendedAt",
        "endedAt",
        "state",
        "assignee",
    ];
    Ok(csv("verzoeken", &head, rows.collect()))
}

fn filter_form(seat: &Seat, service: &Service, filter: &Filter) -> Form {
    let any = (String::new(), seat.page.say("fg-any"));
    let kinds = RequestType::ALL
        .iter()
        .map(|kind| (kind.to_string(), seat.word("request", kind.as_str())));
    let states = RequestState::ALL
        .iter()
        .map(|state| (state.to_string(), seat.word("state", state.as_str())));
    let open = ("open".to_owned(), seat.page.say("fg-state-open"));
    let chosen = if filter.stand.is_empty() {
        "open"
    } else {
        &filter.stand
    };
    Form {
        id: "filter",
        action: PATH.to_owned(),
        fields: vec![
            Field::choice(
                "bibliotheek",
                seat.page.say("fg-library"),
                seat.library_options(service, true),
                &filter.bibliotheek,
            ),
            Field::choice(
                "soort",
                seat.page.say("fg-what"),
                std::iter::once(any).chain(kinds).collect(),
                &filter.soort,
            ),
            Field::choice(
                "stand",
                seat.page.say("fg-state"),
                std::iter::once(open).chain(states).collect(),
                chosen,
            ),
        ],
        button: seat.page.say("fg-filter"),
        second: true,
        ..Form::default()
    }
}

fn short(id: RightsRequestId) -> String {
    id.to_string().chars().take(8).collect()
}

async fn found(seat: &Seat, service: &Service, id: &str) -> Result<RightsRequest, Turned> {
    let id = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    // Handling the request is why; that it was opened stands in the access log.
    let why = seat.page.say1("fg-why-request", "number", short(id));
    service
        .open_rights_request(&seat.call, id, (&seat.name, &why))
        .await
        .map_err(|refusal| seat.turned(&refusal))
}

/// One request.
#[get("/fg/verzoeken/{id}")]
pub async fn request_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Requests, "fg-request")?;
    let found = found(&seat, &service, &id).await?;
    seat.page = seat.page.clone().back_to(PATH, "fg-requests");
    let now = service.world().now();
    let kind = seat.word("request", found.kind.as_str());
    seat.page.title = format!("{kind} – {}", short(found.id));
    let mut blocks = vec![Block::Facts(facts(&seat, &service, &found, now))];
    if let Some(text) = found.received().and_then(|received| received.text.as_ref()) {
        blocks.push(Block::Heading(seat.page.say("fg-own-words")));
        blocks.push(Block::Text(text.reveal().clone()));
    }
    if found.person_erased {
        blocks.push(Block::Quiet(seat.page.say("fg-person-erased")));
    }
    if found.kind == RequestType::Objection && !found.state.is_ended() {
        blocks.push(Block::Alert(Tone::Plain, objection(&seat, &service, &found)));
    }
    let letters: Vec<(String, String)> = LetterKind::ALL
        .iter()
        .filter(|letter| letter.is_there(&found) && !found.person_erased)
        .map(|letter| {
            let to = seat.page.to(&format!("{PATH}/{}/brief/{letter}", found.id));
            (to, seat.word("letter", letter.as_str()))
        })
        .collect();
    if !letters.is_empty() {
        blocks.push(Block::Heading(seat.page.say("fg-letters")));
        blocks.push(Block::Links(letters));
    }
    if acts(seat.role, Part::Requests) && !found.state.is_ended() {
        blocks.push(Block::Heading(seat.page.say("fg-steps")));
        let forms = steps(&seat, &service, &found);
        blocks.extend(forms.into_iter().map(Block::Form));
    }
    if found.kind == RequestType::Erasure && !found.state.is_ended() && acts(seat.role, Part::Erasures) {
        blocks.push(Block::Form(super::erasures::propose_form(&seat, &found)));
    }
    blocks.push(Block::Heading(seat.page.say("fg-history")));
    blocks.push(Block::Timeline(
        found.history.iter().map(|step| past(&seat, step)).collect(),
    ));
    Ok(seat.show(&request, blocks))
}

/// What an objection already stopped, and whether anything can outweigh it (GDPR art. 21).
fn objection(seat: &Seat, service: &Service, of: &RightsRequest) -> String {
    match of.received().map(|received| &received.wish) {
        Some(Wish::Objection {
            purpose: Some(purpose),
        }) if is_absolute(service, of) => seat.page.say1("fg-objection-absolute", "purpose", purpose),
        Some(Wish::Objection {
            purpose: Some(purpose),
        }) => seat.page.say1("fg-objection-stopped", "purpose", purpose),
        Some(Wish::Objection { purpose: None }) => seat.page.say("fg-objection-marketing"),
        _ => seat.page.say("fg-objection-words"),
    }
}

/// Whether nothing outweighs it: an objection to direct marketing. Of a child neither; the service says so, who knows ages.
pub(super) fn is_absolute(service: &Service, of: &RightsRequest) -> bool {
    let purpose = match of.received().map(|received| &received.wish) {
        Some(Wish::Objection {
            purpose: Some(purpose),
        }) => purpose,
        _ => return of.is_against_marketing(),
    };
    let catalogue = service.catalogue();
    let entry = catalogue.purposes.get(purpose);
    entry.is_some_and(|entry| entry.purpose.is_promotional())
}

fn facts(seat: &Seat, service: &Service, of: &RightsRequest, now: Moment) -> Vec<(String, String)> {
    let mut facts = vec![
        ("fg-number", of.id.to_string()),
        ("fg-library", seat.library(service, &of.organisation)),
        ("fg-state", seat.word("state", of.state.as_str())),
        ("fg-received", seat.page.moment(&of.received_at)),
        ("fg-due", due(seat, of, now).text),
        ("fg-subject", of.person_id.clone()),
    ];
    if let Some(received) = of.received() {
        facts.push(("fg-came-by", seat.word("method", received.method.as_str())));
        facts.push(("fg-speaks", seat.word("actor", received.actor.as_str())));
    }
    if let Some(name) = &of.assignee {
        facts.push(("fg-who", name.reveal().clone()));
    }
    if let Some(guardian) = &of.guardian_id {
        facts.push(("fg-guardian", guardian.clone()));
    }
    facts
        .into_iter()
        .map(|(id, value)| (seat.page.say(id), value))
        .collect()
}

fn past(seat: &Seat, step: &PastStep) -> (String, String, String) {
    let officer = step
        .officer
        .as_ref()
        .map(|name| name.reveal().clone())
        .unwrap_or_default();
    let by = if officer.is_empty() {
        step.system.clone()
    } else {
        officer
    };
    let text = match &step.content {
        Some(Content::IdentityAsked { doubt }) => doubt.reveal().clone(),
        Some(Content::IdentityConfirmed { how }) => how.reveal().clone(),
        Some(Content::Extended { explanation, .. } | Content::Closed { explanation }) => {
            explanation.reveal().clone()
        }
        Some(Content::Rejected { ground, explanation }) => {
            format!(
                "{}. {}",
                seat.word("ground", ground.as_str()),
                explanation.reveal()
            )
        }
        Some(Content::Completed {
            explanation: Some(explanation),
            ..
        }) => explanation.reveal().clone(),
        _ => String::new(),
    };
    let when = format!("{} – {by}", seat.page.moment(&step.at));
    (when, seat.word("step", step.kind.as_str()), text)
}

/// In which language and form a letter is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LetterQuery {
    in_taal: String,
    vorm: String,
}

/// A letter, to read and to print.
#[get("/fg/verzoeken/{id}/brief/{letter}")]
pub async fn letter_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    path: Path<(String, String)>,
    Query(query): Query<LetterQuery>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Requests, "fg-letter")?;
    let (id, letter) = path.into_inner();
    let gone = || seat.turned(&Refusal::NotFound);
    let kind = LetterKind::parse(&letter).ok_or_else(gone)?;
    let of = found(&seat, &service, &id).await?;
    let own = of.received().and_then(|received| received.language);
    let language = Language::parse(&query.in_taal).or(own).unwrap_or_default();
    let letter = letter_of(&of, kind, language, &service.catalogue()).map_err(|_| gone())?;
    if query.vorm == "pdf" {
        let name = format!("attachment; filename=\"brief-{}-{kind}.pdf\"", short(of.id));
        return Ok(HttpResponse::Ok()
            .content_type(PDF)
            .insert_header((CONTENT_LANGUAGE, language.as_str()))
            .insert_header((CONTENT_DISPOSITION, name))
            .body(letter.pdf(language)));
    }
    let here = format!("{PATH}/{id}/brief/{kind}?in_taal={}", language.as_str());
    seat.page = seat.page.clone().back_to(&format!("{PATH}/{id}"), "fg-request");
    seat.page.title = letter.title.to_owned();
    let mut blocks = vec![
        Block::Quiet(seat.page.say("fg-letter-preview")),
        Block::Facts(vec![
            (letter.date.0.to_owned(), letter.date.1.clone()),
            (letter.number.0.to_owned(), letter.number.1.clone()),
        ]),
    ];
    for (heading, paragraphs) in &letter.parts {
        blocks.push(Block::Heading((*heading).to_owned()));
        blocks.extend(paragraphs.iter().cloned().map(Block::Text));
    }
    blocks.push(Block::Buttons(vec![(
        seat.page.to(&super::seat::with(&here, "vorm", "pdf")),
        seat.page.say("fg-pdf"),
    )]));
    Ok(seat.show(&request, blocks))
}
