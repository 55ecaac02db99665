//! Everything GDPR art. 15(1) and (3) asks for, about one person at one library: the content of `data.json`.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// The content of `data.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts {
    /// What this is.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) made_at: String,
    pub(super) request_id: String,
    pub(super) library: Library,
    pub(super) person: Person,
    pub(super) choices: Vec<Choice>,
    pub(super) objections: Vec<Objection>,
    pub(super) restricted_at: Option<String>,
    pub(super) preferences: Value,
    pub(super) history: Vec<Happened>,
    pub(super) decisions: Vec<Decision>,
    pub(super) contacts: Vec<Contact>,
    pub(super) looked_up: Vec<LookUp>,
    pub(super) recipients: Vec<Recipient>,
    pub(super) sources: Vec<Source>,
    pub(super) purposes: Vec<PurposeFacts>,
    pub(super) requests: Vec<Requested>,
    pub(super) retention: Retention,
}

/// Who is responsible.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Library {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) legal_name: String,
    pub(super) address: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) officer: String,
    pub(super) officer_email: String,
    pub(super) processor: String,
    pub(super) authority: String,
    pub(super) authority_url: String,
    pub(super) authority_phone: String,
}

/// What the library knows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    pub(super) identifiers: Vec<Named>,
    pub(super) birth_date: Option<String>,
    pub(super) language: Option<&'static str>,
    pub(super) membership: Option<Value>,
    pub(super) guardians: Vec<Guardian>,
    /// Children of whom this person is guardian; who they are is theirs.
    pub(super) guardian_of: usize,
}

/// An identifier.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    pub(super) scheme: String,
    pub(super) title: String,
    pub(super) value: String,
}

/// That there is a guardian; who it is, is the guardian's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Guardian {
    pub(super) verified_by: String,
    pub(super) since: String,
}

/// The current word on a purpose.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Choice {
    pub(super) purpose: String,
    pub(super) title: String,
    pub(super) status: &'static str,
    /// Whether it permits now, and if not why.
    pub(super) effective: &'static str,
    pub(super) said_at: String,
    pub(super) valid_until: Option<String>,
    pub(super) data: Vec<String>,
    pub(super) channels: Vec<String>,
    pub(super) text: Option<Shown>,
    pub(super) receipt_id: String,
}

/// A text as it was shown.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) version: u32,
    pub(super) language: &'static str,
    pub(super) hash: String,
    /// The file of the package with its exact bytes.
    pub(super) file: String,
    pub(super) title: String,
    pub(super) question: Option<String>,
    pub(super) summary: String,
}

/// An objection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Objection {
    /// To which purpose; all direct marketing when null.
    pub(super) purpose: Option<String>,
    pub(super) title: Option<String>,
    pub(super) since: String,
}

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Happened {
    pub(super) event_id: String,
    pub(super) kind: &'static str,
    pub(super) happened_at: String,
    pub(super) recorded_at: String,
    /// Who acted; never which member of staff.
    pub(super) actor: &'static str,
    pub(super) system: String,
    pub(super) recorded_by: String,
    pub(super) purpose: Option<String>,
    pub(super) title: Option<String>,
    pub(super) status: Option<&'static str>,
    pub(super) text: Option<Shown>,
    pub(super) evidence: Option<serde_json::Map<String, Value>>,
}

/// A question that a system asked about the person, and its answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Decision {
    pub(super) decision_id: String,
    pub(super) asked_at: String,
    pub(super) system: String,
    /// Who runs that system, by name.
    pub(super) asked_by: String,
    pub(super) purpose: Option<String>,
    pub(super) title: Option<String>,
    pub(super) action: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) decision: &'static str,
    pub(super) reasons: Vec<WhySaid>,
    /// The data that were permitted.
    pub(super) data: Vec<String>,
    /// The campaign or case it was for, in the words of the system.
    pub(super) reference: Option<String>,
    /// Whether it was one of a list.
    pub(super) in_bulk: bool,
    #[serde(skip)]
    pub(super) scopes: BTreeSet<String>,
}

/// A reason as the system got it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhySaid {
    pub(super) code: String,
    pub(super) text: String,
}

/// A contact that a system reported afterwards.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contact {
    pub(super) at: String,
    pub(super) system: String,
    pub(super) by: String,
    pub(super) purpose: Option<String>,
    pub(super) title: Option<String>,
    pub(super) channel: Option<String>,
    /// `permit`, `deny` or `none`: the answer that the system had been given before.
    pub(super) check: String,
    pub(super) reference: Option<String>,
}

/// That somebody looked at what is recorded about the person, or made this package.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LookUp {
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) system: String,
    pub(super) by: String,
    pub(super) reason: Option<String>,
}

/// Somebody who was permitted to use the person's data (GDPR art. 15(1)(c), by name: C-154/21).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recipient {
    pub(super) system: String,
    pub(super) system_title: String,
    pub(super) name: String,
    pub(super) purposes: Vec<String>,
    pub(super) data: Vec<String>,
    pub(super) first_at: String,
    pub(super) last_at: String,
    pub(super) times: usize,
}

/// Where data come from (GDPR art. 15(1)(g)).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    pub(super) source: String,
    pub(super) name: String,
    pub(super) data: Vec<String>,
    pub(super) since: String,
    pub(super) told_at: Option<String>,
}

/// A purpose of the library, with what art. 15(1)(a), (b), (d) and (h) ask.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PurposeFacts {
    pub(super) purpose: String,
    pub(super) version: u32,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) legal_basis: &'static str,
    pub(super) basis_reference: Option<String>,
    pub(super) data: Vec<String>,
    /// Who may receive the data, by name.
    pub(super) recipients: Vec<String>,
    pub(super) retention: String,
    pub(super) proof_retention: String,
    pub(super) automated_decision: String,
    pub(super) you_may_object: bool,
}

/// A rights request of the person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Requested {
    pub(super) request_id: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) state: &'static str,
    pub(super) received_at: String,
    pub(super) due_at: String,
    pub(super) ended_at: Option<String>,
    pub(super) text: Option<String>,
}

/// How long the logs are kept (ISO 8601).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Retention {
    pub(super) choices: String,
    pub(super) decisions: String,
    pub(super) administration: String,
    pub(super) personal_part: String,
}
