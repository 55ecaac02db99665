//! `POST /v1/decisions`: may this system do this with this person's data? The main job.

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reading::{Reading, optional};
use super::schema;
use super::wire::{PersonReference, hex, names};
use crate::domain::decision::Question;
use crate::domain::decision::{Reason as DomainReason, ReasonCode};
use crate::domain::preference::Language;
use crate::domain::purpose::{Action, Channel};
use crate::policy::explain::explain;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Forbidden, Refusal};
use crate::service::verbs::{Decide, Decided};
use crate::web::asked::Asked;
use crate::web::problem::Problem;

/// A question before contacting somebody or using data.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(example = json!({
    "person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
    "purpose": "newsletter", "action": "contact", "channel": "email", "dataScopes": ["email", "identity"],
    "reference": "campaign-2027-03"
}))]
pub struct DecisionRequest {
    /// About whom.
    pub person: PersonReference,
    /// For which library.
    #[schema(example = "bibliotheek-de-linde", max_length = 64)]
    pub organisation: String,
    /// For which purpose of the catalogue.
    #[schema(example = "newsletter", max_length = 64)]
    pub purpose: String,
    /// To do what.
    #[schema(schema_with = schema::action)]
    pub action: String,
    /// By which channel.
    #[schema(schema_with = schema::channel)]
    pub channel: Option<String>,
    /// With which data; absent means none.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub data_scopes: Vec<String>,
    /// From which source new data come; required for the action `enrich`.
    #[schema(example = "lending-system", max_length = 64)]
    pub data_source: Option<String>,
    /// Your campaign or case, for your own audit; kept encrypted.
    #[schema(max_length = 200)]
    pub reference: Option<String>,
    /// A past instant: the answer is as the state was then. Needs the scope `audit:read`.
    #[schema(schema_with = schema::moment)]
    pub at: Option<String>,
}

/// The answer. A deny is a normal answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "decisionId": "8f14e45fceea167a5a36dedd4bea2543", "decision": "permit",
    "reasons": [{"code": "permit-consent", "text": "Dit lid gaf toestemming op 3 november 2026."}],
    "dataScopes": ["email", "identity"], "withheldDataScopes": [], "validUntil": "2026-11-22T12:00:30.000Z",
    "obligations": [{"type": "list-unsubscribe", "url": "https://akkoord.example/u/AbC"}], "captureUrl": null,
    "legalBasis": "consent", "policyVersion": "2026-11-01.3",
    "audit": {"log": "decision", "leafHash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
}))]
pub struct Decision {
    /// Id of the decision, also in the audit log.
    pub decision_id: String,
    /// Yes or no.
    #[schema(schema_with = schema::effect)]
    pub decision: &'static str,
    /// All reasons; the first is decisive.
    #[schema(min_items = 1)]
    pub reasons: Vec<Reason>,
    /// The data that may be used.
    pub data_scopes: Vec<String>,
    /// The data that were asked for and may not be used.
    pub withheld_data_scopes: Vec<String>,
    /// Until when a permit may be acted on; null on a deny.
    #[schema(schema_with = schema::optional_moment)]
    pub valid_until: Option<String>,
    /// What the caller must do when it acts on a permit.
    pub obligations: Vec<Obligation>,
    /// Where the person can be asked, when that helps; null when not.
    pub capture_url: Option<String>,
    /// For the action `profile`, the part of a person in what follows from it (GDPR art. 22); absent for any other action.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::human_part)]
    pub human_involvement: Option<&'static str>,
    /// The legal basis of the purpose.
    #[schema(schema_with = schema::legal_basis)]
    pub legal_basis: &'static str,
    /// The version of the catalogue the decision was made with.
    #[schema(example = "2026-11-01.3")]
    pub policy_version: String,
    /// Where it stands in the audit log.
    pub audit: AuditReference,
    /// True when it answers for a past instant; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub point_in_time: bool,
}

/// Why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Stable code.
    #[schema(schema_with = schema::reason_code)]
    pub code: &'static str,
    /// The same in plain words, in the language of `Accept-Language` (Dutch or English).
    #[schema(example = "Dit lid gaf toestemming op 3 november 2026.")]
    pub text: String,
    /// Facts of the customer exception that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = schema::missing_facts)]
    pub missing: Vec<&'static str>,
}

/// Something the caller must do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Obligation {
    /// `list-unsubscribe`: put the URL in the headers `List-Unsubscribe` and `List-Unsubscribe-Post` of the message
    /// (RFC 8058), and as a link in its text.
    #[serde(rename = "type")]
    #[schema(example = "list-unsubscribe")]
    pub kind: &'static str,
    /// The URL.
    #[schema(format = "uri")]
    pub url: String,
}

/// A place in an audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditReference {
    /// Which log.
    #[schema(example = "decision")]
    pub log: &'static str,
    /// SHA-256 of the leaf as RFC 6962 hashes it, in hexadecimal.
    pub leaf_hash: String,
}

/// Ask whether a system may contact somebody or use data
///
/// The answer is recorded in the audit log before it is given. A deny is a normal answer with status 200; without a
/// clear answer, do not act. A permit holds for a short time only: ask for each message.
#[utoipa::path(
    tag = "Decisions", operation_id = "decide", request_body = DecisionRequest,
    responses((status = 200, description = "The recorded decision, permit or deny", body = Decision)),
    security(("clientCredentials" = ["decisions:check"]))
)]
#[post("/decisions")]
pub async fn decide(asked: Asked<DecisionRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::DecisionsCheck)?;
    if body.at.is_some() && !call.principal.scopes.contains(&Scope::AuditRead) {
        return Err(Refusal::Forbidden(Forbidden::Scope).into());
    }
    let verb = body.verb(&call, Reading::new(&service))?;
    let (library, purpose) = (verb.question.organisation.clone(), verb.question.purpose.clone());
    let decided = service.decide(&call, verb).await?;
    let base = service.public_base();
    let mut answer = Decision::of(&decided, call.language, base);
    if asking_helps(&decided) {
        answer.capture_url = Some(format!("{base}/k/{library}.{purpose}"));
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// Whether the person can change the answer by choosing: nobody is asked again soon after a no (R12).
fn asking_helps(decided: &Decided) -> bool {
    let decisive = decided.verdict.reasons.first().map(|reason| reason.code);
    let open = matches!(
        decisive,
        Some(
            ReasonCode::DenyNoConsent
                | ReasonCode::DenyExpired
                | ReasonCode::DenyNoticeOutdated
                | ReasonCode::DenyReconfirmDue
        )
    );
    open && !decided.point_in_time
}

impl DecisionRequest {
    /// The question as the service takes it.
    ///
    /// # Errors
    /// 400 with every mistake.
    pub fn verb(&self, call: &Call, mut reading: Reading) -> Result<Decide, Problem> {
        let person = reading.person("/person", &self.person);
        let organisation = reading.organisation("/organisation", &self.organisation);
        let purpose = reading.purpose("/purpose", &self.purpose);
        let action = reading.word("/action", &self.action, Action::parse, Action::ALL);
        let channel = optional(self.channel.as_deref(), |text| {
            reading.word("/channel", text, Channel::parse, Channel::ALL)
        });
        if action == Some(Action::Contact) && self.channel.is_none() {
            reading.required::<()>("/channel");
        }
        let data_source = optional(self.data_source.as_deref(), |text| {
            reading.data_source("/dataSource", text)
        });
        if action == Some(Action::Enrich) && self.data_source.is_none() {
            reading.required::<()>("/dataSource");
        }
        let data_scopes = reading.data_scopes("/dataScopes", &self.data_scopes);
        let reference = reading.optional_text("/reference", self.reference.as_deref(), 200);
        let at = optional(self.at.as_deref(), |text| reading.past("/at", text));
        let system = call.principal.system.clone();
        let verb = (|| {
            Some(Decide {
                person: person?,
                question: Question {
                    system,
                    organisation: organisation?,
                    purpose: purpose?,
                    action: action?,
                    channel: channel?,
                    data_scopes: data_scopes?,
                    data_source: data_source?,
                },
                reference: reference?,
                at: at?,
            })
        })();
        reading.finish(verb)
    }
}

impl Decision {
    /// A decision as it is answered.
    pub fn of(decided: &Decided, language: Language, public_base: &str) -> Self {
        let verdict = &decided.verdict;
        Self {
            decision_id: decided.id.to_string(),
            decision: verdict.effect.as_str(),
            reasons: verdict
                .reasons
                .iter()
                .map(|reason| Reason::of(reason, language))
                .collect(),
            data_scopes: names(&verdict.data_scopes),
            withheld_data_scopes: names(&verdict.withheld),
            valid_until: verdict.valid_until.map(|moment| moment.rfc3339()),
            obligations: decided
                .unsubscribe
                .iter()
                .map(|token| Obligation {
                    kind: "list-unsubscribe",
                    url: format!("{public_base}/u/{token}"),
                })
                .collect(),
            capture_url: None,
            human_involvement: decided.human.map(|part| part.as_str()),
            legal_basis: verdict.legal_basis.as_str(),
            policy_version: decided.policy_version.clone(),
            audit: AuditReference {
                log: "decision",
                leaf_hash: hex(&decided.leaf_hash),
            },
            point_in_time: decided.point_in_time,
        }
    }
}

impl Reason {
    /// A reason in a language.
    pub fn of(reason: &DomainReason, language: Language) -> Self {
        Self {
            code: reason.code.as_str(),
            text: explain(reason, language),
            missing: reason.missing.iter().map(|fact| fact.as_str()).collect(),
        }
    }
}
