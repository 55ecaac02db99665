//! The feed of changes: in order, never skipping what was committed late, and nothing that a system has no business with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use akkoord::domain::ids::{EventId, PersonId};
use akkoord::store::{DeliveryRow, MessageRow, OutboxRow, Store, StoreError, StoreOptions, Which};
use akkoord::world::{RealWorld, World as _};
use serde_json::{Value, json};

use crate::propagation_webhooks::{Telling, tell, tempo};
use crate::support::app::{LIBRARY, Node, Setup, member, registration, word};
use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};
use crate::support::store::{NOW, open};

const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the feed to its end from a cursor: what it said, and where it ends.
async fn read(client: &mut Client, after: Option<&str>) -> (Vec<Value>, String) {
    let (mut items, mut cursor) = (Vec::new(), after.map(str::to_owned));
    loop {
        let after = cursor
            .map(|cursor| format!("&after={cursor}"))
            .unwrap_or_default();
        let page = client
            .get(&format!("/v1/changes?limit=7{after}"))
            .await
            .expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let next = page["nextCursor"].as_str().unwrap().to_owned();
        if page["more"] == json!(false) {
            return (items, next);
        }
        cursor = Some(next);
    }
}

/// The same, until so many changes were told.
async fn read_until(client: &mut Client, count: usize) -> Vec<Value> {
    let began = Instant::now();
    let (mut items, mut cursor) = read(client, None).await;
    while items.len() < count {
        assert!(
            began.elapsed() < PATIENCE,
            "{} of {count}: {items:#?}",
            items.len()
        );
        let page = client
            .get(&format!("/v1/changes?wait=5&after={cursor}"))
            .await
            .expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        cursor = page["nextCursor"].as_str().unwrap().to_owned();
    }
    items
}

fn kinds(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["type"].as_str().unwrap()).collect()
}

fn store_of(storage: &TestStorage) -> Store {
    let options = StoreOptions {
        network: "bibliotheken-merwedeland".to_owned(),
        ..crate::support::store::options(storage)
    };
    Store::open(options).unwrap()
}

fn waiting(number: u8) -> OutboxRow {
    OutboxRow {
        event_id: EventId::from_bytes([number; 16]),
        kind: "consent.given".to_owned(),
        person_id: PersonId::from_bytes([number; 16]),
        other_id: None,
        revision: 1,
        organisation: LIBRARY.to_owned(),
        purpose: Some("newsletter".to_owned()),
        recorded_at: NOW.plus_seconds(number.into()),
    }
}

fn placed(seq: u64, of: &OutboxRow) -> MessageRow {
    MessageRow {
        seq,
        event_id: of.event_id,
        kind: of.kind.clone(),
        person_id: of.person_id,
        other_id: None,
        organisation: of.organisation.clone(),
        purpose: of.purpose.clone(),
        recorded_at: of.recorded_at,
        placed_at: NOW,
    }
}

both_engines! {
    async fn a_system_reads_what_it_may_act_on_in_order_and_nothing_else(engine) {
        let mut telling = Telling::start(engine).await;
        let person = telling.register("2000001001").await;
        let (_, before) = read(&mut telling.client, None).await;
        for status in ["given", "withdrawn"] {
            telling.say("2000001001", status).await;
        }
        let objection = json!({"person": member("2000001001"), "organisation": LIBRARY, "directMarketing": true,
            "indicationMethod": "phone", "actor": {"type": "self"}});
        telling.client.post("/v1/objections", &objection).await.expect(201);
        let restriction = json!({"person": member("2000001001"), "organisation": LIBRARY, "ground": "accuracy",
            "actor": {"type": "self"}});
        telling.client.post("/v1/restrictions", &restriction).await.expect(201);
        let items = read_until(&mut telling.client, 4).await;
        assert_eq!(kinds(&items), [
            "nl.akkoord.consent-given.v1", "nl.akkoord.consent-withdrawn.v1", "nl.akkoord.objection-made.v1",
            "nl.akkoord.restriction-set.v1",
        ]);
        assert!(items.iter().all(|item| item["personId"] == json!(person) && item["organisation"] == LIBRARY));
        assert_eq!(items[1]["purpose"], "newsletter");
        assert_eq!(items[2]["purpose"], Value::Null);
        let places: Vec<&str> = items.iter().map(|item| item["sequence"].as_str().unwrap()).collect();
        assert!(places.is_sorted() && places.iter().collect::<BTreeSet<_>>().len() == 4);
        // Again from the same place: the same, with the same ids. From the end: nothing.
        assert_eq!(read(&mut telling.client, Some(&before)).await.0, items);
        let latest = telling.client.get("/v1/changes?after=latest").await.expect(200);
        assert_eq!((&latest["items"], &latest["more"]), (&json!([]), &json!(false)));

        // The lending system may not act on newsletters: it hears of what touches everything. Its ids are its own.
        let mut wise = telling.node.client("wise", "wise-1").await;
        let (theirs, _) = read(&mut wise, None).await;
        assert_eq!(kinds(&theirs), ["nl.akkoord.objection-made.v1", "nl.akkoord.restriction-set.v1"]);
        assert!(theirs.iter().all(|item| item["personId"] != json!(person)));
        assert!(theirs.iter().all(|item| items.iter().all(|ours| ours["id"] != item["id"])));
        telling.node.stop().await;
    }

    async fn merges_and_erasures_are_told_to_all_who_know_either(engine) {
        let mut telling = Telling::start(engine).await;
        let (keep, gone) = (telling.register("2000001010").await, telling.register("2000001011").await);
        // Another library knows one of the two as well.
        let elsewhere = json!({"organisation": "bibliotheek-de-rietkraag", "identifiers": [member("2000001011")],
            "birthDate": "1980-05-01"});
        let there = telling.client.post("/v1/people", &elsewhere).await.expect(201)["personId"].clone();
        let merge = json!({"keep": keep, "merge": gone, "reason": "twice"});
        telling.client.post("/v1/people/merges", &merge).await.expect(201);
        let items = read_until(&mut telling.client, 2).await;
        assert_eq!(kinds(&items), ["nl.akkoord.person-merged.v1"; 2]);
        let of = |library: &str| items.iter().find(|item| item["organisation"] == library).unwrap();
        assert_eq!((&of(LIBRARY)["personId"], &of(LIBRARY)["mergedPersonId"]), (&json!(keep), &json!(gone)));
        assert_eq!(of("bibliotheek-de-rietkraag")["mergedPersonId"], there);

        let person = store_of(&telling.storage).read("read", |tx| tx.messages_after(0, 1)).unwrap()[0].person_id;
        let operator = telling.node.service.operator().unwrap();
        telling.node.service.erase_now(&operator, person).await.unwrap();
        let items = read_until(&mut telling.client, 6).await;
        let erased: BTreeSet<&str> = items[2..].iter().map(|item| item["personId"].as_str().unwrap()).collect();
        assert_eq!(kinds(&items[2..]), ["nl.akkoord.person-erased.v1"; 4]);
        assert!(erased.contains(keep.as_str()) && erased.contains(gone.as_str()), "{items:#?}");
        assert!(erased.contains(there.as_str().unwrap()));
        telling.node.stop().await;
    }

    async fn who_waits_hears_of_it_at_once_or_when_the_time_is_over(engine) {
        let mut telling = Telling::start(engine).await;
        telling.register("2000001020").await;
        let latest = telling.client.get("/v1/changes?after=latest").await.expect(200);
        let cursor = latest["nextCursor"].as_str().unwrap().to_owned();
        let began = Instant::now();
        let nothing = telling.client.get(&format!("/v1/changes?after={cursor}&wait=1")).await.expect(200);
        assert_eq!(nothing["items"], json!([]));
        let waited = began.elapsed();
        assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&waited), "{waited:?}");

        let mut waiter = telling.node.client("mailer", "mailer-1").await;
        let asked = tokio::task::spawn_local(async move {
            let page = waiter.get(&format!("/v1/changes?after={cursor}&wait=30")).await.expect(200);
            (page, Instant::now())
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        telling.say("2000001020", "given").await;
        let said = Instant::now();
        let (page, heard) = asked.await.unwrap();
        assert_eq!(kinds(page["items"].as_array().unwrap()), ["nl.akkoord.consent-given.v1"]);
        let late = heard.saturating_duration_since(said);
        assert!(late < Duration::from_secs(5), "{late:?}");

        // Who waits does not hold up the end.
        let mut waiter = telling.node.client("mailer", "mailer-2").await;
        let asked = tokio::task::spawn_local(async move { waiter.get("/v1/changes?after=latest&wait=30").await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        telling.node.service.end_waits();
        assert_eq!(asked.await.unwrap().status, 200);
        assert!(began.elapsed() < Duration::from_secs(10));
        telling.node.stop().await;
    }

    async fn a_cursor_that_leads_nowhere_is_refused_with_a_remedy(engine) {
        let mut telling = Telling::start(engine).await;
        telling.register("2000001030").await;
        telling.say("2000001030", "given").await;
        let items = read_until(&mut telling.client, 1).await;
        assert_eq!(items.len(), 1);
        for (query, pointer) in [
            ("after=x", "?after"),
            ("after=ZmVlZC8xLzk5OTk", "?after"), // feed/1/9999
            ("wait=31", "?wait"),
            ("wait=-1", "?wait"),
            ("limit=0", "?limit"),
            ("since=1", "?since"),
        ] {
            let refused = telling.client.get(&format!("/v1/changes?{query}")).await.expect(400);
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{query}: {refused}");
        }
        // A month later the oldest are gone, and a cursor from before says so instead of skipping them.
        telling.say("2000001030", "withdrawn").await;
        read_until(&mut telling.client, 2).await;
        let store = store_of(&telling.storage);
        let later = RealWorld.now().plus_seconds(60);
        assert_eq!(store.change("test", |tx| tx.prune_messages(later)), Ok(2));
        let expired = telling.client.get("/v1/changes?after=ZmVlZC8xLzE").await.expect(400); // feed/1/1
        assert_eq!(expired["errors"][0]["code"], "cursor-expired");
        let (items, cursor) = read(&mut telling.client, None).await;
        assert!(items.is_empty());
        telling.say("2000001030", "given").await;
        let page = telling.client.get(&format!("/v1/changes?wait=20&after={cursor}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        telling.node.stop().await;
    }

    fn a_message_that_was_committed_late_comes_after_what_was_read(engine) {
        let storage = TestStorage::new(engine);
        let store = open(&storage);
        // One place after the other, as the postman does it; on PostgreSQL the first writer is held open meanwhile.
        let (first, second) = (waiting(1), waiting(2));
        let (hold, held) = channel::<()>();
        let (said, heard) = channel();
        let late = {
            let (store, first) = (store.clone(), first.clone());
            std::thread::spawn(move || {
                let mut held = Some(held);
                store.change("late", |tx| -> Result<(), StoreError> {
                    tx.insert_outbox(std::slice::from_ref(&first))?;
                    said.send(()).unwrap();
                    if let Some(held) = held.take() {
                        held.recv().unwrap();
                    }
                    Ok(())
                })
            })
        };
        heard.recv().unwrap();
        if engine == Engine::Sqlite {
            // It has one writer: the second cannot begin before the first has ended.
            hold.send(()).unwrap();
        }
        store.change("second", |tx| tx.insert_outbox(std::slice::from_ref(&second))).unwrap();
        let place = |expected: &[&OutboxRow]| {
            store.change("place", |tx| -> Result<(), StoreError> {
                let ends = tx.lock_feed()?;
                let rows = tx.outbox(10)?;
                assert_eq!(rows.iter().collect::<Vec<_>>(), expected);
                let messages: Vec<MessageRow> = rows.iter().zip(ends.next..).map(|(row, seq)| placed(seq, row)).collect();
                tx.place_messages(&messages)?;
                tx.delete_outbox(&rows)
            }).unwrap();
        };
        if engine == Engine::Postgres {
            // The second is read while the first, with the lower id and the earlier time, is not committed.
            place(&[&second]);
            hold.send(()).unwrap();
        }
        late.join().unwrap().unwrap();
        match engine {
            Engine::Postgres => place(&[&first]),
            Engine::Sqlite => place(&[&first, &second]),
        }
        let all = store.read("read", |tx| tx.messages_after(0, 10)).unwrap();
        let order: Vec<EventId> = all.iter().map(|row| row.event_id).collect();
        assert_eq!(all.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2]);
        let expected = if engine == Engine::Postgres { [second, first] } else { [first, second] };
        assert_eq!(order, expected.map(|row| row.event_id));
    }
}

/// What waits for a receiver that was down for long does not make the next delivery slow.
#[test]
fn a_long_backlog_is_begun_at_once() {
    const WAITING: u64 = 20_000;
    let storage = TestStorage::new(Engine::Sqlite);
    let store = open(&storage);
    let of = |seq: u64| PersonId::from_bytes(u128::from(seq / 8).to_be_bytes());
    let messages: Vec<MessageRow> = (1..=WAITING)
        .map(|seq| MessageRow {
            person_id: of(seq),
            ..placed(seq, &waiting(1))
        })
        .collect();
    let deliveries: Vec<DeliveryRow> = (1..=WAITING)
        .map(|seq| DeliveryRow {
            endpoint_id: [1; 16],
            seq,
            person_id: of(seq),
            state: "pending".to_owned(),
            attempts: 0,
            since: NOW,
            due_at: NOW,
            ended_at: None,
            status: None,
            why: None,
        })
        .collect();
    store
        .change("fill", |tx| -> Result<(), StoreError> {
            tx.place_messages(&messages)?;
            tx.insert_deliveries(&deliveries)
        })
        .unwrap();
    let began = Instant::now();
    for which in [Which::Due(NOW), Which::Probe] {
        for _ in 0..10 {
            let heads = store
                .read("heads", |tx| tx.deliveries_to_try(&[1; 16], which, 16))
                .unwrap();
            let people: BTreeSet<PersonId> = heads.iter().map(|(delivery, _)| delivery.person_id).collect();
            assert_eq!((heads.len(), people.len()), (16, 16));
            // The first of each person: places 1, 8, 16, 24 …
            assert!(
                heads
                    .iter()
                    .all(|(delivery, _)| delivery.seq == 1 || delivery.seq % 8 == 0)
            );
        }
    }
    // Where each looks at all that came before it, one of these alone takes as long.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn places_are_given_by_one_node_at_a_time_and_seen_without_gaps() {
    let storage = TestStorage::new(Engine::Postgres);
    let store = open(&storage);
    let (said, heard) = channel();
    let (hold, held) = channel::<()>();
    let slow = {
        let store = store.clone();
        std::thread::spawn(move || {
            let mut held = Some(held);
            store.change("slow", |tx| -> Result<(), StoreError> {
                let ends = tx.lock_feed()?;
                tx.place_messages(&[placed(ends.next, &waiting(1))])?;
                if let Some(held) = held.take() {
                    said.send(()).unwrap();
                    held.recv().unwrap();
                }
                Ok(())
            })
        })
    };
    heard.recv().unwrap();
    let fast = {
        let store = store.clone();
        std::thread::spawn(move || {
            store.change("fast", |tx| -> Result<u64, StoreError> {
                let ends = tx.lock_feed()?;
                tx.place_messages(&[placed(ends.next, &waiting(2))])?;
                Ok(ends.next)
            })
        })
    };
    std::thread::sleep(Duration::from_millis(300));
    assert!(!fast.is_finished(), "two nodes gave places at the same time");
    assert_eq!(
        store
            .read("read", |tx| tx.messages_after(0, 10))
            .map(|rows| rows.len()),
        Ok(0)
    );
    hold.send(()).unwrap();
    slow.join().unwrap().unwrap();
    assert_eq!(fast.join().unwrap(), Ok(2));
    let seen = store.read("read", |tx| tx.messages_after(0, 10)).unwrap();
    assert_eq!(seen.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2]);
}

/// Writers on two nodes, a reader that follows: everything that was acknowledged is told once, in order per person.
#[test]
fn a_reader_beside_many_writers_on_two_nodes_misses_nothing() {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 15;
    let storage = TestStorage::new(Engine::Postgres);
    actix_web::rt::System::new().block_on(async {
        let world = Arc::new(RealWorld);
        let nodes = ["here", "there"].map(|node| {
            let setup = Setup {
                node,
                ..Setup::default()
            };
            let node = Node::start(storage.url(), &world, &setup);
            tell(&node, tempo(), true);
            node
        });
        let mut reader = nodes[0].client("crm", "crm-reader").await;
        let notice = crate::support::app::notice(&mut reader).await;
        let mut clients = Vec::new();
        for number in 0..WRITERS {
            clients.push(nodes[0].client("crm", &format!("crm-{number}")).await);
        }
        // A client that was added here is known on the other node within two seconds.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let mut writing = Vec::new();
        for (number, mut client) in clients.into_iter().enumerate() {
            let addresses = [nodes[0].address, nodes[1].address];
            writing.push(tokio::task::spawn_local(async move {
                let member = format!("20000020{number:02}");
                let registered = client
                    .post("/v1/people", &registration(&member))
                    .await
                    .expect(201);
                for round in 0..ROUNDS {
                    let mut client = client.at(addresses[round % 2]);
                    let status = if round % 2 == 0 { "given" } else { "withdrawn" };
                    client
                        .post("/v1/consents", &word(&member, status, notice))
                        .await
                        .expect(201);
                }
                registered["personId"].as_str().unwrap().to_owned()
            }));
        }
        let items = read_until(&mut reader, WRITERS * ROUNDS).await;
        let mut told = BTreeMap::<String, Vec<Value>>::new();
        for item in &items {
            let person = item["personId"].as_str().unwrap().to_owned();
            told.entry(person).or_default().push(item.clone());
        }
        for writer in writing {
            let items = &told[&writer.await.unwrap()];
            let expected: Vec<&str> = (0..ROUNDS)
                .map(|round| match round % 2 {
                    0 => "nl.akkoord.consent-given.v1",
                    _ => "nl.akkoord.consent-withdrawn.v1",
                })
                .collect();
            assert_eq!(kinds(items), expected);
        }
        let ids: BTreeSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), WRITERS * ROUNDS, "a change was told twice");
        for node in nodes {
            node.stop().await;
        }
    });
}
