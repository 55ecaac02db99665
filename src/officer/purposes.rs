//! C5: the register of purposes, a purpose with its versions beside each other, and the register of art. 30.

use std::sync::Arc;

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;

use super::blocks::{Block, Field, Form, Table, Tone, badge, cell, figure, link};
use super::seat::{Part, Seat, acts, exports};
use crate::domain::ids::PurposeId;
use crate::domain::preference::Language;
use crate::domain::purpose::PurposeStatus;
use crate::policy::catalogue::{Catalogue, PurposeEntry};
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::web::session::{Staff, Turned};

const PATH: &str = "/fg/doelen";

/// The register.
#[get("/fg/doelen")]
pub async fn purposes_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Purposes, "fg-purposes")?;
    let catalogue = service.catalogue();
    let rows = catalogue.purposes.values().map(|entry| {
        let purpose = &entry.purpose;
        vec![
            link(
                seat.page.to(&format!("{PATH}/{}", purpose.id)),
                title(entry, seat.page.language),
            ),
            figure(purpose.version),
            cell(seat.word("basis", purpose.legal_basis.as_str())),
            badge(Tone::Plain, seat.word("status-purpose", status(purpose.status))),
            cell(callers(&catalogue, &purpose.id).join(", ")),
        ]
    });
    let mut blocks = vec![
        Block::Lead(
            seat.page
                .say1("fg-purposes-lead", "version", catalogue.version.as_str()),
        ),
        Block::Table(Table {
            caption: seat.page.say("fg-purposes"),
            head: ["fg-purpose", "fg-version", "fg-basis", "fg-state", "fg-callers"]
                .map(|id| cell(seat.page.say(id)))
                .to_vec(),
            rows: rows.collect(),
            empty: seat.page.say("fg-none"),
            ..Table::default()
        }),
    ];
    if exports(seat.role) {
        blocks.push(Block::Buttons(vec![(
            seat.page.to("/fg/rapport?soort=register"),
            seat.page.say("fg-register"),
        )]));
    }
    Ok(seat.show(&request, blocks))
}

const fn status(of: PurposeStatus) -> &'static str {
    match of {
        PurposeStatus::Active => "active",
        PurposeStatus::Draft => "draft",
        PurposeStatus::Ended => "ended",
    }
}

fn title(entry: &PurposeEntry, language: Language) -> String {
    let notice = entry.notices.get(language.as_str());
    notice.map_or_else(|| entry.purpose.id.to_string(), |notice| notice.title.clone())
}

fn callers(catalogue: &Catalogue, id: &PurposeId) -> Vec<String> {
    let may = |system: &&crate::policy::catalogue::System| {
        system.grants.iter().any(|grant| grant.purposes.contains(id))
    };
    catalogue
        .systems
        .values()
        .filter(may)
        .map(|system| system.id.to_string())
        .collect()
}

/// Which versions stand beside each other.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Beside {
    links: String,
    rechts: String,
}

/// One purpose.
#[get("/fg/doelen/{id}")]
pub async fn purpose_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    Query(beside): Query<Beside>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Purposes, "fg-purpose")?;
    let gone = || seat.turned(&Refusal::NotFound);
    let id: PurposeId = id.parse().map_err(|_| gone())?;
    let catalogue = service.catalogue();
    let entry = Arc::clone(catalogue.purposes.get(&id).ok_or_else(gone)?);
    seat.page = seat.page.clone().back_to(PATH, "fg-purposes");
    seat.page.title = title(&entry, seat.page.language);
    let purpose = &entry.purpose;
    let scopes: Vec<String> = purpose.data_scopes.iter().map(ToString::to_string).collect();
    let systems = service
        .systems(&seat.call)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let seen = systems
        .lines
        .iter()
        .filter(|line| line.purposes.iter().any(|one| *one == id.as_str()));
    let seen: Vec<String> = seen.map(|line| line.id.to_string()).collect();
    let facts = vec![
        ("fg-number", id.to_string()),
        ("fg-version", purpose.version.to_string()),
        ("fg-basis", seat.word("basis", purpose.legal_basis.as_str())),
        ("fg-scopes", scopes.join(", ")),
        ("fg-callers", callers(&catalogue, &id).join(", ")),
        (
            "fg-callers-seen",
            if seen.is_empty() {
                seat.page.say("fg-none")
            } else {
                seen.join(", ")
            },
        ),
    ];
    let mut blocks = vec![Block::Facts(
        facts
            .into_iter()
            .map(|(id, value)| (seat.page.say(id), value))
            .collect(),
    )];
    let policies = service.policies();
    let mut versions: Vec<(u32, &Arc<PurposeEntry>)> = policies
        .versions
        .iter()
        .filter(|((of, _), _)| *of == id)
        .map(|((_, version), entry)| (*version, entry))
        .collect();
    versions.sort_unstable_by_key(|(version, _)| *version);
    let newest = versions.last().map_or(1, |(version, _)| *version);
    let before = versions
        .iter()
        .rev()
        .nth(1)
        .map_or(newest, |(version, _)| *version);
    let (left, right) = (
        beside.links.parse().unwrap_or(before),
        beside.rechts.parse().unwrap_or(newest),
    );
    blocks.push(Block::Heading(seat.page.say("fg-versions")));
    if versions.len() > 1 {
        let options: Vec<(String, String)> = versions
            .iter()
            .map(|(version, _)| (version.to_string(), version.to_string()))
            .collect();
        blocks.push(Block::Form(Form {
            id: "versies",
            action: format!("{PATH}/{id}"),
            fields: vec![
                Field::choice(
                    "links",
                    seat.page.say("fg-version-left"),
                    options.clone(),
                    &left.to_string(),
                ),
                Field::choice(
                    "rechts",
                    seat.page.say("fg-version-right"),
                    options,
                    &right.to_string(),
                ),
            ],
            button: seat.page.say("fg-beside"),
            second: true,
            ..Form::default()
        }));
        let find = |wanted: u32| {
            versions
                .iter()
                .find(|(version, _)| *version == wanted)
                .map(|(_, entry)| *entry)
        };
        if let (Some(old), Some(new)) = (find(left), find(right)) {
            blocks.push(Block::Heading(seat.page.say2(
                "fg-versions-beside",
                "left",
                left,
                "right",
                right,
            )));
            let (old, new) = (words(&seat, old), words(&seat, new));
            blocks.push(Block::Beside(
                (left.to_string(), old.clone()),
                (right.to_string(), new.clone()),
            ));
            let lines = super::difference::lines(&old.join("\n"), &new.join("\n"));
            blocks.push(Block::Difference(seat.page.say("fg-difference"), lines));
        }
    } else {
        blocks.push(Block::Quiet(seat.page.say("fg-one-version")));
    }
    blocks.push(Block::Heading(seat.page.say("fg-texts")));
    let text =
        |language: &str| -> Vec<String> { entry.notices.get(language).map(notice).unwrap_or_default() };
    blocks.push(Block::Beside(
        (seat.page.say("fg-dutch"), text("nl")),
        (seat.page.say("fg-english"), text("en")),
    ));
    if acts(seat.role, Part::Policy) {
        let to = format!("/fg/beleid/nieuw?bestand=purposes/{id}.toml");
        blocks.push(Block::Buttons(vec![(
            seat.page.to(&to),
            seat.page.say("fg-propose-change"),
        )]));
    }
    Ok(seat.show(&request, blocks))
}

/// What members are shown.
fn notice(notice: &crate::policy::catalogue::Notice) -> Vec<String> {
    let parts = [
        Some(&notice.title),
        notice.question.as_ref(),
        Some(&notice.summary),
    ];
    let parts = parts.into_iter().flatten().cloned();
    parts.filter(|text| !text.is_empty()).collect()
}

/// A version in lines.
fn words(seat: &Seat, entry: &PurposeEntry) -> Vec<String> {
    let purpose = &entry.purpose;
    let listed = |names: Vec<String>| names.join(", ");
    let mut lines = vec![
        format!(
            "{}: {}",
            seat.page.say("fg-basis"),
            seat.word("basis", purpose.legal_basis.as_str())
        ),
        format!(
            "{}: {}",
            seat.page.say("fg-scopes"),
            listed(purpose.data_scopes.iter().map(ToString::to_string).collect())
        ),
        format!(
            "{}: {}",
            seat.page.say("fg-actions"),
            listed(
                purpose
                    .actions
                    .iter()
                    .map(|action| seat.word("action", action.as_str()))
                    .collect()
            )
        ),
        format!(
            "{}: {}",
            seat.page.say("fg-channels"),
            listed(
                purpose
                    .channels
                    .iter()
                    .map(|channel| seat.word("action", channel.as_str()))
                    .collect()
            )
        ),
    ];
    for language in ["nl", "en"] {
        lines.extend(entry.notices.get(language).map(notice).unwrap_or_default());
    }
    lines
}
