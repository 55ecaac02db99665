//! What a conflict is called, and what to do about it.

use crate::service::refusal::Conflict;

/// The stable code and the sentence of a conflict.
pub(super) const fn texts(conflict: Conflict) -> (&'static str, &'static str) {
    match conflict {
        Conflict::Identifiers => (
            "identifiers-of-different-people",
            "The identifiers belong to two different people. Check them, or merge the people first.",
        ),
        Conflict::Revision => (
            "revision-changed",
            "Somebody changed this after you read it. Read it again and repeat the change.",
        ),
        Conflict::ReaskTooSoon => (
            "reask-too-soon",
            "This person said no not long ago. Do not ask again before the waiting time of the purpose is over.",
        ),
        Conflict::AlreadyGiven => (
            "already-given",
            "There is a valid consent already. Do not ask again; use `renewed` to extend it.",
        ),
        Conflict::NothingToRenew => (
            "nothing-to-renew",
            "Only a consent that was given can be renewed. Ask for a new one with status `given`.",
        ),
        Conflict::GuardiansDisagree => (
            "guardians-disagree",
            "Another guardian said no today. Talk to both; a yes can be recorded from tomorrow.",
        ),
        Conflict::MinimumAge => (
            "below-minimum-age",
            "This person is too young for this purpose. Nobody can consent to it for them.",
        ),
        Conflict::NotConsent => (
            "not-a-consent-purpose",
            "This purpose does not rest on consent. There is nothing to ask; an objection may be possible.",
        ),
        Conflict::NoObjection => (
            "no-right-to-object",
            "There is no right to object to this purpose. For consent, record a withdrawal.",
        ),
        Conflict::Erased => (
            "person-erased",
            "This person was erased. Erase them in your own system as well.",
        ),
        Conflict::SamePerson => (
            "same-person",
            "Both ids name the same person. Name two different people.",
        ),
        Conflict::SchoolProfile => (
            "school-profile",
            "One of these profiles was made by a school and belongs to it. Keep the two apart.",
        ),
        Conflict::NotAChild => (
            "not-a-child",
            "This person is 16 or older and has no guardian here. Let them choose themselves.",
        ),
        Conflict::NoCheckpoint => (
            "no-checkpoint-yet",
            "There is no signed entry in this log yet. Try again a second after the first one was written.",
        ),
        Conflict::RequestEnded => (
            "request-ended",
            "This rights request was answered or closed already. Enter a new one if the person asks again.",
        ),
        Conflict::StepNotPossible => (
            "step-not-possible",
            "This step does not fit where the request stands. Read it again: `state` and `history` say what was done.",
        ),
        Conflict::ActionRequired => (
            "action-required",
            "The person or a guardian must do something first. Record `confirmIdentity` or `confirmGuardian` when they did.",
        ),
        Conflict::GuardianRequired => (
            "guardian-required",
            "This person is under 16, or the birth date is unknown. Record `confirmGuardian`, or the birth date.",
        ),
        Conflict::AlreadyExtended => (
            "already-extended",
            "The term was extended before, and the law allows it once. Answer the request before `dueAt`.",
        ),
        Conflict::TooLateToExtend => (
            "too-late-to-extend",
            "The term can be extended within the first month only, and that is over. Answer the request now.",
        ),
        Conflict::ErasureNotFinished => (
            "erasure-not-finished",
            "The person is not erased yet. Propose the erasure with `POST /v1/erasures` and have somebody else approve it; \
             the request is completed with it.",
        ),
        Conflict::OtherLibrary => (
            "known-elsewhere",
            "The network knows this person from another library too, for which this system does not work. Let the \
             privacy officer of the network propose it.",
        ),
        Conflict::ErasureUnderWay => (
            "erasure-under-way",
            "An erasure of this person was proposed already. Approve, refuse or withdraw that one.",
        ),
        Conflict::ErasureState => (
            "erasure-state",
            "The erasure is past this step, or was ended. Read it again.",
        ),
        Conflict::NotErasedYet => (
            "not-erased-yet",
            "This person is not erased yet, so there is nothing to certify. Read the erasure to see where it stands.",
        ),
        Conflict::AlreadyAcknowledged => (
            "already-acknowledged",
            "This task was answered with another outcome. Only `kept` can become something else later: `erased`.",
        ),
        Conflict::InProgress => (
            "request-in-progress",
            "The first request with this Idempotency-Key is still running. Wait a second and repeat it.",
        ),
    }
}
