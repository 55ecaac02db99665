//! A client proves itself with a token that it signed itself (`private_key_jwt`, RFC 7523).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::client::Client;
use super::table::Clients;
use super::{Access, AccessError, LEEWAY};
use crate::crypto::jwt::{
    Expected, SignatureAlgorithm, TokenType, VerifiedJwt, VerifyingKey, parse_jwks, parse_strict,
    unverified_issuer, verify_jws,
};
use crate::crypto::sha256;
use crate::domain::moment::Moment;

/// Algorithms that a client may sign with.
pub(super) const ALGORITHMS: &[SignatureAlgorithm] = &[
    SignatureAlgorithm::EdDsa,
    SignatureAlgorithm::Es256,
    SignatureAlgorithm::Ps256,
    SignatureAlgorithm::Rs256,
];
/// Furthest that an assertion may expire in the future, in seconds: how long its use must be remembered.
const MAX_LIFETIME: i64 = 300;
/// Longest `jti`, in bytes.
const MAX_JTI: usize = 256;

impl Access {
    /// The client that an assertion proves. `id` is what the request says beside it.
    pub(super) async fn proved_by_assertion<'c>(
        &self,
        clients: &'c Clients,
        id: Option<&str>,
        assertion: &str,
        now: Moment,
    ) -> Result<&'c Client, AccessError> {
        let refused = AccessError::InvalidClient;
        let claimed = unverified_issuer(assertion).map_err(|_| refused)?;
        if id.is_some_and(|id| id != claimed) {
            return Err(refused);
        }
        let known = clients.client(&claimed).filter(|known| !known.keys.is_empty());
        // The same work for nobody: a stranger's signature is verified with a key that nobody has.
        let nobody = if known.is_none() {
            nobody(assertion)
        } else {
            Vec::new()
        };
        let keys = known.map_or(nobody.as_slice(), |known| known.keys.as_slice());
        let verified = self.verify_assertion(assertion, &claimed, keys, now);
        let (Some(known), Some(verified)) = (known, verified) else {
            return Err(refused);
        };
        if !known.client.is_active() || known.client.id.is_foreign() {
            return Err(refused);
        }
        let jti = verified.claims.get("jti").and_then(Value::as_str);
        let jti = jti
            .filter(|jti| (1..=MAX_JTI).contains(&jti.len()))
            .ok_or(refused)?;
        let first = self
            .first_use(known.client.id.to_string(), jti, verified.expires_at)
            .await?;
        if first { Ok(&known.client) } else { Err(refused) }
    }

    fn verify_assertion(
        &self,
        assertion: &str,
        client: &str,
        keys: &[VerifyingKey],
        now: Moment,
    ) -> Option<VerifiedJwt> {
        let endpoint = self.options.token_endpoint();
        let expected = Expected {
            issuer: client,
            audiences: &[&endpoint, &self.options.issuer],
            token_type: TokenType::Plain,
            algorithms: ALGORITHMS,
            leeway: LEEWAY,
        };
        let verified = verify_jws(assertion, keys, &expected, now.seconds()).ok()?;
        let soon = now.seconds().saturating_add(MAX_LIFETIME + LEEWAY);
        // For us alone: what is also good for another server, that server could use here.
        let for_us_alone = match verified.claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.len() == 1,
            _ => true,
        };
        (verified.subject == client && verified.expires_at <= soon && for_us_alone).then_some(verified)
    }

    /// Whether this is the first use of an assertion, on whatever node.
    async fn first_use(&self, client: String, jti: &str, expires_at: i64) -> Result<bool, AccessError> {
        let register = std::sync::Arc::clone(self.table.register());
        let hash = sha256(jti.as_bytes());
        // As long as it could be accepted, with the leeway.
        let until = Moment::from_micros(0).plus_seconds(expires_at.saturating_add(LEEWAY + 1));
        tokio::task::spawn_blocking(move || register.use_assertion(&client, hash, until))
            .await
            .map_err(|_| AccessError::Unavailable)?
            .map_err(AccessError::from)
    }
}

/// A key that nobody has, under the name and for the algorithm that an assertion asks for.
fn nobody(assertion: &str) -> Vec<VerifyingKey> {
    let decoded = assertion
        .split('.')
        .next()
        .and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
    let Some(Value::Object(header)) = decoded.and_then(|header| parse_strict(&header).ok()) else {
        return Vec::new();
    };
    let Some(alg) = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(SignatureAlgorithm::parse)
    else {
        return Vec::new();
    };
    // The base points of the two curves, and a number of 2048 bits: keys like others, with no known private key.
    let mut jwk = match alg {
        SignatureAlgorithm::EdDsa => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY" })
        }
        SignatureAlgorithm::Es256 => json!({ "kty": "EC", "crv": "P-256",
            "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU" }),
        SignatureAlgorithm::Ps256 | SignatureAlgorithm::Rs256 => {
            json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB" })
        }
    };
    if let (Some(jwk), Some(kid)) = (jwk.as_object_mut(), header.get("kid")) {
        jwk.insert("kid".to_owned(), kid.clone());
    }
    parse_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::jwt::JwtError;

    #[test]
    fn nobody_has_a_key_for_whatever_an_assertion_asks() {
        for alg in ["EdDSA", "ES256", "PS256", "RS256"] {
            for header in [json!({ "alg": alg, "kid": "k" }), json!({ "alg": alg })] {
                let claims = json!({ "iss": "a", "sub": "a", "aud": "b", "exp": 2 });
                let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                let length = if alg.ends_with("S256") && !alg.starts_with('E') {
                    256
                } else {
                    64
                };
                let signature = URL_SAFE_NO_PAD.encode(vec![1; length]);
                let token = format!("{}.{}.{signature}", encode(&header), encode(&claims));
                let expected = Expected {
                    issuer: "a",
                    audiences: &["b"],
                    token_type: TokenType::Plain,
                    algorithms: ALGORITHMS,
                    leeway: 0,
                };
                // It comes as far as the signature.
                let verified = verify_jws(&token, &nobody(&token), &expected, 1);
                assert_eq!(verified, Err(JwtError::Signature), "{header}");
            }
        }
        for text in ["", "x", "..", "e30.e30.", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(nobody(text).is_empty(), "{text}");
        }
    }
}
