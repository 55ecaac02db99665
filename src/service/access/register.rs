//! Where clients are kept, and the form in which they are kept.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use super::client::{Client, ClientId, ClientState, MAX_SECRETS, SecretHash};
use crate::domain::hex::hex;
use crate::domain::moment::Moment;
use crate::service::call::Scope;
use crate::store::{ClientRow, Store, StoreError};

/// What access needs of the database. The functions block; they are called on blocking threads.
pub trait ClientRegister: Send + Sync + fmt::Debug {
    /// Every client.
    ///
    /// # Errors
    /// [`RegisterError`].
    fn clients(&self) -> Result<Vec<ClientRow>, RegisterError>;

    /// Notes that an assertion was used, until it expires; false if it had been used before, on whatever node.
    ///
    /// # Errors
    /// [`RegisterError`].
    fn use_assertion(
        &self,
        client: &str,
        jti_hash: [u8; 32],
        expires_at: Moment,
    ) -> Result<bool, RegisterError>;
}

/// Where changes of clients go: into the database and, in the same transaction, into the admin log.
pub trait ClientWriter: Send + Sync {
    /// Makes a change; false if it meets a client that is not as it was seen.
    ///
    /// # Errors
    /// [`RegisterError`].
    fn write(&self, change: ClientChange) -> Writing<'_>;
}

/// A change, in a while.
pub type Writing<'a> = Pin<Box<dyn Future<Output = Result<bool, RegisterError>> + Send + 'a>>;

/// A change of a client, and how the admin log tells it.
#[derive(Debug, Clone)]
pub struct ClientChange {
    /// The client as it will be.
    pub row: ClientRow,
    /// When the client that is there was last changed; `None` when there must be none.
    pub seen: Option<Moment>,
    /// What is done, as the log names it (`client.added`).
    pub kind: &'static str,
    /// Facts for the log; nothing about a person and no secret.
    pub facts: Vec<(&'static str, String)>,
}

/// The register cannot be read or written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the register of clients cannot be used now")]
pub struct RegisterError;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSecrets {
    secrets: Vec<StoredSecret>,
    #[serde(rename = "tokensFrom", default)]
    tokens_from: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSecret {
    sha256: String,
    #[serde(rename = "createdAt")]
    created_at: Moment,
    #[serde(rename = "wellKnown", default, skip_serializing_if = "std::ops::Not::not")]
    well_known: bool,
}

/// The register in the database, of all nodes together.
#[derive(Debug, Clone)]
pub struct StoreRegister(pub Store);

impl ClientRegister for StoreRegister {
    fn clients(&self) -> Result<Vec<ClientRow>, RegisterError> {
        Ok(self.0.read("clients", |tx| tx.clients())?)
    }

    fn use_assertion(
        &self,
        client: &str,
        jti_hash: [u8; 32],
        expires_at: Moment,
    ) -> Result<bool, RegisterError> {
        let used = self.0.change("use_assertion", |tx| {
            tx.use_assertion(client, &jti_hash, expires_at)
        });
        match used {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<StoreError> for RegisterError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the register of clients cannot be used");
        Self
    }
}

impl From<&Client> for ClientRow {
    fn from(client: &Client) -> Self {
        let words: Vec<&str> = client.scopes.iter().map(|scope| scope.as_str()).collect();
        let secrets = StoredSecrets {
            secrets: client.secrets.iter().map(stored_secret).collect(),
            tokens_from: client.tokens_from,
        };
        Self {
            client_id: client.id.to_string(),
            system: client.system.to_string(),
            scopes: words.join(" "),
            // Strings and numbers under fixed names: this cannot fail, and an empty text would be read as no client.
            secrets: serde_json::to_string(&secrets).unwrap_or_default(),
            jwks: client.jwks.clone(),
            state: match client.state {
                ClientState::Active => "active",
                ClientState::Revoked => "revoked",
            }
            .to_owned(),
            created_at: client.created_at,
            changed_at: client.changed_at,
        }
    }
}

impl Client {
    /// The client of a row; `None` if a column is not as this version writes it, and then nobody may be that client.
    pub fn read(row: &ClientRow) -> Option<Self> {
        let stored: StoredSecrets = serde_json::from_str(&row.secrets).ok()?;
        if stored.secrets.len() > MAX_SECRETS {
            return None;
        }
        let secrets: Option<Vec<SecretHash>> = stored.secrets.iter().map(read_secret).collect();
        let scopes: Option<BTreeSet<Scope>> = row.scopes.split_whitespace().map(Scope::parse).collect();
        Some(Self {
            id: ClientId::parse(&row.client_id).ok()?,
            system: row.system.parse().ok()?,
            scopes: scopes?,
            secrets: secrets?,
            jwks: row.jwks.clone(),
            state: match row.state.as_str() {
                "active" => ClientState::Active,
                "revoked" => ClientState::Revoked,
                _ => return None,
            },
            tokens_from: stored.tokens_from,
            created_at: row.created_at,
            changed_at: row.changed_at,
        })
    }
}

fn stored_secret(secret: &SecretHash) -> StoredSecret {
    StoredSecret {
        sha256: hex(secret.bytes()),
        created_at: secret.created_at,
        well_known: secret.is_well_known(),
    }
}

fn read_secret(stored: &StoredSecret) -> Option<SecretHash> {
    let digits = stored.sha256.as_bytes();
    let mut hash = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(SecretHash::stored(hash, stored.well_known, stored.created_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::access::client::ClientSecret;
    use crate::world::RealWorld;

    fn client() -> Client {
        let at = Moment::from_micros(1_700_000_000_000_001);
        Client {
            id: ClientId::parse("demo-crm").unwrap(),
            system: "crm".parse().unwrap(),
            scopes: BTreeSet::from([Scope::DecisionsCheck, Scope::ConsentsRead]),
            secrets: vec![
                SecretHash::of(&ClientSecret::random(&RealWorld), at),
                SecretHash::of(&ClientSecret::well_known("demo"), at),
            ],
            jwks: Some("{\"keys\":[]}".to_owned()),
            state: ClientState::Active,
            tokens_from: 7,
            created_at: at,
            changed_at: at,
        }
    }

    #[test]
    fn a_client_is_read_as_it_was_written() {
        let mut client = client();
        assert_eq!(Client::read(&ClientRow::from(&client)), Some(client.clone()));
        client.state = ClientState::Revoked;
        client.secrets.clear();
        assert_eq!(Client::read(&ClientRow::from(&client)), Some(client));
    }

    #[test]
    fn columns_that_say_something_else_are_nobody() {
        let good = ClientRow::from(&client());
        let spoilt: [fn(&mut ClientRow); 8] = [
            |c| c.client_id = "Demo CRM".to_owned(),
            |c| c.system = "C R M".to_owned(),
            |c| c.scopes = "decisions:check everything".to_owned(),
            |c| c.secrets = String::new(),
            |c| c.secrets = "{\"secrets\":[{\"sha256\":\"00\",\"createdAt\":1}]}".to_owned(),
            |c| c.secrets = c.secrets.replace("tokensFrom", "tokens"),
            |c| {
                c.secrets = c.secrets.replace(
                    "{\"secrets\":[",
                    "{\"secrets\":[{\"sha256\":\"00\",\"createdAt\":1},",
                )
            },
            |c| c.state = "Active".to_owned(),
        ];
        for (at, spoil) in spoilt.iter().enumerate() {
            let mut stored = good.clone();
            spoil(&mut stored);
            assert_eq!(Client::read(&stored), None, "{at}");
        }
    }
}
