//! A question about one purpose, asked of somebody who answers for another: a guardian on their own page, or staff at the
//! desk. The words are those of the notice, which the receipt names.

use crate::domain::consent::{Consent, ConsentStatus, Party};
use crate::domain::ids::PurposeId;
use crate::domain::purpose::{LegalBasis, PurposeStatus};
use crate::policy::catalogue::{Catalogue, PurposeEntry};
use crate::service::family::Near;
use crate::service::refusal::{Conflict, Refusal};
use crate::web::page::{Page, prose};

use super::catalogue;

/// One line of an overview.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) title: String,
    pub(super) pictogram: &'static str,
    pub(super) answer: String,
    pub(super) to: String,
}

/// A question in full.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) title: String,
    pub(super) question: String,
    pub(super) summary: String,
    pub(super) yes: String,
    pub(super) no: String,
    pub(super) if_no: String,
    pub(super) data: Vec<String>,
    pub(super) recipients: Vec<String>,
    pub(super) full: String,
    pub(super) answer: String,
    pub(super) version: u32,
}

impl Question {
    /// The kinds of data as one line, within a sentence.
    pub(super) fn data_line(&self) -> String {
        let inside = |text: &String| {
            let mut letters = text.chars();
            let first = letters.next().map(char::to_lowercase);
            first.into_iter().flatten().chain(letters).collect::<String>()
        };
        self.data.iter().map(inside).collect::<Vec<_>>().join(", ")
    }
}

/// The purposes that are asked about, each with the current answer; `path` is the page of one.
pub(super) fn lines(catalogue: &Catalogue, near: &Near, page: &Page, path: &str) -> Vec<Line> {
    catalogue::of_group(catalogue, catalogue::Group::Choose, page.language)
        .into_iter()
        .filter_map(|entry| {
            let notice = entry.notice(page.language, false)?;
            Some(Line {
                title: notice.title.clone(),
                pictogram: catalogue::pictogram(entry),
                answer: answer(near.consents.get(&entry.purpose.id), page),
                to: page.to(&format!("{path}/{}", entry.purpose.id)),
            })
        })
        .collect()
}

/// A purpose that is asked about, by the id in an address.
pub(super) fn entry<'c>(catalogue: &'c Catalogue, id: &str) -> Option<&'c PurposeEntry> {
    let id: PurposeId = id.parse().ok()?;
    let entry = catalogue.purposes.get(&id)?;
    let asked =
        entry.purpose.legal_basis == LegalBasis::Consent && entry.purpose.status == PurposeStatus::Active;
    asked.then_some(entry)
}

/// The question in a language; that of the page for what stands around it.
pub(super) fn question(
    catalogue: &Catalogue,
    entry: &PurposeEntry,
    near: &Near,
    page: &Page,
) -> Option<Question> {
    let notice = entry.notice(page.language, false)?;
    Some(Question {
        title: notice.title.clone(),
        question: notice.question.clone().unwrap_or_else(|| notice.title.clone()),
        summary: notice.summary.clone(),
        yes: notice.yes.clone().unwrap_or_else(|| page.say("asking-yes")),
        no: notice.no.clone().unwrap_or_else(|| page.say("asking-no")),
        if_no: notice.if_no.clone().unwrap_or_default(),
        data: catalogue::data(catalogue, entry, page.language),
        recipients: catalogue::recipients(catalogue, entry, page),
        full: prose::html(&notice.full, 3),
        answer: answer(near.consents.get(&entry.purpose.id), page),
        version: entry.purpose.version,
    })
}

/// The current answer in words, and whose it is.
pub(super) fn answer(consent: Option<&Consent>, page: &Page) -> String {
    let Some(consent) = consent else {
        return page.say("asking-never");
    };
    let day = page.day(&consent.occurred_at);
    let id = match (consent.status, consent.by) {
        (_, _) if consent.awaits_guardian => "asking-waits",
        (ConsentStatus::Given | ConsentStatus::Renewed, Party::Guardian(_)) => "asking-yes-guardian",
        (ConsentStatus::Given | ConsentStatus::Renewed, _) => "asking-yes-self",
        (ConsentStatus::Refused | ConsentStatus::Withdrawn, Party::Guardian(_)) => "asking-no-guardian",
        (ConsentStatus::Refused | ConsentStatus::Withdrawn, _) => "asking-no-self",
        (ConsentStatus::Requested, _) => "asking-asked",
        (ConsentStatus::Revoked, _) => "asking-revoked",
    };
    page.say1(id, "day", day)
}

/// What an answer is recorded as: a no to an earlier yes is a withdrawal.
pub(super) fn status(near: &Near, entry: &PurposeEntry, yes: bool) -> ConsentStatus {
    let before = near.consents.get(&entry.purpose.id);
    if yes {
        return ConsentStatus::Given;
    }
    match before.map(|before| before.status) {
        Some(ConsentStatus::Given | ConsentStatus::Renewed | ConsentStatus::Requested) => {
            ConsentStatus::Withdrawn
        }
        Some(ConsentStatus::Withdrawn) => ConsentStatus::Withdrawn,
        _ => ConsentStatus::Refused,
    }
}

/// What to say of a refusal that somebody can do something about: the id of a text.
pub(super) const fn mistake(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::Conflict(Conflict::GuardiansDisagree) => Some("asking-mistake-other-parent"),
        Refusal::Forbidden(_) => Some("asking-mistake-no-guardian"),
        Refusal::Invalid(_) => Some("asking-mistake-fill-in"),
        _ => None,
    }
}
