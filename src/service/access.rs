//! Who may call: clients, the access tokens we issue (RFC 6749, RFC 9068), and the tokens that are accepted, our own and
//! those of configured issuers.
//!
//! A token's signature is verified once and remembered until it expires. Whether its client may still do anything is
//! looked up for every call in a table in memory, which is never older than two seconds: a revocation counts at once on
//! the node where it was done and within two seconds on every other. If the table cannot be read for so long, nobody is
//! let in.

mod admin;
mod assertion;
mod authenticate;
mod cache;
pub mod client;
mod facade;
pub mod issuer;
pub mod register;
mod table;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Value, json};

use crate::crypto::jwt::{JwtError, VerifyingKey};
use crate::crypto::{PublicKey, SigningKey};
use crate::world::World;
use cache::TokenCache;
use issuer::{ExternalIssuer, IssuerMistake, Keys};
use register::{ClientRegister, RegisterError};
use table::ClientTable;

pub use admin::{Added, ClientMistake, Credential, NewClient};
pub use token::{ClientAuthentication, IssuedToken, TokenRequest};

/// Seconds by which the clocks of issuers and nodes may differ.
const LEEWAY: i64 = 5;
/// Longest access token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;

/// What access is set up with.
#[derive(Debug, Clone)]
pub struct AccessOptions {
    /// Our own `iss`: the public URL of the service, without a slash at the end.
    pub issuer: String,
    /// The `aud` of our tokens.
    pub audience: String,
    /// How long our tokens are valid, in seconds.
    pub token_lifetime: i64,
    /// Whether secrets that everybody knows count: in a demo on this machine alone.
    pub well_known_secrets: bool,
    /// Other issuers.
    pub issuers: Vec<ExternalIssuer>,
}

impl AccessOptions {
    /// Tokens of ten minutes, for the service itself, from no other issuer.
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            audience: issuer.clone(),
            issuer,
            token_lifetime: 600,
            well_known_secrets: false,
            issuers: Vec::new(),
        }
    }

    /// The URL of the token endpoint.
    pub fn token_endpoint(&self) -> String {
        format!("{}/oauth2/token", self.issuer)
    }
}

/// Why somebody is not let in. The faces say no more than the RFCs ask; the reasons inside are for logs and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The token is not one that counts: 401 `invalid_token` (RFC 6750).
    #[error("the token is not accepted: {0}")]
    InvalidToken(TokenFault),
    /// The token request is malformed: 400 `invalid_request` (RFC 6749 §5.2).
    #[error("the token request is malformed: {0}")]
    InvalidRequest(&'static str),
    /// The client is unknown, revoked, or did not prove itself: 401 `invalid_client`.
    #[error("the client did not prove who it is")]
    InvalidClient,
    /// A scope is unknown or not granted to the client: 400 `invalid_scope`.
    #[error("a requested scope is unknown or not granted")]
    InvalidScope,
    /// The database or the keys of the issuer cannot be had now: 503.
    #[error("nobody can be let in now")]
    Unavailable,
}

impl From<RegisterError> for AccessError {
    fn from(_: RegisterError) -> Self {
        Self::Unavailable
    }
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// As a token.
    #[error("{0}")]
    Jwt(#[from] JwtError),
    /// No issuer that counts here.
    #[error("its issuer is not known")]
    UnknownIssuer,
    /// A claim that we require is missing, or contradicts another.
    #[error("claim {0} is missing or contradicts another")]
    Claim(&'static str),
    /// Its client is not registered.
    #[error("its client is not registered")]
    UnknownClient,
    /// Its client was revoked.
    #[error("its client was revoked")]
    Revoked,
    /// It was issued before the tokens of its client were called in.
    #[error("it was called in")]
    CalledIn,
}

/// The keys that sign and verify our own tokens.
#[derive(Debug)]
pub struct TokenKeys {
    current: SigningKey,
    kid: String,
    verifying: Keys,
    jwks: Value,
}

impl TokenKeys {
    /// A key that signs, and others whose tokens still count or will soon.
    pub fn new(current: SigningKey, others: &[PublicKey]) -> Self {
        let public = current.public();
        let all = || std::iter::once(&public).chain(others.iter().filter(|other| **other != public));
        Self {
            kid: public.thumbprint(),
            verifying: all()
                .map(|key| VerifyingKey::ed25519(Some(key.thumbprint()), key))
                .collect(),
            jwks: json!({ "keys": all().map(PublicKey::jwk).collect::<Vec<_>>() }),
            current,
        }
    }

    /// The same, with other keys published beside them: their tokens count no more, but what else they signed stays
    /// verifiable.
    #[must_use]
    pub fn publishing(mut self, all: &[PublicKey]) -> Self {
        let ours = self.current.public();
        let rest = all.iter().filter(|key| **key != ours);
        let keys: Vec<Value> = std::iter::once(&ours).chain(rest).map(PublicKey::jwk).collect();
        self.jwks = json!({ "keys": keys });
        self
    }
}

/// Clients and tokens. Shared by all threads of a node.
#[derive(Debug)]
pub struct Access {
    options: AccessOptions,
    world: Arc<dyn World>,
    keys: ArcSwap<TokenKeys>,
    table: ClientTable,
    tokens: TokenCache,
}

impl Access {
    /// Access over a register of clients.
    ///
    /// # Errors
    /// [`IssuerMistake`] if two issuers have the same id or `iss`, or one has ours.
    pub fn new(
        options: AccessOptions,
        world: Arc<dyn World>,
        register: Arc<dyn ClientRegister>,
        keys: TokenKeys,
    ) -> Result<Self, IssuerMistake> {
        for (at, issuer) in options.issuers.iter().enumerate() {
            if issuer.issuer == options.issuer {
                return Err(IssuerMistake::Ourselves(issuer.id.clone()));
            }
            let same = |other: &ExternalIssuer| other.id == issuer.id || other.issuer == issuer.issuer;
            if options.issuers.iter().take(at).any(same) {
                return Err(IssuerMistake::Twice(issuer.id.clone()));
            }
        }
        Ok(Self {
            options,
            world,
            keys: ArcSwap::from_pointee(keys),
            table: ClientTable::new(register),
            tokens: TokenCache::default(),
        })
    }

    /// Puts other keys in the place of those that sign and verify our tokens. Tokens of a key that is no longer there
    /// stop counting at once on this node.
    pub fn replace_keys(&self, keys: TokenKeys) {
        self.keys.store(Arc::new(keys));
    }

    /// Our public keys as a JWK set (RFC 7517).
    pub fn jwks(&self) -> Value {
        self.keys.load().jwks.clone()
    }

    /// What it was set up with.
    pub fn options(&self) -> &AccessOptions {
        &self.options
    }

    /// The metadata of the token endpoint (RFC 8414).
    pub fn metadata(&self) -> Value {
        use crate::crypto::jwt::SignatureAlgorithm;
        use crate::service::call::Scope;
        let algorithms: Vec<&str> = assertion::ALGORITHMS
            .iter()
            .copied()
            .map(SignatureAlgorithm::name)
            .collect();
        let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        json!({
            "issuer": self.options.issuer,
            "token_endpoint": self.options.token_endpoint(),
            "jwks_uri": format!("{}/.well-known/jwks.json", self.options.issuer),
            "grant_types_supported": ["client_credentials"],
            // Required by RFC 8414 although there is no authorization endpoint.
            "response_types_supported": ["none"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "scopes_supported": scopes,
        })
    }
}
