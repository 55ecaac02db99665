//! What can be asked of the service: one request and one answer type per use case.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::{HumanPart, Question, Verdict};
use crate::domain::event::{Actor, ActorKind};
use crate::domain::ids::{
    DataScopeId, DataSourceId, DecisionId, EventId, IdentifierId, OrganisationId, PurposeId, SchemeId,
};
use crate::domain::moment::Moment;
use crate::domain::person::{GuardianVerification, Membership};
use crate::domain::personal::Personal;
use crate::domain::preference::{Language, Preferences};
use crate::domain::purpose::Channel;

/// How a caller names a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonRef {
    /// By an identifier, normalised by its scheme.
    Identifier {
        /// Scheme.
        scheme: SchemeId,
        /// Normalised value.
        value: Personal<String>,
    },
    /// By the pairwise `personId` the caller got from us.
    Pairwise(String),
}

/// Free facts that prove an act: form number, scan reference. At most 20 members of short strings.
pub type Evidence = Personal<serde_json::Map<String, serde_json::Value>>;

/// Ask whether a system may.
#[derive(Debug, Clone)]
pub struct Decide {
    /// About whom.
    pub person: PersonRef,
    /// What.
    pub question: Question,
    /// The caller's campaign or case; kept in the private part of the audit entry.
    pub reference: Option<Personal<String>>,
    /// Answer as the state was at a past instant; recorded as such.
    pub at: Option<Moment>,
}

/// The recorded answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Id.
    pub id: DecisionId,
    /// The verdict.
    pub verdict: Verdict,
    /// The catalogue it was made with.
    pub policy_version: String,
    /// Hash of its leaf in the decision log.
    pub leaf_hash: [u8; 32],
    /// For a profile, the part of a person in what follows from it.
    pub human: Option<HumanPart>,
    /// Token for the unsubscribe link, where one is due.
    pub unsubscribe: Option<String>,
    /// Whether it answers for a past instant.
    pub point_in_time: bool,
}

/// Make somebody known at a library, or add to what is known.
#[derive(Debug, Clone)]
pub struct RegisterPerson {
    /// Library.
    pub organisation: OrganisationId,
    /// Identifiers, normalised; at least one.
    pub identifiers: Vec<(SchemeId, Personal<String>)>,
    /// Birth date.
    pub birth_date: Option<Personal<NaiveDate>>,
    /// Language.
    pub language: Option<Language>,
    /// Membership.
    pub membership: Option<Membership>,
}

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The caller's own pairwise id.
    pub person_id: String,
    /// Whether this library did not know the person before.
    pub created: bool,
}

/// Find somebody by an identifier.
#[derive(Debug, Clone)]
pub struct LookUpPerson {
    /// Scheme.
    pub scheme: SchemeId,
    /// Normalised value.
    pub value: Personal<String>,
    /// Library; may be absent when only one of the caller's libraries knows the person.
    pub organisation: Option<OrganisationId>,
}

/// Add an identifier.
#[derive(Debug, Clone)]
pub struct AddIdentifier {
    /// Pairwise id.
    pub person_id: String,
    /// Scheme.
    pub scheme: SchemeId,
    /// Normalised value.
    pub value: Personal<String>,
}

/// The identifier that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierAdded {
    /// Its id.
    pub identifier_id: IdentifierId,
}

/// Remove an identifier.
#[derive(Debug, Clone)]
pub struct RemoveIdentifier {
    /// Pairwise id.
    pub person_id: String,
    /// Its id.
    pub identifier_id: IdentifierId,
}

/// Link a guardian to a child.
#[derive(Debug, Clone)]
pub struct LinkGuardian {
    /// The child's pairwise id.
    pub child: String,
    /// The guardian; known at the same library.
    pub guardian: PersonRef,
    /// How it was verified.
    pub verification: GuardianVerification,
    /// Proof.
    pub evidence: Option<Evidence>,
}

/// The link that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardianLinked {
    /// The guardian's pairwise id.
    pub guardian_id: String,
}

/// Unlink a guardian.
#[derive(Debug, Clone)]
pub struct UnlinkGuardian {
    /// The child's pairwise id.
    pub child: String,
    /// The guardian's pairwise id.
    pub guardian: String,
}

/// Two records turned out to be one person.
#[derive(Debug, Clone)]
pub struct MergePeople {
    /// Pairwise id that stays.
    pub keep: String,
    /// Pairwise id that ends.
    pub merge: String,
    /// Why.
    pub reason: Personal<String>,
}

/// Who speaks in an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorRef {
    /// What sort.
    pub kind: ActorKind,
    /// The guardian, when it is one.
    pub guardian: Option<PersonRef>,
    /// Staff number, when somebody of the library typed or acted.
    pub staff: Option<Personal<String>>,
}

impl ActorRef {
    /// An actor with only its kind.
    pub const fn plain(kind: ActorKind) -> Self {
        Self {
            kind,
            guardian: None,
            staff: None,
        }
    }
}

/// Record a word on consent.
#[derive(Debug, Clone)]
pub struct RecordConsent {
    /// Whose data.
    pub person: PersonRef,
    /// Library.
    pub organisation: OrganisationId,
    /// Purpose.
    pub purpose: PurposeId,
    /// The status it leads to.
    pub status: ConsentStatus,
    /// Data; absent means all of the purpose.
    pub data_scopes: Option<BTreeSet<DataScopeId>>,
    /// Channels; absent means all of the purpose.
    pub channels: Option<BTreeSet<Channel>>,
    /// The notice that was shown; needed for a yes.
    pub notice_version: Option<u32>,
    /// The language it was shown in; needed for a yes.
    pub language: Option<Language>,
    /// How.
    pub method: IndicationMethod,
    /// Who.
    pub actor: ActorRef,
    /// Proof.
    pub evidence: Option<Evidence>,
    /// When, for paper and imports; absent means now.
    pub occurred_at: Option<Moment>,
}

/// Proof of a recorded word: what the receipt says, before it is rendered and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Id; also of the event.
    pub id: EventId,
    /// The caller's own pairwise id.
    pub person_id: String,
    /// Library.
    pub organisation: OrganisationId,
    /// Purpose.
    pub purpose: PurposeId,
    /// Status after the act; `requested` when a child's yes waits for a guardian.
    pub status: ConsentStatus,
    /// Whether a guardian must still consent.
    pub awaits_guardian: bool,
    /// Data.
    pub data_scopes: BTreeSet<DataScopeId>,
    /// Channels.
    pub channels: BTreeSet<Channel>,
    /// Notice version; 0 when none was shown.
    pub notice_version: u32,
    /// SHA-256 of the notice, hexadecimal; empty when none was shown.
    pub notice_hash: String,
    /// Language.
    pub language: Language,
    /// How.
    pub method: IndicationMethod,
    /// Who, by sort only.
    pub actor: ActorKind,
    /// When it was said.
    pub occurred_at: Moment,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// Until when a yes permits.
    pub valid_until: Option<Moment>,
    /// Hash of its leaf in the consent log.
    pub leaf_hash: String,
    /// The policy version in force.
    pub policy_version: String,
}

/// Read the current word on every purpose at the library of a pairwise id.
#[derive(Debug, Clone)]
pub struct CurrentConsents {
    /// Pairwise id.
    pub person_id: String,
}

/// What is current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentState {
    /// Library.
    pub organisation: OrganisationId,
    /// Revision of the person's record at this library, for optimistic concurrency.
    pub revision: u64,
    /// One line per purpose that was ever asked.
    pub consents: Vec<CurrentConsent>,
    /// Objection to direct marketing since.
    pub marketing_objection: Option<Moment>,
    /// Objections to purposes since.
    pub objections: Vec<(PurposeId, Moment)>,
    /// Restriction since.
    pub restricted: Option<Moment>,
}

/// One purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentConsent {
    /// Purpose.
    pub purpose: PurposeId,
    /// The last word.
    pub status: ConsentStatus,
    /// Whether it permits now, and if not why: `permit-consent` or the deny code.
    pub effective: crate::domain::decision::ReasonCode,
    /// When it was said.
    pub occurred_at: Moment,
    /// Until when it permits.
    pub valid_until: Option<Moment>,
    /// Data.
    pub data_scopes: BTreeSet<DataScopeId>,
    /// Channels.
    pub channels: BTreeSet<Channel>,
    /// Notice version.
    pub notice_version: u32,
    /// Receipt.
    pub receipt: EventId,
}

/// Read the history at the library of a pairwise id.
#[derive(Debug, Clone)]
pub struct ConsentHistory {
    /// Pairwise id.
    pub person_id: String,
    /// Only what was recorded up to this instant.
    pub until: Option<Moment>,
}

/// One event of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryItem {
    /// Its place in the person's history at this library, from 1; grows by one.
    pub sequence: u64,
    /// The event.
    pub event: crate::domain::event::Event,
}

/// Read a receipt again.
#[derive(Debug, Clone, Copy)]
pub struct FetchReceipt {
    /// Id.
    pub id: EventId,
}

/// Make or lift an objection.
#[derive(Debug, Clone)]
pub struct RecordObjection {
    /// Who.
    pub person: PersonRef,
    /// Library.
    pub organisation: OrganisationId,
    /// One purpose, or all direct marketing when absent.
    pub purpose: Option<PurposeId>,
    /// Made (true) or lifted by the person (false).
    pub made: bool,
    /// How.
    pub method: IndicationMethod,
    /// Who speaks.
    pub actor: ActorRef,
    /// Proof.
    pub evidence: Option<Evidence>,
    /// When; absent means now.
    pub occurred_at: Option<Moment>,
}

/// Set or lift a restriction.
#[derive(Debug, Clone)]
pub struct RecordRestriction {
    /// Who.
    pub person: PersonRef,
    /// Library.
    pub organisation: OrganisationId,
    /// The ground to set it (`accuracy`, `unlawful`, `claim`, `objection`); absent to lift it.
    pub ground: Option<String>,
    /// Who speaks.
    pub actor: ActorRef,
    /// Proof; for lifting, that the person was told beforehand (R60).
    pub evidence: Option<Evidence>,
}

/// Replace preferences.
#[derive(Debug, Clone)]
pub struct SetPreferences {
    /// Pairwise id.
    pub person_id: String,
    /// The new preferences, whole.
    pub preferences: Preferences,
    /// The revision the caller saw; a conflict when it has moved on.
    pub revision: Option<u64>,
    /// Who speaks.
    pub actor: ActorRef,
}

/// Read preferences.
#[derive(Debug, Clone)]
pub struct ReadPreferences {
    /// Pairwise id.
    pub person_id: String,
}

/// Preferences with the revision they were read at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferencesState {
    /// Preferences.
    pub preferences: Preferences,
    /// Revision of the person's record at this library.
    pub revision: u64,
}

/// The person was told where enriched data came from (GDPR art. 14).
#[derive(Debug, Clone)]
pub struct RecordSourceNotice {
    /// Who.
    pub person: PersonRef,
    /// Library.
    pub organisation: OrganisationId,
    /// Purpose of the enrichment.
    pub purpose: PurposeId,
    /// Source.
    pub source: DataSourceId,
    /// When; absent means now.
    pub occurred_at: Option<Moment>,
}

/// An act that has no more to say than its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Event id.
    pub id: EventId,
    /// When it was recorded.
    pub recorded_at: Moment,
}

/// What an unsubscribe link is about, to show on its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribePage {
    /// Name of the library.
    pub organisation: String,
    /// Title of the purpose per language, Dutch and English.
    pub title_nl: String,
    /// English title.
    pub title_en: String,
}

/// An answer, and whether it was given before to the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<T> {
    /// The answer.
    pub answer: T,
    /// Whether it is a replay.
    pub replayed: bool,
}

/// The actor of an event after its guardian was found.
pub(crate) fn actor(reference: &ActorRef, guardian: Option<crate::domain::ids::PersonId>) -> Actor {
    Actor {
        kind: reference.kind,
        guardian,
        staff: reference.staff.clone(),
    }
}
