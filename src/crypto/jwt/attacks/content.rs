//! Attacks on the form of a token and on its claims.

use base64::engine::general_purpose::STANDARD;

use super::*;

#[test]
fn a_token_has_three_parts_of_canonical_base64url() {
    let good = good();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("three parts")
    };
    // 64 bytes leave four bits over in the last character, which must be zero.
    let last = signature.chars().last().unwrap();
    let loose = char::from(u8::try_from(last).unwrap() + 1);
    let loose = format!(
        "{header}.{claims}.{}{loose}",
        signature.strip_suffix(last).unwrap()
    );
    let standard = format!("{header}.{claims}.{}", STANDARD.encode(signer().sign(b"x")));
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.into(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{header}..{claims}.{signature}"),
        format!("{good}.{signature}"),
        format!("{header}.{claims}.{signature}.{signature}.{signature}"),
        good.strip_suffix(last).unwrap().into(),
        format!("{good}A"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{header}.{claims} .{signature}"),
        format!("{header}.{claims}\r\n.{signature}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}.{signature}\0"),
        format!("Bearer {good}"),
        good.replace('.', "․"),
        format!("{header}.{claims}.é{signature}"),
        loose,
        standard,
    ] {
        assert!(verify(&token).is_err(), "{token:?}");
    }
    let long = with_claim("pad", &json!("a".repeat(100_000)));
    assert_eq!(verify(&long), Err(JwtError::Form));
    assert_eq!(unverified_issuer(&long), Err(JwtError::Form));
}

#[test]
fn members_occur_once() {
    let claims = good_claims().to_string();
    let header = good_header().to_string();
    let add = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    for member in [
        r#""alg":"none""#,
        r#""alg":"EdDSA""#,
        r#""\u0061lg":"EdDSA""#,
        r#""kid":"rsa""#,
    ] {
        assert_eq!(
            verify(&signed(&add(&header, member), &claims)),
            Err(JwtError::Form),
            "{member}"
        );
    }
    for member in [
        r#""sub":"admin""#,
        r#""exp":9000000000"#,
        r#""is\u0073":"x""#,
        r#""act":{"a":1,"a":2}"#,
    ] {
        assert_eq!(
            verify(&signed(&header, &add(&claims, member))),
            Err(JwtError::Form),
            "{member}"
        );
    }
    for json in ["", "null", "[]", "\"x\"", "1", "{", "{}{}", "\u{feff}{}"] {
        assert!(verify(&signed(json, &claims)).is_err(), "{json}");
        assert_eq!(verify(&signed(&header, json)), Err(JwtError::Form), "{json}");
    }
}

#[test]
fn times_are_whole_seconds_and_hold() {
    for raw in [
        "null",
        "\"2000000300\"",
        "2000000300.0",
        "2000000300.5",
        "2e9",
        "-1",
        "-0",
        "true",
        "[2000000300]",
        "{}",
        "18446744073709551616",
        "9223372036854775807",
        "253402300800",
    ] {
        for member in ["exp", "nbf", "iat"] {
            let refused = Err(JwtError::Claim(member));
            assert_eq!(verify(&with_raw_claim(member, raw)), refused, "{member} {raw}");
        }
    }
    for raw in [
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "0x7fffffff",
        "02000000300",
        "+2000000300",
    ] {
        assert_eq!(verify(&with_raw_claim("exp", raw)), Err(JwtError::Form), "{raw}");
    }
    assert_eq!(
        verify(&with_claim("exp", &Value::Null)),
        Err(JwtError::Claim("exp"))
    );
    for (member, seconds, answer) in [
        ("exp", 0, Some(JwtError::Expired)),
        ("exp", NOW - 50, Some(JwtError::Expired)),
        ("exp", NOW - 5, Some(JwtError::Expired)),
        ("exp", NOW - 4, None),
        ("nbf", NOW + 3600, Some(JwtError::NotYet)),
        ("nbf", NOW + 6, Some(JwtError::NotYet)),
        ("nbf", NOW + 5, None),
        ("iat", NOW + 3600, Some(JwtError::NotYet)),
        ("iat", NOW + 6, Some(JwtError::NotYet)),
        ("iat", NOW + 5, None),
    ] {
        let verified = verify(&with_claim(member, &json!(seconds)));
        assert_eq!(verified.err(), answer, "{member} {seconds}");
    }
    // A leeway is never more than five seconds, and never less than none.
    for (leeway, exp, accepted) in [
        (3600, NOW - 6, false),
        (0, NOW, false),
        (0, NOW + 1, true),
        (-9, NOW + 1, true),
    ] {
        let expected = Expected { leeway, ..expected() };
        let verified = verify_jws(&with_claim("exp", &json!(exp)), &keys(), &expected, NOW);
        assert_eq!(verified.is_ok(), accepted, "{leeway} {exp}");
    }
    for now in [i64::MIN, 0, i64::MAX] {
        assert!(verify_jws(&good(), &keys(), &expected(), now).is_err());
    }
    assert!(verify(&with_claim("nbf", &Value::Null)).is_ok());
    assert!(verify(&with_claim("iat", &Value::Null)).is_ok());
}

#[test]
fn issuer_audience_and_subject_are_exact() {
    for iss in [json!(null), json!(""), json!([ISSUER]), json!({}), json!(1)] {
        assert_eq!(
            verify(&with_claim("iss", &iss)),
            Err(JwtError::Claim("iss")),
            "{iss}"
        );
    }
    for iss in [
        "https://id.example/",
        "https://id.exampl",
        "https://id.example.evil",
        "HTTPS://ID.EXAMPLE",
        " https://id.example",
        "https://other.example",
        "https://id.example\u{0}",
    ] {
        assert_eq!(
            verify(&with_claim("iss", &json!(iss))),
            Err(JwtError::Issuer),
            "{iss}"
        );
    }
    for aud in [
        json!(null),
        json!(1),
        json!({ AUDIENCE: 1 }),
        json!(true),
        json!([AUDIENCE, 1]),
        json!([[AUDIENCE]]),
    ] {
        assert_eq!(
            verify(&with_claim("aud", &aud)),
            Err(JwtError::Claim("aud")),
            "{aud}"
        );
    }
    for aud in [
        json!(""),
        json!([]),
        json!([""]),
        json!("https://akkoord.example/"),
        json!("akkoord.example"),
        json!("https://akkoord.example.evil"),
        json!("https://akkoord.exampl"),
        json!(["https://other.example"]),
        json!("https://other.example https://akkoord.example"),
        json!("*"),
    ] {
        assert_eq!(verify(&with_claim("aud", &aud)), Err(JwtError::Audience), "{aud}");
    }
    assert!(verify(&with_claim("aud", &json!(["https://other.example", AUDIENCE]))).is_ok());
    for sub in [json!(null), json!(""), json!(1), json!(["crm"])] {
        assert_eq!(
            verify(&with_claim("sub", &sub)),
            Err(JwtError::Claim("sub")),
            "{sub}"
        );
    }
}

#[test]
fn a_token_of_one_kind_is_not_taken_for_another() {
    let of = |typ: &Value, token_type| {
        let expected = Expected {
            token_type,
            ..expected()
        };
        verify_jws(&with_header("typ", typ), &keys(), &expected, NOW).is_ok()
    };
    for (typ, access, plain, logout) in [
        (json!(null), false, true, false),
        (json!("JWT"), false, true, false),
        (json!("jwt"), false, true, false),
        (json!("at+jwt"), true, false, false),
        (json!("AT+JWT"), true, false, false),
        (json!("application/at+jwt"), true, false, false),
        (json!("logout+jwt"), false, false, true),
        (json!("application/application/at+jwt"), false, false, false),
        (json!("text/at+jwt"), false, false, false),
        (json!("at+jwt "), false, false, false),
        (json!("id+jwt"), false, false, false),
        (json!(""), false, false, false),
        (json!(["at+jwt"]), false, false, false),
    ] {
        assert_eq!(of(&typ, TokenType::Access), access, "{typ}");
        assert_eq!(of(&typ, TokenType::Plain), plain, "{typ}");
        assert_eq!(of(&typ, TokenType::Other("logout+jwt")), logout, "{typ}");
    }
}
