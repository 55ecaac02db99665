//! A policy file as text: parsed, and with the line of each of its parts, so that every finding can name one.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::finding::Finding;

/// A file that was read, and where its parts are.
#[derive(Debug, Clone)]
pub struct Parsed<T> {
    /// Relative to the policy folder.
    pub file: String,
    /// Where its parts are.
    pub lines: Lines,
    /// What it says.
    pub value: T,
}

impl<T: DeserializeOwned> Parsed<T> {
    /// Reads one file; the finding says what is wrong with its form.
    pub fn read(file: &str, text: &str) -> Result<Self, Finding> {
        let starts = LineStarts::of(text);
        let place = |error: &toml::de::Error| starts.line(error.span().map_or(0, |span| span.start));
        let table = DeTable::parse(text).map_err(|error| {
            Finding::error(
                file,
                place(&error),
                "syntax",
                first_line(error.message()),
                "write it as TOML (https://toml.io)",
            )
        })?;
        let mut lines = Lines::default();
        lines.add_table("", table.get_ref(), &starts, text);
        let value = toml::from_str(text).map_err(|error| {
            let (code, remedy) = form_mistake(error.message());
            Finding::error(file, place(&error), code, first_line(error.message()), remedy)
        })?;
        Ok(Self {
            file: file.to_owned(),
            lines,
            value,
        })
    }
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// The parser tells sorts of mistakes apart in words only; an unforeseen wording merely gets the general code.
fn form_mistake(message: &str) -> (&'static str, &'static str) {
    let readme = "see policies/README.md for what belongs here";
    if message.starts_with("unknown field") {
        ("unknown-key", "correct the name of the key or remove it")
    } else if message.starts_with("missing field") {
        ("missing-key", "add the key to this table")
    } else if message.starts_with("unknown variant") {
        ("unknown-word", "use one of the words named here")
    } else if message.starts_with("invalid type") {
        ("wrong-type", readme)
    } else {
        ("wrong-value", readme)
    }
}

struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(text: &str) -> Self {
        Self(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(at, _)| at)
                .collect(),
        )
    }

    /// The line of a byte offset, from 1.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

/// On which lines the parts of a document are, by place: `notice.nl.title`, `system.2.may.0.actions`, and for words in a
/// list also `recipients=crm`.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    keys: BTreeMap<String, usize>,
    texts: BTreeMap<String, usize>,
}

impl Lines {
    /// The line of a place, or of the nearest thing around it.
    pub fn of(&self, place: &str) -> usize {
        let mut place = place;
        loop {
            if let Some(line) = self.keys.get(place) {
                return *line;
            }
            match place.rfind(['.', '=']).and_then(|end| place.get(..end)) {
                Some(around) => place = around,
                None => return 1,
            }
        }
    }

    /// The line on which the first line of a text is: one below the key where the text begins after `"""`.
    pub fn of_text(&self, place: &str) -> usize {
        self.texts.get(place).copied().unwrap_or_else(|| self.of(place))
    }

    fn add_table(&mut self, place: &str, table: &DeTable<'_>, starts: &LineStarts, text: &str) {
        for (key, value) in table {
            let name = key.get_ref();
            let place = if place.is_empty() {
                name.to_string()
            } else {
                format!("{place}.{name}")
            };
            self.keys.insert(place.clone(), starts.line(key.span().start));
            self.add_value(place, value, starts, text);
        }
    }

    fn add_value(
        &mut self,
        place: String,
        value: &toml::Spanned<DeValue<'_>>,
        starts: &LineStarts,
        text: &str,
    ) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(&place, table, starts, text),
            DeValue::Array(array) => {
                for (index, element) in array.iter().enumerate() {
                    let line = starts.line(element.span().start);
                    if let Some(word) = element.get_ref().as_str() {
                        self.keys.entry(format!("{place}={word}")).or_insert(line);
                    }
                    let place = format!("{place}.{index}");
                    self.keys.insert(place.clone(), line);
                    self.add_value(place, element, starts, text);
                }
            }
            DeValue::String(_) => {
                let raw = text.get(value.span()).unwrap_or_default();
                let opens = |quote: &str| {
                    raw.strip_prefix(quote)
                        .is_some_and(|r| r.trim_start_matches('\r').starts_with('\n'))
                };
                let below = opens("\"\"\"") || opens("'''");
                self.texts
                    .insert(place, starts.line(value.span().start) + usize::from(below));
            }
            _ => {}
        }
    }
}
