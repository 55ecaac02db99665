//! `akkoord serve`: the real program on both engines, its start, its refusals to start, and its end.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::engine::{Engine, TestStorage};
use crate::support::program::{Running, akkoord, answer, get, run};
use crate::support::source::root;

const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(10);

/// A configuration beside a test's database, with a root key.
pub fn configured(storage: &TestStorage, more: &str) -> PathBuf {
    let folder = storage.directory();
    if !folder.join("made").exists() {
        let ended = run(&["config", "init", "--dir", folder.join("made").to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let file = folder.join("akkoord.toml");
    let text = format!(
        "database = \"{}\"\npolicies = \"{}\"\nbind = \"127.0.0.1:0\"\npublic_base = \"http://127.0.0.1:8080\"\n\
         root_key = {{ file = \"made/root.key\" }}\n{more}",
        storage.url(),
        root().join("policies").display(),
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// The program, serving a configuration beside a test's database, and its address.
pub fn serving(storage: &TestStorage, more: &str) -> (Running, String) {
    let file = configured(storage, more);
    let mut running = Running::start(akkoord(&["serve", "--config", file.to_str().unwrap()]));
    let address = running.wait_for("akkoord listens on http://", START);
    (running, address)
}

both_engines! {
    fn it_serves_and_sigterm_ends_it_with_0(engine) {
        let storage = TestStorage::new(engine);
        let (mut running, address) = serving(&storage, "");
        assert_eq!(get(&address, "/healthz").unwrap().0, 200);
        let (status, body) = get(&address, "/readyz").unwrap();
        assert_eq!(status, 200, "{body}");
        running.signal("TERM");
        assert_eq!(running.ended(END), Some(0), "{}", running.complained());
        assert!(get(&address, "/healthz").is_err());
        let log = running.complained();
        assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
        assert!(log.contains("\"message\":\"stopped\""), "{log}");
    }

    fn it_starts_again_on_what_it_left(engine) {
        let storage = TestStorage::new(engine);
        for _ in 0..2 {
            let (mut running, address) = serving(&storage, "test_subjects = true\n");
            assert_eq!(get(&address, "/readyz").unwrap().0, 200);
            running.signal("INT");
            assert_eq!(running.ended(END), Some(0), "{}", running.complained());
        }
    }

    fn another_root_key_is_refused(engine) {
        let storage = TestStorage::new(engine);
        let (mut running, _) = serving(&storage, "");
        running.signal("TERM");
        assert_eq!(running.ended(END), Some(0));
        let other = akkoord(&["serve", "--config", storage.directory().join("akkoord.toml").to_str().unwrap()])
            .env("AKKOORD_ROOT_KEY", "ab".repeat(32))
            .output()
            .unwrap();
        assert_eq!(other.status.code(), Some(78), "{other:?}");
    }

    fn readiness_is_red_before_the_door_closes(engine) {
        let storage = TestStorage::new(engine);
        let (mut running, address) = serving(&storage, "[limits]\ndrain_seconds = 2\n");
        running.signal("TERM");
        let mut red = false;
        while let Ok((status, _)) = get(&address, "/readyz") {
            red |= status == 503;
        }
        assert!(red, "{}", running.complained());
        assert_eq!(running.ended(END), Some(0));
    }
}

#[test]
fn a_request_that_was_accepted_is_answered() {
    let storage = TestStorage::new(Engine::Sqlite);
    let (mut running, address) = serving(&storage, "");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(END)).unwrap();
    let body = "grant_type=client_credentials";
    write!(
        stream,
        "POST /oauth2/token HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\ngrant",
        body.len()
    )
    .unwrap();
    // The server has the head once it answers another request that came after it.
    get(&address, "/healthz").unwrap();
    running.signal("TERM");
    while get(&address, "/healthz").is_ok() {}
    write!(stream, "{}", body.strip_prefix("grant").unwrap()).unwrap();
    assert_eq!(answer(stream).unwrap().0, 401);
    assert_eq!(running.ended(END), Some(0), "{}", running.complained());
}

#[test]
fn a_second_signal_ends_at_once() {
    let storage = TestStorage::new(Engine::Sqlite);
    let (mut running, address) = serving(&storage, "[limits]\ndrain_seconds = 60\n");
    running.signal("TERM");
    while get(&address, "/readyz").unwrap().0 == 200 {}
    running.signal("TERM");
    assert_eq!(
        running.ended(Duration::from_secs(5)),
        Some(1),
        "{}",
        running.complained()
    );
}

#[test]
fn what_cannot_work_is_said_in_a_sentence() {
    let storage = TestStorage::new(Engine::Sqlite);
    let file = configured(&storage, "");
    let good = std::fs::read_to_string(&file).unwrap();
    let refused = |from: &str, to: &str| {
        std::fs::write(&file, good.replace(from, to)).unwrap();
        let mut running = Running::start(akkoord(&["serve", "--config", file.to_str().unwrap()]));
        (running.ended(START), running.complained())
    };
    let url = storage.url();
    for (from, to, code, words) in [
        (url, "mysql://h/d", 78, "`database` begins with"),
        (url, "postgres://nobody@127.0.0.1:1/none", 1, "not available"),
        (url, "sqlite:///dev/null/akkoord.db", 78, "/dev/null"),
        ("made/root.key", "made/none.key", 78, "cannot read the root key"),
        ("policies = \"", "policies = \"/dev/null", 78, "/dev/null"),
    ] {
        let (ended, complaint) = refused(from, to);
        assert_eq!(ended, Some(code), "{to}: {complaint}");
        assert!(complaint.contains(words), "{to}: {complaint}");
    }
}

#[test]
fn a_port_in_use_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let storage = TestStorage::new(Engine::Sqlite);
    let file = configured(&storage, "");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string()),
    )
    .unwrap();
    let ended = run(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("cannot listen on 127.0.0.1:"),
        "{}",
        ended.stderr
    );
}
