//! How a purpose stands for somebody, in words.

use crate::domain::consent::ConsentStatus;
use crate::domain::decision::ReasonCode;
use crate::domain::moment::Moment;
use crate::domain::purpose::LegalBasis;
use crate::policy::catalogue::PurposeEntry;
use crate::portal::catalogue::Group;
use crate::service::own::Own;
use crate::web::page::Page;

/// The answer that counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It may.
    Yes,
    /// It may not, because somebody said so.
    No,
    /// Nobody chose, so it may not.
    None,
    /// It is done without a question.
    Done,
}

/// How a purpose stands.
#[derive(Debug, Clone)]
pub struct State {
    /// The answer that counts.
    pub answer: Answer,
    /// The answer in a word.
    pub word: String,
    /// Since when, until when, or why.
    pub detail: String,
}

impl State {
    /// How a purpose stands.
    pub fn of(entry: &PurposeEntry, own: &Own, page: &Page) -> Self {
        let (answer, detail) = match Group::of(entry) {
            Group::Choose => consent(entry, own, page),
            Group::Stop => objection(entry, own, page),
            Group::Needed => (Answer::Done, page.say("state-needed")),
        };
        let word = page.say(match answer {
            Answer::Yes => "state-yes",
            Answer::No => "state-no",
            Answer::None => "state-none",
            Answer::Done => "state-done",
        });
        Self { answer, word, detail }
    }
}

/// When somebody objected to a purpose, or to all direct marketing when it is that.
pub fn objected(entry: &PurposeEntry, own: &Own) -> Option<Moment> {
    let all = own
        .standing
        .marketing_objection
        .filter(|_| entry.purpose.is_promotional());
    own.standing.objections.get(&entry.purpose.id).copied().or(all)
}

fn objection(entry: &PurposeEntry, own: &Own, page: &Page) -> (Answer, String) {
    match objected(entry, own) {
        Some(since) => (
            Answer::No,
            page.say1("state-stopped-since", "date", page.day(&since)),
        ),
        None => (Answer::Done, page.say("state-may-stop")),
    }
}

fn consent(entry: &PurposeEntry, own: &Own, page: &Page) -> (Answer, String) {
    debug_assert!(entry.purpose.legal_basis == LegalBasis::Consent);
    let Some(said) = own.standing.consents.get(&entry.purpose.id) else {
        return (Answer::None, page.say("state-not-chosen"));
    };
    let since = page.day(&said.occurred_at);
    let word = own.words.get(&entry.purpose.id);
    let effective = word.map(|word| word.effective);
    if said.status.is_yes() && objected(entry, own).is_some() {
        return (Answer::No, page.say("state-no-marketing"));
    }
    match (said.status, effective) {
        (ConsentStatus::Refused | ConsentStatus::Withdrawn, _) => {
            (Answer::No, page.say1("state-since", "date", since))
        }
        (ConsentStatus::Revoked, _) => (Answer::None, page.say1("state-revoked", "date", since)),
        (ConsentStatus::Requested, _) if said.awaits_guardian => {
            (Answer::None, page.say("state-awaits-guardian"))
        }
        (ConsentStatus::Requested, _) => (Answer::None, page.say("state-not-chosen")),
        (_, Some(ReasonCode::PermitConsent)) => match word.and_then(|word| word.until) {
            Some(until) => {
                let until = page.day(&until);
                (
                    Answer::Yes,
                    page.say2("state-since-until", "date", since, "until", until),
                )
            }
            None => (Answer::Yes, page.say1("state-since", "date", since)),
        },
        (_, Some(ReasonCode::DenyExpired)) => (Answer::None, page.say("state-expired")),
        (_, Some(ReasonCode::DenyNoticeOutdated)) => (Answer::None, page.say("state-outdated")),
        (_, Some(ReasonCode::DenyReconfirmDue)) => (Answer::None, page.say("state-sixteen")),
        (_, Some(ReasonCode::DenyGuardianRequired)) => (Answer::None, page.say("state-awaits-guardian")),
        _ => (Answer::None, page.say("state-not-now")),
    }
}
