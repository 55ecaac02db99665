//! C1: what an officer does first.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};

use super::blocks::{Block, Cell, Number, Table, Tone, badge, cell, figure, link};
use super::seat::{Part, Seat, looks};
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::console::{LogLine, Today};
use crate::service::rights::RightsRequest;
use crate::web::page::dates::thousands;
use crate::web::session::{Staff, Turned};

/// Rows of "do this first".
const FIRST: usize = 8;
/// A request is urgent when it is due within so many days.
const SOON: i64 = 7;

/// The first page.
#[get("/fg")]
pub async fn today_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Today, "fg-today")?;
    let today = service
        .today(&seat.call)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let now = service.world().now();
    let mut blocks = vec![Block::Lead(seat.page.say1(
        "fg-today-lead",
        "name",
        seat.name.as_str(),
    ))];
    if today.logs.iter().any(|log| log.state == "halted") {
        blocks.push(Block::Alert(Tone::Wrong, seat.page.say("fg-logs-halted")));
    }
    if looks(seat.role, Part::Requests) {
        blocks.push(Block::Numbers(numbers(&seat, &today)));
        blocks.push(Block::Heading(seat.page.say("fg-first")));
        blocks.push(Block::Table(first(&seat, &service, &today, now)));
    }
    if !today.proposals.is_empty() {
        let links = today.proposals.iter().map(|proposal| {
            let to = seat.page.to(&format!("/fg/beleid/{}", proposal.id));
            (to, format!("{} ({})", proposal.title, proposal.proposed_by))
        });
        blocks.push(Block::Heading(seat.page.say("fg-today-proposals")));
        blocks.push(Block::Links(links.collect()));
    }
    if !today.logs.is_empty() {
        blocks.push(Block::Heading(seat.page.say("fg-logs")));
        blocks.push(Block::Text(seat.page.say("fg-logs-text")));
        blocks.push(Block::Table(logs(&seat, &today.logs)));
    }
    Ok(seat.show(&request, blocks))
}

fn numbers(seat: &Seat, today: &Today) -> Vec<Number> {
    let number = |count: usize, id: &str, to: &str, note: String| Number {
        value: if today.more && id == "fg-open" {
            format!("{count}+")
        } else {
            count.to_string()
        },
        name: seat.page.say(id),
        to: Some(seat.page.to(to)),
        note,
    };
    let silent = match today.silent {
        0 => String::new(),
        silent => seat.page.say1("fg-silent", "count", silent),
    };
    vec![
        number(today.open.len(), "fg-open", "/fg/verzoeken", String::new()),
        number(today.soon, "fg-soon", "/fg/verzoeken?binnen=7", String::new()),
        number(
            today.overdue,
            "fg-overdue",
            "/fg/verzoeken?telaat=ja",
            String::new(),
        ),
        number(
            today.erasures.len(),
            "fg-erasures-waiting",
            "/fg/wissen?stand=proposed",
            silent,
        ),
    ]
}

fn first(seat: &Seat, service: &Service, today: &Today, now: Moment) -> Table {
    let rows = today.open.iter().take(FIRST).map(|request| {
        vec![
            link(
                seat.page.to(&format!("/fg/verzoeken/{}", request.id)),
                seat.word("request", request.kind.as_str()),
            ),
            cell(seat.library(service, &request.organisation)),
            due(seat, request, now),
            cell(seat.word("state", request.state.as_str())),
        ]
    });
    Table {
        caption: seat.page.say("fg-first-caption"),
        head: ["fg-what", "fg-library", "fg-due", "fg-state"]
            .map(|id| cell(seat.page.say(id)))
            .to_vec(),
        rows: rows.collect(),
        empty: seat.page.say("fg-nothing-open"),
        ..Table::default()
    }
}

/// Until when, with the days that are left in words.
pub fn due(seat: &Seat, request: &RightsRequest, now: Moment) -> Cell {
    if let Some(ended) = &request.ended_at {
        return cell(seat.page.say1("fg-ended-on", "day", seat.page.day(ended)));
    }
    let left = request
        .due_at
        .seconds()
        .saturating_sub(now.seconds())
        .div_euclid(86_400);
    let day = seat.page.day(&request.due_at);
    match left {
        ..0 => badge(
            Tone::Wrong,
            seat.page
                .say2("fg-days-late", "day", day, "count", left.saturating_neg()),
        ),
        0..=SOON => badge(
            Tone::Warning,
            seat.page.say2("fg-days-left", "day", day, "count", left),
        ),
        _ => cell(seat.page.say2("fg-days-left", "day", day, "count", left)),
    }
}

/// The audit logs and how far they are signed.
pub fn logs(seat: &Seat, logs: &[LogLine]) -> Table {
    let count = |number: u64| thousands(number, seat.page.language);
    let rows = logs.iter().map(|log| {
        let state = match (log.state, log.is_sound()) {
            ("halted", _) => badge(Tone::Wrong, seat.page.say("fg-log-halted")),
            (_, true) => badge(Tone::Good, seat.page.say("fg-log-sound")),
            _ => badge(Tone::Warning, seat.page.say("fg-log-behind")),
        };
        let signed = log.signed.map_or_else(String::new, |(size, at)| {
            seat.page
                .say2("fg-log-signed", "size", count(size), "at", seat.page.moment(&at))
        });
        vec![
            link(
                seat.page.to(&format!("/fg/zoeken?log={}", log.log)),
                seat.word("log", &log.log),
            ),
            state,
            figure(count(log.size)),
            cell(signed),
        ]
    });
    let mut head = ["fg-log", "fg-state", "fg-entries", "fg-checkpoint"]
        .map(|id| cell(seat.page.say(id)))
        .to_vec();
    if let Some(entries) = head.get_mut(2) {
        entries.figure = true;
    }
    Table {
        caption: seat.page.say("fg-logs"),
        head,
        rows: rows.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    }
}
