//! C6: contacts that systems reported, by what they were matched with; and the single ones that rest on no check or on a no.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;

use super::blocks::{Block, Cell, Field, Form, Table, Tone, badge, cell, figure, link};
use super::files::csv;
use super::seat::{Part, Seat, looks, with};
use super::times::{Span, span_fields};
use crate::domain::contact::ContactMatch;
use crate::service::Service;
use crate::service::contacts::{ContactLine, ContactTotal, MATCHED_WITHIN, MOST_LISTED};
use crate::service::reports::table::{Cell as Value, text};
use crate::web::page::dates::thousands;
use crate::web::session::{Staff, Turned};

/// Where contacts are listed.
const PATH: &str = "/fg/systemen/contacten";
/// Single contacts on the page; the file has more.
const ROWS: usize = 100;

/// Which contacts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    #[serde(flatten)]
    span: Span,
    systeem: String,
    vraag: String,
}

impl Filter {
    /// Those without a check, where nothing is chosen: they are what somebody must look into.
    fn matched(&self) -> ContactMatch {
        ContactMatch::parse(&self.vraag).unwrap_or(ContactMatch::None)
    }

    fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("van", &self.span.van)
            .append_pair("tot", &self.span.tot)
            .append_pair("systeem", &self.systeem)
            .append_pair("vraag", self.matched().as_str())
            .finish()
    }
}

/// The contacts of a time.
#[get("/fg/systemen/contacten")]
pub async fn contacts_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Audit, "fg-contacts")?;
    seat.page = seat.page.clone().back_to("/fg/systemen", "fg-systems");
    let time = filter.span.times(&service);
    let wanted = (filter.systeem.parse().ok(), filter.matched());
    let found = service.contacts(&seat.call, time, wanted).await;
    let found = found.map_err(|refusal| seat.turned(&refusal))?;
    let rows = found
        .lines
        .iter()
        .take(ROWS)
        .map(|line| row(&seat, &service, line));
    let head = [
        "fg-when",
        "fg-system",
        "fg-library",
        "fg-purpose",
        "fg-channel",
        "fg-was-asked",
    ];
    let mut blocks = vec![
        Block::Lead(
            seat.page
                .say1("fg-contacts-lead", "hours", MATCHED_WITHIN / 3_600),
        ),
        Block::Form(filter_form(&seat, &service, &filter)),
        Block::Table(totals(&seat, &service, &found.totals)),
        Block::Heading(seat.word("check-list", filter.matched().as_str())),
        Block::Table(Table {
            caption: seat.word("check-list", filter.matched().as_str()),
            head: head.map(|id| cell(seat.page.say(id))).to_vec(),
            rows: rows.collect(),
            empty: seat.page.say("fg-none"),
            ..Table::default()
        }),
    ];
    if found.lines.len() > ROWS {
        blocks.push(Block::Quiet(seat.page.say1("fg-contacts-first", "count", ROWS)));
    }
    let file = format!("{PATH}.csv?{}", filter.query());
    blocks.push(Block::Buttons(vec![(
        seat.page.to(&file),
        seat.page.say("fg-csv"),
    )]));
    Ok(seat.show(&request, blocks))
}

fn filter_form(seat: &Seat, service: &Service, filter: &Filter) -> Form {
    let catalogue = service.catalogue();
    let systems = catalogue
        .systems
        .keys()
        .map(|id| (id.to_string(), id.to_string()));
    let any = (String::new(), seat.page.say("fg-any"));
    let checks = ContactMatch::ALL
        .iter()
        .map(|word| (word.to_string(), seat.word("check", word.as_str())));
    let mut fields = span_fields(seat, service, &filter.span);
    fields.push(Field::choice(
        "systeem",
        seat.page.say("fg-system"),
        std::iter::once(any).chain(systems).collect(),
        &filter.systeem,
    ));
    fields.push(Field::choice(
        "vraag",
        seat.page.say("fg-was-asked"),
        checks.collect(),
        filter.matched().as_str(),
    ));
    Form {
        id: "contact",
        action: PATH.to_owned(),
        fields,
        button: seat.page.say("fg-show"),
        second: true,
        ..Form::default()
    }
}

fn row(seat: &Seat, service: &Service, line: &ContactLine) -> Vec<Cell> {
    let library = line.organisation.parse().map(|id| seat.library(service, &id));
    vec![
        link(
            seat.page.to(&format!("/fg/zoeken/decision/{}", line.entry)),
            seat.page.moment(&line.occurred_at),
        ),
        cell(line.system.clone()),
        cell(library.unwrap_or_else(|_| line.organisation.clone())),
        cell(seat.purpose(service, &line.purpose)),
        cell(seat.word("action", &line.channel)),
        check(seat, line.matched),
    ]
}

/// What a contact was matched with.
pub fn check(seat: &Seat, matched: ContactMatch) -> Cell {
    let tone = match matched {
        ContactMatch::Permit => Tone::Good,
        ContactMatch::Deny => Tone::Wrong,
        ContactMatch::None => Tone::Warning,
    };
    badge(tone, seat.word("check", matched.as_str()))
}

/// How many contacts were reported, and what they rest on. The figures lead to the single ones for who may see those.
pub fn totals(seat: &Seat, service: &Service, totals: &[ContactTotal]) -> Table {
    let count = |number: u64| thousands(number, seat.page.language);
    let rows = totals.iter().map(|total| {
        let library = total.organisation.parse().map(|id| seat.library(service, &id));
        let to = |matched: ContactMatch, number: u64| {
            let mut cell = match (matched, number) {
                (_, 0) => figure(0),
                (ContactMatch::Deny, _) => badge(Tone::Wrong, count(number)),
                _ => badge(Tone::Warning, count(number)),
            };
            cell.figure = true;
            if number > 0 && looks(seat.role, Part::Audit) {
                let path = with(PATH, "systeem", &total.system);
                cell.to = Some(seat.page.to(&with(&path, "vraag", matched.as_str())));
            }
            cell
        };
        vec![
            cell(total.system.clone()),
            cell(library.unwrap_or_else(|_| total.organisation.clone())),
            cell(seat.purpose(service, &total.purpose)),
            figure(count(total.reported())),
            figure(count(total.permitted)),
            to(ContactMatch::Deny, total.denied),
            to(ContactMatch::None, total.unchecked),
        ]
    });
    let ids = [
        "fg-system",
        "fg-library",
        "fg-purpose",
        "fg-reported",
        "fg-after-permit",
        "fg-after-deny",
        "fg-without-check",
    ];
    let mut head = ids.map(|id| cell(seat.page.say(id))).to_vec();
    head.iter_mut().skip(3).for_each(|head| head.figure = true);
    Table {
        caption: seat.page.say("fg-contacts"),
        head,
        rows: rows.collect(),
        empty: seat.page.say("fg-contacts-none"),
        ..Table::default()
    }
}

/// The single contacts as a file.
#[get("/fg/systemen/contacten.csv")]
pub async fn contacts_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Audit, "fg-contacts")?;
    let time = filter.span.times(&service);
    let wanted = (filter.systeem.parse().ok(), filter.matched());
    let found = service.contacts(&seat.call, time, wanted).await;
    let found = found.map_err(|refusal| seat.turned(&refusal))?;
    let rows = found.lines.iter().map(|line| {
        vec![
            Value::Time(line.occurred_at.millis()),
            text(line.system.clone()),
            text(line.organisation.clone()),
            text(line.purpose.clone()),
            text(line.channel.clone()),
            text(line.matched.as_str()),
            text(line.entry.to_string()),
        ]
    });
    let mut rows: Vec<Vec<Value<'static>>> = rows.collect();
    if found.more {
        rows.push(vec![text(seat.page.say1(
            "fg-contacts-most",
            "count",
            MOST_LISTED,
        ))]);
    }
    let head = [
        "occurredAt",
        "system",
        "organisation",
        "purpose",
        "channel",
        "check",
        "entry",
    ];
    Ok(csv("contacten", &head, rows))
}
