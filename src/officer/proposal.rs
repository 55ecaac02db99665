//! C9: one proposal with its check and its plan, and the steps that a first and a second person take.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::blocks::{Block, Field, Form, Table, Tone, cell};
use super::policy::{Chosen, Draft, PATH, blocking, choose_file, draft_form, files_of, found, told, wrong};
use super::seat::{Part, Seat, acts, decides};
use crate::domain::ids::ProposalId;
use crate::policy::plan::Plan;
use crate::service::Service;
use crate::service::proposals::{EndProposal, Proposal, ProposalMistake, ProposalState};
use crate::service::refusal::Refusal;
use crate::web::page::dates::thousands;
use crate::web::session::{self, Staff, Turned, Why};

/// One proposal.
#[get("/fg/beleid/{id}")]
pub async fn proposal_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    Query(chosen): Query<Chosen>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Policy, "fg-policy")?;
    let proposal = found(&seat, &service, &id).await?;
    seat.page = seat.page.clone().back_to(PATH, "fg-policy");
    seat.page.title.clone_from(&proposal.title);
    let path = format!("{PATH}/{}", proposal.id);
    let may = proposal.possible(&seat.call);
    let acting = acts(seat.role, Part::Policy) && seat.call.within.is_none();
    let mut blocks = vec![
        Block::Facts(facts(&seat, &proposal)),
        Block::Text(proposal.why.clone()),
    ];
    let base = files_of(&seat, &service)?;
    if may.change && acting {
        let of = proposal.clone();
        let (inspecting, planning) = (service.clone(), service.clone());
        let inspected = blocking(move || inspecting.inspect_proposal(&of)).await;
        match inspected {
            Some(Ok(inspected)) => {
                blocks.push(Block::Heading(seat.page.say("fg-check")));
                let tone = if inspected.clean { Tone::Good } else { Tone::Wrong };
                let text = if inspected.clean {
                    seat.page.say1("fg-check-clean", "examples", inspected.examples)
                } else {
                    seat.page.say("fg-check-wrong")
                };
                blocks.push(Block::Alert(tone, text));
                let found: Vec<String> = inspected.findings.iter().map(ToString::to_string).collect();
                if !found.is_empty() {
                    blocks.push(Block::Code(seat.page.say("fg-findings"), found.join("\n")));
                }
                if inspected.clean {
                    let of = proposal.clone();
                    if let Some(Ok(plan)) = blocking(move || planning.preview(&of)).await {
                        blocks.extend(plan_blocks(&seat, &plan));
                    }
                }
            }
            Some(Err(mistake)) => blocks.push(Block::Alert(Tone::Wrong, told(&seat, &mistake))),
            None => {}
        }
    } else if let Some(plan) = &proposal.plan {
        blocks.extend(plan_blocks(&seat, plan));
    }
    blocks.push(Block::Heading(seat.page.say("fg-changed-files")));
    for (file, text) in proposal.files.iter() {
        let lines = super::difference::lines(base.text(file).unwrap_or_default(), text.unwrap_or_default());
        blocks.push(Block::Difference(file.to_owned(), lines));
    }
    if may.change && acting {
        let chosen = if chosen.bestand.is_empty() {
            proposal
                .files
                .iter()
                .next()
                .map(|(file, _)| file.to_owned())
                .unwrap_or_default()
        } else {
            chosen.bestand
        };
        blocks.push(Block::Heading(seat.page.say("fg-edit")));
        blocks.push(Block::Form(choose_file(&seat, &base, path.clone(), &chosen)));
        let text = match proposal.files.text(&chosen) {
            Some(text) => text,
            None => base.text(&chosen),
        };
        let draft = Draft {
            title: &proposal.title,
            why: &proposal.why,
            file: &chosen,
            text: text.unwrap_or_default(),
        };
        let hidden = vec![
            ("bestand", chosen.clone()),
            ("versie", proposal.revision.to_string()),
        ];
        blocks.push(Block::Form(draft_form(
            &seat,
            seat.page.to(&format!("{path}/bestand")),
            hidden,
            draft,
        )));
    }
    if acting {
        blocks.extend(steps(&seat, &proposal).into_iter().map(Block::Form));
    }
    if proposal.ended_at.is_none() {
        blocks.push(Block::Heading(seat.page.say("fg-what-if")));
        blocks.push(Block::Buttons(vec![
            (
                seat.page.to(&format!("{path}/vraag")),
                seat.page.say("fg-ask-proposal"),
            ),
            (
                seat.page.to(&format!("{path}/opnieuw")),
                seat.page.say("fg-replay"),
            ),
        ]));
    }
    Ok(seat.show(&request, blocks))
}

fn facts(seat: &Seat, proposal: &Proposal) -> Vec<(String, String)> {
    let mut facts = vec![
        ("fg-state", seat.word("proposal", proposal.state.as_str())),
        ("fg-proposer", proposal.proposed_by.clone()),
        ("fg-begun", seat.page.moment(&proposal.created_at)),
        ("fg-base", proposal.base.clone()),
    ];
    facts.extend(
        proposal
            .proposed_at
            .map(|at| ("fg-proposed-on", seat.page.moment(&at))),
    );
    if let Some((name, why)) = &proposal.ended_by {
        facts.push(("fg-ended-by", name.clone()));
        facts.extend(why.as_ref().map(|why| ("fg-why", why.clone())));
    }
    facts.extend(proposal.ended_at.map(|at| ("fg-ended-at", seat.page.moment(&at))));
    facts.extend(
        proposal
            .applied
            .as_ref()
            .map(|version| ("fg-became", version.clone())),
    );
    facts
        .into_iter()
        .map(|(id, value)| (seat.page.say(id), value))
        .collect()
}

/// A plan: what changes, what it means for members, which answers flip.
fn plan_blocks(seat: &Seat, plan: &Plan) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(seat.page.say("fg-plan"))];
    let rows = plan.changes.iter().map(|change| {
        let sort = serde_json::to_value(change.sort).ok();
        let sort = sort
            .and_then(|sort| sort.as_str().map(str::to_owned))
            .unwrap_or_default();
        let details: Vec<String> = change.details.iter().map(|line| seat.detail(line)).collect();
        vec![
            cell(seat.word("change", &sort)),
            cell(format!("{} {}", seat.detail(&change.what), change.id)),
            cell(details.join("; ")),
        ]
    });
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-plan"),
        head: ["fg-how", "fg-what", "fg-details"]
            .map(|id| cell(seat.page.say(id)))
            .to_vec(),
        rows: rows.collect(),
        empty: seat.page.say("fg-nothing-changes"),
        ..Table::default()
    }));
    blocks.push(Block::Heading(seat.page.say("fg-impact")));
    match &plan.impact {
        Some(impact) if impact.ended.is_empty() => {
            let people = thousands(impact.people, seat.page.language);
            blocks.push(Block::Text(seat.page.say1("fg-impact-none", "people", people)));
        }
        Some(impact) => {
            for (purpose, ended) in &impact.ended {
                let text = seat.page.say_with(
                    "fg-impact-again",
                    &[
                        ("purpose", purpose),
                        ("count", &thousands(ended.yeses, seat.page.language)),
                        ("libraries", &ended.libraries),
                    ],
                );
                blocks.push(Block::Alert(Tone::Warning, text));
            }
        }
        None => blocks.push(Block::Quiet(seat.page.say("fg-impact-later"))),
    }
    let rows = plan.flips.iter().map(|flip| {
        vec![
            cell(flip.system.clone()),
            cell(flip.purpose.clone()),
            cell(seat.word("action", &flip.action)),
            cell(seat.word("reason", &flip.before.1)),
            cell(seat.word("reason", &flip.after.1)),
            cell(flip.example.clone()),
        ]
    });
    blocks.push(Block::Heading(seat.page.say("fg-flips")));
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-flips"),
        head: [
            "fg-system",
            "fg-purpose",
            "fg-what",
            "fg-now",
            "fg-then",
            "fg-example",
        ]
        .map(|id| cell(seat.page.say(id)))
        .to_vec(),
        rows: rows.collect(),
        empty: seat.page.say("fg-no-flips"),
        ..Table::default()
    }));
    blocks
}

fn steps(seat: &Seat, proposal: &Proposal) -> Vec<Form> {
    let may = proposal.possible(&seat.call);
    let form = |id: &'static str, what: &str, fields: Vec<Field>, second: bool| Form {
        id,
        title: seat.word("proposal-do", what),
        intro: seat.word("proposal-hint", what),
        action: seat.page.to(&format!("{PATH}/{}", proposal.id)),
        post: true,
        hidden: vec![
            ("wat", what.to_owned()),
            ("versie", proposal.revision.to_string()),
        ],
        folded: !fields.is_empty(),
        fields,
        button: seat.word("proposal-do", what),
        second,
    };
    let why = || Field {
        longest: 2_000,
        ..Field::lines("waarom", seat.page.say("fg-why"), "", 3)
    };
    let mut forms = Vec::new();
    if may.propose {
        forms.push(form(
            "indienen",
            "propose",
            Vec::new(),
            proposal.state == ProposalState::Proposed,
        ));
    }
    if may.decide && decides(seat.role) {
        forms.push(form("goedkeuren", "approve", Vec::new(), false));
        forms.push(form("afwijzen", "refuse", vec![why()], true));
    }
    if may.withdraw {
        forms.push(form("intrekken", "withdraw", vec![why()], true));
    }
    forms
}

/// A step with a proposal.
#[derive(Debug, Deserialize)]
pub struct StepForm {
    wat: String,
    versie: u64,
    #[serde(default)]
    waarom: String,
}

/// Proposes, approves, refuses or withdraws.
#[post("/fg/beleid/{id}")]
pub async fn proposal_step(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    form: session::Form<StepForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Policy)?;
    let id: ProposalId = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    let (path, form) = (format!("{PATH}/{id}"), form.value);
    if matches!(form.wat.as_str(), "approve" | "refuse") && !decides(seat.role) {
        return Err(Turned::new(Why::NotAllowed, seat.page.language));
    }
    let done: Result<&str, ProposalMistake> = match form.wat.as_str() {
        "propose" => {
            let submitted = service
                .submit_proposal(&seat.call, id, form.versie, &seat.name)
                .await;
            submitted.map(|()| "proposed-policy")
        }
        "approve" => {
            let approved = service
                .approve_proposal(&seat.call, id, form.versie, &seat.name)
                .await;
            approved.map(|_| "applied")
        }
        what => {
            let verb = EndProposal {
                id,
                revision: form.versie,
                refuse: what == "refuse",
                why: form.waarom,
                officer: seat.name.clone(),
            };
            let ended = service.end_proposal(&seat.call, verb).await;
            ended.map(|()| "ended").map_err(ProposalMistake::from)
        }
    };
    match done {
        Ok(what) => Ok(seat.done(&path, what)),
        Err(mistake) => wrong(&seat, &path, &mistake),
    }
}
