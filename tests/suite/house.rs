//! House rules that no lint knows: nothing unfinished or switched off, files of one concept, a README whose commands
//! come first, decision records of one shape, and no address of a package registry.

use crate::support::source::{files, rust_files, starts, tokens};

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let mut code = rust_files("src");
    code.extend(rust_files("tests"));
    none(code.iter().flat_map(|(path, text)| unfinished(path, text)));
}

#[test]
fn no_source_file_is_over_600_lines() {
    none(
        rust_files("src")
            .iter()
            .filter_map(|(path, text)| too_long(path, text)),
    );
}

#[test]
fn the_readme_begins_with_its_two_commands() {
    let readme = text("README.md");
    assert_eq!(
        fenced(&readme).get(..2).unwrap_or_default(),
        ["cargo run --release -- demo", "tests/run"]
    );
}

#[test]
fn decision_records_have_one_shape() {
    let records: Vec<(String, String)> = files("docs/adr")
        .into_iter()
        .filter(|(path, _)| path.ends_with(".md"))
        .collect();
    assert!(!records.is_empty());
    none(misshapen(&records).into_iter());
}

#[test]
fn no_registry_is_named() {
    none(files("").iter().flat_map(|(path, text)| registries(path, text)));
}

#[track_caller]
fn none(found: impl Iterator<Item = String>) {
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn text(path: &str) -> String {
    std::fs::read_to_string(crate::support::source::root().join(path)).unwrap()
}

fn unfinished(path: &str, text: &str) -> Vec<String> {
    const SIGNS: [(&[&str], &str); 7] = [
        (&["todo", "!"], "unfinished"),
        (&["unimplemented", "!"], "unfinished"),
        (&["dbg", "!"], "left over from debugging"),
        (&["[", "ignore", "]"], "a test that is switched off"),
        (&["[", "ignore", "="], "a test that is switched off"),
        (
            &["[", "allow", "("],
            "use `#[expect(…, reason)]`, which goes when it is no longer needed",
        ),
        (
            &[",", "allow", "("],
            "use `#[expect(…, reason)]`, which goes when it is no longer needed",
        ),
    ];
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        for (pattern, why) in SIGNS {
            if starts(&tokens, at, pattern) {
                found.push(format!("{path}:{}: `{}`: {why}", token.line, pattern.concat()));
            }
        }
    }
    found
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > 600).then(|| format!("{path}: {lines} lines; which second concept is in it?"))
}

/// The content of the fenced blocks of a Markdown text, trimmed.
fn fenced(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            match open.take() {
                Some(lines) => blocks.push(lines.join("\n").trim().to_owned()),
                None => open = Some(Vec::new()),
            }
        } else if let Some(lines) = &mut open {
            lines.push(line);
        }
    }
    blocks
}

/// Records are numbered 0000, 0001 … without gaps or doubles, and each has the four headings in order.
fn misshapen(records: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, (path, text)) in records.iter().enumerate() {
        let name = path.rsplit('/').next().unwrap_or_default();
        if !name.starts_with(&format!("{number:04}-")) {
            found.push(format!("{path}: the number {number:04} is expected here"));
        }
        let headings: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .map(str::trim)
            .collect();
        if headings != ["Status", "Context", "Decision", "Consequences"] {
            found.push(format!("{path}: its headings are {headings:?}"));
        }
    }
    found
}

/// Addresses of package registries and mirrors, and settings that choose one. Which registry serves a machine is the
/// business of that machine; the tree names none. (In halves, so that this file does not name them either.)
fn registries(path: &str, text: &str) -> Vec<String> {
    const NAMES: [&str; 14] = [
        concat!("index.", "crates.io"),
        concat!("static.", "crates.io"),
        concat!("sparse+", "http"),
        concat!("replace", "-with"),
        concat!("CARGO_", "REGISTRIES"),
        concat!("registry.", "npmjs"),
        concat!("registry.", "yarnpkg"),
        concat!("npm_config_", "registry"),
        concat!("--", "registry"),
        concat!("pypi.", "org"),
        concat!("files.", "pythonhosted"),
        concat!("deb.", "debian.org"),
        concat!("security.", "debian.org"),
        concat!("proxy.", "golang.org"),
    ];
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for name in NAMES {
            if line.contains(name) {
                found.push(format!("{path}:{}: names `{name}`", number + 1));
            }
        }
    }
    found
}

mod checker {
    use super::*;

    #[test]
    fn unfinished_code_is_seen_and_text_about_it_is_not() {
        for code in [
            "todo!()",
            "unimplemented ! (\"x\")",
            "dbg!(a)",
            "#[ignore]",
            "#[ignore = \"slow\"]",
        ] {
            assert_eq!(unfinished("a.rs", code).len(), 1, "{code}");
        }
        for code in [
            "#[allow(dead_code)]",
            "#![allow(x, reason = \"y\")]",
            "#[cfg_attr(test, allow(x))]",
        ] {
            assert_eq!(unfinished("a.rs", code).len(), 1, "{code}");
        }
        for code in [
            "// todo!()",
            "\"#[ignore]\"",
            "#[expect(x, reason = \"y\")]",
            "fn allow(a: u8) {}",
            "todo + 1",
        ] {
            assert_eq!(unfinished("a.rs", code), Vec::<String>::new(), "{code}");
        }
    }

    #[test]
    fn a_long_file_is_seen() {
        assert!(too_long("a.rs", &"\n".repeat(600)).is_none());
        assert!(too_long("a.rs", &"\n".repeat(601)).is_some());
    }

    #[test]
    fn fenced_commands_are_read() {
        assert_eq!(
            fenced("# T\n```sh\na b\n```\ntext `c`\n\n```\nd\ne\n```\n"),
            ["a b", "d\ne"]
        );
    }

    #[test]
    fn a_gap_a_double_or_a_missing_heading_is_seen() {
        let good = "# T\n\n## Status\n\n## Context\n\n## Decision\n\n## Consequences\n";
        let record = |name: &str, text: &str| (format!("docs/adr/{name}"), text.to_owned());
        assert!(misshapen(&[record("0000-a.md", good), record("0001-b.md", good)]).is_empty());
        assert_eq!(
            misshapen(&[record("0000-a.md", good), record("0002-b.md", good)]).len(),
            1
        );
        assert_eq!(
            misshapen(&[record("0000-a.md", good), record("0000-b.md", good)]).len(),
            1
        );
        assert_eq!(
            misshapen(&[record("0000-a.md", "## Status\n\n## Decision\n")]).len(),
            1
        );
    }

    #[test]
    fn a_registry_is_seen() {
        assert_eq!(
            registries("a", concat!("x\nhttps://index.", "crates.io/")),
            [concat!("a:2: names `index.", "crates.io`")]
        );
        assert_eq!(
            registries("a", concat!("npm i --", "registry=https://mirror.example")).len(),
            1
        );
        assert!(registries("a", "registry+https://github.com/rust-lang/crates.io-index").is_empty());
    }
}
