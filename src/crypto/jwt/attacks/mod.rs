//! Tokens that must be refused, each a known attack or a looseness of some library.

mod content;
mod signature;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::SignatureAlgorithm::{EdDsa, Es256, Ps256, Rs256};
use super::{
    Expected, JwtError, SignatureAlgorithm, TokenType, VerifiedJwt, VerifyingKey, parse_jwks, sign_jwt,
    unverified_issuer, verify_jws,
};
use crate::crypto::secret::Secret32;
use crate::crypto::sign::SigningKey;

const NOW: i64 = 2_000_000_000;
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://akkoord.example";
const ALL: &[SignatureAlgorithm] = &[EdDsa, Es256, Ps256, Rs256];

/// Throw-away keys made with OpenSSL, and tokens signed with them and then kept.
const RSA_N: &str = "tygHmIErYh09v5Lh-FVy4oAN-N_L4eE2v--P3v6czASkqIZF6jV2k7jcqrMrYtLaJLwEz-nP4dBLjCItAWGJE6dZO9Jil8z52qKmJwLPNya1L-MftIrbPMflr-lw4U-HXNBuDMowihN6X4sL1XnXMDzwzgy-tGek55BbTlfTJ9UJQ75CJnLV_tosv3LFS9bcM0vFE2OtQ9DqxSNFyEMvnMzWulz9NRhPtyx8bT5AA5WMSudf6tD_e5ZcR6qM9V60ExWEd2j3cOway06P_e78A2PMsKELU0DUujwWprKruFZpyDWwaF6bryoDjBqSNLSEW5yDx7ArNcgFo-1mlaWGnw";
const WEAK_RSA_N: &str = "pKtCGshstt468B97gwoMmYFQ3dreL_KAo3ToMfSm4pvQdJvScv3X8d1cuOWM1mV2QlSDCjrzIkiSai4k5OrniqNRz8ypGHcTWD6kQyN3f6L52bdI3qkiFAC_RhfR9I3DARcU4dR4xzSIqvlZF3y8JGvz-Wt6JWOM2hifEILkAW8";
const EC_X: &str = "esrOLO1zo6gsu8hrehjr6M48tn_T6kTS6xGHHGdMTuk";
const EC_Y: &str = "sx0kLte6IR0ZSdEqL9AcdH_fSTqzuZ6Ero8RlvAbifw";
const RS256_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2Fra29vcmQuZXhhbXBsZSIsInN1YiI6ImNybSIsImV4cCI6MjAwMDAwMDMwMCwiaWF0IjoyMDAwMDAwMDAwfQ.hhJubZo0njKYGgJgd6D3uKgNQtfVZGdjbIDW1qiVXW-xJNQ0CDcok0zMRvxWlValMoNE19P299N19_HLS644qp9n3YLOHIrw_SHatjgAEf7KXwufi_B8C4c3LLL7cQE1KRk2rDhv8UiKmPKwAsTKtAayM90HhM4_am-YUlSjhSPGddB0hEJmJzM3303goMocMQuv3nY2vmf0TOtibzDb9ONVnLNYTJM6axz_ZnJNRkz3y_QwSJQh44eGGsxdqQ2SSUg2uSYtJryfHIG96hLFcpmwtQutxkZw1FOPVV1Md2nw_4w7mBA_j738bBrKt-2TCl3avuxqpe3hi4jfjXQySw";
const PS256_TOKEN: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2Fra29vcmQuZXhhbXBsZSIsInN1YiI6ImNybSIsImV4cCI6MjAwMDAwMDMwMCwiaWF0IjoyMDAwMDAwMDAwfQ.aM5ML_l6GhaLAhcPS2858vjO2Pf6y0SFfK6DDOt7Og-DUyCbGtmhBsiFX6txV541U576uwLCP_MEm3tHS2ugFrpc5AhIskQ7jXNYIjvhzW_3ihxA3lh2fhNV20KQOTkoa5FWKvHI1MktS0AFT0sO6ycUNMmCGDh0filQbINlgf1b5lSKG_FGcFaJfisrD8KmicJHar4KSTzo92Iw0_RMXTpSgAfxFT2aNRb9HgF0ZZ8nU0zOIi8SqsLHu-O38SW86w5lbGCDrUwZyDnall35dti4viAfcnmUhsyGuAcIt93fJjcj4s5BFTNjhuELB8bwXXRFA8yLCAm2ZYcSdIzoIQ";
const ES256_TOKEN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2Fra29vcmQuZXhhbXBsZSIsInN1YiI6ImNybSIsImV4cCI6MjAwMDAwMDMwMCwiaWF0IjoyMDAwMDAwMDAwfQ.bV8eXUTSb2iv12JFihe5mvO07F2XFcxUQyOXNk32zTFKkaJKVDJmxeP9HFmAVQGmaTqx7uOw665HFVKbIYXvzw";
const WEAK_RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYTEiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2Fra29vcmQuZXhhbXBsZSIsInN1YiI6ImNybSIsImV4cCI6MjAwMDAwMDMwMCwiaWF0IjoyMDAwMDAwMDAwfQ.K56P7gwJNl8AsXnDvW46S3RQzGoe8mrCdJIAqeiUS7dbYnQ9SuqcB5tiPBdK8_3n4raKUoS71vdVbUWlYRrwQ9zgdzR6l0JWoETImoUp396SyxW1bvZB0BgJtoKS3HReTbUlHb84qqj4UQWeh_A-R3r-s9gIZqPM9589j4QZpPE";

fn expected() -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        audiences: &[AUDIENCE],
        token_type: TokenType::Access,
        algorithms: ALL,
        leeway: 5,
    }
}

fn signer() -> SigningKey {
    SigningKey::from_seed(Secret32::from_bytes([7; 32])).unwrap()
}

fn keys() -> Vec<VerifyingKey> {
    let jwks = json!({ "keys": [
        { "kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "rsa" },
        { "kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y, "kid": "ec" },
        { "kty": "RSA", "n": WEAK_RSA_N, "e": "AQAB", "kid": "rsa1" },
    ]});
    let mut keys = parse_jwks(jwks.to_string().as_bytes()).unwrap();
    keys.push(VerifyingKey::ed25519(Some("ed".to_owned()), &signer().public()));
    keys
}

fn verify(token: &str) -> Result<VerifiedJwt, JwtError> {
    verify_jws(token, &keys(), &expected(), NOW)
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signs any two texts, JSON or not, with our good key.
fn signed(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = signer().sign(message.as_bytes());
    format!("{message}.{}", encode(signature))
}

fn good_header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "ed" })
}

fn good_claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "crm", "exp": NOW + 300, "iat": NOW, "nbf": NOW })
}

fn good() -> String {
    signed(&good_header().to_string(), &good_claims().to_string())
}

/// `value` with a member set, or removed if it is set to `null`.
fn with(mut value: Value, member: &str, to: &Value) -> String {
    let object = value.as_object_mut().unwrap();
    object.remove(member);
    if !to.is_null() {
        object.insert(member.to_owned(), to.clone());
    }
    value.to_string()
}

fn with_header(member: &str, to: &Value) -> String {
    signed(&with(good_header(), member, to), &good_claims().to_string())
}

fn with_claim(member: &str, to: &Value) -> String {
    signed(&good_header().to_string(), &with(good_claims(), member, to))
}

/// The good claims with the text of a member as it is given, which need not be a JSON value that
/// can be built.
fn with_raw_claim(member: &str, raw: &str) -> String {
    let claims = with(good_claims(), member, &json!("MARK")).replace("\"MARK\"", raw);
    signed(&good_header().to_string(), &claims)
}

#[test]
fn good_tokens_of_each_algorithm_are_accepted() {
    for (token, algorithm, kid) in [
        (good().as_str(), EdDsa, "ed"),
        (RS256_TOKEN, Rs256, "rsa"),
        (PS256_TOKEN, Ps256, "rsa"),
        (ES256_TOKEN, Es256, "ec"),
    ] {
        let verified = verify(token).unwrap();
        assert_eq!(
            (verified.algorithm, verified.kid.as_deref()),
            (algorithm, Some(kid))
        );
        assert_eq!(
            (verified.subject.as_str(), verified.expires_at),
            ("crm", NOW + 300)
        );
        assert_eq!(verified.claims["iss"], ISSUER);
        assert_eq!(unverified_issuer(token).unwrap(), ISSUER);
        let others: Vec<_> = ALL.iter().copied().filter(|other| *other != algorithm).collect();
        let without = Expected {
            algorithms: &others,
            ..expected()
        };
        assert_eq!(
            verify_jws(token, &keys(), &without, NOW),
            Err(JwtError::Algorithm)
        );
    }
}

#[test]
fn what_we_sign_we_accept() {
    let token = sign_jwt("at+jwt", "ed", &good_claims(), &signer()).unwrap();
    assert_eq!(Value::Object(verify(&token).unwrap().claims), good_claims());
}

#[test]
fn a_changed_token_is_refused() {
    for token in [good().as_str(), RS256_TOKEN, PS256_TOKEN, ES256_TOKEN] {
        for at in 0..token.len() {
            let mut bytes = token.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verify(&changed).is_err(), "{changed}");
        }
    }
}
