//! The policy files as they are written (`policies/README.md`). Ids, words and
//! periods become types here; whether they fit together is for `check`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::domain::decision::{CustomerFact, Effect, ReasonCode};
use crate::domain::ids::{DataScopeId, DataSourceId, OrganisationId, PurposeId, SchemeId, SystemId};
use crate::domain::moment::Period;
use crate::domain::person::MembershipKind;
use crate::domain::preference::Language;
use crate::domain::purpose::{
    Action, Channel, CommunicationClass, LegalBasis, OnAgeOfConsent, PurposeStatus,
};

/// A title per language.
pub type Titles = BTreeMap<Language, String>;

/// `network.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkFile {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) jurisdiction: String,
    pub(super) time_zone: String,
    pub(super) languages: Vec<Language>,
    pub(super) processor: ContactEntry,
    pub(super) supervisory_authority: AuthorityEntry,
    pub(super) log_retention: LogRetentionEntry,
    #[serde(default)]
    pub(super) retention: RetentionEntry,
    #[serde(rename = "organisation", default)]
    pub(super) organisations: Vec<OrganisationEntry>,
    #[serde(rename = "identifier_scheme", default)]
    pub(super) schemes: Vec<SchemeEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactEntry {
    pub id: String,
    pub name: String,
    pub address: String,
    pub email: String,
    pub phone: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorityEntry {
    pub name: String,
    pub url: String,
    pub phone: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogRetentionEntry {
    pub consent: Period,
    pub decision: Period,
    pub admin: Period,
    pub private: Period,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionEntry {
    pub expiry_reminder: Option<Period>,
    pub history: Option<Period>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganisationEntry {
    pub id: OrganisationId,
    pub name: String,
    pub legal_name: String,
    pub kvk: String,
    pub address: String,
    pub email: String,
    pub phone: String,
    pub website: String,
    pub dpo: OfficerEntry,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfficerEntry {
    pub name: String,
    pub email: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SchemeEntry {
    pub id: SchemeId,
    pub title: Titles,
    pub normalise: NormaliseWord,
    pub max_length: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NormaliseWord {
    Digits,
    Lower,
    Exact,
}

/// `data-scopes.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataScopesFile {
    #[serde(rename = "data_scope", default)]
    pub(super) data_scopes: Vec<DataScopeEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataScopeEntry {
    pub id: DataScopeId,
    pub term: String,
    pub broader: Option<String>,
    pub title: Titles,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub special_category: bool,
}

/// `systems.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemsFile {
    #[serde(rename = "system", default)]
    pub(super) systems: Vec<SystemEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SystemEntry {
    pub id: SystemId,
    pub title: Titles,
    pub recipient: String,
    pub organisations: Vec<String>,
    pub identifier_schemes: BTreeSet<SchemeId>,
    pub limits: LimitsEntry,
    #[serde(rename = "may", default)]
    pub grants: Vec<GrantEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsEntry {
    pub per_second: u32,
    pub burst: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantEntry {
    pub purposes: BTreeSet<PurposeId>,
    pub actions: BTreeSet<Action>,
    #[serde(default)]
    pub channels: BTreeSet<Channel>,
    #[serde(default)]
    pub data_scopes: BTreeSet<DataScopeId>,
}

/// `purposes/<id>.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeFile {
    pub(super) id: PurposeId,
    pub(super) version: u32,
    pub(super) material: bool,
    pub(super) status: PurposeStatus,
    pub(super) dpv: String,
    pub(super) legal_basis: LegalBasis,
    pub(super) basis_reference: Option<String>,
    #[serde(default)]
    pub(super) explicit: bool,
    pub(super) communication_class: Option<CommunicationClass>,
    pub(super) class_motivation: Option<String>,
    pub(super) actions: BTreeSet<Action>,
    pub(super) data_scopes: BTreeSet<DataScopeId>,
    #[serde(default)]
    pub(super) enrichment_sources: BTreeSet<DataSourceId>,
    #[serde(default)]
    pub(super) channels: BTreeSet<Channel>,
    #[serde(default)]
    pub(super) recipients: BTreeSet<SystemId>,
    pub(super) validity: Option<Period>,
    pub(super) reask_not_before: Option<Period>,
    pub(super) retention: String,
    pub(super) proof_retention: Period,
    pub(super) age: Option<AgeEntry>,
    pub(super) dpia: Option<String>,
    pub(super) automated_decision: AutomatedDecision,
    pub(super) controller_role: ControllerRole,
    pub(super) joint_arrangement: Option<String>,
    #[serde(default)]
    pub(super) restriction_exempt: bool,
    #[serde(default)]
    pub(super) school_domain: bool,
    pub(super) fail_mode: FailMode,
    pub(super) approved: ApprovalEntry,
    pub(super) customer_exception: Option<CustomerExceptionEntry>,
    #[serde(rename = "notice", default)]
    pub(super) notices: BTreeMap<String, NoticeEntry>,
    #[serde(rename = "example", default)]
    pub(super) examples: Vec<Example>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgeEntry {
    #[serde(default = "sixteen")]
    pub self_from: u32,
    #[serde(default)]
    pub minimum: u32,
    #[serde(default = "yes")]
    pub child_may_withdraw: bool,
    pub on_age_of_consent: Option<OnAgeOfConsent>,
    pub reconfirm_within: Option<Period>,
}

const fn sixteen() -> u32 {
    crate::domain::age::AGE_OF_CONSENT
}

const fn yes() -> bool {
    true
}

macro_rules! facts {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        pub(super) enum $name { $(#[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

facts!(AutomatedDecision { None => "none", HumanReview => "human-review", SolelyAutomated => "solely-automated" });
facts!(ControllerRole { Controller => "controller", Joint => "joint-controller", Processor => "processor" });
facts!(FailMode { Closed => "closed", Service => "service" });

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalEntry {
    pub by: String,
    pub on: toml::value::Datetime,
}

impl ApprovalEntry {
    /// The date; `None` when only a time is given or the day does not exist.
    pub fn date(&self) -> Option<chrono::NaiveDate> {
        let date = self.on.date?;
        chrono::NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CustomerExceptionEntry {
    pub similar_offer: String,
    pub after_membership: Period,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeEntry {
    pub title: String,
    pub question: Option<String>,
    pub summary: String,
    pub yes: Option<String>,
    pub no: Option<String>,
    pub if_no: Option<String>,
    pub object: Option<String>,
    pub why_no_choice: Option<String>,
    pub full: Option<String>,
}

impl NoticeEntry {
    /// The texts that are there, with their keys, in the order of the document that is shown.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("title", Some(&self.title)),
            ("question", self.question.as_ref()),
            ("summary", Some(&self.summary)),
            ("yes", self.yes.as_ref()),
            ("no", self.no.as_ref()),
            ("if_no", self.if_no.as_ref()),
            ("object", self.object.as_ref()),
            ("why_no_choice", self.why_no_choice.as_ref()),
            ("full", self.full.as_ref()),
        ]
        .into_iter()
        .filter_map(|(key, text)| text.map(|text| (key, text.as_str())))
    }
}

/// One executable example of a purpose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub(super) name: String,
    #[serde(default)]
    pub(super) when: When,
    pub(super) ask: Ask,
    pub(super) then: Then,
}

/// About whom an example is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct When {
    pub age: Option<u32>,
    pub state: State,
    pub consent_channels: BTreeSet<Channel>,
    pub member: Option<bool>,
    pub member_of: Option<OrganisationId>,
    pub known: Option<bool>,
    pub erased: bool,
    pub restricted: bool,
    pub objections: BTreeSet<String>,
    pub guardian: bool,
    pub membership: Option<MembershipEntry>,
    pub school: bool,
    pub channels_off: BTreeSet<Channel>,
    pub paused: bool,
    pub enriched: BTreeSet<DataScopeId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    #[default]
    None,
    Requested,
    Refused,
    Withdrawn,
    Given,
    GivenByGuardian,
    Expired,
    Outdated,
    GuardianGivenReconfirmDue,
    ChildSaidYes,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MembershipEntry {
    pub kind: Option<MembershipKind>,
    #[serde(default)]
    pub paying: bool,
    #[serde(default)]
    pub contact_from_sale: bool,
    #[serde(default)]
    pub opt_out_offered: bool,
    pub ended_days_ago: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    pub system: SystemId,
    pub organisation: Option<OrganisationId>,
    pub action: Action,
    pub channel: Option<Channel>,
    #[serde(default)]
    pub data_scopes: BTreeSet<DataScopeId>,
    pub data_source: Option<DataSourceId>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Then {
    #[serde(deserialize_with = "effect")]
    pub decision: Effect,
    #[serde(deserialize_with = "reason")]
    pub reason: ReasonCode,
    pub data_scopes: Option<BTreeSet<DataScopeId>>,
    #[serde(default, deserialize_with = "facts")]
    pub missing: Option<BTreeSet<CustomerFact>>,
}

fn effect<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Effect, D::Error> {
    let word = String::deserialize(d)?;
    Effect::parse(&word).ok_or_else(|| unknown_word::<D>(&word, "permit or deny"))
}

fn reason<'de, D: serde::Deserializer<'de>>(d: D) -> Result<ReasonCode, D::Error> {
    let word = String::deserialize(d)?;
    ReasonCode::parse(&word).ok_or_else(|| unknown_word::<D>(&word, "a reason code such as deny-no-consent"))
}

fn facts<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<BTreeSet<CustomerFact>>, D::Error> {
    let words = BTreeSet::<String>::deserialize(d)?;
    let fact = |word: &String| {
        CustomerFact::parse(word)
            .ok_or_else(|| unknown_word::<D>(word, "a fact of the customer exception such as own-customer"))
    };
    words.iter().map(fact).collect::<Result<_, _>>().map(Some)
}

fn unknown_word<'de, D: serde::Deserializer<'de>>(word: &str, expected: &str) -> D::Error {
    serde::de::Error::custom(format!("unknown variant `{word}`, expected {expected}"))
}
