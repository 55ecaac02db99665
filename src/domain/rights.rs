//! A request by which somebody exercises a right of GDPR chapter III, and its way from receipt to answer.

use serde::{Deserialize, Serialize};

use super::purpose::words;

/// The right that is exercised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestType {
    /// GDPR art. 15.
    Access,
    /// GDPR art. 16.
    Rectification,
    /// GDPR art. 17.
    Erasure,
    /// GDPR art. 18.
    Restriction,
    /// GDPR art. 20.
    Portability,
    /// GDPR art. 21.
    Objection,
}

words!(RequestType {
    Access => "access", Rectification => "rectification", Erasure => "erasure", Restriction => "restriction",
    Portability => "portability", Objection => "objection",
});

impl RequestType {
    /// The DPV 2.3 term of the right.
    pub const fn dpv_term(self) -> &'static str {
        match self {
            Self::Access => "eu-gdpr:A15",
            Self::Rectification => "eu-gdpr:A16",
            Self::Erasure => "eu-gdpr:A17",
            Self::Restriction => "eu-gdpr:A18",
            Self::Portability => "eu-gdpr:A20",
            Self::Objection => "eu-gdpr:A21",
        }
    }

    /// Whether the answer is a package of data.
    pub const fn has_package(self) -> bool {
        matches!(self, Self::Access | Self::Portability)
    }
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestState {
    /// Received.
    Initiated,
    /// The person was told that it was received.
    Acknowledged,
    /// The person or a guardian must do something first.
    RequiresAction,
    /// They did.
    RequiredActionPerformed,
    /// It will be granted.
    Accepted,
    /// The term was extended.
    ActionDelayed,
    /// Done.
    Fulfilled,
    /// Refused, on a ground.
    Rejected,
    /// Ended in another way: taken back, or there is nobody left to answer.
    Unfulfilled,
}

words!(RequestState {
    Initiated => "initiated", Acknowledged => "acknowledged", RequiresAction => "requires-action",
    RequiredActionPerformed => "required-action-performed", Accepted => "accepted", ActionDelayed => "action-delayed",
    Fulfilled => "fulfilled", Rejected => "rejected", Unfulfilled => "unfulfilled",
});

impl RequestState {
    /// The DPV 2.3 term.
    pub const fn dpv_term(self) -> &'static str {
        match self {
            Self::Initiated => "dpv:RequestInitiated",
            Self::Acknowledged => "dpv:RequestAcknowledged",
            Self::RequiresAction => "dpv:RequestRequiresAction",
            Self::RequiredActionPerformed => "dpv:RequestRequiredActionPerformed",
            Self::Accepted => "dpv:RequestAccepted",
            Self::ActionDelayed => "dpv:RequestActionDelayed",
            Self::Fulfilled => "dpv:RequestFulfilled",
            Self::Rejected => "dpv:RequestRejected",
            Self::Unfulfilled => "dpv:RequestUnfulfilled",
        }
    }

    /// Whether the answer is given.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Fulfilled | Self::Rejected | Self::Unfulfilled)
    }

    /// The state after a step; `None` where the step does not fit.
    pub const fn after(self, step: StepKind) -> Option<Self> {
        if self.is_ended() {
            return None;
        }
        match (step, self) {
            (StepKind::Received, _)
            | (StepKind::IdentityAsked, Self::RequiresAction)
            | (StepKind::Completed, Self::RequiresAction) => None,
            (StepKind::Assigned, state) => Some(state),
            (StepKind::Acknowledged, Self::Initiated) => Some(Self::Acknowledged),
            (StepKind::Acknowledged, _) => None,
            (StepKind::IdentityAsked, _) => Some(Self::RequiresAction),
            (StepKind::IdentityConfirmed | StepKind::GuardianConfirmed, Self::RequiresAction) => {
                Some(Self::RequiredActionPerformed)
            }
            (StepKind::IdentityConfirmed | StepKind::GuardianConfirmed, _) => None,
            (StepKind::Accepted, Self::Initiated | Self::Acknowledged | Self::RequiredActionPerformed) => {
                Some(Self::Accepted)
            }
            (StepKind::Accepted, _) => None,
            // Whoever must still do something goes on having to.
            (StepKind::Extended, Self::RequiresAction) => Some(Self::RequiresAction),
            (StepKind::Extended, _) => Some(Self::ActionDelayed),
            (StepKind::Rejected, _) => Some(Self::Rejected),
            (StepKind::Completed, _) => Some(Self::Fulfilled),
            (StepKind::Closed, _) => Some(Self::Unfulfilled),
        }
    }
}

/// What was done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// It came in.
    Received,
    /// The person was told so.
    Acknowledged,
    /// Somebody was made responsible for it.
    Assigned,
    /// There is doubt about who asks (GDPR art. 12(6)).
    IdentityAsked,
    /// The doubt is gone.
    IdentityConfirmed,
    /// A guardian stands behind the request of a child.
    GuardianConfirmed,
    /// It will be granted.
    Accepted,
    /// The term was extended (GDPR art. 12(3)).
    Extended,
    /// Refused (GDPR art. 12(4)).
    Rejected,
    /// Done.
    Completed,
    /// Ended in another way.
    Closed,
}

impl StepKind {
    /// The kind of audit leaf it makes.
    pub const fn leaf_kind(self) -> &'static str {
        match self {
            Self::Received => "rights.received",
            Self::Acknowledged => "rights.acknowledged",
            Self::Assigned => "rights.assigned",
            Self::IdentityAsked => "rights.identity-asked",
            Self::IdentityConfirmed => "rights.identity-confirmed",
            Self::GuardianConfirmed => "rights.guardian-confirmed",
            Self::Accepted => "rights.accepted",
            Self::Extended => "rights.extended",
            Self::Rejected => "rights.rejected",
            Self::Completed => "rights.completed",
            Self::Closed => "rights.closed",
        }
    }
}

words!(StepKind {
    Received => "received", Acknowledged => "acknowledged", Assigned => "assigned", IdentityAsked => "identity-asked",
    IdentityConfirmed => "identity-confirmed", GuardianConfirmed => "guardian-confirmed", Accepted => "accepted",
    Extended => "extended", Rejected => "rejected", Completed => "completed",
    Closed => "closed",
});

/// Why a term is extended; GDPR art. 12(3) knows no other reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtensionReason {
    /// The request is complex.
    Complexity,
    /// There are many requests.
    Number,
}

words!(ExtensionReason { Complexity => "complexity", Number => "number" });

impl ExtensionReason {
    /// The DPV 2.3 term.
    pub const fn dpv_term(self) -> &'static str {
        match self {
            Self::Complexity => "eu-gdpr:JustificationA12Complexity",
            Self::Number => "eu-gdpr:JustificationA12HighVolume",
        }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectionGround {
    /// GDPR art. 12(2): it cannot be established who asks.
    IdentityNotEstablished,
    /// GDPR art. 12(5): manifestly unfounded.
    ManifestlyUnfounded,
    /// GDPR art. 12(5): manifestly excessive.
    ManifestlyExcessive,
    /// GDPR art. 15(4), 20(4): it would harm the rights of others.
    RightsOfOthers,
    /// GDPR art. 16: the data are correct.
    DataCorrect,
    /// GDPR art. 17(3)(a).
    FreedomOfExpression,
    /// GDPR art. 17(3)(b): a legal obligation.
    LegallyRequired,
    /// GDPR art. 17(3)(b): a task of public authority.
    OfficialAuthority,
    /// GDPR art. 17(3)(c).
    PublicHealth,
    /// GDPR art. 17(3)(d).
    Archiving,
    /// GDPR art. 17(3)(e), 21(1).
    LegalClaims,
    /// GDPR art. 18(1): none of its four cases.
    NoGroundToRestrict,
    /// GDPR art. 20(1): neither consent nor contract, or not provided by the person.
    NotPortable,
    /// GDPR art. 21(1): compelling legitimate grounds.
    CompellingGrounds,
}

words!(RejectionGround {
    IdentityNotEstablished => "identity-not-established", ManifestlyUnfounded => "manifestly-unfounded",
    ManifestlyExcessive => "manifestly-excessive", RightsOfOthers => "rights-of-others", DataCorrect => "data-correct",
    FreedomOfExpression => "freedom-of-expression", LegallyRequired => "legally-required",
    OfficialAuthority => "official-authority", PublicHealth => "public-health", Archiving => "archiving",
    LegalClaims => "legal-claims", NoGroundToRestrict => "no-ground-to-restrict", NotPortable => "not-portable",
    CompellingGrounds => "compelling-grounds",
});

impl RejectionGround {
    /// The DPV 2.3 term, where there is one.
    pub const fn dpv_term(self) -> Option<&'static str> {
        Some(match self {
            Self::IdentityNotEstablished => "eu-gdpr:JustificationA12IdentityFailure",
            Self::ManifestlyUnfounded => "eu-gdpr:JustificationA12ManifestlyUnfounded",
            Self::ManifestlyExcessive => "eu-gdpr:JustificationA12ManifestlyExcessive",
            Self::FreedomOfExpression => "eu-gdpr:JustificationA17FreedomOfExpression",
            Self::LegallyRequired => "eu-gdpr:JustificationA17LegallyRequired",
            Self::OfficialAuthority => "eu-gdpr:JustificationA17OfficialAuthority",
            Self::PublicHealth => "eu-gdpr:JustificationA17PublicHealth",
            Self::Archiving => "eu-gdpr:JustificationA17Archiving",
            Self::LegalClaims => "eu-gdpr:JustificationA17LegalClaims",
            Self::RightsOfOthers
            | Self::DataCorrect
            | Self::NoGroundToRestrict
            | Self::NotPortable
            | Self::CompellingGrounds => return None,
        })
    }

    /// The article that the ground stands in.
    pub const fn article(self) -> &'static str {
        match self {
            Self::IdentityNotEstablished => "12(2)",
            Self::ManifestlyUnfounded | Self::ManifestlyExcessive => "12(5)",
            Self::RightsOfOthers => "15(4)",
            Self::DataCorrect => "16",
            Self::FreedomOfExpression => "17(3)(a)",
            Self::LegallyRequired | Self::OfficialAuthority => "17(3)(b)",
            Self::PublicHealth => "17(3)(c)",
            Self::Archiving => "17(3)(d)",
            Self::LegalClaims => "17(3)(e)",
            Self::NoGroundToRestrict => "18(1)",
            Self::NotPortable => "20(1)",
            Self::CompellingGrounds => "21(1)",
        }
    }

    /// Whether the law knows this ground for a type of request. `absolute`: an objection that nothing outweighs, to direct
    /// marketing (GDPR art. 21(2) and (3)) or of a child.
    pub const fn fits(self, of: RequestType, absolute: bool) -> bool {
        match self {
            Self::IdentityNotEstablished => true,
            Self::ManifestlyUnfounded | Self::ManifestlyExcessive => !absolute,
            Self::RightsOfOthers => of.has_package(),
            Self::DataCorrect => matches!(of, RequestType::Rectification),
            Self::FreedomOfExpression
            | Self::LegallyRequired
            | Self::OfficialAuthority
            | Self::PublicHealth
            | Self::Archiving => matches!(of, RequestType::Erasure),
            Self::LegalClaims => {
                matches!(of, RequestType::Erasure) || matches!(of, RequestType::Objection) && !absolute
            }
            Self::NoGroundToRestrict => matches!(of, RequestType::Restriction),
            Self::NotPortable => matches!(of, RequestType::Portability),
            Self::CompellingGrounds => matches!(of, RequestType::Objection) && !absolute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_of_the_vocabulary() {
        // The words that the Data Privacy Vocabulary 2.3 has for requests and refusals (dpv.csv, eu-gdpr.csv).
        let states: Vec<&str> = RequestState::ALL.iter().map(|state| state.dpv_term()).collect();
        assert_eq!(
            states,
            [
                "dpv:RequestInitiated",
                "dpv:RequestAcknowledged",
                "dpv:RequestRequiresAction",
                "dpv:RequestRequiredActionPerformed",
                "dpv:RequestAccepted",
                "dpv:RequestActionDelayed",
                "dpv:RequestFulfilled",
                "dpv:RequestRejected",
                "dpv:RequestUnfulfilled",
            ]
        );
        for ground in RejectionGround::ALL {
            let article = ground.article().split('(').next().unwrap();
            let term = ground.dpv_term().unwrap_or("eu-gdpr:JustificationA1");
            assert!(term.starts_with("eu-gdpr:JustificationA1"), "{ground}");
            assert!((12..=21).contains(&article.parse::<u32>().unwrap()), "{ground}");
        }
    }

    #[test]
    fn what_ended_stays_ended() {
        for state in RequestState::ALL.iter().filter(|state| state.is_ended()) {
            for step in StepKind::ALL {
                assert_eq!(state.after(*step), None, "{step} after {state}");
            }
        }
    }

    #[test]
    fn from_every_open_state_each_end_can_be_reached() {
        for state in RequestState::ALL.iter().filter(|state| !state.is_ended()) {
            assert_eq!(state.after(StepKind::Rejected), Some(RequestState::Rejected));
            assert_eq!(state.after(StepKind::Closed), Some(RequestState::Unfulfilled));
            let done = state
                .after(StepKind::IdentityConfirmed)
                .unwrap_or(*state)
                .after(StepKind::Completed);
            assert_eq!(done, Some(RequestState::Fulfilled), "{state}");
            assert_eq!(state.after(StepKind::Received), None);
        }
    }

    #[test]
    fn nobody_is_helped_while_it_is_not_known_who_asks() {
        let asked = RequestState::Accepted.after(StepKind::IdentityAsked).unwrap();
        assert_eq!(asked.after(StepKind::Completed), None);
        assert_eq!(asked.after(StepKind::Accepted), None);
        assert_eq!(asked.after(StepKind::IdentityAsked), None);
        assert_eq!(asked.after(StepKind::Extended), Some(asked));
    }

    #[test]
    fn r56_each_right_has_its_own_grounds_of_refusal() {
        for of in RequestType::ALL {
            let grounds: Vec<&str> = RejectionGround::ALL
                .iter()
                .filter(|ground| ground.fits(*of, false))
                .map(|ground| ground.as_str())
                .collect();
            assert!(grounds.len() >= 4, "{of}: {grounds:?}");
        }
        // Nothing outweighs an objection to direct marketing; whoever asks must only be who they say they are.
        let marketing: Vec<&RejectionGround> = RejectionGround::ALL
            .iter()
            .filter(|ground| ground.fits(RequestType::Objection, true))
            .collect();
        assert_eq!(marketing, [&RejectionGround::IdentityNotEstablished]);
        assert!(!RejectionGround::LegallyRequired.fits(RequestType::Access, false));
    }
}
