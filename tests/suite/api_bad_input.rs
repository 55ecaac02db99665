//! Bad input: a problem document that names the place, nothing stored, nothing repeated.

use std::collections::BTreeSet;
use std::time::Duration;

use akkoord::service::call::Scope;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::engine::Engine;
use crate::support::http::{Answer, Api, answer, client, send};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const SECRET: &str = "canary.person@example.org";

/// A good question in which one piece of text is replaced.
fn question(from: &str, to: &str) -> String {
    let good = r#"{"person":{"scheme":"member-number","value":"2000123456"},"organisation":"bibliotheek-de-linde","purpose":"newsletter","action":"contact","channel":"email","dataScopes":["email"]}"#;
    assert!(good.contains(from), "{from}");
    good.replacen(from, to, 1)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, pointers: &[&str]) {
    assert_eq!(answer.status, status, "{answer:?}");
    let problem = answer.problem();
    assert_eq!(
        (problem.0.as_str(), problem.1),
        (code, pointers.iter().map(|p| (*p).to_owned()).collect()),
        "{answer:?}"
    );
    assert!(!answer.body.contains("canary"), "{}", answer.body);
    headers_of_every_answer(answer);
}

#[track_caller]
fn headers_of_every_answer(answer: &Answer) {
    for (name, value) in [
        ("api-version", env!("CARGO_PKG_VERSION")),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(answer.header("server"), None);
    assert!(answer.header("cache-control").is_some());
}

#[actix_web::test]
async fn each_mistake_of_a_question_is_named() {
    let api = Api::start(Engine::Sqlite).await;
    let secret_value = format!(r#""value":"{SECRET}""#);
    let long = format!(r#""purpose":"newsletter","reference":"{}""#, "x".repeat(201));
    let deep = format!(r#""purpose":{}1{}"#, "[".repeat(40), "]".repeat(40));
    let deep_pointer = format!("/purpose{}", "/0".repeat(31));
    let cases: Vec<(&str, &str, Vec<&str>)> = vec![
        (
            r#""purpose":"newsletter""#,
            r#""purpos":"newsletter""#,
            vec!["/purpos"],
        ),
        (r#""purpose":"newsletter","#, "", vec!["/purpose"]),
        (r#""action":"contact","#, "", vec!["/action"]),
        (
            r#""organisation":"bibliotheek-de-linde","#,
            "",
            vec!["/organisation"],
        ),
        (
            r#""person":{"scheme":"member-number","value":"2000123456"},"#,
            "",
            vec!["/person"],
        ),
        (r#""value":"2000123456""#, &secret_value, vec!["/person/value"]),
        (r#","value":"2000123456""#, "", vec!["/person/value"]),
        (
            r#""scheme":"member-number""#,
            r#""scheme":"canary""#,
            vec!["/person/scheme"],
        ),
        (
            r#""purpose":"newsletter""#,
            r#""purpose":"canary""#,
            vec!["/purpose"],
        ),
        (
            r#""organisation":"bibliotheek-de-linde""#,
            r#""organisation":"canary""#,
            vec!["/organisation"],
        ),
        (r#""action":"contact""#, r#""action":"canary""#, vec!["/action"]),
        (r#""channel":"email","#, "", vec!["/channel"]),
        (r#""channel":"email""#, r#""channel":"canary""#, vec!["/channel"]),
        (
            r#""action":"contact""#,
            r#""action":"enrich""#,
            vec!["/dataSource"],
        ),
        (r#"["email"]"#, r#"["email","canary"]"#, vec!["/dataScopes/1"]),
        (r#"["email"]"#, r#""email""#, vec!["/dataScopes"]),
        (r#""purpose":"newsletter""#, r#""purpose":7"#, vec!["/purpose"]),
        (
            r#""purpose":"newsletter""#,
            r#""purpose":"newsletter","purpose":"newsletter""#,
            vec!["/purpose"],
        ),
        (
            r#""value":"2000123456""#,
            r#""value":"2000123456","value":"2""#,
            vec!["/person/value"],
        ),
        (
            r#""purpose":"newsletter""#,
            r#""purpose":"news\u0000letter""#,
            vec!["/purpose"],
        ),
        (r#""purpose":"newsletter""#, &long, vec!["/reference"]),
        (r#""purpose":"newsletter""#, &deep, vec![&deep_pointer]),
        (
            r#""purpose":"newsletter""#,
            r#""purpose":"newsletter","at":"2999-01-01T00:00:00Z""#,
            vec!["/at"],
        ),
        (
            r#""purpose":"newsletter""#,
            r#""purpose":"newsletter","at":"yesterday""#,
            vec!["/at"],
        ),
        (
            r#""purpose":"newsletter","action":"contact""#,
            r#""purpose":"x","action":"y""#,
            vec!["/purpose", "/action"],
        ),
        (r#"["email"]}"#, r#"["email"]"#, vec![""]),
        (r#"["email"]}"#, r#"["email"]} {}"#, vec![""]),
    ];
    for (from, to, pointers) in cases {
        let answer = api
            .send("POST", "/v1/decisions", &[JSON], &question(from, to))
            .await;
        refused(&answer, 400, "invalid-input", &pointers);
    }
    let latin = [b"{\"purpose\":\"\xe9\"}".as_slice()].concat();
    let bearer = format!("Bearer {}", api.token);
    let answer = send(
        api.server.addr,
        "POST",
        "/v1/decisions",
        &[JSON, ("Authorization", &bearer)],
        &latin,
    )
    .await;
    refused(&answer, 400, "invalid-input", &[""]);
}

#[actix_web::test]
async fn a_consent_from_the_future_or_without_its_notice_is_refused() {
    let api = Api::start(Engine::Sqlite).await;
    let body = json!({"person": {"scheme": "member-number", "value": "2000123456"},
        "organisation": "bibliotheek-de-linde", "purpose": "newsletter", "status": "given", "language": "nl",
        "indicationMethod": "paper", "actor": {"type": "guardian"}, "occurredAt": "2999-01-01T00:00:00Z",
        "evidence": {"note": {"deep": 1}}});
    let answer = api.post("/v1/consents", &body).await;
    refused(
        &answer,
        400,
        "invalid-input",
        &["/actor/guardian", "/evidence", "/occurredAt"],
    );
}

#[actix_web::test]
async fn bodies_of_another_kind_size_or_pace_are_refused() {
    let api = Api::with(Engine::Sqlite, |options| {
        options.body.deadline = Duration::from_millis(300)
    })
    .await;
    let good = question("email", "email");
    let text = api
        .send("POST", "/v1/decisions", &[("Content-Type", "text/plain")], &good)
        .await;
    refused(&text, 415, "unsupported-media-type", &[]);
    let packed = api
        .send(
            "POST",
            "/v1/decisions",
            &[JSON, ("Content-Encoding", "gzip")],
            &good,
        )
        .await;
    refused(&packed, 415, "unsupported-media-type", &[]);
    let long = question("newsletter", &"x".repeat(1 << 20));
    refused(
        &api.send("POST", "/v1/decisions", &[JSON], &long).await,
        413,
        "body-too-large",
        &[],
    );

    let mut slow = TcpStream::connect(api.server.addr).await.unwrap();
    let head = format!(
        "POST /v1/decisions HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{",
        api.token
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    refused(&answer(&mut slow).await.unwrap(), 408, "body-timeout", &[]);
}

#[actix_web::test]
async fn without_a_token_or_scope_nothing_is_answered() {
    let api = Api::start(Engine::Sqlite).await;
    let good = question("email", "email");
    let anonymous = send(api.server.addr, "POST", "/v1/decisions", &[JSON], good.as_bytes()).await;
    refused(&anonymous, 401, "unauthenticated", &[]);
    assert_eq!(
        anonymous.header("www-authenticate"),
        Some("Bearer realm=\"akkoord\"")
    );
    let false_token = [JSON, ("Authorization", "Bearer canary")];
    let unknown = send(
        api.server.addr,
        "POST",
        "/v1/decisions",
        &false_token,
        good.as_bytes(),
    )
    .await;
    refused(&unknown, 401, "unauthenticated", &[]);
    assert!(
        unknown
            .header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    let path = format!("/v1/decisions?access_token={}", api.token);
    let in_query = send(api.server.addr, "POST", &path, &[JSON], b"{}").await;
    refused(&in_query, 401, "unauthenticated", &[]);

    let token = client(
        &api.service,
        "crm-small",
        "crm",
        BTreeSet::from([Scope::DecisionsCheck]),
    )
    .await;
    let bearer = format!("Bearer {token}");
    let small = [JSON, ("Authorization", bearer.as_str())];
    let body = json!({"keep": "a", "merge": "b", "reason": "c"}).to_string();
    let refusal = send(
        api.server.addr,
        "POST",
        "/v1/people/merges",
        &small,
        body.as_bytes(),
    )
    .await;
    refused(&refusal, 403, "insufficient-scope", &[]);
    let past = question("\"action\"", "\"at\":\"2026-01-01T00:00:00Z\",\"action\"");
    let refusal = send(api.server.addr, "POST", "/v1/decisions", &small, past.as_bytes()).await;
    refused(&refusal, 403, "insufficient-scope", &[]);
}

#[actix_web::test]
async fn paths_and_methods_that_do_not_exist_are_said_so() {
    let api = Api::start(Engine::Sqlite).await;
    for path in [
        "/v1/nothing",
        "/v1/decisions/",
        "/v1/purposes/",
        "/v1",
        "/docs/index.html",
        "/v1/people/%ff/consents",
    ] {
        refused(&api.get(path).await, 404, "not-found", &[]);
    }
    for (method, path, allow) in [
        ("GET", "/v1/decisions", "POST"),
        ("DELETE", "/v1/people/x/preferences", "GET, HEAD, PUT"),
        ("TRACE", "/v1/decisions", "POST"),
        ("OPTIONS", "/u/x", "GET, HEAD, POST"),
        ("POST", "/readyz", "GET, HEAD"),
    ] {
        let answer = api.send(method, path, &[], "").await;
        refused(&answer, 405, "method-not-allowed", &[]);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    for query in ["cursr=1", "limit=1&limit=2", "limit=0", "limit=canary"] {
        let answer = api.get(&format!("/v1/purposes?{query}")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(!answer.body.contains("canary"));
    }
}

#[actix_web::test]
async fn every_answer_carries_its_headers_trace_and_allowance() {
    let api = Api::start(Engine::Sqlite).await;
    for path in [
        "/healthz",
        "/readyz",
        "/v1/openapi.json",
        "/docs",
        "/docs/swagger-ui.css",
        "/v1/purposes",
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        headers_of_every_answer(&answer);
    }
    let document = send(api.server.addr, "GET", "/v1/openapi.json", &[], b"").await;
    assert_eq!(document.header("access-control-allow-origin"), Some("*"));
    assert_eq!(document.body, akkoord::api::openapi::text());
    let sent = (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let traced = api.send("GET", "/v1/purposes", &[sent], "").await;
    let header = traced.header("traceparent").unwrap();
    assert!(
        header.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && !header.contains("00f067aa0ba902b7")
    );
    assert_eq!(traced.header("ratelimit-policy"), Some("\"client\";q=1000;w=2"));
    assert!(traced.header("ratelimit").unwrap().starts_with("\"client\";r=9"));
}

#[actix_web::test]
async fn a_client_that_asks_too_much_has_to_wait() {
    let api = Api::start(Engine::Sqlite).await;
    let token = client(
        &api.service,
        "desk-1",
        "desk",
        BTreeSet::from([Scope::PoliciesRead]),
    )
    .await;
    let bearer = format!("Bearer {token}");
    let mut last = None;
    for _ in 0..500 {
        let answer = send(
            api.server.addr,
            "GET",
            "/v1/purposes?limit=1",
            &[("Authorization", &bearer)],
            b"",
        )
        .await;
        if answer.status != 200 {
            last = Some(answer);
            break;
        }
    }
    let answer = last.unwrap();
    refused(&answer, 429, "too-many-requests", &[]);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(answer.header("ratelimit").unwrap().contains("r=0"));
    assert_eq!(
        api.get("/v1/purposes").await.status,
        200,
        "others are not held up"
    );
}

#[actix_web::test]
async fn counters_are_served_apart_and_name_nobody() {
    let api = Api::with(Engine::Sqlite, |options| {
        options.metrics_bind = Some("127.0.0.1:0".parse().unwrap())
    })
    .await;
    api.send("POST", "/v1/decisions", &[JSON], &question("email", "email"))
        .await;
    api.get("/v1/people/canary/consents").await;
    api.get("/canary").await;
    let text = send(api.server.metrics_addr.unwrap(), "GET", "/metrics", &[], b"")
        .await
        .body;
    for line in [
        r#"akkoord_http_requests_total{route="/v1/decisions",method="POST",status="200"} 1"#,
        r#"akkoord_http_requests_total{route="unmatched",method="GET",status="404"} 1"#,
        r#"akkoord_lane_requests_total{lane="checks"}"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("canary"));
    assert_eq!(api.get("/metrics").await.status, 404);
}

#[actix_web::test]
async fn a_server_that_stops_turns_red_first() {
    let api = Api::start(Engine::Sqlite).await;
    assert_eq!(api.get("/readyz").await.status, 200);
    api.server.drain();
    let red = api.get("/readyz").await;
    assert_eq!((red.status, red.json()["ready"].as_bool()), (503, Some(false)));
    assert_eq!(api.get("/healthz").await.status, 200);
    let addr = api.server.addr;
    api.server.stop(true).await;
    assert!(TcpStream::connect(addr).await.is_err());
}
