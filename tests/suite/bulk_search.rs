//! Who asked about me: bulk checks too, for as long as the person's key exists, and nobody after that.

use akkoord::audit::bulk::BulkSecret;
use akkoord::audit::leaf::EntryId;
use akkoord::domain::ids::PersonId;
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::store::{BulkRow, Store, StoreError};
use serde_json::{Value, json};

use crate::support::engine::{Engine, TestStorage};
use crate::support::http::Api;
use crate::support::log::verify_rows;
use crate::support::store::NOW;

const LINDE: &str = "bibliotheek-de-linde";
const ASK: &str = "/v1/decision-batches?organisation=bibliotheek-de-linde&purpose=newsletter&action=contact&channel=email\
                   &dataScopes=email,identity&scheme=member-number&reference=spring-campaign";

async fn register(api: &Api, number: &str) -> String {
    let body = json!({ "organisation": LINDE, "birthDate": "1980-05-01",
        "identifiers": [{ "scheme": "member-number", "value": number }] });
    api.post("/v1/people", &body).await.json()["personId"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn consents(api: &Api, number: &str) {
    let notice = api.service.catalogue().purposes["newsletter"].purpose.version;
    let body = json!({ "person": { "scheme": "member-number", "value": number }, "organisation": LINDE,
        "purpose": "newsletter", "status": "given", "noticeVersion": notice, "language": "nl", "dataScopes": ["email"],
        "indicationMethod": "web-form", "actor": { "type": "self" } });
    assert_eq!(api.post("/v1/consents", &body).await.status, 201);
}

/// A bulk check about these members; its id.
async fn check(api: &Api, numbers: &[&str]) -> String {
    let list: String = numbers
        .iter()
        .map(|number| format!("{{\"value\":\"{number}\"}}\n"))
        .collect();
    let answer = api
        .send("POST", ASK, &[("Content-Type", "application/x-ndjson")], &list)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (_, id) = answer.body.split_once("\"decisionBatchId\":\"").unwrap();
    id.split('"').next().unwrap().to_owned()
}

async fn asked_about(api: &Api, id: &str, open: bool) -> Vec<Value> {
    let path = format!("/v1/audit-entries?personId={id}&reason=question%20of%20the%20member&open={open}");
    let answer = api.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let items = answer.json()["items"].as_array().unwrap().clone();
    items
        .into_iter()
        .filter(|item| item["log"] == "decision")
        .collect()
}

fn packed(store: &Store) -> Vec<BulkRow> {
    store
        .read("read", |tx| tx.audit_bulk_after(None, 100))
        .map_err(|error: StoreError| error)
        .unwrap()
}

fn store_of(storage: &TestStorage) -> Store {
    let options = akkoord::store::StoreOptions {
        network: "bibliotheken-merwedeland".to_owned(),
        ..crate::support::store::options(storage)
    };
    Store::open(options).unwrap()
}

/// The only person there is.
fn the_person(storage: &TestStorage) -> PersonId {
    match storage.engine() {
        Engine::Postgres => storage
            .psql("SELECT encode(id, 'hex') FROM person")
            .parse()
            .unwrap(),
        Engine::Sqlite => {
            use diesel::prelude::*;
            use diesel::sql_types::Text;
            #[derive(QueryableByName)]
            struct Row {
                #[diesel(sql_type = Text)]
                id: String,
            }
            let file = storage.directory().join("akkoord.db");
            let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
            let row: Row = diesel::sql_query("SELECT lower(hex(id)) AS id FROM person")
                .get_result(&mut connection)
                .unwrap();
            row.id.parse().unwrap()
        }
    }
}

both_engines! {
    async fn bulk_checks_are_found_for_the_person(engine) {
        let api = Api::start(engine).await;
        let anna = register(&api, "2000000001").await;
        let bert = register(&api, "2000000002").await;
        let never = register(&api, "2000000003").await;
        consents(&api, "2000000001").await;
        let first = check(&api, &["2000000001", "2000000002", "2000000001", "2999999999"]).await;
        api.world.turn_to(NOW.plus_seconds(5));
        let second = check(&api, &["2000000002"]).await;

        let found = asked_about(&api, &anna, false).await;
        assert_eq!(found.len(), 1, "{found:?}");
        let item = &found[0];
        assert_eq!((&item["kind"], &item["outcome"]), (&json!("decision.bulk"), &json!("permit")));
        assert_eq!((&item["reasonCodes"], &item["dataScopes"]), (&json!(["permit-consent"]), &json!(["email"])));
        assert_eq!((&item["system"], &item["purpose"], &item["channel"]), (&json!("crm"), &json!("newsletter"), &json!("email")));
        assert_eq!(item["bulk"], json!({ "decisionBatchId": first, "checked": 4, "permitted": 2,
            "denied": { "deny-no-consent": 1, "deny-unknown-subject": 1 } }));
        assert_eq!(item.get("private"), None);

        let found = asked_about(&api, &bert, true).await;
        assert_eq!(found.len(), 2);
        for item in &found {
            assert_eq!((&item["outcome"], &item["reasonCodes"]), (&json!("deny"), &json!(["deny-no-consent"])));
            let private: Value = serde_json::from_str(item["private"].as_str().unwrap()).unwrap();
            assert_eq!((&private["client"], &private["reference"]), (&json!("crm-test"), &json!("spring-campaign")));
        }
        assert!(asked_about(&api, &never, true).await.is_empty());

        // The id that was answered leads to the line, and so do filters on what it counts.
        for query in [format!("entryId={second}"), "outcome=deny&limit=1".to_owned(), "reasonCode=deny-no-consent&limit=1".to_owned()] {
            let answer = api.get(&format!("/v1/audit-entries?{query}")).await.json();
            assert_eq!(answer["items"][0]["bulk"]["checked"], 1, "{query}: {answer}");
            assert_eq!(answer["items"][0]["bulk"]["decisionBatchId"], json!(second));
        }
        assert_eq!(api.get("/v1/audit-entries?outcome=permit").await.json()["items"].as_array().unwrap().len(), 1);

        // Nothing of a list stands in the log or beside it as it was sent.
        let rows = packed(&store_of(api.storage()));
        assert_eq!(rows.iter().map(|row| row.n).collect::<std::collections::BTreeSet<_>>(), [1, 2].into());
        assert!(rows.iter().all(|row| !row.context.contains("spring") && row.entries.len() == 30 * row.n as usize));
    }

    async fn after_erasure_nobody_finds_reads_or_links_them(engine) {
        let api = Api::start(engine).await;
        let anna = register(&api, "2000000001").await;
        consents(&api, "2000000001").await;
        for _ in 0..3 {
            check(&api, &["2000000001"]).await;
        }
        assert_eq!(asked_about(&api, &anna, true).await.len(), 3);
        let (store, id) = (store_of(api.storage()), the_person(api.storage()));
        let before = packed(&store);

        let principal = Principal {
            client: "fg".to_owned(),
            system: "crm".parse().unwrap(),
            scopes: Scope::ALL.iter().copied().collect(),
        };
        let call = Call::new(principal, akkoord::domain::preference::Language::Nl);
        api.service.erase_now(&call, id).await.unwrap();

        let gone = api.get(&format!("/v1/audit-entries?personId={anna}&reason=x&open=true")).await;
        assert_ne!(gone.status, 200, "{}", gone.body);
        // No key is left that could make the tag of an entry; the entries and the log are as they were.
        let people = store.read("read", |tx| tx.people_by_id(&[id], false)).map_err(|e: StoreError| e).unwrap();
        assert!(people.iter().all(|person| person.key.is_none() && person.record.is_none()));
        assert_eq!(packed(&store), before);
        let heads: std::collections::HashSet<&[u8]> = before.iter().map(|row| &row.entries[..10]).collect();
        assert_eq!(heads.len(), 3, "entries of one person have nothing in common");
        let any = akkoord::crypto::Secret32::from_bytes([0; 32]);
        for row in &before {
            assert_eq!(BulkSecret::derive(&any, EntryId::from_bytes(row.line)).find(&row.entries, 30), None);
        }
        // The log is signed within a second of what is new.
        let name = akkoord::service::sequence::LogName::parse("decision").unwrap();
        while api.service.log_checkpoint(name.clone()).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let mut verified = verify_rows(&store, "decision");
        while verified.lines.len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            verified = verify_rows(&store, "decision");
        }
        check(&api, &["2000000001"]).await;
    }
}
