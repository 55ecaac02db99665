//! The list as a table of text: rows are kept as they are, and only the one column is sent.

use std::io::{BufRead, Read as _};

use crate::cli::Failure;
use crate::web::cells;

/// Longest row, in bytes.
const LONGEST: u64 = 1 << 20;

/// The header of a list.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// The row as it is, without its end.
    pub(super) text: String,
    pub(super) delimiter: char,
    column: usize,
}

impl Header {
    /// Reads a header, which names `column`.
    pub(super) fn read(row: &[u8], column: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Refused(format!("the list cannot be read: {why}"));
        let text = std::str::from_utf8(row).map_err(|_| wrong("it is not UTF-8; save it as CSV UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let delimiter = if text.contains(';') { ';' } else { ',' };
        let names =
            cells::read(text, delimiter).ok_or_else(|| wrong("the quotes of its header do not fit"))?;
        let is_it = |name: &str| name.trim().eq_ignore_ascii_case(column);
        let at = names.iter().position(|name| is_it(name)).ok_or_else(|| {
            wrong(&format!(
                "its first row names no column `{column}`; name the right one with --column"
            ))
        })?;
        Ok(Self {
            text: text.to_owned(),
            delimiter,
            column: at,
        })
    }

    /// Who a row is about; empty, which the service answers as malformed, where that cannot be told.
    pub(super) fn value(&self, row: &[u8]) -> String {
        let cells = std::str::from_utf8(row)
            .ok()
            .and_then(|text| cells::read(text, self.delimiter));
        let cell = cells.and_then(|cells| cells.get(self.column).map(|cell| cell.trim().to_owned()));
        cell.unwrap_or_default()
    }
}

/// The next row with its end; none at the end of the file.
pub(super) fn row(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
    let mut row = Vec::new();
    let read = reader.take(LONGEST).read_until(b'\n', &mut row);
    match read.map_err(|error| Failure::Refused(format!("cannot read the list: {error}")))? {
        0 => Ok(None),
        _ if row.len() as u64 >= LONGEST && !row.ends_with(b"\n") => Err(Failure::Refused(
            "a row of the list is longer than a mebibyte; is it CSV?".to_owned(),
        )),
        _ => Ok(Some(row)),
    }
}

/// A row without its end.
pub(super) fn bare(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// Whether a row has nothing in it.
pub(super) fn is_blank(row: &[u8]) -> bool {
    row.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_found_by_its_name() {
        let header = Header::read("\u{feff}Naam;\"Lidnummer\"".as_bytes(), "lidnummer").unwrap();
        assert_eq!(header.delimiter, ';');
        assert_eq!(header.value("\"de Wit; Anna\";2000".as_bytes()), "2000");
        assert_eq!(header.value(b"x"), "");
        assert_eq!(header.value(b"\"x;1"), "");
        assert_eq!(header.value(b"\xff;1"), "");
        assert!(Header::read(b"value,ref", "lidnummer").is_err());
        assert!(Header::read(b"\xff", "value").is_err());
    }

    #[test]
    fn rows_end_where_their_lines_end() {
        let mut reader = &b"a\r\n\nb"[..];
        let mut rows = Vec::new();
        while let Some(row) = row(&mut reader).unwrap() {
            rows.push((bare(&row).to_vec(), is_blank(&row)));
        }
        assert_eq!(
            rows,
            [
                (b"a".to_vec(), false),
                (b"".to_vec(), true),
                (b"b".to_vec(), false)
            ]
        );
    }
}
