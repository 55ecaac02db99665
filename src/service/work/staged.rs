//! What a unit of work will write at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::changes::measure;
use super::people::Person;
use super::{Stop, Work};
use crate::audit::bundle;
use crate::audit::leaf::{Leaf, leaf_hash};
use crate::audit::private::{AuditKeys, Marks, PrivateEntry, PrivatePlace, decoy};
use crate::crypto::PersonKeys;
use crate::domain::event::{Change, Event};
use crate::domain::ids::{IdentifierId, PersonId};
use crate::domain::moment::Moment;
use crate::service::call::Call;
use crate::service::refusal::Refusal;
use crate::store::{
    Acts, AuditBatch, ChangedPerson, EventRow, IdempotencyRow, IdentifierRow, OutboxRow, PersonChange,
    PrivatePart, Statistic, StoreError, Tx,
};

/// Which log a leaf goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Log {
    /// Choices of people.
    Consent,
    /// Answers to systems.
    Decision,
    /// Administration.
    Admin,
}

impl Log {
    /// The name of the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Decision => "decision",
            Self::Admin => "admin",
        }
    }
}

/// The running number of this lane's batches in each log. A number is used once, also when the commit that carried it
/// had an unknown outcome. Copies count together, for the threads of a lane: what one of them writes after the other one's
/// commit was answered has the higher number, and stands later in the log whatever the clock says.
#[derive(Debug, Clone)]
pub(crate) struct NodeSequence {
    node: Arc<str>,
    next: Arc<AtomicU64>,
}

impl NodeSequence {
    /// For a lane that has never written: `node` must be new.
    pub(crate) fn new(node: String) -> Self {
        Self {
            node: node.into(),
            next: Arc::default(),
        }
    }

    /// The name of the lane in the log.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// The next number.
    pub(crate) fn take(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
}

/// A batch of one line.
pub(crate) fn batch_of_one(
    log: &str,
    (node, node_seq): (String, u64),
    line: &[u8],
    now: Moment,
) -> Result<AuditBatch, StoreError> {
    Ok(AuditBatch {
        log: log.to_owned(),
        node,
        node_seq,
        n: 1,
        leaf_hashes: leaf_hash(line).to_vec(),
        entries: bundle::encode([line]).map_err(|_| StoreError::Corrupt)?,
        created_at: now,
    })
}

/// One leaf, with its private part where somebody's key could make one.
struct StagedLeaf {
    line: Vec<u8>,
    hash: [u8; 32],
    private: Option<(PersonId, u32, Vec<u8>)>,
}

/// Everything that will be written.
#[derive(Default)]
pub(super) struct Staged {
    pub(super) new_people: Vec<PersonId>,
    pub(super) new_identifiers: Vec<IdentifierRow>,
    pub(super) removed_identifiers: Vec<IdentifierId>,
    pub(super) ended: Vec<(PersonId, PersonChange)>,
    pub(super) touched: BTreeSet<PersonId>,
    pub(super) events: Vec<EventRow>,
    pub(super) idempotency: Vec<IdempotencyRow>,
    leaves: BTreeMap<Log, Vec<StagedLeaf>>,
    outbox: Vec<OutboxRow>,
    counted: Vec<Statistic>,
}

/// How much was staged at some point.
pub(super) struct Lengths {
    people: usize,
    identifiers: usize,
    removed: usize,
    ended: usize,
    touched: BTreeSet<PersonId>,
    events: usize,
    idempotency: usize,
    leaves: BTreeMap<Log, usize>,
    outbox: usize,
    counted: usize,
}

impl Staged {
    pub(super) fn lengths(&self) -> Lengths {
        Lengths {
            people: self.new_people.len(),
            identifiers: self.new_identifiers.len(),
            removed: self.removed_identifiers.len(),
            ended: self.ended.len(),
            touched: self.touched.clone(),
            events: self.events.len(),
            idempotency: self.idempotency.len(),
            leaves: self
                .leaves
                .iter()
                .map(|(log, leaves)| (*log, leaves.len()))
                .collect(),
            outbox: self.outbox.len(),
            counted: self.counted.len(),
        }
    }

    /// Goes back; answers who is no longer there at all.
    pub(super) fn truncate(&mut self, lengths: &Lengths) -> Vec<PersonId> {
        self.new_identifiers.truncate(lengths.identifiers);
        self.removed_identifiers.truncate(lengths.removed);
        self.ended.truncate(lengths.ended);
        self.touched.clone_from(&lengths.touched);
        self.events.truncate(lengths.events);
        self.idempotency.truncate(lengths.idempotency);
        for (log, leaves) in &mut self.leaves {
            leaves.truncate(lengths.leaves.get(log).copied().unwrap_or(0));
        }
        self.outbox.truncate(lengths.outbox);
        self.counted.truncate(lengths.counted);
        self.new_people
            .split_off(lengths.people.min(self.new_people.len()))
    }

    /// Forgets what was staged for somebody who is erased in the same unit of work.
    pub(super) fn forget(&mut self, person: PersonId) {
        self.touched.remove(&person);
        self.events.retain(|event| event.person_id != person);
        self.idempotency.retain(|row| row.person_id != Some(person));
        self.new_identifiers.retain(|row| row.person_id != person);
        for leaf in self.leaves.values_mut().flatten() {
            if leaf.private.as_ref().is_some_and(|(owner, ..)| *owner == person) {
                leaf.private = None;
            }
        }
    }

    /// The message that systems must get about an event, and the counter it adds to.
    pub(super) fn tell(&mut self, person: PersonId, revision: u64, event: &Event) {
        let kind = event.change.leaf_kind();
        self.outbox.push(OutboxRow {
            event_id: event.id,
            kind: kind.to_owned(),
            person_id: person,
            other_id: match &event.change {
                Change::Merged { from, .. } => Some(*from),
                _ => None,
            },
            revision,
            organisation: event.organisation.to_string(),
            purpose: event.change.purpose().map(ToString::to_string),
            recorded_at: event.recorded_at,
        });
        if let Some(measure) = measure(&event.change) {
            self.counted.push(Statistic {
                organisation: event.organisation.to_string(),
                purpose: event
                    .change
                    .purpose()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                day: event.recorded_at.seconds().div_euclid(86_400),
                measure: measure.to_owned(),
                n: 1,
            });
        }
    }

    /// A message that is told beside that of an event.
    pub(super) fn tell_more(&mut self, message: OutboxRow) {
        self.outbox.push(message);
    }

    /// Whether there is anything that other systems must be told.
    pub(super) fn tells(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Whether one statement can write it: lines of one log, and what changes people who are present. Nothing at all does
    /// not fit: that statement is also what asks the database whether what is remembered is still so.
    pub(super) fn fits_one_statement(&self) -> bool {
        let Self {
            new_people,
            new_identifiers,
            removed_identifiers,
            ended,
            leaves,
            ..
        } = self;
        new_people.is_empty()
            && new_identifiers.is_empty()
            && removed_identifiers.is_empty()
            && ended.is_empty()
            && leaves.values().filter(|lines| !lines.is_empty()).count() == 1
    }

    /// Writes everything but new people, which come first.
    pub(super) fn write(
        mut self,
        tx: &mut Tx<'_>,
        sequence: &NodeSequence,
        now: Moment,
        changed: &[ChangedPerson],
    ) -> Result<(), StoreError> {
        if !self.removed_identifiers.is_empty() {
            tx.delete_identifiers(&self.removed_identifiers)?;
        }
        for (into, change) in &self.ended {
            tx.move_identifiers(change.id, *into)?;
        }
        if !self.ended.is_empty() {
            let changes: Vec<PersonChange> = self.ended.iter().map(|(_, change)| change.clone()).collect();
            tx.set_people(&changes)?;
        }
        let mut batches = self.audit_rows(sequence, now)?.into_iter();
        match batches.next() {
            Some((batch, parts)) => tx.append_acts(&Acts {
                people: changed,
                events: &self.events,
                batch: &batch,
                parts: &parts,
                messages: &self.outbox,
                counted: &self.counted,
                answers: &self.idempotency,
            })?,
            None if changed.is_empty() && self.events.is_empty() => {
                tx.insert_outbox(&self.outbox)?;
                tx.insert_idempotency(&self.idempotency)?;
                tx.add_statistics(&self.counted)?;
            }
            None => return Err(StoreError::Other("a change without a line in the log")),
        }
        for (batch, parts) in batches {
            tx.append_audit(&batch, &parts)?;
        }
        Ok(())
    }

    fn audit_rows(
        &mut self,
        sequence: &NodeSequence,
        now: Moment,
    ) -> Result<Vec<(AuditBatch, Vec<PrivatePart>)>, StoreError> {
        let mut rows = Vec::new();
        for (log, leaves) in std::mem::take(&mut self.leaves) {
            if leaves.is_empty() {
                continue;
            }
            let lines = leaves.iter().map(|leaf| leaf.line.as_slice());
            let batch = AuditBatch {
                log: log.as_str().to_owned(),
                node: sequence.node().to_owned(),
                node_seq: sequence.take(),
                n: u32::try_from(leaves.len()).map_err(|_| StoreError::Corrupt)?,
                leaf_hashes: leaves.iter().flat_map(|leaf| leaf.hash).collect(),
                entries: bundle::encode(lines).map_err(|_| StoreError::Corrupt)?,
                created_at: now,
            };
            let mut private = Vec::with_capacity(leaves.len());
            for (offset, leaf) in leaves.into_iter().enumerate() {
                let Some((person_id, key_version, sealed)) = leaf.private else {
                    continue;
                };
                private.push(PrivatePart {
                    off: u32::try_from(offset).map_err(|_| StoreError::Corrupt)?,
                    person_id,
                    key_version,
                    sealed,
                });
            }
            rows.push((batch, private));
        }
        Ok(rows)
    }
}

impl Work<'_, '_> {
    /// Stages a leaf about somebody, with its private part. Answers its hash.
    pub(crate) fn stage_leaf_about(
        &mut self,
        log: Log,
        person: &Person,
        keys: &PersonKeys,
        mut leaf: Leaf<'_>,
        private: &[u8],
    ) -> Result<[u8; 32], Stop> {
        let place = PrivatePlace {
            tenant: self.shared.keys.tenant(),
            log: log.as_str(),
            person: person.id.as_bytes(),
            key_version: person.key_version,
        };
        let nonce = self.random.bytes();
        let PrivateEntry { st, pc, sealed } = AuditKeys::derive(keys)
            .make(&place, leaf.id, nonce, private)
            .map_err(|_| StoreError::Corrupt)?;
        leaf.subject = Some(st);
        leaf.commitment = Some(pc);
        Ok(self.stage(log, &leaf, Some((person.id, person.key_version, sealed))))
    }

    /// Stages a leaf about nobody we know. It looks like any other, so that the log does not say whom we know (R64).
    pub(crate) fn stage_leaf_about_nobody(&mut self, log: Log, mut leaf: Leaf<'_>) -> [u8; 32] {
        let Marks { st, pc } = decoy(&self.random.bytes());
        leaf.subject = Some(st);
        leaf.commitment = Some(pc);
        self.stage(log, &leaf, None)
    }

    /// Stages an administrative leaf.
    pub(crate) fn stage_admin_leaf(&mut self, leaf: &Leaf<'_>) -> [u8; 32] {
        self.stage(Log::Admin, leaf, None)
    }

    fn stage(&mut self, log: Log, leaf: &Leaf<'_>, private: Option<(PersonId, u32, Vec<u8>)>) -> [u8; 32] {
        let line = leaf.encode();
        let hash = leaf_hash(&line);
        self.staged
            .leaves
            .entry(log)
            .or_default()
            .push(StagedLeaf { line, hash, private });
        hash
    }

    /// The leaf of an event in the consent log. Its private part is the whole event, so that the log commits to what
    /// was shown, said and proven, and not only to the fact that something was.
    pub(super) fn stage_event_leaf(
        &mut self,
        call: &Call,
        person: &Person,
        keys: &PersonKeys,
        event: &Event,
    ) -> Result<[u8; 32], Stop> {
        let policies = Arc::clone(&self.policies);
        let node = self.shared.node.as_str();
        let kind = event.change.leaf_kind();
        let mut leaf = Leaf::new(
            kind,
            event.id.into(),
            event.recorded_at.millis(),
            &event.system,
            node,
            policies.current.version.as_str(),
        );
        leaf.organisation = Some((&event.organisation).into());
        leaf.purpose = event.change.purpose().map(Into::into);
        leaf.outcome = Some("ok".into());
        // How somebody let us know says nothing about who: figures by channel are counted from the public lines.
        let method = match &event.change {
            Change::Consent(act) => Some(act.method),
            Change::Objected { method, .. } => Some(*method),
            _ => None,
        };
        if let Some(method) = method {
            leaf.extra.insert("method".into(), method.as_str().into());
        }
        #[derive(serde::Serialize)]
        struct Private<'a> {
            event: &'a Event,
            #[serde(skip_serializing_if = "Option::is_none")]
            trace: Option<&'a str>,
        }
        let private = Private {
            event,
            trace: call.trace.as_ref().map(|trace| trace.reveal().as_str()),
        };
        let bytes = serde_json::to_vec(&private).map_err(|_| Refusal::Unavailable)?;
        self.stage_leaf_about(Log::Consent, person, keys, leaf, &bytes)
    }

    /// The hash of the last leaf staged in a log.
    pub(crate) fn last_leaf(&self, log: Log) -> Option<[u8; 32]> {
        self.staged
            .leaves
            .get(&log)
            .and_then(|leaves| leaves.last())
            .map(|leaf| leaf.hash)
    }
}
