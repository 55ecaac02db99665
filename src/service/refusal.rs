//! Why a use case said no. The faces turn these into problem documents; texts are never compared.

/// A refusal. `pointer`s are JSON pointers into the request body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request contradicts the catalogue or itself: 400.
    #[error("invalid input")]
    Invalid(Vec<Invalid>),
    /// The caller may not do this: 403.
    #[error("not allowed: {0}")]
    Forbidden(Forbidden),
    /// There is no such thing for this caller: 404. The same for what does not exist and what is not theirs (R64).
    #[error("not found")]
    NotFound,
    /// It contradicts the current state: 409.
    #[error("conflict: {0}")]
    Conflict(Conflict),
    /// The idempotency key was used for another request: 422.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Too much to do: 503 with `Retry-After`; nothing was recorded.
    #[error("the service has more work than it can take")]
    Busy,
    /// The database or key store cannot be used, or did not answer in time: 503. Whether a write took effect is
    /// unknown; the same idempotency key resolves it.
    #[error("the service cannot record this now")]
    Unavailable,
}

/// One mistake in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// JSON pointer to the member.
    pub pointer: String,
    /// Stable code, kebab-case.
    pub code: &'static str,
    /// What is wrong and what to do; never the value itself.
    pub detail: String,
}

impl Invalid {
    /// One mistake.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

/// Why a caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The token lacks the scope.
    #[error("insufficient-scope")]
    Scope,
    /// The system is not registered for the library.
    #[error("organisation-not-served")]
    Organisation,
    /// The guardian's authority has ended, or there is no verified guardian link.
    #[error("no-guardian-authority")]
    Guardian,
    /// A magic test subject cannot be changed.
    #[error("test-subject-read-only")]
    TestSubject,
    /// Who proposed an erasure does not approve it.
    #[error("another-officer-needed")]
    SameOfficer,
}

/// What a request contradicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The identifiers belong to two different people.
    #[error("identifiers-of-different-people")]
    Identifiers,
    /// The state was changed since the revision the caller saw.
    #[error("revision-changed")]
    Revision,
    /// Asked again too soon after a refusal or withdrawal (R12).
    #[error("reask-too-soon")]
    ReaskTooSoon,
    /// There is a valid consent already.
    #[error("already-given")]
    AlreadyGiven,
    /// Only a consent that was given can be renewed.
    #[error("nothing-to-renew")]
    NothingToRenew,
    /// Another guardian withdrew today (R20).
    #[error("guardians-disagree")]
    GuardiansDisagree,
    /// The person is below the purpose's minimum age.
    #[error("below-minimum-age")]
    MinimumAge,
    /// The purpose does not rest on consent.
    #[error("not-a-consent-purpose")]
    NotConsent,
    /// There is no right to object to this purpose.
    #[error("no-right-to-object")]
    NoObjection,
    /// The person was erased.
    #[error("person-erased")]
    Erased,
    /// The same person twice.
    #[error("same-person")]
    SamePerson,
    /// A school's profile and the library's own are not one record (R49).
    #[error("school-profile")]
    SchoolProfile,
    /// The child is 16 or older.
    #[error("not-a-child")]
    NotAChild,
    /// The log has no checkpoint yet.
    #[error("no-checkpoint-yet")]
    NoCheckpoint,
    /// The rights request was answered already.
    #[error("request-ended")]
    RequestEnded,
    /// The step does not fit where the rights request stands.
    #[error("step-not-possible")]
    StepNotPossible,
    /// The person or a guardian must do something before the rights request can be answered.
    #[error("action-required")]
    ActionRequired,
    /// A guardian must stand behind the rights request of a child.
    #[error("guardian-required")]
    GuardianRequired,
    /// The term was extended once; there is no second time (GDPR art. 12(3)).
    #[error("already-extended")]
    AlreadyExtended,
    /// The first month is over (GDPR art. 12(3)).
    #[error("too-late-to-extend")]
    TooLateToExtend,
    /// The person is not erased yet.
    #[error("erasure-not-finished")]
    ErasureNotFinished,
    /// Another library of the network knows the person, and the system does not work for it.
    #[error("known-elsewhere")]
    OtherLibrary,
    /// An erasure of this person is under way.
    #[error("erasure-under-way")]
    ErasureUnderWay,
    /// The erasure is past this step, or was ended.
    #[error("erasure-state")]
    ErasureState,
    /// The person is not erased yet, so nothing can be certified.
    #[error("not-erased-yet")]
    NotErasedYet,
    /// The task was answered otherwise.
    #[error("already-acknowledged")]
    AlreadyAcknowledged,
    /// A first request with this idempotency key is still being handled.
    #[error("request-in-progress")]
    InProgress,
}
