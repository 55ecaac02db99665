//! `akkoord demo`, as a new user meets it: start it, paste what it prints, and see what it says.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::program::{Running, akkoord, run};

/// In a test the program is not optimised; in a release it takes a few seconds.
const READY: Duration = Duration::from_secs(240);

#[test]
fn every_printed_line_does_what_it_says() {
    let mut demo = Running::start(akkoord(&["demo", "--bind", "127.0.0.1:0"]));
    demo.wait_for("Also: ", READY);
    let said = demo.said.clone();
    assert!(said.iter().any(|line| line.contains("DEMO")), "{said:?}");
    assert!(!demo.complained().contains("refused"), "{}", demo.complained());

    // Both ways to a token.
    let tokens: Vec<&str> = said
        .iter()
        .filter_map(|line| line.trim().strip_prefix("TOKEN="))
        .collect();
    assert_eq!(tokens.len(), 2, "{said:?}");
    let mut lines = 0;
    type Paste = fn(&str) -> Value;
    for (token, paste, expect_all) in [
        (tokens[0], paste as Paste, true),
        (tokens[1], paste_without_curl, false),
    ] {
        for (line, answer) in said.iter().zip(said.iter().skip(1)) {
            let (Some(command), Some(answer)) = (line.strip_prefix("  curl "), answer.strip_prefix("  → "))
            else {
                continue;
            };
            let expected: Value =
                serde_json::from_str(&answer.replace("{…,", "{").replace(",…}", "}")).unwrap();
            let actual = paste(&format!("TOKEN={token}; curl {command}"));
            // The second time the members have their history; what was said first must hold then.
            if expect_all || expected.get("status").is_some() {
                assert!(
                    contains(&actual, &expected),
                    "{command}\nexpected {expected}\nanswered {actual}"
                );
            }
            lines += 1;
        }
    }
    assert_eq!(lines, 12, "{said:?}");

    every_test_subject_answers_with_its_own_reason(&said, tokens[0]);

    let folder = temporary_folders();
    assert!(!folder.is_empty());
    demo.signal("INT");
    assert_eq!(
        demo.ended(Duration::from_secs(10)),
        Some(0),
        "{}",
        demo.complained()
    );
    assert!(temporary_folders().len() < folder.len(), "the data stayed behind");
}

fn every_test_subject_answers_with_its_own_reason(said: &[String], token: &str) {
    let base = said
        .iter()
        .find_map(|line| line.split_once(" seconds: ")?.1.split_once("/docs"))
        .unwrap()
        .0;
    for library in [
        "de-linde",
        "het-kompas",
        "de-rietkraag",
        "waterpoort",
        "de-wielewaal",
        "oeverland",
        "zilverpolder",
        "de-vuurtoren",
        "de-hooiberg",
    ] {
        for (subject, reason) in [
            ("granted", "permit-consent"),
            ("refused", "deny-refused"),
            ("withdrawn", "deny-withdrawn"),
            ("expired", "deny-expired"),
            ("never-asked", "deny-no-consent"),
            ("child-needs-guardian", "deny-guardian-required"),
            ("objected", "deny-objection"),
            ("restricted", "deny-restricted"),
            ("erased", "deny-erased"),
            ("unknown", "deny-unknown-subject"),
        ] {
            let body = json!({
                "person": {"scheme": "test", "value": subject}, "organisation": format!("bibliotheek-{library}"),
                "purpose": "newsletter", "action": "contact", "channel": "email", "dataScopes": ["email"],
            });
            let answer = paste(&format!(
                "TOKEN={token}; curl -sS {base}/v1/decisions -H \"Authorization: Bearer $TOKEN\" \
                 -H 'Content-Type: application/json' -d '{body}'"
            ));
            assert_eq!(
                answer["reasons"][0]["code"], reason,
                "{library} {subject}: {answer}"
            );
        }
    }
}

/// What a shell says to a pasted line. A machine that only builds may have no curl; then a stand-in takes its place.
fn paste(line: &str) -> Value {
    let present = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join("curl").exists());
    if present {
        shell(line, None)
    } else {
        paste_without_curl(line)
    }
}

/// As much of curl as the printed lines use, in bash.
fn paste_without_curl(line: &str) -> Value {
    const STAND_IN: &str = r#"#!/bin/bash
type=application/x-www-form-urlencoded
while [ $# -gt 0 ]; do
    case $1 in
    -sS) ;;
    -w) shift ;;
    -d) shift; body=$1 ;;
    -u) shift; headers+="Authorization: Basic $(printf %s "$1" | base64)"$'\r\n' ;;
    -H) shift; case $1 in Content-Type:*) type=${1#*: } ;; *) headers+=$1$'\r\n' ;; esac ;;
    http://*) rest=${1#http://} ;;
    *) echo "curl stand-in: $1?" >&2; exit 2 ;;
    esac
    shift
done
host=${rest%%/*}
exec 3<>"/dev/tcp/${host%:*}/${host##*:}"
LC_ALL=C
printf 'POST /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s' \
    "${rest#*/}" "$host" "$type" "${#body}" "$headers" "$body" >&3
sed '1,/^\r$/d' <&3
"#;
    let folder = tempfile::tempdir().unwrap();
    let stand_in = folder.path().join("curl");
    std::fs::write(&stand_in, STAND_IN).unwrap();
    std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    shell(line, Some(folder.path()))
}

fn shell(line: &str, first: Option<&Path>) -> Value {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = first
        .map(Path::to_owned)
        .into_iter()
        .chain(std::env::split_paths(&path));
    let output = Command::new("sh")
        .args(["-c", line])
        .env("PATH", std::env::join_paths(folders).unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{line}\n{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// Whether everything that was expected is in what came.
fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected
            .iter()
            .all(|(name, expected)| actual.get(name).is_some_and(|actual| contains(actual, expected))),
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() >= expected.len() && actual.iter().zip(expected).all(|(a, e)| contains(a, e))
        }
        _ => actual == expected,
    }
}

fn temporary_folders() -> Vec<std::path::PathBuf> {
    std::fs::read_dir(std::env::temp_dir())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("akkoord-demo-"))
        })
        .collect()
}

#[test]
fn only_this_machine_can_reach_it() {
    for address in ["0.0.0.0:8080", "192.0.2.1:8080", "[::]:8080"] {
        let ended = run(&["demo", "--bind", address]);
        assert_eq!(ended.code, 1, "{address}");
        assert!(ended.stderr.contains("this machine alone"), "{}", ended.stderr);
    }
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("thesis.txt"), "mine").unwrap();
    let ended = run(&[
        "demo",
        "--bind",
        "127.0.0.1:0",
        "--data",
        directory.path().to_str().unwrap(),
    ]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("is not empty"), "{}", ended.stderr);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_port_in_use_is_said_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = run(&["demo", "--bind", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("cannot listen"), "{}", ended.stderr);
}
