//! A registered OAuth client: for which system it speaks, what it may do, and how it proves itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::crypto::{constant_time_eq, sha256};
use crate::domain::ids::SystemId;
use crate::domain::moment::Moment;
use crate::service::call::Scope;
use crate::world::{World, random};

/// Secrets of a client that are valid at once, so that it can change over without a gap.
pub const MAX_SECRETS: usize = 2;
/// What our secrets begin with, so that scanners for leaked secrets can know them.
const SECRET_PREFIX: &str = "aks_";
/// Longest name of a client at another issuer, in bytes.
const MAX_FOREIGN: usize = 200;

/// The name of a client. One of our own token endpoint is a slug (`demo-crm`). One of another issuer is the `id` of that
/// issuer in the configuration, a colon and its name there (`network-idp:0a1b2c`), so that two issuers never share a
/// client, whatever names they choose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

/// Why a text is no name of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a client id is lower-case letters and digits in words joined by hyphens, or `issuer:name` for a client of another issuer"
)]
pub struct NotAClientId;

impl ClientId {
    /// Reads a name.
    ///
    /// # Errors
    /// [`NotAClientId`].
    pub fn parse(text: &str) -> Result<Self, NotAClientId> {
        let slug = |text: &str| text.parse::<SystemId>().is_ok();
        let good = match text.split_once(':') {
            None => slug(text),
            Some((issuer, name)) => {
                slug(issuer)
                    && (1..=MAX_FOREIGN).contains(&name.len())
                    && name.bytes().all(|byte| byte.is_ascii_graphic())
            }
        };
        if good {
            Ok(Self(text.into()))
        } else {
            Err(NotAClientId)
        }
    }

    /// The name of a client at another issuer.
    ///
    /// # Errors
    /// [`NotAClientId`].
    pub fn foreign(issuer: &str, name: &str) -> Result<Self, NotAClientId> {
        Self::parse(&format!("{issuer}:{name}"))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether another issuer gives it its tokens.
    pub fn is_foreign(&self) -> bool {
        self.0.contains(':')
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Name.
    pub id: ClientId,
    /// The system of the catalogue it speaks for.
    pub system: SystemId,
    /// What it may do at most.
    pub scopes: BTreeSet<Scope>,
    /// Its secrets, newest first; at most [`MAX_SECRETS`].
    pub secrets: Vec<SecretHash>,
    /// Its public keys, as the JWK set it registered.
    pub jwks: Option<String>,
    /// Whether it may still do anything.
    pub state: ClientState,
    /// Tokens of our own issuer issued before this second (since 1970) are refused.
    pub tokens_from: i64,
    /// When it was registered.
    pub created_at: Moment,
    /// When it was last changed.
    pub changed_at: Moment,
}

/// Whether a client may do anything. There is no way back from revoked: register a new client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// It may.
    Active,
    /// It may not.
    Revoked,
}

impl Client {
    /// Whether it may still do anything.
    pub fn is_active(&self) -> bool {
        self.state == ClientState::Active
    }

    /// Whether a secret is one of its own. Looks at every one of them, wherever the match is. The demo's well-known
    /// secrets count only where they are allowed.
    pub fn knows(&self, secret: &str, well_known_allowed: bool) -> bool {
        let hash = sha256(secret.as_bytes());
        self.secrets.iter().fold(false, |found, own| {
            found | (own.matches(&hash) & (well_known_allowed | !own.well_known))
        })
    }
}

/// SHA-256 of a client secret. A secret has 256 random bits, so that there is nothing to guess and no need for a slow
/// hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash {
    hash: [u8; 32],
    well_known: bool,
    /// When it was made.
    pub created_at: Moment,
}

impl SecretHash {
    /// The hash of a secret.
    pub fn of(secret: &ClientSecret, created_at: Moment) -> Self {
        Self {
            hash: sha256(secret.reveal().as_bytes()),
            well_known: secret.well_known,
            created_at,
        }
    }

    /// As it was stored.
    pub(super) const fn stored(hash: [u8; 32], well_known: bool, created_at: Moment) -> Self {
        Self {
            hash,
            well_known,
            created_at,
        }
    }

    /// The 32 bytes, to store.
    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whether it is the secret of a demo, which everybody knows.
    pub const fn is_well_known(&self) -> bool {
        self.well_known
    }

    /// Compares in a time that does not depend on where the difference is.
    pub(super) fn matches(&self, hash: &[u8; 32]) -> bool {
        constant_time_eq(&self.hash, hash)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A client secret in clear: shown once to the operator, never stored.
pub struct ClientSecret {
    text: Zeroizing<String>,
    well_known: bool,
}

impl ClientSecret {
    /// A new secret of 256 random bits.
    pub fn random(world: &(impl World + ?Sized)) -> Self {
        let bytes = Zeroizing::new(random::<32>(world));
        Self {
            text: Zeroizing::new(format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes))),
            well_known: false,
        }
    }

    /// A secret that everybody knows, for a demo on this machine alone.
    pub fn well_known(text: &str) -> Self {
        Self {
            text: Zeroizing::new(text.to_owned()),
            well_known: true,
        }
    }

    /// The secret.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::RealWorld;

    #[test]
    fn names_of_clients() {
        for (good, foreign) in [
            ("demo-crm", false),
            ("idp:0a1b", true),
            ("idp:https://x/a:b", true),
        ] {
            assert_eq!(ClientId::parse(good).unwrap().is_foreign(), foreign, "{good}");
        }
        let long = format!("idp:{}", "x".repeat(201));
        for bad in [
            "", ":", "idp:", ":x", "Demo", "a b", "idp:a b", "idp:é", "idp:a\n", &long,
        ] {
            assert!(ClientId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_client_knows_its_secrets_and_no_other() {
        let at = Moment::from_micros(0);
        let [one, two, three] = [(); 3].map(|()| ClientSecret::random(&RealWorld));
        let client = Client {
            id: ClientId::parse("crm").unwrap(),
            system: "crm".parse().unwrap(),
            scopes: BTreeSet::new(),
            secrets: vec![
                SecretHash::of(&two, at),
                SecretHash::of(&one, at),
                SecretHash::of(&ClientSecret::well_known("demo"), at),
            ],
            jwks: None,
            state: ClientState::Active,
            tokens_from: 0,
            created_at: at,
            changed_at: at,
        };
        assert!(client.knows(one.reveal(), false) && client.knows(two.reveal(), false));
        assert!(!client.knows(three.reveal(), true) && !client.knows("", true));
        assert!(client.knows("demo", true) && !client.knows("demo", false));
        assert_eq!(one.reveal().len(), 4 + 43);
        let shown = format!("{one:?} {client:?}");
        assert!(
            !shown.contains(one.reveal()) && shown.contains("SecretHash(…)"),
            "{shown}"
        );
    }
}
