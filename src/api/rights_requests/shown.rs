//! Rights requests as their officers see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::schema;
use super::super::wire::hex;
use crate::domain::ids::SchemeId;
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::rights::{Content, PastStep, Received, RightsRequest, Wish};
use crate::web::letters::LetterKind;

/// A rights request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RightsRequest)]
pub struct RightsRequestDocument {
    /// Its id.
    #[schema(example = "8f14e45fceea167a5a36dedd4bea2543")]
    pub request_id: String,
    /// The calling system's own id of the person.
    pub person_id: String,
    /// Whether the person was erased since; what the request said is gone then.
    pub person_erased: bool,
    /// The library.
    #[schema(example = "bibliotheek-de-linde")]
    pub organisation: String,
    /// Which right.
    #[serde(rename = "type")]
    #[schema(schema_with = schema::request_type)]
    pub kind: &'static str,
    /// The same as a term of the Data Privacy Vocabulary.
    #[schema(example = "eu-gdpr:A15")]
    pub right: &'static str,
    /// Where it stands.
    #[schema(schema_with = schema::request_state)]
    pub state: &'static str,
    /// The same as a term of the Data Privacy Vocabulary.
    #[schema(example = "dpv:RequestInitiated")]
    pub status: &'static str,
    /// Counts the steps; send it with the next one.
    #[schema(example = 1)]
    pub revision: u64,
    /// When the library received it.
    #[schema(schema_with = schema::moment)]
    pub received_at: String,
    /// Until when it must be answered: the last millisecond of the last day.
    #[schema(schema_with = schema::moment)]
    pub due_at: String,
    /// The last day, by the calendar of the library.
    #[schema(schema_with = schema::date)]
    pub due_on: String,
    /// Whether that is over and the request is not answered.
    pub overdue: bool,
    /// When the term was extended; null when it was not.
    #[schema(schema_with = schema::optional_moment)]
    pub extended_at: Option<String>,
    /// When it was answered; null when it is not.
    #[schema(schema_with = schema::optional_moment)]
    pub ended_at: Option<String>,
    /// The officer who is responsible for it.
    pub assignee: Option<String>,
    /// The calling system's own id of the guardian who stands behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardian_id: Option<String>,
    /// What came in; absent in a list, and once the person is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<ReceivedDocument>,
    /// What was done, oldest first; absent in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<StepDocument>,
    /// The letters there are, by path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["/v1/rights-requests/8f14e45fceea167a5a36dedd4bea2543/letters/received"]))]
    pub letters: Vec<String>,
}

/// What came in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReceivedRightsRequest)]
pub struct ReceivedDocument {
    /// Who asks.
    #[schema(schema_with = schema::actor_kind)]
    pub actor: &'static str,
    /// How it came in.
    #[schema(schema_with = schema::indication_method)]
    pub indication_method: &'static str,
    /// The language of the answer; null for the person's own.
    pub language: Option<&'static str>,
    /// In the person's own words.
    pub text: Option<String>,
    /// What exactly is wanted, where it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wish: Option<WishDocument>,
    /// Proof.
    #[schema(schema_with = schema::evidence)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What exactly is wanted, or was done.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RightsWish)]
pub struct WishDocument {
    /// To which purpose is objected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Whether to all direct marketing is objected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_marketing: Option<bool>,
    /// On which ground processing is restricted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ground: Option<String>,
    /// What is corrected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<CorrectionDocument>,
}

/// What is corrected.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CorrectionMade)]
pub struct CorrectionDocument {
    /// Birth date.
    #[schema(schema_with = schema::date)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<String>,
    /// Language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'static str>,
    /// Identifiers that are added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_identifiers: Vec<IdentifierDocument>,
    /// Identifiers that are removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_identifiers: Vec<IdentifierDocument>,
}

/// An identifier.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IdentifierShown)]
pub struct IdentifierDocument {
    /// Kind.
    pub scheme: String,
    /// Value.
    pub value: String,
}

/// A step that was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RightsRequestStep)]
pub struct StepDocument {
    /// Its number: the revision it led to.
    pub number: u64,
    /// What was done.
    #[schema(schema_with = schema::step_kind)]
    pub step: &'static str,
    /// Where the request stood after it.
    #[schema(schema_with = schema::request_state)]
    pub state: &'static str,
    /// The same as a term of the Data Privacy Vocabulary.
    pub status: &'static str,
    /// When.
    #[schema(schema_with = schema::moment)]
    pub at: String,
    /// Through which system.
    pub system: String,
    /// By which officer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub officer: Option<String>,
    /// The doubt about who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// How it became known who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// By how many months the term was extended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub months: Option<u32>,
    /// Why: of an extension `complexity` or `number`, of a refusal its ground.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reason as a term of the Data Privacy Vocabulary, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<&'static str>,
    /// What was said to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// What was recorded by completing the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<WishDocument>,
}

impl RightsRequestDocument {
    /// The request as a document, at this instant.
    pub(super) fn of(request: &RightsRequest, service: &Service) -> Self {
        let zone = service.catalogue().network.zone;
        let id = hex(request.id.as_bytes());
        let letters = LetterKind::ALL
            .iter()
            .filter(|kind| kind.is_there(request))
            .map(|kind| format!("/v1/rights-requests/{id}/letters/{kind}"));
        Self {
            letters: letters.collect(),
            request_id: id,
            person_id: request.person_id.clone(),
            person_erased: request.person_erased,
            organisation: request.organisation.to_string(),
            kind: request.kind.as_str(),
            right: request.kind.dpv_term(),
            state: request.state.as_str(),
            status: request.state.dpv_term(),
            revision: request.revision,
            received_at: request.received_at.rfc3339(),
            due_at: request.due_at.rfc3339(),
            due_on: request.due_at.date(zone).to_string(),
            overdue: request.ended_at.is_none() && service.world().now() > request.due_at,
            extended_at: request.extended_at.map(|at| at.rfc3339()),
            ended_at: request.ended_at.map(|at| at.rfc3339()),
            assignee: shown(request.assignee.as_ref()),
            guardian_id: request.guardian_id.clone(),
            received: request.received().map(ReceivedDocument::of),
            history: request.history.iter().map(StepDocument::of).collect(),
        }
    }
}

/// To an officer who may read it.
fn shown(text: Option<&Personal<String>>) -> Option<String> {
    text.map(|text| text.reveal().clone())
}

impl ReceivedDocument {
    fn of(received: &Received) -> Self {
        Self {
            actor: received.actor.as_str(),
            indication_method: received.method.as_str(),
            language: received.language.map(|language| language.as_str()),
            text: shown(received.text.as_ref()),
            wish: WishDocument::of(&received.wish),
            evidence: received.evidence.as_ref().map(|facts| facts.reveal().clone()),
        }
    }
}

impl WishDocument {
    /// A wish as a document; none where nothing exact was said.
    pub(super) fn of(wish: &Wish) -> Option<Self> {
        let mut document = Self::default();
        match wish {
            Wish::Plain => return None,
            Wish::Objection { purpose } => {
                document.purpose = purpose.as_ref().map(ToString::to_string);
                document.direct_marketing = purpose.is_none().then_some(true);
            }
            Wish::Restriction { ground } => document.ground = Some(ground.clone()),
            Wish::Correction(correction) => {
                let identifiers = |list: &[(SchemeId, Personal<String>)]| {
                    let shown = list.iter().map(|(scheme, value)| IdentifierDocument {
                        scheme: scheme.to_string(),
                        value: value.reveal().clone(),
                    });
                    shown.collect()
                };
                document.correction = Some(CorrectionDocument {
                    birth_date: correction
                        .birth_date
                        .as_ref()
                        .map(|date| date.reveal().to_string()),
                    language: correction.language.map(|language| language.as_str()),
                    add_identifiers: identifiers(&correction.add),
                    remove_identifiers: identifiers(&correction.remove),
                });
            }
        }
        Some(document)
    }
}

impl StepDocument {
    fn of(step: &PastStep) -> Self {
        let mut document = Self {
            number: step.number,
            step: step.kind.as_str(),
            state: step.state.as_str(),
            status: step.state.dpv_term(),
            at: step.at.rfc3339(),
            system: step.system.clone(),
            officer: shown(step.officer.as_ref()),
            doubt: None,
            how: None,
            months: None,
            reason: None,
            justification: None,
            explanation: None,
            done: None,
        };
        match &step.content {
            None | Some(Content::Received(_) | Content::GuardianConfirmed { .. }) => {}
            Some(Content::IdentityAsked { doubt }) => document.doubt = shown(Some(doubt)),
            Some(Content::IdentityConfirmed { how }) => document.how = shown(Some(how)),
            Some(Content::Extended {
                months,
                reason,
                explanation,
            }) => {
                document.months = Some(*months);
                document.reason = Some(reason.as_str());
                document.justification = Some(reason.dpv_term());
                document.explanation = shown(Some(explanation));
            }
            Some(Content::Rejected { ground, explanation }) => {
                document.reason = Some(ground.as_str());
                document.justification = ground.dpv_term();
                document.explanation = shown(Some(explanation));
            }
            Some(Content::Completed { explanation, did }) => {
                document.explanation = shown(explanation.as_ref());
                document.done = WishDocument::of(did);
            }
            Some(Content::Closed { explanation }) => document.explanation = shown(Some(explanation)),
        }
        document
    }
}
