//! C4: somebody who is looked up, with a reason that is recorded, and what was asked about them.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::audit::{PATH, entries};
use super::blocks::{Block, Field, Form, Table, Tone, cell};
use super::seat::{Part, Seat, see, with};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::console::LookUp;
use crate::service::refusal::Refusal;
use crate::service::search::SearchPerson;
use crate::service::verbs::CurrentConsents;
use crate::web::session::{self, Staff, Turned};

/// Rows about one person.
const ABOUT: usize = 500;

/// Where somebody is looked up.
#[get("/fg/zoeken/persoon")]
pub async fn look_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::act(&request, &staff, Part::Audit)?;
    seat.page = seat.page.clone().titled("fg-look-up").back_to(PATH, "fg-audit");
    let mut fields = Vec::from(seat.who(&service));
    fields.push(
        Field::line("reason", seat.page.say("fg-why-look"), "").hinted(seat.page.say("fg-why-look-hint")),
    );
    let form = Form {
        id: "persoon",
        action: seat.page.to(&format!("{PATH}/persoon")),
        post: true,
        fields,
        button: seat.page.say("fg-look-up-button"),
        ..Form::default()
    };
    Ok(seat.show(
        &request,
        vec![Block::Lead(seat.page.say("fg-look-up-lead")), Block::Form(form)],
    ))
}

/// Who is looked up, and why.
#[derive(Debug, Deserialize)]
pub struct LookForm {
    bibliotheek: String,
    scheme: String,
    value: String,
    reason: String,
}

/// Looks somebody up, and leads to what is known: the reason goes along, sealed.
#[post("/fg/zoeken/persoon")]
pub async fn look(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    form: session::Form<LookForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Audit)?;
    let path = format!("{PATH}/persoon");
    let form = form.value;
    let person = match seat.person(&service, &form.scheme, &form.value) {
        Ok(person) => person,
        Err(refusal) => return seat.wrong(&path, &refusal),
    };
    let organisation = form
        .bibliotheek
        .parse()
        .map_err(|_| seat.turned(&Refusal::NotFound))?;
    let verb = LookUp {
        person,
        organisation,
        what: "search",
        reason: Personal::new(form.reason.trim().to_owned()),
        officer: seat.name.clone(),
    };
    let (organisation, reason) = (verb.organisation.clone(), verb.reason.clone());
    match service.look_somebody_up(&seat.call, verb).await {
        Ok(Some(id)) => {
            let ticket = service.look_ticket(&seat.call, &id, &organisation, &reason);
            let ticket = ticket.map_err(|refusal| seat.turned(&refusal))?;
            Ok(see(&seat.page.to(&format!("{path}/{ticket}"))))
        }
        Ok(None) => Ok(see(&seat.page.to(&with(&path, "fout", "nobody")))),
        Err(refusal) => seat.wrong(&path, &refusal),
    }
}

/// What was asked and recorded about somebody who was looked up.
#[get("/fg/zoeken/persoon/{ticket}")]
pub async fn person_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    ticket: Path<String>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::act(&request, &staff, Part::Audit)?;
    seat.page = seat.page.clone().titled("fg-person").back_to(PATH, "fg-audit");
    let turned = |refusal: Refusal| seat.turned(&refusal);
    let looked = service.looked_up(&seat.call, &ticket).map_err(turned)?;
    let verb = SearchPerson {
        person_id: looked.person_id.clone(),
        reason: looked.reason.clone(),
        open: true,
        limit: ABOUT,
    };
    let found = service.search_person(&seat.call, verb).await.map_err(turned)?;
    let current = CurrentConsents {
        person_id: looked.person_id.clone(),
    };
    let current = service
        .current_consents(&seat.call, current)
        .await
        .map_err(turned)?;
    let rows = current.consents.iter().map(|consent| {
        vec![
            cell(seat.purpose(&service, consent.purpose.as_str())),
            cell(seat.word("status", consent.status.as_str())),
            cell(seat.page.moment(&consent.occurred_at)),
            cell(seat.word("reason", consent.effective.as_str())),
            cell(
                consent
                    .valid_until
                    .map(|end| seat.page.day(&end))
                    .unwrap_or_default(),
            ),
        ]
    });
    let head = ["fg-purpose", "fg-said", "fg-when", "fg-counts-as", "fg-until"];
    let mut facts = vec![
        (
            seat.page.say("fg-library"),
            seat.library(&service, &looked.organisation),
        ),
        (seat.page.say("fg-subject"), looked.person_id.clone()),
        (seat.page.say("fg-why-look"), looked.reason.reveal().clone()),
    ];
    if let Some(since) = current.restricted {
        facts.push((seat.page.say("fg-restricted"), seat.page.day(&since)));
    }
    if let Some(since) = current.marketing_objection {
        facts.push((seat.page.say("fg-objected"), seat.page.day(&since)));
    }
    let blocks = vec![
        Block::Alert(Tone::Plain, seat.page.say("fg-person-recorded")),
        Block::Facts(facts),
        Block::Heading(seat.page.say("fg-choices-now")),
        Block::Table(Table {
            caption: seat.page.say("fg-choices-now"),
            head: head.map(|id| cell(seat.page.say(id))).to_vec(),
            rows: rows.collect(),
            empty: seat.page.say("fg-none"),
            ..Table::default()
        }),
        Block::Heading(seat.page.say("fg-about-person")),
        Block::Text(seat.page.say("fg-about-person-text")),
        Block::Table(entries(&seat, &service, &found)),
    ];
    Ok(seat.show(&request, blocks))
}
