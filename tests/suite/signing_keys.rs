//! The key that signs receipts and tokens is renewed while two nodes serve: nobody is turned away, and every receipt
//! that was ever given still verifies.

use serde_json::{Value, json};

use akkoord::api;
use akkoord::service::call::Scope;
use akkoord::service::signing::{LEAD, RotateMistake};
use akkoord::web::server::{ServerOptions, start};

use crate::support::engine::TestStorage;
use crate::support::http::{client, send};
use crate::support::service::{clock, node};
use crate::support::store::NOW;

const CONSENT: &str = r#"{"person":{"scheme":"member-number","value":"2000123456"},
    "organisation":"bibliotheek-de-linde","purpose":"newsletter","status":"given","noticeVersion":3,"language":"nl",
    "indicationMethod":"web-form","actor":{"type":"self"}}"#;
const PERSON: &str = r#"{"organisation":"bibliotheek-de-linde",
    "identifiers":[{"scheme":"member-number","value":"2000123456"}],"birthDate":"1980-01-01"}"#;

fn key_ids(jwks: &Value) -> Vec<&str> {
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap()).collect()
}

both_engines! {
    async fn receipts_of_every_signing_key_verify_on_every_node(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let (a, b) = (node(&storage, &world, "node-a"), node(&storage, &world, "node-b"));
        let serve = |service| {
            let options = ServerOptions { workers: 1, ..ServerOptions::at("127.0.0.1:0".parse().unwrap()) };
            start(&options, service, &[api::face()]).unwrap()
        };
        let (on_a, on_b) = (serve(&a), serve(&b));
        let token = client(&a, "crm-test", "crm", Scope::ALL.iter().copied().collect()).await;
        let ask = async |addr, method: &str, path: &str, body: &str| {
            let bearer = format!("Bearer {token}");
            let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
            send(addr, method, path, &headers, body.as_bytes()).await
        };
        assert_eq!(ask(on_a.addr, "POST", "/v1/people", PERSON).await.status, 201);
        let old = ask(on_a.addr, "POST", "/v1/consents", CONSENT).await;
        assert_eq!(old.status, 201, "{old:?}");
        let old_kid = old.json()["signature"]["keyId"].as_str().unwrap().to_owned();

        let turn = a.rotate_signing(&a.operator().unwrap()).await.unwrap();
        let new_kid = turn.public.thumbprint();
        assert_eq!(turn.from, NOW.plus_seconds(LEAD));
        let again = b.rotate_signing(&b.operator().unwrap()).await;
        assert!(matches!(again, Err(RotateMistake::Waits(from)) if from == turn.from), "{again:?}");
        b.look_for_signing_keys().unwrap();
        for (service, addr) in [(&a, on_a.addr), (&b, on_b.addr)] {
            // Published before it signs.
            let jwks = send(addr, "GET", "/.well-known/jwks.json", &[], b"").await.json();
            assert_eq!(key_ids(&jwks), [old_kid.as_str(), new_kid.as_str()]);
            assert_eq!(service.sign(b"x").1, old_kid);
        }

        world.turn_to(turn.from);
        let receipt = format!("/v1/receipts/{}", old.json()["receiptId"].as_str().unwrap());
        for (service, addr) in [(&a, on_a.addr), (&b, on_b.addr)] {
            service.look_for_signing_keys().unwrap();
            let jwks = send(addr, "GET", "/.well-known/jwks.json", &[], b"").await.json();
            assert_eq!(key_ids(&jwks), [new_kid.as_str(), old_kid.as_str()]);
            // The token of the old key lives on; the receipt is signed anew, and both signatures verify.
            let new = ask(addr, "GET", &receipt, "").await;
            assert_eq!(new.json()["signature"]["keyId"], new_kid.as_str());
            for document in [&old, &new] {
                let checked = ask(addr, "POST", "/v1/receipt-verifications", &document.body).await;
                assert_eq!(checked.json()["code"], "valid", "{checked:?}");
            }
            let forged = old.body.replace("\"given\"", "\"withdrawn\"");
            let checked = ask(addr, "POST", "/v1/receipt-verifications", &forged).await;
            assert_eq!(checked.json()["code"], "changed");
        }
        let facts = a.key_facts().unwrap();
        let signing: Vec<_> = facts.iter().filter(|key| key.name == "signing").collect();
        assert_eq!(signing.iter().map(|key| key.state()).collect::<Vec<_>>(), ["replaced", "current"]);
        assert_eq!(signing[0].replaced_at, Some(turn.from));

        // A year later tokens of the old key count no more, and its receipts still verify, also after a restart.
        world.turn_to(NOW.plus_seconds(365 * 86_400));
        let c = node(&storage, &world, "node-c");
        let on_c = serve(&c);
        let token = c.access().token_of("crm-test").await.unwrap().access_token;
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let checked = send(on_c.addr, "POST", "/v1/receipt-verifications", &headers, old.body.as_bytes()).await;
        assert_eq!(checked.json(), json!({"valid": true, "code": "valid", "detail": "We signed exactly this."}));
        let turn = c.rotate_signing(&c.operator().unwrap()).await.unwrap();
        assert_eq!(turn.version, 3);
    }
}
