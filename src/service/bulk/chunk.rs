//! One chunk of a bulk check: read everybody, decide about each as a single check would, record all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BulkAnswer, ListOf, Listed, Task};
use crate::audit::bulk::{BulkOutcome, BulkSecret, MOST_SCOPES, Packing, bulk_commitment, width};
use crate::audit::leaf::{Bulk, EntryId, Leaf};
use crate::crypto::PersonKeys;
use crate::domain::decision::{Effect, Verdict};
use crate::domain::ids::SchemeId;
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::policy::evaluate::{Subject, evaluate};
use crate::service::catalogue;
use crate::service::keys::BULK_CONTEXT;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::shared::{Policies, Shared};
use crate::service::verbs::PersonRef;
use crate::service::work::{
    Found, Log, NodeSequence, Stop, Subjects, Work, batch_of_one, dated_id, may_use_scheme, open_standing,
};
use crate::store::{BulkRow, Session, StoreError, Tx};
use crate::world::random;

/// A chunk to check.
pub(super) struct Chunk<'c> {
    pub(super) shared: &'c Shared,
    pub(super) task: &'c Task,
    pub(super) number: u32,
    pub(super) people: &'c Listed,
}

/// Everything that was decided, ready to be written.
struct Decided {
    answers: Vec<BulkAnswer>,
    line: Vec<u8>,
    id: EntryId,
    context: String,
    entries: Vec<u8>,
    count: usize,
    at: Moment,
}

/// Reads, decides and records in one transaction.
pub(super) fn check_in_one(
    chunk: &Chunk<'_>,
    session: &mut Session,
    sequence: &NodeSequence,
) -> Result<Vec<BulkAnswer>, Stop> {
    session.change("check_in_bulk", |tx| {
        let decided = chunk.decide(tx)?;
        decided.write(tx, sequence)?;
        Ok(decided.answers)
    })
}

/// Reads and decides from a snapshot, and records after that. SQLite has one writer, which would hold up every single
/// check for as long as thousands of people are looked up. The snapshot is younger than the question, and the answer is
/// given after the record: that is all that promise 1 asks of a check.
pub(super) fn check_from_snapshot(
    chunk: &Chunk<'_>,
    session: &mut Session,
    sequence: &NodeSequence,
) -> Result<Vec<BulkAnswer>, Stop> {
    let decided = session.read("read_in_bulk", |tx| chunk.decide(tx))?;
    session.change("check_in_bulk", |tx| -> Result<(), Stop> {
        Ok(decided.write(tx, sequence)?)
    })?;
    Ok(decided.answers)
}

/// What the caller hears of a chunk that was not checked.
pub(super) fn refusal(stop: &Stop) -> Refusal {
    match stop {
        Stop::Refused(refusal) => refusal.clone(),
        Stop::Store(error) => {
            tracing::error!(error = %error, "a chunk of a bulk check could not be recorded; its caller is told so");
            Refusal::Unavailable
        }
    }
}

/// Everybody of a chunk as they were found.
struct Everybody {
    answers: Vec<BulkAnswer>,
    line: EntryId,
    packing: Packing,
}

impl Everybody {
    /// Nobody is known yet: `answer` holds for all.
    fn new(chunk: &Chunk<'_>, now: Moment, answer: BulkAnswer) -> Self {
        let people = chunk.people.len();
        Self {
            answers: vec![answer; people],
            line: EntryId::from_bytes(dated_id(now, random(&*chunk.shared.world))),
            packing: Packing::new(chunk.task.asked.question.data_scopes.len(), people),
        }
    }

    /// What was answered about somebody; with the keys of a person also what stands in the line.
    fn set(&mut self, at: usize, answer: BulkAnswer, keys: Option<&PersonKeys>) {
        if let Some(place) = self.answers.get_mut(at) {
            *place = answer;
        }
        if let (BulkAnswer::Decided(reason, scopes), Some(keys)) = (answer, keys) {
            let secret = BulkSecret::derive(&keys.audit_tag(), self.line);
            self.packing.add(&secret, BulkOutcome { reason, scopes });
        }
    }
}

impl Chunk<'_> {
    fn decide(&self, tx: &mut Tx<'_>) -> Result<Decided, Stop> {
        catalogue::refresh(self.shared, tx)?;
        let policies = self.shared.policies.load_full();
        let now = self.shared.world.now();
        let everybody = match &self.task.asked.list {
            ListOf::Scheme(scheme) => self.by_identifier(tx, &policies, scheme, now)?,
            ListOf::PersonIds => {
                let people = self
                    .people
                    .iter()
                    .map(|id| PersonRef::Pairwise(id.to_owned()))
                    .enumerate();
                let mut everybody = Everybody::new(self, now, BulkAnswer::Unreadable);
                self.one_by_one(tx, &policies, people.collect(), &mut everybody)?;
                everybody
            }
        };
        self.conclude(&policies, everybody, now)
    }

    fn by_identifier(
        &self,
        tx: &mut Tx<'_>,
        policies: &Arc<Policies>,
        scheme: &SchemeId,
        now: Moment,
    ) -> Result<Everybody, Stop> {
        let question = &self.task.asked.question;
        let catalogue = &policies.current;
        if !may_use_scheme(self.shared, catalogue, &question.system, scheme) {
            let detail = "this system may no longer use that identifier scheme";
            return Err(Refusal::from(Invalid::new("?scheme", "scheme-not-allowed", detail)).into());
        }
        let keys = &self.shared.keys;
        // While a key of blind indexes is being replaced, somebody has more than one.
        let (mut indexes, mut owners): (Vec<[u8; 16]>, Vec<u32>) = (Vec::new(), Vec::new());
        indexes.reserve_exact(self.people.len());
        owners.reserve_exact(self.people.len());
        keys.each_blind_index(scheme, self.people.iter(), |at, index| {
            indexes.push(index);
            owners.push(u32::try_from(at).unwrap_or(u32::MAX));
        });
        let unknown = self.answer(&evaluate(catalogue, Subject::Unknown, question, now));
        let mut everybody = Everybody::new(self, now, unknown);
        let mut rest: Vec<usize> = Vec::new();
        tx.bulk_people(indexes, &mut |place, person| {
            let Some(at) = owners.get(place).and_then(|at| usize::try_from(*at).ok()) else {
                return;
            };
            let Some((record, key)) = person.sealed else {
                return rest.push(at);
            };
            let opened = keys.person_keys(person.id, &key).and_then(|keys| {
                let record = open_standing(self.shared, person.id, &keys, &record, &question.organisation)?;
                Some((keys, record))
            });
            let Some((keys, record)) = opened else {
                tracing::error!(
                    alarm = "unreadable-record",
                    "a person's key or record does not open; it was changed or moved outside the service"
                );
                return everybody.set(at, BulkAnswer::Unreadable, None);
            };
            let verdict = evaluate(catalogue, Subject::Known(&record), question, now);
            everybody.set(at, self.answer(&verdict), Some(&keys));
        })?;
        // Whoever has no record or no key was erased, merged or has just come: the single check knows what that means.
        if !rest.is_empty() {
            let values: Vec<&str> = self.people.iter().collect();
            let people = rest.into_iter().filter_map(|at| {
                let value = Personal::new((*values.get(at)?).to_owned());
                let scheme = scheme.clone();
                Some((at, PersonRef::Identifier { scheme, value }))
            });
            self.one_by_one(tx, policies, people.collect(), &mut everybody)?;
        }
        Ok(everybody)
    }

    /// By the way of a single check.
    fn one_by_one(
        &self,
        tx: &mut Tx<'_>,
        policies: &Arc<Policies>,
        people: Vec<(usize, PersonRef)>,
        everybody: &mut Everybody,
    ) -> Result<(), Stop> {
        let question = &self.task.asked.question;
        let (system, organisation) = (&question.system, &question.organisation);
        let mut subjects = Subjects::default();
        for (_, person) in &people {
            crate::service::decide::look_at(self.shared, system, organisation, person, &mut subjects);
        }
        let mut work = Work::begin(self.shared, Arc::clone(policies), tx, &[], &subjects)?;
        for (at, person) in people {
            let found = match work.find(system, organisation, &person) {
                Ok(found) => found,
                Err(Stop::Refused(Refusal::Unavailable)) => {
                    everybody.set(at, BulkAnswer::Unreadable, None);
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            let verdict = crate::service::decide::now(&work, found, question, &policies.current)?;
            let keys = match found {
                Found::Known(id) => work.member(id)?.keys.clone(),
                Found::Unknown | Found::Erased(_) => None,
            };
            everybody.set(at, self.answer(&verdict), keys.as_deref());
        }
        Ok(())
    }

    fn answer(&self, verdict: &Verdict) -> BulkAnswer {
        let asked = self
            .task
            .asked
            .question
            .data_scopes
            .iter()
            .take(MOST_SCOPES)
            .enumerate();
        let scopes = asked
            .filter(|(_, scope)| verdict.data_scopes.contains(*scope))
            .fold(0, |mask, (at, _)| mask | 1_u64 << at);
        BulkAnswer::Decided(verdict.decisive(), scopes)
    }

    /// The line of this chunk with its entries.
    fn conclude(&self, policies: &Policies, everybody: Everybody, now: Moment) -> Result<Decided, Stop> {
        let question = &self.task.asked.question;
        let Everybody {
            answers,
            line: id,
            packing,
        } = everybody;
        let width = width(question.data_scopes.len());
        let entries = packing.finish();
        let context = self.context()?;

        let version = policies.current.version.as_str();
        let mut leaf = Leaf::new(
            "decision.bulk",
            id,
            now.millis(),
            &question.system,
            self.shared.node.as_str(),
            version,
        );
        leaf.organisation = Some((&question.organisation).into());
        leaf.purpose = Some((&question.purpose).into());
        leaf.action = Some(question.action.into());
        leaf.channel = question.channel.map(Into::into);
        leaf.scopes = question.data_scopes.iter().map(Into::into).collect();
        leaf.bulk = Some(counts(&answers));
        leaf.commitment = Some(bulk_commitment(&context, &entries, width));
        leaf.extra.insert("batch".into(), self.task.id.to_string().into());
        leaf.extra.insert("chunk".into(), self.number.to_string().into());

        let nonce = random(&*self.shared.world);
        let sealed = self.shared.keys.seal_token(BULK_CONTEXT, nonce, &context);
        Ok(Decided {
            line: leaf.encode(),
            id,
            context: sealed.ok_or(StoreError::Corrupt)?,
            count: entries.len().checked_div(width).unwrap_or(0),
            entries,
            answers,
            at: now,
        })
    }

    /// What holds for everybody, behind a salt: what a caller writes as its reference may be guessed.
    fn context(&self) -> Result<Vec<u8>, Stop> {
        #[derive(serde::Serialize)]
        struct Context<'a> {
            client: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            reference: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            trace: Option<&'a str>,
        }
        let Task { call, asked, .. } = self.task;
        let salt: [u8; 32] = random(&*self.shared.world);
        let context = Context {
            client: &call.principal.client,
            reference: asked.reference.as_ref().map(|text| text.reveal().as_str()),
            trace: call.trace.as_ref().map(|text| text.reveal().as_str()),
        };
        let mut bytes = salt.to_vec();
        serde_json::to_writer(&mut bytes, &context).map_err(|_| Refusal::Unavailable)?;
        Ok(bytes)
    }
}

fn counts(answers: &[BulkAnswer]) -> Bulk<'static> {
    let mut by_answer: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut bulk = Bulk::default();
    for answer in answers {
        bulk.checked += 1;
        match answer.effect() {
            Effect::Permit => bulk.permitted += 1,
            Effect::Deny => *by_answer.entry(answer.reason()).or_default() += 1,
        }
    }
    bulk.denied = by_answer
        .into_iter()
        .map(|(reason, count)| (reason.into(), count))
        .collect();
    bulk
}

impl Decided {
    fn write(&self, tx: &mut Tx<'_>, sequence: &NodeSequence) -> Result<(), StoreError> {
        let log = Log::Decision.as_str();
        let node_seq = sequence.take();
        let place = (sequence.node().to_owned(), node_seq);
        let batch = batch_of_one(log, place, &self.line, self.at)?;
        tx.append_audit(&batch, &[])?;
        tx.insert_audit_bulk(&BulkRow {
            log: log.to_owned(),
            node: sequence.node().to_owned(),
            node_seq,
            off: 0,
            line: *self.id.as_bytes(),
            n: u32::try_from(self.count).map_err(|_| StoreError::Corrupt)?,
            context: self.context.clone(),
            entries: self.entries.clone(),
            created_at: self.at,
        })
    }
}
