//! Access without a web: clients, tokens and clocks.

mod assertions;
mod issuers;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::cache::{CAPACITY, TokenCache};
use super::client::ClientId;
use super::issuer::{ClientClaim, ExternalIssuer, IssuerMistake, KeySource, Keys, KeysFuture, Wanted};
use super::register::{ClientChange, ClientRegister, ClientWriter, RegisterError, Writing};
use super::*;
use crate::crypto::jwt::{SignatureAlgorithm, VerifyingKey, sign_jwt};
use crate::crypto::{Secret32, SigningKey};
use crate::domain::moment::Moment;
use crate::service::call::Scope;
use crate::store::ClientRow;
use crate::world::TurnedWorld;

const US: &str = "https://akkoord.example";
const THEM: &str = "https://id.example";
const NOW: i64 = 1_800_000_000;

#[derive(Debug, Default)]
struct Memory {
    clients: Mutex<Vec<ClientRow>>,
    used: Mutex<BTreeSet<(String, [u8; 32])>>,
    broken: AtomicBool,
    reads: AtomicUsize,
}

impl ClientRegister for Memory {
    fn clients(&self) -> Result<Vec<ClientRow>, RegisterError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(RegisterError);
        }
        Ok(self.clients.lock().unwrap().clone())
    }

    fn use_assertion(&self, client: &str, jti_hash: [u8; 32], _: Moment) -> Result<bool, RegisterError> {
        Ok(self.used.lock().unwrap().insert((client.to_owned(), jti_hash)))
    }
}

impl ClientWriter for Memory {
    fn write(&self, change: ClientChange) -> Writing<'_> {
        assert!(change.facts.iter().all(|(_, fact)| !fact.contains("aks_")));
        let mut clients = self.clients.lock().unwrap();
        let at = clients.iter().position(|c| c.client_id == change.row.client_id);
        let written = at.map(|at| clients[at].changed_at) == change.seen;
        match at {
            Some(at) if written => clients[at] = change.row,
            None if written => clients.push(change.row),
            _ => {}
        }
        Box::pin(async move { Ok(written) })
    }
}

#[derive(Debug)]
struct TheirKeys {
    known: Mutex<Keys>,
    newer: Mutex<Option<Keys>>,
}

impl KeySource for TheirKeys {
    fn keys(&self, _: Moment, wanted: Wanted) -> KeysFuture<'_> {
        let mut known = self.known.lock().unwrap();
        if wanted == Wanted::Newer
            && let Some(newer) = self.newer.lock().unwrap().take()
        {
            *known = newer;
        }
        let keys = Arc::clone(&known);
        Box::pin(async move { Ok(keys) })
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(Secret32::from_bytes([seed; 32])).unwrap()
}

fn keys(name: &str, seed: u8) -> Keys {
    vec![VerifyingKey::ed25519(Some(name.to_owned()), &key(seed).public())].into()
}

struct House {
    register: Arc<Memory>,
    world: Arc<TurnedWorld>,
    theirs: Arc<TheirKeys>,
}

impl House {
    fn new() -> Self {
        Self {
            register: Arc::default(),
            world: Arc::new(TurnedWorld::starting(Moment::from_micros(NOW * 1_000_000))),
            theirs: Arc::new(TheirKeys {
                known: Mutex::new(keys("k1", 9)),
                newer: Mutex::default(),
            }),
        }
    }

    fn options(&self) -> AccessOptions {
        AccessOptions {
            issuers: vec![ExternalIssuer {
                id: "idp".to_owned(),
                issuer: THEM.to_owned(),
                audience: US.to_owned(),
                algorithms: vec![SignatureAlgorithm::EdDsa],
                client_claim: ClientClaim::Azp,
                keys: Arc::clone(&self.theirs) as Arc<dyn KeySource>,
            }],
            ..AccessOptions::new(US)
        }
    }

    /// A node; all nodes of a house share its register, clock and keys.
    fn node(&self) -> Node {
        self.node_with(self.options()).unwrap()
    }

    fn node_with(&self, options: AccessOptions) -> Result<Node, IssuerMistake> {
        let (world, register) = (Arc::clone(&self.world), Arc::clone(&self.register));
        let access = Access::new(options, world, register, TokenKeys::new(key(1), &[]))?;
        let register = Arc::clone(&self.register);
        Ok(Node { access, register })
    }

    fn pass(&self, seconds: i64) {
        let now = World::now(&*self.world);
        self.world.turn_to(now.plus_seconds(seconds));
    }
}

struct Node {
    access: Access,
    register: Arc<Memory>,
}

impl std::ops::Deref for Node {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl Node {
    async fn add_client(&self, new: NewClient) -> Result<Added, ClientMistake> {
        self.access.add_client(&*self.register, new).await
    }

    async fn rotate_client(&self, id: &str, drop_old: bool) -> Result<Added, ClientMistake> {
        self.access.rotate_client(&*self.register, id, drop_old).await
    }

    async fn revoke_client(&self, id: &str) -> Result<super::client::Client, ClientMistake> {
        self.access.revoke_client(&*self.register, id).await
    }
}

fn client(id: &str, credential: Credential) -> NewClient {
    NewClient {
        id: ClientId::parse(id).unwrap(),
        system: "crm".parse().unwrap(),
        scopes: BTreeSet::from([Scope::DecisionsCheck, Scope::ConsentsRead]),
        credential,
    }
}

fn by_secret(client: &str, secret: &str, scope: Option<&str>) -> TokenRequest {
    TokenRequest {
        authentication: ClientAuthentication::Secret {
            client: client.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
        },
        scope: scope.map(str::to_owned),
    }
}

fn by_assertion(assertion: &str) -> TokenRequest {
    TokenRequest {
        authentication: ClientAuthentication::Assertion {
            client: None,
            assertion: assertion.to_owned(),
        },
        scope: None,
    }
}

async fn with_secret(node: &Node) -> String {
    let added = node
        .add_client(client("demo-crm", Credential::Secret))
        .await
        .unwrap();
    added.secret.unwrap().reveal().to_owned()
}

async fn token(node: &Node, secret: &str) -> String {
    let issued = node
        .issue_token(by_secret("demo-crm", secret, None))
        .await
        .unwrap();
    issued.access_token
}

fn fault(result: Result<Arc<crate::service::call::Principal>, AccessError>) -> TokenFault {
    match result.unwrap_err() {
        AccessError::InvalidToken(fault) => fault,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_client_with_a_secret_gets_a_token_that_counts() {
    let (house, node) = {
        let house = House::new();
        let node = house.node();
        (house, node)
    };
    let secret = with_secret(&node).await;
    let issued = node
        .issue_token(by_secret("demo-crm", &secret, None))
        .await
        .unwrap();
    assert_eq!(
        (issued.expires_in, issued.scope().as_str()),
        (600, "decisions:check consents:read")
    );
    let caller = node.authenticate(&issued.access_token).await.unwrap();
    assert_eq!(
        (caller.client.as_str(), caller.system.as_str()),
        ("demo-crm", "crm")
    );
    assert_eq!(
        caller.scopes,
        BTreeSet::from([Scope::DecisionsCheck, Scope::ConsentsRead])
    );
    assert!(Arc::ptr_eq(
        &caller,
        &node.authenticate(&issued.access_token).await.unwrap()
    ));

    let narrow = by_secret("demo-crm", &secret, Some("consents:read"));
    let narrow = node.issue_token(narrow).await.unwrap();
    let caller = house.node().authenticate(&narrow.access_token).await.unwrap();
    assert_eq!(caller.scopes, BTreeSet::from([Scope::ConsentsRead]));
    for scope in [
        "people:write",
        "consents:read people:write",
        "",
        " ",
        "consents:read  consents:read",
        "all",
    ] {
        let refused = node
            .issue_token(by_secret("demo-crm", &secret, Some(scope)))
            .await;
        assert_eq!(refused, Err(AccessError::InvalidScope), "{scope:?}");
    }

    house.pass(604);
    assert!(
        node.authenticate(&issued.access_token).await.is_ok(),
        "within the leeway of clocks"
    );
    house.pass(1);
    assert_eq!(
        fault(node.authenticate(&issued.access_token).await),
        TokenFault::Jwt(JwtError::Expired)
    );
}

#[tokio::test]
async fn whoever_does_not_prove_itself_hears_the_same() {
    let house = House::new();
    let node = house.node();
    let secret = with_secret(&node).await;
    node.add_client(client("idp:crm", Credential::Elsewhere))
        .await
        .unwrap();
    for (id, tried) in [
        ("nobody", secret.as_str()),
        ("", ""),
        ("demo-crm", ""),
        ("demo-crm", "demo"),
        ("demo-crm", secret.trim_start_matches('a')),
        ("idp:crm", ""),
    ] {
        let refused = node.issue_token(by_secret(id, tried, None)).await;
        assert_eq!(refused, Err(AccessError::InvalidClient), "{id}");
    }
    node.revoke_client("demo-crm").await.unwrap();
    let refused = node.issue_token(by_secret("demo-crm", &secret, None)).await;
    assert_eq!(refused, Err(AccessError::InvalidClient));
}

#[tokio::test]
async fn a_secret_is_changed_without_a_gap_or_at_once() {
    let house = House::new();
    let node = house.node();
    let first = with_secret(&node).await;
    let rotated = async |drop_old| {
        let added = node.rotate_client("demo-crm", drop_old).await.unwrap();
        added.secret.unwrap().reveal().to_owned()
    };
    let old_token = token(&node, &first).await;
    let second = rotated(false).await;
    token(&node, &first).await;
    token(&node, &second).await;
    let third = rotated(false).await;
    token(&node, &second).await;
    let refused = node.issue_token(by_secret("demo-crm", &first, None)).await;
    assert_eq!(refused, Err(AccessError::InvalidClient));
    assert!(node.authenticate(&old_token).await.is_ok());

    house.pass(1);
    let fourth = rotated(true).await;
    for old in [&second, &third] {
        let refused = node.issue_token(by_secret("demo-crm", old, None)).await;
        assert_eq!(refused, Err(AccessError::InvalidClient));
    }
    assert_eq!(fault(node.authenticate(&old_token).await), TokenFault::CalledIn);
    let new_token = token(&node, &fourth).await;
    assert!(node.authenticate(&new_token).await.is_ok());
}

#[tokio::test]
async fn a_revoked_client_is_out_here_at_once_and_elsewhere_within_two_seconds() {
    let house = House::new();
    let (here, there) = (house.node(), house.node());
    let secret = with_secret(&here).await;
    let token = token(&here, &secret).await;
    assert!(there.authenticate(&token).await.is_ok());
    here.revoke_client("demo-crm").await.unwrap();
    assert_eq!(fault(here.authenticate(&token).await), TokenFault::Revoked);
    house.pass(2);
    assert_eq!(fault(there.authenticate(&token).await), TokenFault::Revoked);
    assert_eq!(
        here.revoke_client("demo-crm").await,
        Err(ClientMistake::Revoked("demo-crm".to_owned()))
    );
    let again = here.add_client(client("demo-crm", Credential::Secret)).await;
    assert!(matches!(again, Err(ClientMistake::Exists(_))));
}

#[tokio::test]
async fn clients_are_read_at_most_once_a_second_and_nobody_enters_without_them() {
    let house = House::new();
    let node = house.node();
    let secret = with_secret(&node).await;
    let token = token(&node, &secret).await;
    let before = house.register.reads.load(Ordering::SeqCst);
    let many = (0..100).map(|_| node.authenticate(&token));
    assert!(
        futures_util::future::join_all(many)
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(house.register.reads.load(Ordering::SeqCst), before);
    house.register.broken.store(true, Ordering::SeqCst);
    house.pass(1);
    assert!(node.authenticate(&token).await.is_ok());
    house.pass(1);
    assert_eq!(node.authenticate(&token).await, Err(AccessError::Unavailable));
    house.register.broken.store(false, Ordering::SeqCst);
    assert!(node.authenticate(&token).await.is_ok());
    // A clock that was set back does not make old knowledge young.
    house.register.broken.store(true, Ordering::SeqCst);
    house.pass(-10);
    assert_eq!(node.authenticate(&token).await, Err(AccessError::Unavailable));
}

#[tokio::test]
async fn the_demo_secret_counts_in_a_demo_only() {
    let house = House::new();
    let demo = client("demo-crm", Credential::WellKnown("demo".to_owned()));
    assert!(matches!(
        house.node().add_client(demo).await,
        Err(ClientMistake::WellKnown)
    ));
    let options = AccessOptions {
        well_known_secrets: true,
        ..house.options()
    };
    let node = house.node_with(options).unwrap();
    let demo = client("demo-crm", Credential::WellKnown("demo".to_owned()));
    node.add_client(demo).await.unwrap();
    token(&node, "demo").await;
    let refused = house
        .node()
        .issue_token(by_secret("demo-crm", "demo", None))
        .await;
    assert_eq!(refused, Err(AccessError::InvalidClient));
    let issued = node.token_of("demo-crm").await.unwrap();
    assert!(house.node().authenticate(&issued.access_token).await.is_ok());
}

#[tokio::test]
async fn our_own_tokens_say_who_three_times_and_end_with_their_key() {
    let house = House::new();
    let node = house.node();
    with_secret(&node).await;
    let kid = key(1).public().thumbprint();
    let claims = json!({ "iss": US, "aud": US, "sub": "demo-crm", "client_id": "demo-crm", "azp": "demo-crm",
        "iat": NOW, "exp": NOW + 600, "jti": "j", "scope": "decisions:check" });
    let token = sign_jwt("at+jwt", &kid, &claims, &key(1)).unwrap();
    assert!(node.authenticate(&token).await.is_ok());
    for name in ["sub", "client_id", "azp", "iat", "jti", "iss", "aud", "exp"] {
        let mut spoilt = claims.clone();
        spoilt.as_object_mut().unwrap().remove(name);
        let token = sign_jwt("at+jwt", &kid, &spoilt, &key(1)).unwrap();
        assert!(node.authenticate(&token).await.is_err(), "{name}");
    }
    for name in ["sub", "client_id", "azp"] {
        let mut spoilt = claims.clone();
        spoilt[name] = json!("another");
        let token = sign_jwt("at+jwt", &kid, &spoilt, &key(1)).unwrap();
        assert!(node.authenticate(&token).await.is_err(), "{name}");
    }
    node.replace_keys(TokenKeys::new(key(2), &[key(1).public()]));
    assert!(node.authenticate(&token).await.is_ok());
    assert_eq!(node.jwks()["keys"].as_array().unwrap().len(), 2);
    node.replace_keys(TokenKeys::new(key(2), &[]));
    assert_eq!(
        fault(node.authenticate(&token).await),
        TokenFault::Jwt(JwtError::Key)
    );
}

#[tokio::test]
async fn mistakes_of_operators_are_told() {
    let house = House::new();
    let node = house.node();
    let refused = async |new| node.add_client(new).await.map(|_| ()).unwrap_err();
    let mut none = client("a", Credential::Secret);
    none.scopes.clear();
    assert_eq!(refused(none).await, ClientMistake::NoScopes);
    let foreign = "other:a".to_owned();
    assert_eq!(
        refused(client(&foreign, Credential::Elsewhere)).await,
        ClientMistake::NoIssuer(foreign)
    );
    assert!(matches!(
        refused(client("a", Credential::Elsewhere)).await,
        ClientMistake::Credential(_)
    ));
    assert!(matches!(
        refused(client("idp:a", Credential::Secret)).await,
        ClientMistake::Credential(_)
    ));
    let keys = |text: &str| client("a", Credential::Keys(text.to_owned()));
    assert!(matches!(refused(keys("{}")).await, ClientMistake::Keys(_)));
    assert_eq!(refused(keys("{\"keys\":[]}")).await, ClientMistake::NoKeys);
    assertions::with_keys(&node).await;
    let rotated = node.rotate_client("signer", false).await.map(|_| ());
    assert_eq!(rotated, Err(ClientMistake::NoSecret("signer".to_owned())));
    let rotated = node.rotate_client("nobody", false).await.map(|_| ());
    assert_eq!(rotated, Err(ClientMistake::Unknown("nobody".to_owned())));
    let names: Vec<String> = node
        .clients()
        .await
        .unwrap()
        .iter()
        .map(|c| c.id.to_string())
        .collect();
    assert_eq!(names, ["signer"]);

    for (id, issuer, mistake) in [
        ("idp", "https://x.example", IssuerMistake::Twice("idp".to_owned())),
        ("idp2", THEM, IssuerMistake::Twice("idp2".to_owned())),
        ("idp2", US, IssuerMistake::Ourselves("idp2".to_owned())),
    ] {
        let mut options = house.options();
        let mut other = options.issuers[0].clone();
        (other.id, other.issuer) = (id.to_owned(), issuer.to_owned());
        options.issuers.push(other);
        assert_eq!(house.node_with(options).map(|_| ()).unwrap_err(), mistake);
    }
}

#[tokio::test]
async fn the_memory_of_tokens_is_bounded_and_keeps_what_is_used() {
    let house = House::new();
    let node = house.node();
    let secret = with_secret(&node).await;
    let token = token(&node, &secret).await;
    node.authenticate(&token).await.unwrap();
    let now = World::now(&*house.world);
    let known = node
        .tokens
        .find(&crate::crypto::sha256(token.as_bytes()), now)
        .unwrap();
    let cache = TokenCache::default();
    let name = |n: usize| crate::crypto::sha256(&n.to_be_bytes());
    for n in 0..3 * CAPACITY {
        cache.keep(name(n), Arc::clone(&known));
        assert!(cache.find(&name(0), now).is_some());
    }
    assert!(cache.len() <= CAPACITY);
    assert!(cache.find(&name(1), now).is_none());
    let later = now.plus_seconds(600);
    assert!(cache.find(&name(0), later).is_none());
}
