//! Several values as one byte string that can be read in one way only.

/// Joins values, each behind its length as four bytes (big endian), so that no two different
/// lists of values give the same bytes. Used for everything that is authenticated but not stored
/// beside the ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// A frame that begins with `label`, which names what the frame is for and its version.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self(Vec::with_capacity(160)).text(label)
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, value: &[u8]) -> Self {
        // A part beyond 4 GiB never occurs: names, identifiers and numbers go in here.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    /// Adds a number, always as eight bytes.
    #[must_use]
    pub fn number(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// The joined bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_boundary_changes_the_frame() {
        assert_ne!(
            Frame::new("a").text("bc").text("d"),
            Frame::new("a").text("b").text("cd")
        );
        assert_ne!(Frame::new("a").text(""), Frame::new("a"));
        assert_eq!(
            Frame::new("a").number(1).as_bytes(),
            b"\0\0\0\x01a\0\0\0\x08\0\0\0\0\0\0\0\x01"
        );
    }
}
