//! C6: the calling systems.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};

use super::blocks::{Block, Cell, Table, Tone, badge, cell, figure};
use super::contacts::totals;
use super::seat::{Part, Seat, looks};
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::console::{MOST_LINES, SystemLine};
use crate::web::page::dates::thousands;
use crate::web::plot::{Bar, Caption, bars};
use crate::web::session::{Staff, Turned};

/// Days of which reported contacts are counted here.
const CONTACT_DAYS: i64 = 30;

/// The systems.
#[get("/fg/systemen")]
pub async fn systems_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Systems, "fg-systems")?;
    let systems = service
        .systems(&seat.call)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let count = |number: u64| thousands(number, seat.page.language);
    let mut blocks = vec![Block::Lead(seat.page.say1(
        "fg-systems-lead",
        "day",
        seat.page.day(&systems.first_day),
    ))];
    if systems.more {
        blocks.push(Block::Alert(
            Tone::Warning,
            seat.page.say1("fg-counted-most", "count", count(MOST_LINES)),
        ));
    }
    let rows = systems.lines.iter().map(|line| {
        let sum = |of: fn(&crate::service::console::SystemDay) -> u64| line.days.iter().map(of).sum::<u64>();
        let (permits, denials) = (sum(|day| day.permits), sum(|day| day.denials));
        let all = permits + denials;
        let share = (permits * 100 + all / 2)
            .checked_div(all)
            .map_or(String::new(), |share| format!("{share}%"));
        let seen = match &line.last_seen {
            Some(at) => cell(seat.page.moment(at)),
            None => badge(Tone::Plain, seat.page.say("fg-not-seen")),
        };
        vec![
            cell(format!("{} ({})", name(&seat, line), line.id)),
            seen,
            figure(count(all)),
            figure(share),
            hooks(&seat, line),
            keys(&seat, line),
        ]
    });
    let mut head = [
        "fg-system",
        "fg-last-seen",
        "fg-asked",
        "fg-permitted",
        "fg-webhooks",
        "fg-keys",
    ]
    .map(|id| cell(seat.page.say(id)))
    .to_vec();
    head.iter_mut()
        .skip(2)
        .take(2)
        .for_each(|head| head.figure = true);
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-systems"),
        head,
        rows: rows.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    }));
    let asked: Vec<Bar> = systems
        .lines
        .iter()
        .map(|line| {
            let all: u64 = line.days.iter().map(|day| day.permits + day.denials).sum();
            Bar {
                name: name(&seat, line),
                value: Some(all),
                figure: count(all),
                beyond: false,
            }
        })
        .filter(|bar| bar.value != Some(0))
        .collect();
    if !asked.is_empty() {
        let caption = Caption {
            id: "plot-asked".to_owned(),
            title: seat.page.say("fg-plot-asked"),
            sentence: seat.page.say("fg-plot-asked-text"),
        };
        blocks.push(Block::Heading(caption.title.clone()));
        blocks.push(Block::Plot(super::blocks::Plot {
            svg: bars(&caption, &asked),
            sentence: caption.sentence,
            key: Vec::new(),
        }));
    }
    let now = service.world().now();
    let reported = service
        .contact_totals(&seat.call, (now.plus_seconds(-CONTACT_DAYS * 86_400), now))
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    blocks.push(Block::Heading(seat.page.say("fg-contacts")));
    blocks.push(Block::Text(seat.page.say1(
        "fg-contacts-text",
        "days",
        CONTACT_DAYS,
    )));
    blocks.push(Block::Table(totals(&seat, &service, &reported)));
    if looks(seat.role, Part::Audit) {
        let to = seat.page.to("/fg/systemen/contacten");
        blocks.push(Block::Buttons(vec![(to, seat.page.say("fg-contacts-single"))]));
    }
    blocks.push(Block::Quiet(seat.page.say("fg-unchecked-text")));
    Ok(seat.show(&request, blocks))
}

fn name(seat: &Seat, line: &SystemLine) -> String {
    match seat.page.language {
        Language::Nl => line.title.0.clone(),
        Language::En => line.title.1.clone(),
    }
}

fn hooks(seat: &Seat, line: &SystemLine) -> Cell {
    if line.webhooks.is_empty() {
        return cell(seat.page.say("fg-none"));
    }
    let bad = line
        .webhooks
        .iter()
        .find(|hook| hook.state != "active" || hook.failures > 0);
    match bad {
        Some(hook) if hook.failures > 0 => badge(
            Tone::Wrong,
            seat.page.say2(
                "fg-webhook-failing",
                "host",
                hook.host.as_str(),
                "count",
                hook.failures,
            ),
        ),
        Some(hook) => badge(
            Tone::Warning,
            format!("{}: {}", hook.host, seat.word("webhook", &hook.state)),
        ),
        None => badge(
            Tone::Good,
            seat.page.say1("fg-webhooks-good", "count", line.webhooks.len()),
        ),
    }
}

fn keys(seat: &Seat, line: &SystemLine) -> Cell {
    let Some(oldest) = line.keys.iter().max_by_key(|key| key.days) else {
        return badge(Tone::Plain, seat.page.say("fg-no-keys"));
    };
    let text = seat.page.say2(
        "fg-key-age",
        "client",
        oldest.client.as_str(),
        "days",
        oldest.days,
    );
    if oldest.old {
        badge(Tone::Warning, text)
    } else {
        cell(text)
    }
}
