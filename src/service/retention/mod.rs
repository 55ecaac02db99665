//! Storage limitation (GDPR art. 5(1)(e)): what is past its written term is removed, and systems are reminded of a yes
//! before it ends. The terms stand in the purposes (`proof_retention`, `retention`) and in `[retention]` of
//! `network.toml`; what has no term there stays. A legal hold, a restriction and a running request keep everything.
//!
//! Everybody's record is looked at once a day, some at a time, by the node that leads; where it was is written down, so
//! that a run that broke off is finished by the next, on whichever node. What is done about one person is one
//! transaction with its entry in the consent log, guarded by the revision of the person: two nodes that meet do it once.

mod due;
mod hold;
mod run;
mod stale;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::due::Term;
pub use self::hold::RecordHold;
pub(crate) use self::run::chore;
use super::Service;
use super::call::Call;
use super::refusal::Refusal;
use super::verbs::{Done, Recorded};

/// One line of a report: what was removed at a library under one term, or would be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionLine {
    /// The library.
    pub organisation: String,
    /// Which term was over.
    pub term: Term,
    /// The purpose, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// How many people; of requests, how many requests.
    pub people: u64,
    /// How many events of their histories.
    pub events: u64,
}

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionReport {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// By library, term and purpose.
    pub lines: Vec<RetentionLine>,
    /// People whose record was looked at.
    pub people: u64,
    /// People of whom something would have gone and is kept by a hold, a restriction or a running request.
    pub held: u64,
    /// People whose record or key does not open; nothing is removed of them.
    pub unreadable: u64,
    /// People who were changed by somebody else at that moment; the next run looks again.
    pub postponed: u64,
}

impl RetentionReport {
    /// How much was done: people of each line.
    pub fn items(&self) -> u64 {
        self.lines.iter().map(|line| line.people).sum()
    }
}

/// Adds up lines.
#[derive(Debug, Default)]
struct Tally {
    lines: BTreeMap<(String, Term, Option<String>), (u64, u64)>,
    people: u64,
    held: u64,
    unreadable: u64,
    postponed: u64,
}

impl Tally {
    fn add(&mut self, due: &due::Due) {
        for line in &due.lines {
            let key = (
                line.organisation.to_string(),
                line.term,
                line.purpose.as_ref().map(ToString::to_string),
            );
            let (people, events) = self.lines.entry(key).or_default();
            *people += 1;
            *events += line.events;
        }
        for (organisation, purpose, _) in &due.reminders {
            let key = (
                organisation.to_string(),
                Term::Reminder,
                Some(purpose.to_string()),
            );
            self.lines.entry(key).or_default().0 += 1;
        }
        self.held += u64::from(!due.kept.is_empty());
    }

    fn add_request(&mut self, organisation: String) {
        let (people, _) = self.lines.entry((organisation, Term::Request, None)).or_default();
        *people += 1;
    }

    fn report(self, dry_run: bool) -> RetentionReport {
        let lines = self.lines.into_iter();
        RetentionReport {
            dry_run,
            lines: lines
                .map(
                    |((organisation, term, purpose), (people, events))| RetentionLine {
                        organisation,
                        term,
                        purpose,
                        people,
                        events,
                    },
                )
                .collect(),
            people: self.people,
            held: self.held,
            unreadable: self.unreadable,
            postponed: self.postponed,
        }
    }
}

impl Service {
    /// Removes what is past its term and reminds systems of what ends soon; a dry run only tells. Whoever leads.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the database cannot be used; what was done until then stays done.
    pub async fn apply_retention(&self, dry: bool) -> Result<RetentionReport, Refusal> {
        let (shared, store) = (Arc::clone(&self.0.shared), self.store().clone());
        let done = tokio::task::spawn_blocking(move || run::whole(&shared, &store, dry)).await;
        match done {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "retention could not be applied");
                Err(Refusal::Unavailable)
            }
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// Places a legal hold on what a library knows of somebody, or ends it.
    ///
    /// # Errors
    /// Those of [`RecordHold`].
    pub async fn record_hold(&self, call: &Call, verb: RecordHold) -> Result<Done<Recorded>, Refusal> {
        self.change(call, verb).await
    }
}
