//! Clients in the database, seen by two nodes.

use std::collections::BTreeSet;

use akkoord::audit::bundle;
use akkoord::crypto::jwt::sign_jwt;
use akkoord::crypto::{Secret32, SigningKey};
use akkoord::domain::moment::Moment;
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{
    AccessError, ClientAuthentication, ClientMistake, Credential, NewClient, TokenFault, TokenRequest,
};
use akkoord::service::call::Scope;
use akkoord::store::{Store, StoreOptions};
use serde_json::{Value, json};

use crate::support::engine::TestStorage;
use crate::support::service::{PUBLIC_BASE, clock, node};
use crate::support::store::{NOW, options};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(Secret32::from_bytes([seed; 32])).unwrap()
}

fn new(id: &str, credential: Credential) -> NewClient {
    NewClient {
        id: ClientId::parse(id).unwrap(),
        system: "crm".parse().unwrap(),
        scopes: BTreeSet::from([Scope::DecisionsCheck]),
        credential,
    }
}

fn with_secret(client: &str, secret: &str) -> TokenRequest {
    TokenRequest {
        authentication: ClientAuthentication::Secret {
            client: client.to_owned(),
            secret: secret.to_owned().into(),
        },
        scope: None,
    }
}

fn with_assertion(assertion: &str) -> TokenRequest {
    TokenRequest {
        authentication: ClientAuthentication::Assertion {
            client: None,
            assertion: assertion.to_owned(),
        },
        scope: None,
    }
}

/// What the admin log says, oldest first.
fn admin_leaves(storage: &TestStorage) -> Vec<Value> {
    let store = Store::open(StoreOptions {
        network: "bibliotheken-merwedeland".to_owned(),
        ..options(storage)
    });
    let batches = store
        .unwrap()
        .read("read", |tx| {
            let ever = (Moment::from_micros(0), Moment::from_micros(i64::MAX));
            tx.batches_between("admin", ever.0, ever.1, None, 100)
        })
        .unwrap();
    let mut leaves = Vec::new();
    for batch in batches.into_iter().rev() {
        for line in bundle::decode(&batch.entries).unwrap() {
            leaves.push(serde_json::from_slice(line).unwrap());
        }
    }
    leaves
}

both_engines! {
    async fn a_secret_rotates_and_a_revocation_counts_on_both_nodes(engine) {
        let storage = TestStorage::new(engine);
        let world = clock();
        let (here, there) = (node(&storage, &world, "here"), node(&storage, &world, "there"));
        let operator = here.operator().unwrap();
        let added = here.add_client(&operator, new("crm", Credential::Secret)).await.unwrap();
        let first = added.secret.unwrap();
        let again = there.add_client(&operator, new("crm", Credential::Secret)).await;
        assert!(matches!(again, Err(ClientMistake::Exists(_))), "{again:?}");
        let rotated = there.rotate_client(&operator, "crm", false).await.unwrap();
        let second = rotated.secret.unwrap();
        world.turn_to(NOW.plus_seconds(2));
        for secret in [&first, &second] {
            assert!(here.issue_token(with_secret("crm", secret.reveal())).await.is_ok());
        }
        let token = there.issue_token(with_secret("crm", first.reveal())).await.unwrap().access_token;
        assert!(here.authenticate(&token).await.is_ok());
        there.revoke_client(&operator, "crm").await.unwrap();
        let revoked = Err(AccessError::InvalidToken(TokenFault::Revoked));
        assert_eq!(there.authenticate(&token).await, revoked);
        world.turn_to(NOW.plus_seconds(4));
        assert_eq!(here.authenticate(&token).await, revoked);
        assert_eq!(here.issue_token(with_secret("crm", second.reveal())).await, Err(AccessError::InvalidClient));
        here.stop();
        there.stop();
    }

    async fn an_assertion_is_used_once_in_the_whole_network(engine) {
        let storage = TestStorage::new(engine);
        let world = clock();
        let (here, there) = (node(&storage, &world, "here"), node(&storage, &world, "there"));
        let jwks = json!({ "keys": [key(5).public().jwk()] }).to_string();
        here.add_client(&here.operator().unwrap(), new("signer", Credential::Keys(jwks))).await.unwrap();
        let sign = |jti: &str| {
            let claims = json!({ "iss": "signer", "sub": "signer", "aud": PUBLIC_BASE, "jti": jti,
                "exp": NOW.seconds() + 300 });
            sign_jwt("JWT", &key(5).public().thumbprint(), &claims, &key(5)).unwrap()
        };
        let many: Vec<String> = (0..4).map(|n| sign(&format!("j{n}"))).collect();
        for assertion in &many {
            let (a, b) = tokio::join!(
                here.issue_token(with_assertion(assertion)),
                there.issue_token(with_assertion(assertion)),
            );
            assert_eq!([&a, &b].iter().filter(|issued| issued.is_ok()).count(), 1, "{a:?} {b:?}");
        }
        world.turn_to(NOW.plus_seconds(299));
        assert_eq!(there.issue_token(with_assertion(&many[0])).await, Err(AccessError::InvalidClient));
        here.stop();
        there.stop();
    }

    async fn acts_on_clients_are_in_the_admin_log_without_secrets(engine) {
        let storage = TestStorage::new(engine);
        let service = node(&storage, &clock(), "here");
        let operator = service.operator().unwrap();
        let added = service.add_client(&operator, new("crm", Credential::Secret)).await.unwrap();
        let rotated = service.rotate_client(&operator, "crm", true).await.unwrap();
        service.revoke_client(&operator, "crm").await.unwrap();
        let unknown = service.add_client(&operator, NewClient { system: "nowhere".parse().unwrap(), ..new("x", Credential::Secret) });
        assert!(matches!(unknown.await, Err(ClientMistake::UnknownSystem(_))));
        let own = service.add_client(&operator, new("akkoord", Credential::Secret)).await;
        assert!(matches!(own, Err(ClientMistake::OwnName(_))));
        service.stop();
        let leaves = admin_leaves(&storage);
        let kinds: Vec<&str> = leaves.iter().map(|leaf| leaf["k"].as_str().unwrap()).filter(|k| k.starts_with("client.")).collect();
        assert_eq!(kinds, ["client.added", "client.secret-rotated", "client.revoked"]);
        assert!(leaves.iter().any(|leaf| leaf["x"]["client"] == "crm" && leaf["x"]["scopes"] == "decisions:check"));
        let all = format!("{leaves:?}");
        for secret in [&added.secret.unwrap(), &rotated.secret.unwrap()] {
            assert!(!all.contains(secret.reveal()));
        }
    }
}
