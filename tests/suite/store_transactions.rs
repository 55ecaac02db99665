//! Transactions on both engines: all or nothing, run again when they met another one, in turn, and recovered from a
//! lost connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use akkoord::domain::ids::PersonId;
use akkoord::store::{
    AuditBatch, CatalogueRow, Fence, NewPerson, Observer, Outcome, PersonChange, PersonState, Statistic,
    Store, StoreError, StoreOptions,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::support::engine::{Engine, TestStorage};
use crate::support::store::{NOW, open, options};

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(&'static str, Outcome, u32)>>);

impl Observer for Seen {
    fn transaction(&self, name: &'static str, outcome: Outcome, duration: Duration, retries: u32) {
        assert!(duration < Duration::from_secs(60));
        self.0.lock().unwrap().push((name, outcome, retries));
    }
}

fn observed(storage: &TestStorage) -> (Store, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let store = Store::open(StoreOptions {
        observer: Some(seen.clone()),
        ..options(storage)
    })
    .unwrap();
    (store, seen)
}

fn count(n: u64) -> Statistic {
    Statistic {
        organisation: "a".to_owned(),
        purpose: "p".to_owned(),
        day: 1,
        measure: "m".to_owned(),
        n,
    }
}

fn total(store: &Store) -> u64 {
    store
        .read("read", |tx| tx.statistics(None, 0..=9))
        .unwrap()
        .iter()
        .map(|statistic| statistic.n)
        .sum()
}

fn batch(node_seq: u64) -> AuditBatch {
    AuditBatch {
        log: "decision".to_owned(),
        node: "n".to_owned(),
        node_seq,
        n: 1,
        leaf_hashes: vec![7; 32],
        entries: vec![8; 90],
        created_at: NOW,
    }
}

fn batches(store: &Store) -> usize {
    let stored = store.read("read", |tx| tx.batches_of_node("decision", "n", 0, 10));
    stored.unwrap().len()
}

both_engines! {
    fn an_append_is_one_batch_and_whether_more_was_written_is_never_guessed(engine) {
        let storage = TestStorage::new(engine);
        let (store, seen) = observed(&storage);
        let mut session = store.session();
        session
            .append("check", |tx| {
                tx.statistics(None, 0..=9)?;
                tx.append_audit(&batch(1), &[])
            })
            .unwrap();
        assert_eq!(batches(&store), 1);
        let again = session.append("check", |tx| tx.append_audit(&batch(1), &[]));
        assert_eq!(again, Err(StoreError::Conflict { constraint: Some("audit_batch_pkey") }));

        // What fails after the statement that commits may have been done, and on PostgreSQL was.
        let late = session.append("check", |tx| {
            tx.append_audit(&batch(2), &[])?;
            Err::<(), _>(StoreError::Corrupt)
        });
        let (expected, outcome, kept) = match engine {
            Engine::Sqlite => (StoreError::Corrupt, Outcome::RolledBack, 1),
            Engine::Postgres => {
                let unknown = "something failed after the statement that commits";
                (StoreError::NotYetDurable(unknown), Outcome::Unknown, 2)
            }
        };
        assert_eq!(late, Err(expected));
        assert_eq!(batches(&store), kept);
        let ended: Vec<Outcome> = seen.0.lock().unwrap().iter().filter(|(name, ..)| *name == "check").map(|(_, outcome, _)| *outcome).collect();
        assert_eq!(ended, [Outcome::Committed, Outcome::RolledBack, outcome]);
    }

    fn what_is_added_is_added_only_if_what_was_read_is_still_so(engine) {
        let storage = TestStorage::new(engine);
        let (store, _) = observed(&storage);
        let id = PersonId::from_bytes([7; 16]);
        let person = NewPerson { id, tenant: "t".to_owned(), revision: 3, created_at: NOW };
        store.change("add", |tx| tx.insert_people(std::slice::from_ref(&person))).unwrap();
        let apply = |sequence: u64| {
            let version = format!("2026-11-0{sequence}.1");
            let row = CatalogueRow {
                sequence,
                version,
                content: "{}".to_owned(),
                proposed_by: "a".to_owned(),
                approved_by: None,
                applied_at: NOW,
            };
            store.change("apply", |tx| tx.insert_catalogue_version(&row)).unwrap();
        };
        apply(1);
        let mut session = store.session();
        let mut add = |number: u64, people: &[(PersonId, u64)], catalogue: u64| {
            session.append("check", |tx| {
                tx.expect(Fence { people: people.to_vec(), catalogue });
                tx.append_audit(&batch(number), &[])
            })
        };
        let stale = Err(StoreError::Conflict { constraint: None });
        assert_eq!(add(1, &[(id, 3)], 1), Ok(()));
        assert_eq!(add(2, &[], 1), Ok(()));
        assert_eq!(add(3, &[(id, 2)], 1), stale, "another revision was read");
        assert_eq!(add(3, &[(id, 3), (PersonId::from_bytes([8; 16]), 1)], 1), stale, "somebody is not there");
        assert_eq!(batches(&store), 2);
        // The number that was not used, and the session, are as good as before.
        assert_eq!(add(3, &[(id, 3)], 1), Ok(()));

        let gone = PersonChange { id, previous: 3, revision: 3, state: PersonState::Erased, merged_into: None, ended_at: Some(NOW) };
        store.change("erase", |tx| tx.set_people(std::slice::from_ref(&gone))).unwrap();
        assert_eq!(add(4, &[(id, 3)], 1), stale, "erased, at the same revision");
        apply(2);
        assert_eq!(add(4, &[], 1), stale, "there is a newer catalogue");
        assert_eq!(add(4, &[], 2), Ok(()));
        assert_eq!(batches(&store), 4);
    }

    fn who_changes_between_reading_and_adding_is_noticed(engine) {
        let storage = TestStorage::new(engine);
        let (store, _) = observed(&storage);
        let id = PersonId::from_bytes([7; 16]);
        let person = NewPerson { id, tenant: "t".to_owned(), revision: 3, created_at: NOW };
        store.change("add", |tx| tx.insert_people(std::slice::from_ref(&person))).unwrap();
        let gone = PersonChange { id, previous: 3, revision: 4, state: PersonState::Erased, merged_into: None, ended_at: Some(NOW) };
        let mut session = store.session();
        let mut add = |expecting: bool| {
            session.append("check", |tx| {
                if expecting {
                    tx.expect(Fence::default());
                }
                let before = tx.people_by_id(&[id], false)?;
                tx.expect_too(before.iter().map(|person| (person.id, person.revision)));
                if engine == Engine::Postgres && before.iter().any(|person| person.state == PersonState::Active) {
                    // On SQLite nobody can come in between.
                    store.change("erase", |tx| tx.set_people(std::slice::from_ref(&gone)))?;
                }
                tx.append_audit(&batch(1), &[])
            })
        };
        let expected = match engine {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => Err(StoreError::Conflict { constraint: None }),
        };
        assert_eq!(add(true), expected);
        assert_eq!(batches(&store), usize::from(engine == Engine::Sqlite));
        if engine == Engine::Postgres {
            // Where nothing is expected, nobody is added to what is looked at.
            assert_eq!((add(false), batches(&store)), (Ok(()), 1));
        }
    }

    fn an_error_of_the_caller_undoes_everything(engine) {
        #[derive(Debug, PartialEq)]
        enum Mine {
            NotToday,
            Store(StoreError),
        }
        impl From<StoreError> for Mine {
            fn from(error: StoreError) -> Self {
                Mine::Store(error)
            }
        }
        let storage = TestStorage::new(engine);
        let (store, seen) = observed(&storage);
        let result = store.change("count", |tx| {
            tx.add_statistics(&[count(1)])?;
            Err::<(), _>(Mine::NotToday)
        });
        assert_eq!(result, Err(Mine::NotToday));
        assert_eq!(total(&store), 0);
        store
            .change("count", |tx| tx.add_statistics(&[count(2)]))
            .unwrap();
        assert_eq!(total(&store), 2);
        let seen = seen.0.lock().unwrap().clone();
        assert_eq!(
            seen[..2],
            [("count", Outcome::RolledBack, 0), ("read", Outcome::Committed, 0)]
        );
        assert_eq!(seen[2], ("count", Outcome::Committed, 0));
    }

    fn a_failed_statement_undoes_everything_even_when_the_caller_does_not_mind(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let result = store.change("count", |tx| {
            tx.add_statistics(&[count(1)])?;
            tx.insert_epoch_key(1, &[1], NOW)?;
            let _ignored = tx.insert_epoch_key(1, &[1], NOW);
            Ok::<_, StoreError>(())
        });
        assert_eq!(
            result,
            Err(StoreError::Conflict {
                constraint: Some("epoch_key_pkey")
            })
        );
        assert_eq!(total(&store), 0);
    }

    fn a_part_may_fail_alone(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        store
            .change("count", |tx| {
                tx.insert_epoch_key(1, &[1], NOW)?;
                let part = tx.savepoint(|tx| {
                    tx.add_statistics(&[count(1)])?;
                    tx.insert_epoch_key(1, &[1], NOW)
                });
                assert_eq!(
                    part,
                    Err(StoreError::Conflict {
                        constraint: Some("epoch_key_pkey")
                    })
                );
                tx.savepoint(|tx| tx.add_statistics(&[count(10)]))?;
                tx.add_statistics(&[count(100)])
            })
            .unwrap();
        assert_eq!(total(&store), 110);
    }

    fn a_panic_leaves_the_store_usable(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let mut session = store.session();
        for _ in 0..6 {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                store.change("count", |tx| {
                    tx.add_statistics(&[count(1)])?;
                    if total(&store) == 0 {
                        panic!("in the middle")
                    }
                    Ok::<_, StoreError>(())
                })
            }));
            assert!(panicked.is_err());
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                session.change("count", |tx| {
                    tx.add_statistics(&[count(1)])?;
                    if total(&store) == 0 {
                        panic!("in the middle")
                    }
                    Ok::<_, StoreError>(())
                })
            }));
            assert!(panicked.is_err());
        }
        session
            .change("count", |tx| tx.add_statistics(&[count(3)]))
            .unwrap();
        assert_eq!(total(&store), 3);
    }

    fn many_writers_all_come_through(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        // One that never stops, as the lane of a busy node, must not keep the others waiting.
        let busy = AtomicUsize::new(8);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut session = store.session();
                while busy.load(Ordering::SeqCst) > 0 {
                    session.change("lane", |tx| tx.put_meta("lane", "busy")).unwrap();
                }
            });
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        store
                            .change("count", |tx| tx.add_statistics(&[count(1)]))
                            .unwrap();
                    }
                    busy.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(total(&store), 80);
    }

    fn a_read_sees_one_moment(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        store
            .change("count", |tx| tx.add_statistics(&[count(1)]))
            .unwrap();
        store
            .read("read", |tx| {
                let before = tx.statistics(None, 0..=9)?;
                store.change("count", |tx| tx.add_statistics(&[count(1)]))?;
                assert_eq!(tx.statistics(None, 0..=9)?, before);
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert_eq!(total(&store), 2);
    }
}

#[test]
fn another_process_that_writes_is_waited_for() {
    let storage = TestStorage::new(Engine::Sqlite);
    let store = open(&storage);
    let path = storage.directory().join("akkoord.db");
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let written = std::thread::spawn(move || {
        store
            .change("count", |tx| tx.add_statistics(&[count(1)]))
            .unwrap();
        total(&store)
    });
    std::thread::sleep(Duration::from_millis(200)); // not a wait for a condition: the other process takes its time
    other.batch_execute("COMMIT").unwrap();
    assert_eq!(written.join().unwrap(), 1);

    let impatient = StoreOptions {
        busy_timeout: Duration::from_millis(20),
        ..options(&storage)
    };
    let (impatient, seen) = {
        let seen = Arc::new(Seen::default());
        (
            Store::open(StoreOptions {
                observer: Some(seen.clone()),
                ..impatient
            })
            .unwrap(),
            seen,
        )
    };
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let refused = impatient.change("count", |tx| tx.add_statistics(&[count(1)]));
    assert_eq!(
        refused,
        Err(StoreError::Unavailable("another process is writing".into()))
    );
    assert_eq!(
        seen.0.lock().unwrap().as_slice(),
        [("count", Outcome::RolledBack, 5)]
    );
    assert_eq!(total(&impatient), 1); // readers are not kept out
}

#[test]
fn transactions_that_lock_each_other_out_are_run_again() {
    let storage = TestStorage::new(Engine::Postgres);
    storage.psql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''50ms''', current_database()); END $$");
    let (store, seen) = observed(&storage);
    let person = |number| PersonId::from_bytes([number; 16]);
    store
        .change("people", |tx| {
            tx.insert_people(&[1, 2].map(|n| NewPerson {
                id: person(n),
                tenant: "wise".to_owned(),
                revision: 1,
                created_at: NOW,
            }))
        })
        .unwrap();
    // Each locks one and then, when both have, the other's: one of the two must give way, and succeed at last.
    let both = Barrier::new(2);
    std::thread::scope(|scope| {
        for (first, second) in [(1, 2), (2, 1)] {
            let (store, both) = (&store, &both);
            scope.spawn(move || {
                let mut runs = 0;
                store
                    .change("locks", |tx| {
                        runs += 1;
                        tx.people_by_id(&[person(first)], true)?;
                        if runs == 1 {
                            both.wait();
                        }
                        tx.people_by_id(&[person(second)], true)?;
                        tx.add_statistics(&[count(1)])
                    })
                    .unwrap();
            });
        }
    });
    assert_eq!(total(&store), 2);
    let seen = seen.0.lock().unwrap();
    let retries: u32 = seen
        .iter()
        .filter(|(name, ..)| *name == "locks")
        .map(|(_, _, retries)| retries)
        .sum();
    assert!(retries >= 1, "{seen:?}");
}

#[test]
fn a_locked_person_is_read_again_after_the_lock() {
    let storage = TestStorage::new(Engine::Postgres);
    let store = open(&storage);
    let person = PersonId::from_bytes([1; 16]);
    store
        .change("people", |tx| {
            tx.insert_people(&[NewPerson {
                id: person,
                tenant: "wise".to_owned(),
                revision: 0,
                created_at: NOW,
            }])
        })
        .unwrap();
    // Every addition rests on what was read; none is lost.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    store
                        .change("add", |tx| {
                            let found = tx.people_by_id(&[person], true)?.remove(0);
                            tx.set_people(&[akkoord::store::PersonChange {
                                id: person,
                                previous: found.revision,
                                revision: found.revision + 1,
                                state: found.state,
                                merged_into: None,
                                ended_at: None,
                            }])
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(
        store
            .read("read", |tx| tx.people_by_id(&[person], false))
            .unwrap()[0]
            .revision,
        100
    );
}

#[test]
fn a_lost_connection_is_replaced() {
    let storage = TestStorage::new(Engine::Postgres);
    let (store, seen) = observed(&storage);
    let mut session = store.session();
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
    session
        .change("lane", |tx| tx.add_statistics(&[count(1)]))
        .unwrap();
    assert_ne!(storage.psql(terminate), "0");
    session
        .change("lane", |tx| tx.add_statistics(&[count(1)]))
        .unwrap();
    store.change("pool", |tx| tx.add_statistics(&[count(1)])).unwrap();
    // in the middle of a transaction: nothing of the first run stays
    let mut runs = 0;
    session
        .change("middle", |tx| {
            runs += 1;
            tx.add_statistics(&[count(1)])?;
            if runs == 1 {
                storage.psql(terminate);
            }
            tx.add_statistics(&[count(1)])
        })
        .unwrap();
    assert_eq!((runs, total(&store)), (2, 5));
    assert!(
        seen.0
            .lock()
            .unwrap()
            .contains(&("middle", Outcome::Committed, 1))
    );
}

#[test]
fn a_connection_lost_at_the_commit_leaves_the_outcome_unknown() {
    let storage = TestStorage::new(Engine::Postgres);
    let (store, seen) = observed(&storage);
    let mut session = store.session();
    let mut runs = 0;
    let result = session.change("lane", |tx| {
        runs += 1;
        tx.add_statistics(&[count(1)])?;
        storage.psql(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        Ok::<_, StoreError>(())
    });
    assert!(matches!(result, Err(StoreError::NotYetDurable(_))), "{result:?}");
    assert_eq!(
        (runs, seen.0.lock().unwrap().clone()),
        (1, vec![("lane", Outcome::Unknown, 0)])
    );
    session
        .change("lane", |tx| tx.add_statistics(&[count(2)]))
        .unwrap();
    assert_eq!(total(&store), 2);
}

#[test]
fn a_stopped_server_is_unavailable_at_once_and_used_again_when_it_is_back() {
    let postgres = crate::support::postgres::Postgres::private();
    let storage = TestStorage::new(Engine::Sqlite);
    let url = postgres.url("postgres").parse().unwrap();
    let store = Store::open(StoreOptions {
        url,
        ..options(&storage)
    })
    .unwrap();
    let mut session = store.session();
    session
        .change("lane", |tx| tx.add_statistics(&[count(1)]))
        .unwrap();
    postgres.stop();
    let started = Instant::now();
    for _ in 0..2 {
        let refused = session.change("lane", |tx| tx.add_statistics(&[count(1)]));
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        let refused = store.read("read", |tx| tx.meta("x"));
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    postgres.start();
    session
        .change("lane", |tx| tx.add_statistics(&[count(1)]))
        .unwrap();
    // the pool looks for the server again by itself, every two seconds at the latest
    while store.ping().is_err() {
        assert!(started.elapsed() < Duration::from_secs(60));
    }
    assert_eq!(total(&store), 2);
}
