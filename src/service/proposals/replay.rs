//! The checks of a past time put to a proposed catalogue: each with the person as they were then, in the words of then.
//! Reads a bounded number of checks, newest first, in small transactions, so that nobody waits for it.

use std::collections::BTreeMap;

use super::{Proposal, ProposalMistake};
use crate::audit::bundle;
use crate::audit::leaf::Leaf;
use crate::audit::private::{AuditKeys, PrivatePlace};
use crate::domain::decision::{Question, Verdict};
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;
use crate::domain::purpose::{Action, Channel};
use crate::policy::catalogue::Catalogue;
use crate::policy::evaluate::{Subject, evaluate};
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::contacts::CONTACT_REPORTED;
use crate::service::decide::record_as_of;
use crate::service::refusal::Refusal;
use crate::service::search::may_see;
use crate::service::work::{PersonState, Stop, Subjects, Work};
use crate::store::{PrivateEntry, SearchFrom, StoreError, StoredBatch};

/// Most checks that one replay looks at.
pub const MOST_CHECKS: u64 = 20_000;
/// Batches that are read in one transaction.
const STEP: u32 = 64;
/// The log.
const LOG: &str = "decision";

/// Which checks.
#[derive(Debug, Clone, Copy)]
pub struct AskReplay {
    /// Not before.
    pub from: Moment,
    /// Not after.
    pub to: Moment,
    /// At most this many, newest first.
    pub most: u64,
}

/// Checks that would have been answered otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Who asked.
    pub system: String,
    /// For which purpose.
    pub purpose: String,
    /// To do what.
    pub action: String,
    /// By which channel; empty without.
    pub channel: String,
    /// Answer and decisive reason of then.
    pub before: (String, String),
    /// Answer and decisive reason under the proposal.
    pub after: (String, String),
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// Checks that were put again.
    pub checks: u64,
    /// Those that would have been answered otherwise.
    pub changed: BTreeMap<Difference, u64>,
    /// Checks about nobody known, or about somebody who was erased since: nothing can be put again.
    pub unknown: u64,
    /// People in bulk checks: their entries are packed and are not opened for this; the plan counts members.
    pub bulk: u64,
    /// Whether there were more checks in that time than were looked at.
    pub more: bool,
}

impl Replay {
    /// How many checks would have been answered otherwise.
    pub fn answered_otherwise(&self) -> u64 {
        self.changed.values().sum()
    }
}

impl Service {
    /// Puts the checks of a time to the catalogue of a proposal. Records nothing but that it was done. Blocks.
    ///
    /// # Errors
    /// [`ProposalMistake`].
    pub fn replay(
        &self,
        call: &Call,
        proposal: &Proposal,
        asked: AskReplay,
    ) -> Result<Replay, ProposalMistake> {
        call.require(Scope::AuditRead)?;
        let after = self.proposed(proposal)?.catalogue;
        let mut replay = Replay::default();
        let mut before: Option<SearchFrom> = None;
        loop {
            let shared = self.shared();
            let page = self.store().read("replay", |tx| -> Result<_, StoreError> {
                let batches = tx.batches_between(LOG, asked.from, asked.to, before.as_ref(), STEP)?;
                let policies = shared.policies.load_full();
                let mut work = Work::begin(shared, policies, tx, &[], &Subjects::default())?;
                for batch in &batches {
                    if replay.checks >= asked.most {
                        replay.more = true;
                        return Ok(None);
                    }
                    replay.put_again(call, &mut work, &after, batch)?;
                }
                Ok(batches.last().map(|last| SearchFrom {
                    created_at: last.created_at,
                    node: last.node.clone(),
                    node_seq: last.node_seq,
                }))
            })?;
            match page {
                Some(last) => before = Some(last),
                None => return Ok(replay),
            }
        }
    }
}

impl Replay {
    fn put_again(
        &mut self,
        call: &Call,
        work: &mut Work<'_, '_>,
        after: &Catalogue,
        batch: &StoredBatch,
    ) -> Result<(), StoreError> {
        let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
        let private = work.tx().private_of_batch(LOG, &batch.node, batch.node_seq)?;
        let mut private: BTreeMap<u32, PrivateEntry> =
            private.into_iter().map(|entry| (entry.off, entry)).collect();
        for (off, line) in (0..).zip(lines) {
            let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
            let answer = leaf.kind.as_str() != CONTACT_REPORTED;
            if !answer || !may_see(call, &work.policies.current, &leaf) {
                continue;
            }
            if let Some(bulk) = &leaf.bulk {
                self.bulk += bulk.checked;
                continue;
            }
            let Some(entry) = private.remove(&off) else {
                self.unknown += 1;
                continue;
            };
            match again(work, &leaf, &entry)? {
                None => self.unknown += 1,
                Some((question, subject)) => {
                    self.checks += 1;
                    let at = Moment::from_micros(leaf.millis * 1_000);
                    let verdict = evaluate(after, Subject::Known(&subject), &question, at);
                    self.compare(&leaf, &question, &verdict);
                }
            }
        }
        Ok(())
    }

    fn compare(&mut self, leaf: &Leaf<'_>, question: &Question, verdict: &Verdict) {
        let was = leaf.outcome.as_ref().map_or("", |word| word.as_str());
        if was == verdict.effect.as_str() {
            return;
        }
        let reason = leaf.reasons.first().map_or("", |word| word.as_str());
        let difference = Difference {
            system: question.system.to_string(),
            purpose: question.purpose.to_string(),
            action: question.action.to_string(),
            channel: question
                .channel
                .map(|channel| channel.to_string())
                .unwrap_or_default(),
            before: (was.to_owned(), reason.to_owned()),
            after: (verdict.effect.to_string(), verdict.decisive().to_string()),
        };
        *self.changed.entry(difference).or_default() += 1;
    }
}

#[derive(serde::Deserialize)]
struct Private {
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    asked: Vec<String>,
}

/// The question of a line and the person as they were then; none when either is not there any more, or when the question
/// itself was about the past.
fn again(
    work: &mut Work<'_, '_>,
    leaf: &Leaf<'_>,
    entry: &PrivateEntry,
) -> Result<Option<(Question, crate::domain::person::PersonRecord)>, StoreError> {
    let Some(opened) = open(work, leaf, entry)? else {
        return Ok(None);
    };
    let private: Private = serde_json::from_slice(&opened).map_err(|_| StoreError::Corrupt)?;
    let question = (|| {
        let (organisation, purpose) = (leaf.organisation.as_ref()?, leaf.purpose.as_ref()?);
        Some(Question {
            system: leaf.system.as_str().parse().ok()?,
            organisation: organisation.as_str().parse().ok()?,
            purpose: purpose.as_str().parse().ok()?,
            action: Action::parse(leaf.action.as_ref()?.as_str())?,
            channel: leaf
                .channel
                .as_ref()
                .and_then(|word| Channel::parse(word.as_str())),
            data_scopes: private
                .asked
                .iter()
                .filter_map(|scope| scope.parse().ok())
                .collect(),
            data_source: private.source.as_ref().and_then(|source| source.parse().ok()),
        })
    })();
    let Some(question) = question.filter(|_| private.at.is_none()) else {
        return Ok(None);
    };
    let at = Moment::from_micros(leaf.millis * 1_000);
    let id = work.person(entry.person_id)?.map(|person| person.id);
    match record_as_of(work, id.unwrap_or(entry.person_id), at) {
        Ok(record) => Ok(Some((question, record))),
        Err(Stop::Store(error)) => Err(error),
        Err(Stop::Refused(_)) => Ok(None),
    }
}

fn open(
    work: &mut Work<'_, '_>,
    leaf: &Leaf<'_>,
    entry: &PrivateEntry,
) -> Result<Option<crate::crypto::SecretBytes>, StoreError> {
    let id: PersonId = entry.person_id;
    let tenant = work.shared.keys.tenant().to_owned();
    let person = work.person_as_stored(id)?;
    let keys = person
        .filter(|person| !matches!(person.state, PersonState::Erased | PersonState::Unreadable))
        .and_then(|person| person.keys.clone());
    let (Some(keys), Some(pc)) = (keys, leaf.commitment) else {
        return Ok(None);
    };
    let place = PrivatePlace {
        tenant: &tenant,
        log: LOG,
        person: id.as_bytes(),
        key_version: entry.key_version,
    };
    let opened = AuditKeys::derive(&keys).open(&place, leaf.id, &pc, &entry.sealed);
    opened.map(Some).map_err(|_| StoreError::Corrupt)
}

impl From<Stop> for ProposalMistake {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(refusal),
            Stop::Store(error) => error.into(),
        }
    }
}

impl Replay {
    /// Refuses a time that is none.
    ///
    /// # Errors
    /// [`Refusal::Invalid`].
    pub fn require_time(asked: &AskReplay) -> Result<(), Refusal> {
        if asked.from <= asked.to {
            return Ok(());
        }
        let detail = "The end must not be before the beginning.";
        Err(crate::service::refusal::Invalid::new("/to", "before-from", detail).into())
    }
}
