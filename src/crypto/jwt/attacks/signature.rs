//! Attacks on the header, the key and the signature.

use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::crypto::derive::mac_with;

#[test]
fn algorithm_attacks_are_refused() {
    for alg in [
        "none", "None", "NONE", "nOnE", "", "eddsa", "EDDSA", "Ed25519", "ES256K", "HS256", "RS512", "ES384",
    ] {
        let header = with(good_header(), "alg", &json!(alg));
        let message = format!("{}.{}", encode(&header), encode(good_claims().to_string()));
        for signature in [
            String::new(),
            encode([0; 64]),
            encode(signer().sign(message.as_bytes())),
        ] {
            assert_eq!(
                verify(&format!("{message}.{signature}")),
                Err(JwtError::Algorithm),
                "{alg}"
            );
        }
    }
    for alg in [json!(null), json!(0), json!(["EdDSA"]), json!({ "EdDSA": 1 })] {
        assert!(verify(&with_header("alg", &alg)).is_err(), "{alg}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let public = signer().public();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(public.as_bytes())
    );
    let n = URL_SAFE_NO_PAD.decode(RSA_N).unwrap();
    let secrets: [&[u8]; 6] = [
        b"",
        public.as_bytes(),
        pem.as_bytes(),
        &n,
        RSA_N.as_bytes(),
        b"secret",
    ];
    for (alg, kid) in [
        ("HS256", "ed"),
        ("HS256", "rsa"),
        ("RS256", "rsa"),
        ("EdDSA", "ed"),
        ("ES256", "ec"),
    ] {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid }).to_string();
        let message = format!("{}.{}", encode(header), encode(good_claims().to_string()));
        for secret in secrets {
            let token = format!("{message}.{}", encode(mac_with(secret, &[message.as_bytes()])));
            assert!(verify(&token).is_err(), "{alg} {kid}");
        }
    }
}

#[test]
fn a_key_of_another_kind_or_name_is_not_used() {
    // A good signature, presented as one of another algorithm or of another key.
    for (alg, kid) in [
        ("ES256", "ed"),
        ("RS256", "ed"),
        ("EdDSA", "ec"),
        ("EdDSA", "rsa"),
        ("PS256", "ec"),
    ] {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid }).to_string();
        let token = signed(&header, &good_claims().to_string());
        assert_eq!(verify(&token), Err(JwtError::Key), "{alg} {kid}");
    }
    // RSA of 1024 bits, correctly signed: the key is not even read.
    assert_eq!(verify(WEAK_RSA_TOKEN), Err(JwtError::Key));
    // RSASSA-PSS presented as PKCS#1 and the other way about.
    let relabel = |token: &str, alg: &str| {
        let header = json!({ "alg": alg, "kid": "rsa", "typ": "at+jwt" }).to_string();
        format!("{}.{}", encode(header), token.split_once('.').unwrap().1)
    };
    assert_eq!(verify(&relabel(RS256_TOKEN, "PS256")), Err(JwtError::Signature));
    assert_eq!(verify(&relabel(PS256_TOKEN, "RS256")), Err(JwtError::Signature));

    let stranger = SigningKey::from_seed(Secret32::from_bytes([8; 32])).unwrap();
    let forged = sign_jwt("at+jwt", "ed", &good_claims(), &stranger).unwrap();
    assert_eq!(verify(&forged), Err(JwtError::Signature));
    assert_eq!(verify_jws(&good(), &[], &expected(), NOW), Err(JwtError::Key));
}

#[test]
fn kid_is_a_name_and_nothing_else() {
    let long = "k".repeat(300);
    for kid in [
        "",
        "other",
        "ED",
        "ed ",
        "../../../../dev/null",
        "/dev/null",
        "ed' OR '1'='1",
        "https://evil.example/k",
        "ed\u{0}",
        "%00",
        "*",
    ] {
        assert_eq!(
            verify(&with_header("kid", &json!(kid))),
            Err(JwtError::Key),
            "{kid}"
        );
    }
    for kid in [json!(1), json!(["ed"]), json!({}), json!(true), json!(long)] {
        assert_eq!(verify(&with_header("kid", &kid)), Err(JwtError::Header), "{kid}");
    }
    let huge = with_header("kid", &json!("k".repeat(64 * 1024)));
    assert_eq!(verify(&huge), Err(JwtError::Form));

    // Without a kid there must be no choice.
    let nameless = with_header("kid", &Value::Null);
    assert!(verify(&nameless).is_ok());
    let mut two = keys();
    two.push(VerifyingKey::ed25519(Some("ed2".to_owned()), &signer().public()));
    assert_eq!(verify_jws(&nameless, &two, &expected(), NOW), Err(JwtError::Key));
    assert!(verify_jws(&good(), &two, &expected(), NOW).is_ok());
}

#[test]
fn a_token_cannot_bring_its_own_key_or_rules() {
    let jwk = signer().public().jwk();
    for (member, value) in [
        ("jku", json!("https://id.example/jwks")),
        ("x5u", json!("https://id.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AA")),
        ("x5t#S256", json!("AA")),
        ("jwk", jwk),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("exp", json!("x")),
        ("Alg", json!("none")),
        ("unknown", json!("x")),
    ] {
        assert_eq!(
            verify(&with_header(member, &value)),
            Err(JwtError::Header),
            "{member}"
        );
    }
    // RFC 7797: the payload is signed as it is, not encoded.
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "ed", "b64": false, "crit": ["b64"] });
    let message = format!("{}.{}", encode(header.to_string()), good_claims());
    let token = format!("{message}.{}", encode(signer().sign(message.as_bytes())));
    assert!(verify(&token).is_err());
}

#[test]
fn elliptic_signatures_that_are_none_are_refused() {
    let (message, signature) = ES256_TOKEN.rsplit_once('.').unwrap();
    let (r, s) = {
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        (bytes[..32].to_vec(), bytes[32..].to_vec())
    };
    let order = URL_SAFE_NO_PAD
        .decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE")
        .unwrap();
    let one = [&[0_u8; 31][..], &[1]].concat();
    let zero = vec![0_u8; 32];
    let der = [&[0x30, 0x44, 2, 32][..], &r, &[2, 32], &s].concat();
    for forged in [
        [zero.clone(), zero.clone()].concat(),
        [r.clone(), zero.clone()].concat(),
        [zero, s.clone()].concat(),
        [order.clone(), order.clone()].concat(),
        [order, s.clone()].concat(),
        [one.clone(), one].concat(),
        [s, r.clone()].concat(),
        der,
        r,
        Vec::new(),
        vec![0xff; 64],
        vec![0; 96],
    ] {
        let token = format!("{message}.{}", encode(&forged));
        assert_eq!(verify(&token), Err(JwtError::Signature), "{forged:?}");
    }
    // P-384 and secp256k1 keys are passed over; see the tests of `jwks`. A point off the curve:
    let off = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_X, "kid": "ec" }] });
    let off = parse_jwks(off.to_string().as_bytes()).unwrap();
    assert_eq!(
        verify_jws(ES256_TOKEN, &off, &expected(), NOW),
        Err(JwtError::Signature)
    );
    // And Ed25519 with no signature, half of one, or one of small order.
    let good = good();
    let (message, _) = good.rsplit_once('.').unwrap();
    let small = [&[1_u8][..], &[0; 63]].concat();
    for forged in [vec![], vec![0; 32], vec![0; 64], small, vec![0; 65]] {
        let token = format!("{message}.{}", encode(&forged));
        assert_eq!(verify(&token), Err(JwtError::Signature), "{forged:?}");
    }
}
