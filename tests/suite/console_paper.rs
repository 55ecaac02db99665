//! Reports on paper, as a board gets them from the console: the text is taken out of the PDF and held against the same report
//! as JSON and CSV, in both languages. Every page has its number, and it says how to check it and with which checkpoints.

use std::process::Command;

use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::service::sessions::staff::Role;
use akkoord::world::World as _;
use serde_json::Value;

use crate::console_pages::{LINDE, Officer, fetch, request};
use crate::proposals::{decide, member, officer, say};
use crate::support::app::{Node, Setup};
use crate::support::bundle::files;
use crate::support::engine::{Engine, TestStorage};
use crate::support::people::register;
use crate::support::service::clock;

/// The text of a PDF by `pdftotext`, with one space where there were many; and its pages.
fn text(folder: &std::path::Path, pdf: &[u8]) -> (String, usize) {
    let file = folder.join("report.pdf");
    std::fs::write(&file, pdf).unwrap();
    let read = Command::new("pdftotext")
        .arg("-layout")
        .arg(&file)
        .arg("-")
        .output()
        .unwrap();
    assert!(
        read.status.success() && read.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    let text = String::from_utf8(read.stdout).unwrap();
    let pages = text.matches('\u{c}').count();
    (text, pages)
}

/// A number as people write it.
fn grouped(number: u64, point: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(point);
        }
        text.push(digit);
    }
    text
}

#[actix_web::test]
async fn the_paper_says_what_the_data_say() {
    if Command::new("pdftotext").arg("-v").output().is_err() {
        eprintln!("pdftotext is missing: the text of the reports was not read");
        return;
    }
    let (storage, world) = (TestStorage::new(Engine::Sqlite), clock());
    let node = Node::start(storage.url(), &world, &Setup::default());
    let service = &node.service;
    for number in 1..=60 {
        let said = [(ConsentStatus::Given, IndicationMethod::WebForm)];
        member(service, number, if number % 3 == 0 { &[] } else { &said }).await;
        decide(service, number).await;
    }
    for number in [1, 2, 4] {
        say(
            service,
            number,
            ConsentStatus::Withdrawn,
            IndicationMethod::OneClick,
        )
        .await;
        decide(service, number).await;
    }
    register(service, LINDE, "2000100001", "1980-05-01").await;
    for kind in ["access", "erasure", "portability"] {
        request(service, LINDE, "2000100001", kind).await;
    }
    // All of it is in the logs and signed: 63 answers, and 168 entries of people, their words and their requests.
    let is_signed = async || {
        let lines = service.log_lines(&officer("anna")).await.unwrap();
        let has = |log: &str, size: u64| {
            lines
                .iter()
                .any(|line| line.log == log && line.size == size && line.is_sound())
        };
        has("decision", 63) && has("consent", 168)
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !is_signed().await {
        assert!(std::time::Instant::now() < end, "the logs are not signed");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let anna = Officer::at(&node, "anna", Role::Officer, &[]).await;
    let today = world.now().utc().date_naive().to_string();
    let report = async |kind: &str, form: &str, language: &str| {
        let fields = [
            ("soort", kind),
            ("van", "2027-01-01"),
            ("tot", today.as_str()),
            ("bibliotheek", ""),
            ("vorm", form),
            ("reason", "Voor het bestuur"),
        ];
        let ready = Officer::led(&anna.post(&format!("/fg/rapport?taal={language}"), &fields).await);
        let path = ready.split('?').next().unwrap();
        files(&fetch(&node, &anna, &format!("{path}/bestand")).await)
    };
    for language in ["nl", "en"] {
        for kind in ["audit", "rights-requests", "erasures"] {
            let data: Value =
                serde_json::from_slice(&report(kind, "json", language).await["report.json"]).unwrap();
            let tables = report(kind, "csv", language).await;
            let (paper, pages) = text(
                storage.directory(),
                &report(kind, "pdf", language).await["report.pdf"],
            );
            let lines: Vec<String> = paper
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            let whole = lines.join(" ");
            let (page, of, point) = if language == "nl" {
                ("Pagina", "van", '.')
            } else {
                ("Page", "of", ',')
            };
            for number in 1..=pages {
                assert!(
                    whole.contains(&format!("{page} {number} {of} {pages}")),
                    "{kind} {language}: {whole}"
                );
            }
            assert!(whole.contains("akkoord report verify"), "{whole}");
            // With which checkpoints: the name of every log, how many entries, and its root in full or in part.
            let logs = data["tables"]["logs"].as_array();
            // Each report makes an entry of the log of administration, which is longer by the next one.
            for log in logs.into_iter().flatten().filter(|log| log["log"] != "admin") {
                let origin = log["origin"].as_str().unwrap();
                assert!(whole.replace(' ', "").contains(origin), "{origin}: {whole}");
                let size = log["size"].as_u64().or(log["entries"].as_u64());
                let size = size.unwrap_or_else(|| panic!("{log}"));
                assert!(whole.contains(&grouped(size, point)), "{size}: {whole}");
            }
            // Every row of every table in CSV is one of the JSON, with the same numbers, and stands on the paper.
            for (name, rows) in data["tables"].as_object().unwrap() {
                if ["acts", "entries", "logs"].contains(&name.as_str()) {
                    continue;
                }
                let rows = rows.as_array().unwrap();
                let csv = String::from_utf8(tables[&format!("{name}.csv")].clone()).unwrap();
                assert_eq!(
                    csv.lines().filter(|line| !line.is_empty()).count(),
                    rows.len() + 1,
                    "{name}: {csv}"
                );
                for row in rows {
                    let numbers: Vec<u64> = row
                        .as_object()
                        .unwrap()
                        .values()
                        .filter_map(Value::as_u64)
                        .collect();
                    for number in &numbers {
                        assert!(csv.contains(&number.to_string()), "{name} {number}: {csv}");
                    }
                    if name == "checks" {
                        // Permits and denials stand beside each other in one row.
                        let (permits, denials) =
                            (row["permits"].as_u64().unwrap(), row["denials"].as_u64().unwrap());
                        let pair = format!("{} {}", grouped(permits, point), grouped(denials, point));
                        assert!(lines.iter().any(|line| line.ends_with(&pair)), "{pair}: {paper}");
                    }
                }
            }
            if kind == "audit" {
                let sum = |name: &str| -> u64 {
                    let rows = data["tables"]["checks"].as_array().unwrap();
                    rows.iter().map(|row| row[name].as_u64().unwrap()).sum()
                };
                let (permits, denials) = (sum("permits"), sum("denials"));
                assert_eq!((permits, denials), (40, 23));
                for number in [permits + denials, permits, denials] {
                    assert!(
                        whole.contains(&format!(" {} ", grouped(number, point))),
                        "{number}: {whole}"
                    );
                }
                // In words that people use, and in their language.
                let (here, there) = if language == "nl" {
                    ("Nieuwsbrief", "Who")
                } else {
                    ("newsletter", "Bibliotheken vroegen")
                };
                assert!(
                    whole.to_lowercase().contains(&here.to_lowercase()) && !whole.contains(there),
                    "{whole}"
                );
            }
            if kind == "rights-requests" {
                assert!(whole.contains('3'), "{whole}");
            }
        }
    }
    node.stop().await;
}
