//! One chunk of a bulk check: read everybody, decide about each as a single check would, record all of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{BulkAnswer, ListOf, Listed, Task};
use crate::audit::bulk::{BulkOutcome, BulkSecret, MOST_SCOPES, Packing, bulk_commitment, width};
use crate::audit::bundle;
use crate::audit::leaf::{Bulk, EntryId, Leaf, leaf_hash};
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
    Found, Log, NodeSequence, Stop, Subjects, Work, dated_id, may_use_scheme, open_standing,
};
use crate::store::{AuditBatch, BulkPerson, BulkRow, Session, StoreError, Tx};
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
    sequence: &mut NodeSequence,
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
    sequence: &mut NodeSequence,
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
#[derive(Default)]
struct Everybody {
    answers: Vec<BulkAnswer>,
    /// Who was known: their place in `answers`, and the secret of their entry.
    known: Vec<(usize, BulkSecret)>,
}

impl Chunk<'_> {
    fn decide(&self, tx: &mut Tx<'_>) -> Result<Decided, Stop> {
        catalogue::refresh(self.shared, tx)?;
        let policies = self.shared.policies.load_full();
        let now = self.shared.world.now();
        let line = EntryId::from_bytes(dated_id(now, random(&*self.shared.world)));
        let everybody = match &self.task.asked.list {
            ListOf::Scheme(scheme) => self.by_identifier(tx, &policies, scheme, (line, now))?,
            ListOf::PersonIds => {
                let people: Vec<PersonRef> = self
                    .people
                    .iter()
                    .map(|id| PersonRef::Pairwise(id.to_owned()))
                    .collect();
                self.one_by_one(tx, &policies, &people, line)?
            }
        };
        self.conclude(&policies, everybody, line, now)
    }

    fn by_identifier(
        &self,
        tx: &mut Tx<'_>,
        policies: &Arc<Policies>,
        scheme: &SchemeId,
        (line, now): (EntryId, Moment),
    ) -> Result<Everybody, Stop> {
        let question = &self.task.asked.question;
        if !may_use_scheme(self.shared, &policies.current, &question.system, scheme) {
            let detail = "this system may no longer use that identifier scheme";
            return Err(Refusal::from(Invalid::new("?scheme", "scheme-not-allowed", detail)).into());
        }
        let keys = &self.shared.keys;
        let indexes: Vec<Vec<[u8; 16]>> = self
            .people
            .iter()
            .map(|value| keys.blind_indexes(scheme, value))
            .collect();
        let flat: Vec<[u8; 16]> = indexes.iter().flatten().copied().collect();
        let found: HashMap<[u8; 16], BulkPerson> = tx
            .bulk_people(&flat)?
            .into_iter()
            .map(|person| (person.blind_index, person))
            .collect();

        let mut everybody = Everybody::default();
        everybody.answers.reserve(indexes.len());
        let mut rest: Vec<(usize, PersonRef)> = Vec::new();
        for (at, (own, value)) in indexes.iter().zip(self.people.iter()).enumerate() {
            let person = own.iter().find_map(|index| found.get(index));
            let answer = match person {
                None => self.answer(&evaluate(&policies.current, Subject::Unknown, question, now)),
                Some(BulkPerson {
                    id,
                    sealed: Some((record, key)),
                    ..
                }) => {
                    let opened = keys.person_keys(*id, key).and_then(|keys| {
                        let read = open_standing(self.shared, *id, &keys, record, &question.organisation)?;
                        Some((BulkSecret::derive(&keys.audit_tag(), line), read))
                    });
                    match opened {
                        Some((secret, record)) => {
                            everybody.known.push((at, secret));
                            self.answer(&evaluate(
                                &policies.current,
                                Subject::Known(&record),
                                question,
                                now,
                            ))
                        }
                        None => {
                            tracing::error!(
                                alarm = "unreadable-record",
                                "a person's key or record does not open; it was changed or moved outside the service"
                            );
                            BulkAnswer::Unreadable
                        }
                    }
                }
                Some(BulkPerson { sealed: None, .. }) => {
                    let value = Personal::new(value.to_owned());
                    rest.push((
                        at,
                        PersonRef::Identifier {
                            scheme: scheme.clone(),
                            value,
                        },
                    ));
                    BulkAnswer::Unreadable
                }
            };
            everybody.answers.push(answer);
        }
        self.fill_in(tx, policies, rest, line, everybody)
    }

    /// Whoever has no record or no key was erased, merged or has just come: the single check knows what that means.
    fn fill_in(
        &self,
        tx: &mut Tx<'_>,
        policies: &Arc<Policies>,
        rest: Vec<(usize, PersonRef)>,
        line: EntryId,
        mut everybody: Everybody,
    ) -> Result<Everybody, Stop> {
        if rest.is_empty() {
            return Ok(everybody);
        }
        let (places, people): (Vec<usize>, Vec<PersonRef>) = rest.into_iter().unzip();
        let others = self.one_by_one(tx, policies, &people, line)?;
        for (place, answer) in places.iter().zip(others.answers) {
            if let Some(at) = everybody.answers.get_mut(*place) {
                *at = answer;
            }
        }
        let known = others.known.into_iter();
        everybody
            .known
            .extend(known.filter_map(|(at, secret)| Some((*places.get(at)?, secret))));
        Ok(everybody)
    }

    /// By the way of a single check.
    fn one_by_one(
        &self,
        tx: &mut Tx<'_>,
        policies: &Arc<Policies>,
        people: &[PersonRef],
        line: EntryId,
    ) -> Result<Everybody, Stop> {
        let question = &self.task.asked.question;
        let mut subjects = Subjects::default();
        for person in people {
            crate::service::decide::look_at(
                self.shared,
                &question.system,
                &question.organisation,
                person,
                &mut subjects,
            );
        }
        let mut work = Work::begin(self.shared, Arc::clone(policies), tx, &[], &subjects)?;
        let mut everybody = Everybody::default();
        for (at, person) in people.iter().enumerate() {
            let found = match work.find(&question.system, &question.organisation, person) {
                Ok(found) => found,
                Err(Stop::Refused(Refusal::Unavailable)) => {
                    everybody.answers.push(BulkAnswer::Unreadable);
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            let verdict = crate::service::decide::now(&work, found, question, &policies.current)?;
            everybody.answers.push(self.answer(&verdict));
            if let Found::Known(id) = found
                && let Some(keys) = work.member(id)?.keys.clone()
            {
                everybody
                    .known
                    .push((at, BulkSecret::derive(&keys.audit_tag(), line)));
            }
        }
        Ok(everybody)
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
    fn conclude(
        &self,
        policies: &Policies,
        everybody: Everybody,
        id: EntryId,
        now: Moment,
    ) -> Result<Decided, Stop> {
        let question = &self.task.asked.question;
        let world = &*self.shared.world;
        let Everybody { answers, known } = everybody;

        let width = width(question.data_scopes.len());
        let mut packing = Packing::new(question.data_scopes.len(), known.len());
        for (at, secret) in &known {
            if let Some(BulkAnswer::Decided(reason, scopes)) = answers.get(*at) {
                packing.add(
                    secret,
                    BulkOutcome {
                        reason: *reason,
                        scopes: *scopes,
                    },
                );
            }
        }
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
        let line = leaf.encode();

        let sealed = self.shared.keys.seal_token(BULK_CONTEXT, random(world), &context);
        Ok(Decided {
            line,
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
    fn write(&self, tx: &mut Tx<'_>, sequence: &mut NodeSequence) -> Result<(), StoreError> {
        let log = Log::Decision.as_str().to_owned();
        let node_seq = sequence.take();
        let entries = bundle::encode([self.line.as_slice()]).map_err(|_| StoreError::Corrupt)?;
        tx.insert_audit_batches(&[AuditBatch {
            log: log.clone(),
            node: sequence.node().to_owned(),
            node_seq,
            n: 1,
            leaf_hashes: leaf_hash(&self.line).to_vec(),
            entries,
            created_at: self.at,
        }])?;
        tx.insert_audit_bulk(&[BulkRow {
            log,
            node: sequence.node().to_owned(),
            node_seq,
            off: 0,
            line: *self.id.as_bytes(),
            n: u32::try_from(self.count).map_err(|_| StoreError::Corrupt)?,
            context: self.context.clone(),
            entries: self.entries.clone(),
            created_at: self.at,
        }])
    }
}
