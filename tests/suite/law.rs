//! `docs/LAW.md` lists every rule R1–R75 with the tests that prove it, or the later work that will. Here the list is held
//! to the code: what it names exists and is a test, and every test that is named after a rule is listed under it.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::source::{root, rust_files};

/// The rules of the list.
const RULES: std::ops::RangeInclusive<u32> = 1..=75;

/// A row: the rule, and the tests and later work that stand beside it.
struct Row {
    rule: u32,
    tests: Vec<(String, String)>,
    later: bool,
}

fn text() -> String {
    std::fs::read_to_string(root().join("docs/LAW.md")).unwrap()
}

/// Every `file::test` between backticks.
fn named(text: &str) -> Vec<(String, String)> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .filter(|(path, _)| path.ends_with(".rs"))
        .map(|(path, name)| (path.to_owned(), name.to_owned()))
        .collect()
}

fn rows() -> Vec<Row> {
    let text = text();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("| R") && !line.starts_with("| Rule"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [rule, what, proof] = cells[..] else {
                panic!("three cells are expected: {line}")
            };
            assert!(what.len() > 10, "what the rule says is missing: {line}");
            Row {
                rule: rule
                    .strip_prefix('R')
                    .and_then(|number| number.parse().ok())
                    .unwrap_or_else(|| panic!("no rule: {line}")),
                tests: named(proof),
                later: proof.contains("Later:"),
            }
        })
        .collect()
}

/// The tests of the house: file and name.
fn tests() -> BTreeSet<(String, String)> {
    let mut files = rust_files("src");
    files.extend(rust_files("tests"));
    let mut tests = BTreeSet::new();
    for (path, text) in files {
        let mut marked = false;
        for line in text.lines().map(str::trim) {
            let marks = ["#[test]", "#[tokio::test", "#[actix_web::test"];
            if marks.iter().any(|mark| line.starts_with(mark)) {
                marked = true;
                // `on_both_engines!` marks its tests by their argument.
            } else if let Some((_, rest)) = line
                .split_once("fn ")
                .filter(|_| marked || line.contains("(engine)"))
            {
                let name = rest.split('(').next().unwrap_or_default();
                tests.insert((path.clone(), name.to_owned()));
                marked = false;
            }
        }
    }
    tests
}

#[test]
fn every_rule_has_a_row_and_every_row_a_proof_or_a_promise() {
    let rows = rows();
    let listed: Vec<u32> = rows.iter().map(|row| row.rule).collect();
    assert_eq!(listed, RULES.collect::<Vec<_>>());
    for row in rows {
        assert!(
            row.later || !row.tests.is_empty(),
            "R{} has neither a test nor later work",
            row.rule
        );
    }
}

#[test]
fn every_named_test_exists() {
    let tests = tests();
    let lost: Vec<String> = named(&text())
        .into_iter()
        .filter(|test| !tests.contains(test))
        .map(|(path, name)| format!("{path}::{name}"))
        .collect();
    assert!(
        lost.is_empty(),
        "docs/LAW.md names tests that are not there:\n{}",
        lost.join("\n")
    );
}

#[test]
fn every_test_named_after_a_rule_is_listed_under_it() {
    let mut listed: BTreeMap<(String, String), BTreeSet<u32>> = BTreeMap::new();
    for row in rows() {
        for test in row.tests {
            listed.entry(test).or_default().insert(row.rule);
        }
    }
    let unlisted: Vec<String> = tests()
        .into_iter()
        .filter(|test| {
            let rule = rule_of(&test.1);
            rule.is_some_and(|rule| !listed.get(test).is_some_and(|rules| rules.contains(&rule)))
        })
        .map(|(path, name)| format!("{path}::{name}"))
        .collect();
    assert!(
        unlisted.is_empty(),
        "add these tests to docs/LAW.md:\n{}",
        unlisted.join("\n")
    );
}

/// The rule a test is named after: `r17_a_childs_yes_waits_for_a_guardian`.
fn rule_of(name: &str) -> Option<u32> {
    let (rule, _) = name.strip_prefix('r')?.split_once('_')?;
    rule.parse().ok()
}
