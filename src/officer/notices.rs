//! Notices about data from elsewhere that are due (GDPR art. 14, R46).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};

use super::blocks::{Block, Table, Tone, badge, cell, figure};
use super::seat::{Part, Seat};
use crate::service::Service;
use crate::web::page::dates::thousands;
use crate::web::session::{Staff, Turned};

/// By library, purpose and source, what is due first first.
#[get("/fg/herkomst")]
pub async fn notices_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Requests, "fg-notices")?;
    seat.page = seat.page.clone().back_to("/fg", "fg-today");
    let due = service
        .notices_due(&seat.call)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let count = |number: u64| thousands(number, seat.page.language);
    let rows = due.iter().map(|line| {
        let library = line.organisation.parse().map(|id| seat.library(&service, &id));
        vec![
            cell(library.unwrap_or_else(|_| line.organisation.clone())),
            cell(seat.purpose(&service, &line.purpose)),
            cell(line.source.clone()),
            cell(
                line.data_scopes
                    .iter()
                    .map(|scope| seat.data(&service, scope))
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            figure(count(line.people)),
            if line.late > 0 {
                badge(Tone::Wrong, count(line.late))
            } else {
                figure(0)
            },
            cell(seat.page.day(&line.first_due)),
        ]
    });
    let ids = [
        "fg-library",
        "fg-purpose",
        "fg-source",
        "fg-scopes",
        "fg-people",
        "fg-notices-late",
        "fg-due",
    ];
    let mut head = ids.map(|id| cell(seat.page.say(id))).to_vec();
    head.iter_mut()
        .skip(4)
        .take(2)
        .for_each(|head| head.figure = true);
    let blocks = vec![
        Block::Lead(seat.page.say("fg-notices-lead")),
        Block::Table(Table {
            caption: seat.page.say("fg-notices"),
            head,
            rows: rows.collect(),
            empty: seat.page.say("fg-notices-none"),
            ..Table::default()
        }),
        Block::Text(seat.page.say("fg-notices-how")),
    ];
    Ok(seat.show(&request, blocks))
}
