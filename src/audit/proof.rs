//! Inclusion proofs (an entry is in the log) and consistency proofs (a log only grew), of RFC 6962, section 2.1.
//!
//! Making a proof is planned first and read after: the plan names the hashes that are needed, so that whoever stores
//! them can fetch all at once.

use super::tree::{Hash, Node, cover, fold, node_hash};

/// The hashes of which a proof is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Vec<Node>>);

impl Plan {
    /// All hashes that [`Plan::prove`] will ask for.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.0.iter().flatten().copied()
    }

    /// The proof, its hashes in the order of RFC 6962. `read` gives the root of a perfect subtree.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn prove<E>(&self, mut read: impl FnMut(Node) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
        let mut proof = Vec::with_capacity(self.0.len());
        for nodes in &self.0 {
            let hashes = nodes
                .iter()
                .map(|node| read(*node))
                .collect::<Result<Vec<_>, E>>()?;
            // No part of a plan is empty.
            proof.extend(fold(&hashes));
        }
        Ok(proof)
    }
}

/// The proof that the leaf at `index` (from 0) is in the tree of `size` leaves: PATH of RFC 6962, section 2.1.1.
/// `None` if there is no such leaf.
pub fn inclusion(index: u64, size: u64) -> Option<Plan> {
    if index >= size {
        return None;
    }
    let (mut from, mut to) = (0, size);
    let mut parts = Vec::new();
    while to - from > 1 {
        let middle = from + half(to - from);
        if index < middle {
            parts.push(cover(middle, to));
            to = middle;
        } else {
            parts.push(cover(from, middle));
            from = middle;
        }
    }
    parts.reverse();
    Some(Plan(parts))
}

/// The proof that the tree of `old` leaves is the beginning of that of `new` leaves: PROOF of RFC 6962, section 2.1.2.
/// `None` for an empty old tree, of which nothing can be proved, and for one that is larger than the new.
pub fn consistency(old: u64, new: u64) -> Option<Plan> {
    if old == 0 || old > new {
        return None;
    }
    let (mut from, mut to) = (0, new);
    let mut parts = Vec::new();
    while old < to {
        let middle = from + half(to - from);
        if old <= middle {
            parts.push(cover(middle, to));
            to = middle;
        } else {
            parts.push(cover(from, middle));
            from = middle;
        }
    }
    // The old root itself need not be told to somebody who has it.
    if from > 0 {
        parts.push(cover(from, to));
    }
    parts.reverse();
    Some(Plan(parts))
}

/// The largest power of two below `leaves`, which is at least 2.
const fn half(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The sizes allow no proof: no such entry, a shrunken tree, or an empty one, with which everything is consistent.
    #[error("there is no such proof for trees of these sizes")]
    Sizes,
    /// Too few or too many hashes.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that a leaf is at `index` in the tree of `size` leaves with this root (RFC 9162, section 2.1.3.2).
///
/// # Errors
/// [`ProofError`].
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &[u8],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Sizes);
    }
    let mut climb = Climb {
        at: index,
        last: size - 1,
    };
    let mut hash = *leaf;
    for sibling in proof {
        hash = if climb.is_right()? {
            node_hash(sibling, &hash)
        } else {
            node_hash(&hash, sibling)
        };
        climb.step();
    }
    climb.done()?;
    if hash == root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree of `old` leaves with `old_root` is the beginning of that of `new` leaves with `new_root`
/// (RFC 9162, section 2.1.4.2). Roots are compared as bytes, whatever their length.
///
/// # Errors
/// [`ProofError`].
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &[u8],
    new_root: &[u8],
) -> Result<(), ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Sizes);
    }
    if old == new {
        let same = if old_root == new_root {
            Ok(())
        } else {
            Err(ProofError::Root)
        };
        return if proof.is_empty() {
            same
        } else {
            Err(ProofError::Length)
        };
    }
    let (start, rest) = if old.is_power_of_two() {
        // The old tree is a subtree of the new one, and its root begins the proof.
        (<Hash>::try_from(old_root).map_err(|_| ProofError::Root)?, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or(ProofError::Length)?;
        (*first, rest)
    };
    let mut climb = Climb {
        at: old - 1,
        last: new - 1,
    };
    climb.skip(climb.at.trailing_ones());
    let (mut old_hash, mut new_hash) = (start, start);
    for hash in rest {
        if climb.is_right()? {
            old_hash = node_hash(hash, &old_hash);
            new_hash = node_hash(hash, &new_hash);
        } else {
            new_hash = node_hash(&new_hash, hash);
        }
        climb.step();
    }
    climb.done()?;
    if old_hash == old_root && new_hash == new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// The way from a leaf up to the root.
struct Climb {
    /// The index of the node, among those of its level.
    at: u64,
    /// The index of the last node of that level.
    last: u64,
}

impl Climb {
    /// Whether the next hash of the proof stands to the left of this node.
    const fn is_right(&self) -> Result<bool, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length);
        }
        Ok(self.at & 1 == 1 || self.at == self.last)
    }

    /// To the parent. The last node of a level without a left neighbour in its pair has no sibling: it is its own
    /// parent, until it becomes a right child.
    const fn step(&mut self) {
        if self.at == self.last && self.at & 1 == 0 {
            self.skip(self.at.trailing_zeros());
        }
        self.skip(1);
    }

    const fn skip(&mut self, levels: u32) {
        // `checked_shr` of 64 levels: nothing is left.
        self.at = match self.at.checked_shr(levels) {
            Some(at) => at,
            None => 0,
        };
        self.last = match self.last.checked_shr(levels) {
            Some(last) => last,
            None => 0,
        };
    }

    const fn done(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::Length)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::tree::tests::{leaves, mth};

    const MOST: u64 = 70;

    fn read(leaves: &[Hash]) -> impl FnMut(Node) -> Result<Hash, Infallible> {
        |node| {
            let from = usize::try_from(node.index << node.level).unwrap();
            Ok(mth(&leaves[from..from + (1 << node.level)]))
        }
    }

    /// PATH of RFC 6962, word for word.
    fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
        if d.len() <= 1 {
            return Vec::new();
        }
        let k = d.len().next_power_of_two() / 2;
        if m < k {
            [path(m, &d[..k]), vec![mth(&d[k..])]].concat()
        } else {
            [path(m - k, &d[k..]), vec![mth(&d[..k])]].concat()
        }
    }

    /// SUBPROOF of RFC 6962, word for word.
    fn subproof(m: usize, d: &[Hash], whole: bool) -> Vec<Hash> {
        if m == d.len() {
            return if whole { Vec::new() } else { vec![mth(d)] };
        }
        let k = d.len().next_power_of_two() / 2;
        if m <= k {
            [subproof(m, &d[..k], whole), vec![mth(&d[k..])]].concat()
        } else {
            [subproof(m - k, &d[k..], false), vec![mth(&d[..k])]].concat()
        }
    }

    #[test]
    fn every_leaf_of_every_tree_is_proved() {
        let all = leaves(MOST);
        for size in 1..=MOST {
            let tree = &all[..size as usize];
            let root = mth(tree);
            for index in 0..size {
                let proof = inclusion(index, size).unwrap().prove(read(tree)).unwrap();
                assert_eq!(proof, path(index as usize, tree));
                let leaf = &tree[index as usize];
                assert_eq!(verify_inclusion(index, size, leaf, &proof, &root), Ok(()));
                for other in 0..=size {
                    let same = other == index;
                    let verified = verify_inclusion(other, size, leaf, &proof, &root).is_ok();
                    assert_eq!(verified, same, "{index} as {other} of {size}");
                }
            }
        }
        assert_eq!(inclusion(0, 0), None);
        assert_eq!(inclusion(5, 5), None);
    }

    #[test]
    fn every_tree_is_the_beginning_of_every_larger_one() {
        let all = leaves(MOST);
        let roots: Vec<Hash> = (0..=MOST).map(|size| mth(&all[..size as usize])).collect();
        for new in 1..=MOST {
            let tree = &all[..new as usize];
            let new_root = &roots[new as usize];
            for old in 1..=new {
                let proof = consistency(old, new).unwrap().prove(read(tree)).unwrap();
                assert_eq!(proof, subproof(old as usize, tree, true));
                for (size, root) in (0..).zip(&roots) {
                    let verified = verify_consistency(size, new, &proof, root, new_root).is_ok();
                    assert!(!verified || size == old || (proof.is_empty() && size == new));
                    assert!(verified || size != old, "{old} to {new}");
                }
            }
        }
        assert_eq!(consistency(0, 5), None);
        assert_eq!(consistency(6, 5), None);
    }

    #[test]
    fn proofs_of_the_largest_trees_are_short() {
        for index in [0, 1, u64::MAX / 2, u64::MAX - 2, u64::MAX - 1] {
            assert!(inclusion(index, u64::MAX).unwrap().0.len() <= 64);
            assert!(consistency(index + 1, u64::MAX).unwrap().0.len() <= 64);
            let far = verify_inclusion(index, u64::MAX, &[0; 32], &[[0; 32]; 70], &[0; 32]);
            assert_eq!(far, Err(ProofError::Length));
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_fails(
            size in 2_u64..MOST, a: proptest::sample::Index, b: proptest::sample::Index, bit in 0_u8..8,
        ) {
            let tree = leaves(size);
            let flip = |hashes: &mut [Hash], at: proptest::sample::Index| {
                let bytes = hashes.as_flattened_mut();
                bytes[at.index(bytes.len())] ^= 1 << bit;
            };
            let root = mth(&tree);
            let index = a.index(tree.len()) as u64;
            let leaf = tree[index as usize];
            let proof = inclusion(index, size).unwrap().prove(read(&tree)).unwrap();
            let mut parts = [&[leaf, root], &proof[..]].concat();
            flip(&mut parts, b);
            let verified = verify_inclusion(index, size, &parts[0], &parts[2..], &parts[1]);
            prop_assert!(verified.is_err());

            let old = index.max(1);
            let proof = consistency(old, size).unwrap().prove(read(&tree)).unwrap();
            let mut parts = [&[mth(&tree[..old as usize]), root], &proof[..]].concat();
            flip(&mut parts, b);
            let verified = verify_consistency(old, size, &parts[2..], &parts[0], &parts[1]);
            prop_assert!(verified.is_err());
        }

        #[test]
        fn any_numbers_and_hashes_are_answered(
            a: u64, b: u64, proof in proptest::collection::vec(any::<Hash>(), 0..70),
        ) {
            prop_assert!(verify_inclusion(a, b, &[0; 32], &proof, &[1; 32]).is_err());
            prop_assert!(verify_consistency(a, b, &proof, &[0; 32], &[1; 32]).is_err());
        }
    }
}
