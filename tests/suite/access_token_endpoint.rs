//! The token endpoint over HTTP: proving oneself, and every way of not doing so.

use akkoord::crypto::jwt::sign_jwt;
use akkoord::crypto::{Secret32, SigningKey};
use akkoord::service::access::client::ClientId;
use akkoord::service::access::{Credential, NewClient};
use akkoord::service::call::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::engine::Engine;
use crate::support::http::{Answer, Api, send};
use crate::support::service::PUBLIC_BASE;
use crate::support::store::NOW;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const GRANT: &str = "grant_type=client_credentials";
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

fn key() -> SigningKey {
    SigningKey::from_seed(Secret32::from_bytes([5; 32])).unwrap()
}

fn new(id: &str, credential: Credential) -> NewClient {
    NewClient {
        id: ClientId::parse(id).unwrap(),
        system: "crm".parse().unwrap(),
        scopes: [Scope::DecisionsCheck, Scope::PoliciesRead].into(),
        credential,
    }
}

async fn with_secret(api: &Api, id: &str) -> String {
    let operator = api.service.operator().unwrap();
    let added = api
        .service
        .add_client(&operator, new(id, Credential::Secret))
        .await
        .unwrap();
    added.secret.unwrap().reveal().to_owned()
}

fn basic(client: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

async fn ask(api: &Api, authorization: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![FORM];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    send(
        api.server.addr,
        "POST",
        "/oauth2/token",
        &headers,
        body.as_bytes(),
    )
    .await
}

async fn purposes(api: &Api, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    send(
        api.server.addr,
        "GET",
        "/v1/purposes",
        &[("Authorization", &bearer)],
        b"",
    )
    .await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (status, Some(error)),
        "{answer:?}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.header("www-authenticate").is_some(),
        status == 401,
        "{answer:?}"
    );
}

both_engines! {
    async fn a_secret_buys_a_token(engine) {
        let api = Api::start(engine).await;
        let secret = with_secret(&api, "crm-secret").await;
        let answer = ask(&api, Some(&basic("crm-secret", &secret)), GRANT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
        let issued = answer.json();
        assert_eq!((&issued["token_type"], &issued["expires_in"]), (&json!("Bearer"), &json!(600)));
        assert_eq!(issued["scope"], "decisions:check policies:read");
        let token = issued["access_token"].as_str().unwrap();
        assert_eq!(purposes(&api, token).await.status, 200);

        let narrow = ask(&api, Some(&basic("crm-secret", &secret)), &format!("{GRANT}&scope=decisions%3Acheck")).await;
        assert_eq!(narrow.json()["scope"], "decisions:check");
        let lacking = purposes(&api, narrow.json()["access_token"].as_str().unwrap()).await;
        assert_eq!((lacking.status, lacking.problem().0.as_str()), (403, "insufficient-scope"));
        let challenge = "Bearer realm=\"akkoord\", error=\"insufficient_scope\", scope=\"policies:read\"";
        assert_eq!(lacking.header("www-authenticate"), Some(challenge));

        let operator = api.service.operator().unwrap();
        api.service.revoke_client(&operator, "crm-secret").await.unwrap();
        let after = purposes(&api, token).await;
        assert_eq!((after.status, after.problem().0.as_str()), (401, "unauthenticated"));
        refused(&ask(&api, Some(&basic("crm-secret", &secret)), GRANT).await, 401, "invalid_client");
    }

    async fn a_key_buys_one_token_per_assertion(engine) {
        let api = Api::start(engine).await;
        let jwks = json!({ "keys": [key().public().jwk()] }).to_string();
        let operator = api.service.operator().unwrap();
        api.service.add_client(&operator, new("crm-key", Credential::Keys(jwks))).await.unwrap();
        let claims = |jti: &str| json!({ "iss": "crm-key", "sub": "crm-key", "jti": jti,
            "aud": format!("{PUBLIC_BASE}/oauth2/token"), "iat": NOW.seconds(), "exp": NOW.seconds() + 60 });
        let assertion = |claims: &Value| sign_jwt("JWT", &key().public().thumbprint(), claims, &key()).unwrap();
        let body = |assertion: &str| format!("{GRANT}&client_assertion_type={JWT_BEARER}&client_assertion={assertion}");
        let first = assertion(&claims("1"));
        let answer = ask(&api, None, &body(&first)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(purposes(&api, answer.json()["access_token"].as_str().unwrap()).await.status, 200);
        refused(&ask(&api, None, &body(&first)).await, 401, "invalid_client");
        refused(&ask(&api, None, &format!("{}&client_id=crm-test", body(&assertion(&claims("2"))))).await, 401, "invalid_client");
        assert_eq!(ask(&api, None, &format!("{}&client_id=crm-key", body(&assertion(&claims("3"))))).await.status, 200);
        let wrong_type = body(&assertion(&claims("4"))).replace("jwt-bearer", "saml2-bearer");
        refused(&ask(&api, None, &wrong_type).await, 400, "invalid_request");
        refused(&ask(&api, Some(&basic("crm-key", "")), &body(&assertion(&claims("5")))).await, 400, "invalid_request");
        refused(&ask(&api, Some(&basic("crm-key", "")), GRANT).await, 401, "invalid_client");
        let mut elsewhere = claims("6");
        elsewhere["aud"] = json!("https://other.example/oauth2/token");
        refused(&ask(&api, None, &body(&assertion(&elsewhere))).await, 401, "invalid_client");
    }
}

#[actix_web::test]
async fn a_form_is_read_strictly() {
    let api = Api::start(Engine::Sqlite).await;
    let secret = with_secret(&api, "crm-secret").await;
    let good = basic("crm-secret", &secret);
    let asked = async |body: &str| ask(&api, Some(&good), body).await;
    for body in [
        "",
        "grant_type",
        "grant_type=",
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&scope=decisions%3Acheck&scope=decisions%3Acheck",
        "grant_type=client_credentials&%73cope=a&scope=a",
        "grant_type=client_credentials&x=%",
        "grant_type=client_credentials&x=%zz",
        "grant_type=client_credentials&x=%ff",
        "grant_type=client_credentials&x=%00",
        "grant_type=client_credentials&client_id=crm-test",
        "{\"grant_type\":\"client_credentials\"}",
    ] {
        refused(&asked(body).await, 400, "invalid_request");
    }
    for grant in [
        "password",
        "authorization_code",
        "refresh_token",
        "Client_Credentials",
        "client_credentials%20",
    ] {
        refused(
            &asked(&format!("grant_type={grant}")).await,
            400,
            "unsupported_grant_type",
        );
    }
    for scope in [
        "everything",
        "decisions:check+people:write",
        "decisions%3Acheck++policies%3Aread",
        "+",
        "Decisions%3ACheck",
    ] {
        refused(
            &asked(&format!("{GRANT}&scope={scope}")).await,
            400,
            "invalid_scope",
        );
    }
    assert_eq!(
        asked(&format!("{GRANT}&scope=&unknown=ignored&client_id=crm-secret"))
            .await
            .status,
        200
    );
    let long = format!("{GRANT}&x={}", "x".repeat(16 * 1024));
    refused(&asked(&long).await, 413, "invalid_request");
    for content_type in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
    ] {
        let headers = [("Content-Type", content_type), ("Authorization", good.as_str())];
        let answer = send(
            api.server.addr,
            "POST",
            "/oauth2/token",
            &headers,
            GRANT.as_bytes(),
        )
        .await;
        refused(&answer, 400, "invalid_request");
    }
    let query = format!("/oauth2/token?{GRANT}");
    let answer = send(
        api.server.addr,
        "POST",
        &query,
        &[FORM, ("Authorization", &good)],
        GRANT.as_bytes(),
    )
    .await;
    refused(&answer, 400, "invalid_request");
    let wrong_method = send(api.server.addr, "GET", "/oauth2/token", &[], b"").await;
    assert_eq!(
        (wrong_method.status, wrong_method.header("allow")),
        (405, Some("POST"))
    );
}

#[actix_web::test]
async fn who_is_nobody_and_who_is_wrong_hear_the_same() {
    let api = Api::start(Engine::Sqlite).await;
    let secret = with_secret(&api, "crm-secret").await;
    let mut heard = std::collections::BTreeSet::new();
    for authorization in [
        None,
        Some(basic("nobody", &secret)),
        Some(basic("crm-secret", "wrong")),
        Some(basic("crm-secret", "")),
        Some(basic("", "")),
        Some(basic("crm-secret", &format!("{secret} "))),
        Some(basic("CRM-SECRET", &secret)),
        Some(basic("crm-secret%00", &secret)),
        Some("Basic".to_owned()),
        Some("Basic ====".to_owned()),
        Some(format!("Basic {}", STANDARD.encode("crm-secret"))),
        Some(format!("Bearer {}", api.token)),
        Some(format!("Digest {secret}")),
    ] {
        let answer = ask(&api, authorization.as_deref(), GRANT).await;
        refused(&answer, 401, "invalid_client");
        heard.insert(answer.body);
    }
    let posted = ask(
        &api,
        None,
        &format!("{GRANT}&client_id=crm-secret&client_secret={secret}"),
    )
    .await;
    refused(&posted, 401, "invalid_client");
    heard.insert(posted.body);
    assert_eq!(heard.len(), 1, "{heard:?}");
    let good = basic("crm-secret", &secret);
    let twice = [
        FORM,
        ("Authorization", good.as_str()),
        ("Authorization", good.as_str()),
    ];
    refused(
        &send(api.server.addr, "POST", "/oauth2/token", &twice, GRANT.as_bytes()).await,
        400,
        "invalid_request",
    );
}

#[actix_web::test]
async fn metadata_and_keys_are_where_the_standards_put_them() {
    let api = Api::start(Engine::Sqlite).await;
    let metadata = send(
        api.server.addr,
        "GET",
        "/.well-known/oauth-authorization-server",
        &[],
        b"",
    )
    .await;
    assert_eq!(
        (metadata.status, metadata.header("access-control-allow-origin")),
        (200, Some("*"))
    );
    let metadata = metadata.json();
    assert_eq!(metadata["issuer"], PUBLIC_BASE);
    assert_eq!(metadata["token_endpoint"], format!("{PUBLIC_BASE}/oauth2/token"));
    assert_eq!(
        metadata["jwks_uri"],
        format!("{PUBLIC_BASE}/.well-known/jwks.json")
    );
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt", "client_secret_basic"])
    );
    assert_eq!(
        metadata["scopes_supported"].as_array().unwrap().len(),
        Scope::ALL.len()
    );
    let keys = send(api.server.addr, "GET", "/.well-known/jwks.json", &[], b"")
        .await
        .json();
    let [key] = keys["keys"].as_array().unwrap().as_slice() else {
        panic!("{keys}")
    };
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"]),
        (&json!("OKP"), &json!("EdDSA"), &json!("sig"))
    );
    assert_eq!(key["kid"], json!(api.service.sign(b"").1));
    assert!(key.get("d").is_none());
}
