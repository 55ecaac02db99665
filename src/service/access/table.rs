//! All clients in memory, never older than two seconds: what makes a revocation quick without a query per call.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::client::Client;
use super::register::{ClientRegister, RegisterError};
use crate::crypto::jwt::{VerifyingKey, parse_jwks};
use crate::domain::moment::Moment;

/// Age at which the table is read again behind the callers' backs, in microseconds.
const RENEW_AFTER: i64 = 1_000_000;
/// Age at which callers wait for it to be read again, in microseconds: a revocation counts on every node within this.
const TOO_OLD: i64 = 2_000_000;

/// A client with its keys read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) client: Client,
    pub(super) keys: Vec<VerifyingKey>,
}

/// The clients as they were at one instant.
#[derive(Debug)]
pub(super) struct Clients {
    /// When the reading began; `None` before the first.
    read_at: Option<Moment>,
    by_id: HashMap<String, Arc<Known>>,
}

impl Clients {
    /// The client of a name, revoked or not.
    pub(super) fn client(&self, id: &str) -> Option<&Arc<Known>> {
        self.by_id.get(id)
    }

    /// All clients.
    pub(super) fn all(&self) -> impl Iterator<Item = &Client> {
        self.by_id.values().map(|known| &known.client)
    }

    fn age(&self, now: Moment) -> i64 {
        let age = self
            .read_at
            .map(|read_at| now.micros().saturating_sub(read_at.micros()));
        // A clock that was set back says nothing about the age.
        age.filter(|age| *age >= 0).unwrap_or(i64::MAX)
    }
}

/// The table. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub(super) struct ClientTable {
    register: Arc<dyn ClientRegister>,
    current: Arc<ArcSwap<Clients>>,
    reading: Arc<Mutex<()>>,
}

impl ClientTable {
    pub(super) fn new(register: Arc<dyn ClientRegister>) -> Self {
        let none = Clients {
            read_at: None,
            by_id: HashMap::new(),
        };
        Self {
            register,
            current: Arc::new(ArcSwap::from_pointee(none)),
            reading: Arc::new(Mutex::new(())),
        }
    }

    pub(super) fn register(&self) -> &Arc<dyn ClientRegister> {
        &self.register
    }

    /// The clients, at most two seconds old. An error when they are older and cannot be read: without knowing who was
    /// revoked, nobody is let in.
    pub(super) async fn fresh(&self, now: Moment) -> Result<Arc<Clients>, RegisterError> {
        let clients = self.current.load_full();
        match clients.age(now) {
            age if age < RENEW_AFTER => Ok(clients),
            age if age < TOO_OLD => {
                if let Ok(turn) = Arc::clone(&self.reading).try_lock_owned() {
                    let table = self.clone();
                    tokio::spawn(async move { table.read(turn, now).await });
                }
                Ok(clients)
            }
            _ => {
                let turn = Arc::clone(&self.reading).lock_owned().await;
                let clients = self.current.load_full(); // somebody may have read it while we waited for our turn
                if clients.age(now) < TOO_OLD {
                    return Ok(clients);
                }
                self.read(turn, now).await
            }
        }
    }

    /// The clients as they are after a change made here.
    pub(super) async fn changed(&self, now: Moment) -> Result<Arc<Clients>, RegisterError> {
        let turn = Arc::clone(&self.reading).lock_owned().await;
        self.read(turn, now).await
    }

    async fn read(&self, turn: OwnedMutexGuard<()>, now: Moment) -> Result<Arc<Clients>, RegisterError> {
        let register = Arc::clone(&self.register);
        let before = self.current.load_full();
        let stored = tokio::task::spawn_blocking(move || register.clients())
            .await
            .map_err(|_| RegisterError)??;
        let mut by_id = HashMap::with_capacity(stored.len());
        for row in stored {
            let Some(client) = Client::read(&row) else {
                tracing::error!(client = %row.client_id, "a registered client cannot be read and is refused");
                continue;
            };
            // The same value for an unchanged client, so that what was concluded from it stays valid.
            let same = before
                .client(client.id.as_str())
                .filter(|known| known.client == client);
            let known = same.cloned().unwrap_or_else(|| Arc::new(Known::of(client)));
            by_id.insert(row.client_id, known);
        }
        let clients = Arc::new(Clients {
            read_at: Some(now),
            by_id,
        });
        self.current.store(Arc::clone(&clients));
        drop(turn);
        Ok(clients)
    }
}

impl Known {
    fn of(client: Client) -> Self {
        let keys = client.jwks.as_ref().map(|jwks| parse_jwks(jwks.as_bytes()));
        if let Some(Err(error)) = &keys {
            tracing::error!(client = %client.id, %error, "the keys of a registered client cannot be read");
        }
        let keys = keys.and_then(Result::ok).unwrap_or_default();
        Self { client, keys }
    }
}
