//! Writing a line of JSON straight into its bytes: a check writes one, so this is on the hot path.

use crate::domain::hex::hex_digits;
use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::leaf::Bulk;
use super::word::Word;

/// A JSON object being written, its keys in the order of the calls.
pub(super) struct Line(Vec<u8>);

impl Line {
    pub fn new() -> Self {
        let mut line = Vec::with_capacity(384);
        line.push(b'{');
        Self(line)
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    pub fn key(&mut self, key: &str) {
        self.comma();
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// A comma, unless this is the first member or element.
    fn comma(&mut self) {
        if !matches!(self.0.last(), Some(b'{' | b'[')) {
            self.0.push(b',');
        }
    }

    pub fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    pub fn word(&mut self, key: &str, value: Option<&Word<'_>>) {
        if let Some(word) = value {
            self.string(key, word.as_str());
        }
    }

    pub fn words(&mut self, key: &str, words: &[Word<'_>]) {
        if words.is_empty() {
            return;
        }
        self.key(key);
        self.0.push(b'[');
        for word in words {
            self.comma();
            self.quoted(word.as_str());
        }
        self.0.push(b']');
    }

    pub fn bulk(&mut self, bulk: &Bulk<'_>) {
        self.key("b");
        self.0.push(b'{');
        self.key("checked");
        self.natural(bulk.checked);
        self.key("denied");
        self.0.push(b'{');
        for (reason, count) in &bulk.denied {
            self.comma();
            self.quoted(reason.as_str());
            self.0.push(b':');
            self.natural(*count);
        }
        self.0.push(b'}');
        self.key("permitted");
        self.natural(bulk.permitted);
        self.0.push(b'}');
    }

    pub fn extra(&mut self, extra: &BTreeMap<Word<'_>, Cow<'_, str>>) {
        self.key("x");
        self.0.push(b'{');
        for (key, value) in extra {
            self.comma();
            self.quoted(key.as_str());
            self.0.push(b':');
            self.quoted(value);
        }
        self.0.push(b'}');
    }

    pub fn hex(&mut self, key: &str, bytes: &[u8]) {
        self.key(key);
        self.0.push(b'"');
        for byte in bytes {
            self.0.extend_from_slice(&hex_digits(*byte));
        }
        self.0.push(b'"');
    }

    pub fn base64<const LEN: usize>(&mut self, key: &str, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else { return };
        let mut text = [0; LEN];
        // `LEN` is the exact length for the arrays that `encode` passes, so nothing can be left out.
        let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).unwrap_or(0);
        self.key(key);
        self.0.push(b'"');
        self.0.extend_from_slice(text.get(..written).unwrap_or_default());
        self.0.push(b'"');
    }

    pub fn integer(&mut self, value: i64) {
        if value < 0 {
            self.0.push(b'-');
        }
        self.natural(value.unsigned_abs());
    }

    fn natural(&mut self, mut value: u64) {
        let start = self.0.len();
        loop {
            self.0.push(b'0' + u8::try_from(value % 10).unwrap_or_default());
            value /= 10;
            if value == 0 {
                break;
            }
        }
        if let Some(digits) = self.0.get_mut(start..) {
            digits.reverse();
        }
    }

    /// A JSON string with the shortest escapes (RFC 8259, section 7), as `serde_json` and JavaScript write it.
    fn quoted(&mut self, text: &str) {
        self.0.push(b'"');
        if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
            self.0.extend_from_slice(text.as_bytes());
        } else {
            text.bytes().for_each(|byte| self.escaped(byte));
        }
        self.0.push(b'"');
    }

    fn escaped(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            0x00..0x20 => {
                self.0.extend_from_slice(b"\\u00");
                return self.0.extend_from_slice(&hex_digits(byte));
            }
            _ => return self.0.push(byte),
        };
        self.0.extend_from_slice(&[b'\\', short]);
    }
}
