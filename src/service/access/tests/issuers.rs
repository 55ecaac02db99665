//! Tokens of other issuers.

use super::*;

fn their_claims() -> Value {
    json!({ "iss": THEM, "aud": US, "sub": "u", "azp": "crm", "exp": NOW + 3600, "jti": "j",
        "scope": "openid decisions:check people:write" })
}

fn theirs(name: &str, seed: u8, claims: &Value) -> String {
    sign_jwt("at+jwt", name, claims, &key(seed)).unwrap()
}

#[tokio::test]
async fn tokens_of_another_issuer_count_for_its_own_clients() {
    let house = House::new();
    let node = house.node();
    node.add_client(client("idp:crm", Credential::Elsewhere))
        .await
        .unwrap();
    node.add_client(client("crm", Credential::Secret)).await.unwrap();
    let token = theirs("k1", 9, &their_claims());
    let caller = node.authenticate(&token).await.unwrap();
    assert_eq!(
        (caller.client.as_str(), caller.system.as_str()),
        ("idp:crm", "crm")
    );
    assert_eq!(caller.scopes, BTreeSet::from([Scope::DecisionsCheck]));

    for (name, value, because) in [
        ("azp", json!("other"), TokenFault::UnknownClient),
        ("azp", json!("idp:crm"), TokenFault::UnknownClient),
        ("azp", json!("a b"), TokenFault::UnknownClient),
        ("azp", json!(["crm"]), TokenFault::Claim("client_id")),
        ("azp", Value::Null, TokenFault::Claim("client_id")),
        ("client_id", json!("crm2"), TokenFault::Claim("client_id")),
        ("jti", Value::Null, TokenFault::Claim("jti")),
        ("scope", json!(["decisions:check"]), TokenFault::Claim("scope")),
        (
            "aud",
            json!("https://akkoord.example.evil"),
            TokenFault::Jwt(JwtError::Audience),
        ),
        ("iss", json!("https://id.example/"), TokenFault::UnknownIssuer),
        ("iss", json!("https://evil.example"), TokenFault::UnknownIssuer),
        // Their key does not make our tokens.
        ("iss", json!(US), TokenFault::Jwt(JwtError::Key)),
    ] {
        let mut claims = their_claims();
        claims.as_object_mut().unwrap().remove(name);
        if !value.is_null() {
            claims[name] = value.clone();
        }
        assert_eq!(
            fault(node.authenticate(&theirs("k1", 9, &claims)).await),
            because,
            "{name} {value}"
        );
    }
    let mut without = their_claims();
    without.as_object_mut().unwrap().remove("scope");
    let caller = node.authenticate(&theirs("k1", 9, &without)).await.unwrap();
    assert!(caller.scopes.is_empty());

    // They turn to a new key: what the old one signed stops counting, remembered or not.
    *house.theirs.newer.lock().unwrap() = Some(keys("k2", 10));
    assert!(
        node.authenticate(&theirs("k2", 10, &their_claims()))
            .await
            .is_ok()
    );
    assert_eq!(
        fault(node.authenticate(&token).await),
        TokenFault::Jwt(JwtError::Key)
    );
}
