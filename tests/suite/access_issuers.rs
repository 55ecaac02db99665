//! Tokens of another issuer, whose keys a server of its own gives out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use akkoord::api;
use akkoord::outward::jwks::issuers;
use akkoord::service::Service;
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{AccessOptions, Credential, NewClient};
use akkoord::service::call::Scope;
use akkoord::web::server::{RunningServer, ServerOptions, start};
use akkoord::world::TurnedWorld;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{Answer, send};
use crate::support::service::{PUBLIC_BASE, clock, node_with};
use crate::support::store::NOW;

/// Two RSA keys that were thrown away after signing one token each: of `https://id.example` for us, client `crm-prod`,
/// scope `openid decisions:check policies:read`, valid for a day from the tests' now.
const FIRST_KEY: &str = "oazn6uL1XvY_YG-oR14rx6C7UDbY5rHcwNZsL7Por2PPKJE1u7UAgtVt8Qi-EQ1MrxUxblKVAht6Xr8cfVZgCs1iPdvPbqLcJY8MAb5pfG6fUmKn8yoTJn9UOLSIA3KOPyyChraCO1twIfswmIg6_IoRZUvZtqz-8wU_nS8lYg6zSypsPEvxa6vOTgZd9nRDX0ohk8fUtUDvL6OR7oMyFzX592AZmP2_Ck_VEX9owAnj_XSn_kqt88m0e-z2TDQ5IX4xG6HpJEFsrkFq1LtbgsavimmjNsE1t_nsOTMl15KdMVZH52beNBCV_svg4Do2BWf1GX3WLo9YzaFwSnDUFw";
const FIRST_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6InJzYS0xIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2Fra29vcmQuZXhhbXBsZSIsInN1YiI6ImNybS1wcm9kIiwiY2xpZW50X2lkIjoiY3JtLXByb2QiLCJhenAiOiJjcm0tcHJvZCIsImlhdCI6MTgwMzkwMjQwMCwibmJmIjoxODAzOTAyNDAwLCJleHAiOjE4MDM5ODg4MDAsImp0aSI6ImIwYTFjMmQzZTRmNXJzYS0xIiwic2NvcGUiOiJvcGVuaWQgZGVjaXNpb25zOmNoZWNrIHBvbGljaWVzOnJlYWQifQ.CvqguJl-YahqW43xbUvijrWjaBOxV_VnzdZfUDaPOoRyMLEEAlzDmtNsfj6ztSEk6o_sBtgZu3vlqnNzZJv8HO0mJ0pV-NkgApZSW2x0me3CFin4kSKDiPoRb09h_ZIVkVJxy2nV-xEqkoYan9vWQR9jCPAAqIKSsWfUD8t1JeTUJZ9cfsPqsIm_toYIi3DeG96s6Y1LfpbegGZEO3jKVGug5lD8mJk3UQZg_fo3MI2fu_-Cs7tIYBRQOwnH82H4C_bZh8Umcf313hXwYBWegjOFiX9FDXGtmmCrn9gS8hioYtZYO8uAP2SjRx9JPBYwwX4UnWAIDKiSVOjtY-8GLw";
const SECOND_KEY: &str = "ubpnSwIM-cGXXAC1tRCXSof8D-ZZNWTlKzumB2x351H19ytBsNMnP-LZJNC7OcfxPhJwdeen0RCyBFjLVGULJ7H9otewRwNQfT26Dmg_ndHe9M4VaSEmHFLD4sLn2HhCsNN7k20i6pvNCPLTz-VmmN4QFs8_eLCuZ48QnsMOmBraWE_zhaM3fb-l2hJJpDxUk39BU8cQXTihI6LAdQ_xvjdBnpYa0nC3c73ebWRFrjAALYU69xjHbG-7946ed78nGJZ-PwBUDDZ3-aPnLbgQOqq9ctgDNmy_fFnlS97KaracoJqHg4wrZ3CZ-NSC2z4vMWFMs7ZqI8b_BqjsTUYjKQ";
const SECOND_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6InJzYS0yIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2Fra29vcmQuZXhhbXBsZSIsInN1YiI6ImNybS1wcm9kIiwiY2xpZW50X2lkIjoiY3JtLXByb2QiLCJhenAiOiJjcm0tcHJvZCIsImlhdCI6MTgwMzkwMjQwMCwibmJmIjoxODAzOTAyNDAwLCJleHAiOjE4MDM5ODg4MDAsImp0aSI6ImIwYTFjMmQzZTRmNXJzYS0yIiwic2NvcGUiOiJvcGVuaWQgZGVjaXNpb25zOmNoZWNrIHBvbGljaWVzOnJlYWQifQ.b9rFnQu8em7KZ8303m3Vxx5uRkJ__pfPRD5PWA_FzYvoWBtI0Ytz1GF9b2PH8Um7G3_4-VlAEwUMLktc7Pgt46bJPIvusYk4XYmdLrg9vXEh0lIH3Yu6oIHeIZFfxzen_dtBB6h3CSQChCioNwHQv0UQckngDI5SG-3Jc7GL_YxycXUXmwKp6x_wP9VU0Eqzi-rKHiKdqkEsOzVWjeeFajGz6TYGmd9ZobPZfDpPHWGZPWl6uuYXw8vlEN1NmugGesXii58QxJeUZiwNqfZtOMCGMmzDiOeYjDH59DhKu7-r85Q5adW6fAaYJ1kBdccg8TFIMSJRzHUI-iimPjNbUw";

/// Gives out one page, as often as it is asked.
struct KeyServer {
    url: String,
    page: Arc<Mutex<String>>,
    visits: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}/keys", listener.local_addr().unwrap()),
            page: Arc::new(Mutex::new(jwks("rsa-1", FIRST_KEY))),
            visits: Arc::default(),
        };
        let (page, visits) = (Arc::clone(&server.page), Arc::clone(&server.visits));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                visits.fetch_add(1, Ordering::SeqCst);
                let page = page.lock().unwrap().clone();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    page.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(page.as_bytes()).await;
            }
        });
        server
    }

    fn serve(&self, page: String) {
        *self.page.lock().unwrap() = page;
    }
}

fn jwks(kid: &str, n: &str) -> String {
    json!({ "keys": [{ "kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": n, "e": "AQAB" }] })
        .to_string()
}

struct House {
    keys: KeyServer,
    world: Arc<TurnedWorld>,
    service: Service,
    server: RunningServer,
    _storage: TestStorage,
}

impl House {
    async fn start(engine: Engine) -> Self {
        let keys = KeyServer::start().await;
        let settings = format!(
            "id = \"network-idp\"\nissuer = \"https://id.example\"\njwks_uri = \"{}\"\nalgorithms = [\"RS256\"]\n\
             client_claim = \"azp\"\nallow_loopback_http = true",
            keys.url
        );
        let access = AccessOptions {
            issuers: issuers(vec![toml::from_str(&settings).unwrap()], PUBLIC_BASE).unwrap(),
            ..AccessOptions::new(PUBLIC_BASE)
        };
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node_with(&storage, &world, "node-a", access);
        let options = ServerOptions {
            workers: 1,
            ..ServerOptions::at("127.0.0.1:0".parse().unwrap())
        };
        let server = start(&options, &service, &[api::face()]).unwrap();
        Self {
            keys,
            world,
            service,
            server,
            _storage: storage,
        }
    }

    async fn register(&self, scopes: &[Scope]) {
        let new = NewClient {
            id: ClientId::parse("network-idp:crm-prod").unwrap(),
            system: "crm".parse().unwrap(),
            scopes: scopes.iter().copied().collect(),
            credential: Credential::Elsewhere,
        };
        self.service
            .add_client(&self.service.operator().unwrap(), new)
            .await
            .unwrap();
    }

    async fn purposes(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        send(
            self.server.addr,
            "GET",
            "/v1/purposes",
            &[("Authorization", &bearer)],
            b"",
        )
        .await
    }

    fn visits(&self) -> usize {
        self.keys.visits.load(Ordering::SeqCst)
    }
}

both_engines! {
    async fn a_registered_client_of_another_issuer_is_let_in(engine) {
        let house = House::start(engine).await;
        let stranger = house.purposes(FIRST_TOKEN).await;
        assert_eq!((stranger.status, stranger.problem().0.as_str()), (401, "unauthenticated"));
        house.register(&[Scope::PoliciesRead, Scope::PeopleWrite]).await;
        assert_eq!(house.purposes(FIRST_TOKEN).await.status, 200);
        assert_eq!(house.visits(), 1);
        // The token names this scope, the registration does not.
        let bearer = format!("Bearer {FIRST_TOKEN}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = json!({"person": {"scheme": "member-number", "value": "2000123456"}, "organisation": "bibliotheek-de-linde",
            "purpose": "newsletter", "action": "contact", "channel": "email"}).to_string();
        let beyond = send(house.server.addr, "POST", "/v1/decisions", &headers, body.as_bytes()).await;
        assert_eq!((beyond.status, beyond.problem().0.as_str()), (403, "insufficient-scope"));
        house.service.revoke_client(&house.service.operator().unwrap(), "network-idp:crm-prod").await.unwrap();
        assert_eq!(house.purposes(FIRST_TOKEN).await.status, 401);
    }
}

#[actix_web::test]
async fn an_issuer_that_turns_to_a_new_key_is_followed() {
    let house = House::start(Engine::Sqlite).await;
    house.register(&[Scope::PoliciesRead]).await;
    assert_eq!(house.purposes(FIRST_TOKEN).await.status, 200);
    house.keys.serve(jwks("rsa-2", SECOND_KEY));
    assert_eq!(
        house.purposes(SECOND_TOKEN).await.status,
        401,
        "asked again too soon"
    );
    house.world.turn_to(NOW.plus_seconds(30));
    assert_eq!(house.purposes(SECOND_TOKEN).await.status, 200);
    assert_eq!(
        house.purposes(FIRST_TOKEN).await.status,
        401,
        "its key is no longer the issuer's"
    );
    assert_eq!(house.visits(), 2);
    // A key of the right name that is another one.
    house.keys.serve(jwks("rsa-2", FIRST_KEY));
    house.world.turn_to(NOW.plus_seconds(330));
    while house.purposes(SECOND_TOKEN).await.status == 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.visits(), 3);
}

#[actix_web::test]
async fn an_issuer_without_a_good_key_set_lets_nobody_in() {
    let house = House::start(Engine::Sqlite).await;
    house.register(&[Scope::PoliciesRead]).await;
    house.keys.serve(format!(
        "{{\"keys\":[],\"padding\":\"{}\"}}",
        "x".repeat(10 << 20)
    ));
    for _ in 0..3 {
        let answer = house.purposes(FIRST_TOKEN).await;
        assert_eq!((answer.status, answer.problem().0.as_str()), (503, "unavailable"));
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(house.visits(), 1);
    // Our own tokens do not need it.
    let new = NewClient {
        id: ClientId::parse("crm-own").unwrap(),
        system: "crm".parse().unwrap(),
        scopes: [Scope::PoliciesRead].into(),
        credential: Credential::Secret,
    };
    house
        .service
        .add_client(&house.service.operator().unwrap(), new)
        .await
        .unwrap();
    let own = house
        .service
        .access()
        .token_of("crm-own")
        .await
        .unwrap()
        .access_token;
    assert_eq!(house.purposes(&own).await.status, 200);
    house.keys.serve(jwks("rsa-1", FIRST_KEY));
    house.world.turn_to(NOW.plus_seconds(30));
    assert_eq!(house.purposes(FIRST_TOKEN).await.status, 200);
}
