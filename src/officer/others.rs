//! C10 to C13: retention, desks and paper, turning 16, and breaches.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::blocks::{Block, Field, Form, Number, Table, Tone, badge, cell, figure};
use super::reports;
use super::seat::{Part, Seat, acts, with};
use super::times::{Span, span_fields};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::reports::ReportKind;
use crate::service::retention::{RecordHold, RetentionLine};
use crate::web::page::dates::thousands;
use crate::web::plot::{Caption, Pair, pairs};
use crate::web::session::{self, Staff, Turned};

/// Of a hundred yeses at a desk, so many taken back are a sign of pressing.
const MANY: u64 = 20;

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
        let mut fields = Vec::from(seat.who(&service));
        fields.extend([
            Field::choice(
                "wat",
                seat.page.say("fg-what"),
                ["place", "end"]
                    .map(|what| (what.to_owned(), seat.word("hold", what)))
                    .to_vec(),
                "place",
            ),
            Field::line("reason", seat.page.say("fg-why-hold"), ""),
        ]);
        blocks.push(Block::Form(Form {
            id: "hold",
            title: seat.page.say("fg-hold"),
            intro: seat.page.say("fg-hold-text"),
            action: seat.page.to("/fg/bewaren"),
            post: true,
            fields,
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

fn time_form(seat: &Seat, service: &Service, time: &Span, action: &str) -> Form {
    Form {
        id: "tijd",
        action: action.to_owned(),
        fields: span_fields(seat, service, time),
        button: seat.page.say("fg-show"),
        second: true,
        ..Form::default()
    }
}

/// C11: what desks and paper brought in.
#[get("/fg/balie")]
pub async fn desk_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(time): Query<Span>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Desk, "fg-desk")?;
    let (lines, more) = service
        .desk_quality(&seat.call, time.times(&service))
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
        Block::Form(time_form(&seat, &service, &time, "/fg/balie")),
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
