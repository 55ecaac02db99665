//! What one commit adds about people who are present, on both engines: all of it or nothing, whoever else changes them.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use akkoord::domain::ids::{EventId, PersonId};
use akkoord::store::{
    Acts, AuditBatch, ChangedPerson, EventRow, Fence, IdempotencyRow, NewPerson, OutboxRow, PersonChange,
    PersonState, PrivatePart, RecordChange, SealedRecord, Session, Statistic, Store, StoreError,
};

use crate::support::engine::{Engine, TestStorage};
use crate::support::store::{NOW, open};

const STALE: Result<(), StoreError> = Err(StoreError::Conflict { constraint: None });

fn person(number: u8) -> PersonId {
    PersonId::from_bytes([number; 16])
}

fn record(number: u8, revision: u64) -> SealedRecord {
    SealedRecord {
        revision,
        key_version: 1,
        sealed: vec![number, revision as u8],
    }
}

/// Persons 1, 2 and 3, as revision 1.
fn populate(store: &Store) {
    let people = [1, 2, 3].map(|number| NewPerson {
        id: person(number),
        tenant: "wise".to_owned(),
        revision: 1,
        created_at: NOW,
    });
    let records = [1, 2, 3].map(|number| RecordChange {
        person_id: person(number),
        previous: None,
        record: record(number, 1),
    });
    store
        .change("populate", |tx| {
            tx.insert_people(&people)?;
            tx.put_records(&records)
        })
        .unwrap();
}

fn head(number: u8, previous: u64) -> PersonChange {
    PersonChange {
        id: person(number),
        previous,
        revision: previous + 1,
        state: PersonState::Active,
        merged_into: None,
        ended_at: None,
    }
}

/// The rows of one commit.
struct Rows {
    people: Vec<ChangedPerson>,
    events: Vec<EventRow>,
    batch: AuditBatch,
    parts: Vec<PrivatePart>,
    messages: Vec<OutboxRow>,
    counted: Vec<Statistic>,
    answers: Vec<IdempotencyRow>,
}

impl Rows {
    /// Each of these people goes from that revision to the next; the commit has a number.
    fn of(number: u8, people: &[(u8, u64)]) -> Self {
        let ids: Vec<PersonId> = people.iter().map(|(who, _)| person(*who)).collect();
        let event = |who: &u8| EventId::from_bytes([number * 16 + who; 16]);
        let count = Statistic {
            organisation: "a".to_owned(),
            purpose: "p".to_owned(),
            day: 1,
            measure: "m".to_owned(),
            n: 1,
        };
        Self {
            people: people
                .iter()
                .map(|(who, previous)| ChangedPerson {
                    id: person(*who),
                    previous: *previous,
                    record: record(*who, previous + 1),
                })
                .collect(),
            events: people
                .iter()
                .map(|(who, previous)| EventRow {
                    person_id: person(*who),
                    sequence: previous + 1,
                    event_id: event(who),
                    recorded_at: NOW,
                    sealed: vec![*who; 3],
                })
                .collect(),
            batch: AuditBatch {
                log: "consent".to_owned(),
                node: "n1".to_owned(),
                node_seq: number.into(),
                n: people.len() as u32,
                leaf_hashes: vec![number; 32 * people.len()],
                entries: vec![number; 9],
                created_at: NOW,
            },
            parts: (0..)
                .zip(&ids)
                .map(|(off, id)| PrivatePart {
                    off,
                    person_id: *id,
                    key_version: 1,
                    sealed: vec![number; 5],
                })
                .collect(),
            messages: people
                .iter()
                .map(|(who, previous)| OutboxRow {
                    event_id: event(who),
                    kind: "consent.changed".to_owned(),
                    person_id: person(*who),
                    other_id: (*who == 2).then(|| person(3)),
                    revision: previous + 1,
                    organisation: "a".to_owned(),
                    purpose: (*who == 1).then(|| "p".to_owned()),
                    recorded_at: NOW,
                })
                .collect(),
            counted: people.iter().map(|_| count.clone()).collect(),
            answers: vec![IdempotencyRow {
                client_id: "crm".to_owned(),
                key_hash: [number; 32],
                request_hash: [0; 32],
                person_id: Some(person(1)),
                status: 201,
                sealed: vec![1],
                created_at: NOW,
            }],
        }
    }

    fn acts(&self) -> Acts<'_> {
        Acts {
            people: &self.people,
            events: &self.events,
            batch: &self.batch,
            parts: &self.parts,
            messages: &self.messages,
            counted: &self.counted,
            answers: &self.answers,
        }
    }

    /// As a lane adds it: in one statement on PostgreSQL, if the people and the catalogue are as they were read.
    fn add(&self, session: &mut Session, read: &[(PersonId, u64)]) -> Result<(), StoreError> {
        session.append("acts", |tx| {
            tx.expect(Fence {
                people: read.to_vec(),
                catalogue: 0,
            });
            tx.append_acts(&self.acts())
        })
    }
}

/// What is stored: revisions of people and of records, events, batches, private parts, messages, counted, answers.
#[derive(Debug, PartialEq)]
struct Stored {
    revisions: Vec<(u64, u64)>,
    events: usize,
    batches: usize,
    parts: usize,
    messages: Vec<OutboxRow>,
    counted: u64,
    answers: usize,
}

fn stored(store: &Store) -> Stored {
    let everybody = [1, 2, 3].map(person);
    store
        .read("stored", |tx| {
            let mut found = tx.people_by_id(&everybody, false)?;
            found.sort_by_key(|person| person.id);
            let (mut events, mut parts) = (0, 0);
            for id in everybody {
                events += tx.events_of(id, None)?.len();
                parts += tx.audit_private_of(id)?.len();
            }
            Ok::<_, StoreError>(Stored {
                revisions: found
                    .iter()
                    .map(|person| {
                        let record = person.record.as_ref().unwrap();
                        assert_eq!(record.sealed[1], record.revision as u8);
                        (person.revision, record.revision)
                    })
                    .collect(),
                events,
                batches: tx.queued_hashes("consent", 100)?.len(),
                parts,
                messages: tx.outbox(100)?,
                counted: tx.statistics(None, 0..=9)?.iter().map(|sum| sum.n).sum(),
                answers: tx
                    .find_idempotency(&[("crm", [1; 32]), ("crm", [2; 32]), ("crm", [3; 32])])?
                    .len(),
            })
        })
        .unwrap()
}

both_engines! {
    fn all_that_belongs_to_acts_is_added_with_them(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        let mut session = store.session();
        let rows = Rows::of(1, &[(1, 1), (2, 1)]);
        rows.add(&mut session, &[(person(1), 1), (person(2), 1), (person(3), 1)]).unwrap();
        let mut messages = rows.messages.clone();
        let once = stored(&store);
        assert_eq!(
            once,
            Stored { revisions: vec![(2, 2), (2, 2), (1, 1)], events: 2, batches: 1, parts: 2, messages: messages.clone(), counted: 2, answers: 1 }
        );
        // In a transaction with other things, and nobody said what was read.
        let rows = Rows::of(2, &[(1, 2), (3, 1)]);
        store.change("acts", |tx| {
            tx.add_statistics(&rows.counted)?;
            tx.append_acts(&rows.acts())
        }).unwrap();
        messages.extend(rows.messages);
        messages.sort_by_key(|message| (message.person_id, message.revision));
        assert_eq!(
            stored(&store),
            Stored { revisions: vec![(3, 3), (2, 2), (2, 2)], events: 4, batches: 2, parts: 4, messages, counted: 6, answers: 2 }
        );
    }

    fn nothing_is_added_when_somebody_changed_since(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        let before = stored(&store);
        let mut session = store.session();
        // It is known to be stale; it is not known to be, and found out while it is written; somebody who was only looked at.
        let stale = Rows::of(1, &[(1, 1), (2, 7)]);
        assert_eq!(stale.add(&mut session, &[(person(1), 1), (person(2), 7)]), STALE);
        assert_eq!(stale.add(&mut session, &[]), STALE);
        let good = Rows::of(1, &[(1, 1), (2, 1)]);
        assert_eq!(good.add(&mut session, &[(person(3), 2)]), STALE);
        assert_eq!(store.change("acts", |tx| tx.append_acts(&stale.acts())), STALE);
        assert_eq!(stored(&store), before);

        // A number of the person's history that was given already takes everything back too.
        store.change("event", |tx| tx.insert_events(&Rows::of(3, &[(2, 1)]).events)).unwrap();
        let twice = good.add(&mut session, &[]);
        assert_eq!(twice, Err(StoreError::Conflict { constraint: Some("consent_event_pkey") }));
        assert_eq!(stored(&store), Stored { events: 1, ..before });
        // And the session is as good as before.
        let other = Rows::of(1, &[(1, 1), (3, 1)]);
        assert_eq!(other.add(&mut session, &[(person(1), 1)]), Ok(()));
        assert_eq!(stored(&store).revisions, [(2, 2), (1, 1), (2, 2)]);
    }
}

/// Waits until this many statements wait for a lock.
fn until_waiting(storage: &TestStorage, many: &str) {
    let question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let until = Instant::now() + Duration::from_secs(20);
    while storage.psql(question) != many {
        assert!(Instant::now() < until, "nothing waited for the lock");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_is_changed_at_the_same_moment_takes_everything_back() {
    let storage = TestStorage::new(Engine::Postgres);
    let store = open(&storage);
    populate(&store);
    let rows = Rows::of(1, &[(1, 1), (2, 1), (3, 1)]);
    let read = [1, 2, 3].map(|number| (person(number), 1));
    std::thread::scope(|scope| {
        let (held, is_held) = channel();
        let (let_go, may_go) = channel::<()>();
        let store = &store;
        scope.spawn(move || {
            store
                .change("other", |tx| {
                    tx.set_people(&[head(2, 1)])?;
                    held.send(()).unwrap();
                    may_go.recv().unwrap();
                    Ok::<_, StoreError>(())
                })
                .unwrap();
        });
        is_held.recv().unwrap();
        let adding = scope.spawn(|| rows.add(&mut store.session(), &read));
        // The statement began before the other one committed: it sees nothing new, and waits for the row.
        until_waiting(&storage, "1");
        let_go.send(()).unwrap();
        assert_eq!(adding.join().unwrap(), STALE);
    });
    let after = stored(&store);
    assert_eq!(after.revisions, [(1, 1), (2, 1), (1, 1)]);
    assert_eq!(
        (after.events, after.batches, after.counted, after.answers),
        (0, 0, 0, 0)
    );
}

#[test]
fn two_commits_that_count_the_same_do_not_stand_in_each_others_way() {
    let storage = TestStorage::new(Engine::Postgres);
    let store = open(&storage);
    populate(&store);
    let (one, two) = (Rows::of(1, &[(1, 1)]), Rows::of(2, &[(2, 1)]));
    std::thread::scope(|scope| {
        let (held, is_held) = channel();
        let (let_go, may_go) = channel::<()>();
        let (store, one) = (&store, &one);
        scope.spawn(move || {
            store
                .change("one", |tx| {
                    tx.append_acts(&one.acts())?;
                    held.send(()).unwrap();
                    may_go.recv().unwrap();
                    Ok::<_, StoreError>(())
                })
                .unwrap();
        });
        is_held.recv().unwrap();
        let adding = scope.spawn(|| two.add(&mut store.session(), &[(person(2), 1)]));
        until_waiting(&storage, "1");
        let_go.send(()).unwrap();
        assert_eq!(adding.join().unwrap(), Ok(()));
    });
    let after = stored(&store);
    assert_eq!(after.revisions, [(2, 2), (2, 2), (1, 1)]);
    assert_eq!((after.batches, after.counted), (2, 2));
}
