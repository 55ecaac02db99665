//! The token endpoint's work: a client proves itself and gets an access token (RFC 6749 §4.4, RFC 9068).

use std::collections::BTreeSet;
use std::fmt;

use serde_json::json;
use zeroize::Zeroizing;

use super::client::{Client, ClientSecret};
use super::table::Clients;
use super::{Access, AccessError};
use crate::crypto::jwt::sign_jwt;
use crate::domain::hex::hex;
use crate::domain::moment::Moment;
use crate::service::call::Scope;
use crate::world::random;

/// A request for a token by client credentials.
#[derive(Debug)]
pub struct TokenRequest {
    /// How the client proves itself.
    pub authentication: ClientAuthentication,
    /// The scopes it asks for, separated by spaces; all that it has when absent.
    pub scope: Option<String>,
}

/// How a client proves itself.
pub enum ClientAuthentication {
    /// `client_secret_basic`.
    Secret {
        /// Name.
        client: String,
        /// Secret.
        secret: Zeroizing<String>,
    },
    /// `private_key_jwt` (RFC 7523).
    Assertion {
        /// Name, where the request gives it beside the assertion.
        client: Option<String>,
        /// The signed assertion.
        assertion: String,
    },
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret { .. } => "Secret(…)",
            Self::Assertion { .. } => "Assertion(…)",
        })
    }
}

/// A token that was issued. It goes to its client and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub access_token: String,
    /// How long it is valid, in seconds.
    pub expires_in: i64,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("expires_in", &self.expires_in)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Issues a token to a client that proves itself.
    ///
    /// # Errors
    /// [`AccessError::InvalidClient`], the same for a client that does not exist and one that fails to prove itself;
    /// [`AccessError::InvalidScope`]; [`AccessError::Unavailable`].
    pub async fn issue_token(&self, request: TokenRequest) -> Result<IssuedToken, AccessError> {
        let now = self.world.now();
        let clients = self.table.fresh(now).await?;
        let proved = match &request.authentication {
            ClientAuthentication::Secret { client, secret } => {
                self.proved_by_secret(&clients, client, secret, now)
            }
            ClientAuthentication::Assertion { client, assertion } => {
                self.proved_by_assertion(&clients, client.as_deref(), assertion, now)
                    .await
            }
        };
        let client = proved.inspect_err(|error| {
            // Never the name that was tried: it is whatever somebody typed, a secret perhaps.
            tracing::warn!(reason = %error, "no token was issued");
        })?;
        let scopes = requested(client, request.scope.as_deref())?;
        self.token_for(client, scopes, now)
    }

    fn proved_by_secret<'c>(
        &self,
        clients: &'c Clients,
        id: &str,
        secret: &str,
        now: Moment,
    ) -> Result<&'c Client, AccessError> {
        let known = clients.client(id).map(|known| &known.client);
        // The same work for nobody: a stranger's guess is compared with secrets that nobody has.
        let nobody = known.is_none().then(|| nobody(&*self.world, now)).flatten();
        let proved = known
            .or(nobody.as_ref())
            .is_some_and(|client| client.knows(secret, self.options.well_known_secrets));
        known
            .filter(|client| proved && client.is_active())
            .ok_or(AccessError::InvalidClient)
    }

    /// A token for a client, without asking it to prove itself: for the demo's printed command lines.
    ///
    /// # Errors
    /// [`AccessError::InvalidClient`] if there is no such client, or [`AccessError::Unavailable`].
    pub async fn token_of(&self, client: &str) -> Result<IssuedToken, AccessError> {
        let now = self.world.now();
        let clients = self.table.fresh(now).await?;
        let known = clients.client(client).ok_or(AccessError::InvalidClient)?;
        if !known.client.is_active() || known.client.id.is_foreign() {
            return Err(AccessError::InvalidClient);
        }
        self.token_for(&known.client, known.client.scopes.clone(), now)
    }

    fn token_for(
        &self,
        client: &Client,
        scopes: BTreeSet<Scope>,
        now: Moment,
    ) -> Result<IssuedToken, AccessError> {
        let issued_at = now.seconds();
        let id = client.id.as_str();
        let jti = hex(&random::<16>(&*self.world));
        let claims = json!({
            "iss": self.options.issuer,
            "aud": self.options.audience,
            "sub": id,
            "client_id": id,
            "azp": id,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at.saturating_add(self.options.token_lifetime),
            "jti": jti,
            "scope": words(&scopes),
        });
        let keys = self.keys.load();
        // Claims made here can always be signed; if not, nobody gets in.
        let access_token =
            sign_jwt("at+jwt", &keys.kid, &claims, &keys.current).map_err(|_| AccessError::Unavailable)?;
        Ok(IssuedToken {
            access_token,
            expires_in: self.options.token_lifetime,
            scopes,
        })
    }
}

impl IssuedToken {
    /// The scopes, separated by spaces.
    pub fn scope(&self) -> String {
        words(&self.scopes)
    }
}

fn words(scopes: &BTreeSet<Scope>) -> String {
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    words.join(" ")
}

/// What a client gets: what it asks for, if all of it is granted (RFC 6749 §3.3).
fn requested(client: &Client, scope: Option<&str>) -> Result<BTreeSet<Scope>, AccessError> {
    let Some(words) = scope else {
        return Ok(client.scopes.clone());
    };
    words
        .split(' ')
        .map(|word| Scope::parse(word).filter(|scope| client.scopes.contains(scope)))
        .collect::<Option<BTreeSet<Scope>>>()
        .ok_or(AccessError::InvalidScope)
}

/// A client that is nobody, with as many secrets as anybody.
fn nobody(world: &dyn crate::world::World, now: Moment) -> Option<Client> {
    use super::client::{ClientId, ClientState, SecretHash};
    let secret = SecretHash::of(&ClientSecret::random(world), now);
    Some(Client {
        id: ClientId::parse("nobody").ok()?,
        system: "nobody".parse().ok()?,
        scopes: BTreeSet::new(),
        secrets: vec![secret],
        jwks: None,
        state: ClientState::Revoked,
        tokens_from: 0,
        created_at: now,
        changed_at: now,
    })
}
