//! C9: what if? The proposed catalogue is asked about somebody described, about a member, and about the past.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;
use serde_json::json;

use super::audit::day;
use super::blocks::{Block, Field, Form, Table, Tone, cell, figure};
use super::policy::{PATH, blocking, found, told, wrong};
use super::seat::{Part, Seat, acts, see};
use crate::domain::decision::{Question, Verdict};
use crate::domain::personal::Personal;
use crate::domain::purpose::{Action, Channel};
use crate::policy::examples::Imagined;
use crate::service::Service;
use crate::service::proposals::{AskReplay, ImaginedAnswer, MOST_CHECKS, Replay, TryPerson};
use crate::web::page::dates::thousands;
use crate::web::session::{self, Staff, Turned, Why};

/// A question about somebody described.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Described {
    doel: String,
    systeem: String,
    actie: String,
    kanaal: String,
    leeftijd: String,
    keuze: String,
}

impl Described {
    fn imagined(&self, service: &Service) -> Option<Imagined> {
        let catalogue = service.catalogue();
        let scopes: Vec<String> = catalogue
            .purposes
            .get(self.doel.as_str())
            .map(|entry| {
                entry
                    .purpose
                    .data_scopes
                    .iter()
                    .map(ToString::to_string)
                    .collect()
            })
            .unwrap_or_default();
        let mut when = json!({"state": if self.keuze.is_empty() { "none" } else { &self.keuze }});
        let mut ask = json!({"system": self.systeem, "action": self.actie, "data_scopes": scopes});
        if let (Ok(age), Some(when)) = (self.leeftijd.parse::<u32>(), when.as_object_mut()) {
            when.insert("age".to_owned(), age.into());
        }
        if let (false, Some(ask)) = (self.kanaal.is_empty(), ask.as_object_mut()) {
            ask.insert("channel".to_owned(), self.kanaal.as_str().into());
        }
        serde_json::from_value(json!({"purpose": self.doel, "when": when, "ask": ask})).ok()
    }
}

fn answer_blocks(seat: &Seat, answer: &ImaginedAnswer) -> Vec<Block> {
    let words = |verdict: &Option<Verdict>| match verdict {
        None => seat.page.say("fg-unknown-purpose"),
        Some(verdict) => {
            let reasons: Vec<String> = verdict
                .reasons
                .iter()
                .map(|reason| seat.word("reason", reason.code.as_str()))
                .collect();
            reasons.join("; ")
        }
    };
    let same = answer.before.as_ref().map(|verdict| verdict.effect)
        == answer.after.as_ref().map(|verdict| verdict.effect);
    let (tone, id) = if same {
        (Tone::Good, "fg-answer-same")
    } else {
        (Tone::Warning, "fg-answer-other")
    };
    vec![
        Block::Alert(tone, seat.page.say(id)),
        Block::Facts(vec![
            (seat.page.say("fg-now"), words(&answer.before)),
            (seat.page.say("fg-then"), words(&answer.after)),
        ]),
    ]
}

fn question_fields(seat: &Seat, service: &Service, of: &Described) -> Vec<Field> {
    let catalogue = service.catalogue();
    let named = |ids: Vec<String>| ids.into_iter().map(|id| (id.clone(), id)).collect::<Vec<_>>();
    let actions = Action::ALL
        .iter()
        .map(|action| (action.to_string(), seat.word("action", action.as_str())));
    let none = (String::new(), seat.page.say("fg-none"));
    let channels = Channel::ALL
        .iter()
        .map(|channel| (channel.to_string(), seat.word("action", channel.as_str())));
    let channel = if of.systeem.is_empty() {
        "email"
    } else {
        &of.kanaal
    };
    vec![
        Field::choice(
            "doel",
            seat.page.say("fg-purpose"),
            named(catalogue.purposes.keys().map(ToString::to_string).collect()),
            &of.doel,
        ),
        Field::choice(
            "systeem",
            seat.page.say("fg-system"),
            named(catalogue.systems.keys().map(ToString::to_string).collect()),
            &of.systeem,
        ),
        Field::choice(
            "actie",
            seat.page.say("fg-action"),
            actions.collect(),
            if of.actie.is_empty() { "contact" } else { &of.actie },
        ),
        Field::choice(
            "kanaal",
            seat.page.say("fg-channel"),
            std::iter::once(none).chain(channels).collect(),
            channel,
        ),
    ]
}

/// Asks the proposed catalogue about somebody described, or about a member.
#[get("/fg/beleid/{id}/vraag")]
pub async fn ask_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    Query(of): Query<Described>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Policy, "fg-ask-proposal")?;
    let proposal = found(&seat, &service, &id).await?;
    let path = format!("{PATH}/{}", proposal.id);
    seat.page = seat.page.clone().back_to(&path, "fg-back-proposal");
    let mut blocks = vec![Block::Lead(seat.page.say1(
        "fg-ask-lead",
        "title",
        proposal.title.as_str(),
    ))];
    if let Some(imagined) = of.imagined(&service).filter(|_| !of.doel.is_empty()) {
        let (asking, proposal) = (service.clone(), proposal.clone());
        match blocking(move || asking.imagine(&proposal, &imagined)).await {
            Some(Ok(answer)) => blocks.extend(answer_blocks(&seat, &answer)),
            Some(Err(mistake)) => blocks.push(Block::Alert(Tone::Wrong, told(&seat, &mistake))),
            None => {}
        }
    }
    let states = [
        "none",
        "given",
        "refused",
        "withdrawn",
        "given-by-guardian",
        "expired",
        "outdated",
        "guardian-given-reconfirm-due",
    ];
    let mut fields = question_fields(&seat, &service, &of);
    fields.push(Field::line(
        "leeftijd",
        seat.page.say("fg-age"),
        if of.leeftijd.is_empty() {
            "40"
        } else {
            &of.leeftijd
        },
    ));
    fields.push(Field::choice(
        "keuze",
        seat.page.say("fg-said"),
        states
            .map(|state| (state.to_owned(), seat.word("imagined", state)))
            .to_vec(),
        &of.keuze,
    ));
    blocks.push(Block::Form(Form {
        id: "bedacht",
        title: seat.page.say("fg-described"),
        action: format!("{path}/vraag"),
        fields,
        button: seat.page.say("fg-ask"),
        ..Form::default()
    }));
    if acts(seat.role, Part::Audit) {
        let mut fields = question_fields(&seat, &service, &of);
        fields.extend(seat.who(&service));
        fields.push(
            Field::line("reason", seat.page.say("fg-why-look"), "").hinted(seat.page.say("fg-why-look-hint")),
        );
        blocks.push(Block::Form(Form {
            id: "lid",
            title: seat.page.say("fg-ask-member"),
            action: seat.page.to(&format!("{path}/vraag")),
            post: true,
            fields,
            button: seat.page.say("fg-ask"),
            second: true,
            ..Form::default()
        }));
    }
    Ok(seat.show(&request, blocks))
}

/// A question about a member.
#[derive(Debug, Deserialize)]
pub struct MemberForm {
    doel: String,
    systeem: String,
    actie: String,
    #[serde(default)]
    kanaal: String,
    bibliotheek: String,
    scheme: String,
    value: String,
    reason: String,
}

/// Asks about a member, and leads to the two answers: nothing of the member is in the address.
#[post("/fg/beleid/{id}/vraag")]
pub async fn ask_member(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    form: session::Form<MemberForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Policy)?;
    if !acts(seat.role, Part::Audit) {
        return Err(Turned::new(Why::NotAllowed, seat.page.language));
    }
    let proposal = found(&seat, &service, &id).await?;
    let path = format!("{PATH}/{}/vraag", proposal.id);
    let form = form.value;
    let person = match seat.person(&service, &form.scheme, &form.value) {
        Ok(person) => person,
        Err(refusal) => return seat.wrong(&path, &refusal),
    };
    let malformed = || Turned::new(Why::Malformed, seat.page.language);
    let catalogue = service.catalogue();
    let entry = catalogue.purposes.get(form.doel.as_str()).ok_or_else(malformed)?;
    let ask = TryPerson {
        person,
        question: Question {
            system: form.systeem.parse().map_err(|_| malformed())?,
            organisation: form.bibliotheek.parse().map_err(|_| malformed())?,
            purpose: entry.purpose.id.clone(),
            action: Action::parse(&form.actie).ok_or_else(malformed)?,
            channel: Channel::parse(&form.kanaal),
            data_scopes: entry.purpose.data_scopes.clone(),
            data_source: None,
        },
        reason: Personal::new(form.reason.trim().to_owned()),
        officer: seat.name.clone(),
    };
    match service.try_person(&seat.call, &proposal, ask).await {
        Ok(answer) => {
            let word = |verdict: &Option<Verdict>| {
                verdict
                    .as_ref()
                    .map_or_else(|| "unknown".to_owned(), |verdict| verdict.decisive().to_string())
            };
            let to = format!(
                "{PATH}/{}/antwoord?nu={}&dan={}",
                proposal.id,
                word(&answer.before),
                word(&answer.after)
            );
            Ok(see(&seat.page.to(&to)))
        }
        Err(mistake) => wrong(&seat, &path, &mistake),
    }
}

/// The two answers about a member.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Answers {
    nu: String,
    dan: String,
}

/// Shows the two answers about a member, who is not named.
#[get("/fg/beleid/{id}/antwoord")]
pub async fn answer_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    Query(answers): Query<Answers>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Policy, "fg-ask-proposal")?;
    let proposal = found(&seat, &service, &id).await?;
    seat.page = seat
        .page
        .clone()
        .back_to(&format!("{PATH}/{}/vraag", proposal.id), "fg-ask-proposal");
    let permits = |code: &str| code.starts_with("permit");
    let same = permits(&answers.nu) == permits(&answers.dan);
    let (tone, id) = if same {
        (Tone::Good, "fg-answer-same")
    } else {
        (Tone::Warning, "fg-answer-other")
    };
    let blocks = vec![
        Block::Alert(tone, seat.page.say(id)),
        Block::Facts(vec![
            (seat.page.say("fg-now"), seat.word("reason", &answers.nu)),
            (seat.page.say("fg-then"), seat.word("reason", &answers.dan)),
        ]),
        Block::Quiet(seat.page.say("fg-person-recorded")),
    ];
    Ok(seat.show(&request, blocks))
}

/// Which checks are put again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReplayQuery {
    van: String,
    tot: String,
}

/// Puts past checks to the proposed catalogue.
#[get("/fg/beleid/{id}/opnieuw")]
pub async fn replay_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    Query(query): Query<ReplayQuery>,
) -> Result<HttpResponse, Turned> {
    let mut seat = Seat::look(&request, &staff, Part::Policy, "fg-replay")?;
    if !acts(seat.role, Part::Audit) {
        return Err(Turned::new(Why::NotAllowed, seat.page.language));
    }
    let proposal = found(&seat, &service, &id).await?;
    let path = format!("{PATH}/{}", proposal.id);
    seat.page = seat.page.clone().back_to(&path, "fg-back-proposal");
    let (now, zone) = (service.world().now(), service.catalogue().network.zone);
    let month = now.plus_seconds(-30 * 86_400);
    let field = |name, id: &str, given: &str, otherwise: crate::domain::moment::Moment| {
        let value = if given.is_empty() {
            otherwise.date(zone).to_string()
        } else {
            given.to_owned()
        };
        Field::date(name, seat.page.say(id), &value)
    };
    let most = thousands(MOST_CHECKS, seat.page.language);
    let mut blocks = vec![
        Block::Lead(
            seat.page
                .say2("fg-replay-lead", "title", proposal.title.as_str(), "most", most),
        ),
        Block::Form(Form {
            id: "opnieuw",
            action: format!("{path}/opnieuw"),
            fields: vec![
                field("van", "fg-from", &query.van, month),
                field("tot", "fg-to", &query.tot, now),
            ],
            button: seat.page.say("fg-replay"),
            ..Form::default()
        }),
    ];
    if let (Some(from), Some(to)) = (day(&query.van, false, &service), day(&query.tot, true, &service)) {
        let asked = AskReplay {
            from,
            to,
            most: MOST_CHECKS,
        };
        let (replaying, call) = (service.clone(), seat.call.clone());
        match blocking(move || replaying.replay(&call, &proposal, asked)).await {
            Some(Ok(replay)) => blocks.extend(replay_blocks(&seat, &replay)),
            Some(Err(mistake)) => blocks.push(Block::Alert(Tone::Wrong, told(&seat, &mistake))),
            None => {}
        }
    }
    Ok(seat.show(&request, blocks))
}

fn replay_blocks(seat: &Seat, replay: &Replay) -> Vec<Block> {
    let count = |number: u64| thousands(number, seat.page.language);
    let (tone, otherwise) = match replay.answered_otherwise() {
        0 => (Tone::Good, 0),
        otherwise => (Tone::Warning, otherwise),
    };
    let text = seat.page.say2(
        "fg-replayed",
        "checks",
        count(replay.checks),
        "otherwise",
        count(otherwise),
    );
    let mut blocks = vec![Block::Alert(tone, text)];
    let rows = replay.changed.iter().map(|(difference, times)| {
        vec![
            figure(count(*times)),
            cell(difference.system.clone()),
            cell(difference.purpose.clone()),
            cell(seat.word("action", &difference.action)),
            cell(seat.word("reason", &difference.before.1)),
            cell(seat.word("reason", &difference.after.1)),
        ]
    });
    let mut head = [
        "fg-count",
        "fg-system",
        "fg-purpose",
        "fg-what",
        "fg-was",
        "fg-would-be",
    ]
    .map(|id| cell(seat.page.say(id)))
    .to_vec();
    head.iter_mut().take(1).for_each(|head| head.figure = true);
    blocks.push(Block::Table(Table {
        caption: seat.page.say("fg-replay"),
        head,
        rows: rows.collect(),
        empty: seat.page.say("fg-no-flips"),
        ..Table::default()
    }));
    let mut notes = vec![seat.page.say2(
        "fg-replay-left",
        "unknown",
        count(replay.unknown),
        "bulk",
        count(replay.bulk),
    )];
    if replay.more {
        notes.push(seat.page.say("fg-replay-more"));
    }
    blocks.extend(notes.into_iter().map(Block::Quiet));
    blocks
}
