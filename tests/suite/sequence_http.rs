//! The audit logs as anybody on the internet sees them: without a token, tile by tile, and verified with the key alone.

use std::time::{Duration, Instant};

use akkoord::audit::bundle;
use akkoord::audit::checkpoint::Checkpoint;
use akkoord::audit::verify::Verifier;
use akkoord::crypto::note::VerifierKey;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::http::Api;

const LONGEST: Duration = Duration::from_secs(20);

struct Fetched {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// A GET without a token, its body as bytes.
async fn fetch(api: &Api, path: &str) -> Fetched {
    let mut stream = TcpStream::connect(api.server.addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..at].to_vec())
        .unwrap()
        .to_ascii_lowercase();
    Fetched {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: bytes[at + 4..].to_vec(),
    }
}

async fn text(api: &Api, path: &str) -> String {
    let fetched = fetch(api, path).await;
    assert_eq!(fetched.status, 200, "{path}: {}", fetched.head);
    assert!(
        fetched.head.contains("content-type: text/plain; charset=utf-8"),
        "{}",
        fetched.head
    );
    assert!(
        fetched.head.contains("access-control-allow-origin: *"),
        "{}",
        fetched.head
    );
    String::from_utf8(fetched.body).unwrap()
}

async fn ask(api: &Api) {
    let question = json!({
        "person": {"scheme": "member-number", "value": "1"},
        "organisation": "bibliotheek-de-linde",
        "purpose": "newsletter",
        "action": "contact",
        "channel": "email",
    });
    let answer = api.post("/v1/decisions", &question).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

both_engines! {
    async fn anybody_fetches_and_verifies_the_log(engine) {
        let api = Api::start(engine).await;
        for _ in 0..5 {
            ask(&api).await;
        }
        let key = VerifierKey::parse(text(&api, "/log/decision/vkey").await.trim_end()).unwrap();
        let since = Instant::now();
        let (note, checkpoint) = loop {
            // A log has no checkpoint before its first entry has its place.
            if fetch(&api, "/log/decision/checkpoint").await.status == 200 {
                let note = text(&api, "/log/decision/checkpoint").await;
                let checkpoint = Checkpoint::open(&note, std::slice::from_ref(&key)).unwrap();
                if checkpoint.size == 5 {
                    break (note, checkpoint);
                }
            }
            assert!(since.elapsed() < LONGEST);
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(checkpoint.origin, "akkoord.example/bibliotheken-merwedeland/decision/2027");

        let entries = fetch(&api, "/log/decision/tile/entries/000.p/5").await;
        assert!(entries.head.contains("content-type: application/octet-stream"), "{}", entries.head);
        assert!(entries.head.contains("cache-control: public, max-age=60"), "{}", entries.head);
        let mut verifier = Verifier::new(&note, &key).unwrap();
        let hashes = fetch(&api, "/log/decision-2027/tile/0/000.p/5").await;
        assert!(hashes.head.contains("cache-control: public, max-age=31536000, immutable"), "{}", hashes.head);
        assert_eq!(hashes.body.len(), 5 * 32);
        for (line, hash) in bundle::decode(&entries.body).unwrap().into_iter().zip(hashes.body.as_chunks().0) {
            verifier.leaf(line, Some(hash)).unwrap();
        }
        verifier.finish().unwrap();
        // A narrower tile is the beginning of a wider one.
        assert_eq!(fetch(&api, "/log/decision/tile/0/000.p/3").await.body, hashes.body[..96]);

        for path in [
            "/log/person/checkpoint", "/log/decision-1999/checkpoint", "/log/decision/tile/0/000", "/log/decision/tile/0/000.p/6",
            "/log/decision/tile/0/001.p/1", "/log/decision/tile/1/000.p/1", "/log/decision/tile/entries/000.p/0", "/log/decision/tile/x/000",
            "/log/decision/tile/0/0", "/log/decision/tile/", "/log/decision/tile/0/000.p/5/", "/log/decision", "/log/decision/tile/63/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(fetch(&api, path).await.status, 404, "{path}");
        }
        let ready = fetch(&api, "/readyz").await;
        assert!(String::from_utf8(ready.body).unwrap().contains("{\"name\":\"audit-log\",\"ready\":true}"));
        api.service.stop();
    }
}
