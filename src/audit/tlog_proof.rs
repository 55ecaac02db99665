//! The proof that goes with a receipt: a text with which anybody can check, offline, that an entry is in a log whose
//! key they know (`c2sp.org/tlog-proof@v1`, file extension `.tlog-proof`).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra base64                       may be absent; not covered by the proof
//! index 73894
//! base64 of each hash, leaf's sibling first
//!
//! the checkpoint, as it was signed
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError, decimal, hash_line};
use super::leaf::leaf_hash;
use super::proof::{ProofError, verify_inclusion};
use super::tree::Hash;
use crate::crypto::note::VerifierKey;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^64 leaves has 64 levels above them.
const MAX_HASHES: usize = 64;

/// That an entry is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// Bytes for the application. Nothing vouches for them.
    pub extra: Option<Vec<u8>>,
    /// The position of the entry, from 0.
    pub index: u64,
    /// The inclusion proof.
    pub hashes: Vec<Hash>,
    /// The checkpoint as a signed note, with whatever cosignatures it has.
    pub checkpoint: String,
}

/// Why a text is no proof of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogProofError {
    /// Not in the format; `line` is counted from 1.
    #[error("line {line}: not a c2sp.org/tlog-proof@v1")]
    Line {
        /// The first line that is wrong.
        line: usize,
    },
    /// The checkpoint is not one of a known log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not at this place in the log of the checkpoint.
    #[error("the entry is not proved to be in the log: {0}")]
    Proof(#[from] ProofError),
}

impl LogProof {
    /// The text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text. The checkpoint is taken as it stands; [`LogProof::verify`] reads it.
    ///
    /// # Errors
    /// [`LogProofError::Line`].
    pub fn parse(text: &str) -> Result<Self, LogProofError> {
        // The proof's own lines end at the first empty one; the checkpoint has another further on.
        let (own, checkpoint) = text.split_once("\n\n").ok_or(LogProofError::Line { line: 1 })?;
        let mut lines = (1..).zip(own.split('\n'));
        let mut next = || lines.next();
        let at = |line: usize| LogProofError::Line { line };
        let Some((1, HEADER)) = next() else {
            return Err(at(1));
        };
        let (mut line, mut text) = next().ok_or(at(2))?;
        let mut extra = None;
        if let Some(encoded) = text.strip_prefix("extra ") {
            extra = Some(STANDARD.decode(encoded).map_err(|_| at(line))?);
            (line, text) = next().ok_or(at(3))?;
        }
        let index = text.strip_prefix("index ").and_then(decimal).ok_or(at(line))?;
        let mut hashes = Vec::new();
        while let Some((line, text)) = next() {
            let hash = hash_line(text).filter(|_| hashes.len() < MAX_HASHES);
            hashes.push(hash.ok_or(at(line))?);
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that the entry with exactly these bytes is in the log, by one of the `known` keys, and tells in which
    /// state of which log.
    ///
    /// # Errors
    /// [`LogProofError`].
    pub fn verify(&self, entry: &[u8], known: &[VerifierKey]) -> Result<Checkpoint, LogProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, known)?;
        verify_inclusion(
            self.index,
            checkpoint.size,
            &leaf_hash(entry),
            &self.hashes,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::checkpoint::tests::{key, verifier};
    use crate::audit::tree::node_hash;

    fn proof() -> LogProof {
        let leaf = leaf_hash(b"entry");
        let checkpoint = Checkpoint {
            origin: "example.com/log".into(),
            size: 3,
            root: node_hash(&node_hash(&[1; 32], &leaf), &[2; 32]),
        };
        LogProof {
            extra: None,
            index: 1,
            hashes: vec![[1; 32], [2; 32]],
            checkpoint: checkpoint.sign(&key(1)).unwrap(),
        }
    }

    #[test]
    fn a_proof_is_this_text_and_proves_the_entry() {
        let text = proof().to_text();
        let start = "c2sp.org/tlog-proof@v1\nindex 1\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\
                     AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n\nexample.com/log\n3\n";
        assert!(text.starts_with(start), "{text}");
        assert_eq!(LogProof::parse(&text), Ok(proof()));
        let known = [verifier("example.com/log", 1)];
        assert_eq!(proof().verify(b"entry", &known).unwrap().size, 3);
        assert_eq!(
            proof().verify(b"Entry", &known),
            Err(LogProofError::Proof(ProofError::Root))
        );
        let moved = LogProof { index: 0, ..proof() };
        assert_eq!(
            moved.verify(b"entry", &known),
            Err(LogProofError::Proof(ProofError::Root))
        );
        let strange = proof().verify(b"entry", &[verifier("example.com/log", 2)]);
        assert!(matches!(strange, Err(LogProofError::Checkpoint(_))));
    }

    #[test]
    fn extra_data_and_single_entries_read_back() {
        for extra in [None, Some(vec![]), Some(b"\0who".to_vec())] {
            for hashes in [vec![], vec![[3; 32]; 64]] {
                let proof = LogProof {
                    extra: extra.clone(),
                    hashes,
                    index: u64::MAX,
                    ..proof()
                };
                assert_eq!(LogProof::parse(&proof.to_text()), Ok(proof));
            }
        }
    }

    #[test]
    fn what_is_not_in_the_format_says_where() {
        let text = proof().to_text();
        let long = LogProof {
            hashes: vec![[3; 32]; 65],
            ..proof()
        }
        .to_text();
        let wrong = [
            (String::new(), 1),
            (text.replace("@v1", "@v2"), 1),
            (text.replace("\n\n", "\n"), 1),
            ("c2sp.org/tlog-proof@v1\n\nexample.com/log\n".into(), 2),
            (text.replace("index 1", "index 01"), 2),
            (text.replace("index", "extra =\nindex"), 2),
            (text.replace("index", "extra AA==\nextra AA==\nindex"), 3),
            (text.replace("AQEBAQE=", "AQEBAQF="), 3),
            (text.replace("AgI=", "Ag=="), 4),
            (long, 67),
        ];
        for (text, line) in wrong {
            assert_eq!(
                LogProof::parse(&text),
                Err(LogProofError::Line { line }),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_fails(at: proptest::sample::Index, bit in 0_u8..7) {
            let mut bytes = proof().to_text().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(text) = String::from_utf8(bytes) {
                let known = [verifier("example.com/log", 1)];
                let verified = LogProof::parse(&text).map(|proof| proof.verify(b"entry", &known));
                prop_assert!(!matches!(verified, Ok(Ok(_))), "{}", text);
            }
        }
    }
}
