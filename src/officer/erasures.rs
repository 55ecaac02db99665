//! C8: erasures: proposed, approved by another, what recipients answered, and the certificate.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_LANGUAGE};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::blocks::{Block, Field, Form, Table, Tone, badge, cell, link};
use super::seat::{Part, Seat, acts, decides, see};
use crate::domain::ids::ErasureId;
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::erasures::{
    ApproveErasure, Erasure, ErasureGround, ErasureState, KeepGround, MOST_COOLING_DAYS, ProposeErasure,
    RefuseErasure, WithdrawErasure,
};
use crate::service::refusal::Refusal;
use crate::service::rights::RightsRequest;
use crate::service::verbs::PersonRef;
use crate::web::erasure_certificate::{document, pdf, recipient};
use crate::web::pdf::PDF;
use crate::web::session::{self, Staff, Turned, Why};

const PATH: &str = "/fg/wissen";
/// Rows of a page.
const ROWS: usize = 50;

/// Which erasures.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    stand: String,
    vanaf: String,
}

/// The erasures.
#[get("/fg/wissen")]
pub async fn erasures_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Erasures, "fg-erasures")?;
    let state = ErasureState::parse(&filter.stand);
    let cursor = Some(filter.vanaf).filter(|cursor| !cursor.is_empty());
    let found = service.erasures(&seat.call, state, cursor, ROWS).await;
    let found = found.map_err(|refusal| seat.turned(&refusal))?;
    let rows = found.items.iter().map(|item| {
        let open = item
            .tasks
            .iter()
            .filter(|task| task.state != "acknowledged")
            .count();
        let answers = match open {
            0 => cell(seat.page.say1("fg-all-answered", "count", item.tasks.len())),
            open => badge(
                Tone::Warning,
                seat.page
                    .say2("fg-some-open", "open", open, "count", item.tasks.len()),
            ),
        };
        vec![
            link(seat.page.to(&format!("{PATH}/{}", item.id)), short(item.id)),
            cell(seat.library(&service, &item.organisation)),
            cell(seat.page.day(&item.proposed.at)),
            cell(seat.word("erasure", item.state.as_str())),
            answers,
        ]
    });
    let any = (String::new(), seat.page.say("fg-any"));
    let states = ErasureState::ALL
        .iter()
        .map(|state| (state.to_string(), seat.word("erasure", state.as_str())));
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-erasures-lead")),
        Block::Form(Form {
            id: "stand",
            action: PATH.to_owned(),
            fields: vec![Field::choice(
                "stand",
                seat.page.say("fg-state"),
                std::iter::once(any).chain(states).collect(),
                &filter.stand,
            )],
            button: seat.page.say("fg-filter"),
            second: true,
            ..Form::default()
        }),
        Block::Table(Table {
            caption: seat.page.say("fg-erasures"),
            head: [
                "fg-number",
                "fg-library",
                "fg-proposed-on",
                "fg-state",
                "fg-answers",
            ]
            .map(|id| cell(seat.page.say(id)))
            .to_vec(),
            rows: rows.collect(),
            empty: seat.page.say("fg-none"),
            ..Table::default()
        }),
    ];
    if let Some(next) = found.next {
        let to = super::seat::with(&format!("{PATH}?stand={}", filter.stand), "vanaf", &next);
        blocks.push(Block::Buttons(vec![(
            seat.page.to(&to),
            seat.page.say("fg-further"),
        )]));
    }
    Ok(seat.show(&request, blocks))
}

fn short(id: ErasureId) -> String {
    id.to_string().chars().take(8).collect()
}

/// The form that proposes to erase whom a request is about.
pub fn propose_form(seat: &Seat, of: &RightsRequest) -> Form {
    let grounds = ErasureGround::ALL.iter();
    let grounds = grounds.map(|ground| (ground.to_string(), seat.word("erase", ground.as_str())));
    let days = ["0", "7", "14", "28"]
        .map(|days| (days.to_owned(), days.to_owned()))
        .to_vec();
    Form {
        id: "wissen",
        title: seat.page.say("fg-propose-erasure"),
        intro: seat.page.say("fg-propose-erasure-text"),
        action: seat.page.to(PATH),
        post: true,
        hidden: vec![
            ("verzoek", of.id.to_string()),
            ("wie", of.person_id.clone()),
            ("bibliotheek", of.organisation.to_string()),
        ],
        fields: vec![
            Field::choice("grond", seat.page.say("fg-ground"), grounds.collect(), "17-1-b"),
            Field::choice("dagen", seat.page.say("fg-cooling"), days, "7"),
        ],
        button: seat.page.say("fg-propose-erasure"),
        ..Form::default()
    }
}

/// Whom to erase, on which ground.
#[derive(Debug, Deserialize)]
pub struct ProposeForm {
    verzoek: String,
    wie: String,
    bibliotheek: String,
    grond: String,
    dagen: u64,
}

/// Proposes to erase somebody.
#[post("/fg/wissen")]
pub async fn propose(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    form: session::Form<ProposeForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Erasures)?;
    let form = form.value;
    let malformed = || Turned::new(Why::Malformed, seat.page.language);
    let verb = ProposeErasure {
        person: PersonRef::Pairwise(form.wie),
        organisation: form.bibliotheek.parse().map_err(|_| malformed())?,
        ground: ErasureGround::parse(&form.grond).ok_or_else(malformed)?,
        officer: Personal::new(seat.name.clone()),
        rights_request: Some(form.verzoek.parse().map_err(|_| malformed())?),
        cooling_days: form.dagen.min(MOST_COOLING_DAYS),
    };
    match service.propose_erasure(&seat.call, verb).await {
        Ok(done) => Ok(see(&seat
            .page
            .to(&format!("{PATH}/{}?klaar=proposed", done.answer.id)))),
        Err(refusal) => seat.wrong(&format!("/fg/verzoeken/{}", form.verzoek), &refusal),
    }
}

async fn found(seat: &Seat, service: &Service, id: &str) -> Result<Erasure, Turned> {
    let id: ErasureId = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    service
        .erasure(&seat.call, id)
        .await
        .map_err(|refusal| seat.turned(&refusal))
}

/// One erasure.
#[get("/fg/wissen/{id}")]
pub async fn erasure_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Erasures, "fg-erasure")?;
    let found = found(&seat, &service, &id).await?;
    seat.page = seat.page.clone().back_to(PATH, "fg-erasures");
    seat.page.title = format!("{} – {}", seat.page.say("fg-erasure"), short(found.id));
    let libraries: Vec<String> = found
        .organisations
        .iter()
        .map(|id| seat.library(&service, id))
        .collect();
    let by = |step: &crate::service::erasures::Step| {
        format!("{}, {}", seat.page.moment(&step.at), step.officer.reveal())
    };
    let mut facts = vec![
        ("fg-state", seat.word("erasure", found.state.as_str())),
        ("fg-number", found.id.to_string()),
        ("fg-subject", found.person_id.clone()),
        ("fg-libraries", libraries.join(", ")),
        ("fg-ground", seat.word("erase", found.ground.as_str())),
        ("fg-proposed-by", by(&found.proposed)),
    ];
    let moments = [
        ("fg-erase-from", found.due_at),
        ("fg-erased-at", found.erased_at),
        ("fg-key-gone", found.key_deleted_at),
        ("fg-copies-gone", found.epoch_destroyed_at),
        ("fg-complete-at", found.completed_at),
    ];
    facts.extend(found.approved.as_ref().map(|step| ("fg-approved-by", by(step))));
    facts.extend(found.ended.as_ref().map(|step| ("fg-ended-by", by(step))));
    facts.extend(
        moments
            .into_iter()
            .filter_map(|(id, at)| Some((id, seat.page.moment(&at?)))),
    );
    let mut blocks = vec![Block::Facts(
        facts
            .into_iter()
            .map(|(id, value)| (seat.page.say(id), value))
            .collect(),
    )];
    if let Some(of) = found.rights_request {
        let to = seat.page.to(&format!("/fg/verzoeken/{of}"));
        blocks.push(Block::Links(vec![(to, seat.page.say("fg-request"))]));
    }
    if found.erased_at.is_some() {
        let file = |form: &str| format!("{PATH}/{}/verklaring.{form}", found.id);
        blocks.push(Block::Heading(seat.page.say("fg-certificate")));
        blocks.push(Block::Text(seat.page.say("fg-certificate-text")));
        blocks.push(Block::Buttons(vec![
            (file("pdf"), seat.page.say("fg-certificate-pdf")),
            (file("json"), seat.page.say("fg-certificate-json")),
        ]));
        let base = service.public_base();
        let command = format!(
            "akkoord erasure verify verklaring.json --key \"$(curl -s {base}/log/admin/vkey)\" --key \"$(curl -s {base}/log/consent/vkey)\""
        );
        blocks.push(Block::Code(seat.page.say("fg-command"), command));
    }
    blocks.extend(decisions(&seat, &found).into_iter().map(Block::Form));
    blocks.push(Block::Heading(seat.page.say("fg-recipients")));
    let catalogue = service.catalogue();
    let rows = found.tasks.iter().map(|task| {
        let tone = match task.state.as_str() {
            "acknowledged" => Tone::Good,
            "escalated" => Tone::Wrong,
            _ => Tone::Plain,
        };
        vec![
            cell(recipient(&catalogue, &task.system)),
            badge(tone, seat.word("task", &task.state)),
            cell(
                task.outcome
                    .as_deref()
                    .map(|outcome| seat.word("outcome", outcome))
                    .unwrap_or_default(),
            ),
            cell(seat.page.day(&task.due_at)),
        ]
    });
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-recipients"),
        head: ["fg-recipient", "fg-state", "fg-answer", "fg-due"]
            .map(|id| cell(seat.page.say(id)))
            .to_vec(),
        rows: rows.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    }));
    let keeps = found.keeps.iter().map(|keep| {
        let until = keep.until.map(|until| seat.page.day(&until));
        vec![
            cell(seat.word("keep", keep.what)),
            cell(seat.word("article", keep.ground)),
            cell(
                until
                    .or_else(|| keep.term.as_deref().map(|term| period(&seat, term)))
                    .unwrap_or_default(),
            ),
        ]
    });
    blocks.push(Block::Heading(seat.page.say("fg-keeps")));
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-keeps"),
        head: ["fg-what", "fg-ground", "fg-until"]
            .map(|id| cell(seat.page.say(id)))
            .to_vec(),
        rows: keeps.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    }));
    Ok(seat.show(&request, blocks))
}

fn decisions(seat: &Seat, found: &Erasure) -> Vec<Form> {
    if !acts(seat.role, Part::Erasures) {
        return Vec::new();
    }
    let form = |id: &'static str, what: &str, fields: Vec<Field>, second: bool| Form {
        id,
        title: seat.word("erasure-do", what),
        intro: seat.word("erasure-hint", what),
        action: seat.page.to(&format!("{PATH}/{}", found.id)),
        post: true,
        hidden: vec![("wat", what.to_owned())],
        folded: !fields.is_empty(),
        fields,
        button: seat.word("erasure-do", what),
        second,
    };
    let open = matches!(
        found.state,
        ErasureState::Proposed | ErasureState::CoolingOff | ErasureState::Approved
    );
    let mut forms = Vec::new();
    if found.state == ErasureState::Proposed && decides(seat.role) {
        forms.push(form("akkoord", "approve", Vec::new(), false));
    }
    if open && decides(seat.role) {
        let grounds = KeepGround::ALL
            .iter()
            .map(|ground| (ground.to_string(), seat.word("keep-ground", ground.as_str())));
        let fields = vec![
            Field::choice("grond", seat.page.say("fg-ground"), grounds.collect(), ""),
            Field::lines("reden", seat.page.say("fg-explain-person"), "", 3),
        ];
        forms.push(form("weiger", "refuse", fields, true));
    }
    if open {
        forms.push(form("terug", "withdraw", Vec::new(), true));
    }
    forms
}

/// What is decided.
#[derive(Debug, Deserialize)]
pub struct DecideForm {
    wat: String,
    #[serde(default)]
    grond: String,
    #[serde(default)]
    reden: String,
}

/// Approves, refuses or withdraws.
#[post("/fg/wissen/{id}")]
pub async fn erasure_step(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    form: session::Form<DecideForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Erasures)?;
    let id: ErasureId = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    let (path, officer) = (format!("{PATH}/{id}"), Personal::new(seat.name.clone()));
    let form = form.value;
    if form.wat != "withdraw" && !decides(seat.role) {
        return Err(Turned::new(Why::NotAllowed, seat.page.language));
    }
    let done = match form.wat.as_str() {
        "approve" => {
            service
                .approve_erasure(&seat.call, ApproveErasure { id, officer })
                .await
        }
        "withdraw" => {
            let officer = Some(officer);
            service
                .withdraw_erasure(&seat.call, WithdrawErasure { id, officer })
                .await
        }
        _ => {
            let malformed = || Turned::new(Why::Malformed, seat.page.language);
            let verb = RefuseErasure {
                id,
                officer,
                ground: KeepGround::parse(&form.grond).ok_or_else(malformed)?,
                until: None,
                reason: Personal::new(form.reden.trim().to_owned()),
            };
            service.refuse_erasure(&seat.call, verb).await
        }
    };
    match done {
        Ok(()) => Ok(seat.done(&path, "erasure")),
        Err(refusal) => seat.wrong(&path, &refusal),
    }
}

/// The certificate.
#[get("/fg/wissen/{id}/verklaring.{form}")]
pub async fn certificate(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Erasures, "fg-certificate")?;
    let (id, form) = path.into_inner();
    let id: ErasureId = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    let back = format!("{PATH}/{id}");
    let certified = match service.certify_erasure(&seat.call, id).await {
        Ok(Some(certified)) => certified,
        Ok(None) => return Ok(see(&seat.page.to(&format!("{back}?fout=proof-soon")))),
        Err(refusal) => return seat.wrong(&back, &refusal),
    };
    let name = format!("attachment; filename=\"verklaring-{}.{form}\"", short(id));
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_DISPOSITION, name));
    match form.as_str() {
        "pdf" => {
            let language = seat.page.language;
            let bytes = pdf(&certified, &service.catalogue(), service.public_base(), language);
            Ok(answer
                .content_type(PDF)
                .insert_header((CONTENT_LANGUAGE, language.as_str()))
                .body(bytes))
        }
        "json" => {
            let document = document(&service, &certified)
                .await
                .map_err(|refusal| seat.turned(&refusal))?;
            Ok(answer.json(document))
        }
        _ => Err(seat.turned(&Refusal::NotFound)),
    }
}

/// A period of one unit in words; as it is where it has more.
fn period(seat: &Seat, term: &str) -> String {
    let digits: String = term.chars().filter(char::is_ascii_digit).collect();
    let unit = term.chars().last().unwrap_or_default();
    match digits.parse::<u32>() {
        Ok(count) if term == format!("P{count}{unit}") && "YMWD".contains(unit) => {
            let id = format!("fgw-period-{}", unit.to_ascii_lowercase());
            seat.page.say1(&id, "count", count)
        }
        _ => term.to_owned(),
    }
}
