//! Attacks on access tokens over HTTP. Whatever signs them, our own key included, they are answered 401 with a problem
//! document and a challenge, and nothing more is said.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use akkoord::crypto::{Secret32, SigningKey};
use akkoord::service::access::TokenKeys;

use crate::support::engine::Engine;
use crate::support::http::{Answer, Api, send};
use crate::support::service::PUBLIC_BASE;
use crate::support::store::NOW;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn header(api: &Api) -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": api.service.sign(b"").1 })
}

fn claims() -> Value {
    let now = NOW.seconds();
    json!({ "iss": PUBLIC_BASE, "aud": PUBLIC_BASE, "sub": "crm-test", "client_id": "crm-test", "azp": "crm-test",
        "iat": now, "nbf": now, "exp": now + 600, "jti": "6f1c", "scope": "policies:read" })
}

/// Any two texts, signed with the real key.
fn signed(api: &Api, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let (signature, _) = api.service.sign(message.as_bytes());
    format!("{message}.{}", encode(signature))
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

fn with_header(api: &Api, member: &str, to: &Value) -> String {
    signed(api, &with(header(api), member, to), &claims().to_string())
}

fn with_claim(api: &Api, member: &str, to: &Value) -> String {
    signed(api, &header(api).to_string(), &with(claims(), member, to))
}

/// The claims with the text of a member as given, which need not be a value that can be built.
fn with_raw(api: &Api, member: &str, raw: &str) -> String {
    let claims = with(claims(), member, &json!("MARK")).replace("\"MARK\"", raw);
    signed(api, &header(api).to_string(), &claims)
}

async fn present(api: &Api, authorization: &str) -> Answer {
    let headers = [("Authorization", authorization)];
    send(api.server.addr, "GET", "/v1/purposes", &headers, b"").await
}

async fn assert_refused(api: &Api, what: &str, token: &str) {
    let answer = present(api, &format!("Bearer {token}")).await;
    let shown: String = token.chars().take(80).collect();
    assert_eq!(answer.status, 401, "{what}: {shown} {answer:?}");
    assert_eq!(answer.problem().0, "unauthenticated", "{what}");
    let challenge = "Bearer realm=\"akkoord\", error=\"invalid_token\"";
    assert_eq!(
        answer.header("www-authenticate"),
        Some(challenge),
        "{what}: {shown}"
    );
}

async fn started() -> Api {
    let api = Api::start(Engine::Sqlite).await;
    let good = signed(&api, &header(&api).to_string(), &claims().to_string());
    assert_eq!(present(&api, &format!("Bearer {good}")).await.status, 200);
    api
}

#[actix_web::test]
async fn algorithms_and_keys() {
    let api = started().await;
    let claims = claims().to_string();
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        let header = with(header(&api), "alg", &json!(alg));
        let message = format!("{}.{}", encode(&header), encode(&claims));
        assert_refused(&api, "alg none, unsigned", &format!("{message}.")).await;
        assert_refused(&api, "alg none, signed", &signed(&api, &header, &claims)).await;
    }
    let jwks = api.service.jwks();
    let public = URL_SAFE_NO_PAD
        .decode(jwks["keys"][0]["x"].as_str().unwrap())
        .unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(&public)
    );
    let secrets: [(&str, &[u8]); 4] = [
        ("empty", b""),
        ("the public key", &public),
        ("the public key as PEM", pem.as_bytes()),
        ("the key set", &jwks.to_string().into_bytes()),
    ];
    for alg in ["HS256", "EdDSA"] {
        for (name, secret) in secrets {
            let header = with(header(&api), "alg", &json!(alg));
            let message = format!("{}.{}", encode(&header), encode(&claims));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            assert_refused(
                &api,
                &format!("{alg} with {name}"),
                &format!("{message}.{}", encode(tag)),
            )
            .await;
        }
    }
    for alg in ["ES256", "RS256", "PS256", "HS512", "ES384", "ES256K", "eddsa"] {
        assert_refused(&api, alg, &with_header(&api, "alg", &json!(alg))).await;
    }
    let message = format!(
        "{}.{}",
        encode(with(header(&api), "alg", &json!("ES256"))),
        encode(&claims)
    );
    assert_refused(
        &api,
        "ECDSA with r = s = 0",
        &format!("{message}.{}", encode([0; 64])),
    )
    .await;
    for kid in [
        "../../../../dev/null",
        "x' OR '1'='1",
        "https://evil.example/key",
        "",
        "\u{0}",
    ] {
        assert_refused(&api, "kid", &with_header(&api, "kid", &json!(kid))).await;
    }
    let own = SigningKey::from_seed(Secret32::from_bytes([66; 32])).unwrap();
    let own_jwk = own.public().jwk();
    for (member, value) in [
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
        ("jwk", own_jwk),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("kid", json!(["a"])),
    ] {
        assert_refused(&api, member, &with_header(&api, member, &value)).await;
        let spoilt = with(header(&api), member, &value);
        let message = format!("{}.{}", encode(spoilt), encode(&claims));
        let forged = format!("{message}.{}", encode(own.sign(message.as_bytes())));
        assert_refused(&api, member, &forged).await;
    }
}

#[actix_web::test]
async fn claims_and_types() {
    let api = started().await;
    let now = NOW.seconds();
    for (claim, value) in [
        ("exp", Value::Null),
        ("exp", json!((now + 600).to_string())),
        ("exp", json!(1.0e9 + 0.5)),
        ("exp", json!(-1)),
        ("exp", json!(now - 5)),
        ("exp", json!(now - 50)),
        ("exp", json!([now + 600])),
        ("nbf", json!(now + 6)),
        ("nbf", json!(now + 3600)),
        ("iat", json!(now + 6)),
        ("iat", json!("now")),
        ("iss", Value::Null),
        ("iss", json!([PUBLIC_BASE])),
        ("iss", json!(format!("{PUBLIC_BASE}/"))),
        ("iss", json!("https://AKKOORD.example")),
        ("iss", json!("https://other.example")),
        ("aud", Value::Null),
        ("aud", json!([])),
        ("aud", json!(["https://other.example"])),
        ("aud", json!(format!("{PUBLIC_BASE}.evil.example"))),
        ("aud", json!("https://akkoord")),
        ("aud", json!({ "0": PUBLIC_BASE })),
        ("azp", json!("crm-other")),
        ("azp", Value::Null),
        ("sub", json!("crm-other")),
        ("client_id", json!("nobody")),
        ("client_id", json!("akkoord")),
        ("client_id", Value::Null),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("scope", json!(["policies:read"])),
    ] {
        assert_refused(
            &api,
            &format!("{claim} {value}"),
            &with_claim(&api, claim, &value),
        )
        .await;
    }
    for raw in ["1e400", "NaN", "9e18", "1803903000.0"] {
        assert_refused(&api, "exp", &with_raw(&api, "exp", raw)).await;
    }
    let twice = claims().to_string().replacen('{', "{\"sub\":\"crm-other\",", 1);
    assert_refused(
        &api,
        "a claim twice",
        &signed(&api, &header(&api).to_string(), &twice),
    )
    .await;
    for typ in [
        json!("JWT"),
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!(""),
        json!(1),
        Value::Null,
    ] {
        assert_refused(&api, &format!("typ {typ}"), &with_header(&api, "typ", &typ)).await;
    }
}

#[actix_web::test]
async fn forms_of_a_token() {
    let api = started().await;
    let good = api.token.clone();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("three parts")
    };
    let last = signature.chars().last().unwrap();
    let loose = char::from(u8::try_from(last).unwrap() + 1);
    let changed = if claims.starts_with("eyJhdWQi") {
        claims.replacen("eyJ", "fyJ", 1)
    } else {
        format!("A{claims}")
    };
    for (what, token) in [
        ("truncated", good.strip_suffix(last).unwrap().to_owned()),
        ("longer", format!("{good}A")),
        (
            "loose last bits",
            format!(
                "{header}.{claims}.{}{loose}",
                signature.strip_suffix(last).unwrap()
            ),
        ),
        ("extra dot", format!("{good}.")),
        ("leading dot", format!(".{good}")),
        ("two parts", format!("{header}.{claims}")),
        ("unsigned", format!("{header}.{claims}.")),
        (
            "five parts",
            format!("{header}.{claims}.{signature}.{signature}.{signature}"),
        ),
        ("padding", format!("{good}=")),
        ("padding inside", format!("{header}=.{claims}.{signature}")),
        ("a space inside", format!("{header}. {claims}.{signature}")),
        ("a second word", format!("{good} {good}")),
        ("quoted", format!("\"{good}\"")),
        ("other claims", format!("{header}.{changed}.{signature}")),
        ("no token", String::new()),
        ("nonsense", "nonsense".to_owned()),
        ("long", format!("{good}{}", "A".repeat(17 * 1024))),
        (
            "long kid",
            with_header(&api, "kid", &json!("k".repeat(12 * 1024))),
        ),
    ] {
        assert_refused(&api, what, &token).await;
    }
    let huge = present(&api, &format!("Bearer {}", "A".repeat(100 * 1024))).await;
    assert!([401, 431].contains(&huge.status), "{huge:?}");
}

#[actix_web::test]
async fn where_a_token_may_stand() {
    let api = started().await;
    let token = api.token.clone();
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer "] {
        assert_eq!(
            present(&api, &format!("{scheme} {token}")).await.status,
            200,
            "{scheme}"
        );
    }
    let nothing = async |answer: Answer| {
        assert_eq!(
            (answer.status, answer.problem().0.as_str()),
            (401, "unauthenticated"),
            "{answer:?}"
        );
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"akkoord\"")
        );
    };
    nothing(send(api.server.addr, "GET", "/v1/purposes", &[], b"").await).await;
    nothing(
        send(
            api.server.addr,
            "GET",
            &format!("/v1/purposes?access_token={token}"),
            &[],
            b"",
        )
        .await,
    )
    .await;
    nothing(
        send(
            api.server.addr,
            "GET",
            "/v1/purposes",
            &[("Cookie", &format!("access_token={token}"))],
            b"",
        )
        .await,
    )
    .await;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    nothing(
        send(
            api.server.addr,
            "POST",
            "/v1/decisions",
            &form,
            format!("access_token={token}").as_bytes(),
        )
        .await,
    )
    .await;
    nothing(present(&api, &format!("Basic {token}")).await).await;
    nothing(present(&api, &format!("Token {token}")).await).await;
    nothing(present(&api, &token).await).await;
    let bearer = format!("Bearer {token}");
    let twice = [
        ("Authorization", bearer.as_str()),
        ("Authorization", bearer.as_str()),
    ];
    assert_eq!(
        send(api.server.addr, "GET", "/v1/purposes", &twice, b"")
            .await
            .status,
        401
    );
}

#[actix_web::test]
async fn tokens_that_were_good_once() {
    let api = started().await;
    let token = api.token.clone();
    assert_eq!(present(&api, &format!("Bearer {token}")).await.status, 200);
    let operator = api.service.operator().unwrap();
    api.world.turn_to(NOW.plus_seconds(1));
    api.service
        .rotate_client(&operator, "crm-test", true)
        .await
        .unwrap();
    assert_refused(&api, "issued before the tokens were called in", &token).await;

    let newer = api
        .service
        .access()
        .token_of("crm-test")
        .await
        .unwrap()
        .access_token;
    assert_eq!(present(&api, &format!("Bearer {newer}")).await.status, 200);
    api.world.turn_to(NOW.plus_seconds(606));
    assert_refused(&api, "expired", &newer).await;

    let newest = api
        .service
        .access()
        .token_of("crm-test")
        .await
        .unwrap()
        .access_token;
    assert_eq!(present(&api, &format!("Bearer {newest}")).await.status, 200);
    let other = SigningKey::from_seed(Secret32::from_bytes([9; 32])).unwrap();
    api.service.access().replace_keys(TokenKeys::new(other, &[]));
    assert_refused(&api, "signed with a key that was withdrawn", &newest).await;
}
