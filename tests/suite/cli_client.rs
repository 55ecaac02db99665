//! `akkoord client` beside a service that serves, on both engines.

use std::path::Path;
use std::time::{Duration, Instant};

use akkoord::crypto::{Secret32, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cli_serve::serving;
use crate::support::engine::{Engine, TestStorage};
use crate::support::program::{Ended, Running, run};

/// How long a node that serves may take to hear of a change, and some time for a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn client(storage: &TestStorage, arguments: &[&str]) -> Ended {
    let config = storage.directory().join("akkoord.toml");
    let mut all = vec!["client"];
    all.extend_from_slice(arguments);
    all.extend_from_slice(&["--config", config.to_str().unwrap()]);
    run(&all)
}

#[track_caller]
fn answered(storage: &TestStorage, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let ended = client(storage, &all);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The status and the body of a request with an `Authorization` header.
fn ask(address: &str, method: &str, path: &str, authorization: &str, form: &str) -> (u16, Value) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn token(address: &str, id: &str, secret: &str) -> (u16, Value) {
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    ask(
        address,
        "POST",
        "/oauth2/token",
        &basic,
        "grant_type=client_credentials",
    )
}

fn purposes(address: &str, token: &str) -> u16 {
    ask(address, "GET", "/v1/purposes", &format!("Bearer {token}"), "").0
}

/// Waits until something is so; a node that serves hears of changes within two seconds.
#[track_caller]
fn soon(running: &Running, what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !so() {
        assert!(Instant::now() < end, "{what}: {}", running.complained());
        std::thread::sleep(Duration::from_millis(50));
    }
}

both_engines! {
    fn a_client_is_added_rotated_and_revoked_while_the_service_serves(engine) {
        let storage = TestStorage::new(engine);
        let (running, address) = serving(&storage, "");
        let added = answered(&storage, &["add", "crm-one", "--system", "crm", "--scope", "policies:read,decisions:check"]);
        assert_eq!(added["scopes"], json!(["decisions:check", "policies:read"]));
        let first = added["secret"].as_str().unwrap();
        assert!(first.starts_with("aks_"), "{added}");
        soon(&running, "the client is known", || token(&address, "crm-one", first).0 == 200);
        let bearer = token(&address, "crm-one", first).1["access_token"].as_str().unwrap().to_owned();
        assert_eq!(purposes(&address, &bearer), 200);

        let rotated = answered(&storage, &["rotate", "crm-one"]);
        let second = rotated["secret"].as_str().unwrap();
        soon(&running, "the second secret counts", || token(&address, "crm-one", second).0 == 200);
        assert_eq!(token(&address, "crm-one", first).0, 200);
        assert_eq!(rotated["secretsCreatedAt"].as_array().unwrap().len(), 2);

        let dropped = answered(&storage, &["rotate", "crm-one", "--drop-old"]);
        let third = dropped["secret"].as_str().unwrap();
        soon(&running, "old secrets end", || token(&address, "crm-one", second).0 == 401);
        soon(&running, "old tokens end", || purposes(&address, &bearer) == 401);
        let bearer = token(&address, "crm-one", third).1["access_token"].as_str().unwrap().to_owned();
        assert_eq!(purposes(&address, &bearer), 200);

        assert_eq!(answered(&storage, &["revoke", "crm-one"])["state"], "revoked");
        soon(&running, "tokens of a revoked client end", || purposes(&address, &bearer) == 401);
        assert_eq!(token(&address, "crm-one", third).0, 401);
        let listed = answered(&storage, &["list"]);
        assert_eq!((&listed[0]["clientId"], &listed[0]["state"]), (&json!("crm-one"), &json!("revoked")));
        for secret in [first, second, third] {
            assert!(!listed.to_string().contains(secret) && !running.complained().contains(secret));
        }
    }
}

#[test]
fn an_operator_reads_what_was_done() {
    let storage = TestStorage::new(Engine::Sqlite);
    let (_running, _) = serving(&storage, ISSUER);
    let none = client(&storage, &["list"]);
    assert!(
        none.stdout.starts_with("There are no clients."),
        "{}{}",
        none.stdout,
        none.stderr
    );
    let added = client(
        &storage,
        &["add", "crm-one", "--system", "crm", "--scope", "decisions:check"],
    );
    assert_eq!(added.code, 0, "{}", added.stderr);
    assert!(
        added.stdout.contains("Added client crm-one of system crm."),
        "{}",
        added.stdout
    );
    assert!(
        added.stdout.contains("  Secret  aks_") && added.stdout.contains("shown this once"),
        "{}",
        added.stdout
    );

    let jwks = storage.directory().join("keys.json");
    let public = SigningKey::from_seed(Secret32::from_bytes([5; 32]))
        .unwrap()
        .public();
    std::fs::write(&jwks, json!({ "keys": [public.jwk()] }).to_string()).unwrap();
    let scopes = ["--scope", "people:write", "--scope", "consents:write"];
    let mut arguments = vec![
        "add",
        "wise-one",
        "--system",
        "wise",
        "--jwks",
        jwks.to_str().unwrap(),
    ];
    arguments.extend_from_slice(&scopes);
    let keyed = client(&storage, &arguments);
    assert!(
        keyed.stdout.contains("private_key_jwt") && !keyed.stdout.contains("Secret"),
        "{}{}",
        keyed.stdout,
        keyed.stderr
    );
    let foreign = client(
        &storage,
        &[
            "add",
            "network-idp:0a1b",
            "--system",
            "mailer",
            "--scope",
            "decisions:check",
        ],
    );
    assert_eq!(foreign.code, 0, "{}", foreign.stderr);

    let listed = client(&storage, &["list"]).stdout;
    let lines: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        ["CLIENT", "SYSTEM", "STATE", "PROOF", "CHANGED", "SCOPES"]
    );
    assert_eq!(lines[1][..4], ["crm-one", "crm", "active", "client_secret_basic"]);
    assert_eq!(lines[2][..4], ["network-idp:0a1b", "mailer", "active", "issuer"]);
    assert_eq!(lines[3][..4], ["wise-one", "wise", "active", "private_key_jwt"]);
    assert_eq!(lines[3][5..], ["people:write", "consents:write"]);
}

const ISSUER: &str = "[[issuer]]\nid = \"network-idp\"\nissuer = \"https://id.example\"\n\
    jwks_uri = \"https://id.example/keys\"\nalgorithms = [\"RS256\"]\n";

#[test]
fn mistakes_are_told_in_a_sentence() {
    let storage = TestStorage::new(Engine::Sqlite);
    let (_running, _) = serving(&storage, "");
    answered(
        &storage,
        &["add", "crm-one", "--system", "crm", "--scope", "decisions:check"],
    );
    let absent = Path::new("/nowhere/keys.json").to_str().unwrap();
    let broken = storage.directory().join("broken.json");
    std::fs::write(&broken, "{}").unwrap();
    let add = |id: &'static str, more: &[&'static str]| {
        let mut all = vec!["add", id];
        all.extend_from_slice(more);
        if !more.contains(&"--scope") {
            all.extend_from_slice(&["--scope", "decisions:check"]);
        }
        if !more.contains(&"--system") {
            all.extend_from_slice(&["--system", "crm"]);
        }
        let ended = client(&storage, &all);
        (ended.code, ended.stderr)
    };
    let broken: &'static str = broken.to_str().unwrap().to_owned().leak();
    let absent: &'static str = absent.to_owned().leak();
    for ((code, stderr), expected, words) in [
        (add("crm-one", &[]), 1, "there is a client `crm-one` already"),
        (add("akkoord", &[]), 1, "name of the service itself"),
        (add("crm-two", &["--system", "nowhere"]), 1, "no system `nowhere`"),
        (add("idp:crm", &[]), 1, "no [[issuer]]"),
        (
            add("crm-two", &["--jwks", absent]),
            1,
            "cannot read /nowhere/keys.json",
        ),
        (
            add("crm-two", &["--jwks", broken]),
            1,
            "the JWK set cannot be used",
        ),
        (add("Crm Two", &[]), 2, "a client id is"),
        (
            add("crm-two", &["--scope", "everything"]),
            2,
            "the scopes are decisions:check,",
        ),
    ] {
        assert_eq!(code, expected, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
    for (arguments, words) in [
        (&["rotate", "nobody"][..], "there is no client `nobody`"),
        (&["revoke", "nobody"], "there is no client `nobody`"),
    ] {
        let ended = client(&storage, arguments);
        assert_eq!(
            (ended.code, ended.stderr.contains(words)),
            (1, true),
            "{}",
            ended.stderr
        );
    }
    answered(&storage, &["revoke", "crm-one"]);
    let again = client(&storage, &["rotate", "crm-one"]);
    assert!(
        again.stderr.contains("was revoked; add a new client"),
        "{}",
        again.stderr
    );
}
