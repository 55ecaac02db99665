//! Writing the answer, line by line, and counting what it says.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;

use super::lines::{Format, Line, Lines};
use crate::domain::decision::{Effect, Question};
use crate::service::bulk::BulkAnswer;
use crate::web::cells;
use crate::web::problem::Problem;

/// The reason of a line that names nobody.
const MALFORMED: &str = "malformed";

/// Writes answers.
pub(super) struct Answering {
    format: Format,
    delimiter: char,
    only_permitted: bool,
    tally: Tally,
}

/// What was answered so far.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tally {
    checked: u64,
    permitted: u64,
    denied: BTreeMap<&'static str, u64>,
    malformed: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'t> {
    #[serde(flatten)]
    tally: &'t Tally,
    decision_batch_id: String,
}

impl Answering {
    pub(super) fn new(format: Format, delimiter: char, only_permitted: bool) -> Self {
        Self {
            format,
            delimiter,
            only_permitted,
            tally: Tally::default(),
        }
    }

    /// What stands before the first answer.
    pub(super) fn head(&self) -> Vec<u8> {
        match self.format {
            Format::Ndjson => Vec::new(),
            Format::Csv => ["value", "ref", "decision", "reason", "dataScopes"]
                .join(&self.delimiter.to_string())
                .into_bytes()
                .into_iter()
                .chain(*b"\r\n")
                .collect(),
        }
    }

    /// The answers about a chunk. `answers` are about those of its lines that name somebody.
    pub(super) fn chunk(&mut self, lines: &Lines, answers: &[BulkAnswer], question: &Question) -> Vec<u8> {
        let mut out = Vec::with_capacity(lines.lines.len() * 96);
        let mut answers = answers.iter();
        for line in &lines.lines {
            let answer = if line.names { answers.next() } else { None };
            let permitted = answer.is_some_and(|answer| answer.effect() == Effect::Permit);
            match answer {
                None => self.tally.malformed += 1,
                Some(_) if permitted => {
                    self.tally.checked += 1;
                    self.tally.permitted += 1;
                }
                Some(answer) => {
                    self.tally.checked += 1;
                    *self.tally.denied.entry(answer.reason()).or_default() += 1;
                }
            }
            if permitted || !self.only_permitted {
                match self.format {
                    Format::Ndjson => ndjson(&mut out, lines, line, answer, question),
                    Format::Csv => self.csv(&mut out, lines, line, answer, question),
                }
            }
        }
        out
    }

    /// The end of a whole answer.
    pub(super) fn summary(&self, id: String) -> Vec<u8> {
        let summary = Summary {
            tally: &self.tally,
            decision_batch_id: id,
        };
        match self.format {
            Format::Ndjson => line_of("summary", &summary),
            Format::Csv => {
                let json = serde_json::to_string(&summary).unwrap_or_default();
                self.row(&["#summary", &summary.decision_batch_id, "", "", &json])
            }
        }
    }

    /// The end of an answer that is not whole.
    pub(super) fn error(&self, problem: &Problem) -> Vec<u8> {
        let document = problem.document();
        match self.format {
            Format::Ndjson => line_of("error", &document),
            Format::Csv => {
                let json = serde_json::to_string(&document).unwrap_or_default();
                self.row(&["#error", "", "", problem.kind().code(), &json])
            }
        }
    }

    fn csv(
        &self,
        out: &mut Vec<u8>,
        lines: &Lines,
        line: &Line,
        answer: Option<&BulkAnswer>,
        question: &Question,
    ) {
        let decision = answer.map_or(Effect::Deny, |answer| answer.effect()).as_str();
        let reason = answer.map_or(MALFORMED, |answer| answer.reason());
        cells::write(out, lines.value(line).unwrap_or_default(), self.delimiter);
        self.between(out);
        cells::write(out, lines.reference(line).unwrap_or_default(), self.delimiter);
        self.between(out);
        out.extend_from_slice(decision.as_bytes());
        self.between(out);
        out.extend_from_slice(reason.as_bytes());
        self.between(out);
        for (at, scope) in answer
            .iter()
            .flat_map(|answer| answer.scopes(question))
            .enumerate()
        {
            if at > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(scope.as_str().as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    fn row(&self, cells: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, text) in cells.iter().enumerate() {
            if at > 0 {
                self.between(&mut out);
            }
            cells::write(&mut out, text, self.delimiter);
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    fn between(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.delimiter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn line_of<T: Serialize>(name: &str, content: &T) -> Vec<u8> {
    let mut out = serde_json::to_vec(&BTreeMap::from([(name, content)])).unwrap_or_default();
    out.push(b'\n');
    out
}

fn ndjson(out: &mut Vec<u8>, lines: &Lines, line: &Line, answer: Option<&BulkAnswer>, question: &Question) {
    out.extend_from_slice(b"{\"value\":");
    match lines.value(line) {
        Some(value) => string(out, value),
        None => out.extend_from_slice(b"null"),
    }
    if let Some(reference) = lines.reference(line) {
        out.extend_from_slice(b",\"ref\":");
        string(out, reference);
    }
    out.extend_from_slice(b",\"decision\":\"");
    out.extend_from_slice(
        answer
            .map_or(Effect::Deny, |answer| answer.effect())
            .as_str()
            .as_bytes(),
    );
    out.extend_from_slice(b"\",\"reason\":\"");
    out.extend_from_slice(answer.map_or(MALFORMED, |answer| answer.reason()).as_bytes());
    out.extend_from_slice(b"\",\"dataScopes\":[");
    for (at, scope) in answer
        .iter()
        .flat_map(|answer| answer.scopes(question))
        .enumerate()
    {
        out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        out.extend_from_slice(scope.as_str().as_bytes());
        out.push(b'"');
    }
    out.push(b']');
    if answer.is_none() {
        // Writing to memory does not fail.
        let _ = write!(out, ",\"line\":{}", lines.number(line));
    }
    out.extend_from_slice(b"}\n");
}

/// A JSON string. Control characters do not occur: a line that has one is malformed and not repeated.
fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().any(|byte| matches!(byte, b'"' | b'\\')) {
        for byte in text.bytes() {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_json() {
        for text in ["plain", "with \"quotes\" and \\", "één"] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
