//! What `docs/RIGHTS.md` walks through, done word for word.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::receiver::Receiver;
use crate::support::source::root;

/// The blocks of shell in the document, joined.
fn lines() -> String {
    let text = std::fs::read_to_string(root().join("docs/RIGHTS.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_lines_of_the_document_erase_somebody_and_prove_it() {
    let there = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !["curl", "jq", "sqlite3"].into_iter().all(there) {
        eprintln!("curl, jq or sqlite3 is missing: the lines of docs/RIGHTS.md were not run");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let program = Path::new(env!("CARGO_BIN_EXE_akkoord")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    // Whatever goes wrong, the service ends with the script.
    let script = format!(
        "set -eu\ntrap '[ -z \"${{SERVER:-}}\" ] || kill \"$SERVER\" 2> /dev/null || true' EXIT\n{}",
        lines()
    );
    let output = Command::new("timeout")
        .args(["300", "sh", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("PORT", port.to_string())
        .env("HOOK", receiver.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    for proof in [
        "In order: certificate of erasure",
        "1 of 1 people have no key",
        "In order:",
        "tombstone: gdpr-5-2",
    ] {
        assert!(said.contains(proof), "{proof}: {said}");
    }
    let told = receiver.wait(Duration::from_secs(5), |got| {
        got.iter().any(|got| got.kind() == "person-erased")
    });
    assert!(
        told.iter().any(|got| got.kind() == "restriction-set"),
        "stopped from the approval on"
    );
    assert!(
        std::fs::read(folder.path().join("certificate.pdf"))
            .unwrap()
            .starts_with(b"%PDF-")
    );
}
