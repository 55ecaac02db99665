//! The store's rows on both engines: what is written is read back, and what must not happen is refused.

use akkoord::domain::ids::{EventId, PersonId};
use akkoord::domain::moment::Moment;
use akkoord::store::{
    AuditBatch, CatalogueRow, ClientRow, IdempotencyRow, LogRow, LogState, OutboxRow, PersonKeyRow,
    PrivateEntry, PrivatePart, Statistic, Store, StoreError, TenantKeyRow, Tx, WrappedKey,
};

use crate::support::engine::TestStorage;
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

both_engines! {
    fn audit_batches_are_queued_with_their_private_parts(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let log = LogRow {
            id: 1,
            log: "decision".to_owned(),
            origin: "example.nl/decision".to_owned(),
            vkey: "v".to_owned(),
            state: LogState::Open,
            contradiction: None,
        };
        let batch = |log: &str, seq| AuditBatch {
            log: log.to_owned(),
            node: "n1".to_owned(),
            node_seq: seq,
            n: 2,
            leaf_hashes: vec![7; 64],
            entries: vec![8; 90],
            created_at: NOW,
        };
        let part = |off| PrivatePart {
            off,
            person_id: person(1),
            key_version: 1,
            sealed: vec![9; 128],
        };
        let private = |seq, off| PrivateEntry {
            log: "decision".to_owned(),
            node: "n1".to_owned(),
            node_seq: seq,
            off,
            person_id: person(1),
            key_version: 1,
            sealed: vec![9; 128],
        };
        change(&store, |tx| {
            tx.insert_audit_log(&log)?;
            tx.append_audit(&batch("decision", 1), &[part(0), part(1)])?;
            tx.append_audit(&batch("decision", 2), &[part(0)])?;
            tx.append_audit(&batch("consent", 1), &[])
        })
        .unwrap();
        store
            .read("read", |tx| {
                assert_eq!(tx.audit_logs()?, std::slice::from_ref(&log));
                assert_eq!(tx.last_node_seq("decision", "n1")?, Some(2));
                assert_eq!(tx.last_node_seq("decision", "n2")?, None);
                let queued = tx.queued_hashes("decision", 10)?;
                assert_eq!(queued.len(), 2);
                assert_eq!((queued[0].node_seq, queued[0].n), (1, 2));
                assert_eq!(queued[0].leaf_hashes, [7; 64]);
                let stored = tx.batches_of_node("decision", "n1", 2, 10)?;
                assert_eq!((stored.len(), stored[0].node_seq, stored[0].start_index), (1, 2, None));
                assert_eq!((stored[0].leaf_hashes.clone(), stored[0].entries.clone()), (vec![7; 64], vec![8; 90]));
                assert_eq!(tx.audit_private_of(person(1))?, [private(1, 0), private(1, 1), private(2, 0)]);
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx.append_audit(&batch("decision", 2), &[]))),
            Some("audit_batch_pkey")
        );
    }

    fn counters_add_up(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let add = |organisation: &str, day, measure: &str, n| Statistic {
            organisation: organisation.to_owned(),
            purpose: "newsletter".to_owned(),
            day,
            measure: measure.to_owned(),
            n,
        };
        for _ in 0..2 {
            change(&store, |tx| {
                tx.add_statistics(&[
                    add("a", 1, "granted", 1),
                    add("b", 1, "granted", 5),
                    add("a", 1, "granted", 2),
                    add("a", 2, "withdrawn", 1),
                ])
            })
            .unwrap();
        }
        store
            .read("read", |tx| {
                assert_eq!(
                    tx.statistics(Some("a"), 0..=9)?,
                    [add("a", 1, "granted", 6), add("a", 2, "withdrawn", 2)]
                );
                assert_eq!(
                    tx.statistics(None, 1..=1)?,
                    [add("a", 1, "granted", 6), add("b", 1, "granted", 10)]
                );
                Ok::<_, StoreError>(())
            })
            .unwrap();
        change(&store, |tx| tx.add_statistics(&[])).unwrap();
    }

    fn answers_are_kept_until_they_are_swept(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let answer = |client: &str, number: u8, at: Moment| IdempotencyRow {
            client_id: client.to_owned(),
            key_hash: [number; 32],
            request_hash: [8; 32],
            person_id: (number == 1).then(|| person(1)),
            status: 201,
            sealed: vec![number],
            created_at: at,
        };
        let (old, new) = (answer("crm", 1, NOW), answer("mailer", 2, NOW.plus_seconds(5)));
        change(&store, |tx| tx.insert_idempotency(&[old.clone(), new.clone()])).unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_idempotency(std::slice::from_ref(&old)))),
            Some("idempotency_pkey")
        );
        // a caller does not see what another one stored under the same key
        let keys = [("crm", [1; 32]), ("crm", [2; 32]), ("mailer", [1; 32])];
        assert_eq!(
            store.read("read", |tx| tx.find_idempotency(&keys)),
            Ok(vec![old.clone()])
        );
        assert_eq!(
            change(&store, |tx| tx.delete_idempotency_before(NOW.plus_seconds(1))),
            Ok(1)
        );
        assert_eq!(
            store.read("read", |tx| tx
                .find_idempotency(&[("crm", [1; 32]), ("mailer", [2; 32])])),
            Ok(vec![new.clone()])
        );
    }

    fn messages_of_a_person_wait_in_the_order_of_their_changes(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let message = |number, at, purpose: Option<&str>| OutboxRow {
            event_id: event(number),
            kind: "consent.withdrawn".to_owned(),
            person_id: person(1),
            other_id: None,
            revision: number.into(),
            organisation: "a".to_owned(),
            purpose: purpose.map(str::to_owned),
            recorded_at: at,
        };
        // The second change was recorded by a node whose clock runs behind.
        let (first, second) = (
            message(1, NOW.plus_seconds(1), None),
            message(2, NOW, Some("newsletter")),
        );
        change(&store, |tx| tx.insert_outbox(&[second.clone(), first.clone()])).unwrap();
        assert_eq!(store.read("read", |tx| tx.outbox_size()), Ok((2, Some(NOW))));
        assert_eq!(
            store.read("read", |tx| tx.outbox(10)),
            Ok(vec![first.clone(), second.clone()])
        );
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_outbox(std::slice::from_ref(&first)))),
            Some("outbox_pkey")
        );
        change(&store, |tx| tx.delete_outbox(std::slice::from_ref(&first))).unwrap();
        assert_eq!(store.read("read", |tx| tx.outbox(10)), Ok(vec![second]));
    }

    fn catalogue_versions_have_no_gaps(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let version = |sequence, name: &str| CatalogueRow {
            sequence,
            version: name.to_owned(),
            content: "{}".to_owned(),
            proposed_by: "a".to_owned(),
            approved_by: (sequence > 1).then(|| "b".to_owned()),
            applied_at: NOW,
        };
        assert_eq!(store.read("read", |tx| tx.latest_catalogue()), Ok(None));
        for refused in [2, 0] {
            assert_eq!(
                conflict(change(&store, |tx| tx.insert_catalogue_version(&version(refused, "x")))),
                Some("catalogue_version_pkey")
            );
        }
        change(&store, |tx| tx.insert_catalogue_version(&version(1, "2027-01"))).unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_catalogue_version(&version(1, "y")))),
            Some("catalogue_version_pkey")
        );
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_catalogue_version(&version(2, "2027-01")))),
            Some("catalogue_version_version_key")
        );
        change(&store, |tx| tx.insert_catalogue_version(&version(2, "2027-02"))).unwrap();
        assert_eq!(
            store.read("read", |tx| tx.catalogue_versions()),
            Ok(vec![version(1, "2027-01"), version(2, "2027-02")])
        );
        assert_eq!(
            store.read("read", |tx| tx.latest_catalogue()),
            Ok(Some(version(2, "2027-02")))
        );
    }

    fn clients_and_their_assertions(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let client = ClientRow {
            client_id: "crm".to_owned(),
            system: "crm".to_owned(),
            scopes: "decide consent:read".to_owned(),
            secrets: "[]".to_owned(),
            jwks: None,
            state: "active".to_owned(),
            created_at: NOW,
            changed_at: NOW,
        };
        change(&store, |tx| tx.insert_client(&client)).unwrap();
        assert_eq!(conflict(change(&store, |tx| tx.insert_client(&client))), Some("oauth_client_pkey"));
        let changed = ClientRow { jwks: Some("{}".to_owned()), changed_at: NOW.plus_seconds(1), ..client.clone() };
        assert_eq!(change(&store, |tx| tx.update_client(&changed, NOW)), Ok(true));
        assert_eq!(store.read("read", |tx| tx.client("crm")), Ok(Some(changed.clone())));
        assert_eq!(change(&store, |tx| tx.update_client(&client, NOW)), Ok(false), "somebody else was first");
        assert_eq!(store.read("read", |tx| tx.clients()), Ok(vec![changed]));
        change(&store, |tx| tx.use_assertion("crm", &[1; 32], NOW)).unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx.use_assertion("crm", &[1; 32], NOW))),
            Some("assertion_used_pkey")
        );
        change(&store, |tx| tx.use_assertion("other", &[1; 32], NOW)).unwrap();
        assert_eq!(
            change(&store, |tx| tx.sweep_assertions(NOW.plus_seconds(1))),
            Ok(2)
        );
        assert_eq!(change(&store, |tx| tx.delete_client("crm")), Ok(true));
        assert_eq!(change(&store, |tx| tx.delete_client("crm")), Ok(false));
        assert_eq!(change(&store, |tx| tx.update_client(&client, NOW)), Ok(false));
    }

    fn keys_of_network_epochs_and_people(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        let tenant = TenantKeyRow {
            name: "pairwise".to_owned(),
            version: 1,
            wrapped: vec![1; 60],
            state: "current".to_owned(),
            created_at: NOW,
        };
        change(&store, |tx| tx.insert_tenant_key(&tenant)).unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_tenant_key(&tenant))),
            Some("tenant_key_pkey")
        );
        assert_eq!(
            change(&store, |tx| tx.set_tenant_key_state("pairwise", 1, "readable")),
            Ok(true)
        );
        assert_eq!(
            change(&store, |tx| tx.set_tenant_key_state("pairwise", 2, "readable")),
            Ok(false)
        );
        assert_eq!(
            store.read("read", |tx| tx.tenant_keys()),
            Ok(vec![TenantKeyRow {
                state: "readable".to_owned(),
                ..tenant
            }])
        );

        change(&store, |tx| tx.insert_epoch_key(3, &[5; 60], NOW)).unwrap();
        assert_eq!(
            conflict(change(&store, |tx| tx.insert_epoch_key(3, &[6; 60], NOW))),
            Some("epoch_key_pkey")
        );
        store.add_person_keys(&[key(2, 1), key(1, 1)]).unwrap();
        assert_eq!(
            conflict(store.add_person_keys(&[key(2, 1)])),
            Some("person_key_pkey")
        );
        assert_eq!(
            store.read("read", |tx| tx.person_keys_of_epoch(3, None, 10)),
            Ok(vec![key(1, 1), key(2, 1)])
        );
        assert_eq!(
            store.read("read", |tx| tx.person_keys_of_epoch(3, Some(person(1)), 10)),
            Ok(vec![key(2, 1)])
        );
        let mut again = key(1, 1);
        (again.key.epoch, again.key.wrapped) = (4, vec![0; 62]);
        assert_eq!(change(&store, |tx| tx.destroy_epoch_key(3, NOW)), Ok(false));
        let both = [again.clone(), key(2, 1)];
        assert_eq!(change(&store, |tx| tx.rewrap_person_keys(&both)), Ok(1));
        assert_eq!(change(&store, |tx| tx.delete_person_keys(person(2))), Ok(1));
        assert_eq!(change(&store, |tx| tx.rewrap_person_keys(&both)), Ok(0));
        assert_eq!(
            store.read("read", |tx| tx.person_keys(person(1))),
            Ok(vec![again.key.clone()])
        );
        assert_eq!(change(&store, |tx| tx.destroy_epoch_key(3, NOW)), Ok(true));
        assert_eq!(change(&store, |tx| tx.destroy_epoch_key(3, NOW)), Ok(false));
        // A node that has not heard of it adds nothing that nobody could open.
        assert_eq!(conflict(store.add_person_keys(&[key(3, 1)])), None);
        assert_eq!(store.read("read", |tx| tx.person_keys(person(3))), Ok(vec![]));
        let epochs = store.read("read", |tx| tx.epoch_keys()).unwrap();
        assert_eq!(
            (epochs[0].epoch, epochs[0].wrapped.clone(), epochs[0].destroyed_at),
            (3, None, Some(NOW))
        );
    }

    fn facts_are_written_over(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        assert_eq!(store.read("read", |tx| tx.meta("colour")), Ok(None));
        for value in ["red", "blue"] {
            change(&store, |tx| tx.put_meta("colour", value)).unwrap();
            assert_eq!(
                store.read("read", |tx| tx.meta("colour")),
                Ok(Some(value.to_owned()))
            );
        }
    }
}
