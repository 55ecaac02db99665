//! The service behind its HTTP server, in this process: nodes on loopback, clients with tokens, and what they say.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use akkoord::crypto::{RootKey, Secret32};
use akkoord::policy::load::read_folder;
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{AccessOptions, ClientAuthentication, Credential, NewClient, TokenRequest};
use akkoord::service::call::Scope;
use akkoord::service::{Service, ServiceOptions};
use akkoord::store::{Store, StoreOptions};
use akkoord::web::server::{RunningServer, ServerOptions};
use akkoord::world::World;
use serde_json::{Value, json};

use super::client::Client;
use super::source::root;

/// The root key of every test service: 32 times this byte.
pub const ROOT_KEY: u8 = 1;
/// The library most tests are about.
pub const LIBRARY: &str = "bibliotheek-de-linde";

/// What a node is started with, where it is not the usual.
#[derive(Debug, Clone)]
pub struct Setup {
    pub node: &'static str,
    pub public_base: String,
    pub queue: usize,
    pub remember: usize,
    pub deadline: Duration,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            node: "here",
            public_base: "https://akkoord.example".to_owned(),
            queue: 4_096,
            remember: 64 << 20,
            deadline: Duration::from_secs(20),
        }
    }
}

/// A service over the database at a URL. Services of one database are nodes of one service.
pub fn service(url: &str, world: Arc<dyn World>, setup: &Setup) -> Service {
    let store = Store::open(StoreOptions {
        url: url.parse().unwrap(),
        pool_size: 8,
        busy_timeout: Duration::from_secs(5),
        require_synchronous_standby: false,
        create: true,
        installation_id: [7; 16],
        network: "bibliotheken-merwedeland".to_owned(),
        now: world.now(),
        observer: None,
    });
    let options = ServiceOptions {
        store: store.unwrap(),
        files: read_folder(Path::new(&root().join("policies"))).unwrap(),
        root_key: RootKey::new(Secret32::from_bytes([ROOT_KEY; 32])),
        world,
        node: setup.node.to_owned(),
        public_base: setup.public_base.clone(),
        test_subjects: false,
        queue: setup.queue,
        remember: setup.remember,
        deadline: setup.deadline,
        checkpoints: None,
        witnesses: akkoord::service::sequence::WitnessPlan::default(),
    };
    let access = AccessOptions {
        token_lifetime: 3_600, // longer than any test, so that none breaks on a slow machine
        ..AccessOptions::new(setup.public_base.clone())
    };
    Service::start_with(options, access).unwrap()
}

/// Adds a client of a system with every scope, and gets it a token.
pub async fn token(service: &Service, system: &str, name: &str) -> String {
    let new = NewClient {
        id: ClientId::parse(name).unwrap(),
        system: system.parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
        credential: Credential::Secret,
    };
    let operator = service.operator().unwrap();
    let secret = service.add_client(&operator, new).await.unwrap().secret.unwrap();
    let request = TokenRequest {
        authentication: ClientAuthentication::Secret {
            client: name.to_owned(),
            secret: secret.reveal().to_owned().into(),
        },
        scope: None,
    };
    service.issue_token(request).await.unwrap().access_token
}

/// One node that listens on loopback.
pub struct Node {
    pub service: Service,
    pub address: SocketAddr,
    server: RunningServer,
}

impl Node {
    /// Starts a node on the current actix runtime.
    pub fn start(url: &str, world: &Arc<impl World + 'static>, setup: &Setup) -> Node {
        let service = service(url, Arc::clone(world) as _, setup);
        let options = ServerOptions {
            workers: 2,
            ..ServerOptions::at(SocketAddr::from(([127, 0, 0, 1], 0)))
        };
        let server = akkoord::web::server::start(
            &options,
            &service,
            &[
                akkoord::api::face(),
                akkoord::portal::face(),
                akkoord::officer::face(),
            ],
        )
        .unwrap();
        Node {
            address: server.addr,
            service,
            server,
        }
    }

    /// A new client of a system, with every scope. Each has its own rate limit.
    pub async fn client(&self, system: &str, name: &str) -> Client {
        Client::new(self.address, token(&self.service, system, name).await)
    }

    /// Ends it as SIGTERM would.
    pub async fn stop(self) {
        self.server.stop(true).await;
        let service = self.service;
        tokio::task::spawn_blocking(move || service.stop()).await.unwrap();
    }
}

/// `{"scheme": "member-number", …}`.
pub fn member(number: &str) -> Value {
    json!({"scheme": "member-number", "value": number})
}

/// An adult member of [`LIBRARY`].
pub fn registration(number: &str) -> Value {
    json!({"organisation": LIBRARY, "identifiers": [member(number)], "birthDate": "1980-05-01", "language": "nl"})
}

/// A word on the newsletter: `given`, `withdrawn` …
pub fn word(number: &str, status: &str, notice: u64) -> Value {
    json!({
        "person": member(number), "organisation": LIBRARY, "purpose": "newsletter", "status": status,
        "noticeVersion": notice, "language": "nl", "indicationMethod": "web-form", "actor": {"type": "self"},
    })
}

/// May the newsletter be mailed?
pub fn question(number: &str) -> Value {
    json!({
        "person": member(number), "organisation": LIBRARY, "purpose": "newsletter", "action": "contact",
        "channel": "email", "dataScopes": ["email", "identity"],
    })
}

/// The version of the newsletter's notice that is in force.
pub async fn notice(client: &mut Client) -> u64 {
    let page = client.get("/v1/purposes?limit=100").await.expect(200);
    let purposes = page["items"].as_array().unwrap();
    let newsletter = purposes
        .iter()
        .find(|purpose| purpose["id"] == "newsletter")
        .unwrap();
    newsletter["version"].as_u64().unwrap()
}
