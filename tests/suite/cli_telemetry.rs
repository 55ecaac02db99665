//! What the source writes into log lines is on the list of fields that are printed.

use std::collections::BTreeSet;

use akkoord::telemetry::FIELDS;

use crate::support::source::{Token, rust_files, starts, tokens};

#[test]
fn every_logged_field_is_printed() {
    let mut unknown = BTreeSet::new();
    for (path, text) in rust_files("src") {
        if path == "src/telemetry.rs" {
            continue; // its tests log what must not be printed
        }
        let tokens = tokens(&text);
        for at in 0..tokens.len() {
            let fields = logged(&tokens, at);
            for field in fields
                .into_iter()
                .flatten()
                .filter(|name| !FIELDS.contains(&name.as_str()))
            {
                unknown.insert(format!("{path}:{}: `{field}`", tokens[at].line));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "these fields are dropped from log lines; use a name of FIELDS in src/telemetry.rs, or add one that is never \
         personal:\n{}",
        unknown.into_iter().collect::<Vec<_>>().join("\n")
    );
}

/// The field names of a macro of `tracing` that stands here; none where there is none.
fn logged(tokens: &[Token], at: usize) -> Option<Vec<String>> {
    const MACROS: [&str; 11] = [
        "error",
        "warn",
        "info",
        "debug",
        "trace",
        "error_span",
        "warn_span",
        "info_span",
        "debug_span",
        "trace_span",
        "event",
    ];
    let name = MACROS
        .iter()
        .find(|name| starts(tokens, at, &["tracing", "::", name, "!", "("]))?;
    let mut depth = 0_usize;
    let mut fields = Vec::new();
    for index in at + 4.. {
        let token = tokens.get(index)?.text.as_str();
        match token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        let before = tokens[index - 1].text.as_str();
        let begins = depth == 1 && (before == "(" || before == "," || before == "%" || before == "?");
        let is_name = token.starts_with(|c: char| c.is_ascii_lowercase());
        let after = tokens.get(index + 1).map_or("", |token| token.text.as_str());
        if begins && is_name && (after == "=" || after == "," || after == ")") {
            fields.push(token.to_owned());
        }
    }
    fields.retain(|field| field != name && field != "target" && field != "parent");
    Some(fields)
}

#[test]
fn fields_are_found() {
    let found = |code: &str| logged(&tokens(code), 0);
    assert_eq!(
        found("tracing::info!(a = 1, b = %x.y(c, d), ?e, %f, \"text {}\", g)").unwrap(),
        ["a", "b", "e", "f", "g"]
    );
    assert!(found("other::info!(a = 1)").is_none());
}
