//! A node remembers whom it has read, and is never wrong for it: whatever another node did to somebody since shows in the
//! next check.

use std::sync::Arc;

use akkoord::world::RealWorld;
use serde_json::{Value, json};

use crate::support::app::{LIBRARY, Node, Setup, member, notice, question, registration, word};
use crate::support::client::Client;
use crate::support::engine::TestStorage;

/// Two nodes of one service. What one does is asked of the other.
struct Two {
    does: Client,
    remembers: Client,
    version: u64,
}

impl Two {
    async fn over(acting: &Node, asked: &Node) -> Two {
        let mut does = acting.client("crm", "crm-acting").await;
        let version = notice(&mut does).await;
        Two {
            does,
            remembers: asked.client("crm", "crm-asked").await,
            version,
        }
    }

    async fn does(&mut self, path: &str, body: &Value) -> Value {
        let answer = self.does.post(path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
        answer.json()
    }

    /// Somebody with a yes, whom the other node has read twice: once from the database, once from memory.
    async fn known(&mut self, number: &str) -> String {
        let person = self.does("/v1/people", &registration(number)).await;
        self.does("/v1/consents", &word(number, "given", self.version))
            .await;
        for _ in 0..2 {
            assert_eq!(self.asked(&member(number)).await, "permit-consent");
        }
        person["personId"].as_str().unwrap().to_owned()
    }

    async fn asked(&mut self, person: &Value) -> String {
        let mut question = question("");
        question["person"] = person.clone();
        let answer = self.remembers.post("/v1/decisions", &question).await.expect(200);
        answer["reasons"][0]["code"].as_str().unwrap().to_owned()
    }
}

both_engines! {
    async fn what_another_node_did_shows_in_the_next_check(engine) {
        let storage = TestStorage::new(engine);
        let world = Arc::new(RealWorld);
        let node = |name| Node::start(storage.url(), &world, &Setup { node: name, ..Setup::default() });
        let (acting, asked) = (node("acting"), node("asked"));
        let mut two = Two::over(&acting, &asked).await;
        let about = |number: &str, more: Value| {
            let mut body = json!({"person": member(number), "organisation": LIBRARY, "actor": {"type": "self"}});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };

        two.known("2000000001").await;
        two.does("/v1/consents", &word("2000000001", "withdrawn", two.version)).await;
        assert_eq!(two.asked(&member("2000000001")).await, "deny-withdrawn");
        two.does("/v1/consents", &word("2000000001", "given", two.version)).await;
        assert_eq!(two.asked(&member("2000000001")).await, "permit-consent", "and a yes as well");

        two.known("2000000002").await;
        two.does("/v1/objections", &about("2000000002", json!({"directMarketing": true, "indicationMethod": "phone"}))).await;
        assert_eq!(two.asked(&member("2000000002")).await, "deny-objection");

        two.known("2000000003").await;
        two.does("/v1/restrictions", &about("2000000003", json!({"ground": "accuracy"}))).await;
        assert_eq!(two.asked(&member("2000000003")).await, "deny-restricted");

        // An identifier that goes to somebody else takes its memory along.
        let first = two.known("2000000004").await;
        let address = json!({"scheme": "email", "value": "wie@example.org"});
        let added = two.does(&format!("/v1/people/{first}/identifiers"), &address).await;
        for _ in 0..2 {
            assert_eq!(two.asked(&address).await, "permit-consent");
        }
        let removed = format!("/v1/people/{first}/identifiers/{}", added["identifierId"].as_str().unwrap());
        two.does.send("DELETE", &removed, &[], None).await.unwrap().expect(200);
        assert_eq!(two.asked(&address).await, "deny-unknown-subject");
        let second = two.does("/v1/people", &registration("2000000005")).await;
        let second = second["personId"].as_str().unwrap().to_owned();
        two.does(&format!("/v1/people/{second}/identifiers"), &address).await;
        assert_eq!(two.asked(&address).await, "deny-no-consent");

        // Of two records that turn out to be one person, the stricter word wins, under either number.
        let keep = two.known("2000000006").await;
        let merge = two.known("2000000007").await;
        two.does("/v1/consents", &word("2000000007", "withdrawn", two.version)).await;
        two.does("/v1/people/merges", &json!({"keep": keep, "merge": merge, "reason": "twice"})).await;
        for number in ["2000000006", "2000000007"] {
            assert_eq!(two.asked(&member(number)).await, "deny-withdrawn", "{number}");
        }
        acting.stop().await;
        asked.stop().await;
    }

    async fn a_node_without_memory_answers_the_same(engine) {
        let storage = TestStorage::new(engine);
        let world = Arc::new(RealWorld);
        let node = Node::start(storage.url(), &world, &Setup { remember: 0, ..Setup::default() });
        let mut two = Two::over(&node, &node).await;
        two.known("2000000001").await;
        two.does("/v1/consents", &word("2000000001", "withdrawn", two.version)).await;
        assert_eq!(two.asked(&member("2000000001")).await, "deny-withdrawn");
        node.stop().await;
    }
}
