//! Bulk checks over HTTP: streams both ways, in order, whatever is in them and whoever goes away.

use std::collections::BTreeMap;
use std::time::Duration;

use akkoord::audit::bundle;
use akkoord::audit::leaf::Leaf;
use akkoord::domain::moment::Moment;
use akkoord::service::call::Scope;
use akkoord::store::{Store, StoreError};
use serde_json::{Value, json};

use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{Api, client};
use crate::support::service::node;
use crate::support::stream::{Reading, Sending, open};

const ASK: &str = "/v1/decision-batches?organisation=bibliotheek-de-linde&purpose=newsletter&action=contact&channel=email\
                   &dataScopes=email,identity&scheme=member-number";
const NDJSON: &str = "application/x-ndjson";

async fn begin(api: &Api, path: &str, content_type: &str) -> (Sending, tokio::net::tcp::OwnedReadHalf) {
    open(api.server.addr, path, &api.token, content_type).await
}

/// The lines of the answer to a list.
async fn answered(api: &Api, path: &str, content_type: &str, list: &str) -> Vec<String> {
    let (mut sending, half) = begin(api, path, content_type).await;
    sending.send(list).await;
    sending.end().await;
    let mut reading = Reading::begin(half).await;
    assert_eq!(reading.status, 200, "{}", reading.head);
    assert!(
        reading.head.contains(&format!("content-type: {content_type}")),
        "{}",
        reading.head
    );
    reading.lines().await
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))
}

async fn register(api: &Api, number: &str) -> String {
    let body = json!({ "organisation": "bibliotheek-de-linde", "birthDate": "1980-05-01",
        "identifiers": [{ "scheme": "member-number", "value": number }] });
    api.post("/v1/people", &body).await.json()["personId"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn says(api: &Api, number: &str, status: &str) {
    let notice = api.service.catalogue().purposes["newsletter"].purpose.version;
    let body = json!({ "person": { "scheme": "member-number", "value": number }, "organisation": "bibliotheek-de-linde",
        "purpose": "newsletter", "status": status, "noticeVersion": notice, "language": "nl",
        "indicationMethod": "web-form", "actor": { "type": "self" } });
    let answer = api.post("/v1/consents", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

fn list(values: impl IntoIterator<Item = usize>) -> String {
    values
        .into_iter()
        .map(|value| format!("{{\"value\":\"{value:010}\"}}\n"))
        .collect()
}

/// The counts of all lines of bulk checks in the log.
fn recorded(store: &Store) -> Vec<(String, u64, u64, BTreeMap<String, u64>)> {
    let batches = store
        .read("read", |tx| {
            let (from, to) = (Moment::from_micros(0), Moment::from_micros(i64::MAX));
            tx.batches_between("decision", from, to, None, u32::MAX)
        })
        .map_err(|error: StoreError| error)
        .unwrap();
    let mut found = Vec::new();
    for batch in batches {
        for line in bundle::decode(&batch.entries).unwrap() {
            let leaf = Leaf::parse(line).unwrap();
            let Some(bulk) = &leaf.bulk else { continue };
            let batch = leaf
                .extra
                .iter()
                .find(|(key, _)| key.as_str() == "batch")
                .unwrap()
                .1
                .to_string();
            let denied = bulk
                .denied
                .iter()
                .map(|(reason, count)| (reason.to_string(), *count))
                .collect();
            found.push((batch, bulk.checked, bulk.permitted, denied));
        }
    }
    found
}

fn store_of(storage: &TestStorage) -> Store {
    let options = akkoord::store::StoreOptions {
        network: "bibliotheken-merwedeland".to_owned(),
        ..crate::support::store::options(storage)
    };
    Store::open(options).unwrap()
}

both_engines! {
    async fn a_list_is_answered_in_its_order_and_form(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000000001").await;
        register(&api, "2000000002").await;
        says(&api, "2000000001", "given").await;
        let body = "{\"value\":\"2000 000-001\",\"ref\":\"a \\\"b\\\"\"}\nnonsense\n\n{\"value\":\"2000000002\"}\n\
                    {\"value\":\"2000000003\",\"ref\":\"c\"}\n{\"value\":\"x\",\"ref\":\"d\"}\n{\"value\":\"2000000001\"}";
        let lines = answered(&api, ASK, NDJSON, body).await;
        let answers: Vec<Value> = lines.iter().map(|line| parsed(line)).collect();
        let scopes = json!(["email", "identity"]);
        assert_eq!(answers[0], json!({ "value": "2000 000-001", "ref": "a \"b\"", "decision": "permit",
            "reason": "permit-consent", "dataScopes": scopes }));
        assert_eq!(answers[1], json!({ "value": null, "decision": "deny", "reason": "malformed", "dataScopes": [], "line": 2 }));
        assert_eq!(answers[2], json!({ "value": "2000000002", "decision": "deny", "reason": "deny-no-consent", "dataScopes": [] }));
        assert_eq!(answers[3]["reason"], "deny-unknown-subject");
        assert_eq!(answers[4], json!({ "value": "x", "ref": "d", "decision": "deny", "reason": "malformed", "dataScopes": [], "line": 6 }));
        assert_eq!(answers[5]["decision"], "permit");
        let summary = &answers[6]["summary"];
        assert_eq!(answers.len(), 7);
        assert_eq!((&summary["checked"], &summary["permitted"], &summary["malformed"]), (&json!(4), &json!(2), &json!(2)));
        assert_eq!(summary["denied"], json!({ "deny-no-consent": 1, "deny-unknown-subject": 1 }));

        let only = answered(&api, &format!("{ASK}&output=permitted"), NDJSON, body).await;
        let only: Vec<Value> = only.iter().map(|line| parsed(line)).collect();
        assert_eq!((only.len(), &only[0]["ref"]), (3, &json!("a \"b\"")));
        assert_eq!(only[2]["summary"]["checked"], 4);

        let nobody = answered(&api, ASK, NDJSON, "").await;
        assert_eq!(parsed(&nobody[0])["summary"]["checked"], 0);

        let rows = recorded(&store_of(api.storage()));
        assert_eq!(rows.len(), 2);
        let ids: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
        assert!(ids.contains(&summary["decisionBatchId"].as_str().unwrap()));
        assert!(rows.iter().all(|(_, checked, permitted, _)| (*checked, *permitted) == (4, 2)));
    }

    async fn a_spreadsheet_is_answered_as_one_that_runs_nothing(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000000001").await;
        says(&api, "2000000001", "given").await;
        let body = "value;ref\r\n2000000001;=cmd|' /C calc'!A0\r\n\"2000000002\";\"x;y\"\r\n+31;a;b\r\n";
        let path = ASK.replace("email,identity", "email");
        let lines = answered(&api, &path, "text/csv", body).await;
        assert_eq!(lines[0], "value;ref;decision;reason;dataScopes");
        assert_eq!(lines[1], "2000000001;'=cmd|' /C calc'!A0;permit;permit-consent;email");
        assert_eq!(lines[2], "2000000002;\"x;y\";deny;deny-unknown-subject;");
        assert_eq!(lines[3], ";;deny;malformed;");
        assert!(lines[4].starts_with("#summary;") && lines[4].contains(";;;\"{\"\"checked\"\":2,"), "{}", lines[4]);
        assert_eq!(lines.len(), 5);
    }

    async fn what_cannot_be_asked_is_refused_before_the_list_is_read(engine) {
        let api = Api::start(engine).await;
        let change = |from: &str, to: &str| ASK.replace(from, to);
        for (path, pointer) in [
            (change("&action=contact", "&action=enrich"), "?action"),
            (change("&action=contact", "&action=call"), "?action"),
            (change("&channel=email", ""), "?channel"),
            (change("scheme=member-number", "scheme=bsn"), "?scheme"),
            (change("scheme=member-number", "scheme=card-number"), "?scheme"),
            (change("&scheme=member-number", ""), "?scheme"),
            (change("purpose=newsletter", "purpose=newsleter"), "?purpose"),
            (change("&purpose=newsletter", ""), "?purpose"),
            (change("email,identity", "email,nothing"), "?dataScopes/1"),
            (format!("{ASK}&output=denied"), "?output"),
            (format!("{ASK}&person=2000000001"), "?person"),
        ] {
            let answer = api.send("POST", &path, &[("Content-Type", NDJSON)], "x").await;
            assert_eq!((answer.status, answer.problem().1), (400, vec![pointer.to_owned()]), "{path}: {}", answer.body);
        }
        for content_type in ["application/json", "text/plain", "text/csv; charset=latin1", ""] {
            let answer = api.send("POST", ASK, &[("Content-Type", content_type)], "x").await;
            assert_eq!(answer.status, 415, "{content_type}");
        }
        let zipped = [("Content-Type", NDJSON), ("Content-Encoding", "gzip")];
        assert_eq!(api.send("POST", ASK, &zipped, "x").await.status, 415);
        let no_header = api.send("POST", ASK, &[("Content-Type", "text/csv")], "2000000001\n").await;
        assert_eq!(no_header.status, 400);
        let scopes = [Scope::ConsentsRead].into();
        let token = client(&api.service, "crm-reads", "crm", scopes).await;
        let (_sending, half) = open(api.server.addr, ASK, &token, NDJSON).await;
        assert_eq!(Reading::begin(half).await.status, 403);
        assert!(recorded(&store_of(api.storage())).is_empty());
    }

    async fn withdrawn_while_the_list_is_sent_is_withdrawn(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000000001").await;
        says(&api, "2000000001", "given").await;
        let (mut sending, half) = begin(&api, ASK, NDJSON).await;
        sending.send("{\"value\":\"2000000001\"}\n").await;
        let mut reading = Reading::begin(half).await;
        let first = parsed(&reading.line().await.unwrap());
        assert_eq!(first["decision"], "permit");
        says(&api, "2000000001", "withdrawn").await;
        sending.send("{\"value\":\"2000000001\"}\n").await;
        let second = parsed(&reading.line().await.unwrap());
        assert_eq!(second["reason"], "deny-withdrawn");
        sending.end().await;
        assert_eq!(parsed(&reading.line().await.unwrap())["summary"]["checked"], 2);
        assert_eq!(reading.line().await, None);
    }

    async fn withdrawn_at_one_node_is_withdrawn_in_bulk_at_the_other(engine) {
        let api = Api::start(engine).await;
        let other = node(api.storage(), &api.world, "node-b");
        let options = akkoord::web::server::ServerOptions {
            workers: 1,
            ..akkoord::web::server::ServerOptions::at("127.0.0.1:0".parse().unwrap())
        };
        let server = akkoord::web::server::start(&options, &other, &[akkoord::api::face()]).unwrap();
        register(&api, "2000000001").await;
        for round in 0..5 {
            says(&api, "2000000001", if round == 0 { "given" } else { "renewed" }).await;
            let ask = async || {
                let (mut sending, half) = open(server.addr, ASK, &api.token, NDJSON).await;
                sending.send("{\"value\":\"2000000001\"}\n").await;
                sending.end().await;
                parsed(&Reading::begin(half).await.line().await.unwrap())["reason"].clone()
            };
            assert_eq!(ask().await, "permit-consent");
            if round == 4 {
                says(&api, "2000000001", "withdrawn").await;
                assert_eq!(ask().await, "deny-withdrawn");
            }
        }
        other.stop();
    }

    async fn who_goes_away_has_recorded_what_was_answered(engine) {
        let api = Api::start(engine).await;
        let (mut sending, half) = begin(&api, ASK, NDJSON).await;
        let sender = actix_web::rt::spawn(async move {
            let mut sent = 0;
            while sent < 400_000 && sending.send(&list(sent..sent + 4_000)).await {
                sent += 4_000;
            }
            sent
        });
        let mut reading = Reading::begin(half).await;
        let mut answered = 0_u64;
        while answered < 20_000 {
            parsed(&reading.line().await.unwrap());
            answered += 1;
        }
        drop(reading);
        sender.abort();
        // What was under way ends; after that nothing more is recorded.
        let store = store_of(api.storage());
        let count = || recorded(&store).iter().map(|row| row.1).sum::<u64>();
        let mut last = count();
        loop {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let now = count();
            if now == last {
                break;
            }
            last = now;
        }
        assert!(last >= answered, "{last} recorded, {answered} answered");
        assert!(last < 400_000, "it went on without anybody listening");
        // Somebody else has room at once.
        let (mut sending, half) = begin(&api, ASK, NDJSON).await;
        sending.end().await;
        assert_eq!(Reading::begin(half).await.status, 200);
    }

    async fn a_caller_that_does_not_read_is_not_read_from(engine) {
        let api = Api::start(engine).await;
        let (mut sending, half) = begin(&api, ASK, NDJSON).await;
        let sent = std::rc::Rc::new(std::cell::Cell::new(0));
        let counter = std::rc::Rc::clone(&sent);
        let total = 1_000_000;
        let sender = actix_web::rt::spawn(async move {
            while counter.get() < total {
                sending.send(&list(counter.get()..counter.get() + 4_000)).await;
                counter.set(counter.get() + 4_000);
            }
            sending.end().await;
        });
        // It stands still when the buffers between are full.
        let mut before = usize::MAX;
        while before != sent.get() {
            before = sent.get();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        assert!(before < total, "all of it was taken in: nothing holds the sender back");
        sender.abort();
        drop(half);
    }

    async fn a_list_that_stands_still_is_ended_with_an_error(engine) {
        let api = Api::with(engine, |options| options.body.deadline = Duration::from_secs(2)).await;
        let (mut sending, half) = begin(&api, ASK, NDJSON).await;
        sending.send("{\"value\":\"2000000001\"}\n{\"val").await;
        let mut reading = Reading::begin(half).await;
        let lines = reading.lines().await;
        assert_eq!(parsed(&lines[0])["reason"], "deny-unknown-subject");
        assert_eq!(parsed(&lines[1])["error"]["type"], "urn:akkoord:problem:body-timeout");
        assert_eq!(lines.len(), 2);
    }

    async fn a_system_has_two_at_the_same_time(engine) {
        let api = Api::start(engine).await;
        let mut open_ones = Vec::new();
        for _ in 0..2 {
            let (mut sending, half) = begin(&api, ASK, NDJSON).await;
            sending.send("{\"value\":\"2000000001\"}\n").await;
            let mut reading = Reading::begin(half).await;
            reading.line().await.unwrap();
            open_ones.push((sending, reading));
        }
        let refused = api.send("POST", ASK, &[("Content-Type", NDJSON)], "x").await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")));
        // Another system has its own; and one that ends makes room.
        let token = client(&api.service, "mailer-1", "mailer", [Scope::DecisionsCheck].into()).await;
        let (mut sending, half) = open(api.server.addr, ASK, &token, NDJSON).await;
        sending.end().await;
        assert_eq!(Reading::begin(half).await.status, 200);
        let (mut sending, mut reading) = open_ones.pop().unwrap();
        sending.end().await;
        reading.lines().await;
        let (mut sending, half) = begin(&api, ASK, NDJSON).await;
        sending.end().await;
        assert_eq!(Reading::begin(half).await.status, 200);
    }

    async fn without_a_record_there_is_an_error_and_no_summary(engine) {
        let api = Api::start(engine).await;
        register(&api, "2000000001").await;
        says(&api, "2000000001", "given").await;
        let (mut sending, half) = begin(&api, ASK, NDJSON).await;
        sending.send("{\"value\":\"2000000001\"}\n").await;
        let mut reading = Reading::begin(half).await;
        assert_eq!(parsed(&reading.line().await.unwrap())["decision"], "permit");
        break_bulk(api.storage());
        sending.send("{\"value\":\"2000000001\"}\n").await;
        let rest = reading.lines().await;
        assert_eq!(rest.len(), 1, "{rest:?}");
        assert_eq!(parsed(&rest[0])["error"]["status"], 503);
    }
}

/// Nothing can be written about a bulk check any more.
fn break_bulk(storage: &TestStorage) {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    let sql = "ALTER TABLE audit_bulk RENAME TO gone";
    match storage.engine() {
        Engine::Postgres => drop(storage.psql(sql)),
        Engine::Sqlite => {
            let file = storage.directory().join("akkoord.db");
            let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
            connection
                .batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}"))
                .unwrap();
        }
    }
}
