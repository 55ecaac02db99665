//! A question of a system and the verdict on it.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::ids::{DataScopeId, DataSourceId, OrganisationId, PurposeId, SystemId};
use super::moment::Moment;
use super::purpose::{Action, Channel, LegalBasis, words};

/// What a system asks before it contacts somebody or uses data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub system: SystemId,
    /// For which library.
    pub organisation: OrganisationId,
    /// For which purpose.
    pub purpose: PurposeId,
    /// To do what.
    pub action: Action,
    /// By which channel; there when the action is contact.
    pub channel: Option<Channel>,
    /// With which data.
    pub data_scopes: BTreeSet<DataScopeId>,
    /// From which source new data come; there when the action is enrich.
    pub data_source: Option<DataSourceId>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The system may.
    Permit,
    /// The system may not.
    Deny,
}

words!(Effect { Permit => "permit", Deny => "deny" });

/// The part of a person in what follows from a profile (GDPR art. 22).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HumanPart {
    /// Nothing that matters to somebody is decided by it.
    NoDecision,
    /// A person decides; the profile is one of the things they look at.
    Required,
    /// A computer decides alone, on a ground of art. 22(2).
    None,
}

words!(HumanPart { NoDecision => "no-decision", Required => "required", None => "none" });

impl HumanPart {
    /// By what the catalogue says of automated decisions.
    pub fn of(automated: &str) -> Option<Self> {
        Some(match automated {
            "none" => Self::NoDecision,
            "human-review" => Self::Required,
            "solely-automated" => Self::None,
            _ => return None,
        })
    }
}

/// Why; the codes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonCode {
    /// A valid consent.
    PermitConsent,
    /// GDPR art. 6(1)(b).
    PermitContract,
    /// GDPR art. 6(1)(c).
    PermitLegalObligation,
    /// GDPR art. 6(1)(e).
    PermitPublicTask,
    /// GDPR art. 6(1)(f).
    PermitLegitimateInterest,
    /// Tw 11.7(3).
    PermitCustomerException,
    /// Nobody asked, or no answer yet.
    DenyNoConsent,
    /// The person said no.
    DenyRefused,
    /// The person took the consent back.
    DenyWithdrawn,
    /// The consent is past its validity.
    DenyExpired,
    /// The meaning changed since the consent.
    DenyNoticeOutdated,
    /// Under 16 without a guardian's consent.
    DenyGuardianRequired,
    /// A guardian spoke for somebody who was already 16.
    DenyGuardianAuthorityEnded,
    /// 16 since a while, and the young person did not confirm.
    DenyReconfirmDue,
    /// An objection stands.
    DenyObjection,
    /// Processing is restricted (GDPR art. 18).
    DenyRestricted,
    /// The person was erased.
    DenyErased,
    /// The purpose is not, or no longer, published.
    DenyPurposeInactive,
    /// None of the data may be used, or the source is not allowed.
    DenyScope,
    /// Not by this channel, or not now.
    DenyChannel,
    /// The system may not ask this for this library.
    DenyController,
    /// A fact of the customer exception is missing.
    DenyCustomerExceptionIncomplete,
    /// The person was not yet told where enriched data came from (GDPR art. 14).
    DenyArt14NoticeDue,
    /// A school's profile is not ours to use, or the reverse.
    DenySchoolDomain,
    /// Nobody here by that identifier.
    DenyUnknownSubject,
}

words!(ReasonCode {
    PermitConsent => "permit-consent",
    PermitContract => "permit-contract",
    PermitLegalObligation => "permit-legal-obligation",
    PermitPublicTask => "permit-public-task",
    PermitLegitimateInterest => "permit-legitimate-interest",
    PermitCustomerException => "permit-customer-exception",
    DenyNoConsent => "deny-no-consent",
    DenyRefused => "deny-refused",
    DenyWithdrawn => "deny-withdrawn",
    DenyExpired => "deny-expired",
    DenyNoticeOutdated => "deny-notice-outdated",
    DenyGuardianRequired => "deny-guardian-required",
    DenyGuardianAuthorityEnded => "deny-guardian-authority-ended",
    DenyReconfirmDue => "deny-reconfirm-due",
    DenyObjection => "deny-objection",
    DenyRestricted => "deny-restricted",
    DenyErased => "deny-erased",
    DenyPurposeInactive => "deny-purpose-inactive",
    DenyScope => "deny-scope",
    DenyChannel => "deny-channel",
    DenyController => "deny-controller",
    DenyCustomerExceptionIncomplete => "deny-customer-exception-incomplete",
    DenyArt14NoticeDue => "deny-art14-notice-due",
    DenySchoolDomain => "deny-school-domain",
    DenyUnknownSubject => "deny-unknown-subject",
});

impl ReasonCode {
    /// Whether the code belongs to a permit or a deny.
    pub const fn effect(self) -> Effect {
        match self {
            Self::PermitConsent
            | Self::PermitContract
            | Self::PermitLegalObligation
            | Self::PermitPublicTask
            | Self::PermitLegitimateInterest
            | Self::PermitCustomerException => Effect::Permit,
            _ => Effect::Deny,
        }
    }

    /// The code of a permit on a legal basis.
    pub const fn permit(basis: LegalBasis) -> Self {
        match basis {
            LegalBasis::Consent => Self::PermitConsent,
            LegalBasis::Contract => Self::PermitContract,
            LegalBasis::LegalObligation => Self::PermitLegalObligation,
            LegalBasis::PublicTask => Self::PermitPublicTask,
            LegalBasis::LegitimateInterest => Self::PermitLegitimateInterest,
            LegalBasis::CustomerException => Self::PermitCustomerException,
        }
    }
}

/// A fact the customer exception needs (Tw 11.7(3), R28, R29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CustomerFact {
    /// A paying customer, now or until recently.
    OwnCustomer,
    /// The address was obtained in the sale.
    ContactFromSale,
    /// Own, similar products or services.
    SimilarOffer,
    /// A way to say no was offered when the address was obtained.
    OptOutOffered,
    /// 18 or older.
    Adult,
}

words!(CustomerFact {
    OwnCustomer => "own-customer", ContactFromSale => "contact-from-sale", SimilarOffer => "similar-offer",
    OptOutOffered => "opt-out-offered", Adult => "adult",
});

/// One reason, with what a sentence about it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The code.
    pub code: ReasonCode,
    /// The date the reason rests on: of the consent, the withdrawal, the birthday, the end of a pause.
    pub on: Option<NaiveDate>,
    /// Missing facts of the customer exception.
    pub missing: Vec<CustomerFact>,
}

impl Reason {
    /// A reason that needs no more than its code.
    pub const fn plain(code: ReasonCode) -> Self {
        Self {
            code,
            on: None,
            missing: Vec::new(),
        }
    }

    /// A reason that rests on a date.
    pub const fn on(code: ReasonCode, on: NaiveDate) -> Self {
        Self {
            code,
            on: Some(on),
            missing: Vec::new(),
        }
    }
}

/// The answer to a question: the effect, every reason, and what may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Yes or no.
    pub effect: Effect,
    /// All reasons; the first is decisive. Never empty.
    pub reasons: Vec<Reason>,
    /// The data that may be used; empty on a deny.
    pub data_scopes: BTreeSet<DataScopeId>,
    /// The data that were asked for and may not be used.
    pub withheld: BTreeSet<DataScopeId>,
    /// Until when a permit may be acted on.
    pub valid_until: Option<Moment>,
    /// The basis of the purpose.
    pub legal_basis: LegalBasis,
    /// Whether the message must carry a way to unsubscribe (R34).
    pub unsubscribe: bool,
    /// The version of the purpose that was applied.
    pub purpose_version: u32,
}

impl Verdict {
    /// The decisive reason.
    pub fn decisive(&self) -> ReasonCode {
        self.reasons
            .first()
            .map_or(ReasonCode::DenyUnknownSubject, |r| r.code)
    }
}
