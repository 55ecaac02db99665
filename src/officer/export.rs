//! C4: a log to take along: asked for with a reason, made while it is fetched, and verified by anybody.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use futures_util::stream;
use serde::Deserialize;

use super::audit::{Filter, PATH, day};
use super::blocks::{Block, Field, Form};
use super::seat::{Part, Seat, see, with};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::exports::{ExportFormat, RequestExport};
use crate::service::refusal::Refusal;
use crate::service::sequence::LogName;
use crate::web::session::{self, Staff, Turned};

/// What is exported.
#[derive(Debug, Deserialize)]
pub struct ExportForm {
    log: String,
    van: String,
    tot: String,
    vorm: String,
    reason: String,
}

/// Where an export is asked for.
#[get("/fg/zoeken/export")]
pub async fn export_page(
    request: HttpRequest,
    staff: Staff,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::export(&request, &staff, Part::Audit)?;
    seat.page = seat.page.clone().titled("fg-export").back_to(PATH, "fg-audit");
    let logs = ["decision", "consent", "admin"]
        .map(|log| (log.to_owned(), seat.word("log", log)))
        .to_vec();
    let formats = ExportFormat::ALL
        .iter()
        .map(|format| (format.to_string(), seat.word("format", format.as_str())));
    let form = Form {
        id: "export",
        action: seat.page.to(&format!("{PATH}/export")),
        post: true,
        fields: vec![
            Field::choice("log", seat.page.say("fg-log"), logs, filter.log()),
            Field::date("van", seat.page.say("fg-from"), &filter.van).optional(),
            Field::date("tot", seat.page.say("fg-to"), &filter.tot).optional(),
            Field::choice("vorm", seat.page.say("fg-format"), formats.collect(), "csv"),
            Field::line("reason", seat.page.say("fg-why-export"), ""),
        ],
        button: seat.page.say("fg-export-button"),
        ..Form::default()
    };
    Ok(seat.show(
        &request,
        vec![Block::Lead(seat.page.say("fg-export-lead")), Block::Form(form)],
    ))
}

/// Records who exports what and why.
#[post("/fg/zoeken/export")]
pub async fn export(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    form: session::Form<ExportForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::export(&request, &staff, Part::Audit)?;
    let path = format!("{PATH}/export");
    let form = form.value;
    let (Some(log), Some(format)) = (LogName::parse(&form.log), ExportFormat::parse(&form.vorm)) else {
        return Err(Turned::new(session::Why::Malformed, seat.page.language));
    };
    let verb = RequestExport {
        log,
        from: day(&form.van, false, &service),
        to: day(&form.tot, true, &service),
        format,
        openings: false,
        reason: Personal::new(form.reason.trim().to_owned()),
    };
    match service.request_export(&seat.call, verb).await {
        Ok(asked) => Ok(see(&seat.page.to(&format!("{path}/{}", asked.ticket)))),
        Err(Refusal::Forbidden(_)) => Ok(see(&seat.page.to(&with(&path, "fout", "all-libraries")))),
        Err(refusal) => seat.wrong(&path, &refusal),
    }
}

/// An export that can be fetched, and how it is verified.
#[get("/fg/zoeken/export/{ticket}")]
pub async fn export_ready(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    ticket: Path<String>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::export(&request, &staff, Part::Audit)?;
    seat.page = seat
        .page
        .clone()
        .titled("fg-export-ready")
        .back_to(PATH, "fg-audit");
    let plan = service
        .export_of(&seat.call, &ticket)
        .map_err(|refusal| seat.turned(&refusal))?;
    let facts = vec![
        (seat.page.say("fg-log"), plan.origin().to_owned()),
        (seat.page.say("fg-entries"), plan.entries().to_string()),
        (seat.page.say("fg-checkpoint"), plan.size.to_string()),
        (
            seat.page.say("fg-format"),
            seat.word("format", plan.format.as_str()),
        ),
        (seat.page.say("fg-until"), seat.page.moment(&plan.expires_at())),
    ];
    let command = format!(
        "akkoord audit verify {} --key \"$(curl -s {}/log/{}/vkey)\"",
        file_name(&plan),
        service.public_base(),
        plan.log
    );
    let blocks = vec![
        Block::Lead(seat.page.say("fg-export-ready-lead")),
        Block::Facts(facts),
        Block::Buttons(vec![(
            format!("{PATH}/export/{ticket}/bestand"),
            seat.page.say("fg-download"),
        )]),
        Block::Heading(seat.page.say("fg-verify")),
        Block::Text(seat.page.say("fg-verify-text")),
        Block::Code(seat.page.say("fg-command"), command),
    ];
    Ok(seat.show(&request, blocks))
}

fn file_name(plan: &crate::service::exports::ExportPlan) -> String {
    format!("akkoord-{}-{}-{}.zip", plan.log, plan.from, plan.to)
}

/// The bundle, made while it is fetched.
#[get("/fg/zoeken/export/{ticket}/bestand")]
pub async fn export_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    ticket: Path<String>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::export(&request, &staff, Part::Audit)?;
    let plan = service
        .export_of(&seat.call, &ticket)
        .map_err(|refusal| seat.turned(&refusal))?;
    let name = format!("attachment; filename=\"{}\"", file_name(&plan));
    let pieces = service
        .stream_export(plan)
        .map_err(|refusal| seat.turned(&refusal))?;
    let body = stream::unfold(pieces, async |mut pieces| {
        let piece: Option<std::io::Result<Vec<u8>>> = pieces.recv().await;
        piece.map(|piece| (piece.map(Bytes::from), pieces))
    });
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((CONTENT_DISPOSITION, name))
        .streaming(body))
}
