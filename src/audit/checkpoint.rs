//! What a log commits to: a signed note with its origin, size and root (C2SP tlog-checkpoint).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::tree::Hash;
use crate::crypto::SigningKey;
use crate::crypto::note::{Note, NoteError, VerifierKey, sign_note};

/// The head of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log: an address without scheme, such as `akkoord.example/log/decision/2027`.
    pub origin: String,
    /// Entries in the log.
    pub size: u64,
    /// The root of the tree over these entries.
    pub root: Hash,
}

/// Why a text is no checkpoint, or not one to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The signed note is malformed, not signed, or wrongly signed.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// Not the three lines of a checkpoint; `line` is counted from 1.
    #[error("checkpoint: line {line} is not {}", ["the name of a log", "a number of entries", "a root hash"]
        .get(line.saturating_sub(1)).copied().unwrap_or("expected: our logs write three lines"))]
    Line {
        /// The first line that is wrong.
        line: usize,
    },
    /// Signed with the key of another log than the one it names.
    #[error("the checkpoint names another log than the key that signed it")]
    Origin,
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads that text. Lines after the third, which the format allows, are refused: our logs write none, and nobody
    /// can audit them.
    ///
    /// # Errors
    /// [`CheckpointError::Line`].
    pub fn parse_body(body: &str) -> Result<Self, CheckpointError> {
        let mut lines = body.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        let (origin, size, root) = (line(), line(), line());
        if origin.is_empty() {
            return Err(CheckpointError::Line { line: 1 });
        }
        let size = decimal(size).ok_or(CheckpointError::Line { line: 2 })?;
        let root = hash_line(root).ok_or(CheckpointError::Line { line: 3 })?;
        if lines.next() != Some("") || lines.next().is_some() {
            return Err(CheckpointError::Line { line: 4 });
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// The checkpoint as a note, signed under the name of its log.
    ///
    /// # Errors
    /// [`NoteError`] for an origin with spaces, plus signs or control characters.
    pub fn sign(&self, key: &SigningKey) -> Result<String, NoteError> {
        sign_note(&self.body(), &self.origin, key)
    }

    /// Reads a note and verifies that the log it names has signed it. `known` may hold several keys, for a log that
    /// changed its key; signatures by others, such as witnesses, are passed over.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(note: &str, known: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let note = Note::parse(note)?;
        let signers = note.signers(known)?;
        let checkpoint = Self::parse_body(note.text)?;
        // A key that signs two logs must not let one stand for the other.
        if signers.iter().any(|key| key.name() == checkpoint.origin) {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Origin)
        }
    }
}

/// A number in ASCII digits without leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in base64, in its one canonical form.
pub(super) fn hash_line(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::Secret32;

    pub(in crate::audit) fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(Secret32::from_bytes([seed; 32])).unwrap()
    }

    pub(in crate::audit) fn verifier(name: &str, seed: u8) -> VerifierKey {
        VerifierKey::new(name, key(seed).public()).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "example.com/log".into(),
            size: 20_852_163,
            root: [7; 32],
        }
    }

    #[test]
    fn the_body_of_the_specification_reads_and_writes() {
        let body = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let read = Checkpoint::parse_body(body).unwrap();
        assert_eq!(
            (read.origin.as_str(), read.size),
            ("example.com/behind-the-sofa", 20_852_163)
        );
        assert_eq!(read.body(), body);
        let empty = Checkpoint { size: 0, ..read };
        assert_eq!(Checkpoint::parse_body(&empty.body()), Ok(empty));
    }

    #[test]
    fn a_body_that_is_not_three_lines_says_which() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        let wrong = [
            (String::new(), 1),
            (format!("\n5\n{root}\n"), 1),
            (format!("log\n\n{root}\n"), 2),
            (format!("log\n05\n{root}\n"), 2),
            (format!("log\n+5\n{root}\n"), 2),
            (format!("log\n-5\n{root}\n"), 2),
            (format!("log\n18446744073709551616\n{root}\n"), 2),
            ("log\n5\n".to_owned(), 3),
            (format!("log\n5\n{}\n", root.trim_start_matches('C')), 3),
            (format!("log\n5\n{}\n", root.replace("I=", "J=")), 3),
            (format!("log\n5\n{root}"), 4),
            (format!("log\n5\n{root}\n\n"), 4),
            (format!("log\n5\n{root}\nextension\n"), 4),
        ];
        for (body, line) in wrong {
            assert_eq!(
                Checkpoint::parse_body(&body),
                Err(CheckpointError::Line { line }),
                "{body:?}"
            );
        }
        let told = CheckpointError::Line { line: 2 }.to_string();
        assert_eq!(told, "checkpoint: line 2 is not a number of entries");
    }

    #[test]
    fn a_checkpoint_is_trusted_when_its_own_log_signed_it() {
        let note = checkpoint().sign(&key(1)).unwrap();
        let known = [verifier("example.com/other", 1), verifier("example.com/log", 1)];
        assert_eq!(Checkpoint::open(&note, &known), Ok(checkpoint()));

        let unsigned = Err(CheckpointError::Note(NoteError::Unsigned));
        assert_eq!(
            Checkpoint::open(&note, &[verifier("example.com/log", 2)]),
            unsigned
        );
        assert_eq!(Checkpoint::open(&note, &[]), unsigned);
        let borrowed = sign_note(&checkpoint().body(), "example.com/other", &key(1)).unwrap();
        assert_eq!(Checkpoint::open(&borrowed, &known), Err(CheckpointError::Origin));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_fails(at: proptest::sample::Index, bit in 0_u8..7) {
            let note = checkpoint().sign(&key(1)).unwrap();
            let mut bytes = note.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(text) = String::from_utf8(bytes) {
                prop_assert!(Checkpoint::open(&text, &[verifier("example.com/log", 1)]).is_err());
            }
        }
    }
}
