//! Rights requests and the steps of officers, as they are asked.

use serde::Deserialize;
use utoipa::ToSchema;

use super::super::reading::{Reading, optional};
use super::super::schema;
use super::super::wire::{ActorBody, IdentifierBody, PersonReference};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::ActorKind;
use crate::domain::ids::RightsRequestId;
use crate::domain::personal::Personal;
use crate::domain::rights::{ExtensionReason, RejectionGround, RequestType};
use crate::service::RESTRICTION_GROUNDS;
use crate::service::rights::{Correction, EnterRequest, Step, TakeStep, Wish};
use crate::service::verbs::ActorRef;
use crate::web::problem::Problem;

/// Longest text of a person or officer, in characters.
const TEXT: usize = 2_000;
/// Longest name or number of an officer, in characters.
const OFFICER: usize = 100;
/// Most identifiers in one correction.
const IDENTIFIERS: usize = 20;

/// A request of a person about their data.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde", "type": "access",
    "actor": {"type": "self", "staff": "B-17"}, "indicationMethod": "paper", "receivedAt": "2026-11-20T09:00:00Z",
    "text": "Welke gegevens hebben jullie van mij?"
}))]
pub struct RightsRequestEntry {
    /// Whose data.
    pub person: PersonReference,
    /// The library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// Which right.
    #[serde(rename = "type")]
    #[schema(schema_with = schema::request_type)]
    pub kind: String,
    /// Who asks: the person when absent. `staff` wrote down what the person said.
    pub actor: Option<ActorBody>,
    /// How it came in; `api` when absent.
    #[schema(schema_with = schema::indication_method)]
    pub indication_method: Option<String>,
    /// When the library received it; now when absent. The term runs from here.
    #[schema(schema_with = schema::moment)]
    pub received_at: Option<String>,
    /// The language of the answer; the person's own when absent.
    #[schema(schema_with = schema::language)]
    pub language: Option<String>,
    /// In the person's own words.
    #[schema(max_length = 2000)]
    pub text: Option<String>,
    /// Of an objection: to which purpose.
    #[schema(example = "newsletter", max_length = 64)]
    pub purpose: Option<String>,
    /// Of an objection: to all direct marketing.
    pub direct_marketing: Option<bool>,
    /// Of a restriction: on which ground.
    #[schema(schema_with = schema::restriction_ground)]
    pub ground: Option<String>,
    /// Of a rectification: the right data.
    pub correction: Option<CorrectionBody>,
    /// Proof.
    #[schema(schema_with = schema::evidence)]
    pub evidence: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Data to correct; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Correction)]
pub struct CorrectionBody {
    /// Birth date.
    #[schema(schema_with = schema::date)]
    pub birth_date: Option<String>,
    /// Language.
    #[schema(schema_with = schema::language)]
    pub language: Option<String>,
    /// Identifiers to add.
    pub add_identifiers: Option<Vec<IdentifierBody>>,
    /// Identifiers to remove.
    pub remove_identifiers: Option<Vec<IdentifierBody>>,
}

/// One step with a request: exactly one of the members after `officer`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "revision": 1, "officer": "B-17",
    "extend": {"months": 2, "reason": "complexity", "explanation": "We zoeken ook in het oude archief."}
}))]
pub struct RightsRequestChange {
    /// The revision you saw.
    #[schema(example = 1)]
    pub revision: u64,
    /// Who takes the step: the staff member's own number.
    #[schema(example = "B-17", max_length = 100)]
    pub officer: String,
    /// `true`: the person was told that the request was received.
    pub acknowledge: Option<bool>,
    /// The officer who becomes responsible.
    #[schema(max_length = 100)]
    pub assign: Option<String>,
    /// Ask the person to show who they are.
    pub ask_identity: Option<IdentityDoubt>,
    /// It is known who asks.
    pub confirm_identity: Option<IdentityProof>,
    /// The guardian who stands behind the request of a child.
    pub confirm_guardian: Option<PersonReference>,
    /// `true`: it will be granted.
    pub accept: Option<bool>,
    /// Extend the term.
    pub extend: Option<ExtensionBody>,
    /// Refuse.
    pub reject: Option<RejectionBody>,
    /// Do it, and say so.
    pub complete: Option<CompletionBody>,
    /// End it in another way: the person took it back, or was erased.
    pub close: Option<ClosureBody>,
}

/// Why there is doubt about who asks (GDPR art. 12(6)).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IdentityDoubt {
    /// The doubt. Without one, nothing more may be asked.
    #[schema(
        example = "The e-mail came from an unknown address.",
        min_length = 1,
        max_length = 2000
    )]
    pub doubt: String,
}

/// How it became known who asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IdentityProof {
    /// How. Never the number or a copy of a document.
    #[schema(
        example = "Showed the membership card at the desk.",
        min_length = 1,
        max_length = 2000
    )]
    pub how: String,
}

/// An extension: once, within the first month (GDPR art. 12(3)).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = RightsExtension)]
pub struct ExtensionBody {
    /// 1 or 2.
    #[schema(minimum = 1, maximum = 2)]
    pub months: u32,
    /// Why, as the law has it.
    #[schema(schema_with = schema::extension_reason)]
    pub reason: String,
    /// Why, for the person; it stands in the letter.
    #[schema(min_length = 1, max_length = 2000)]
    pub explanation: String,
}

/// A refusal (GDPR art. 12(4)).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = RightsRejection)]
pub struct RejectionBody {
    /// On which ground.
    #[schema(schema_with = schema::rejection_ground)]
    pub ground: String,
    /// Why, for the person; it stands in the letter.
    #[schema(min_length = 1, max_length = 2000)]
    pub explanation: String,
}

/// What was done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = RightsCompletion)]
pub struct CompletionBody {
    /// What was done, for the person; it stands in the letter.
    #[schema(min_length = 1, max_length = 2000)]
    pub explanation: Option<String>,
    /// Of an objection, where the request did not say it: to which purpose.
    #[schema(max_length = 64)]
    pub purpose: Option<String>,
    /// Of an objection, where the request did not say it: to all direct marketing.
    pub direct_marketing: Option<bool>,
    /// Of a restriction, where the request did not say it: on which ground.
    #[schema(schema_with = schema::restriction_ground)]
    pub ground: Option<String>,
    /// Of a rectification: what to correct here, where that is other than was asked.
    pub correction: Option<CorrectionBody>,
}

/// Why a request ends without an answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = RightsClosure)]
pub struct ClosureBody {
    /// Why.
    #[schema(
        example = "The person took it back by telephone.",
        min_length = 1,
        max_length = 2000
    )]
    pub explanation: String,
}

/// What exactly is wanted, in the words of the wire.
struct WishWords<'w> {
    pointer: &'w str,
    purpose: Option<&'w str>,
    direct_marketing: Option<bool>,
    ground: Option<&'w str>,
    correction: Option<&'w CorrectionBody>,
}

impl WishWords<'_> {
    /// `Some(Plain)` when nothing was said.
    fn read(&self, reading: &mut Reading) -> Option<Wish> {
        let at = |member: &str| format!("{}/{member}", self.pointer);
        let said = [
            self.purpose.is_some(),
            self.direct_marketing.is_some(),
            self.ground.is_some(),
            self.correction.is_some(),
        ];
        if said.iter().filter(|said| **said).count() > 1 {
            let detail = "Give at most one of purpose, directMarketing, ground, correction.";
            return reading.mistake(self.pointer, "too-many", detail);
        }
        if let Some(purpose) = self.purpose {
            let purpose = reading.purpose(&at("purpose"), purpose)?;
            return Some(Wish::Objection {
                purpose: Some(purpose),
            });
        }
        match self.direct_marketing {
            Some(true) => return Some(Wish::Objection { purpose: None }),
            Some(false) => {
                let detail = "Give true, or name a purpose.";
                return reading.mistake(&at("directMarketing"), "invalid-value", detail);
            }
            None => {}
        }
        if let Some(ground) = self.ground {
            if let Some(ground) = RESTRICTION_GROUNDS.into_iter().find(|known| *known == ground) {
                let ground = ground.to_owned();
                return Some(Wish::Restriction { ground });
            }
            let detail = format!("Expected one of: {}.", RESTRICTION_GROUNDS.join(", "));
            return reading.mistake(&at("ground"), "unknown-word", detail);
        }
        match self.correction {
            Some(correction) => correction.read(&at("correction"), reading).map(Wish::Correction),
            None => Some(Wish::Plain),
        }
    }
}

impl CorrectionBody {
    fn read(&self, pointer: &str, reading: &mut Reading) -> Option<Correction> {
        let birth_date = optional(self.birth_date.as_deref(), |text| {
            reading
                .past_date(&format!("{pointer}/birthDate"), text)
                .map(Personal::new)
        });
        let language = optional(self.language.as_deref(), |text| {
            reading.language(&format!("{pointer}/language"), text)
        });
        let mut identifiers = |member: &str, list: &Option<Vec<IdentifierBody>>| {
            let list = list.as_deref().unwrap_or_default();
            let pointer = format!("{pointer}/{member}");
            if list.len() > IDENTIFIERS {
                let detail = format!("Give at most {IDENTIFIERS} identifiers.");
                return reading.mistake(&pointer, "too-many", detail);
            }
            let read = list.iter().enumerate();
            read.map(|(index, body)| reading.identifier(&format!("{pointer}/{index}"), body))
                .collect::<Option<Vec<_>>>()
        };
        let add = identifiers("addIdentifiers", &self.add_identifiers);
        let remove = identifiers("removeIdentifiers", &self.remove_identifiers);
        let correction = Correction {
            birth_date: birth_date?,
            language: language?,
            add: add?,
            remove: remove?,
        };
        if correction.is_empty() {
            return reading.mistake(pointer, "required", "Say what is to be corrected.");
        }
        Some(correction)
    }
}

impl RightsRequestEntry {
    /// The request as the service takes it.
    pub(super) fn verb(&self, mut reading: Reading) -> Result<EnterRequest, Problem> {
        let person = reading.person("/person", &self.person);
        let organisation = reading.organisation("/organisation", &self.organisation);
        let kind = reading.word("/type", &self.kind, RequestType::parse, RequestType::ALL);
        let actor = match &self.actor {
            Some(actor) => reading.actor("/actor", actor),
            None => Some(ActorRef::plain(ActorKind::Oneself)),
        };
        let method = match self.indication_method.as_deref() {
            Some(text) => reading.word(
                "/indicationMethod",
                text,
                IndicationMethod::parse,
                IndicationMethod::ALL,
            ),
            None => Some(IndicationMethod::Api),
        };
        let received_at = optional(self.received_at.as_deref(), |text| {
            reading.past("/receivedAt", text)
        });
        let language = optional(self.language.as_deref(), |text| {
            reading.language("/language", text)
        });
        let text = reading.optional_text("/text", self.text.as_deref(), TEXT);
        let words = WishWords {
            pointer: "",
            purpose: self.purpose.as_deref(),
            direct_marketing: self.direct_marketing,
            ground: self.ground.as_deref(),
            correction: self.correction.as_ref(),
        };
        let wish = words.read(&mut reading);
        if let (Some(kind), Some(wish)) = (kind, &wish)
            && !wish.fits(kind)
        {
            let detail = "`purpose` and `directMarketing` belong to an objection, `ground` to a restriction, `correction` to \
                          a rectification.";
            reading.mistake::<()>("/type", "another-type", detail);
        }
        let evidence = optional(self.evidence.as_ref(), |facts| {
            reading.evidence("/evidence", facts)
        });
        let verb = (|| {
            Some(EnterRequest {
                person: person?,
                organisation: organisation?,
                kind: kind?,
                actor: actor?,
                method: method?,
                received_at: received_at?,
                language: language?,
                text: text?,
                wish: wish?,
                evidence: evidence?,
            })
        })();
        reading.finish(verb)
    }
}

impl RightsRequestChange {
    /// The step as the service takes it.
    pub(super) fn verb(&self, id: RightsRequestId, mut reading: Reading) -> Result<TakeStep, Problem> {
        let officer = reading.text("/officer", &self.officer, OFFICER);
        let step = self.step(&mut reading);
        let verb = (|| {
            Some(TakeStep {
                id,
                revision: self.revision,
                officer: officer?,
                step: step?,
            })
        })();
        reading.finish(verb)
    }

    fn step(&self, reading: &mut Reading) -> Option<Step> {
        let said = [
            self.acknowledge.is_some(),
            self.assign.is_some(),
            self.ask_identity.is_some(),
            self.confirm_identity.is_some(),
            self.confirm_guardian.is_some(),
            self.accept.is_some(),
            self.extend.is_some(),
            self.reject.is_some(),
            self.complete.is_some(),
            self.close.is_some(),
        ];
        if said.iter().filter(|said| **said).count() != 1 {
            let detail = "Give exactly one step: acknowledge, assign, askIdentity, confirmIdentity, confirmGuardian, accept, \
                          extend, reject, complete or close.";
            return reading.mistake("", "one-step", detail);
        }
        for (pointer, word) in [("/acknowledge", self.acknowledge), ("/accept", self.accept)] {
            if word == Some(false) {
                return reading.mistake(pointer, "invalid-value", "Give true, or leave it out.");
            }
        }
        if self.acknowledge.is_some() {
            return Some(Step::Acknowledge);
        }
        if self.accept.is_some() {
            return Some(Step::Accept);
        }
        if let Some(to) = &self.assign {
            let to = reading.text("/assign", to, OFFICER)?;
            return Some(Step::Assign { to });
        }
        if let Some(body) = &self.ask_identity {
            let doubt = reading.text("/askIdentity/doubt", &body.doubt, TEXT)?;
            return Some(Step::AskIdentity { doubt });
        }
        if let Some(body) = &self.confirm_identity {
            let how = reading.text("/confirmIdentity/how", &body.how, TEXT)?;
            return Some(Step::ConfirmIdentity { how });
        }
        if let Some(guardian) = &self.confirm_guardian {
            let guardian = reading.person("/confirmGuardian", guardian)?;
            return Some(Step::ConfirmGuardian { guardian });
        }
        if let Some(body) = &self.extend {
            return body.step(reading);
        }
        if let Some(body) = &self.reject {
            return body.step(reading);
        }
        if let Some(body) = &self.complete {
            return body.step(reading);
        }
        let body = self.close.as_ref()?;
        let explanation = reading.text("/close/explanation", &body.explanation, TEXT)?;
        Some(Step::Close { explanation })
    }
}

impl ExtensionBody {
    fn step(&self, reading: &mut Reading) -> Option<Step> {
        let reason = reading.word(
            "/extend/reason",
            &self.reason,
            ExtensionReason::parse,
            ExtensionReason::ALL,
        );
        let explanation = reading.text("/extend/explanation", &self.explanation, TEXT);
        Some(Step::Extend {
            months: self.months,
            reason: reason?,
            explanation: explanation?,
        })
    }
}

impl RejectionBody {
    fn step(&self, reading: &mut Reading) -> Option<Step> {
        let ground = reading.word(
            "/reject/ground",
            &self.ground,
            RejectionGround::parse,
            RejectionGround::ALL,
        );
        let explanation = reading.text("/reject/explanation", &self.explanation, TEXT);
        Some(Step::Reject {
            ground: ground?,
            explanation: explanation?,
        })
    }
}

impl CompletionBody {
    fn step(&self, reading: &mut Reading) -> Option<Step> {
        let explanation = reading.optional_text("/complete/explanation", self.explanation.as_deref(), TEXT);
        let words = WishWords {
            pointer: "/complete",
            purpose: self.purpose.as_deref(),
            direct_marketing: self.direct_marketing,
            ground: self.ground.as_deref(),
            correction: self.correction.as_ref(),
        };
        let instead = words.read(reading)?;
        Some(Step::Complete {
            explanation: explanation?,
            instead: (instead != Wish::Plain).then_some(instead),
        })
    }
}
