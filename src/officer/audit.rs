//! C4: search the audit logs, and one entry with its proof.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;

use super::blocks::{Block, Cell, Field, Form, Table, Tone, badge, cell, link};
use super::seat::{Part, Seat, acts, exports, with};
use super::today::logs;
use crate::audit::leaf::{EntryId, Word};
use crate::domain::contact::ContactMatch;
use crate::domain::decision::{Effect, Reason, ReasonCode};
use crate::domain::hex::hex;
use crate::domain::moment::Moment;
use crate::policy::explain::explain;
use crate::service::Service;
use crate::service::contacts::CHECK;
use crate::service::refusal::Refusal;
use crate::service::search::{FoundEntry, SearchEntries};
use crate::web::session::{Staff, Turned};

/// Where the audit log is searched.
pub(super) const PATH: &str = "/fg/zoeken";
/// Rows of a page.
const ROWS: usize = 50;
/// Days that are looked back where none are named.
const DAYS: i64 = 30;

/// What is looked for; everything in the address, and nothing of it about a person.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Filter {
    log: String,
    pub(super) van: String,
    pub(super) tot: String,
    systeem: String,
    bibliotheek: String,
    doel: String,
    antwoord: String,
    reden: String,
    nummer: String,
    vanaf: String,
}

/// A day as the first or the last instant of it.
pub fn day(text: &str, end: bool, service: &Service) -> Option<Moment> {
    let date: chrono::NaiveDate = text.parse().ok()?;
    let zone = service.catalogue().network.zone;
    if end {
        let next = date.succ_opt()?;
        Some(Moment::start_of(next, zone).plus_seconds(-1))
    } else {
        Some(Moment::start_of(date, zone))
    }
}

impl Filter {
    /// Which log.
    pub(super) fn log(&self) -> &str {
        if self.log.is_empty() {
            "decision"
        } else {
            &self.log
        }
    }

    fn verb(&self, service: &Service) -> SearchEntries {
        let now = service.world().now();
        let id = EntryId::parse(self.nummer.trim());
        let from = match id {
            Some(_) => Moment::from_micros(0),
            None => day(&self.van, false, service).unwrap_or_else(|| now.plus_seconds(-DAYS * 86_400)),
        };
        SearchEntries {
            log: self.log().to_owned(),
            from,
            to: day(&self.tot, true, service).unwrap_or_else(|| now.plus_seconds(60)),
            system: self.systeem.parse().ok(),
            organisation: self.bibliotheek.parse().ok(),
            purpose: self.doel.parse().ok(),
            outcome: Effect::parse(&self.antwoord),
            reason: ReasonCode::parse(&self.reden),
            id,
            cursor: Some(self.vanaf.clone()).filter(|cursor| !cursor.is_empty()),
            limit: ROWS,
        }
    }

    fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("log", self.log())
            .append_pair("van", &self.van)
            .append_pair("tot", &self.tot)
            .append_pair("systeem", &self.systeem)
            .append_pair("bibliotheek", &self.bibliotheek)
            .append_pair("doel", &self.doel)
            .append_pair("antwoord", &self.antwoord)
            .append_pair("reden", &self.reden)
            .finish()
    }
}

/// Search.
#[get("/fg/zoeken")]
pub async fn search_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(filter): Query<Filter>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Audit, "fg-audit")?;
    let found = service.search_entries(&seat.call, filter.verb(&service)).await;
    let found = found.map_err(|refusal| seat.turned(&refusal))?;
    let lines = service
        .log_lines(&seat.call)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let mut blocks = vec![Block::Lead(seat.page.say("fg-audit-lead"))];
    if acts(seat.role, Part::Audit) {
        let mut ways = vec![(
            seat.page.to(&format!("{PATH}/persoon")),
            seat.page.say("fg-look-up"),
        )];
        if exports(seat.role) {
            let taken = format!("{PATH}/export?{}", filter.query());
            ways.push((seat.page.to(&taken), seat.page.say("fg-export")));
            ways.push((seat.page.to("/fg/rapport"), seat.page.say("fg-reports")));
        }
        blocks.push(Block::Buttons(ways));
    }
    blocks.push(Block::Form(filter_form(&seat, &service, &filter)));
    blocks.push(Block::Table(entries(&seat, &service, &found.items)));
    if let Some(cursor) = found.next_cursor {
        let next = with(&format!("{PATH}?{}", filter.query()), "vanaf", &cursor);
        blocks.push(Block::Buttons(vec![(
            seat.page.to(&next),
            seat.page.say("fg-further"),
        )]));
    }
    if !lines.is_empty() {
        blocks.push(Block::Heading(seat.page.say("fg-logs")));
        blocks.push(Block::Table(logs(&seat, &lines)));
    }
    Ok(seat.show(&request, blocks))
}

fn filter_form(seat: &Seat, service: &Service, filter: &Filter) -> Form {
    let catalogue = service.catalogue();
    let any = || (String::new(), seat.page.say("fg-any"));
    let logs = ["decision", "consent", "admin"]
        .map(|log| (log.to_owned(), seat.word("log", log)))
        .to_vec();
    let systems = catalogue
        .systems
        .keys()
        .map(|id| (id.to_string(), id.to_string()));
    let purposes = catalogue
        .purposes
        .keys()
        .map(|id| (id.to_string(), seat.purpose(service, id.as_str())));
    let answers = Effect::ALL
        .iter()
        .map(|effect| (effect.to_string(), seat.word("outcome", effect.as_str())));
    let reasons = ReasonCode::ALL
        .iter()
        .map(|code| (code.to_string(), seat.word("reason", code.as_str())));
    let options = |of: &mut dyn Iterator<Item = (String, String)>| -> Vec<(String, String)> {
        std::iter::once(any()).chain(of).collect()
    };
    Form {
        id: "zoek",
        action: PATH.to_owned(),
        fields: vec![
            Field::choice("log", seat.page.say("fg-log"), logs, filter.log()),
            Field::date("van", seat.page.say("fg-from"), &filter.van).optional(),
            Field::date("tot", seat.page.say("fg-to"), &filter.tot).optional(),
            Field::choice(
                "systeem",
                seat.page.say("fg-system"),
                options(&mut { systems }),
                &filter.systeem,
            ),
            Field::choice(
                "bibliotheek",
                seat.page.say("fg-library"),
                seat.library_options(service, true),
                &filter.bibliotheek,
            ),
            Field::choice(
                "doel",
                seat.page.say("fg-purpose"),
                options(&mut { purposes }),
                &filter.doel,
            ),
            Field::choice(
                "antwoord",
                seat.page.say("fg-answer"),
                options(&mut { answers }),
                &filter.antwoord,
            ),
            Field::choice(
                "reden",
                seat.page.say("fg-reason"),
                options(&mut { reasons }),
                &filter.reden,
            ),
            Field::line("nummer", seat.page.say("fg-entry-number"), &filter.nummer)
                .optional()
                .hinted(seat.page.say("fg-entry-number-hint")),
        ],
        button: seat.page.say("fg-search"),
        ..Form::default()
    }
}

/// What happened, in words: permitted or denied with the decisive reason, or the kind of entry.
fn outcome(seat: &Seat, entry: &FoundEntry) -> Cell {
    let leaf = &entry.leaf;
    if let Some(about) = &entry.about {
        let effect = about.reason.effect();
        let tone = if effect == Effect::Permit {
            Tone::Good
        } else {
            Tone::Plain
        };
        return badge(tone, seat.word("reason", about.reason.as_str()));
    }
    if let Some(bulk) = &leaf.bulk {
        let denied = bulk.checked.saturating_sub(bulk.permitted);
        return cell(
            seat.page
                .say2("fg-bulk", "permitted", bulk.permitted, "denied", denied),
        );
    }
    let matched = leaf.extra.get(&Word::from(CHECK));
    if let Some(matched) = matched.and_then(|word| ContactMatch::parse(word)) {
        return super::contacts::check(seat, matched);
    }
    match (
        leaf.outcome.as_ref().map(|word| word.as_str()),
        leaf.reasons.first(),
    ) {
        (Some("permit"), Some(reason)) => badge(Tone::Good, seat.word("reason", reason.as_str())),
        (Some("deny"), Some(reason)) => badge(Tone::Plain, seat.word("reason", reason.as_str())),
        _ => cell(seat.word("kind", leaf.kind.as_str())),
    }
}

pub(super) fn entries(seat: &Seat, service: &Service, items: &[FoundEntry]) -> Table {
    let rows = items.iter().map(|entry| {
        let leaf = &entry.leaf;
        let at = Moment::from_micros(leaf.millis.saturating_mul(1_000));
        let organisation = leaf
            .organisation
            .as_ref()
            .and_then(|word| word.as_str().parse().ok());
        let what = [leaf.action.as_ref(), leaf.channel.as_ref()]
            .into_iter()
            .flatten()
            .map(|word| seat.word("action", word.as_str()));
        let what: Vec<String> = what.collect();
        vec![
            link(
                seat.page.to(&format!("{PATH}/{}/{}", entry.log, leaf.id)),
                seat.page.moment(&at),
            ),
            cell(leaf.system.to_string()),
            cell(
                organisation
                    .map(|id| seat.library(service, &id))
                    .unwrap_or_default(),
            ),
            cell(
                leaf.purpose
                    .as_ref()
                    .map(|word| seat.purpose(service, word.as_str()))
                    .unwrap_or_default(),
            ),
            cell(what.join(", ")),
            outcome(seat, entry),
            match entry.index {
                Some(index) => cell(seat.page.say1("fg-in-log", "index", index)),
                None => cell(seat.page.say("fg-not-yet-in-log")),
            },
        ]
    });
    let head = [
        "fg-when",
        "fg-system",
        "fg-library",
        "fg-purpose",
        "fg-what",
        "fg-answer",
        "fg-place",
    ];
    Table {
        caption: seat.page.say("fg-entries"),
        head: head.map(|id| cell(seat.page.say(id))).to_vec(),
        rows: rows.collect(),
        empty: seat.page.say("fg-none"),
        ..Table::default()
    }
}

/// One entry, with its proof as it is now.
#[get("/fg/zoeken/{log}/{id}")]
pub async fn entry_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Audit, "fg-entry")?;
    let (entry, proof) = proved(&seat, &service, path.into_inner()).await?;
    seat.page = seat.page.clone().back_to(PATH, "fg-audit");
    let leaf = &entry.leaf;
    let at = Moment::from_micros(leaf.millis.saturating_mul(1_000));
    let named = |id: &str, name: String| {
        if name == id {
            name
        } else {
            format!("{name} ({id})")
        }
    };
    let library = leaf.organisation.as_ref().map(|word| {
        let id = word.as_str();
        let name = id.parse().map(|library| seat.library(&service, &library));
        name.unwrap_or_else(|_| id.to_owned())
    });
    let purpose = leaf
        .purpose
        .as_ref()
        .map(|word| named(word.as_str(), seat.purpose(&service, word.as_str())));
    let reasons: Vec<String> = leaf
        .reasons
        .iter()
        .map(|code| seat.word("reason", code.as_str()))
        .collect();
    let scopes: Vec<String> = leaf
        .scopes
        .iter()
        .map(|scope| seat.data(&service, scope.as_str()))
        .collect();
    let mut facts = vec![
        ("fg-when", seat.page.moment(&at)),
        ("fg-kind", seat.word("kind", leaf.kind.as_str())),
        (
            "fg-system",
            named(leaf.system.as_str(), seat.system(&service, leaf.system.as_str())),
        ),
        ("fg-library", library.unwrap_or_default()),
        ("fg-purpose", purpose.unwrap_or_default()),
        ("fg-answer", outcome(&seat, &entry).text),
        // A single reason is the answer.
        (
            "fg-reasons",
            if reasons.len() > 1 {
                reasons.join("; ")
            } else {
                String::new()
            },
        ),
        ("fg-scopes", scopes.join(", ")),
        ("fg-policy-version", leaf.policy.to_string()),
        ("fg-entry-number", leaf.id.to_string()),
        ("fg-hash", hex(&entry.leaf_hash)),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    let mut blocks = vec![
        match &proof {
            Some((origin, _)) => Block::Alert(
                Tone::Good,
                seat.page.say1("fg-proof-holds", "origin", origin.as_str()),
            ),
            None => Block::Alert(Tone::Warning, seat.page.say("fg-proof-soon")),
        },
        Block::Facts(
            facts
                .into_iter()
                .map(|(id, value)| (seat.page.say(id), value))
                .collect(),
        ),
    ];
    // The answer as the system heard it, in plain words.
    let decisive = leaf
        .reasons
        .first()
        .and_then(|code| ReasonCode::parse(code.as_str()));
    if let Some(code) = decisive.filter(|_| leaf.bulk.is_none()) {
        let told = explain(&Reason::plain(code), seat.page.language);
        blocks.insert(1, Block::Lead(seat.page.say1("fg-answer-was", "text", told)));
    }
    for (name, fact) in leaf.extra.iter().filter(|(name, _)| name.as_str() != "sealed") {
        blocks.push(Block::Quiet(format!("{name}: {fact}")));
    }
    if let Some(private) = &entry.private {
        blocks.push(Block::Code(seat.page.say("fg-sealed"), private.reveal().clone()));
    }
    if let Some((_, text)) = proof {
        blocks.push(Block::Heading(seat.page.say("fg-proof")));
        blocks.push(Block::Text(seat.page.say("fg-proof-how")));
        let command = format!(
            "akkoord audit verify bewijs.txt --key \"$(curl -s {}/log/{}/vkey)\"",
            service.public_base(),
            entry.log
        );
        let file = format!("{PATH}/{}/{}/bewijs.txt", entry.log, leaf.id);
        blocks.push(Block::Buttons(vec![(
            seat.page.to(&file),
            seat.page.say("fg-proof-save"),
        )]));
        blocks.push(Block::Code(seat.page.say("fg-command"), command));
        blocks.push(Block::More(seat.page.say("fg-proof-text"), text));
    }
    Ok(seat.show(&request, blocks))
}

/// The proof of one entry as a file, to be checked by anybody.
#[get("/fg/zoeken/{log}/{id}/bewijs.txt")]
pub async fn proof_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Audit, "fg-entry")?;
    let (_, proof) = proved(&seat, &service, path.into_inner()).await?;
    let (_, text) = proof.ok_or_else(|| seat.turned(&Refusal::NotFound))?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"bewijs.txt\""))
        .body(text))
}

async fn proved(
    seat: &Seat,
    service: &Service,
    (log, id): (String, String),
) -> Result<(FoundEntry, Option<(String, String)>), Turned> {
    let gone = || seat.turned(&Refusal::NotFound);
    let name = ["consent", "decision", "admin"]
        .into_iter()
        .find(|name| *name == log)
        .ok_or_else(gone)?;
    let id = EntryId::parse(&id).ok_or_else(gone)?;
    let filter = Filter {
        log,
        nummer: id.to_string(),
        ..Filter::default()
    };
    let found = service.search_entries(&seat.call, filter.verb(service)).await;
    let found = found
        .map_err(|refusal| seat.turned(&refusal))?
        .items
        .into_iter()
        .next();
    let entry = found.ok_or_else(gone)?;
    let proof = service
        .proof_of(name, entry.leaf.id)
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    Ok((
        entry,
        proof.map(|mut proved| {
            proved.proof.extra = Some(proved.line);
            (proved.origin, proved.proof.to_text())
        }),
    ))
}
