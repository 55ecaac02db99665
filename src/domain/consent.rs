//! A consent: the current word of one person to one controller about one purpose, and how an act changes it.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{DataScopeId, EventId, PersonId, PurposeId};
use super::moment::Moment;
use super::preference::Language;
use super::purpose::{Channel, words};

/// What somebody said, or what happened to it. DPV 2.3 `dpv:ConsentStatus`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum ConsentStatus {
    /// Yes.
    #[n(0)]
    Given,
    /// No.
    #[n(1)]
    Refused,
    /// Yes, taken back by the person or a guardian.
    #[n(2)]
    Withdrawn,
    /// Yes, once more.
    #[n(3)]
    Renewed,
    /// Asked, or said by a child and waiting for a guardian.
    #[n(4)]
    Requested,
    /// Ended by the controller.
    #[n(5)]
    Revoked,
}

words!(ConsentStatus {
    Given => "given", Refused => "refused", Withdrawn => "withdrawn", Renewed => "renewed", Requested => "requested",
    Revoked => "revoked",
});

impl ConsentStatus {
    /// Whether this status is a yes.
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Given | Self::Renewed)
    }

    /// The DPV 2.3 term.
    pub const fn dpv_term(self) -> &'static str {
        match self {
            Self::Given => "dpv:ConsentGiven",
            Self::Refused => "dpv:ConsentRefused",
            Self::Withdrawn => "dpv:ConsentWithdrawn",
            Self::Renewed => "dpv:RenewedConsentGiven",
            Self::Requested => "dpv:ConsentRequested",
            Self::Revoked => "dpv:ConsentRevoked",
        }
    }
}

/// How somebody let us know: ISO/IEC TS 27560 `collection_method`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum IndicationMethod {
    /// A page with a form.
    #[n(0)]
    WebForm,
    /// A link in a mail that opened a form.
    #[n(1)]
    MailLink,
    /// Said at the desk.
    #[n(2)]
    Desk,
    /// Written on paper.
    #[n(3)]
    Paper,
    /// Said on the telephone.
    #[n(4)]
    Phone,
    /// RFC 8058 one-click.
    #[n(5)]
    OneClick,
    /// Taken over from another system.
    #[n(6)]
    Import,
    /// By a program on the person's behalf.
    #[n(7)]
    Api,
}

words!(IndicationMethod {
    WebForm => "web-form", MailLink => "mail-link", Desk => "desk", Paper => "paper", Phone => "phone",
    OneClick => "one-click", Import => "import", Api => "api",
});

/// Whose word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// The person.
    #[serde(rename = "self")]
    #[n(0)]
    Oneself,
    /// A guardian of the person.
    #[n(1)]
    Guardian(#[n(0)] PersonId),
    /// The controller, for what is not somebody's word (requested, revoked).
    #[n(2)]
    Controller,
}

/// The current word on one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[cbor(map)]
pub struct Consent {
    /// Status.
    #[n(0)]
    pub status: ConsentStatus,
    /// When it was said.
    #[n(1)]
    pub occurred_at: Moment,
    /// Whose word it is.
    #[n(2)]
    pub by: Party,
    /// The version of the notice that was shown.
    #[n(3)]
    pub notice_version: u32,
    /// The language it was shown in.
    #[n(4)]
    pub language: Language,
    /// The data it covers.
    #[cbor(n(5), skip_if = "BTreeSet::is_empty")]
    pub data_scopes: BTreeSet<DataScopeId>,
    /// The channels it covers; empty means every channel of the purpose.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[cbor(n(6), skip_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// How it was said.
    #[n(7)]
    pub method: IndicationMethod,
    /// The event that made it; also the id of the receipt.
    #[n(8)]
    pub event: EventId,
    /// A child said yes and a guardian has not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cbor(n(9), skip_if = "std::ops::Not::not")]
    pub awaits_guardian: bool,
    /// When each guardian last said no: another guardian cannot overrule that on the same day (R20).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cbor(n(10), skip_if = "BTreeMap::is_empty")]
    pub withdrawn_by_guardian: BTreeMap<PersonId, Moment>,
    /// The end of which systems were reminded, so that each end is announced once (R11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[n(11)]
    pub reminded: Option<Moment>,
}

/// One act on a consent, complete: what is stored as an event and folded into the current state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentAct {
    /// Purpose.
    pub purpose: PurposeId,
    /// The status it leads to.
    pub status: ConsentStatus,
    /// Whose word it is.
    pub by: Party,
    /// The version of the notice that was shown; 0 when none was (a withdrawal by link).
    pub notice_version: u32,
    /// SHA-256 of the notice's bytes, in hexadecimal; empty with version 0 (R3, R4).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notice_hash: String,
    /// The language it was shown in.
    pub language: Language,
    /// The data it covers.
    pub data_scopes: BTreeSet<DataScopeId>,
    /// The channels it covers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<Channel>,
    /// How it was said.
    pub method: IndicationMethod,
    /// A child said yes and a guardian has not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits_guardian: bool,
}

impl ConsentAct {
    /// The state after this act. A yes that was said before the word we already have (a paper form that arrives late)
    /// is kept in the history and changes nothing; a no always counts, because a withdrawal once acknowledged is never
    /// undone by the order in which letters arrive (promise 1).
    pub fn apply(&self, before: Option<&Consent>, occurred_at: Moment, event: EventId) -> Option<Consent> {
        let late = before.is_some_and(|b| occurred_at < b.occurred_at);
        let weak = self.status.is_yes() || self.status == ConsentStatus::Requested;
        if late && weak {
            return None;
        }
        // The controller ends a yes; a no stays the person's own, with its time before anybody may ask again (R12).
        let own_no =
            before.is_some_and(|b| matches!(b.status, ConsentStatus::Refused | ConsentStatus::Withdrawn));
        if own_no && self.status == ConsentStatus::Revoked {
            return None;
        }
        let mut withdrawn_by_guardian = before
            .map(|b| b.withdrawn_by_guardian.clone())
            .unwrap_or_default();
        if let (ConsentStatus::Withdrawn | ConsentStatus::Refused, Party::Guardian(guardian)) =
            (self.status, self.by)
        {
            let at = withdrawn_by_guardian.entry(guardian).or_insert(occurred_at);
            *at = occurred_at.max(*at);
        }
        Some(Consent {
            status: self.status,
            occurred_at: before.map_or(occurred_at, |b| b.occurred_at.max(occurred_at)),
            by: self.by,
            notice_version: self.notice_version,
            language: self.language,
            data_scopes: self.data_scopes.clone(),
            channels: self.channels.clone(),
            method: self.method,
            event,
            awaits_guardian: self.awaits_guardian,
            withdrawn_by_guardian,
            reminded: None,
        })
    }
}
