//! One checked version of everything in `policies/`. Immutable; swapped as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::theme::Theme;
use crate::domain::ids::{DataScopeId, OrganisationId, PurposeId, SchemeId, SystemId};
use crate::domain::moment::Period;
use crate::domain::preference::Language;
use crate::domain::purpose::{Action, Channel, Purpose};

/// A catalogue: what decisions are made with.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Date and running number, `2026-11-01.3`; written into every decision.
    pub version: String,
    /// The network.
    pub network: Network,
    /// The libraries.
    pub organisations: BTreeMap<OrganisationId, Organisation>,
    /// Kinds of identifiers.
    pub schemes: BTreeMap<SchemeId, Scheme>,
    /// Kinds of data.
    pub data_scopes: BTreeMap<DataScopeId, DataScope>,
    /// Calling systems.
    pub systems: BTreeMap<SystemId, System>,
    /// Purposes in their current version.
    pub purposes: BTreeMap<PurposeId, Arc<PurposeEntry>>,
    /// How the pages of a library look, where that is not as usual.
    pub themes: BTreeMap<OrganisationId, Theme>,
}

impl Catalogue {
    /// What a library is called; nothing where there is none.
    pub fn library(&self, id: &OrganisationId) -> &str {
        self.organisations
            .get(id)
            .map_or("", |library| library.name.as_str())
    }
}

/// The network of libraries: the tenant.
#[derive(Debug, Clone)]
pub struct Network {
    /// Id; binds every ciphertext and pseudonym.
    pub id: String,
    /// Name.
    pub name: String,
    /// Jurisdiction, `NL`.
    pub jurisdiction: String,
    /// Where birthdays begin.
    pub zone: Tz,
    /// Languages of notices.
    pub languages: Vec<Language>,
    /// Who runs the service for the libraries.
    pub processor: Contact,
    /// Where to complain.
    pub authority: Authority,
    /// How long audit logs are kept.
    pub log_retention: LogRetention,
    /// Retention of what is known about people, beside the terms of the purposes.
    pub retention: PeopleRetention,
}

/// Terms for what is known about people that no purpose has. What has no term is neither removed nor reminded of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeopleRetention {
    /// How long before a yes ends systems are reminded.
    pub expiry_reminder: Option<Period>,
    /// How long what is no longer current stays in somebody's history.
    pub history: Option<Period>,
}

/// Somebody to write to.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Postal address.
    pub address: String,
    /// E-mail.
    pub email: String,
    /// Telephone.
    pub phone: String,
}

/// The supervisory authority.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Name.
    pub name: String,
    /// Web address.
    pub url: String,
    /// Telephone.
    pub phone: String,
}

/// Retention of the audit logs.
#[derive(Debug, Clone, Copy)]
pub struct LogRetention {
    /// Log of choices.
    pub consent: Period,
    /// Log of decisions.
    pub decision: Period,
    /// Log of administration.
    pub admin: Period,
    /// Personal side entries.
    pub private: Period,
}

/// A library: a controller.
#[derive(Debug, Clone)]
pub struct Organisation {
    /// Id.
    pub id: OrganisationId,
    /// Name as people know it.
    pub name: String,
    /// Name of the legal person.
    pub legal_name: String,
    /// Number in the trade register.
    pub kvk: String,
    /// Postal address.
    pub address: String,
    /// E-mail for privacy questions.
    pub email: String,
    /// Telephone.
    pub phone: String,
    /// Web address.
    pub website: String,
    /// Data protection officer: name.
    pub dpo_name: String,
    /// Data protection officer: e-mail.
    pub dpo_email: String,
}

/// How values of an identifier scheme are made equal before they are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalise {
    /// Spaces, dots and hyphens out; then only 0-9.
    Digits,
    /// Trimmed and in lower case.
    Lower,
    /// As it is.
    Exact,
}

/// A kind of identifier.
#[derive(Debug, Clone)]
pub struct Scheme {
    /// Id.
    pub id: SchemeId,
    /// Title per language.
    pub title: BTreeMap<Language, String>,
    /// Normalisation.
    pub normalise: Normalise,
    /// Longest value, in characters.
    pub max_length: usize,
}

impl Scheme {
    /// The value as it is looked up and stored; `None` when it cannot be one of this scheme.
    pub fn normalise(&self, value: &str) -> Option<String> {
        if value.chars().any(char::is_control) {
            return None;
        }
        let value = match self.normalise {
            Normalise::Digits => {
                let kept: String = value.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
                kept.bytes().all(|b| b.is_ascii_digit()).then_some(kept)?
            }
            Normalise::Lower => value.trim().to_lowercase(),
            Normalise::Exact => value.to_owned(),
        };
        let length = value.chars().count();
        (1..=self.max_length).contains(&length).then_some(value)
    }
}

/// A kind of data.
#[derive(Debug, Clone)]
pub struct DataScope {
    /// Id.
    pub id: DataScopeId,
    /// Term of the Data Privacy Vocabulary, or our own `lib:` term.
    pub term: String,
    /// The broader DPV term of an own term.
    pub broader: Option<String>,
    /// Title per language.
    pub title: BTreeMap<Language, String>,
    /// Whether it says a lot about somebody (loans, derived profile).
    pub sensitive: bool,
    /// Whether it is a special category of GDPR art. 9.
    pub special_category: bool,
}

/// A calling system and what it may ask.
#[derive(Debug, Clone)]
pub struct System {
    /// Id.
    pub id: SystemId,
    /// Title per language.
    pub title: BTreeMap<Language, String>,
    /// Who runs it: the recipient by name.
    pub recipient: String,
    /// For which libraries; `None` means all.
    pub organisations: Option<BTreeSet<OrganisationId>>,
    /// Identifier schemes it may use.
    pub schemes: BTreeSet<SchemeId>,
    /// Requests per second it may make, sustained.
    pub per_second: u32,
    /// Requests it may make at once.
    pub burst: u32,
    /// What it may ask.
    pub grants: Vec<Grant>,
}

impl System {
    /// Whether it works for a library.
    pub fn serves(&self, organisation: &OrganisationId) -> bool {
        self.organisations
            .as_ref()
            .is_none_or(|set| set.contains(organisation))
    }

    /// The grants for a purpose and action.
    pub fn grants_for(&self, purpose: &PurposeId, action: Action) -> impl Iterator<Item = &Grant> {
        self.grants
            .iter()
            .filter(move |g| g.purposes.contains(purpose) && g.actions.contains(&action))
    }
}

/// One grant: a question must fit inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Purposes.
    pub purposes: BTreeSet<PurposeId>,
    /// Actions.
    pub actions: BTreeSet<Action>,
    /// Channels.
    pub channels: BTreeSet<Channel>,
    /// Data.
    pub data_scopes: BTreeSet<DataScopeId>,
}

/// A purpose version with its words and its facts for the register.
#[derive(Debug, Clone)]
pub struct PurposeEntry {
    /// What the engine needs.
    pub purpose: Purpose,
    /// What the register of processing needs.
    pub register: RegisterFacts,
    /// The notice per variant: `nl`, `en`, `nl-child`, `en-child`.
    pub notices: BTreeMap<String, Notice>,
}

impl PurposeEntry {
    /// The notice in a language; the child's variant where asked for and present.
    pub fn notice(&self, language: Language, child: bool) -> Option<&Notice> {
        let child_variant = child
            .then(|| self.notices.get(&format!("{}-child", language.as_str())))
            .flatten();
        child_variant.or_else(|| self.notices.get(language.as_str()))
    }
}

/// Facts for the register of processing (GDPR art. 30) and for publication checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterFacts {
    /// Purpose term of the Data Privacy Vocabulary.
    pub dpv: String,
    /// The law, the public task or the balancing test.
    pub basis_reference: Option<String>,
    /// Why its messages have their class.
    pub class_motivation: Option<String>,
    /// A period, or an event with a period.
    pub retention: String,
    /// How long the proof of a choice is kept after its end.
    pub proof_retention: Period,
    /// The data protection impact assessment.
    pub dpia: Option<String>,
    /// `none`, `human-review` or `solely-automated`.
    pub automated_decision: String,
    /// `controller`, `joint-controller` or `processor`.
    pub controller_role: String,
    /// The arrangement of joint controllers (GDPR art. 26).
    pub joint_arrangement: Option<String>,
    /// `closed` or `service`: what a caller does when the service cannot be reached (R74).
    pub fail_mode: String,
    /// Who approved this version, and when.
    pub approved_by: String,
    /// When it was approved.
    pub approved_on: NaiveDate,
}

/// The event from which a retention counts when it is about former members.
const MEMBERSHIP_END: &str = "membership-end";

impl RegisterFacts {
    /// The retention, where it is a period and nothing else.
    pub fn retention_period(&self) -> Option<Period> {
        self.retention.parse().ok()
    }

    /// How long after the end of a membership its data are kept, where the retention is of that form.
    pub fn after_membership(&self) -> Option<Period> {
        match self.retention.split_once('+') {
            Some((MEMBERSHIP_END, period)) => period.parse().ok(),
            Some(_) => None,
            None => (self.retention == MEMBERSHIP_END).then_some(Period::days(0)),
        }
    }
}

/// The words of a purpose version in one language. `bytes` is what is shown, hashed and served, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Title.
    pub title: String,
    /// The question, for consent.
    pub question: Option<String>,
    /// In at most three sentences.
    pub summary: String,
    /// The words of yes.
    pub yes: Option<String>,
    /// The words of no.
    pub no: Option<String>,
    /// What happens after no.
    pub if_no: Option<String>,
    /// The words of the button to object.
    pub object: Option<String>,
    /// Why there is nothing to choose.
    pub why_no_choice: Option<String>,
    /// The whole explanation, Markdown with `###` headings; empty in a child's variant that has none of its own.
    pub full: String,
    /// The exact bytes: one JSON document with the keys above in this order, absent ones left out.
    pub bytes: Arc<[u8]>,
    /// SHA-256 of `bytes`.
    pub hash: [u8; 32],
}
