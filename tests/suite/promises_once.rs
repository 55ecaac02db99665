//! A request with an `Idempotency-Key` has its effect once: in parallel, after a restart, on two nodes.

use std::sync::Arc;

use akkoord::world::RealWorld;
use futures_util::future::join_all;
use serde_json::Value;

use crate::support::app::{Node, Setup, notice, registration, word};
use crate::support::client::{Answer, Client};
use crate::support::engine::{Engine, TestStorage};

fn node(storage: &TestStorage, name: &'static str) -> Node {
    let setup = Setup {
        node: name,
        ..Setup::default()
    };
    Node::start(storage.url(), &Arc::new(RealWorld), &setup)
}

/// The same request 50 times at once, over the nodes in turn.
async fn fifty(client: &Client, nodes: &[&Node], key: &str, path: &str, body: &Value) -> Vec<Answer> {
    let all = (0..50).map(|number: usize| {
        let mut client = client.at(nodes[number % nodes.len()].address);
        let (key, path, body) = (key.to_owned(), path.to_owned(), body.clone());
        tokio::task::spawn_local(async move {
            client
                .try_post(&path, &[("Idempotency-Key", &key)], &body)
                .await
                .unwrap()
        })
    });
    join_all(all).await.into_iter().map(Result::unwrap).collect()
}

/// All answers are one answer; all but one are replays.
#[track_caller]
fn one_answer(answers: &[Answer]) -> Value {
    let first = answers.first().unwrap();
    let body = first.expect(201);
    for answer in answers {
        let same = answer.status == first.status && answer.body == first.body;
        assert!(
            same,
            "{} {}\nand\n{} {}",
            first.status,
            first.text(),
            answer.status,
            answer.text()
        );
    }
    let replayed = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed") == Some("true"))
        .count();
    assert_eq!(replayed, answers.len() - 1);
    body
}

async fn events(client: &mut Client, person: &str) -> usize {
    let history = client
        .get(&format!("/v1/people/{person}/consent-events"))
        .await
        .expect(200);
    let items = history["items"].as_array().unwrap();
    items.iter().filter(|event| event["consent"].is_object()).count()
}

async fn once(storage: &TestStorage, names: &[&'static str]) {
    let nodes: Vec<Node> = names.iter().map(|name| node(storage, name)).collect();
    let nodes: Vec<&Node> = nodes.iter().collect();
    let mut client = nodes[0].client("crm", "crm").await;
    let notice = notice(&mut client).await;
    let registered = one_answer(
        &fifty(
            &client,
            &nodes,
            "person-1",
            "/v1/people",
            &registration("2000123456"),
        )
        .await,
    );
    let person = registered["personId"].as_str().unwrap();
    let given = word("2000123456", "given", notice);
    let receipt = one_answer(&fifty(&client, &nodes, "consent-1", "/v1/consents", &given).await);
    assert_eq!(events(&mut client, person).await, 1);

    // Another request with the same key is refused, and changes nothing; another client has keys of its own.
    let withdrawn = word("2000123456", "withdrawn", notice);
    for node in &nodes {
        let keyed = [("Idempotency-Key", "consent-1")];
        let reused = client
            .at(node.address)
            .try_post("/v1/consents", &keyed, &withdrawn)
            .await
            .unwrap();
        assert_eq!(
            reused.expect(422)["type"].as_str().unwrap().rsplit(':').next(),
            Some("idempotency-key-reused")
        );
    }
    let objection = client
        .try_post("/v1/objections", &[("Idempotency-Key", "consent-1")], &given)
        .await
        .unwrap();
    assert!(matches!(objection.status, 400 | 422), "{}", objection.text());
    assert_eq!(events(&mut client, person).await, 1);
    let mut other = nodes[0].client("crm", "another").await;
    let theirs = other
        .try_post("/v1/consents", &[("Idempotency-Key", "consent-1")], &withdrawn)
        .await
        .unwrap();
    assert_eq!(
        (theirs.status, theirs.header("idempotency-replayed")),
        (201, None)
    );
    assert_eq!(events(&mut client, person).await, 2);

    // What was answered first is answered still, whatever happened since.
    let again = client
        .try_post("/v1/consents", &[("Idempotency-Key", "consent-1")], &given)
        .await
        .unwrap();
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, Some("true"))
    );
    assert_eq!(again.json(), receipt);
}

both_engines! {
    async fn fifty_at_once_have_one_effect_and_one_answer(engine) {
        once(&TestStorage::new(engine), &["here"]).await;
    }

    async fn a_key_is_known_after_a_restart(engine) {
        let storage = TestStorage::new(engine);
        let before = node(&storage, "here");
        let mut client = before.client("crm", "crm").await;
        let notice = notice(&mut client).await;
        client.post("/v1/people", &registration("2000123456")).await.expect(201);
        let given = word("2000123456", "given", notice);
        let keyed = [("Idempotency-Key", "consent-1")];
        let first = client.try_post("/v1/consents", &keyed, &given).await.unwrap();
        let receipt = first.expect(201);
        before.stop().await;
        let after = node(&storage, "here");
        let mut client = client.at(after.address);
        let again = client.try_post("/v1/consents", &keyed, &given).await.unwrap();
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
        assert_eq!(again.body, first.body);
        assert_eq!(events(&mut client, receipt["personId"].as_str().unwrap()).await, 1);
        after.stop().await;
    }
}

#[test]
fn fifty_at_once_on_two_nodes_have_one_effect_and_one_answer() {
    let storage = TestStorage::new(Engine::Postgres);
    actix_web::rt::System::new().block_on(once(&storage, &["here", "there"]));
}
