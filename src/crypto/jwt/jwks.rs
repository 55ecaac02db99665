//! The public keys of others, as JWK sets (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use thiserror::Error;

use super::SignatureAlgorithm::{self, EdDsa, Es256, Ps256, Rs256};
use super::strict_json::parse_strict;
use crate::crypto::sign::PublicKey;

/// Largest key set that is read, in bytes.
const MAX_JWKS: usize = 256 * 1024;
/// Most keys in a set.
const MAX_KEYS: usize = 64;
/// Longest `kid`, in bytes.
pub(super) const MAX_KID: usize = 256;
/// Members of a private or shared key (RFC 7518 section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key set was refused as a whole. Keys that are merely of no use here are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwksError {
    /// Not JSON, too long, a duplicate member, or no `keys` array of objects.
    #[error("key set is malformed")]
    Form,
    /// More than 64 keys.
    #[error("key set has too many keys")]
    TooMany,
    /// A private key has been published. Nothing in the set can be trusted any longer.
    #[error("key set contains a private or shared key")]
    Private,
    /// Two keys have the same `kid`.
    #[error("key set has two keys of the same name")]
    DuplicateKid,
}

/// A public key that verifies tokens, with the algorithms it may be used for.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    kid: Option<String>,
    algorithms: Vec<SignatureAlgorithm>,
    pub(super) key: DecodingKey,
}

impl VerifyingKey {
    /// An Ed25519 key, such as our own.
    #[must_use]
    pub fn ed25519(kid: Option<String>, key: &PublicKey) -> Self {
        Self {
            kid,
            algorithms: vec![EdDsa],
            key: DecodingKey::from_ed_der(key.as_bytes()),
        }
    }

    /// The name of the key within its set.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether this key may verify signatures of `algorithm`.
    #[must_use]
    pub fn allows(&self, algorithm: SignatureAlgorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

/// The keys of a JWK set that verify signatures we accept: Ed25519, P-256, and RSA of 2048 to
/// 8192 bits. Keys for other uses, of other kinds or out of range are passed over, as RFC 7517
/// section 5 has it.
///
/// # Errors
/// [`JwksError`] if the set as a whole is not to be trusted.
pub fn parse_jwks(json: &[u8]) -> Result<Vec<VerifyingKey>, JwksError> {
    if json.len() > MAX_JWKS {
        return Err(JwksError::Form);
    }
    let set = parse_strict(json).map_err(|_| JwksError::Form)?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or(JwksError::Form)?;
    if keys.len() > MAX_KEYS {
        return Err(JwksError::TooMany);
    }
    let mut found: Vec<VerifyingKey> = Vec::new();
    for jwk in keys {
        let jwk = jwk.as_object().ok_or(JwksError::Form)?;
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(JwksError::Private);
        }
        let Some(key) = verifying_key(jwk) else { continue };
        if key.kid.is_some() && found.iter().any(|other| other.kid == key.kid) {
            return Err(JwksError::DuplicateKid);
        }
        found.push(key);
    }
    Ok(found)
}

/// The key, or `None` if it is of no use for verifying a token.
fn verifying_key(jwk: &Map<String, Value>) -> Option<VerifyingKey> {
    if jwk.get("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    if let Some(operations) = jwk.get("key_ops") {
        let verify = Value::from("verify");
        if !operations.as_array()?.contains(&verify) {
            return None;
        }
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().filter(|kid| kid.len() <= MAX_KID)?.to_owned()),
    };
    let (possible, key) = match jwk.get("kty")?.as_str()? {
        "OKP" => (vec![EdDsa], ed25519(jwk)?),
        "EC" => (vec![Es256], p256(jwk)?),
        "RSA" => (vec![Ps256, Rs256], rsa(jwk)?),
        _ => return None,
    };
    let algorithms = match jwk.get("alg") {
        None => possible,
        Some(alg) => {
            let alg = SignatureAlgorithm::parse(alg.as_str()?)?;
            vec![possible.into_iter().find(|possible| *possible == alg)?]
        }
    };
    Some(VerifyingKey { kid, algorithms, key })
}

fn ed25519(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    if jwk.get("crv")? != "Ed25519" {
        return None;
    }
    let x = <[u8; 32]>::try_from(bytes(jwk, "x")?).ok()?;
    Some(DecodingKey::from_ed_der(&x))
}

fn p256(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    if jwk.get("crv")? != "P-256" {
        return None;
    }
    let x = <[u8; 32]>::try_from(bytes(jwk, "x")?).ok()?;
    let y = <[u8; 32]>::try_from(bytes(jwk, "y")?).ok()?;
    // SEC 1 uncompressed point, which is what `ring` reads.
    Some(DecodingKey::from_ec_der(&[&[4][..], &x, &y].concat()))
}

fn rsa(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    // RFC 7518 section 6.3.1: no leading zero, so that the length is the length.
    let top = n.first().filter(|top| **top != 0)?;
    let unused = usize::try_from(top.leading_zeros()).ok()?;
    let bits = n.len().checked_mul(8)?.checked_sub(unused)?;
    let exponent_fits = e.first().is_some_and(|top| *top != 0) && e.len() <= 4;
    if !(2048..=8192).contains(&bits) || !exponent_fits {
        return None;
    }
    Some(DecodingKey::from_rsa_raw_components(&n, &e))
}

fn bytes(jwk: &Map<String, Value>, member: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(member)?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn parse(keys: &Value) -> Result<Vec<VerifyingKey>, JwksError> {
        parse_jwks(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn keys_of_three_kinds_are_read() {
        let n = |bytes| URL_SAFE_NO_PAD.encode(vec![0x80_u8; bytes]);
        let keys = parse(&json!([
            { "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "ed", "alg": "EdDSA", "use": "sig" },
            { "kty": "EC", "crv": "P-256", "x": X, "y": X, "kid": "ec", "key_ops": ["verify"] },
            { "kty": "RSA", "n": n(256), "e": "AQAB", "kid": "rsa" },
            { "kty": "RSA", "n": n(1024), "e": "AQAB", "alg": "PS256", "extra": [1] },
        ]))
        .unwrap();
        let allowed: Vec<_> = keys
            .iter()
            .map(|key| (key.kid(), key.algorithms.clone()))
            .collect();
        assert_eq!(
            allowed,
            [
                (Some("ed"), vec![EdDsa]),
                (Some("ec"), vec![Es256]),
                (Some("rsa"), vec![Ps256, Rs256]),
                (None, vec![Ps256]),
            ]
        );
    }

    #[test]
    fn keys_of_no_use_are_passed_over() {
        let n = |first: u8, length: usize| {
            let mut bytes = vec![0xff; length];
            bytes[0] = first;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        for key in [
            json!({}),
            json!({ "kty": "oct" }),
            json!({ "kty": "AKP", "pub": "x" }),
            json!({ "kty": 1 }),
            json!({ "kty": "OKP", "crv": "Ed448", "x": X }),
            json!({ "kty": "OKP", "crv": "X25519", "x": X }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPc" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": format!("{X}=") }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "use": "enc" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "use": null }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "key_ops": ["sign"] }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "alg": "HS256" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "alg": "ES256" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": 1 }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "k".repeat(257) }),
            json!({ "kty": "EC", "crv": "P-384", "x": X, "y": X }),
            json!({ "kty": "EC", "crv": "secp256k1", "x": X, "y": X }),
            json!({ "kty": "EC", "crv": "P-256", "x": X }),
            json!({ "kty": "RSA", "n": n(0xff, 128), "e": "AQAB" }),
            json!({ "kty": "RSA", "n": n(0x7f, 256), "e": "AQAB" }),
            json!({ "kty": "RSA", "n": n(0, 257), "e": "AQAB" }),
            json!({ "kty": "RSA", "n": n(0xff, 1025), "e": "AQAB" }),
            json!({ "kty": "RSA", "n": n(0xff, 256), "e": "AQABAQAB" }),
            json!({ "kty": "RSA", "n": n(0xff, 256), "e": "AAEAAQ" }),
            json!({ "kty": "RSA", "n": n(0xff, 256), "e": "" }),
            json!({ "kty": "RSA", "n": n(0xff, 256), "e": "AQAB", "alg": "RS512" }),
        ] {
            let keys = parse(&json!([key])).unwrap();
            assert!(keys.is_empty(), "{key}");
        }
    }

    #[test]
    fn a_set_not_to_be_trusted_is_refused_as_a_whole() {
        let good = json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": "a" });
        for member in PRIVATE_MEMBERS {
            let private = json!({ "kty": "OKP", "crv": "Ed25519", "x": X, member: "AA" });
            assert_eq!(parse(&json!([good, private])).unwrap_err(), JwksError::Private);
        }
        assert_eq!(parse(&json!([good, good])).unwrap_err(), JwksError::DuplicateKid);
        assert_eq!(
            parse(&json!(vec![json!({}); 65])).unwrap_err(),
            JwksError::TooMany
        );
        assert_eq!(parse(&json!([1])).unwrap_err(), JwksError::Form);
        let long = " ".repeat(MAX_JWKS + 1);
        for text in [
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
            &long,
        ] {
            assert_eq!(
                parse_jwks(text.as_bytes()).unwrap_err(),
                JwksError::Form,
                "{text:.40}"
            );
        }
    }
}
