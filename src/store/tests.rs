//! What only shows inside the room: settings that were not kept, and statements that stay prepared.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use super::connection::{AnyConnection, Connector, confirm_sqlite};
use super::tx::Tx;
use super::*;
use crate::domain::ids::{EventId, IdentifierId, PersonId};
use crate::domain::moment::Moment;

const NOW: Moment = Moment::from_micros(1_803_902_400_000_000);

fn store(directory: &std::path::Path) -> Store {
    Store::open(StoreOptions {
        url: format!("sqlite://{}/akkoord.db", directory.display())
            .parse()
            .unwrap(),
        pool_size: 2,
        busy_timeout: Duration::from_secs(5),
        require_synchronous_standby: false,
        create: true,
        installation_id: [7; 16],
        network: "wise".to_owned(),
        now: NOW,
        observer: None,
    })
    .unwrap()
}

fn connector(directory: &std::path::Path) -> Connector {
    let url = format!("sqlite://{}/akkoord.db", directory.display())
        .parse()
        .unwrap();
    Connector {
        url,
        busy_timeout: Duration::from_secs(5),
    }
}

/// Without its flags (`.cargo/config.toml`) it works and is slow: each new value makes a plan anew.
#[test]
fn the_sqlite_that_is_built_in_is_built_for_this() {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    let options: Vec<String> = diesel::dsl::sql::<Text>("SELECT compile_options FROM pragma_compile_options")
        .load(&mut connection)
        .unwrap();
    for wanted in ["ENABLE_QPSG", "THREADSAFE=2", "DEFAULT_MEMSTATUS=0"] {
        assert!(
            options.iter().any(|option| option == wanted),
            "{wanted} is not in {options:?}"
        );
    }
    for unwanted in ["ENABLE_STAT4", "ENABLE_MEMORY_MANAGEMENT"] {
        assert!(!options.iter().any(|option| option == unwanted), "{unwanted}");
    }
}

#[test]
fn settings_that_lose_acknowledged_choices_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let connector = connector(directory.path());
    for forced in [
        "main.synchronous = NORMAL",
        "keystore.synchronous = NORMAL",
        "main.synchronous = OFF",
        "keystore.journal_mode = DELETE",
        "main.journal_mode = DELETE",
        "foreign_keys = OFF",
        "main.secure_delete = FAST",
        "keystore.secure_delete = OFF",
    ] {
        let AnyConnection::Sqlite(mut connection) = connector.open().unwrap() else {
            panic!()
        };
        confirm_sqlite(&mut connection).unwrap();
        connection.batch_execute(&format!("PRAGMA {forced}")).unwrap();
        let refusal = confirm_sqlite(&mut connection).unwrap_err();
        assert!(
            matches!(&refusal, StoreError::Misconfigured(why) if why.starts_with("SQLite does not keep ")),
            "{forced}: {refusal:?}"
        );
    }
}

/// What the lane does in a transaction about these many new people.
fn lane(tx: &mut Tx<'_>, from: u8, many: u8) -> Result<(), StoreError> {
    let people: Vec<PersonId> = (from..from + many)
        .map(|n| PersonId::from_bytes([n; 16]))
        .collect();
    let indexes: Vec<[u8; 16]> = people.iter().map(|id| *id.as_bytes()).collect();
    let first = *people.first().unwrap();
    tx.people_by_blind_index(&indexes, true)?;
    tx.people_by_id(&people, true)?;
    tx.find_idempotency(&[("crm", [from; 32])])?;
    tx.insert_people(
        &people
            .iter()
            .map(|id| NewPerson {
                id: *id,
                tenant: "wise".to_owned(),
                revision: 1,
                created_at: NOW,
            })
            .collect::<Vec<_>>(),
    )?;
    tx.insert_identifiers(&[IdentifierRow {
        id: IdentifierId::from_bytes([from; 16]),
        person_id: first,
        scheme: "test".to_owned(),
        key_version: 1,
        blind_index: [from; 16],
    }])?;
    for previous in [None, Some(1)] {
        let record = SealedRecord {
            revision: previous.unwrap_or(0) + 1,
            key_version: 1,
            sealed: vec![from; 100],
        };
        let changes: Vec<RecordChange> = people
            .iter()
            .map(|id| RecordChange {
                person_id: *id,
                previous,
                record: record.clone(),
            })
            .collect();
        tx.put_records(&changes)?;
    }
    tx.set_people(
        &people
            .iter()
            .map(|id| PersonChange {
                id: *id,
                previous: 1,
                revision: 2,
                state: PersonState::Active,
                merged_into: None,
                ended_at: None,
            })
            .collect::<Vec<_>>(),
    )?;
    tx.last_sequences(&people)?;
    tx.insert_events(&[EventRow {
        person_id: first,
        sequence: 1,
        event_id: EventId::from_bytes([from; 16]),
        recorded_at: NOW,
        sealed: vec![1; 50],
    }])?;
    let batch = AuditBatch {
        log: "decision".to_owned(),
        node: "n1".to_owned(),
        node_seq: u64::from(from),
        n: 1,
        leaf_hashes: vec![0; 32],
        entries: vec![0; 90],
        created_at: NOW,
    };
    let part = PrivatePart {
        off: 0,
        person_id: first,
        key_version: 1,
        sealed: vec![0; 128],
    };
    tx.append_audit(&batch, &[part])?;
    tx.add_statistics(&[Statistic {
        organisation: "a".to_owned(),
        purpose: "p".to_owned(),
        day: 1,
        measure: "m".to_owned(),
        n: 1,
    }])?;
    tx.insert_outbox(&[OutboxRow {
        event_id: EventId::from_bytes([from; 16]),
        kind: "k".to_owned(),
        person_id: first,
        other_id: None,
        revision: 1,
        organisation: "a".to_owned(),
        purpose: None,
        recorded_at: NOW,
    }])?;
    tx.insert_idempotency(&[IdempotencyRow {
        client_id: "crm".to_owned(),
        key_hash: [from; 32],
        request_hash: [0; 32],
        person_id: None,
        status: 200,
        sealed: vec![],
        created_at: NOW,
    }])
}

/// The text of a statement that is run.
fn text_of(query: &dyn diesel::connection::DebugQuery) -> String {
    let text = query.to_string();
    text.split(" -- binds").next().unwrap().trim_end().to_owned()
}

/// What is asked about people beside the lane: who changed, a list of a campaign, and what a person's own pages show.
fn looks(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let person = PersonId::from_bytes([1; 16]);
    tx.news_since(&[(person, 1)])?;
    tx.bulk_people(vec![[1; 16]], &mut |_, _| {})?;
    tx.people_after(Some(person), 10)?;
    tx.merged_into(person)?;
    tx.events_of(person, None)?;
    tx.event_by_id(EventId::from_bytes([1; 16]))?;
    tx.audit_private_of(person)?;
    tx.audit_private_between("decision", person, NOW, NOW)?;
    tx.place_of("decision", "n1", 1)?;
    tx.leaves_about("decision", &[person], (NOW, NOW))?;
    Ok(())
}

#[test]
fn no_statement_about_people_reads_a_whole_table() {
    let directory = tempfile::tempdir().unwrap();
    drop(store(directory.path()));
    let mut connection = connector(directory.path()).open().unwrap();
    let run = Arc::new(Mutex::new(BTreeSet::new()));
    let running = run.clone();
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            running.lock().unwrap().insert(text_of(query));
        }
    });
    let mut tx = Tx::new(&mut connection);
    lane(&mut tx, 1, 2).unwrap();
    looks(&mut tx).unwrap();
    let statements = run.lock().unwrap().clone();
    assert!(statements.len() >= 24, "{statements:#?}");
    connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let AnyConnection::Sqlite(connection) = &mut connection else {
        panic!("another engine")
    };
    let (mut searched, mut scanned) = (0, Vec::new());
    for statement in &statements {
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
            .load(connection)
            .unwrap();
        for Step { detail } in steps {
            if detail.starts_with("SCAN ") && detail != "SCAN CONSTANT ROW" {
                scanned.push(format!("{detail}: {statement}"));
            }
            searched += usize::from(detail.starts_with("SEARCH "));
        }
    }
    assert!(scanned.is_empty(), "{scanned:#?}");
    assert!(searched >= 16, "{searched} look-ups by index");
}

#[derive(diesel::QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[test]
fn the_statements_of_the_lane_stay_prepared() {
    let directory = tempfile::tempdir().unwrap();
    drop(store(directory.path()));
    let mut connection = connector(directory.path()).open().unwrap();
    let (run, kept) = (
        Arc::new(Mutex::new(BTreeSet::new())),
        Arc::new(Mutex::new(Vec::new())),
    );
    let (running, keeping) = (run.clone(), kept.clone());
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::StartQuery { query, .. } => {
            running.lock().unwrap().insert(text_of(query));
        }
        InstrumentationEvent::CacheQuery { sql, .. } => keeping.lock().unwrap().push(sql.to_owned()),
        _ => {}
    });
    lane(&mut Tx::new(&mut connection), 1, 2).unwrap();
    let first = kept.lock().unwrap().clone();
    assert_eq!(first.len(), 16, "{first:#?}");
    assert_eq!(*run.lock().unwrap(), first.iter().cloned().collect());
    lane(&mut Tx::new(&mut connection), 10, 7).unwrap();
    assert_eq!(*kept.lock().unwrap(), first, "the second time prepares nothing");
    assert_eq!(run.lock().unwrap().len(), first.len());
}
