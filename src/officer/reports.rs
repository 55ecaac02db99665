//! Reports to take along: asked for with a reason that is recorded, made in the form that is wanted, with a signed manifest.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::audit::day;
use super::blocks::{Block, Field, Form};
use super::seat::{Part, Seat, looks, see};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::reports::{RegisterView, ReportFormat, ReportKind, RequestReport};
use crate::web::report::{ReportError, bundle};
use crate::web::session::{self, Staff, Turned, Why};

const PATH: &str = "/fg/rapport";

/// Which report is chosen beforehand.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    soort: String,
}

/// The part in which a kind of report belongs.
const fn part(kind: ReportKind) -> Part {
    match kind {
        ReportKind::Audit => Part::Audit,
        ReportKind::ConsentRates => Part::Figures,
        ReportKind::Register => Part::Purposes,
        ReportKind::Breach => Part::Breach,
        ReportKind::RightsRequests => Part::Requests,
        ReportKind::Erasures => Part::Erasures,
    }
}

/// Where a report is asked for.
#[get("/fg/rapport")]
pub async fn report_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(chosen): Query<Chosen>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::export(&request, &staff, Part::Audit)?;
    seat.page = seat.page.clone().titled("fg-reports").back_to("/fg", "fg-today");
    let form = form(
        &seat,
        &service,
        ReportKind::parse(&chosen.soort).unwrap_or(ReportKind::Audit),
    );
    Ok(seat.show(
        &request,
        vec![Block::Lead(seat.page.say("fg-reports-lead")), Block::Form(form)],
    ))
}

/// The form of a report; that of a breach also names the system.
pub fn form(seat: &Seat, service: &Service, chosen: ReportKind) -> Form {
    let kinds = ReportKind::ALL
        .iter()
        .filter(|kind| looks(seat.role, part(**kind)));
    let kinds = kinds.filter(|kind| (**kind == ReportKind::Breach) == (chosen == ReportKind::Breach));
    let kinds = kinds.map(|kind| (kind.to_string(), seat.word("report", kind.as_str())));
    let formats = ReportFormat::ALL
        .iter()
        .map(|format| (format.to_string(), seat.word("format", format.as_str())));
    let now = service.world().now();
    let zone = service.catalogue().network.zone;
    let (from, to) = (now.plus_seconds(-30 * 86_400).date(zone), now.date(zone));
    let mut fields = vec![
        Field::choice(
            "soort",
            seat.page.say("fg-report"),
            kinds.collect(),
            chosen.as_str(),
        ),
        Field::date("van", seat.page.say("fg-from"), &from.to_string()),
        Field::date("tot", seat.page.say("fg-to"), &to.to_string()),
        Field::choice(
            "bibliotheek",
            seat.page.say("fg-library"),
            seat.library_options(service, true),
            "",
        ),
        Field::choice("vorm", seat.page.say("fg-format"), formats.collect(), "pdf"),
        Field::line("reason", seat.page.say("fg-why-export"), ""),
    ];
    if chosen == ReportKind::Breach {
        let catalogue = service.catalogue();
        let systems = catalogue
            .systems
            .keys()
            .map(|id| (id.to_string(), id.to_string()))
            .collect();
        fields.insert(
            1,
            Field::choice("systeem", seat.page.say("fg-system"), systems, ""),
        );
    }
    Form {
        id: "rapport",
        action: seat.page.to(PATH),
        post: true,
        fields,
        button: seat.page.say("fg-make-report"),
        ..Form::default()
    }
}

/// What is wanted.
#[derive(Debug, Deserialize)]
pub struct ReportForm {
    soort: String,
    van: String,
    tot: String,
    bibliotheek: String,
    vorm: String,
    reason: String,
    #[serde(default)]
    systeem: String,
}

/// Records who asks for what and why.
#[post("/fg/rapport")]
pub async fn report(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    form: session::Form<ReportForm>,
) -> Result<HttpResponse, Turned> {
    let form = form.value;
    let language = crate::web::page::Page::of(&request).language;
    let malformed = || Turned::new(Why::Malformed, language);
    let kind = ReportKind::parse(&form.soort).ok_or_else(malformed)?;
    let seat = Seat::export(&request, &staff, part(kind))?;
    let timed = !matches!(kind, ReportKind::Register | ReportKind::ConsentRates);
    let verb = RequestReport {
        kind,
        format: ReportFormat::parse(&form.vorm).ok_or_else(malformed)?,
        from: day(&form.van, false, &service).filter(|_| timed),
        to: day(&form.tot, true, &service).filter(|_| timed),
        organisation: form.bibliotheek.parse().ok(),
        system: form.systeem.parse().ok().filter(|_| kind == ReportKind::Breach),
        view: RegisterView::Controller,
        reader: None,
        reason: Personal::new(form.reason.trim().to_owned()),
    };
    match service.request_report(&seat.call, verb).await {
        Ok(asked) => Ok(see(&seat.page.to(&format!("{PATH}/{}", asked.ticket)))),
        Err(refusal) => seat.wrong(&format!("{PATH}?soort={kind}"), &refusal),
    }
}

/// A report that can be fetched.
#[get("/fg/rapport/{ticket}")]
pub async fn report_ready(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    ticket: Path<String>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Today, "fg-report-ready")?;
    let plan = service
        .report_of(&seat.call, &ticket)
        .map_err(|refusal| seat.turned(&refusal))?;
    seat.page = seat.page.clone().back_to(PATH, "fg-reports");
    let mut facts = vec![
        (
            seat.page.say("fg-report"),
            seat.word("report", plan.kind.as_str()),
        ),
        (
            seat.page.say("fg-format"),
            seat.word("format", plan.format.as_str()),
        ),
        (seat.page.say("fg-until"), seat.page.moment(&plan.expires_at())),
    ];
    for (id, at) in [("fg-from", plan.from()), ("fg-to", plan.to())] {
        facts.extend(at.map(|at| (seat.page.say(id), seat.page.day(&at))));
    }
    let command = format!(
        "akkoord report verify akkoord-{}.zip --key \"$(curl -s {}/log/admin/vkey)\"",
        plan.kind,
        service.public_base()
    );
    let blocks = vec![
        Block::Lead(seat.page.say("fg-report-ready-lead")),
        Block::Facts(facts),
        Block::Buttons(vec![(
            format!("{PATH}/{ticket}/bestand"),
            seat.page.say("fg-download"),
        )]),
        Block::Heading(seat.page.say("fg-verify")),
        Block::Text(seat.page.say("fg-verify-text")),
        Block::Code(seat.page.say("fg-command"), command),
    ];
    Ok(seat.show(&request, blocks))
}

/// The bundle.
#[get("/fg/rapport/{ticket}/bestand")]
pub async fn report_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    ticket: Path<String>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Today, "fg-report-ready")?;
    let plan = service
        .report_of(&seat.call, &ticket)
        .map_err(|refusal| seat.turned(&refusal))?;
    let made = bundle(&service, &seat.call, &plan)
        .await
        .map_err(|error| match error {
            ReportError::Refused(refusal) => seat.turned(&refusal),
            error => {
                tracing::error!(error = %error, "a report could not be packed");
                seat.turned(&Refusal::Unavailable)
            }
        })?;
    let name = format!("attachment; filename=\"akkoord-{}.zip\"", plan.kind);
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((CONTENT_DISPOSITION, name))
        .body(made))
}
