//! Rows as CSV (RFC 4180): UTF-8, commas, every text in double quotes.
//!
//! A spreadsheet that opens the file must not take a text for a formula (CWE-1236): a text that begins with what starts
//! one gets an apostrophe before it. Texts that a program reads back (ids, hashes, words) never begin so.

use super::table::{COLUMNS, Cell, rfc3339};

/// The line above the rows.
pub fn head() -> Vec<u8> {
    let mut line = COLUMNS.join(",").into_bytes();
    line.extend_from_slice(b"\r\n");
    line
}

/// Adds one row.
pub fn push(into: &mut Vec<u8>, cells: &[Cell<'_>]) {
    for (column, cell) in cells.iter().enumerate() {
        if column > 0 {
            into.push(b',');
        }
        match cell {
            Cell::Empty => {}
            Cell::Number(number) => into.extend_from_slice(number.to_string().as_bytes()),
            Cell::Time(millis) => into.extend_from_slice(rfc3339(*millis).as_bytes()),
            Cell::Text(text) => push_text(into, text),
        }
    }
    into.extend_from_slice(b"\r\n");
}

/// Adds a text as one cell, without the comma before it.
pub fn push_text(into: &mut Vec<u8>, text: &str) {
    into.push(b'"');
    if starts_a_formula(text) {
        into.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            into.push(b'"');
        }
        into.push(byte);
    }
    into.push(b'"');
}

/// Also behind spaces and control characters, which some programs take away first, and in full-width form, which some
/// input methods write.
fn starts_a_formula(text: &str) -> bool {
    let first = text.chars().next();
    let shown = text
        .trim_start_matches(|c: char| c.is_whitespace() || c.is_control())
        .chars()
        .next();
    first.is_some_and(|first| matches!(first, '\t' | '\r' | '\n'))
        || shown.is_some_and(|shown| "=+-@|%＝＋－＠".contains(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        let mut line = Vec::new();
        push(&mut line, &[Cell::Text(text.into())]);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn no_text_is_a_formula() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n", " =1", "\u{1}=1", "＝1", "|cmd", "%0a",
        ] {
            assert!(one(text).starts_with("\"'"), "{text:?}");
        }
        assert_eq!(one("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"\r\n");
        assert_eq!(one("permit-consent"), "\"permit-consent\"\r\n");
        assert_eq!(one("a,b\nc"), "\"a,b\nc\"\r\n");
    }

    #[test]
    fn numbers_and_instants_stand_bare() {
        let mut line = Vec::new();
        push(&mut line, &[Cell::Number(7), Cell::Empty, Cell::Time(0)]);
        assert_eq!(line, b"7,,1970-01-01T00:00:00.000Z\r\n");
        assert_eq!(
            head().iter().filter(|byte| **byte == b',').count(),
            COLUMNS.len() - 1
        );
    }
}
