//! What is done now and then, what operators see of it, and `HEAD`.

use std::time::{Duration, Instant};

use akkoord::service::chores::ANSWERS_KEPT;
use serde_json::json;

use crate::cli_serve::serving;
use crate::support::engine::TestStorage;
use crate::support::http::{Api, send};
use crate::support::program::{answer, get};
use crate::support::store::NOW;

both_engines! {
    async fn kept_answers_and_used_assertions_go_when_their_time_is_over(engine) {
        let api = Api::start(engine).await;
        let body = json!({
            "organisation": "bibliotheek-de-linde",
            "identifiers": [{"scheme": "member-number", "value": "2000123456"}],
        });
        let post = async || {
            // The clock of this test is faster than tokens live.
            let token = api.service.access().token_of("crm-test").await.unwrap().access_token;
            let bearer = format!("Bearer {token}");
            let headers = [
                ("Authorization", bearer.as_str()),
                ("Content-Type", "application/json"),
                ("Idempotency-Key", "\"k-1\""),
            ];
            send(api.server.addr, "POST", "/v1/people", &headers, body.to_string().as_bytes()).await
        };
        assert_eq!(post().await.header("idempotency-replayed"), None);
        let swept = || {
            let service = api.service.clone();
            async move { tokio::task::spawn_blocking(move || service.do_chores()).await.unwrap().unwrap() }
        };
        api.world.turn_to(NOW.plus_seconds(ANSWERS_KEPT));
        assert_eq!(swept().await, 0);
        assert_eq!(post().await.header("idempotency-replayed"), Some("true"));
        api.world.turn_to(NOW.plus_seconds(ANSWERS_KEPT + 1));
        assert_eq!(swept().await, 1);
        assert_eq!(swept().await, 0);
        assert_eq!(post().await.header("idempotency-replayed"), None);
    }

    fn operators_see_transactions_by_name_and_what_is_done_now_and_then(engine) {
        let storage = TestStorage::new(engine);
        let (mut running, address) = serving(&storage, "metrics_bind = \"127.0.0.2:0\"\n");
        let metrics = running.wait_for("metrics on http://", Duration::from_secs(10));
        let metrics = metrics.strip_suffix("/metrics").unwrap().to_owned();
        let began = Instant::now();
        loop {
            let (status, text) = get(&metrics, "/metrics").unwrap();
            assert_eq!(status, 200);
            let value = |name: &str| -> f64 {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("no {name} in\n{text}")).trim().parse().unwrap()
            };
            if began.elapsed() < Duration::from_millis(100) {
                assert!(value(r#"akkoord_transactions_total{transaction="open_tenant_keys",outcome="committed"}"#) >= 1.0);
                assert_eq!(value(r#"akkoord_chore_failures_total{chore="sweep-answers"}"#), 0.0);
            }
            // The chore that is due first, after a few seconds.
            if value(r#"akkoord_chore_last_success_timestamp_seconds{chore="signing-keys"}"#) > 1_700_000_000.0 {
                assert!(value(r#"akkoord_chore_runs_total{chore="signing-keys"}"#) >= 1.0);
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{text}");
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(get(&address, "/healthz").unwrap().0, 200);
        running.signal("TERM");
        assert_eq!(running.ended(Duration::from_secs(10)), Some(0), "{}", running.complained());
    }

    async fn head_is_get_without_its_body(engine) {
        let api = Api::start(engine).await;
        let paths = [
            "/healthz", "/readyz", "/docs", "/docs/swagger-ui.css", "/v1/openapi.json", "/v1/purposes", "/log/consent/vkey",
            "/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/.well-known/authzen-configuration",
            "/u/nothing", "/v1/nothing", "/v1/receipts/nothing", "/v1/notices/newsletter/1/nl",
        ];
        for path in paths {
            let (get, head) = (api.get(path).await, api.send("HEAD", path, &[], "").await);
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!(head.body, "", "{path}");
            for name in ["content-type", "content-length", "cache-control", "content-security-policy", "api-version", "etag"] {
                assert_eq!(head.header(name), get.header(name), "{path}: {name}");
            }
            assert!(get.header("content-length").is_some(), "{path}");
        }
        let refused = api.send("HEAD", "/v1/decisions", &[], "").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
        let refused = api.send("PATCH", "/v1/purposes", &[], "").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    }
}

#[test]
fn head_leaves_the_connection_usable() {
    use std::io::Write as _;
    let storage = TestStorage::new(crate::support::engine::Engine::Sqlite);
    let (_running, address) = serving(&storage, "");
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(
        stream,
        "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let (status, rest) = answer(stream).unwrap();
    assert_eq!(status, 200);
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n"), "{rest}");
}
