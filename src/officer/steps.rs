//! C3: the steps that an officer takes with a request.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::Deserialize;

use super::blocks::{Field, Form};
use super::requests::{PATH, is_absolute};
use super::seat::{Part, Seat, decides};
use crate::domain::ids::RightsRequestId;
use crate::domain::personal::Personal;
use crate::domain::rights::{ExtensionReason, RejectionGround, RequestType, StepKind};
use crate::service::refusal::Refusal;
use crate::service::rights::{RightsRequest, Step, TakeStep, Wish};
use crate::service::{RESTRICTION_GROUNDS, Service};
use crate::web::session::{self, Staff, Turned};

/// In place of a purpose: all direct marketing.
const MARKETING: &str = "reclame";

/// The forms of the steps that are possible now, for this role.
pub(super) fn steps(seat: &Seat, service: &Service, of: &RightsRequest) -> Vec<Form> {
    let possible = |kind: StepKind| of.state.after(kind).is_some();
    let form = |id: &'static str, kind: StepKind, fields: Vec<Field>| Form {
        id,
        title: seat.word("do", kind.as_str()),
        intro: seat.word("do-hint", kind.as_str()),
        action: seat.page.to(&format!("{PATH}/{}", of.id)),
        post: true,
        hidden: vec![("stap", kind.to_string()), ("versie", of.revision.to_string())],
        fields,
        button: seat.word("do", kind.as_str()),
        second: !matches!(kind, StepKind::Completed),
        folded: true,
    };
    let why = |label: &str| Field::lines("uitleg", seat.page.say(label), "", 4);
    let mut forms = Vec::new();
    for (kind, id) in [(StepKind::Acknowledged, "ack"), (StepKind::Accepted, "accept")] {
        if possible(kind) {
            forms.push(form(id, kind, Vec::new()));
        }
    }
    if of.assignee.as_ref().map(Personal::reveal) != Some(&seat.name) {
        let mine = Field::line("wie", seat.page.say("fg-who"), &seat.name);
        forms.push(form("assign", StepKind::Assigned, vec![mine]));
    }
    if possible(StepKind::IdentityAsked) {
        forms.push(form("doubt", StepKind::IdentityAsked, vec![why("fg-doubt")]));
    }
    if possible(StepKind::IdentityConfirmed) {
        forms.push(form(
            "known",
            StepKind::IdentityConfirmed,
            vec![why("fg-how-known")],
        ));
    }
    if of.extended_at.is_none() && possible(StepKind::Extended) {
        let months = ["1", "2"]
            .map(|months| (months.to_owned(), months.to_owned()))
            .to_vec();
        let reasons = ExtensionReason::ALL.iter();
        let reasons = reasons.map(|reason| (reason.to_string(), seat.word("extension", reason.as_str())));
        let fields = vec![
            Field::choice("maanden", seat.page.say("fg-months"), months, "1"),
            Field::choice(
                "reden",
                seat.page.say("fg-reason"),
                reasons.collect(),
                "complexity",
            ),
            why("fg-explain-person"),
        ];
        forms.push(form("extend", StepKind::Extended, fields));
    }
    if decides(seat.role) {
        if possible(StepKind::Completed) {
            let mut fields: Vec<Field> = what_exactly(seat, service, of).into_iter().collect();
            fields.push(why("fg-explain-person").optional());
            forms.push(form("complete", StepKind::Completed, fields));
        }
        let absolute = is_absolute(service, of);
        let grounds = RejectionGround::ALL
            .iter()
            .filter(|ground| ground.fits(of.kind, absolute));
        let grounds = grounds.map(|ground| (ground.to_string(), seat.word("ground", ground.as_str())));
        let fields = vec![
            Field::choice("grond", seat.page.say("fg-ground"), grounds.collect(), ""),
            why("fg-explain-person"),
        ];
        forms.push(form("reject", StepKind::Rejected, fields));
        forms.push(form("close", StepKind::Closed, vec![why("fg-explain-close")]));
    }
    forms
}

/// What exactly is done, where the request did not say it: a purpose that is stopped, or a ground of a restriction.
fn what_exactly(seat: &Seat, service: &Service, of: &RightsRequest) -> Option<Field> {
    let plain = of.received().is_some_and(|received| received.wish == Wish::Plain);
    match of.kind {
        RequestType::Objection if plain => {
            let catalogue = service.catalogue();
            let all = (MARKETING.to_owned(), seat.page.say("fg-all-marketing"));
            let own = catalogue
                .purposes
                .iter()
                .filter(|(_, entry)| entry.purpose.allows_objection());
            let own = own.map(|(id, _)| (id.to_string(), id.to_string()));
            let options = std::iter::once(all).chain(own).collect();
            Some(Field::choice(
                "wat",
                seat.page.say("fg-stop-what"),
                options,
                MARKETING,
            ))
        }
        RequestType::Restriction if plain => {
            let grounds =
                RESTRICTION_GROUNDS.map(|ground| (ground.to_owned(), seat.word("restriction", ground)));
            Some(Field::choice(
                "wat",
                seat.page.say("fg-ground"),
                grounds.to_vec(),
                "accuracy",
            ))
        }
        _ => None,
    }
}

/// What a step's form says.
#[derive(Debug, Deserialize)]
pub struct StepForm {
    stap: String,
    versie: u64,
    #[serde(default)]
    uitleg: String,
    #[serde(default)]
    wie: String,
    #[serde(default)]
    maanden: String,
    #[serde(default)]
    reden: String,
    #[serde(default)]
    grond: String,
    #[serde(default)]
    wat: String,
}

impl StepForm {
    /// What is done instead of what the request says, where it says nothing exact; none where the form has a word of no use.
    fn wish(&self) -> Option<Option<Wish>> {
        Some(match self.wat.as_str() {
            "" => None,
            MARKETING => Some(Wish::Objection { purpose: None }),
            ground if RESTRICTION_GROUNDS.contains(&ground) => Some(Wish::Restriction {
                ground: ground.to_owned(),
            }),
            purpose => Some(Wish::Objection {
                purpose: Some(purpose.parse().ok()?),
            }),
        })
    }

    fn step(&self) -> Option<Step> {
        let text = || Personal::new(self.uitleg.trim().to_owned());
        Some(match StepKind::parse(&self.stap)? {
            StepKind::Acknowledged => Step::Acknowledge,
            StepKind::Accepted => Step::Accept,
            StepKind::Assigned => Step::Assign {
                to: Personal::new(self.wie.trim().to_owned()),
            },
            StepKind::IdentityAsked => Step::AskIdentity { doubt: text() },
            StepKind::IdentityConfirmed => Step::ConfirmIdentity { how: text() },
            StepKind::Extended => Step::Extend {
                months: self.maanden.parse().ok()?,
                reason: ExtensionReason::parse(&self.reden)?,
                explanation: text(),
            },
            StepKind::Rejected => Step::Reject {
                ground: RejectionGround::parse(&self.grond)?,
                explanation: text(),
            },
            StepKind::Completed => Step::Complete {
                explanation: Some(text()).filter(|text| !text.reveal().is_empty()),
                instead: self.wish()?,
            },
            StepKind::Closed => Step::Close { explanation: text() },
            StepKind::Received | StepKind::GuardianConfirmed => return None,
        })
    }
}

/// Takes a step.
#[post("/fg/verzoeken/{id}")]
pub async fn request_step(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    id: Path<String>,
    form: session::Form<StepForm>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::act(&request, &staff, Part::Requests)?;
    let Some(step) = form.value.step() else {
        return Err(Turned::new(session::Why::Malformed, seat.page.language));
    };
    let heavy = matches!(
        step,
        Step::Reject { .. } | Step::Complete { .. } | Step::Close { .. }
    );
    if heavy && !decides(seat.role) {
        return Err(Turned::new(session::Why::NotAllowed, seat.page.language));
    }
    let parsed: RightsRequestId = id.parse().map_err(|_| seat.turned(&Refusal::NotFound))?;
    let path = format!("{PATH}/{parsed}");
    let verb = TakeStep {
        id: parsed,
        revision: form.value.versie,
        officer: Personal::new(seat.name.clone()),
        step,
    };
    match service.step_rights_request(&seat.call, verb).await {
        Ok(_) => Ok(seat.done(&path, "step")),
        Err(refusal) => seat.wrong(&path, &refusal),
    }
}
