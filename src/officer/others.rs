//! C10 to C14: retention, desks and paper, turning 16, breaches, and who did what in this console.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::audit::day;
use super::blocks::{Block, Field, Form, Number, Table, Tone, badge, cell, figure, link};
use super::reports;
use super::seat::{PARTS, Part, Seat, acts, looks, with};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::console::SYSTEM;
use crate::service::refusal::Refusal;
use crate::service::reports::ReportKind;
use crate::service::retention::{RecordHold, RetentionLine};
use crate::service::search::SearchEntries;
use crate::service::sessions::staff::Role;
use crate::web::page::dates::thousands;
use crate::web::plot::{Caption, Pair, pairs};
use crate::web::session::{self, Staff, Turned};

/// Days that are looked back where none are named.
const DAYS: i64 = 30;
/// Of a hundred yeses at a desk, so many taken back are a sign of pressing.
const MANY: u64 = 20;
/// Rows of the access log.
const ROWS: usize = 50;

/// C10: what would be removed now.
#[get("/fg/bewaren")]
pub async fn retention_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Retention, "fg-retention")?;
    let report = service
        .apply_retention(true)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let own = seat.libraries(&service);
    let seen = |line: &&RetentionLine| own.iter().any(|(id, _)| id.as_str() == line.organisation);
    let rows = report.lines.iter().filter(seen).map(|line| {
        let library = line.organisation.parse().map(|id| seat.library(&service, &id));
        vec![
            cell(library.unwrap_or_else(|_| line.organisation.clone())),
            cell(seat.word("term", &term(line))),
            cell(line.purpose.clone().unwrap_or_default()),
            figure(thousands(line.people, seat.page.language)),
            figure(thousands(line.events, seat.page.language)),
        ]
    });
    let mut head = ["fg-library", "fg-term", "fg-purpose", "fg-people", "fg-events"]
        .map(|id| cell(seat.page.say(id)))
        .to_vec();
    head.iter_mut().skip(3).for_each(|head| head.figure = true);
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-retention-lead")),
        Block::Table(Table {
            caption: seat.page.say("fg-retention-due"),
            head,
            rows: rows.collect(),
            empty: seat.page.say("fg-retention-nothing"),
            ..Table::default()
        }),
        Block::Numbers(vec![
            Number {
                value: thousands(report.people, seat.page.language),
                name: seat.page.say("fg-looked-at"),
                ..Number::default()
            },
            Number {
                value: thousands(report.held, seat.page.language),
                name: seat.page.say("fg-held"),
                note: seat.page.say("fg-held-note"),
                ..Number::default()
            },
        ]),
    ];
    if acts(seat.role, Part::Retention) {
        blocks.push(Block::Form(Form {
            id: "hold",
            title: seat.page.say("fg-hold"),
            intro: seat.page.say("fg-hold-text"),
            action: seat.page.to("/fg/bewaren"),
            post: true,
            fields: vec![
                Field::choice(
                    "bibliotheek",
                    seat.page.say("fg-library"),
                    seat.library_options(&service, false),
                    "",
                ),
                Field::choice(
                    "scheme",
                    seat.page.say("fg-identifier"),
                    seat.schemes(),
                    "member-number",
                ),
                Field::line("value", seat.page.say("fg-identifier-value"), ""),
                Field::choice(
                    "wat",
                    seat.page.say("fg-what"),
                    ["place", "end"]
                        .map(|what| (what.to_owned(), seat.word("hold", what)))
                        .to_vec(),
                    "place",
                ),
                Field::line("reason", seat.page.say("fg-why-hold"), ""),
            ],
            button: seat.page.say("fg-hold-button"),
            ..Form::default()
        }));
    }
    Ok(seat.show(&request, blocks))
}

fn term(line: &RetentionLine) -> String {
    let word = serde_json::to_value(line.term).ok();
    word.and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Whom a hold is about.
#[derive(Debug, Deserialize)]
pub struct HoldForm {
    bibliotheek: String,
    scheme: String,
    value: String,
    wat: String,
    reason: String,
}

/// Places a hold or ends it.
#[post("/fg/bewaren")]
pub async fn hold(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    form: session::Form<HoldForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Retention)?;
    let (path, form) = ("/fg/bewaren", form.value);
    let person = match seat.person(&service, &form.scheme, &form.value) {
        Ok(person) => person,
        Err(refusal) => return seat.wrong(path, &refusal),
    };
    let verb = RecordHold {
        person,
        organisation: form
            .bibliotheek
            .parse()
            .map_err(|_| seat.turned(&Refusal::NotFound))?,
        placed: form.wat == "place",
        reason: Personal::new(form.reason.trim().to_owned()),
    };
    match service.record_hold(&seat.call, verb).await {
        Ok(_) => Ok(seat.done(path, "hold")),
        Err(Refusal::NotFound) => Ok(super::seat::see(&seat.page.to(&with(path, "fout", "nobody")))),
        Err(refusal) => seat.wrong(path, &refusal),
    }
}

/// From when until when.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Time {
    van: String,
    tot: String,
    vanaf: String,
}

impl Time {
    fn span(&self, service: &Service) -> (Moment, Moment) {
        let now = service.world().now();
        (
            day(&self.van, false, service).unwrap_or_else(|| now.plus_seconds(-DAYS * 86_400)),
            day(&self.tot, true, service).unwrap_or(now),
        )
    }

    fn form(&self, seat: &Seat, service: &Service, action: &str) -> Form {
        let (from, to) = self.span(service);
        let zone = service.catalogue().network.zone;
        Form {
            id: "tijd",
            action: action.to_owned(),
            fields: vec![
                Field::date("van", seat.page.say("fg-from"), &from.date(zone).to_string()),
                Field::date("tot", seat.page.say("fg-to"), &to.date(zone).to_string()),
            ],
            button: seat.page.say("fg-show"),
            second: true,
            ..Form::default()
        }
    }
}

/// C11: what desks and paper brought in.
#[get("/fg/balie")]
pub async fn desk_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(time): Query<Time>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Desk, "fg-desk")?;
    let (lines, more) = service
        .desk_quality(&seat.call, time.span(&service))
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let rows = lines.iter().map(|line| {
        let library = line.organisation.parse().map(|id| seat.library(&service, &id));
        let taken = line
            .taken_back_percent()
            .map(|percent| format!("{percent}%"))
            .unwrap_or_default();
        let many = line.given >= 10 && line.taken_back_percent().is_some_and(|percent| percent >= MANY);
        vec![
            cell(library.unwrap_or_else(|_| line.organisation.clone())),
            cell(seat.word("method", &line.method)),
            cell(if line.staff.is_empty() {
                seat.page.say("fg-nobody-named")
            } else {
                line.staff.clone()
            }),
            figure(line.given),
            figure(line.refused),
            figure(line.withdrawn),
            if line.unproven > 0 {
                badge(Tone::Warning, line.unproven.to_string())
            } else {
                figure(0)
            },
            if many {
                badge(Tone::Warning, taken)
            } else {
                figure(taken)
            },
        ]
    });
    let ids = [
        "fg-library",
        "fg-came-by",
        "fg-staff",
        "fg-given",
        "fg-refused",
        "fg-withdrawn",
        "fg-unproven",
        "fg-taken-back",
    ];
    let mut head = ids.map(|id| cell(seat.page.say(id))).to_vec();
    head.iter_mut().skip(3).for_each(|head| head.figure = true);
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-desk-lead")),
        Block::Form(time.form(&seat, &service, "/fg/balie")),
    ];
    if more {
        let most = thousands(crate::service::console::MOST_LINES, seat.page.language);
        blocks.push(Block::Alert(
            Tone::Warning,
            seat.page.say1("fg-counted-most", "count", most),
        ));
    }
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-desk"),
        head,
        rows: rows.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    }));
    blocks.push(Block::Quiet(seat.page.say("fg-desk-note")));
    Ok(seat.show(&request, blocks))
}

/// C12: who turns 16.
#[get("/fg/zestien")]
pub async fn sixteen_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Sixteen, "fg-sixteen")?;
    let sixteen = service
        .sixteen(&seat.call)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let caption = Caption {
        id: "plot-sixteen".to_owned(),
        title: seat.page.say("fg-sixteen"),
        sentence: seat.page.say("fg-sixteen-plot"),
    };
    let plotted: Vec<Pair> = sixteen
        .weeks
        .iter()
        .map(|(monday, week)| Pair {
            name: monday.format("%d-%m").to_string(),
            up: Some(week.members),
            down: Some(week.yeses),
        })
        .collect();
    let names = (seat.page.say("fg-members"), seat.page.say("fg-guardian-yeses"));
    let svg = pairs(&caption, (&names.0, &names.1), &plotted);
    let rows = sixteen
        .weeks
        .iter()
        .filter(|(_, week)| week.members > 0)
        .map(|(monday, week)| {
            let when = seat.page.date(monday);
            let when = if *monday == sixteen.this_week {
                seat.page.say1("fg-this-week", "day", when)
            } else {
                when
            };
            vec![cell(when), figure(week.members), figure(week.yeses)]
        });
    let mut head = ["fg-week", "fg-members", "fg-guardian-yeses"]
        .map(|id| cell(seat.page.say(id)))
        .to_vec();
    head.iter_mut().skip(1).for_each(|head| head.figure = true);
    let number = |value: u64, id: &str, note: &str| Number {
        value: thousands(value, seat.page.language),
        name: seat.page.say(id),
        to: None,
        note: seat.page.say(note),
    };
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-sixteen-lead")),
        Block::Numbers(vec![
            number(sixteen.children, "fg-children", "fg-children-note"),
            number(sixteen.disputed, "fg-disputed", "fg-disputed-note"),
        ]),
        Block::Table(Table {
            caption: seat.page.say("fg-sixteen"),
            head,
            rows: rows.collect(),
            empty: seat.page.say("fg-none"),
            ..Table::default()
        }),
    ];
    if plotted.iter().any(|week| week.up != Some(0)) {
        let plot = super::blocks::Plot {
            svg,
            sentence: caption.sentence.clone(),
            key: Vec::new(),
        };
        blocks.insert(2, Block::Plot(plot));
    }
    Ok(seat.show(&request, blocks))
}

/// C13: who was affected by a breach.
#[get("/fg/datalek")]
pub async fn breach_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Breach, "fg-breach")?;
    let steps = ["fg-breach-1", "fg-breach-2", "fg-breach-3"].map(|id| seat.page.say(id));
    let mut blocks = vec![Block::Lead(seat.page.say("fg-breach-lead"))];
    blocks.extend(steps.into_iter().map(Block::Text));
    blocks.push(Block::Form(reports::form(&seat, &service, ReportKind::Breach)));
    Ok(seat.show(&request, blocks))
}

/// C14: who may do what, and who did what in this console.
#[get("/fg/toegang")]
pub async fn access_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(time): Query<Time>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Access, "fg-access")?;
    let (from, to) = time.span(&service);
    let asked = SearchEntries {
        log: "admin".to_owned(),
        from,
        to,
        system: SYSTEM.parse().ok(),
        organisation: None,
        purpose: None,
        outcome: None,
        reason: None,
        id: None,
        cursor: Some(time.vanaf.clone()).filter(|cursor| !cursor.is_empty()),
        limit: ROWS,
    };
    let found = service
        .search_entries(&seat.call, asked)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let rows = found.items.iter().map(|entry| {
        let at = Moment::from_micros(entry.leaf.millis.saturating_mul(1_000));
        let sealed = entry
            .private
            .as_ref()
            .and_then(|text| serde_json::from_str::<serde_json::Value>(text.reveal()).ok());
        let member = |name: &str| {
            let text = sealed
                .as_ref()
                .and_then(|facts| facts.get(name)?.as_str().map(str::to_owned));
            text.unwrap_or_default()
        };
        let who = Some(member("officer")).filter(|who| !who.is_empty());
        let client = entry
            .leaf
            .extra
            .iter()
            .find(|(name, _)| name.as_str() == "client");
        let who = who
            .or_else(|| client.map(|(_, client)| client.to_string()))
            .unwrap_or_default();
        vec![
            link(
                seat.page.to(&format!("/fg/zoeken/admin/{}", entry.leaf.id)),
                seat.page.moment(&at),
            ),
            cell(who),
            cell(seat.word("kind", entry.leaf.kind.as_str())),
            cell(member("reason")),
        ]
    });
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-access-lead")),
        Block::Form(time.form(&seat, &service, "/fg/toegang")),
        Block::Table(Table {
            caption: seat.page.say("fg-access-log"),
            head: ["fg-when", "fg-who", "fg-what", "fg-why"]
                .map(|id| cell(seat.page.say(id)))
                .to_vec(),
            rows: rows.collect(),
            empty: seat.page.say("fg-none"),
            ..Table::default()
        }),
    ];
    if let Some(cursor) = found.next_cursor {
        let to = with(
            &format!("/fg/toegang?van={}&tot={}", time.van, time.tot),
            "vanaf",
            &cursor,
        );
        blocks.push(Block::Buttons(vec![(
            seat.page.to(&to),
            seat.page.say("fg-further"),
        )]));
    }
    blocks.push(Block::Heading(seat.page.say("fg-roles")));
    blocks.push(Block::Text(seat.page.say("fg-roles-text")));
    blocks.push(Block::Table(roles(&seat)));
    Ok(seat.show(&request, blocks))
}

fn roles(seat: &Seat) -> Table {
    let all = [Role::Officer, Role::Assistant, Role::Auditor, Role::Administrator];
    let rows = PARTS.iter().map(|(part, _, name)| {
        let may = all
            .iter()
            .map(|role| match (looks(*role, *part), acts(*role, *part)) {
                (true, true) => badge(Tone::Good, seat.page.say("fg-may-act")),
                (true, false) => cell(seat.page.say("fg-may-look")),
                _ => cell("–"),
            });
        std::iter::once(cell(seat.page.say(name))).chain(may).collect()
    });
    let heads = all.iter().map(|role| cell(seat.word("role", role.as_str())));
    Table {
        caption: seat.page.say("fg-roles"),
        head: std::iter::once(cell(seat.page.say("fg-part")))
            .chain(heads)
            .collect(),
        rows: rows.collect(),
        empty: String::new(),
        ..Table::default()
    }
}
