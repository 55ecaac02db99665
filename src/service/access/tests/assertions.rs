//! Clients that prove themselves with their own keys.

use super::*;

fn assertion_claims(jti: &str) -> Value {
    json!({ "iss": "signer", "sub": "signer", "aud": format!("{US}/oauth2/token"), "exp": NOW + 300, "jti": jti })
}

fn signed(claims: &Value) -> String {
    sign_jwt("JWT", &key(5).public().thumbprint(), claims, &key(5)).unwrap()
}

pub(super) async fn with_keys(node: &Node) {
    let jwks = json!({ "keys": [key(5).public().jwk()] }).to_string();
    node.add_client(client("signer", Credential::Keys(jwks)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_with_keys_proves_itself_once_per_assertion() {
    let house = House::new();
    let (here, there) = (house.node(), house.node());
    with_keys(&here).await;
    let assertion = signed(&assertion_claims("a"));
    let issued = here.issue_token(by_assertion(&assertion)).await.unwrap();
    assert_eq!(
        here.authenticate(&issued.access_token).await.unwrap().client,
        "signer"
    );
    for node in [&here, &there] {
        let replayed = node.issue_token(by_assertion(&assertion)).await;
        assert_eq!(replayed, Err(AccessError::InvalidClient));
    }
    for (at, aud) in [json!(US), json!([US]), json!([format!("{US}/oauth2/token")])]
        .iter()
        .enumerate()
    {
        let mut claims = assertion_claims(&format!("good-{at}"));
        claims["aud"] = aud.clone();
        assert!(
            there.issue_token(by_assertion(&signed(&claims))).await.is_ok(),
            "{aud}"
        );
    }
    let mut named = by_assertion(&signed(&assertion_claims("named")));
    named.authentication = match named.authentication {
        ClientAuthentication::Assertion { assertion, .. } => ClientAuthentication::Assertion {
            client: Some("somebody".to_owned()),
            assertion,
        },
        other => other,
    };
    assert_eq!(here.issue_token(named).await, Err(AccessError::InvalidClient));
}

#[tokio::test]
async fn assertions_that_prove_nothing() {
    let house = House::new();
    let node = house.node();
    with_keys(&node).await;
    let secret = with_secret(&node).await;
    for (name, value) in [
        ("aud", json!("https://other.example")),
        ("aud", json!([US, "https://other.example"])),
        ("aud", json!([])),
        ("aud", json!(format!("{US}/oauth2/token/"))),
        ("aud", Value::Null),
        ("exp", json!(NOW + 306)),
        ("exp", json!(NOW - 5)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("sub", json!("demo-crm")),
        ("iss", json!("demo-crm")),
        ("iss", json!("nobody")),
        ("nbf", json!(NOW + 6)),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("j".repeat(257))),
    ] {
        let mut claims = assertion_claims("x");
        claims.as_object_mut().unwrap().remove(name);
        if !value.is_null() {
            claims[name] = value.clone();
        }
        let refused = node.issue_token(by_assertion(&signed(&claims))).await;
        assert_eq!(refused, Err(AccessError::InvalidClient), "{name} {value}");
    }
    let stranger = sign_jwt(
        "JWT",
        &key(5).public().thumbprint(),
        &assertion_claims("x"),
        &key(6),
    )
    .unwrap();
    let typed = sign_jwt(
        "at+jwt",
        &key(5).public().thumbprint(),
        &assertion_claims("x"),
        &key(5),
    )
    .unwrap();
    let mut both = assertion_claims("x");
    (both["iss"], both["sub"]) = (json!("nobody"), json!("nobody"));
    let nobody = signed(&both);
    for assertion in [stranger.as_str(), &typed, &nobody, "", "..", &secret] {
        let refused = node.issue_token(by_assertion(assertion)).await;
        assert_eq!(refused, Err(AccessError::InvalidClient), "{assertion}");
    }
    // None of them has used up the name.
    assert!(
        node.issue_token(by_assertion(&signed(&assertion_claims("x"))))
            .await
            .is_ok()
    );
}
