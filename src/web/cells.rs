//! Rows of CSV (RFC 4180), one to a line: cells read out of them, and cells that are safe to write into them.

use std::borrow::Cow;

/// The cells of one row, without line breaks in cells; none when its quotes do not fit.
pub fn read(row: &str, delimiter: char) -> Option<Vec<Cow<'_, str>>> {
    let mut cells = Vec::with_capacity(2);
    let mut rest = row;
    loop {
        let after = match rest.strip_prefix('"') {
            None => {
                let (cell, after) = match rest.split_once(delimiter) {
                    Some((cell, after)) => (cell, Some(after)),
                    None => (rest, None),
                };
                if cell.contains('"') {
                    return None;
                }
                cells.push(Cow::Borrowed(cell));
                after
            }
            Some(inside) => {
                let (cell, after) = quoted(inside)?;
                cells.push(Cow::Owned(cell));
                match after.strip_prefix(delimiter) {
                    Some(after) => Some(after),
                    None if after.is_empty() => None,
                    None => return None,
                }
            }
        };
        match after {
            Some(after) => rest = after,
            None => return Some(cells),
        }
    }
}

/// A cell from behind its first quote, and what stands behind its last.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        cell.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => return Some((cell, after)),
        }
    }
}

/// Writes a cell that no spreadsheet runs as a formula (it gets an apostrophe in front), and no reader of CSV cuts.
pub fn write(out: &mut Vec<u8>, text: &str, delimiter: char) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quotes = text.contains(['"', '\n', '\r', ',', ';', delimiter]);
    if quotes {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if quotes {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, text, ';');
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+31612345678", "-1", "@SUM(A1)"] {
            assert_eq!(written(text), format!("'{text}"));
        }
        assert_eq!(written("=HYPERLINK(\"x\",1)"), "\"'=HYPERLINK(\"\"x\"\",1)\"");
        assert_eq!(written("a;b"), "\"a;b\"");
        assert_eq!(written("a=b"), "a=b");
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["", "a", "a;b", "\"", "a \"b\" c", "één, twee"] {
            let row = format!("{};x", written(text));
            assert_eq!(read(&row, ';').unwrap(), [text, "x"], "{row}");
        }
        for bad in ["a\"b", "\"a", "\"a\"b", "\"a\"\";b"] {
            assert_eq!(read(bad, ';'), None, "{bad}");
        }
    }
}
