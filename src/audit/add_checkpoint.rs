//! What a log asks of a witness, and what a witness answers (C2SP tlog-witness): `POST /add-checkpoint` with
//!
//! ```text
//! old 20852014
//! base64 of each hash of the consistency proof
//!
//! the checkpoint, as its log signed it
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError, decimal, hash_line};
use super::proof::verify_consistency;
use super::tree::{Hash, empty_root};
use crate::crypto::note::{Note, VerifierKey};

/// More hashes than any proof has: a tree of 2^63 leaves has 63 levels above them.
const MAX_HASHES: usize = 63;

/// A log asks for a cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Entries of the checkpoint that the witness is believed to have cosigned last; 0 for none.
    pub old: u64,
    /// That the tree of that checkpoint is the beginning of the tree of this one.
    pub proof: Vec<Hash>,
    /// The checkpoint as a signed note.
    pub checkpoint: String,
}

/// A text that is no such request; `line` is counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {what}")]
pub struct Malformed {
    line: usize,
    what: &'static str,
}

/// The checkpoint of a log that a witness has cosigned last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

impl Seen {
    /// What a witness has seen of a log that it knows the key of and nothing else.
    pub fn nothing() -> Self {
        Self {
            size: 0,
            root: empty_root(),
        }
    }
}

/// Why a witness does not cosign, in the order in which it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCosigned {
    /// 400: not in the format.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// 404: a log that this witness does not watch.
    #[error("this witness does not know a log with this origin")]
    UnknownLog,
    /// 403: not signed by the key that the witness knows for the log.
    #[error("the checkpoint is not signed with the key that this witness knows for its log")]
    Unsigned,
    /// 400: the old size is larger than the new one.
    #[error("the old size is larger than the checkpoint")]
    Shrinking,
    /// 409: the witness has cosigned another size last.
    #[error("the last checkpoint that this witness cosigned has {size} entries")]
    OtherSize {
        /// That size.
        size: u64,
    },
    /// 409: the same size with another root: the log shows two histories.
    #[error("a checkpoint of the same size with another root was cosigned before")]
    OtherRoot {
        /// That size.
        size: u64,
    },
    /// 422: the proof does not lead from the one to the other.
    #[error("the proof does not show that the log only grew")]
    Inconsistent,
}

impl AddCheckpoint {
    /// The body of the request.
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let wrong = |line, what| Malformed { line, what };
        let (own, checkpoint) = text
            .split_once("\n\n")
            .ok_or(wrong(1, "an empty line before the checkpoint"))?;
        let mut lines = own.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old
            .and_then(decimal)
            .ok_or(wrong(1, "`old` and a number of entries"))?;
        let mut proof = Vec::new();
        for (number, line) in (2..).zip(lines) {
            let hash = hash_line(line).filter(|_| proof.len() < MAX_HASHES);
            proof.push(hash.ok_or(wrong(
                number,
                "a hash of 32 bytes in base64, and 63 of them at most",
            ))?);
        }
        Ok(Self {
            old,
            proof,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// The origin that the checkpoint names; nothing is verified.
    pub fn origin(&self) -> Option<&str> {
        let note = Note::parse(&self.checkpoint).ok()?;
        note.text.split('\n').next()
    }

    /// The checkpoint that may be cosigned by a witness which knows the log by `known` and has seen `seen` of it.
    ///
    /// # Errors
    /// [`NotCosigned`].
    pub fn verify(&self, known: &VerifierKey, seen: Seen) -> Result<Checkpoint, NotCosigned> {
        let opened = Checkpoint::open(&self.checkpoint, std::slice::from_ref(known));
        let checkpoint = opened.map_err(|error| match error {
            CheckpointError::Line { line } => NotCosigned::Malformed(Malformed {
                line,
                what: "a checkpoint of three lines",
            }),
            CheckpointError::Note(_) | CheckpointError::Origin => NotCosigned::Unsigned,
        })?;
        if self.old > checkpoint.size {
            return Err(NotCosigned::Shrinking);
        }
        if self.old != seen.size {
            return Err(NotCosigned::OtherSize { size: seen.size });
        }
        let leads = if self.old == 0 {
            // Everything is consistent with nothing, and a tree of nothing has one root.
            self.proof.is_empty() && (checkpoint.size > 0 || checkpoint.root == empty_root())
        } else if self.old == checkpoint.size {
            if checkpoint.root != seen.root {
                return Err(NotCosigned::OtherRoot { size: seen.size });
            }
            self.proof.is_empty()
        } else {
            verify_consistency(
                self.old,
                checkpoint.size,
                &self.proof,
                &seen.root,
                &checkpoint.root,
            )
            .is_ok()
        };
        if leads {
            Ok(checkpoint)
        } else {
            Err(NotCosigned::Inconsistent)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checkpoint::tests::{key, verifier};
    use crate::audit::proof;
    use crate::audit::tree::tests::{leaves, mth};

    const ORIGIN: &str = "akkoord.example/wise/consent/2027";

    fn signed(size: u64, root: Hash) -> String {
        let origin = ORIGIN.to_owned();
        Checkpoint { origin, size, root }.sign(&key(1)).unwrap()
    }

    fn seen(all: &[Hash], size: usize) -> Seen {
        Seen {
            size: u64::try_from(size).unwrap(),
            root: mth(&all[..size]),
        }
    }

    fn prove(all: &[Hash], old: usize, new: usize) -> Vec<Hash> {
        let plan = proof::consistency(u64::try_from(old).unwrap(), u64::try_from(new).unwrap()).unwrap();
        plan.prove(|node| {
            let first = usize::try_from(node.index << node.level).unwrap();
            let end = usize::try_from((node.index + 1) << node.level).unwrap();
            Ok::<_, ()>(mth(&all[first..end.min(new)]))
        })
        .unwrap()
    }

    fn request(all: &[Hash], old: usize, new: usize) -> AddCheckpoint {
        AddCheckpoint {
            old: u64::try_from(old).unwrap(),
            proof: if old == 0 || old == new {
                Vec::new()
            } else {
                prove(all, old, new)
            },
            checkpoint: signed(u64::try_from(new).unwrap(), mth(&all[..new])),
        }
    }

    #[test]
    fn every_growth_is_cosigned_and_read_back() {
        let all = leaves(20);
        for new in 1..=20 {
            for old in 0..=new {
                let asked = request(&all, old, new);
                assert_eq!(
                    AddCheckpoint::parse(&asked.to_text()),
                    Ok(asked.clone()),
                    "{old} {new}"
                );
                let before = if old == 0 {
                    Seen::nothing()
                } else {
                    seen(&all, old)
                };
                let opened = asked.verify(&verifier(ORIGIN, 1), before).unwrap();
                assert_eq!((opened.size, opened.root), (asked_size(new), mth(&all[..new])));
                assert_eq!(asked.origin(), Some(ORIGIN));
            }
        }
    }

    fn asked_size(new: usize) -> u64 {
        u64::try_from(new).unwrap()
    }

    #[test]
    fn each_refusal_has_its_own_reason() {
        let all = leaves(20);
        let good = request(&all, 7, 13);
        let known = verifier(ORIGIN, 1);
        let refused = |asked: &AddCheckpoint, seen| asked.verify(&known, seen).unwrap_err();

        assert_eq!(
            good.verify(&verifier(ORIGIN, 2), seen(&all, 7)),
            Err(NotCosigned::Unsigned)
        );
        let shrinking = AddCheckpoint {
            old: 14,
            ..good.clone()
        };
        assert_eq!(refused(&shrinking, seen(&all, 14)), NotCosigned::Shrinking);
        assert_eq!(refused(&good, seen(&all, 8)), NotCosigned::OtherSize { size: 8 });
        assert_eq!(
            refused(&good, Seen::nothing()),
            NotCosigned::OtherSize { size: 0 }
        );
        // Another history up to the checkpoint that was cosigned.
        let other = Seen {
            root: [9; 32],
            ..seen(&all, 7)
        };
        assert_eq!(refused(&good, other), NotCosigned::Inconsistent);
        let same = AddCheckpoint {
            proof: Vec::new(),
            ..request(&all, 13, 13)
        };
        let other = Seen {
            root: [9; 32],
            ..seen(&all, 13)
        };
        assert_eq!(refused(&same, other), NotCosigned::OtherRoot { size: 13 });
        // Proofs that are too long, too short, or for nothing.
        for proof in [Vec::new(), [good.proof.clone(), vec![[1; 32]]].concat()] {
            let asked = AddCheckpoint {
                proof,
                ..good.clone()
            };
            assert_eq!(refused(&asked, seen(&all, 7)), NotCosigned::Inconsistent);
        }
        let padded = AddCheckpoint {
            proof: vec![[1; 32]],
            ..request(&all, 0, 3)
        };
        assert_eq!(refused(&padded, Seen::nothing()), NotCosigned::Inconsistent);
        let nothing = AddCheckpoint {
            old: 0,
            proof: Vec::new(),
            checkpoint: signed(0, [1; 32]),
        };
        assert_eq!(refused(&nothing, Seen::nothing()), NotCosigned::Inconsistent);
    }

    #[test]
    fn a_body_that_is_not_in_the_format_says_where() {
        let good = request(&leaves(20), 7, 13).to_text();
        let wrong = [
            (String::new(), 1),
            ("old 5\n".to_owned(), 1),
            (good.replacen("old 7", "old 07", 1), 1),
            (good.replacen("old 7", "old -7", 1), 1),
            (good.replacen("old 7", "new 7", 1), 1),
            (good.replacen("=\n", "\n", 1), 2),
            (
                format!(
                    "old 7\n{}\nx",
                    format!("{}\n", STANDARD.encode([0; 32])).repeat(64)
                ),
                65,
            ),
        ];
        for (body, line) in wrong {
            assert_eq!(AddCheckpoint::parse(&body).unwrap_err().line, line, "{body:?}");
        }
    }
}
