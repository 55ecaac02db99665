//! A purpose: what data are used for, on which legal basis, for whom and how.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{DataScopeId, DataSourceId, PurposeId, SystemId};
use super::moment::Period;

/// What a system wants to do with a person's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Send a message or call.
    Contact,
    /// Add data from another source.
    Enrich,
    /// Derive preferences or traits.
    Profile,
    /// Hand data to another party.
    Share,
    /// Any other use inside the purpose.
    Process,
}

/// By which way somebody is contacted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// E-mail.
    #[n(0)]
    Email,
    /// Text message.
    #[n(1)]
    Sms,
    /// Push message of an app.
    #[n(2)]
    Push,
    /// Telephone.
    #[n(3)]
    Phone,
    /// Letter.
    #[n(4)]
    Post,
    /// The member's own page.
    #[n(5)]
    Portal,
    /// In person at the desk.
    #[n(6)]
    Desk,
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every variant, in a fixed order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used on the wire and in the policy files.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// From the word.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words!(Action { Contact => "contact", Enrich => "enrich", Profile => "profile", Share => "share", Process => "process" });
words!(Channel {
    Email => "email", Sms => "sms", Push => "push", Phone => "phone", Post => "post", Portal => "portal", Desk => "desk",
});

/// Why processing is lawful: GDPR art. 6(1), and the customer exception of Tw 11.7(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalBasis {
    /// 6(1)(a).
    Consent,
    /// 6(1)(b).
    Contract,
    /// 6(1)(c).
    LegalObligation,
    /// 6(1)(e).
    PublicTask,
    /// 6(1)(f).
    LegitimateInterest,
    /// 6(1)(f) with Tw 11.7(3): e-mail to own customers about similar products.
    CustomerException,
}

words!(LegalBasis {
    Consent => "consent", Contract => "contract", LegalObligation => "legal-obligation", PublicTask => "public-task",
    LegitimateInterest => "legitimate-interest", CustomerException => "customer-exception",
});

impl LegalBasis {
    /// Whether a person may object to a purpose on this basis: GDPR art. 21(1) for (e) and (f).
    pub const fn allows_objection(self) -> bool {
        match self {
            Self::PublicTask | Self::LegitimateInterest | Self::CustomerException => true,
            Self::Consent | Self::Contract | Self::LegalObligation => false,
        }
    }

    /// The DPV term of EU GDPR 2.3.
    pub const fn dpv_term(self) -> &'static str {
        match self {
            Self::Consent => "eu-gdpr:A6-1-a",
            Self::Contract => "eu-gdpr:A6-1-b",
            Self::LegalObligation => "eu-gdpr:A6-1-c",
            Self::PublicTask => "eu-gdpr:A6-1-e",
            Self::LegitimateInterest | Self::CustomerException => "eu-gdpr:A6-1-f",
        }
    }
}

/// The class of a message, fixed by the catalogue and never by the caller (R27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommunicationClass {
    /// Needed for what the member uses.
    Service,
    /// News, offers, donations: GDPR art. 21(2), Tw 11.7.
    Promotional,
    /// A question about what members think, without promotion.
    Research,
}

words!(CommunicationClass { Service => "service", Promotional => "promotional", Research => "research" });

/// What happens to a guardian's consent when the child turns 16 (R22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnAgeOfConsent {
    /// It stays valid; the young person is told and may change it.
    KeepAndInform,
    /// It stays valid for a while; without the young person's own word it then stops.
    RequireReconfirm,
}

/// Age rules of a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeRule {
    /// Age in years from which somebody decides alone.
    pub self_from: u32,
    /// Age in years below which the purpose is never permitted.
    pub minimum: u32,
    /// Whether a child may withdraw alone (R19: always true in the shipped catalogue).
    pub child_may_withdraw: bool,
    /// At 16.
    pub on_age_of_consent: OnAgeOfConsent,
    /// Time after the 16th birthday within which the young person must confirm.
    pub reconfirm_within: Period,
}

/// Whether the service runs, is being prepared, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurposeStatus {
    /// Questions are answered by the rules.
    Active,
    /// Not yet published: every question is denied.
    Draft,
    /// Ended: every question is denied.
    Ended,
}

/// Facts of the customer exception that belong to the purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerException {
    /// Why these are own, similar products or services; empty means they are not.
    pub similar_offer: String,
    /// How long after the end of the membership somebody still counts as a customer (R29).
    pub after_membership: Period,
}

/// One version of a purpose, as the decision engine needs it. Words are in the notices beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// Id.
    pub id: PurposeId,
    /// Version, from 1; also the version of its notice.
    pub version: u32,
    /// The oldest version whose consents still permit: the newest version with a material change (R10).
    pub consent_valid_from: u32,
    /// Running, prepared or ended.
    pub status: PurposeStatus,
    /// Legal basis; exactly one (R38).
    pub legal_basis: LegalBasis,
    /// Whether consent must be explicit: GDPR art. 9(2)(a), 22(2)(c).
    pub explicit: bool,
    /// Class of its messages.
    pub communication_class: Option<CommunicationClass>,
    /// Permitted actions.
    pub actions: BTreeSet<Action>,
    /// Permitted kinds of data.
    pub data_scopes: BTreeSet<DataScopeId>,
    /// Sources from which profiles may be enriched.
    pub enrichment_sources: BTreeSet<DataSourceId>,
    /// Permitted channels.
    pub channels: BTreeSet<Channel>,
    /// Systems that receive the data.
    pub recipients: BTreeSet<SystemId>,
    /// How long a consent lasts; always there for the basis consent (R11).
    pub validity: Option<Period>,
    /// How long after a refusal or withdrawal nobody is asked again (R12).
    pub reask_not_before: Option<Period>,
    /// Age rules.
    pub age: AgeRule,
    /// Facts of the customer exception.
    pub customer_exception: Option<CustomerException>,
    /// Whether it goes on under a restriction: proof and legal claims (GDPR art. 18(2)).
    pub restriction_exempt: bool,
    /// Whether it is only for profiles that a school made (R49).
    pub school_domain: bool,
}

impl Purpose {
    /// Whether its messages are direct marketing.
    pub fn is_promotional(&self) -> bool {
        self.communication_class == Some(CommunicationClass::Promotional)
    }

    /// Whether a person can object to it: direct marketing always, else by legal basis.
    pub fn allows_objection(&self) -> bool {
        self.is_promotional() || self.legal_basis.allows_objection()
    }
}
