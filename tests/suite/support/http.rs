//! The service over HTTP: a server on a free port and a client that says exactly what it is told to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use akkoord::api;
use akkoord::service::Service;
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{Credential, NewClient};
use akkoord::service::call::Scope;
use akkoord::web::server::{RunningServer, ServerOptions, start};
use akkoord::world::TurnedWorld;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::engine::{Engine, TestStorage};
use super::log::verify_all;
use super::service::{clock, node};

/// A running node and a token of the CRM with every scope.
pub struct Api {
    pub server: RunningServer,
    pub service: Service,
    pub world: Arc<TurnedWorld>,
    pub token: String,
    verified: Verified,
}

/// Every test over HTTP ends with a verifier that trusts nothing: all entries of all logs lead to signed checkpoints.
struct Verified {
    service: Service,
    storage: TestStorage,
}

impl Drop for Verified {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.service.stop();
            verify_all(&self.storage);
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Api {
    pub async fn start(engine: Engine) -> Api {
        Api::with(engine, |_| {}).await
    }

    /// With other settings of the server.
    pub async fn with(engine: Engine, change: impl FnOnce(&mut ServerOptions)) -> Api {
        let storage = TestStorage::new(engine);
        let world = clock();
        let service = node(&storage, &world, "node-a");
        let mut options = ServerOptions::at("127.0.0.1:0".parse().unwrap());
        options.workers = 1;
        change(&mut options);
        let server = start(&options, &service, &[api::face()]).unwrap();
        let token = client(&service, "crm-test", "crm", Scope::ALL.iter().copied().collect()).await;
        Api {
            server,
            service: service.clone(),
            world,
            token,
            verified: Verified { service, storage },
        }
    }

    /// Where its data is.
    pub fn storage(&self) -> &TestStorage {
        &self.verified.storage
    }

    /// A request with the token of the CRM.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        send(self.server.addr, method, path, &all, body.as_bytes()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            "POST",
            path,
            &[("Content-Type", "application/json")],
            &body.to_string(),
        )
        .await
    }
}

/// A token of a new client of a system.
pub async fn client(service: &Service, id: &str, system: &str, scopes: BTreeSet<Scope>) -> String {
    let new = NewClient {
        id: ClientId::parse(id).unwrap(),
        system: system.parse().unwrap(),
        scopes,
        credential: Credential::Secret,
    };
    service
        .add_client(&service.operator().unwrap(), new)
        .await
        .unwrap();
    service.access().token_of(id).await.unwrap().access_token
}

impl Answer {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|_| panic!("{} is no JSON: {}", self.status, self.body))
    }

    /// The problem's code and its pointers.
    #[track_caller]
    pub fn problem(&self) -> (String, Vec<String>) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let document = self.json();
        assert_eq!(document["status"], self.status);
        let code = document["type"]
            .as_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned();
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        let pointers = errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().to_owned());
        (code, pointers.collect())
    }
}

/// One request on a connection of its own.
pub async fn send(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"\r\n").await.unwrap();
    // A server that refuses early may close before it has read all of a long body.
    let _ = stream.write_all(body).await;
    answer(&mut stream).await.unwrap()
}

/// Reads to the end of the connection; none when nothing came.
pub async fn answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        bytes.extend_from_slice(&chunk[..read]);
    }
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Some(Answer {
        status,
        headers,
        body: body.to_owned(),
    })
}
