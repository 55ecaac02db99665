//! The direction of the rooms: a room uses what stands below it, never what stands above, and the faces never each
//! other. Database, cryptography, web framework, clock and randomness each have one door.

use std::collections::BTreeSet;

use crate::support::source::{Token, rust_files, starts, tokens};

/// From the foundation up; rooms with the same height may not use each other.
const ROOMS: [(&str, u8); 16] = [
    ("domain", 0),
    ("world", 1),
    ("policy", 2),
    ("crypto", 3),
    ("audit", 4),
    ("store", 5),
    ("service", 6),
    ("outward", 7),
    ("web", 8),
    ("api", 9),
    ("portal", 9),
    ("officer", 9),
    ("witness", 9),
    ("telemetry", 9),
    ("config", 10),
    ("cli", 11),
];

/// Rooms that may measure how long something takes.
const MEASURING: [&str; 4] = ["store", "service", "web", "cli"];

#[test]
fn rooms_use_only_what_stands_below_them() {
    let files = rust_files("src");
    let found: Vec<String> = violations(&files);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn violations(files: &[(String, String)]) -> Vec<String> {
    let parsed: Vec<(&str, Vec<Token>)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), tokens(text)))
        .collect();
    let tests: BTreeSet<String> = parsed
        .iter()
        .flat_map(|(path, tokens)| test_modules(path, tokens))
        .collect();
    let mut found = Vec::new();
    for (path, tokens) in &parsed {
        found.extend(directions(path, tokens));
        found.extend(doors(path, tokens));
        if !tests.iter().any(|test| {
            path.strip_prefix(test.as_str())
                .is_some_and(|rest| rest.starts_with(['.', '/']))
        }) {
            found.extend(clocks(path, &without_tests(tokens)));
        }
    }
    found
}

/// The room a file belongs to; none for `main.rs` and `lib.rs`, which stand above all rooms.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let room = inside.split(['/', '.']).next()?;
    (!["main", "lib"].contains(&room)).then_some(room)
}

fn height(room: &str) -> Option<u8> {
    ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, height)| *height)
}

/// Paths that lead into another room: `crate::room`, `crate::{room, …}`, and `super::…::room` when that reaches the root.
fn directions(path: &str, tokens: &[Token]) -> Vec<String> {
    let Some(here) = room(path) else { return Vec::new() };
    let Some(own) = height(here) else {
        return vec![format!(
            "{path}: no room is called `{here}`; give it its place in ROOMS of tests/suite/rooms.rs"
        )];
    };
    let mut found = Vec::new();
    for (name, line) in roots(path, tokens) {
        match height(name) {
            None => found.push(format!("{path}:{line}: `crate::{name}` is not a room")),
            Some(other) if name != here && other >= own => {
                found.push(format!("{path}:{line}: `{here}` may not use `{name}`"));
            }
            Some(_) => {}
        }
    }
    found
}

/// The names that stand directly under the crate root in the paths of a file, with their lines.
fn roots<'t>(path: &str, tokens: &'t [Token]) -> Vec<(&'t str, usize)> {
    let depth = path.trim_end_matches("/mod.rs").matches('/').count();
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let after = if starts(tokens, at, &["crate", "::"]) {
            at + 2
        } else if starts(tokens, at, &["super", "::"]) && (at == 0 || tokens[at - 1].text != "::") {
            let supers = (0..)
                .take_while(|n| starts(tokens, at + 2 * n, &["super", "::"]))
                .count();
            if supers < depth {
                continue;
            }
            // one `super` more than the file is deep may start in an inner module: only names of rooms count
            let after = at + 2 * supers;
            if tokens
                .get(after)
                .is_some_and(|token| token.text != "{" && height(&token.text).is_none())
            {
                continue;
            }
            after
        } else {
            continue;
        };
        let Some(first) = tokens.get(after) else { continue };
        if first.text != "{" {
            found.push((first.text.as_str(), first.line));
            continue;
        }
        let mut nesting = 0;
        for (index, token) in tokens.iter().enumerate().skip(after) {
            match token.text.as_str() {
                "{" => nesting += 1,
                "}" => nesting -= 1,
                "," | ":" | "::" | "*" => {}
                name if nesting == 1 && ["{", ","].contains(&tokens[index - 1].text.as_str()) => {
                    found.push((name, token.line));
                }
                _ => {}
            }
            if nesting == 0 {
                break;
            }
        }
    }
    found
}

/// Crates that only one room, or only the rooms from one height on, may name.
fn doors(path: &str, tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let here = room(path).unwrap_or("main");
    for (at, token) in tokens.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).map_or("", |at| tokens[at].text.as_str());
        let inside_a_path = before(1) == "::"
            && before(2) != "use"
            && before(2).ends_with(|c: char| c.is_alphanumeric() || "_>".contains(c));
        let named =
            (starts(tokens, at + 1, &["::"]) && !inside_a_path) || ["use", "crate"].contains(&before(1));
        if !named {
            continue;
        }
        let door = match token.text.as_str() {
            "diesel" | "diesel_migrations" | "libsqlite3_sys" | "pq_sys" if here != "store" => "store",
            "ring" if here != "crypto" => "crypto",
            name if name.starts_with("actix") && height(here).is_some_and(|height| height < 8) => {
                "web and above"
            }
            _ => continue,
        };
        found.push(format!(
            "{path}:{}: `{}` belongs to {door}, not to `{here}`",
            token.line, token.text
        ));
    }
    found
}

/// Readings of a clock and sources of randomness outside `world.rs`.
fn clocks(path: &str, tokens: &[Token]) -> Vec<String> {
    let here = room(path).unwrap_or("main");
    if here == "world" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let name = token.text.as_str();
        let source = match name {
            "Utc" | "Local" | "SystemTime" => starts(tokens, at + 1, &["::", "now"]),
            "Instant" => starts(tokens, at + 1, &["::", "now"]) && !MEASURING.contains(&here),
            "SystemRandom" | "OsRng" | "ThreadRng" | "thread_rng" => true,
            "getrandom" | "rand" | "fastrand" => {
                starts(tokens, at + 1, &["::"]) && (at == 0 || tokens[at - 1].text != "::")
            }
            "new_v4" | "now_v7" => at > 0 && tokens[at - 1].text == "::",
            _ => false,
        };
        if source {
            found.push(format!(
                "{path}:{}: `{name}`: time and randomness come from `World`",
                token.line
            ));
        }
    }
    found
}

/// The code without the items under `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if starts(tokens, at, &CFG_TEST) {
            at = end_of_item(tokens, at + CFG_TEST.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The files of modules declared `#[cfg(test)] mod name;`, as paths without `.rs`.
fn test_modules(path: &str, tokens: &[Token]) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let folder = ["/mod", "/lib", "/main"]
        .iter()
        .find_map(|file| stem.strip_suffix(file))
        .unwrap_or(stem);
    (0..tokens.len())
        .filter(|at| starts(tokens, *at, &CFG_TEST))
        .filter_map(|at| {
            let item = &tokens[at + CFG_TEST.len()..end_of_item(tokens, at + CFG_TEST.len())];
            let declared = item.iter().position(|token| token.text == "mod")?;
            (item.last()?.text == ";").then(|| format!("{folder}/{}", item[declared + 1].text))
        })
        .collect()
}

const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

/// Just behind the item that starts at `at`: after its `;`, or after the brace that closes its body.
fn end_of_item(tokens: &[Token], at: usize) -> usize {
    let mut nesting = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "{" | "(" | "[" => nesting += 1,
            "}" | ")" | "]" => nesting -= 1,
            _ => {}
        }
        if nesting == 0 && ["}", ";"].contains(&token.text.as_str()) {
            return index + 1;
        }
    }
    tokens.len()
}

mod checker {
    use super::violations;

    fn found(path: &str, text: &str) -> Vec<String> {
        violations(&[(path.to_owned(), text.to_owned())])
    }

    #[track_caller]
    fn refused(path: &str, text: &str, because: &str) {
        let found = found(path, text);
        assert!(
            found.len() == 1 && found[0].contains(because),
            "{path}: {text}\n{found:?}"
        );
    }

    #[track_caller]
    fn accepted(path: &str, text: &str) {
        assert_eq!(found(path, text), Vec::<String>::new(), "{path}: {text}");
    }

    #[test]
    fn an_arrow_that_points_up_is_refused() {
        refused(
            "src/domain/consent.rs",
            "\nuse crate::store::Person;",
            "src/domain/consent.rs:2",
        );
        refused(
            "src/policy/mod.rs",
            "fn f() { crate :: service::decide() }",
            "may not use `service`",
        );
        refused(
            "src/store/person.rs",
            "use crate::{domain::{a, web}, service, world};",
            "`service`",
        );
        refused("src/audit/leaf.rs", "use super::super::store::Engine;", "`store`");
        refused("src/audit.rs", "use super::store;", "`store`");
        refused("src/audit/mod.rs", "use super::{crypto, store};", "`store`");
    }

    #[test]
    fn an_arrow_that_points_down_or_stays_is_accepted() {
        accepted(
            "src/service/decide.rs",
            "use crate::{domain::{Purpose, Decision}, store::*, service::Call};",
        );
        accepted("src/service/decide.rs", "use super::audit::Note; use super::web;"); // service::audit, service::web
        accepted("src/main.rs", "use akkoord::cli; fn main() { crate::cli::run() }");
        accepted("src/lib.rs", "pub mod cli; pub mod domain;");
        accepted(
            "src/domain/id.rs",
            "// use crate::store::X;\nconst A: &str = \"crate::store\";",
        );
        accepted("src/domain/id.rs", "pub(crate) fn f() {}");
    }

    #[test]
    fn the_faces_do_not_know_each_other() {
        refused("src/api/mod.rs", "use crate::portal::Page;", "`portal`");
        refused("src/officer/mod.rs", "use crate::api::Wire;", "`api`");
        accepted("src/portal/mod.rs", "use crate::web::Problem;");
    }

    #[test]
    fn a_name_that_is_no_room_is_refused() {
        refused("src/helpers/mod.rs", "", "no room is called `helpers`");
        refused("src/store/mod.rs", "use crate::VERSION;", "not a room");
    }

    #[test]
    fn crates_keep_to_their_room() {
        refused(
            "src/service/record.rs",
            "use diesel::prelude::*;",
            "belongs to store",
        );
        refused(
            "src/cli/mod.rs",
            "#[derive(diesel::Queryable)] struct A;",
            "belongs to store",
        );
        refused(
            "src/main.rs",
            "use diesel_migrations::MigrationHarness;",
            "belongs to store",
        );
        refused(
            "src/audit/mod.rs",
            "fn f() { ::ring::digest::digest(a, b); }",
            "belongs to crypto",
        );
        refused("src/service/mod.rs", "use actix_web::web;", "web and above");
        refused("src/outward/mod.rs", "use actix_rt::spawn;", "web and above");
        accepted("src/store/person.rs", "use diesel::prelude::*;");
        accepted("src/crypto/seal.rs", "use ring::aead;");
        accepted("src/api/mod.rs", "use actix_web::web;");
        accepted("src/policy/mod.rs", "fn f(ring: u8) { let b = a::ring::c; }");
    }

    #[test]
    fn time_and_randomness_have_one_door() {
        refused("src/service/decide.rs", "let now = chrono::Utc::now();", "`Utc`");
        refused("src/main.rs", "std::time::SystemTime::now()", "`SystemTime`");
        refused("src/audit/mod.rs", "Instant::now()", "`Instant`");
        refused("src/api/mod.rs", "tokio::time::Instant::now()", "`Instant`");
        refused(
            "src/crypto/seal.rs",
            "let rng = SystemRandom::new();",
            "`SystemRandom`",
        );
        refused("src/crypto/seal.rs", "getrandom::fill(&mut bytes)", "`getrandom`");
        refused("src/cli/demo.rs", "use rand::Rng;", "`rand`");
        accepted("src/store/pool.rs", "let started = Instant::now();");
        accepted("src/world.rs", "use getrandom::fill; fn now() { Utc::now() }");
    }

    #[test]
    fn tests_may_read_clocks_but_code_behind_them_may_not() {
        let inner = "#[cfg(test)]\n#[expect(x, reason = \"y\")]\nmod tests { fn f() { Utc::now(); } }";
        accepted("src/domain/id.rs", inner);
        refused(
            "src/domain/id.rs",
            &format!("{inner}\nfn f() {{ Utc::now() }}"),
            "src/domain/id.rs:4",
        );
        refused(
            "src/domain/id.rs",
            "#[cfg(test)] use a::b;\nfn f() { Utc::now() }",
            "src/domain/id.rs:2",
        );
        let parent = (
            "src/store/mod.rs".to_owned(),
            "#[cfg(test)]\nmod tests;".to_owned(),
        );
        let child = (
            "src/store/tests.rs".to_owned(),
            "fn f() { Utc::now(); }".to_owned(),
        );
        assert!(violations(&[parent, child.clone()]).is_empty());
        assert_eq!(violations(&[child]).len(), 1);
    }
}
