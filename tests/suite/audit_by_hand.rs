//! What `docs/AUDIT.md` tells an auditor to do with OpenSSL and Python, done word for word.

use std::path::Path;
use std::process::{Command, Output};

use crate::audit_exports::{small_bundle, with};
use crate::support::bundle::{Files, kept, zipped};
use crate::support::engine::Engine;
use crate::support::http::Api;
use crate::support::source::root;

/// The blocks of a language in the document, joined.
fn blocks(language: &str) -> String {
    let text = std::fs::read_to_string(root().join("docs/AUDIT.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = text
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    blocks.collect()
}

fn tools() -> bool {
    let there = |tool: &str| Command::new(tool).arg("--help").output().is_ok();
    ["python3", "openssl"].into_iter().all(there)
}

/// Both parts over a bundle: the signatures, then the entries.
fn by_hand(files: &Files, vkey: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), &zipped(files));
    std::fs::write(folder.path().join("audit.py"), blocks("python")).unwrap();
    let script = format!("set -e\n{}\npython3 ../audit.py\n", blocks("sh"));
    run(folder.path(), &script, vkey)
}

fn run(folder: &Path, script: &str, vkey: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder).env("VKEY", vkey);
    command.output().unwrap()
}

#[actix_web::test]
async fn the_lines_of_the_document_verify_a_bundle_and_refuse_a_broken_one() {
    if !tools() {
        eprintln!("python3 or openssl is missing: the lines of docs/AUDIT.md were not run");
        return;
    }
    for part in [false, true] {
        let api = Api::start(Engine::Sqlite).await;
        let (files, vkey) = small_bundle(&api, part).await;
        let output = by_hand(&files, &vkey);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{complained}");
        assert_eq!(
            said.matches("Signature Verified Successfully").count(),
            2,
            "{said}"
        );
        let expected = if part {
            "In order: entries 1 up to 5 of 7, 3 openings"
        } else {
            "In order: entries 0 up to 7 of 7, 6 openings"
        };
        assert!(said.contains(expected), "{said}");

        for name in [
            "leaves.ndjson",
            "openings.ndjson",
            "checkpoint",
            "manifest.json",
            "entries.csv",
        ] {
            let mut bytes = files[name].clone();
            let at = bytes.len() / 3;
            bytes[at] ^= 1;
            let output = by_hand(&with(&files, name, bytes), &vkey);
            assert!(
                !output.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
    }
}
