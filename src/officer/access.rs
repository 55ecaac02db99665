//! C14: who may do what, and who looked at what, when and why.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;

use super::blocks::{Block, Cell, Field, Form, Table, Tone, badge, cell, link};
use super::files::csv;
use super::seat::{PARTS, Part, Seat, acts, looks};
use super::times::{Span, span_fields};
use crate::service::Service;
use crate::service::console::{AccessLine, AskAccess};
use crate::service::reports::table::{Cell as Value, text};
use crate::service::sessions::staff::Role;
use crate::web::page::dates::thousands;
use crate::web::session::{Staff, Turned};

/// Where it is.
const PATH: &str = "/fg/toegang";
/// Lines on the page.
const ROWS: usize = 200;
/// Lines of the file.
const MOST: usize = 5_000;

/// Which lines.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    #[serde(flatten)]
    span: Span,
    bibliotheek: String,
    woorden: String,
}

impl Filter {
    fn verb(&self, service: &Service, limit: usize) -> AskAccess {
        let (from, to) = self.span.times(service);
        let words = self.woorden.trim();
        AskAccess {
            from,
            to,
            organisation: self.bibliotheek.parse().ok(),
            words: Some(words.to_owned()).filter(|words| !words.is_empty()),
            limit,
        }
    }

    fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("van", &self.span.van)
            .append_pair("tot", &self.span.tot)
            .append_pair("bibliotheek", &self.bibliotheek)
            .append_pair("woorden", &self.woorden)
            .finish()
    }
}

/// The access log, and the roles.
#[get("/fg/toegang")]
pub async fn access_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Access, "fg-access")?;
    let (lines, more) = service
        .access_log(&seat.call, filter.verb(&service, ROWS))
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let rows = lines.iter().map(|line| row(&seat, &service, line));
    let ids = ["fg-when", "fg-who", "fg-what", "fg-library", "fg-about", "fg-why"];
    let mut fields = span_fields(&seat, &service, &filter.span);
    fields.push(Field::choice(
        "bibliotheek",
        seat.page.say("fg-library"),
        seat.library_options(&service, true),
        &filter.bibliotheek,
    ));
    fields.push(Field::line("woorden", seat.page.say("fg-access-words"), &filter.woorden).optional());
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-access-lead")),
        Block::Form(Form {
            id: "tijd",
            action: PATH.to_owned(),
            fields,
            button: seat.page.say("fg-show"),
            second: true,
            ..Form::default()
        }),
        Block::Table(Table {
            caption: seat.page.say("fg-access-log"),
            head: ids.map(|id| cell(seat.page.say(id))).to_vec(),
            rows: rows.collect(),
            empty: seat.page.say("fg-none"),
            ..Table::default()
        }),
    ];
    if more {
        let most = thousands(u64::try_from(ROWS).unwrap_or(0), seat.page.language);
        blocks.push(Block::Quiet(seat.page.say1("fg-access-more", "count", most)));
    }
    let file = format!("{PATH}.csv?{}", filter.query());
    blocks.push(Block::Buttons(vec![(
        seat.page.to(&file),
        seat.page.say("fg-csv"),
    )]));
    blocks.push(Block::Heading(seat.page.say("fg-roles")));
    blocks.push(Block::Text(seat.page.say("fg-roles-text")));
    blocks.push(Block::Table(roles(&seat)));
    Ok(seat.show(&request, blocks))
}

fn row(seat: &Seat, service: &Service, line: &AccessLine) -> Vec<Cell> {
    let mut what = seat.word("kind", &line.kind);
    if let Some(word) = &line.what {
        what = format!("{what}: {}", seat.word("access", word));
    }
    let library = line.organisation.as_ref().map(|id| seat.library(service, id));
    vec![
        link(
            seat.page.to(&format!("/fg/zoeken/{}/{}", line.log, line.entry)),
            seat.page.moment(&line.at),
        ),
        cell(line.who.clone()),
        cell(what),
        cell(library.unwrap_or_else(|| seat.page.say("fg-all-libraries"))),
        about(seat, line),
        cell(line.why.clone()),
    ]
}

/// The request, or else the person by the first of their code: enough to see that two lines are about one.
fn about(seat: &Seat, line: &AccessLine) -> Cell {
    let short = |text: &str| text.chars().take(8).collect::<String>();
    match (&line.request, &line.person) {
        (Some(request), _) => link(
            seat.page.to(&format!("/fg/verzoeken/{request}")),
            seat.page.say1("fg-request-number", "number", short(request)),
        ),
        (None, Some(person)) => cell(seat.page.say1("fg-person-code", "code", short(person))),
        (None, None) => cell("–"),
    }
}

/// The access log as a file.
#[get("/fg/toegang.csv")]
pub async fn access_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Access, "fg-access")?;
    let (lines, _) = service
        .access_log(&seat.call, filter.verb(&service, MOST))
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let or_empty = |word: Option<&String>| text(word.cloned().unwrap_or_default());
    let rows = lines.iter().map(|line| {
        vec![
            Value::Time(line.at.millis()),
            text(line.who.clone()),
            text(line.system.clone()),
            text(line.kind.clone()),
            or_empty(line.what.as_ref()),
            text(
                line.organisation
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ),
            or_empty(line.request.as_ref()),
            or_empty(line.person.as_ref()),
            text(line.why.clone()),
            text(line.log),
            text(line.entry.to_string()),
        ]
    });
    let head = [
        "at",
        "who",
        "system",
        "kind",
        "what",
        "organisation",
        "requestId",
        "personId",
        "reason",
        "log",
        "entry",
    ];
    Ok(csv("toegang", &head, rows.collect()))
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
