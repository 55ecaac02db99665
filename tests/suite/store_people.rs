//! People in the store on both engines: found, changed only over what was read, and erased.

use akkoord::domain::ids::{EventId, IdentifierId, PersonId};
use akkoord::store::{
    AuditBatch, EventRow, IdempotencyRow, IdentifierRow, NewPerson, PersonChange, PersonKeyRow, PersonState,
    PrivatePart, RecordChange, SealedRecord, Store, StoreError, Tx, WrappedKey,
};

use crate::support::engine::{Engine, TestStorage};
use crate::support::store::{NOW, open};

fn person(number: u8) -> PersonId {
    PersonId::from_bytes([number; 16])
}

fn event(number: u8) -> EventId {
    EventId::from_bytes([number; 16])
}

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Option<&'static str> {
    match result {
        Err(StoreError::Conflict { constraint }) => constraint,
        other => panic!("{other:?}"),
    }
}

fn change<T>(store: &Store, work: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
    store.change("test", work)
}

fn key(number: u8, version: u32) -> PersonKeyRow {
    PersonKeyRow {
        person_id: person(number),
        key: WrappedKey {
            version,
            epoch: 3,
            wrapped: vec![number; 62],
            kcv: [number; 16],
        },
    }
}

fn identifier(number: u8, owner: u8) -> IdentifierRow {
    IdentifierRow {
        id: IdentifierId::from_bytes([number; 16]),
        person_id: person(owner),
        scheme: "member-number".to_owned(),
        key_version: 1,
        blind_index: [number; 16],
    }
}

fn record(number: u8, previous: Option<u64>, revision: u64) -> RecordChange {
    RecordChange {
        person_id: person(number),
        previous,
        record: SealedRecord {
            revision,
            key_version: 1,
            sealed: vec![number, revision as u8, 0, 255],
        },
    }
}

fn event_row(number: u8, sequence: u64, id: u8) -> EventRow {
    EventRow {
        person_id: person(number),
        sequence,
        event_id: event(id),
        recorded_at: NOW.plus_seconds(sequence as i64),
        sealed: vec![id; 40],
    }
}

/// Persons 1, 2 and 3 with key, record and identifier of the same number.
fn populate(store: &Store) {
    store.add_person_keys(&[key(1, 1), key(2, 1), key(3, 1)]).unwrap();
    change(store, |tx| {
        let people: Vec<NewPerson> = [1, 2, 3]
            .map(|n| NewPerson {
                id: person(n),
                tenant: "wise".to_owned(),
                revision: 1,
                created_at: NOW,
            })
            .into();
        tx.insert_people(&people)?;
        tx.put_records(&[record(1, None, 1), record(2, None, 1), record(3, None, 1)])?;
        tx.insert_identifiers(&[identifier(1, 1), identifier(2, 2), identifier(3, 3)])
    })
    .unwrap();
}

both_engines! {
    fn people_are_found_by_blind_index_and_by_id_with_record_and_key(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        for lock in [false, true] {
            let mut found = change(&store, |tx| {
                tx.people_by_blind_index(&[[3; 16], [9; 16], [1; 16]], lock)
            })
            .unwrap();
            found.sort_by_key(|(index, _)| *index);
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].0, [1; 16]);
            assert_eq!(found[1].1.id, person(3));
            assert_eq!(found[0].1.state, PersonState::Active);
            assert_eq!(found[0].1.record, Some(record(1, None, 1).record));
            assert_eq!(found[0].1.key, Some(key(1, 1).key));
            let by_id = change(&store, |tx| tx.people_by_id(&[person(1), person(9)], lock)).unwrap();
            assert_eq!(by_id, [found[0].1.clone()]);
        }
        assert_eq!(
            store.read("read", |tx| tx.people_by_blind_index(&[], false)),
            Ok(vec![])
        );
        assert_eq!(change(&store, |tx| tx.people_by_id(&[], true)), Ok(vec![]));
    }

    fn the_key_of_the_record_is_given_and_else_the_newest(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        store
            .add_person_keys(&[key(1, 2), key(1, 3), key(4, 1), key(4, 2)])
            .unwrap();
        change(&store, |tx| {
            tx.insert_people(&[NewPerson {
                id: person(4),
                tenant: "wise".to_owned(),
                revision: 1,
                created_at: NOW,
            }])
        })
        .unwrap();
        let mut people = store
            .read("read", |tx| tx.people_by_id(&[person(1), person(4)], false))
            .unwrap();
        people.sort_by_key(|found| found.id);
        assert_eq!(people[0].key, Some(key(1, 1).key));
        assert_eq!(
            (people[1].record.clone(), people[1].key.clone()),
            (None, Some(key(4, 2).key))
        );
        assert_eq!(
            store.read("read", |tx| tx.person_keys(person(1))).unwrap().len(),
            3
        );
    }

    fn a_record_is_only_written_over_the_revision_that_was_read(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        change(&store, |tx| {
            tx.put_records(&[record(1, Some(1), 2), record(2, Some(1), 2)])
        })
        .unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx
                .put_records(&[record(3, Some(1), 2), record(1, Some(1), 2)]))),
            None
        );
        assert_eq!(
            conflict(change(&store, |tx| tx.put_records(&[record(8, Some(1), 2)]))),
            None
        );
        assert_eq!(
            conflict(change(&store, |tx| tx.put_records(&[record(1, None, 1)]))),
            Some("person_record_pkey")
        );
        let revision = |number| {
            let people = store
                .read("read", |tx| tx.people_by_id(&[person(number)], false))
                .unwrap();
            people[0].record.as_ref().unwrap().revision
        };
        assert_eq!([revision(1), revision(2), revision(3)], [2, 2, 1]);
    }

    fn a_person_changes_state_over_the_revision_that_was_read(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        let merged = PersonChange {
            id: person(1),
            previous: 1,
            revision: 2,
            state: PersonState::Merged,
            merged_into: Some(person(2)),
            ended_at: Some(NOW),
        };
        let touched = PersonChange {
            id: person(2),
            merged_into: None,
            ended_at: None,
            state: PersonState::Active,
            ..merged.clone()
        };
        change(&store, |tx| {
            tx.set_people(&[merged.clone(), touched.clone()])?;
            tx.move_identifiers(person(1), person(2))
        })
        .unwrap();
        let found = store
            .read("read", |tx| tx.people_by_id(&[person(1)], false))
            .unwrap();
        assert_eq!(
            (found[0].state, found[0].merged_into, found[0].revision),
            (PersonState::Merged, Some(person(2)), 2)
        );
        let identifiers = store.read("read", |tx| tx.identifiers_of(person(2))).unwrap();
        assert_eq!(identifiers, [identifier(1, 2), identifier(2, 2)]);
        assert_eq!(
            conflict(change(&store, |tx| tx.set_people(std::slice::from_ref(&touched)))),
            None
        );
    }

    fn an_identifier_belongs_to_one_person(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        let taken = IdentifierRow {
            blind_index: [2; 16],
            ..identifier(4, 1)
        };
        let refused = change(&store, |tx| {
            tx.insert_identifiers(&[identifier(5, 1), taken.clone()])
        });
        assert_eq!(conflict(refused), Some("person_identifier_blind_index_key"));
        assert_eq!(
            store.read("read", |tx| tx.identifiers_of(person(1))).unwrap(),
            [identifier(1, 1)]
        );
        change(&store, |tx| {
            tx.delete_identifiers(&[identifier(2, 2).id, identifier(9, 9).id])
        })
        .unwrap();
        change(&store, |tx| tx.insert_identifiers(std::slice::from_ref(&taken))).unwrap();
        // whose it is must exist
        assert!(matches!(
            change(&store, |tx| tx.insert_identifiers(&[identifier(7, 99)])),
            Err(StoreError::Other(_))
        ));
    }

    fn events_are_numbered_found_and_never_changed(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let events = [event_row(1, 1, 11), event_row(1, 2, 12), event_row(2, 1, 21)];
        change(&store, |tx| tx.insert_events(&events)).unwrap();
        store
            .read("read", |tx| {
                assert_eq!(tx.events_of(person(1), None)?, events[..2]);
                assert_eq!(tx.events_of(person(1), Some(NOW.plus_seconds(1)))?, events[..1]);
                assert_eq!(tx.event_by_id(event(21))?, Some(events[2].clone()));
                assert_eq!(tx.event_by_id(event(99))?, None);
                let mut last = tx.last_sequences(&[person(2), person(1), person(3)])?;
                last.sort();
                assert_eq!(last, [(person(1), 2), (person(2), 1)]);
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_events(&[event_row(1, 2, 13)]))),
            Some("consent_event_pkey")
        );
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_events(&[event_row(1, 3, 12)]))),
            Some("consent_event_event_id_key")
        );
    }

    fn an_erased_person_leaves_a_tombstone_and_nothing_else(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        populate(&store);
        change(&store, |tx| {
            tx.insert_identifiers(&[identifier(7, 1)])?;
            tx.insert_events(&[event_row(1, 1, 11), event_row(1, 2, 12), event_row(2, 1, 21)])?;
            let batch = AuditBatch {
                log: "decision".to_owned(),
                node: "n".to_owned(),
                node_seq: 1,
                n: 1,
                leaf_hashes: vec![7; 32],
                entries: vec![8; 90],
                created_at: NOW,
            };
            let part = PrivatePart {
                off: 0,
                person_id: person(1),
                key_version: 1,
                sealed: vec![1],
            };
            tx.append_audit(&batch, &[part])?;
            tx.insert_idempotency(&[IdempotencyRow {
                client_id: "c".to_owned(),
                key_hash: [1; 32],
                request_hash: [1; 32],
                person_id: Some(person(1)),
                status: 200,
                sealed: vec![],
                created_at: NOW,
            }])
        })
        .unwrap();
        assert_eq!(change(&store, |tx| tx.delete_person_keys(person(1))), Ok(1));
        let erased = change(&store, |tx| {
            tx.erase_person(person(1), &[identifier(7, 1).id], NOW)
        })
        .unwrap();
        assert_eq!(
            (
                erased.records,
                erased.events,
                erased.private_entries,
                erased.identifiers,
                erased.answers
            ),
            (1, 2, 1, 1, 1)
        );
        store.scrub().unwrap();
        store
            .read("read", |tx| {
                let left = tx.people_by_id(&[person(1)], false)?;
                assert_eq!((left[0].state, left[0].revision), (PersonState::Erased, 2));
                assert_eq!((&left[0].record, &left[0].key), (&None, &None));
                assert_eq!(tx.identifiers_of(person(1))?, [identifier(7, 1)]);
                assert_eq!(tx.events_of(person(1), None)?, []);
                assert_eq!(tx.events_of(person(2), None)?.len(), 1);
                assert_eq!(tx.audit_private_of(person(1))?, []);
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
}

#[test]
fn an_erased_person_leaves_no_bytes_in_the_files_of_sqlite() {
    let storage = TestStorage::new(Engine::Sqlite);
    let store = open(&storage);
    populate(&store);
    let (sealed, wrapped) = (b"sealed-event-of-one".repeat(300), b"wrapped-key-of-one".to_vec());
    let mut keyed = key(1, 2);
    keyed.key.wrapped = wrapped.clone();
    store.add_person_keys(&[keyed]).unwrap();
    let mut row = event_row(1, 1, 11);
    row.sealed = sealed;
    change(&store, |tx| tx.insert_events(std::slice::from_ref(&row))).unwrap();
    let found = |bytes: &[u8]| {
        let files = std::fs::read_dir(storage.directory()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .filter(|content| content.windows(bytes.len()).any(|window| window == bytes))
            .count()
    };
    assert!(found(b"sealed-event-of-one") > 0 && found(&wrapped) > 0);
    change(&store, |tx| tx.delete_person_keys(person(1))).unwrap();
    change(&store, |tx| tx.erase_person(person(1), &[], NOW)).unwrap();
    store.scrub().unwrap();
    assert_eq!((found(b"sealed-event-of-one"), found(&wrapped)), (0, 0));
}
