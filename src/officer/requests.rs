//! C2 and C3: the queue of rights requests, one request with its steps, and its letters.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_LANGUAGE};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::blocks::{Block, Field, Form, Table, cell, link};
use super::files::csv;
use super::seat::{Part, Seat, acts, decides};
use super::today::due;
use crate::domain::ids::RightsRequestId;
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::rights::{ExtensionReason, RejectionGround, RequestState, RequestType, StepKind};
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::reports::table::Cell as Value;
use crate::service::rights::{Content, ListRequests, PastStep, RequestPage, RightsRequest, Step, TakeStep};
use crate::web::letters::{LetterKind, letter_of};
use crate::web::pdf::PDF;
use crate::web::session::{self, Staff, Turned};

const PATH: &str = "/fg/verzoeken";
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
    service
        .rights_request(&seat.call, id)
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
        blocks.extend(steps(&seat, &found).into_iter().map(Block::Form));
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

/// The forms of the steps that are possible now, for this role.
fn steps(seat: &Seat, of: &RightsRequest) -> Vec<Form> {
    let possible = |kind: StepKind| of.state.after(kind).is_some();
    let form = |id: &'static str, kind: StepKind, fields: Vec<Field>| Form {
        id,
        title: seat.word("do", kind.as_str()),
        intro: seat.word("do-hint", kind.as_str()),
        action: seat.page.to(&format!("{PATH}/{}", of.id)),
        post: true,
        hidden: vec![("stap", kind.to_string()), ("versie", of.revision.to_string())],
        fields,
        button: seat.word("do", kind.as_str()),
        second: !matches!(kind, StepKind::Completed),
        folded: true,
    };
    let why = |label: &str| Field::lines("uitleg", seat.page.say(label), "", 4);
    let mut forms = Vec::new();
    for (kind, id) in [(StepKind::Acknowledged, "ack"), (StepKind::Accepted, "accept")] {
        if possible(kind) {
            forms.push(form(id, kind, Vec::new()));
        }
    }
    if of.assignee.as_ref().map(Personal::reveal) != Some(&seat.name) {
        let mine = Field::line("wie", seat.page.say("fg-who"), &seat.name);
        forms.push(form("assign", StepKind::Assigned, vec![mine]));
    }
    if possible(StepKind::IdentityAsked) {
        forms.push(form("doubt", StepKind::IdentityAsked, vec![why("fg-doubt")]));
    }
    if possible(StepKind::IdentityConfirmed) {
        forms.push(form(
            "known",
            StepKind::IdentityConfirmed,
            vec![why("fg-how-known")],
        ));
    }
    if of.extended_at.is_none() && possible(StepKind::Extended) {
        let months = ["1", "2"]
            .map(|months| (months.to_owned(), months.to_owned()))
            .to_vec();
        let reasons = ExtensionReason::ALL.iter();
        let reasons = reasons.map(|reason| (reason.to_string(), seat.word("extension", reason.as_str())));
        let fields = vec![
            Field::choice("maanden", seat.page.say("fg-months"), months, "1"),
            Field::choice(
                "reden",
                seat.page.say("fg-reason"),
                reasons.collect(),
                "complexity",
            ),
            why("fg-explain-person"),
        ];
        forms.push(form("extend", StepKind::Extended, fields));
    }
    if decides(seat.role) {
        forms.push(form(
            "complete",
            StepKind::Completed,
            vec![why("fg-explain-person").optional()],
        ));
        let grounds = RejectionGround::ALL.iter();
        let grounds = grounds.map(|ground| (ground.to_string(), seat.word("ground", ground.as_str())));
        let fields = vec![
            Field::choice("grond", seat.page.say("fg-ground"), grounds.collect(), ""),
            why("fg-explain-person"),
        ];
        forms.push(form("reject", StepKind::Rejected, fields));
        forms.push(form("close", StepKind::Closed, vec![why("fg-explain-close")]));
    }
    forms
}

/// What a step's form says.
#[derive(Debug, Deserialize)]
pub struct StepForm {
    stap: String,
    versie: u64,
    #[serde(default)]
    uitleg: String,
    #[serde(default)]
    wie: String,
    #[serde(default)]
    maanden: String,
    #[serde(default)]
    reden: String,
    #[serde(default)]
    grond: String,
}

impl StepForm {
    fn step(&self) -> Option<Step> {
        let text = || Personal::new(self.uitleg.trim().to_owned());
        Some(match StepKind::parse(&self.stap)? {
            StepKind::Acknowledged => Step::Acknowledge,
            StepKind::Accepted => Step::Accept,
            StepKind::Assigned => Step::Assign {
                to: Personal::new(self.wie.trim().to_owned()),
            },
            StepKind::IdentityAsked => Step::AskIdentity { doubt: text() },
            StepKind::IdentityConfirmed => Step::ConfirmIdentity { how: text() },
            StepKind::Extended => Step::Extend {
                months: self.maanden.parse().ok()?,
                reason: ExtensionReason::parse(&self.reden)?,
                explanation: text(),
            },
            StepKind::Rejected => Step::Reject {
                ground: RejectionGround::parse(&self.grond)?,
                explanation: text(),
            },
            StepKind::Completed => Step::Complete {
                explanation: Some(text()).filter(|text| !text.reveal().is_empty()),
                instead: None,
            },
            StepKind::Closed => Step::Close { explanation: text() },
            StepKind::Received | StepKind::GuardianConfirmed => return None,
        })
    }
}

/// Takes a step.
#[post("/fg/verzoeken/{id}")]
pub async fn request_step(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    form: session::Form<StepForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Requests)?;
    let Some(step) = form.value.step() else {
        return Err(Turned::new(session::Why::Malformed, seat.page.language));
    };
    let heavy = matches!(
        step,
        Step::Reject { .. } | Step::Complete { .. } | Step::Close { .. }
    );
    if heavy && !decides(seat.role) {
        return Err(Turned::new(session::Why::NotAllowed, seat.page.language));
    }
    let parsed: RightsRequestId = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    let path = format!("{PATH}/{parsed}");
    let verb = TakeStep {
        id: parsed,
        revision: form.value.versie,
        officer: Personal::new(seat.name.clone()),
        step,
    };
    match service.step_rights_request(&seat.call, verb).await {
        Ok(_) => Ok(seat.done(&path, "step")),
        Err(refusal) => seat.wrong(&path, &refusal),
    }
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
