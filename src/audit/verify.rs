//! Verification of an export, with nothing but the export and the key of the log. It trusts no line before the root
//! has been reached, remembers at most a few kilobytes, and says where the first break is.
//!
//! A root alone says *that* something changed. To say *where*, an export also carries the list of its leaf hashes: if
//! the list leads to the signed root and a line does not lead to its hash in the list, that line was changed.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::leaf::{Leaf, LeafError, leaf_hash};
use super::opening::{Opening, OpeningError};
use super::tree::{CompactRange, Hash, RangeError, cover};
use crate::crypto::note::VerifierKey;

/// A line of `leaves.ndjson` or `openings.ndjson`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: u64,
    /// The offset in the file of the first byte of the line; if the line cannot be read as an entry, the offset of the
    /// byte at which reading it stopped.
    pub byte: u64,
}

/// The first thing that is wrong with an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// The checkpoint cannot be trusted, so nothing below it can be checked.
    #[error("checkpoint file: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The hashes to the left or right of a part of a log are not as many as there must be.
    #[error("hashes beside the exported part: {0}")]
    Beside(#[from] RangeError),
    /// A line was changed, left out, put in or moved: it is not the entry at this place in the log.
    #[error("leaves, line {} (byte {}): not entry {index} of the log", at.line, at.byte)]
    Leaf {
        /// Where.
        at: Position,
        /// The entry that should be here, counted from 0.
        index: u64,
    },
    /// There are fewer lines than entries.
    #[error("leaves end at line {} (byte {}): {missing} more expected", at.line, at.byte)]
    Missing {
        /// Where the next line should begin.
        at: Position,
        /// Lines that are not there.
        missing: u64,
    },
    /// There are more lines than entries.
    #[error("leaves, line {} (byte {}): the log has no such entry", at.line, at.byte)]
    Extra {
        /// The first line too many.
        at: Position,
    },
    /// The lines lead to the signed root, and this hash in the list of hashes is not that of its line.
    #[error("hashes, byte {byte}: not the hash of entry {index}, which is in order")]
    HashList {
        /// The offset of the hash in the list.
        byte: u64,
        /// The entry, counted from 0.
        index: u64,
    },
    /// The list of hashes is longer or shorter than the log, or a hash is missing in it.
    #[error("hashes, byte {byte}: the list does not have one hash for each line")]
    HashCount {
        /// Where the first hash is missing or too many.
        byte: u64,
    },
    /// The lines do not lead to the signed root. Without a list of hashes that does, no line can be named, other than
    /// one that is no entry at all.
    #[error("leaves do not lead to the root in the checkpoint{}", match suspect {
        Some(at) => format!("; line {} (byte {}) is the first that looks wrong", at.line, at.byte),
        None => String::new(),
    })]
    Root {
        /// The first line that is not in the form of an entry, or differs from the list of hashes.
        suspect: Option<Position>,
    },
    /// An opening does not open the entry it names.
    #[error("openings, line {} (byte {}): {error}", at.line, at.byte)]
    Opening {
        /// Where.
        at: Position,
        /// Why.
        error: OpeningError,
    },
    /// An opening is of an entry that is not in the export, or openings are not in the order of the entries.
    #[error("openings, line {} (byte {}): no such entry in this export, or not in order", at.line, at.byte)]
    OpeningOrder {
        /// Where.
        at: Position,
    },
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The state of the log in which the entries stand.
    pub checkpoint: Checkpoint,
    /// The first entry of the export, from 0.
    pub from: u64,
    /// The first entry after it.
    pub to: u64,
    /// Openings that were checked.
    pub openings: u64,
}

/// Verifies an export line by line: an opening whenever [`Verifier::wants_opening`], then a leaf; and so on.
#[derive(Debug)]
pub struct Verifier {
    checkpoint: Checkpoint,
    part: Part,
    lines: Cursor,
    tree: CompactRange,
    listing: Listing,
    /// Whether each line is also read as an entry.
    inspect: bool,
    /// The first line that was read as an entry and is not in the form of one.
    malformed: Option<Position>,
    openings: Openings,
}

/// Which entries are exported, and what stands to their right.
#[derive(Debug)]
struct Part {
    from: u64,
    end: u64,
    right: Vec<Hash>,
}

/// How far a file was read.
#[derive(Debug, Default)]
struct Cursor {
    lines: u64,
    bytes: u64,
}

/// The list of leaf hashes beside the lines.
#[derive(Debug)]
enum Listing {
    /// Nothing read yet, or no list.
    None,
    /// Every hash was that of its line.
    Same,
    /// They differ from this line on; the list is a tree of its own.
    Differs {
        at: Position,
        index: u64,
        tree: CompactRange,
    },
}

#[derive(Debug, Default)]
struct Openings {
    cursor: Cursor,
    pending: Option<(Position, Opening)>,
    checked: u64,
    /// The first that opens nothing. Told at the end: perhaps it is the entry that was changed.
    broken: Option<Break>,
}

impl Verifier {
    /// Begins with a checkpoint file and the key of the log, for an export of the whole log.
    ///
    /// # Errors
    /// [`Break::Checkpoint`].
    pub fn new(checkpoint: &str, key: &VerifierKey) -> Result<Self, Break> {
        let checkpoint = Checkpoint::open(checkpoint, std::slice::from_ref(key))?;
        Ok(Self {
            part: Part {
                from: 0,
                end: checkpoint.size,
                right: Vec::new(),
            },
            checkpoint,
            lines: Cursor::default(),
            tree: CompactRange::new(),
            listing: Listing::None,
            inspect: false,
            malformed: None,
            openings: Openings::default(),
        })
    }

    /// For an export of the entries `from` up to but without `end`. `left` are the roots of `cover(0, from)` and
    /// `right` those of `cover(end, size)`, which the export carries. They need not be trusted: wrong ones do not lead
    /// to the signed root.
    ///
    /// # Errors
    /// [`Break::Beside`].
    pub fn part(mut self, from: u64, end: u64, left: Vec<Hash>, right: Vec<Hash>) -> Result<Self, Break> {
        let size = self.checkpoint.size;
        let (wanted, found) = (cover(end, size).len(), right.len());
        if from > end || end > size || wanted != found {
            return Err(RangeError::Hashes { size, wanted, found }.into());
        }
        self.tree = CompactRange::from_hashes(from, left)?;
        self.part = Part { from, end, right };
        Ok(self)
    }

    /// Also reads each line as an entry. It is slower, and of an export without a list of hashes it is the only way
    /// to tell where a line was damaged.
    #[must_use]
    pub const fn inspecting(mut self) -> Self {
        self.inspect = true;
        self
    }

    /// Whether the next line of the openings, if there is one, should be given before the next leaf.
    pub const fn wants_opening(&self) -> bool {
        self.openings.pending.is_none()
    }

    /// Takes a line of the openings, without its newline. Openings are in the order of their entries.
    ///
    /// # Errors
    /// [`Break::Opening`] or [`Break::OpeningOrder`].
    pub fn opening(&mut self, line: &[u8]) -> Result<(), Break> {
        let at = self.openings.cursor.pass(line);
        let opening = Opening::parse(line).map_err(|error| Break::Opening { at, error })?;
        if self.openings.pending.is_some() || !(self.tree.size()..self.part.end).contains(&opening.index) {
            return Err(Break::OpeningOrder { at });
        }
        self.openings.pending = Some((at, opening));
        Ok(())
    }

    /// Takes a line of the leaves, without its newline, with its hash in the list of hashes if the export has one.
    ///
    /// # Errors
    /// [`Break::Extra`], [`Break::Leaf`] or [`Break::HashCount`].
    pub fn leaf(&mut self, line: &[u8], listed: Option<&Hash>) -> Result<(), Break> {
        let at = self.lines.pass(line);
        let index = self.tree.size();
        if index >= self.part.end {
            return Err(self.put_in(at));
        }
        let hash = leaf_hash(line);
        let opened = self.openings.check(index, line);
        let doubted = self.inspect || !opened || listed.is_some_and(|listed| *listed != hash);
        if doubted && self.malformed.is_none() {
            self.malformed = malformed(at, line);
        }
        self.list(at, index, hash, listed)?;
        self.tree.append(hash);
        Ok(())
    }

    fn list(&mut self, at: Position, index: u64, hash: Hash, listed: Option<&Hash>) -> Result<(), Break> {
        let first = index == self.part.from;
        match (&mut self.listing, listed) {
            (Listing::None, None) => {}
            (Listing::Differs { tree, .. }, Some(listed)) => tree.append(*listed),
            (Listing::Same, Some(listed)) if *listed == hash => {}
            (Listing::None, Some(listed)) if first && *listed == hash => self.listing = Listing::Same,
            (Listing::None, Some(listed)) if first => self.diverge(at, index, *listed),
            (Listing::Same, Some(listed)) => self.diverge(at, index, *listed),
            (Listing::None, Some(_)) | (Listing::Same | Listing::Differs { .. }, None) => {
                return Err(Break::HashCount {
                    byte: self.hash_offset(index),
                });
            }
        }
        Ok(())
    }

    fn diverge(&mut self, at: Position, index: u64, listed: Hash) {
        let mut tree = self.tree.clone();
        tree.append(listed);
        self.listing = Listing::Differs { at, index, tree };
    }

    /// Takes a hash of the list for which there is no line any more. With these, an export from which lines were left
    /// out still tells where the first is missing.
    ///
    /// # Errors
    /// [`Break::HashCount`].
    pub fn hash_without_line(&mut self, listed: &Hash) -> Result<(), Break> {
        let (index, end) = (self.tree.size(), self.part.end);
        match &mut self.listing {
            Listing::Differs { tree, .. } if tree.size() < end => tree.append(*listed),
            Listing::Same | Listing::None if index < end => {
                self.diverge(self.lines.position(), index, *listed);
            }
            Listing::Differs { .. } | Listing::Same | Listing::None => {
                return Err(Break::HashCount {
                    byte: self.hash_offset(end),
                });
            }
        }
        Ok(())
    }

    /// Ends the verification.
    ///
    /// # Errors
    /// [`Break`]: the export is not what the checkpoint signs.
    pub fn finish(self) -> Result<Verified, Break> {
        if !self.leads_to_root(&self.tree) {
            return Err(self.unsound());
        }
        if let Listing::Differs { index, .. } = self.listing {
            return Err(Break::HashList {
                byte: self.hash_offset(index),
                index,
            });
        }
        if let Some(broken) = self.openings.broken {
            return Err(broken);
        }
        if let Some((at, _)) = self.openings.pending {
            return Err(Break::OpeningOrder { at });
        }
        let Part { from, end: to, .. } = self.part;
        Ok(Verified {
            checkpoint: self.checkpoint,
            from,
            to,
            openings: self.openings.checked,
        })
    }

    fn leads_to_root(&self, tree: &CompactRange) -> bool {
        let mut tree = tree.clone();
        let nodes = cover(self.part.end, self.checkpoint.size);
        tree.size() == self.part.end
            && nodes
                .iter()
                .zip(&self.part.right)
                .all(|(n, hash)| tree.append_subtree(n.level, *hash).is_ok())
            && tree.root() == self.checkpoint.root
    }

    /// The most exact thing to say of lines that do not lead to the root.
    fn unsound(&self) -> Break {
        let Part { end, .. } = self.part;
        let to = self.tree.size();
        let missing = Break::Missing {
            at: self.lines.position(),
            missing: end.saturating_sub(to),
        };
        // Where the lines leave the list of hashes, and whether that list leads to the root.
        let (at, index, vouched) = match &self.listing {
            Listing::Differs { at, index, tree } => (*at, *index, self.leads_to_root(tree)),
            Listing::None | Listing::Same if to < end => return missing,
            Listing::None | Listing::Same => {
                return Break::Root {
                    suspect: self.malformed,
                };
            }
        };
        // The byte is known if the very line that differs is not in the form of an entry.
        let at = self
            .malformed
            .filter(|malformed| malformed.line == at.line)
            .unwrap_or(at);
        match vouched {
            true if index < to => Break::Leaf { at, index },
            false if to == end => Break::Root { suspect: Some(at) },
            _ => missing,
        }
    }

    /// What to say of a line too many: a complete and right list of hashes tells where a line was put in before it.
    fn put_in(&self, at: Position) -> Break {
        match &self.listing {
            Listing::Differs { at, index, tree } if self.leads_to_root(tree) => Break::Leaf {
                at: *at,
                index: *index,
            },
            _ => Break::Extra { at },
        }
    }

    const fn hash_offset(&self, index: u64) -> u64 {
        index.saturating_sub(self.part.from).saturating_mul(32)
    }
}

impl Openings {
    /// False if there is an opening of this entry that does not open it.
    fn check(&mut self, index: u64, leaf: &[u8]) -> bool {
        let Some((at, opening)) = self.pending.take_if(|(_, opening)| opening.index == index) else {
            return true;
        };
        let Err(error) = opening.check(leaf) else {
            self.checked += 1;
            return true;
        };
        self.broken.get_or_insert(Break::Opening { at, error });
        false
    }
}

impl Cursor {
    const fn position(&self) -> Position {
        Position {
            line: self.lines + 1,
            byte: self.bytes,
        }
    }

    /// The position of the next line; goes past it and its newline.
    fn pass(&mut self, line: &[u8]) -> Position {
        let at = self.position();
        self.lines += 1;
        self.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(1);
        at
    }
}

/// Where a line stops being one that we could have written.
fn malformed(at: Position, line: &[u8]) -> Option<Position> {
    let (LeafError::Form { at: byte } | LeafError::NotCanonical { at: byte }) = Leaf::parse(line).err()?;
    Some(Position {
        line: at.line,
        byte: at.byte + u64::try_from(byte).unwrap_or(0),
    })
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
