//! Signing in with an account elsewhere: OpenID Connect Core 1.0 with the code flow, PKCE (RFC 7636) and the checks of
//! RFC 9700 (OAuth 2.0 Security Best Current Practice). Why this is ours and no package: ADR 13.
//!
//! The provider is asked for its addresses when somebody first signs in, and again every hour, so that the service starts
//! without it. Its keys are renewed as those of other issuers are ([`super::jwks`]).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::ring as tls;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroizing;

use super::jwks;
use crate::crypto::jwt::{Expected, JwtError, SignatureAlgorithm, TokenType, verify_jws};
use crate::crypto::{constant_time_eq, sha256};
use crate::domain::moment::Moment;
use crate::service::access::issuer::{KeySource, Wanted, is_loopback};

/// Seconds after which the provider is asked again for its addresses.
const RENEW_AFTER: i64 = 3_600;
/// How long one question to the provider may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MAX_BYTES: usize = 256 * 1024;
/// Seconds by which the provider's clock may differ.
const LEEWAY: i64 = 5;
/// Seconds that an id token may be old when it arrives: it was made for this very login.
const FRESH: i64 = 600;

/// What the provider must know us by.
#[derive(Clone)]
pub struct RelyingPartySettings {
    /// The provider: its `iss`, byte for byte, below which `/.well-known/openid-configuration` stands.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; none for a public client, which PKCE alone protects.
    pub client_secret: Option<Zeroizing<String>>,
    /// Where it sends people back to.
    pub redirect_uri: String,
    /// What is asked for; `openid` among it.
    pub scope: String,
    /// Algorithms of id tokens that are accepted.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Allows a provider over http on this very machine: in the demo and in tests.
    pub allow_loopback_http: bool,
}

impl std::fmt::Debug for RelyingPartySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelyingPartySettings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Why somebody could not be signed in. For the log; people are told no more than that it did not work.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The provider could not be reached.
    #[error("the provider of accounts cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    /// It answered something else.
    #[error("the provider of accounts answered {0} with status {1}")]
    Status(&'static str, u16),
    /// Its answer cannot be read.
    #[error("the provider of accounts answered {0} with something unreadable")]
    Unreadable(&'static str),
    /// It is another provider than the configured one, or has an address that cannot be.
    #[error("the provider of accounts says in {0} something that does not fit its configuration")]
    Metadata(&'static str),
    /// Its keys cannot be had.
    #[error("the keys of the provider of accounts cannot be had")]
    Keys,
    /// The id token does not count.
    #[error("the id token is not accepted: {0}")]
    Token(#[from] JwtError),
    /// A claim of the id token is missing or wrong.
    #[error("the id token is not accepted: its {0} is missing or wrong")]
    Claim(&'static str),
}

impl OidcError {
    /// Whether the provider is away, and not the login wrong.
    pub fn is_outage(&self) -> bool {
        !matches!(
            self,
            Self::Token(_) | Self::Claim(_) | Self::Status("the code", 400..500)
        )
    }
}

/// What the provider says of itself (OpenID Connect Discovery 1.0 §3).
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    end_session_endpoint: Option<Url>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// A provider, as we know it now.
#[derive(Debug, Clone)]
struct Known {
    metadata: Metadata,
    keys: Arc<dyn KeySource>,
    since: Moment,
}

/// The provider of accounts, and us as one of its clients. Clones share what is known of it.
#[derive(Debug, Clone)]
pub struct RelyingParty(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: RelyingPartySettings,
    http: reqwest::Client,
    known: tokio::sync::Mutex<Option<Known>>,
}

/// What came back with somebody from the provider.
#[derive(Debug, Clone, Copy)]
pub struct CameBack<'a> {
    /// The code.
    pub code: &'a str,
    /// Who says so (RFC 9207), when the provider says that.
    pub issuer: Option<&'a str>,
}

impl RelyingParty {
    /// A client of a provider. Nobody is asked anything yet.
    ///
    /// # Errors
    /// A sentence about what cannot be.
    pub fn new(settings: RelyingPartySettings) -> Result<Self, String> {
        let issuer: Url = settings
            .issuer
            .parse()
            .map_err(|_| "`issuer` is the https:// address of the provider".to_owned())?;
        if !may_be_asked(&issuer, &settings) {
            return Err(
                "`issuer` must begin with https:// (http:// only to this machine, with allow_loopback_http = true)"
                    .to_owned(),
            );
        }
        if !settings.scope.split(' ').any(|scope| scope == "openid") {
            return Err("`scope` must have openid among its words".to_owned());
        }
        // Another part of the process may have been first; then it is the same provider of TLS.
        let _ = tls::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // Connections belong to the worker thread that opened them: none is kept for another.
            .pool_max_idle_per_host(0);
        http = if is_loopback(&issuer) {
            http.no_proxy()
        } else {
            http.https_only(true)
        };
        let http = http
            .build()
            .map_err(|error| format!("cannot speak to the provider: {error}"))?;
        Ok(Self(Arc::new(Inner {
            settings,
            http,
            known: tokio::sync::Mutex::default(),
        })))
    }

    /// Where to send somebody to sign in.
    ///
    /// # Errors
    /// When the provider cannot be reached.
    pub async fn authorization(
        &self,
        state: &str,
        nonce: &str,
        verifier: &str,
        now: Moment,
    ) -> Result<Url, OidcError> {
        let known = self.known(now).await?;
        let settings = &self.0.settings;
        let mut url = known.metadata.authorization_endpoint;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &settings.redirect_uri)
            .append_pair("scope", &settings.scope)
            .append_pair("state", state)
            .append_pair("nonce", nonce)
            .append_pair("code_challenge", &challenge(verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Exchanges the code for an id token, and answers its claims once everything about it is as it must be.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn claims(
        &self,
        back: CameBack<'_>,
        nonce: &str,
        verifier: &str,
        now: Moment,
    ) -> Result<Map<String, Value>, OidcError> {
        let known = self.known(now).await?;
        let settings = &self.0.settings;
        // Mix-up: a code of another provider must not be handed to this one (RFC 9207 §2.4).
        let said = match back.issuer {
            Some(issuer) => issuer == settings.issuer,
            None => !known.metadata.authorization_response_iss_parameter_supported,
        };
        if !said {
            return Err(OidcError::Claim("issuer"));
        }
        let token = self.exchange(&known.metadata, back.code, verifier).await?;
        let claims = self.verified(&known, &token, now).await?;
        self.judge(&claims, nonce, now)?;
        Ok(claims)
    }

    /// Where somebody may also sign out of their account, when the provider offers that.
    pub async fn end_session(&self, onward: &str, now: Moment) -> Option<Url> {
        let mut url = self.known(now).await.ok()?.metadata.end_session_endpoint?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.0.settings.client_id)
            .append_pair("post_logout_redirect_uri", onward);
        Some(url)
    }

    async fn known(&self, now: Moment) -> Result<Known, OidcError> {
        let mut held = self.0.known.lock().await;
        if let Some(known) = held.as_ref()
            && now.seconds().abs_diff(known.since.seconds()) < RENEW_AFTER.unsigned_abs()
        {
            return Ok(known.clone());
        }
        match self.discover(now, held.as_ref()).await {
            Ok(known) => Ok(held.insert(known).clone()),
            // What was known an hour ago is better than nothing; ids and keys are checked all the same.
            Err(error) => match held.as_ref() {
                Some(known) => {
                    tracing::warn!(%error, "the provider of accounts is taken as it was");
                    Ok(known.clone())
                }
                None => Err(error),
            },
        }
    }

    async fn discover(&self, now: Moment, before: Option<&Known>) -> Result<Known, OidcError> {
        let settings = &self.0.settings;
        let base = settings.issuer.trim_end_matches('/');
        let address = format!("{base}/.well-known/openid-configuration");
        let answer = self.0.http.get(address).send().await?;
        let metadata: Metadata = read(answer, "its configuration").await?;
        if metadata.issuer != settings.issuer {
            return Err(OidcError::Metadata("issuer"));
        }
        let addresses = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            Some(&metadata.jwks_uri),
            metadata.end_session_endpoint.as_ref(),
        ];
        if !addresses
            .into_iter()
            .flatten()
            .all(|address| may_be_asked(address, settings))
        {
            return Err(OidcError::Metadata("its addresses"));
        }
        let methods = &metadata.code_challenge_methods_supported;
        // A provider that names its methods and not this one would ignore what guards the code.
        if !methods.is_empty() && !methods.iter().any(|method| method == "S256") {
            return Err(OidcError::Metadata("code_challenge_methods_supported"));
        }
        let keys = match before {
            Some(known) if known.metadata.jwks_uri == metadata.jwks_uri => Arc::clone(&known.keys),
            _ => jwks::key_source(metadata.jwks_uri.clone()).map_err(|_| OidcError::Metadata("jwks_uri"))?,
        };
        Ok(Known {
            metadata,
            keys,
            since: now,
        })
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<Zeroizing<String>, OidcError> {
        #[derive(Deserialize)]
        struct Answer {
            id_token: String,
        }
        let settings = &self.0.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", settings.redirect_uri.as_str()),
            ("code_verifier", verifier),
        ];
        let mut request = self.0.http.post(metadata.token_endpoint.clone());
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let in_the_form = !methods.is_empty() && !methods.iter().any(|m| m == "client_secret_basic");
        match &settings.client_secret {
            Some(secret) if in_the_form => {
                form.push(("client_id", &settings.client_id));
                form.push(("client_secret", secret));
            }
            // RFC 6749 §2.3.1: both parts are encoded as in a form before they are joined.
            Some(secret) => {
                let encoded = |text: &str| -> Zeroizing<String> {
                    Zeroizing::new(url::form_urlencoded::byte_serialize(text.as_bytes()).collect())
                };
                request = request.basic_auth(&*encoded(&settings.client_id), Some(&*encoded(secret)));
            }
            None => form.push(("client_id", &settings.client_id)),
        }
        let answer = request.form(&form).send().await?;
        let answer: Answer = read(answer, "the code").await?;
        Ok(Zeroizing::new(answer.id_token))
    }

    /// Signature, type, times, issuer and audience.
    async fn verified(
        &self,
        known: &Known,
        token: &str,
        now: Moment,
    ) -> Result<Map<String, Value>, OidcError> {
        let settings = &self.0.settings;
        let audiences = [settings.client_id.as_str()];
        let expected = Expected {
            issuer: &settings.issuer,
            audiences: &audiences,
            token_type: TokenType::Plain,
            algorithms: &settings.algorithms,
            leeway: LEEWAY,
        };
        let mut wanted = Wanted::Known;
        loop {
            let keys = known.keys.keys(now, wanted).await.map_err(|_| OidcError::Keys)?;
            match (verify_jws(token, &keys, &expected, now.seconds()), wanted) {
                // Perhaps the provider has a new key since.
                (Err(JwtError::Key), Wanted::Known) => wanted = Wanted::Newer,
                (outcome, _) => return Ok(outcome?.claims),
            }
        }
    }

    /// What an id token must say beside that (OpenID Connect Core 1.0 §3.1.3.7).
    fn judge(&self, claims: &Map<String, Value>, nonce: &str, now: Moment) -> Result<(), OidcError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let same = |claimed: Option<&str>| {
            claimed.is_some_and(|claimed| constant_time_eq(claimed.as_bytes(), nonce.as_bytes()))
        };
        if !same(text("nonce")) {
            return Err(OidcError::Claim("nonce"));
        }
        let us = self.0.settings.client_id.as_str();
        let many = claims
            .get("aud")
            .and_then(Value::as_array)
            .is_some_and(|audiences| audiences.len() > 1);
        match claims.get("azp") {
            Some(party) if party.as_str() == Some(us) => {}
            None if !many => {}
            _ => return Err(OidcError::Claim("azp")),
        }
        let made = claims.get("iat").and_then(Value::as_i64);
        if made.is_none_or(|made| made.saturating_add(FRESH) < now.seconds()) {
            return Err(OidcError::Claim("iat"));
        }
        Ok(())
    }
}

/// The PKCE challenge of a verifier (RFC 7636 §4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

fn may_be_asked(url: &Url, settings: &RelyingPartySettings) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    let encrypted = url.scheme() == "https"
        || (url.scheme() == "http" && is_loopback(url) && settings.allow_loopback_http);
    plain && encrypted && url.host_str().is_some()
}

async fn read<T: for<'de> Deserialize<'de>>(
    mut answer: reqwest::Response,
    what: &'static str,
) -> Result<T, OidcError> {
    if answer.status() != reqwest::StatusCode::OK {
        return Err(OidcError::Status(what, answer.status().as_u16()));
    }
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(OidcError::Unreadable(what));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| OidcError::Unreadable(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(issuer: &str) -> RelyingPartySettings {
        RelyingPartySettings {
            issuer: issuer.to_owned(),
            client_id: "akkoord".to_owned(),
            client_secret: None,
            redirect_uri: "https://akkoord.example/inloggen/terug".to_owned(),
            scope: "openid".to_owned(),
            algorithms: vec![SignatureAlgorithm::EdDsa],
            allow_loopback_http: false,
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636 appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_provider_is_spoken_to_over_tls() {
        assert!(RelyingParty::new(settings("https://accounts.example")).is_ok());
        for wrong in [
            "http://accounts.example",
            "http://127.0.0.1:9000",
            "https://a:b@accounts.example",
            "accounts",
        ] {
            assert!(RelyingParty::new(settings(wrong)).is_err(), "{wrong}");
        }
        let here = RelyingPartySettings {
            allow_loopback_http: true,
            ..settings("http://127.0.0.1:9000")
        };
        assert!(RelyingParty::new(here).is_ok());
        let other = RelyingPartySettings {
            allow_loopback_http: true,
            ..settings("http://accounts.example")
        };
        assert!(RelyingParty::new(other).is_err());
        let scope = RelyingPartySettings {
            scope: "profile".to_owned(),
            ..settings("https://accounts.example")
        };
        assert!(RelyingParty::new(scope).is_err());
    }
}
