//! Rights requests (GDPR art. 12, 15–22): received with their term, handled step by step by officers, answered. The way of
//! a request is kept in clear; what it says is sealed for the person and goes with them when they are erased. Every
//! step makes an entry in the log of choices, in the transaction that records it.

mod answer;
mod enter;
mod package;
mod read;
mod sealed;
mod step;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub(crate) use self::answer::close_for_erased;
pub use self::enter::EnterRequest;
pub use self::package::{Gathered, PackageRequest};
pub(in crate::service) use self::read::own_requests;
pub use self::read::{ListRequests, RequestPage};
pub use self::step::{Step, TakeStep};
use super::Service;
use super::call::Call;
use super::refusal::Refusal;
use super::verbs::{Done, Evidence};
use crate::domain::consent::IndicationMethod;
use crate::domain::event::ActorKind;
use crate::domain::ids::{OrganisationId, PersonId, PurposeId, RightsRequestId, SchemeId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::rights::{ExtensionReason, RejectionGround, RequestState, RequestType, StepKind};

/// A rights request as its officer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsRequest {
    /// Id.
    pub id: RightsRequestId,
    /// The caller's own pairwise id of whom it is about.
    pub person_id: String,
    /// Whether that person was erased since; what the request said is gone then.
    pub person_erased: bool,
    /// To which library.
    pub organisation: OrganisationId,
    /// Which right.
    pub kind: RequestType,
    /// Where it stands.
    pub state: RequestState,
    /// Counts the steps, for optimistic concurrency.
    pub revision: u64,
    /// When the library received it.
    pub received_at: Moment,
    /// Until when it must be answered: the last millisecond of the last day.
    pub due_at: Moment,
    /// When the term was extended.
    pub extended_at: Option<Moment>,
    /// When it was answered.
    pub ended_at: Option<Moment>,
    /// The officer who is responsible for it.
    pub assignee: Option<Personal<String>>,
    /// The caller's own pairwise id of the guardian who stands behind it.
    pub guardian_id: Option<String>,
    /// What was done, oldest first; empty in a list.
    pub history: Vec<PastStep>,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastStep {
    /// Its number, from 1.
    pub number: u64,
    /// What was done.
    pub kind: StepKind,
    /// Where the request stood after it.
    pub state: RequestState,
    /// When.
    pub at: Moment,
    /// Through which system.
    pub system: String,
    /// By which officer.
    pub officer: Option<Personal<String>>,
    /// What it says; gone with the person.
    pub content: Option<Content>,
}

/// What a step says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// The request itself.
    Received(Box<Received>),
    /// There is doubt about who asks, and why (GDPR art. 12(6)).
    IdentityAsked {
        /// The doubt.
        doubt: Personal<String>,
    },
    /// The doubt is gone.
    IdentityConfirmed {
        /// How it was found out; never a copy of a document.
        how: Personal<String>,
    },
    /// A guardian stands behind it.
    GuardianConfirmed {
        /// Who.
        guardian: PersonId,
    },
    /// The term was extended.
    Extended {
        /// By how many months.
        months: u32,
        /// Why, as the law has it.
        reason: ExtensionReason,
        /// Why, for the person.
        explanation: Personal<String>,
    },
    /// Refused.
    Rejected {
        /// On which ground.
        ground: RejectionGround,
        /// Why, for the person.
        explanation: Personal<String>,
    },
    /// Done.
    Completed {
        /// What was done, for the person.
        explanation: Option<Personal<String>>,
        /// What was recorded here.
        did: Wish,
    },
    /// Ended in another way.
    Closed {
        /// Why.
        explanation: Personal<String>,
    },
}

/// What came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Who speaks.
    pub actor: ActorKind,
    /// The guardian, where one does.
    pub guardian: Option<PersonId>,
    /// The staff member who wrote it down.
    pub staff: Option<Personal<String>>,
    /// How it came in.
    pub method: IndicationMethod,
    /// The language of the answer.
    pub language: Option<Language>,
    /// In the person's own words.
    pub text: Option<Personal<String>>,
    /// What exactly.
    pub wish: Wish,
    /// Proof.
    pub evidence: Option<Evidence>,
}

/// What exactly somebody wants, where the answer can be given here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Nothing more than the type says.
    Plain,
    /// No longer this purpose; no direct marketing at all when absent.
    Objection {
        /// The purpose.
        purpose: Option<PurposeId>,
    },
    /// Nothing for now, on this ground of GDPR art. 18(1).
    Restriction {
        /// The ground.
        ground: String,
    },
    /// These data.
    Correction(Correction),
}

impl Wish {
    /// Whether a request of a type can ask for it.
    pub const fn fits(&self, of: RequestType) -> bool {
        match self {
            Self::Plain => true,
            Self::Objection { .. } => matches!(of, RequestType::Objection),
            Self::Restriction { .. } => matches!(of, RequestType::Restriction),
            Self::Correction(_) => matches!(of, RequestType::Rectification),
        }
    }
}

/// Data to correct; what is absent or empty stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Correction {
    /// Language.
    pub language: Option<Language>,
    /// Birth date.
    pub birth_date: Option<Personal<NaiveDate>>,
    /// Identifiers to add, normalised.
    pub add: Vec<(SchemeId, Personal<String>)>,
    /// Identifiers to remove, normalised.
    pub remove: Vec<(SchemeId, Personal<String>)>,
}

impl Correction {
    /// Whether it corrects nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl RightsRequest {
    /// What came in, unless it went with the person.
    pub fn received(&self) -> Option<&Received> {
        self.history.iter().find_map(|step| match &step.content {
            Some(Content::Received(received)) => Some(&**received),
            _ => None,
        })
    }

    /// Whether it is an objection to direct marketing, which nothing outweighs.
    pub fn is_against_marketing(&self) -> bool {
        self.received()
            .is_some_and(|received| received.wish == Wish::Objection { purpose: None })
    }

    /// The step of a kind that was taken last.
    pub fn last(&self, kind: StepKind) -> Option<&PastStep> {
        self.history.iter().rev().find(|step| step.kind == kind)
    }
}

impl Service {
    /// Takes a request in.
    pub async fn enter_rights_request(
        &self,
        call: &Call,
        verb: EnterRequest,
    ) -> Result<Done<RightsRequest>, Refusal> {
        self.change(call, verb).await
    }

    /// Takes a step with a request.
    pub async fn step_rights_request(&self, call: &Call, verb: TakeStep) -> Result<RightsRequest, Refusal> {
        self.lane_of_changes().submit(call, verb).await
    }

    /// Requests, what is due first first.
    pub async fn rights_requests(&self, call: &Call, verb: ListRequests) -> Result<RequestPage, Refusal> {
        self.read(call, move |call, work| verb.read(call, work)).await
    }

    /// One request with everything that was done.
    pub async fn rights_request(&self, call: &Call, id: RightsRequestId) -> Result<RightsRequest, Refusal> {
        self.read(call, move |call, work| read::one(call, work, id)).await
    }

    /// Everything that belongs in the answer to a request for access or portability. That it was gathered is recorded
    /// before it is answered.
    pub async fn rights_package(&self, call: &Call, id: RightsRequestId) -> Result<Gathered, Refusal> {
        // Outside the lane: a year of campaigns is looked through.
        let gathered = self
            .read(call, move |call, work| package::gather(call, work, id))
            .await?;
        self.lane_of_changes().submit(call, PackageRequest { id }).await?;
        Ok(gathered)
    }
}
