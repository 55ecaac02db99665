//! What a commit adds that changes people who are present: their rows and records, their events, the lines of the log,
//! messages, counters and kept answers. On PostgreSQL it is one statement: with a round trip for each table a batch would
//! wait longer for the way there than for the work (ADR 15).

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::audit_rows::{AuditBatch, PrivatePart, append, private_parts, revisions, with_news};
use super::columns::int;
use super::error::StoreError;
use super::events::EventRow;
use super::idempotency::IdempotencyRow;
use super::outbox::OutboxRow;
use super::people::{Fence, PersonChange, PersonState, list};
use super::records::{RecordChange, SealedRecord};
use super::statement::Statement;
use super::statistics::{Statistic, summed};
use super::tx::Tx;
use crate::domain::ids::PersonId;

/// What one commit adds about people who are present.
#[derive(Debug, Clone, Copy)]
pub struct Acts<'a> {
    /// Their records, in the order of their ids, so that two transactions do not wait for each other; none is a first one.
    pub people: &'a [ChangedPerson],
    /// What happened.
    pub events: &'a [EventRow],
    /// The lines of the log.
    pub batch: &'a AuditBatch,
    /// The private parts of the lines.
    pub parts: &'a [PrivatePart],
    /// What other systems must be told.
    pub messages: &'a [OutboxRow],
    /// What is added to counters.
    pub counted: &'a [Statistic],
    /// Answers to keep.
    pub answers: &'a [IdempotencyRow],
}

/// Somebody who is present, with a new record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPerson {
    /// The person.
    pub id: PersonId,
    /// The revision that was read.
    pub previous: u64,
    /// The record, of the new revision.
    pub record: SealedRecord,
}

/// Answers how many batches were added. Everything hangs on the batch, and the batch on the people: when news came since
/// they were read, nothing is written; when somebody changed at the same moment, the batch has no size, which its table
/// does not take, and the statement fails as a whole.
const APPEND_ACTS: &str = append!(
    concat!(
        with_news!(),
        "changed AS (SELECT * FROM unnest(?) AS changed (id, previous, revision, key_version, sealed)), \
         person_row AS (UPDATE person SET revision = changed.revision FROM changed \
         WHERE person.id = changed.id AND person.revision = changed.previous AND NOT EXISTS (SELECT FROM news) \
         RETURNING person.id), \
         record_row AS (UPDATE person_record AS record SET revision = changed.revision, \
         key_version = changed.key_version, sealed = changed.sealed FROM changed \
         WHERE record.person_id = changed.id AND record.revision = changed.previous \
         AND (SELECT count(*) FROM person_row) = (SELECT count(*) FROM changed) \
         RETURNING record.person_id), "
    ),
    "SELECT ?, CASE WHEN (SELECT count(*) FROM record_row) = (SELECT count(*) FROM changed) THEN ? END, ? \
     WHERE NOT EXISTS (SELECT FROM news)",
    ", event AS (INSERT INTO consent_event (person_id, sequence, event_id, recorded_at, sealed) \
     SELECT event.* FROM batch, unnest(?) AS event), \
     message AS (INSERT INTO outbox \
     (event_id, kind, person_id, other_id, revision, organisation, purpose, recorded_at) \
     SELECT message.* FROM batch, unnest(?) AS message), \
     answer AS (INSERT INTO idempotency \
     (client_id, key_hash, request_hash, person_id, status, sealed, created_at) \
     SELECT answer.* FROM batch, unnest(?) AS answer), \
     counter AS (INSERT INTO statistic AS counter (organisation, purpose, day, measure, n) \
     SELECT more.* FROM batch, unnest(?) AS more \
     ON CONFLICT (organisation, purpose, day, measure) DO UPDATE SET n = counter.n + excluded.n)"
);

impl Tx<'_> {
    /// Adds all of it, and queues the batch for the sequencer.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody no longer has the revision that was read, and as [`Tx::append_audit`].
    pub fn append_acts(&mut self, acts: &Acts<'_>) -> Result<(), StoreError> {
        if acts.are_lines_only() {
            return self.append_audit(acts.batch, acts.parts);
        }
        let fence = self.take_fence();
        if !self.is_postgres() {
            return match self.has_news(fence.as_ref())? {
                true => Err(StoreError::Conflict { constraint: None }),
                false => self.append_acts_one_by_one(acts),
            };
        }
        self.append()?;
        if self.append_acts_at_once(acts, fence.as_ref())? == 1 {
            self.appended();
            Ok(())
        } else {
            self.not_appended();
            Err(StoreError::Conflict { constraint: None })
        }
    }

    fn append_acts_one_by_one(&mut self, acts: &Acts<'_>) -> Result<(), StoreError> {
        let heads: Vec<PersonChange> = acts.people.iter().map(ChangedPerson::head).collect();
        let records: Vec<RecordChange> = acts.people.iter().map(ChangedPerson::record).collect();
        self.set_people(&heads)?;
        self.put_records(&records)?;
        self.append_audit(acts.batch, acts.parts)?;
        self.insert_events(acts.events)?;
        self.insert_outbox(acts.messages)?;
        self.insert_idempotency(acts.answers)?;
        self.add_statistics(acts.counted)
    }

    fn append_acts_at_once(&mut self, acts: &Acts<'_>, fence: Option<&Fence>) -> Result<i64, StoreError> {
        let &Acts {
            people,
            events,
            batch,
            parts,
            messages,
            counted,
            answers,
        } = acts;
        let read = fence.map_or(&[][..], |fence| &fence.people);
        let read = revisions!(read);
        let catalogue = fence
            .map_or(i64::MAX, |fence| int(fence.catalogue))
            .into_sql::<BigInt>();
        let changed = (
            list(people, |row| row.id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
            list(people, |row| int(row.previous)).into_sql::<Array<BigInt>>(),
            list(people, |row| int(row.record.revision)).into_sql::<Array<BigInt>>(),
            list(people, |row| int(row.record.key_version)).into_sql::<Array<BigInt>>(),
            list(people, |row| row.record.sealed.as_slice()).into_sql::<Array<Binary>>(),
        );
        let place = (
            batch.log.as_str().into_sql::<Text>(),
            batch.node.as_str().into_sql::<Text>(),
            int(batch.node_seq).into_sql::<BigInt>(),
        );
        let size = int(batch.n).into_sql::<BigInt>();
        let lines = (
            batch.leaf_hashes.as_slice().into_sql::<Binary>(),
            batch.entries.as_slice().into_sql::<Binary>(),
            batch.created_at.micros().into_sql::<BigInt>(),
        );
        let parts = private_parts!(parts);
        let events = (
            list(events, |row| row.person_id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
            list(events, |row| int(row.sequence)).into_sql::<Array<BigInt>>(),
            list(events, |row| row.event_id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
            list(events, |row| row.recorded_at.micros()).into_sql::<Array<BigInt>>(),
            list(events, |row| row.sealed.as_slice()).into_sql::<Array<Binary>>(),
        );
        let messages = (
            list(messages, |row| row.event_id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
            list(messages, |row| row.kind.as_str()).into_sql::<Array<Text>>(),
            list(messages, |row| row.person_id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
            list(messages, |row| {
                row.other_id.as_ref().map(|id| id.as_bytes().as_slice())
            })
            .into_sql::<Array<Nullable<Binary>>>(),
            list(messages, |row| int(row.revision)).into_sql::<Array<BigInt>>(),
            list(messages, |row| row.organisation.as_str()).into_sql::<Array<Text>>(),
            list(messages, |row| row.purpose.as_deref()).into_sql::<Array<Nullable<Text>>>(),
            list(messages, |row| row.recorded_at.micros()).into_sql::<Array<BigInt>>(),
        );
        let answers = (
            list(answers, |row| row.client_id.as_str()).into_sql::<Array<Text>>(),
            list(answers, |row| row.key_hash.as_slice()).into_sql::<Array<Binary>>(),
            list(answers, |row| row.request_hash.as_slice()).into_sql::<Array<Binary>>(),
            list(answers, |row| {
                row.person_id.as_ref().map(|id| id.as_bytes().as_slice())
            })
            .into_sql::<Array<Nullable<Binary>>>(),
            list(answers, |row| int(row.status)).into_sql::<Array<BigInt>>(),
            list(answers, |row| row.sealed.as_slice()).into_sql::<Array<Binary>>(),
            list(answers, |row| row.created_at.micros()).into_sql::<Array<BigInt>>(),
        );
        let sums = summed(counted);
        let sums = (
            list(&sums, |row| row.organisation.as_str()).into_sql::<Array<Text>>(),
            list(&sums, |row| row.purpose.as_str()).into_sql::<Array<Text>>(),
            list(&sums, |row| row.day).into_sql::<Array<BigInt>>(),
            list(&sums, |row| row.measure.as_str()).into_sql::<Array<Text>>(),
            list(&sums, |row| int(row.n)).into_sql::<Array<BigInt>>(),
        );
        let binds = (
            read, catalogue, changed, place, size, lines, parts, events, messages, answers, sums,
        );
        self.each(
            |_| Ok(0),
            |connection| Statement::<_, BigInt>::new(APPEND_ACTS, binds).get_result(connection),
        )
    }
}

impl Acts<'_> {
    const fn are_lines_only(&self) -> bool {
        let Self {
            people,
            events,
            batch: _,
            parts: _,
            messages,
            counted,
            answers,
        } = self;
        people.is_empty()
            && events.is_empty()
            && messages.is_empty()
            && counted.is_empty()
            && answers.is_empty()
    }
}

impl ChangedPerson {
    const fn head(&self) -> PersonChange {
        PersonChange {
            id: self.id,
            previous: self.previous,
            revision: self.record.revision,
            state: PersonState::Active,
            merged_into: None,
            ended_at: None,
        }
    }

    fn record(&self) -> RecordChange {
        RecordChange {
            person_id: self.id,
            previous: Some(self.previous),
            record: self.record.clone(),
        }
    }
}
