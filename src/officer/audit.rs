//! C4: search the audit logs, one entry with its proof, and somebody who is looked up with a reason.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;

use super::blocks::{Block, Cell, Field, Form, Table, Tone, badge, cell, link};
use super::seat::{Part, Seat, acts, exports, see, with};
use super::today::logs;
use crate::audit::leaf::EntryId;
use crate::domain::decision::{Effect, ReasonCode};
use crate::domain::hex::hex;
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::console::LookUp;
use crate::service::refusal::Refusal;
use crate::service::search::{FoundEntry, SearchEntries, SearchPerson};
use crate::service::verbs::CurrentConsents;
use crate::web::session::{self, Staff, Turned};

/// Where the audit log is searched.
pub(super) const PATH: &str = "/fg/zoeken";
/// Rows of a page.
const ROWS: usize = 50;
/// Rows about one person.
const ABOUT: usize = 500;
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
        .map(|id| (id.to_string(), id.to_string()));
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
    match (
        leaf.outcome.as_ref().map(|word| word.as_str()),
        leaf.reasons.first(),
    ) {
        (Some("permit"), Some(reason)) => badge(Tone::Good, seat.word("reason", reason.as_str())),
        (Some("deny"), Some(reason)) => badge(Tone::Plain, seat.word("reason", reason.as_str())),
        _ => cell(seat.word("kind", leaf.kind.as_str())),
    }
}

fn entries(seat: &Seat, service: &Service, items: &[FoundEntry]) -> Table {
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
            cell(leaf.purpose.as_ref().map(ToString::to_string).unwrap_or_default()),
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
    let word = |of: Option<&crate::audit::leaf::Word<'_>>| of.map(ToString::to_string).unwrap_or_default();
    let reasons: Vec<String> = leaf
        .reasons
        .iter()
        .map(|code| seat.word("reason", code.as_str()))
        .collect();
    let scopes: Vec<String> = leaf.scopes.iter().map(ToString::to_string).collect();
    let mut facts = vec![
        ("fg-when", seat.page.moment(&at)),
        ("fg-kind", seat.word("kind", leaf.kind.as_str())),
        ("fg-system", leaf.system.to_string()),
        ("fg-library", word(leaf.organisation.as_ref())),
        ("fg-purpose", word(leaf.purpose.as_ref())),
        ("fg-answer", outcome(&seat, &entry).text),
        ("fg-reasons", reasons.join("; ")),
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
        blocks.push(Block::Code(seat.page.say("fg-command"), command));
        blocks.push(Block::More(seat.page.say("fg-proof-text"), text));
    }
    Ok(seat.show(&request, blocks))
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

/// Where somebody is looked up.
#[get("/fg/zoeken/persoon")]
pub async fn look_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::act(&request, &staff, Part::Audit)?;
    seat.page = seat.page.clone().titled("fg-look-up").back_to(PATH, "fg-audit");
    let form = Form {
        id: "persoon",
        action: seat.page.to(&format!("{PATH}/persoon")),
        post: true,
        fields: vec![
            Field::choice(
                "bibliotheek",
                seat.page.say("fg-library"),
                seat.library_options(&service, false),
                "",
            ),
            Field::choice(
                "scheme",
                seat.page.say("fg-identifier"),
                seat.schemes(),
                "member-number",
            ),
            Field::line("value", seat.page.say("fg-identifier-value"), ""),
            Field::line("reason", seat.page.say("fg-why-look"), "").hinted(seat.page.say("fg-why-look-hint")),
        ],
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
            cell(consent.purpose.to_string()),
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
