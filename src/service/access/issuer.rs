//! Other issuers whose access tokens count here, and where their keys come from.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::crypto::jwt::{SignatureAlgorithm, VerifyingKey};
use crate::domain::ids::SystemId;
use crate::domain::moment::Moment;

/// A key set. The same value as long as the keys are the same: what was verified with it is still verified.
pub type Keys = Arc<[VerifyingKey]>;

/// Where the keys of an issuer come from. The room `outward` fetches them.
pub trait KeySource: Send + Sync + fmt::Debug {
    /// The keys.
    ///
    /// # Errors
    /// [`KeysUnavailable`] when there are none, or only ones too old to be trusted.
    fn keys(&self, now: Moment, wanted: Wanted) -> KeysFuture<'_>;
}

/// The keys, in a while.
pub type KeysFuture<'a> = Pin<Box<dyn Future<Output = Result<Keys, KeysUnavailable>> + Send + 'a>>;

/// How fresh the keys must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// As they are known.
    Known,
    /// A token names a key that is not among them: newer ones, as far as the source may be asked again so soon.
    Newer,
}

/// The keys of an issuer cannot be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the token's issuer cannot be had now")]
pub struct KeysUnavailable;

/// An issuer whose tokens count here.
#[derive(Debug, Clone)]
pub struct ExternalIssuer {
    /// Its name in the configuration; the first part of the names of its clients.
    pub id: String,
    /// The `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// The `aud` that its tokens must have for us.
    pub audience: String,
    /// Algorithms that are accepted from it.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// The claim that names the client.
    pub client_claim: ClientClaim,
    /// Its keys.
    pub keys: Arc<dyn KeySource>,
}

/// The claim that names the client. RFC 9068 says `client_id`, iGov-NL says `azp`; some know only `sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientClaim {
    /// `client_id`.
    #[default]
    ClientId,
    /// `azp`.
    Azp,
    /// `sub`.
    Sub,
}

impl ClientClaim {
    /// The client that the claims name. `None` without the claim, or when `client_id` and `azp` are both there and
    /// contradict each other.
    pub(super) fn client(self, claims: &Map<String, Value>) -> Option<&str> {
        if let (Some(client), Some(party)) = (claims.get("client_id"), claims.get("azp"))
            && client != party
        {
            return None;
        }
        let name = match self {
            Self::ClientId => "client_id",
            Self::Azp => "azp",
            Self::Sub => "sub",
        };
        claims.get(name)?.as_str()
    }
}

/// One `[[issuer]]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// A short name: the first part of the names of its clients (`network-idp:name`).
    pub id: String,
    /// The `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// The `aud` that its tokens must have; our own audience when absent.
    pub audience: Option<String>,
    /// Where its JWK set is served.
    pub jwks_uri: Option<Url>,
    /// A file with its JWK set.
    pub jwks_file: Option<PathBuf>,
    /// Accepted algorithms out of `EdDSA`, `ES256`, `PS256` and `RS256`.
    pub algorithms: Vec<String>,
    /// The claim that names the client.
    #[serde(default)]
    pub client_claim: ClientClaim,
    /// Allows `http://` to this very machine. For tests and for a key server behind a local proxy.
    #[serde(default)]
    pub allow_loopback_http: bool,
}

/// What is wrong with an `[[issuer]]`, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerMistake {
    /// The id.
    #[error("issuer id `{0}` must be lower-case letters and digits in words joined by hyphens")]
    Id(String),
    /// Two of the same id, or with the same `iss`.
    #[error("issuer `{0}` is configured twice")]
    Twice(String),
    /// Our own issuer.
    #[error("issuer `{0}` has the URL of this service itself: its tokens count already; remove it")]
    Ourselves(String),
    /// No algorithm, or an unknown one.
    #[error(
        "issuer `{0}`: `algorithms` must name at least one of EdDSA, ES256, PS256, RS256, and nothing else"
    )]
    Algorithms(String),
    /// Not exactly one source of keys.
    #[error("issuer `{0}`: give either `jwks_uri` or `jwks_file`")]
    Source(String),
    /// Not https.
    #[error(
        "issuer `{0}`: `jwks_uri` must begin with https:// (http:// only to this machine, with allow_loopback_http = true)"
    )]
    Insecure(String),
    /// The file with keys.
    #[error("issuer `{0}`: `jwks_file` cannot be used: {1}")]
    File(String, String),
    /// The HTTP client.
    #[error("the client that fetches keys cannot be made: {0}")]
    Http(String),
}

impl IssuerSettings {
    /// The algorithms, if all settings that can be checked without looking outside are right.
    ///
    /// # Errors
    /// [`IssuerMistake`].
    pub fn check(&self) -> Result<Vec<SignatureAlgorithm>, IssuerMistake> {
        if self.id.parse::<SystemId>().is_err() {
            return Err(IssuerMistake::Id(self.id.clone()));
        }
        let algorithms: Option<Vec<_>> = self
            .algorithms
            .iter()
            .map(|name| SignatureAlgorithm::parse(name))
            .collect();
        let algorithms = algorithms
            .filter(|all| !all.is_empty())
            .ok_or_else(|| IssuerMistake::Algorithms(self.id.clone()))?;
        match (&self.jwks_uri, &self.jwks_file) {
            (Some(url), None) if self.may_fetch(url) => Ok(algorithms),
            (Some(_), None) => Err(IssuerMistake::Insecure(self.id.clone())),
            (None, Some(_)) => Ok(algorithms),
            _ => Err(IssuerMistake::Source(self.id.clone())),
        }
    }

    fn may_fetch(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => url.host().is_some(),
            "http" => self.allow_loopback_http && is_loopback(url),
            _ => false,
        }
    }
}

/// Whether a URL names this very machine by address or as `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings() -> IssuerSettings {
        toml::from_str(
            r#"
            id = "network-idp"
            issuer = "https://id.example/realms/network"
            jwks_uri = "https://id.example/keys"
            algorithms = ["RS256", "PS256"]
            "#,
        )
        .unwrap()
    }

    #[test]
    fn good_settings_are_accepted() {
        use SignatureAlgorithm::{Ps256, Rs256};
        assert_eq!(settings().check(), Ok(vec![Rs256, Ps256]));
        let file = IssuerSettings {
            jwks_uri: None,
            jwks_file: Some("keys.json".into()),
            ..settings()
        };
        assert!(file.check().is_ok());
        for url in ["http://127.0.0.1:8081/k", "http://[::1]/k", "http://localhost/k"] {
            let local = IssuerSettings {
                jwks_uri: Some(url.parse().unwrap()),
                allow_loopback_http: true,
                ..settings()
            };
            assert!(local.check().is_ok(), "{url}");
            let not_allowed = IssuerSettings {
                allow_loopback_http: false,
                ..local
            };
            assert_eq!(
                not_allowed.check(),
                Err(IssuerMistake::Insecure("network-idp".to_owned()))
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |change: fn(&mut IssuerSettings)| {
            let mut settings = settings();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert!(refused(|s| s.id = "Net".to_owned()).contains("issuer id `Net`"));
        assert!(refused(|s| s.algorithms.clear()).contains("algorithms"));
        for name in ["none", "HS256", "rs256", "RS512"] {
            let mut settings = settings();
            settings.algorithms.push(name.to_owned());
            assert!(settings.check().is_err(), "{name}");
        }
        assert!(refused(|s| s.jwks_uri = None).contains("either"));
        assert!(refused(|s| s.jwks_file = Some("x".into())).contains("either"));
        for url in [
            "http://id.example/k",
            "ftp://id.example/k",
            "file:///etc/passwd",
            "http://10.0.0.1/k",
        ] {
            let settings = IssuerSettings {
                jwks_uri: Some(url.parse().unwrap()),
                allow_loopback_http: true,
                ..settings()
            };
            assert_eq!(
                settings.check(),
                Err(IssuerMistake::Insecure("network-idp".to_owned())),
                "{url}"
            );
        }
        assert!(toml::from_str::<IssuerSettings>("id = \"x\"\nsurprise = 1").is_err());
    }

    #[test]
    fn the_client_is_named_by_one_claim_without_contradiction() {
        let claims = |value: Value| value.as_object().unwrap().clone();
        let both = claims(json!({ "client_id": "a", "azp": "a", "sub": "s" }));
        assert_eq!(ClientClaim::ClientId.client(&both), Some("a"));
        assert_eq!(ClientClaim::Azp.client(&both), Some("a"));
        assert_eq!(ClientClaim::Sub.client(&both), Some("s"));
        let torn = claims(json!({ "client_id": "a", "azp": "b", "sub": "s" }));
        for claim in [ClientClaim::ClientId, ClientClaim::Azp, ClientClaim::Sub] {
            assert_eq!(claim.client(&torn), None);
        }
        assert_eq!(ClientClaim::Azp.client(&claims(json!({ "azp": ["a"] }))), None);
        assert_eq!(ClientClaim::ClientId.client(&claims(json!({ "sub": "a" }))), None);
    }
}
