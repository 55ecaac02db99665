#![expect(clippy::string_slice, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::*;
use crate::policy::plain_language;

/// The texts of a file: id, and the text with its variables and selectors as written.
fn messages(ftl: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in ftl.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        match line.split_once(" = ").or_else(|| line.split_once(" =")) {
            Some((id, text)) if !line.starts_with([' ', '}', '\t']) => {
                assert!(!found.contains_key(id), "{id} is there twice");
                found.insert(id.to_owned(), text.to_owned());
                current = Some(id.to_owned());
            }
            _ => {
                let text = found
                    .get_mut(current.as_ref().expect("a text begins with its id"))
                    .unwrap();
                text.push('\n');
                text.push_str(line);
            }
        }
    }
    found
}

fn variables(text: &str) -> BTreeSet<&str> {
    text.split('$')
        .skip(1)
        .map(|rest| {
            &rest[..rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .unwrap_or(rest.len())]
        })
        .collect()
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_variables() {
    let mut ids = BTreeSet::new();
    for (room, dutch, english) in TEXTS {
        for text in [dutch, english] {
            let read = FluentResource::try_new((*text).to_owned());
            assert!(read.is_ok(), "{room}: {:?}", read.unwrap_err().1);
        }
        let (dutch, english) = (messages(dutch), messages(english));
        let difference: Vec<_> = dutch
            .keys()
            .collect::<BTreeSet<_>>()
            .symmetric_difference(&english.keys().collect())
            .copied()
            .cloned()
            .collect();
        assert!(
            difference.is_empty(),
            "{room}: in one language only: {difference:?}"
        );
        for (id, text) in &dutch {
            assert_eq!(variables(text), variables(&english[id]), "{id}");
            assert!(ids.insert(id.clone()), "{id} is in two rooms");
        }
    }
}

/// The words of rooms that members and visitors read; officers know the words of their trade.
fn for_everyone(room: &str) -> bool {
    !room.starts_with("officer")
}

#[test]
fn the_words_are_plain() {
    let mut found = Vec::new();
    for (room, dutch, english) in TEXTS {
        for (language, ftl) in [(Language::Nl, dutch), (Language::En, english)] {
            let longest = match (language, for_everyone(room)) {
                (Language::Nl, true) => 14,
                (Language::En, true) => 18,
                (_, false) => 22,
            };
            let mut whole = String::new();
            for (id, text) in messages(ftl) {
                let values: Vec<(String, &str)> = variables(&text)
                    .into_iter()
                    .map(|name| (name.to_owned(), "7"))
                    .collect();
                let values: Vec<(&str, &dyn Display)> = values
                    .iter()
                    .map(|(name, value)| (name.as_str(), value as &dyn Display))
                    .collect();
                let said = say(language, &id, &values);
                for mistake in plain_language::mistakes(&said, language, longest) {
                    found.push(format!("{}/{room}.ftl {id}: {mistake}", language.as_str()));
                }
                whole.push_str(&said);
                whole.push_str("\n\n");
            }
            if language == Language::Nl && for_everyone(room) {
                let (average, ease) = plain_language::measure(&whole).unwrap();
                assert!(
                    average <= 9.0 && ease >= 65.0,
                    "{room}: {average:.1} words a sentence, reading ease {ease:.0}"
                );
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn files(folder: &Path, ends: &str, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ends, into);
        } else if path.to_str().unwrap().ends_with(ends) {
            into.push(path);
        }
    }
}

/// Literal ids in `say("…`, `say1("…` … of templates and code, and ids in `text!("…")` lists.
#[test]
fn every_used_text_is_there_and_every_text_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    files(&root.join("templates"), ".html", &mut paths);
    for room in ["web", "portal", "officer", "api"] {
        files(&root.join("src").join(room), ".rs", &mut paths);
    }
    let mut whole = String::new();
    let mut missing = Vec::new();
    for path in paths.iter().filter(|path| !path.ends_with("texts/tests.rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        for (at, _) in text.match_indices(".say") {
            // Letters and packages have a `say` of their own.
            if !text[..at].trim_end().ends_with("page") {
                continue;
            }
            let rest = &text[at + 4..];
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let Some(rest) = rest.strip_prefix('(') else {
                continue;
            };
            let Some(id) = rest
                .trim_start()
                .strip_prefix('"')
                .and_then(|rest| rest.split('"').next())
            else {
                continue;
            };
            // Letters and certificates have words of their own in code, which begin with a capital.
            if id.starts_with(|c: char| c.is_ascii_lowercase()) && !has(id) {
                missing.push(format!("{}: {id}", path.display()));
            }
        }
        whole.push_str(&text);
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    let mut unused = Vec::new();
    for (_, dutch, _) in TEXTS {
        for id in messages(dutch).into_keys() {
            // Ids with a part that is computed are named by that part: `error-` and a status, `basis-` and a ground.
            let computed = COMPUTED.iter().any(|start| id.starts_with(start));
            if !computed && !whole.contains(&format!("\"{id}\"")) {
                unused.push(id);
            }
        }
    }
    assert!(unused.is_empty(), "not used: {}", unused.join(", "));
}

/// Beginnings of ids of which the rest is computed.
const COMPUTED: &[&str] = &["report-", "error-", "fgw-", "month-"];

#[test]
fn numbers_choose_the_plural_and_the_rest_is_text() {
    assert_eq!(argument("007".to_owned()), FluentValue::from("007"));
    assert_eq!(argument("088-1".to_owned()), FluentValue::from("088-1"));
    assert!(matches!(argument("0".to_owned()), FluentValue::Number(_)));
    assert_eq!(say(Language::En, "common-large-text", &[]), "Larger letters");
    assert_eq!(say(Language::Nl, "no-such-text", &[]), "no-such-text");
}
