//! The Merkle tree of RFC 6962 with SHA-256, and its right edge as a compact range.

use crate::crypto::{sha256, sha256_parts};

/// The output of SHA-256.
pub type Hash = [u8; 32];

/// The hash of two neighbours: SHA-256 of a one byte, the left and the right (RFC 6962, section 2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256_parts(&[&[1], left, right])
}

/// The root of a tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The root of a perfect subtree: that of the `2^level` leaves from `index · 2^level` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The height above the leaves, 0 to 63.
    pub level: u8,
    /// The position among the nodes of this level.
    pub index: u64,
}

/// The largest perfect subtrees that, from left to right, hold the leaves from `from` up to but without `to`.
pub fn cover(from: u64, to: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = from;
    while let Some(left @ 1..) = to.checked_sub(at) {
        // A subtree begins at a multiple of its size. 0 is a multiple of everything.
        let aligned = if at == 0 { 63 } else { at.trailing_zeros() };
        let level = aligned.min(left.ilog2());
        nodes.push(Node {
            level: u8::try_from(level).unwrap_or_default(),
            index: at >> level,
        });
        at += 1 << level;
    }
    nodes
}

/// The root over subtrees that stand side by side as [`cover`] puts them from the left edge on: each is the left side
/// of everything to its right.
pub fn fold(hashes: &[Hash]) -> Option<Hash> {
    let (last, rest) = hashes.split_last()?;
    Some(
        rest.iter()
            .rev()
            .fold(*last, |right, left| node_hash(left, &right)),
    )
}

/// All that must be remembered of a tree to append to it and to know its root: at most 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    /// The roots of `cover(0, size)`.
    peaks: Vec<Hash>,
}

/// Why a compact range was not read or not appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The number of hashes is not the one that belongs to the size.
    #[error("a tree of {size} entries has {wanted} subtree hashes, not {found}")]
    Hashes {
        /// Leaves in the tree.
        size: u64,
        /// Hashes that belong to it.
        wanted: usize,
        /// Hashes there are.
        found: usize,
    },
    /// Bytes that are not a size and whole hashes.
    #[error("not a stored compact range")]
    Form,
    /// A subtree cannot begin at this size, or the size would pass 2^64 − 1.
    #[error("a subtree of height {level} cannot be appended to {size} entries")]
    Subtree {
        /// Leaves in the tree.
        size: u64,
        /// The height of the subtree.
        level: u8,
    },
}

impl CompactRange {
    /// The tree without leaves.
    pub const fn new() -> Self {
        Self {
            size: 0,
            peaks: Vec::new(),
        }
    }

    /// A tree of `size` leaves from the roots of its perfect subtrees, the largest first.
    ///
    /// # Errors
    /// [`RangeError::Hashes`].
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Result<Self, RangeError> {
        let wanted = usize::try_from(size.count_ones()).unwrap_or_default();
        let found = hashes.len();
        if wanted == found {
            Ok(Self { size, peaks: hashes })
        } else {
            Err(RangeError::Hashes { size, wanted, found })
        }
    }

    /// Leaves in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, the largest first.
    pub fn hashes(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        fold(&self.peaks).unwrap_or_else(empty_root)
    }

    /// Appends one leaf by its hash (see [`super::leaf::leaf_hash`]).
    pub fn append(&mut self, leaf: Hash) {
        self.merge(0, leaf);
    }

    /// Appends a perfect subtree of `2^level` leaves by its root.
    ///
    /// # Errors
    /// [`RangeError::Subtree`] unless the size is a multiple of `2^level`; nothing is changed then.
    pub fn append_subtree(&mut self, level: u8, root: Hash) -> Result<(), RangeError> {
        let leaves = 1_u64.checked_shl(level.into());
        let fits = leaves.is_some_and(|leaves| {
            self.size.is_multiple_of(leaves) && self.size.checked_add(leaves).is_some()
        });
        if !fits {
            return Err(RangeError::Subtree {
                size: self.size,
                level,
            });
        }
        self.merge(level, root);
        Ok(())
    }

    fn merge(&mut self, level: u8, root: Hash) {
        let (mut hash, mut above) = (root, self.size >> level);
        // Each one bit of the size is a subtree that waits for a right neighbour of its own height.
        while above & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            above >>= 1;
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1 << level);
    }

    /// The size in eight bytes, big endian, and the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.size.to_be_bytes(), self.peaks.as_flattened()].concat()
    }

    /// Reads what [`CompactRange::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`RangeError::Form`] or [`RangeError::Hashes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RangeError> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(RangeError::Form)?;
        let (hashes, rest) = rest.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(RangeError::Form);
        }
        Self::from_hashes(u64::from_be_bytes(*size), hashes.to_vec())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::audit::leaf::leaf_hash;

    /// `count` different leaf hashes.
    pub(in crate::audit) fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    /// MTH of RFC 6962, section 2.1, word for word.
    pub(in crate::audit) fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    fn hex(hash: Hash) -> String {
        hash.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn the_roots_of_the_reference_tree() {
        // The eight entries and roots of the RFC 6962 reference implementation, which every CT library tests with.
        let entries: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut range = CompactRange::new();
        assert_eq!(
            hex(range.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (entry, root) in entries.iter().zip(roots) {
            range.append(leaf_hash(entry));
            assert_eq!(hex(range.root()), root);
        }
    }

    #[test]
    fn a_compact_range_has_the_root_of_the_definition() {
        let leaves = leaves(300);
        let mut range = CompactRange::new();
        for size in 0..=leaves.len() {
            assert_eq!(range.size(), size as u64);
            assert_eq!(range.root(), mth(&leaves[..size]), "size {size}");
            assert_eq!(CompactRange::from_bytes(&range.to_bytes()), Ok(range.clone()));
            for node in cover(0, range.size()).iter().zip(range.hashes()) {
                assert_eq!(*node.1, subtree(&leaves, *node.0));
            }
            if let Some(leaf) = leaves.get(size) {
                range.append(*leaf);
            }
        }
    }

    fn subtree(leaves: &[Hash], node: Node) -> Hash {
        let from = (node.index as usize) << node.level;
        mth(&leaves[from..from + (1 << node.level)])
    }

    #[test]
    fn any_cut_of_a_tree_puts_it_together_again() {
        let leaves = leaves(70);
        for from in 0..=70 {
            for to in from..=70 {
                let mut range = CompactRange::from_hashes(
                    from,
                    cover(0, from).iter().map(|n| subtree(&leaves, *n)).collect(),
                )
                .unwrap();
                for leaf in &leaves[from as usize..to as usize] {
                    range.append(*leaf);
                }
                for node in cover(to, 70) {
                    range.append_subtree(node.level, subtree(&leaves, node)).unwrap();
                }
                assert_eq!((range.size(), range.root()), (70, mth(&leaves)));
            }
        }
    }

    #[test]
    fn damaged_ranges_are_refused() {
        let mut range = CompactRange::new();
        leaves(5).into_iter().for_each(|leaf| range.append(leaf));
        let bytes = range.to_bytes();
        for length in 0..bytes.len() {
            assert!(CompactRange::from_bytes(&bytes[..length]).is_err());
        }
        assert!(CompactRange::from_bytes(&[&bytes[..], &[0; 32]].concat()).is_err());
        let before = range.clone();
        for level in [1, 2, 63, 64, 255] {
            let refused = range.append_subtree(level, [0; 32]);
            assert_eq!(refused, Err(RangeError::Subtree { size: 5, level }));
        }
        assert_eq!(range, before);
    }

    #[test]
    fn the_largest_trees_do_not_overflow() {
        let mut range = CompactRange::from_hashes(u64::MAX - 1, vec![[1; 32]; 63]).unwrap();
        range.append_subtree(0, [2; 32]).unwrap();
        assert_eq!(range.size(), u64::MAX);
        assert!(range.append_subtree(0, [2; 32]).is_err());
        assert_eq!(cover(0, u64::MAX).len(), 64);
        assert_eq!(cover(u64::MAX - 1, u64::MAX).len(), 1);
        assert_eq!(cover(9, 3), []);
    }
}
