//! What only PostgreSQL has: statements prepared at the server, and standbys.

use std::process::{Child, Stdio};

use akkoord::domain::ids::PersonId;
use akkoord::store::{
    AuditBatch, EventRow, NewPerson, RecordChange, SealedRecord, Statistic, Store, StoreError, StoreOptions,
    Tx,
};

use crate::support::engine::{Engine, TestStorage};
use crate::support::postgres::Postgres;
use crate::support::store::{NOW, options};

fn on(postgres: &Postgres) -> StoreOptions {
    let storage = TestStorage::new(Engine::Sqlite);
    StoreOptions {
        url: postgres.url("postgres").parse().unwrap(),
        ..options(&storage)
    }
}

fn settle(postgres: &Postgres, question: &str, answer: &str) {
    while postgres.psql("postgres", question) != answer {
        std::thread::yield_now();
    }
}

fn configure(postgres: &Postgres, setting: &str, value: &str) {
    postgres.psql("postgres", &format!("ALTER SYSTEM SET {setting} = '{value}'"));
    postgres.psql("postgres", "SELECT pg_reload_conf()");
    settle(postgres, &format!("SHOW {setting}"), value);
}

fn lane(tx: &mut Tx<'_>, from: u8, many: u8) -> Result<(), StoreError> {
    let people: Vec<PersonId> = (from..from + many)
        .map(|n| PersonId::from_bytes([n; 16]))
        .collect();
    let indexes: Vec<[u8; 16]> = people.iter().map(|id| *id.as_bytes()).collect();
    tx.people_by_blind_index(&indexes, false)?;
    tx.people_by_id(&people, true)?;
    tx.find_idempotency(&[("crm", [from; 32])])?;
    let new = people.iter().map(|id| NewPerson {
        id: *id,
        tenant: "wise".to_owned(),
        revision: 1,
        created_at: NOW,
    });
    tx.insert_people(&new.collect::<Vec<_>>())?;
    for previous in [None, Some(1)] {
        let record = SealedRecord {
            revision: previous.unwrap_or(0) + 1,
            key_version: 1,
            sealed: vec![from; 100],
        };
        let changes = people.iter().map(|id| RecordChange {
            person_id: *id,
            previous,
            record: record.clone(),
        });
        tx.put_records(&changes.collect::<Vec<_>>())?;
    }
    tx.last_sequences(&people)?;
    let events = people.iter().map(|id| EventRow {
        person_id: *id,
        sequence: 1,
        event_id: akkoord::domain::ids::EventId::from_bytes(*id.as_bytes()),
        recorded_at: NOW,
        sealed: vec![1; 50],
    });
    tx.insert_events(&events.collect::<Vec<_>>())?;
    let batch = AuditBatch {
        log: "decision".to_owned(),
        node: "n1".to_owned(),
        node_seq: u64::from(from),
        n: 1,
        leaf_hashes: vec![0; 32],
        entries: vec![0; 90],
        created_at: NOW,
    };
    tx.append_audit(&batch, &[])?;
    tx.add_statistics(&[Statistic {
        organisation: "a".to_owned(),
        purpose: "p".to_owned(),
        day: i64::from(from),
        measure: "m".to_owned(),
        n: 1,
    }])
}

#[test]
fn statements_are_prepared_once_per_connection() {
    let postgres = Postgres::private();
    let store = Store::open(on(&postgres)).unwrap();
    configure(&postgres, "log_min_duration_statement", "0");
    let log = || {
        let log = std::fs::read_to_string(postgres.directory().join("server.log")).unwrap();
        let lines = |step: &str| {
            log.lines()
                .filter(|line| line.contains("ms") && line.contains(step))
                .count()
        };
        (lines("  parse "), lines("  execute "))
    };
    let mut session = store.session();
    session.change("lane", |tx| lane(tx, 1, 1)).unwrap();
    let (parsed, executed) = log();
    assert!(parsed >= 12, "{parsed}");
    for (from, many) in [(10, 2), (20, 9), (40, 30), (80, 1)] {
        session.change("lane", |tx| lane(tx, from, many)).unwrap();
    }
    let (parsed_later, executed_later) = log();
    assert_eq!(parsed_later, parsed);
    assert!(executed_later >= executed + 4 * 11, "{executed} {executed_later}");
}

/// A program that keeps PostgreSQL's log on another disk counts as a synchronous standby.
struct Standby(Child);

impl Standby {
    fn start(postgres: &Postgres, storage: &TestStorage) -> Self {
        let host = postgres.directory().display();
        let child = postgres
            .program("pg_receivewal")
            .args(["--synchronous", "--no-loop", "-D"])
            .arg(storage.directory())
            .args([
                "-d",
                &format!("host={host} user=postgres application_name=second"),
            ])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        settle(
            postgres,
            "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'",
            "1",
        );
        Self(child)
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_change_is_acknowledged_when_a_standby_has_it_and_not_before() {
    let postgres = Postgres::private();
    let storage = TestStorage::new(Engine::Sqlite);
    let standby = Standby::start(&postgres, &storage);
    configure(&postgres, "synchronous_standby_names", "second");
    let store = Store::open(StoreOptions {
        require_synchronous_standby: true,
        ..on(&postgres)
    })
    .unwrap();
    let mut session = store.session();
    session.change("lane", |tx| tx.put_meta("a", "1")).unwrap();
    store.change("pool", |tx| tx.put_meta("b", "1")).unwrap();

    // The standby goes, and PostgreSQL is told not to mind: it reports the commit as done.
    drop(standby);
    configure(&postgres, "synchronous_standby_names", "");
    settle(&postgres, "SELECT count(*) FROM pg_stat_replication", "0");
    for result in [
        session.change("lane", |tx| tx.put_meta("a", "2")),
        store.change("pool", |tx| tx.put_meta("b", "2")),
    ] {
        assert!(matches!(result, Err(StoreError::NotYetDurable(_))), "{result:?}");
    }
    // reading needs no standby
    assert_eq!(store.read("read", |tx| tx.meta("a")), Ok(Some("2".to_owned())));

    let _standby = Standby::start(&postgres, &storage);
    configure(&postgres, "synchronous_standby_names", "second");
    settle(&postgres, "SELECT sync_state FROM pg_stat_replication", "sync");
    session.change("lane", |tx| tx.put_meta("a", "3")).unwrap();
}

#[test]
fn a_user_who_cannot_see_the_standby_is_refused() {
    let postgres = Postgres::private();
    postgres.psql("postgres", "CREATE ROLE akkoord LOGIN");
    postgres.psql("postgres", "CREATE DATABASE akkoord OWNER akkoord");
    let url = postgres.url("akkoord").replace("postgres@", "akkoord@");
    let storage = TestStorage::new(Engine::Sqlite);
    let plain = StoreOptions {
        url: url.parse().unwrap(),
        ..options(&storage)
    };
    // An ordinary user who owns the database is enough otherwise.
    Store::open(plain.clone())
        .unwrap()
        .change("meta", |tx| tx.put_meta("a", "1"))
        .unwrap();
    postgres.psql(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
    );
    postgres.psql("postgres", "SELECT pg_reload_conf()");
    settle(&postgres, "SHOW synchronous_standby_names", "nobody");
    let refused = Store::open(StoreOptions {
        require_synchronous_standby: true,
        ..plain
    })
    .unwrap_err();
    assert!(
        refused.to_string().contains("GRANT pg_read_all_stats"),
        "{refused}"
    );
}
