//! C9: the list of proposals, a new one, and a draft that is changed.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::blocks::{Block, Field, Form, Table, Tone, badge, cell, link};
use super::seat::{Part, Seat, acts, see, with};
use crate::domain::ids::ProposalId;
use crate::policy::load::Files;
use crate::service::Service;
use crate::service::apply::PlanMistake;
use crate::service::proposals::{Changed, Proposal, ProposalMistake, ProposalState, SaveDraft};
use crate::service::refusal::Refusal;
use crate::web::session::{self, Staff, Turned, Why};

/// Where proposals are.
pub(super) const PATH: &str = "/fg/beleid";
/// Lines of a file that are shown at once.
const LINES: usize = 24;

/// A state as a cell.
fn state(seat: &Seat, of: ProposalState) -> super::blocks::Cell {
    let tone = match of {
        ProposalState::Proposed => Tone::Warning,
        ProposalState::Applied => Tone::Good,
        _ => Tone::Plain,
    };
    badge(tone, seat.word("proposal", of.as_str()))
}

/// The proposals.
#[get("/fg/beleid")]
pub async fn policy_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Policy, "fg-policy")?;
    let proposals = service
        .proposals(&seat.call)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let rows = proposals.iter().map(|proposal| {
        vec![
            link(
                seat.page.to(&format!("{PATH}/{}", proposal.id)),
                proposal.title.clone(),
            ),
            state(&seat, proposal.state),
            cell(proposal.proposed_by.clone()),
            cell(seat.page.day(&proposal.created_at)),
            cell(proposal.applied.clone().unwrap_or_default()),
        ]
    });
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-policy-lead")),
        Block::Facts(vec![(
            seat.page.say("fg-in-force"),
            service.catalogue().version.clone(),
        )]),
    ];
    if acts(seat.role, Part::Policy) && seat.call.within.is_none() {
        blocks.push(Block::Buttons(vec![(
            seat.page.to(&format!("{PATH}/nieuw")),
            seat.page.say("fg-new-proposal"),
        )]));
    }
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-proposals"),
        head: ["fg-title", "fg-state", "fg-proposer", "fg-begun", "fg-became"]
            .map(|id| cell(seat.page.say(id)))
            .to_vec(),
        rows: rows.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    }));
    Ok(seat.show(&request, blocks))
}

/// Which file is changed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    pub(super) bestand: String,
}

/// The texts in force.
pub(super) fn files_of(seat: &Seat, service: &Service) -> Result<Files, Turned> {
    service
        .policy_files()
        .map_err(|_| Turned::new(Why::Unavailable, seat.page.language))
}

/// The form of a draft.
pub(super) fn draft_form(
    seat: &Seat,
    action: String,
    hidden: Vec<(&'static str, String)>,
    of: Draft<'_>,
) -> Form {
    Form {
        id: "voorstel",
        action,
        post: true,
        hidden,
        fields: vec![
            Field::line("titel", seat.page.say("fg-title"), of.title),
            Field {
                longest: 2_000,
                ..Field::lines("waarom", seat.page.say("fg-why"), of.why, 3)
            },
            Field::lines(
                "tekst",
                seat.page.say1("fg-file-text", "file", of.file),
                of.text,
                LINES,
            )
            .hinted(seat.page.say("fg-file-hint")),
        ],
        button: seat.page.say("fg-save-draft"),
        ..Form::default()
    }
}

/// What stands in the form of a draft.
pub(super) struct Draft<'a> {
    pub(super) title: &'a str,
    pub(super) why: &'a str,
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

/// The form that opens another file.
pub(super) fn choose_file(seat: &Seat, files: &Files, action: String, chosen: &str) -> Form {
    let names = files
        .iter()
        .map(|(file, _)| file)
        .filter(|file| *file != "versions.lock");
    Form {
        id: "bestand",
        action,
        fields: vec![Field::choice(
            "bestand",
            seat.page.say("fg-file"),
            names.map(|name| (name.to_owned(), name.to_owned())).collect(),
            chosen,
        )],
        button: seat.page.say("fg-open-file"),
        second: true,
        ..Form::default()
    }
}

/// Where a proposal begins.
#[get("/fg/beleid/nieuw")]
pub async fn new_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(chosen): Query<Chosen>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::act(&request, &staff, Part::Policy)?;
    seat.page = seat
        .page
        .clone()
        .titled("fg-new-proposal")
        .back_to(PATH, "fg-policy");
    let files = files_of(&seat, &service)?;
    let mut blocks = vec![
        Block::Lead(seat.page.say("fg-new-proposal-lead")),
        Block::Form(choose_file(
            &seat,
            &files,
            format!("{PATH}/nieuw"),
            &chosen.bestand,
        )),
    ];
    if let Some(text) = files.text(&chosen.bestand) {
        let draft = Draft {
            title: "",
            why: "",
            file: &chosen.bestand,
            text,
        };
        let hidden = vec![("bestand", chosen.bestand.clone())];
        blocks.push(Block::Form(draft_form(
            &seat,
            seat.page.to(&format!("{PATH}/nieuw")),
            hidden,
            draft,
        )));
    }
    Ok(seat.show(&request, blocks))
}

/// A file of a draft.
#[derive(Debug, Deserialize)]
pub struct DraftForm {
    titel: String,
    waarom: String,
    bestand: String,
    tekst: String,
    #[serde(default)]
    versie: Option<u64>,
}

fn unix(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    if text.ends_with('\n') {
        text
    } else {
        format!("{text}\n")
    }
}

/// Begins a proposal.
#[post("/fg/beleid/nieuw")]
pub async fn begin(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    form: session::Form<DraftForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Policy)?;
    let form = form.value;
    let base = files_of(&seat, &service)?;
    let verb = SaveDraft {
        draft: None,
        title: form.titel,
        why: form.waarom,
        files: Changed::default().with(&base, &form.bestand, Some(unix(&form.tekst))),
        officer: seat.name.clone(),
    };
    match service.save_draft(&seat.call, verb).await {
        Ok(id) => Ok(seat.done(&format!("{PATH}/{id}"), "draft")),
        Err(refusal) => seat.wrong(
            &with(&format!("{PATH}/nieuw"), "bestand", &form.bestand),
            &refusal,
        ),
    }
}

/// A proposal by its id in a path.
pub(super) async fn found(seat: &Seat, service: &Service, id: &str) -> Result<Proposal, Turned> {
    let id: ProposalId = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    service
        .proposal(&seat.call, id)
        .await
        .map_err(|refusal| seat.turned(&refusal))
}

/// What a mistake is called for people.
pub(super) fn told(seat: &Seat, mistake: &ProposalMistake) -> String {
    seat.page.say(match mistake {
        ProposalMistake::Overtaken { .. } => "fgw-mistake-overtaken",
        ProposalMistake::Plan(PlanMistake::Mistakes(_)) => "fgw-mistake-files",
        ProposalMistake::Plan(PlanMistake::Moved { .. }) => "fgw-mistake-moved",
        ProposalMistake::Plan(PlanMistake::SamePerson(_)) => "fgw-mistake-another-officer-needed",
        ProposalMistake::Plan(PlanMistake::Empty) => "fgw-mistake-empty",
        ProposalMistake::Plan(_) | ProposalMistake::Refused(_) => "fgw-mistake-other",
    })
}

/// Back to a proposal with what is wrong.
pub(super) fn wrong(seat: &Seat, path: &str, mistake: &ProposalMistake) -> Result<HttpResponse, Turned> {
    let code = match mistake {
        ProposalMistake::Refused(refusal) => return seat.wrong(path, refusal),
        ProposalMistake::Plan(PlanMistake::Refused(refusal)) => return seat.wrong(path, refusal),
        ProposalMistake::Plan(PlanMistake::Store(_)) => return Err(seat.turned(&Refusal::Unavailable)),
        ProposalMistake::Overtaken { .. } => "overtaken",
        ProposalMistake::Plan(PlanMistake::Mistakes(_)) => "files",
        ProposalMistake::Plan(PlanMistake::Moved { .. }) => "moved",
        ProposalMistake::Plan(PlanMistake::SamePerson(_)) => "another-officer-needed",
        ProposalMistake::Plan(PlanMistake::Empty) => "empty",
        ProposalMistake::Plan(_) => "other",
    };
    Ok(see(&seat.page.to(&with(path, "fout", code))))
}

/// Changes a file of a draft.
#[post("/fg/beleid/{id}/bestand")]
pub async fn change_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    form: session::Form<DraftForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Policy)?;
    let proposal = found(&seat, &service, &id).await?;
    let form = form.value;
    let base = files_of(&seat, &service)?;
    let path = with(&format!("{PATH}/{}", proposal.id), "bestand", &form.bestand);
    let verb = SaveDraft {
        draft: Some((proposal.id, form.versie.unwrap_or(0))),
        title: form.titel,
        why: form.waarom,
        files: proposal.files.with(&base, &form.bestand, Some(unix(&form.tekst))),
        officer: seat.name.clone(),
    };
    match service.save_draft(&seat.call, verb).await {
        Ok(_) => Ok(seat.done(&path, "draft")),
        Err(refusal) => seat.wrong(&path, &refusal),
    }
}

/// Work that may take seconds, outside the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    actix_web::web::block(work).await.ok()
}
