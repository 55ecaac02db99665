//! What an operator does with clients: add, list, rotate, revoke.

use std::collections::BTreeSet;

use super::Access;
use super::client::{Client, ClientId, ClientSecret, ClientState, MAX_SECRETS, NotAClientId, SecretHash};
use super::register::{ClientChange, ClientWriter, RegisterError};
use crate::crypto::jwt::{JwksError, parse_jwks};
use crate::domain::ids::SystemId;
use crate::domain::moment::Moment;
use crate::service::call::Scope;
use crate::service::shared::OWN_CLIENT;
use crate::store::ClientRow;

/// A client to add.
#[derive(Debug)]
pub struct NewClient {
    /// Name.
    pub id: ClientId,
    /// The system of the catalogue it speaks for.
    pub system: SystemId,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// How it will prove itself.
    pub credential: Credential,
}

/// How a client will prove itself.
#[derive(Debug)]
pub enum Credential {
    /// With a secret that is made now.
    Secret,
    /// With a secret that everybody knows; refused except in a demo.
    WellKnown(String),
    /// With its own keys, given as a JWK set.
    Keys(String),
    /// To another issuer, which gives it its tokens.
    Elsewhere,
}

/// A client that was added, or got a new secret.
#[derive(Debug)]
pub struct Added {
    /// The client.
    pub client: Client,
    /// The new secret, to be shown once.
    pub secret: Option<ClientSecret>,
}

/// Why a client was not added or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientMistake {
    /// The name.
    #[error(transparent)]
    Id(#[from] NotAClientId),
    /// The name of our own acts.
    #[error("`{0}` is the name of the service itself; take another")]
    OwnName(String),
    /// The system.
    #[error(
        "the catalogue in force has no system `{0}`; add it to the policies, publish them, and add the client then"
    )]
    UnknownSystem(SystemId),
    /// There is one of this name.
    #[error(
        "there is a client `{0}` already; a revoked client keeps its name, so that old log entries stay unambiguous"
    )]
    Exists(String),
    /// There is none of this name.
    #[error("there is no client `{0}`")]
    Unknown(String),
    /// It was revoked.
    #[error("client `{0}` was revoked; add a new client")]
    Revoked(String),
    /// No scopes.
    #[error("a client needs at least one scope")]
    NoScopes,
    /// The keys.
    #[error("the JWK set cannot be used: {0}")]
    Keys(#[from] JwksError),
    /// The keys hold none that verifies a signature.
    #[error("the JWK set has no public key for EdDSA, ES256, PS256 or RS256 (RSA from 2048 bits)")]
    NoKeys,
    /// A name with an issuer goes without secret and keys, one without goes with either.
    #[error(
        "client `{0}`: a client of another issuer (`issuer:name`) has no secret and no keys here, any other has one"
    )]
    Credential(String),
    /// There is no issuer of this id.
    #[error("client `{0}`: there is no [[issuer]] with the id before the colon in the configuration")]
    NoIssuer(String),
    /// A secret everybody knows.
    #[error("a well-known secret is for the demo only")]
    WellKnown,
    /// It has no secret to rotate.
    #[error("client `{0}` has no secret: it proves itself with its own keys or at another issuer")]
    NoSecret(String),
    /// Somebody else changed it at the same moment.
    #[error("client `{0}` was changed by somebody else at this moment; look at it and try again")]
    Changed(String),
    /// The register.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

impl Access {
    /// Adds a client.
    ///
    /// # Errors
    /// [`ClientMistake`].
    pub async fn add_client(
        &self,
        writer: &dyn ClientWriter,
        new: NewClient,
    ) -> Result<Added, ClientMistake> {
        let now = self.world.now();
        let name = new.id.to_string();
        if new.scopes.is_empty() {
            return Err(ClientMistake::NoScopes);
        }
        if name == OWN_CLIENT {
            return Err(ClientMistake::OwnName(name));
        }
        if new.id.is_foreign() != matches!(new.credential, Credential::Elsewhere) {
            return Err(ClientMistake::Credential(name));
        }
        let (secret, jwks) = match new.credential {
            Credential::Secret => (Some(ClientSecret::random(&*self.world)), None),
            Credential::WellKnown(text) if self.options.well_known_secrets => {
                (Some(ClientSecret::well_known(&text)), None)
            }
            Credential::WellKnown(_) => return Err(ClientMistake::WellKnown),
            Credential::Keys(jwks) => {
                if parse_jwks(jwks.as_bytes())?.is_empty() {
                    return Err(ClientMistake::NoKeys);
                }
                (None, Some(jwks))
            }
            Credential::Elsewhere => {
                let of = |id: &str| name.split_once(':').is_some_and(|(issuer, _)| issuer == id);
                if !self.options.issuers.iter().any(|issuer| of(&issuer.id)) {
                    return Err(ClientMistake::NoIssuer(name));
                }
                (None, None)
            }
        };
        let client = Client {
            id: new.id,
            system: new.system,
            scopes: new.scopes,
            secrets: secret.iter().map(|secret| SecretHash::of(secret, now)).collect(),
            jwks,
            state: ClientState::Active,
            tokens_from: 0,
            created_at: now,
            changed_at: now,
        };
        let how = match (&secret, &client.jwks) {
            (Some(_), _) => "client_secret_basic",
            (None, Some(_)) => "private_key_jwt",
            (None, None) => "issuer",
        };
        let row = ClientRow::from(&client);
        let facts = vec![
            ("client", name.clone()),
            ("for", row.system.clone()),
            ("scopes", row.scopes.clone()),
            ("authentication", how.to_owned()),
        ];
        let added = writer
            .write(ClientChange {
                row,
                seen: None,
                kind: "client.added",
                facts,
            })
            .await?;
        self.table.changed(now).await?;
        if added {
            Ok(Added { client, secret })
        } else {
            Err(ClientMistake::Exists(name))
        }
    }

    /// All clients, by name.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub async fn clients(&self) -> Result<Vec<Client>, RegisterError> {
        let clients = self.table.changed(self.world.now()).await?;
        let mut clients: Vec<Client> = clients.all().cloned().collect();
        clients.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(clients)
    }

    /// Gives a client a new secret. The one before stays valid beside it, so that the client can change over without a
    /// gap; with `drop_old` it ends now, and with it every token issued before this second.
    ///
    /// # Errors
    /// [`ClientMistake`].
    pub async fn rotate_client(
        &self,
        writer: &dyn ClientWriter,
        id: &str,
        drop_old: bool,
    ) -> Result<Added, ClientMistake> {
        let secret = ClientSecret::random(&*self.world);
        let client = self
            .change(writer, id, ("client.secret-rotated", drop_old), |client, now| {
                if client.secrets.is_empty() {
                    return Err(ClientMistake::NoSecret(client.id.to_string()));
                }
                if drop_old {
                    client.secrets.clear();
                    client.tokens_from = now.seconds();
                }
                client.secrets.insert(0, SecretHash::of(&secret, now));
                client.secrets.truncate(MAX_SECRETS);
                Ok(())
            })
            .await?;
        Ok(Added {
            client,
            secret: Some(secret),
        })
    }

    /// Ends a client for good: its secrets, keys and tokens stop counting, here at once and on other nodes within two
    /// seconds.
    ///
    /// # Errors
    /// [`ClientMistake`].
    pub async fn revoke_client(&self, writer: &dyn ClientWriter, id: &str) -> Result<Client, ClientMistake> {
        self.change(writer, id, ("client.revoked", true), |client, _| {
            client.state = ClientState::Revoked;
            client.secrets.clear();
            Ok(())
        })
        .await
    }

    async fn change(
        &self,
        writer: &dyn ClientWriter,
        id: &str,
        (kind, ends_tokens): (&'static str, bool),
        how: impl FnOnce(&mut Client, Moment) -> Result<(), ClientMistake>,
    ) -> Result<Client, ClientMistake> {
        let now = self.world.now();
        let clients = self.table.changed(now).await?;
        let known = clients
            .client(id)
            .ok_or_else(|| ClientMistake::Unknown(id.to_owned()))?;
        if !known.client.is_active() {
            return Err(ClientMistake::Revoked(id.to_owned()));
        }
        let seen = known.client.changed_at;
        let mut client = known.client.clone();
        how(&mut client, now)?;
        // Never the same instant twice, so that it tells apart what was seen and what was changed.
        client.changed_at = if now > seen {
            now
        } else {
            Moment::from_micros(seen.micros() + 1)
        };
        let facts = vec![
            ("client", id.to_owned()),
            ("tokens-ended", ends_tokens.to_string()),
        ];
        let replaced = writer
            .write(ClientChange {
                row: ClientRow::from(&client),
                seen: Some(seen),
                kind,
                facts,
            })
            .await?;
        self.table.changed(now).await?;
        if replaced {
            Ok(client)
        } else {
            Err(ClientMistake::Changed(id.to_owned()))
        }
    }
}
