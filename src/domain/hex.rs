//! Bytes as people and programs read them: lower-case hexadecimal.

use std::fmt;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The two digits of a byte.
pub fn hex_digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'))
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .copied()
        .flat_map(hex_digits)
        .map(char::from)
        .collect()
}

/// Writes bytes in lower-case hexadecimal.
///
/// # Errors
/// Those of the formatter.
pub fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    // Ids and hashes fit; what is longer goes in pieces.
    let mut text = [0; 64];
    for piece in bytes.chunks(text.len() / 2) {
        let mut length = 0;
        for (to, digit) in text.iter_mut().zip(piece.iter().copied().flat_map(hex_digits)) {
            *to = digit;
            length += 1;
        }
        f.write_str(std::str::from_utf8(text.get(..length).unwrap_or_default()).unwrap_or_default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown<'b>(&'b [u8]);

    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_hex(f, self.0)
        }
    }

    #[test]
    fn every_byte_is_as_the_formatter_writes_it() {
        let all: Vec<u8> = (0..=255).collect();
        let formatted: String = all.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex(&all), formatted);
        assert_eq!(Shown(&all).to_string(), formatted);
        assert_eq!(Shown(&all[..33]).to_string(), formatted.get(..66).unwrap());
        assert_eq!(hex(&[]), "");
        assert_eq!(Shown(&[]).to_string(), "");
    }
}
