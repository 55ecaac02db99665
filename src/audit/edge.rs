//! The right edge of a growing tree: what is kept between two appends, and where full tiles come from.

use super::tile::{Content, HEIGHT, Tile, WIDTH, perfect};
use super::tree::{CompactRange, Hash, RangeError};

/// Levels of tiles in a tree of at most 2^64 − 1 leaves.
const LEVELS: usize = 8;

/// Why bytes are no edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a stored edge of a tree: a size and the hashes of its partial tiles")]
pub struct NotAnEdge;

/// The right edge of a tree in tiles: the partial tile of each level. It is all that must be kept to append and to
/// write tiles: at most 255 hashes a level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    levels: [Vec<Hash>; LEVELS],
}

impl Edge {
    /// The edge of an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        let leaves = |level: &Vec<Hash>| u64::try_from(level.len()).unwrap_or(0);
        // A number in base 256, the lowest digit first.
        self.levels
            .iter()
            .rev()
            .fold(0, |size, level| size * WIDTH + leaves(level))
    }

    /// Appends a leaf by its hash. Each tile that this fills is given to `full`, lower levels first, with its bytes.
    pub fn append(&mut self, leaf: Hash, full: &mut impl FnMut(Tile, Vec<u8>)) {
        let mut index = self.size() / WIDTH;
        let mut hash = leaf;
        for (number, level) in (0..).zip(&mut self.levels) {
            level.push(hash);
            let Some(filled) = level.get(..256).and_then(perfect) else {
                return;
            };
            let tile = Tile {
                content: Content::Hashes(number),
                index,
                width: 256,
            };
            full(tile, level.as_flattened().to_vec());
            level.clear();
            hash = filled;
            index /= WIDTH;
        }
    }

    /// The partial tiles with their bytes, lower levels first.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let size = self.size();
        let mut tiles = Vec::new();
        for (number, level) in (0..HEIGHT).zip(&self.levels) {
            let index = size
                .checked_shr(u32::from(number) * u32::from(HEIGHT))
                .unwrap_or(0)
                / WIDTH;
            let tile = Tile::at(Content::Hashes(number), index, size);
            tiles.extend(tile.map(|tile| (tile, level.as_flattened().to_vec())));
        }
        tiles
    }

    /// The same edge as a compact range, which knows the root.
    ///
    /// # Errors
    /// None that can occur: the levels are appended from the top down, each a multiple of the next.
    pub fn compact(&self) -> Result<CompactRange, RangeError> {
        let mut range = CompactRange::new();
        for (number, level) in (0..HEIGHT).zip(&self.levels).rev() {
            level
                .iter()
                .try_for_each(|hash| range.append_subtree(number * HEIGHT, *hash))?;
        }
        Ok(range)
    }

    /// The size in eight bytes, big endian, and the hashes of the partial tiles, lower levels first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size().to_be_bytes().to_vec();
        for level in &self.levels {
            bytes.extend_from_slice(level.as_flattened());
        }
        bytes
    }

    /// Reads what [`Edge::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`NotAnEdge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAnEdge> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(NotAnEdge)?;
        let (mut hashes, odd) = rest.as_chunks::<32>();
        if !odd.is_empty() {
            return Err(NotAnEdge);
        }
        let mut edge = Self::new();
        // The digits in base 256 are the bytes of the size, lowest first: as many hashes at each level.
        for (level, digit) in edge.levels.iter_mut().zip(size.iter().rev()) {
            let (here, above) = hashes.split_at_checked(usize::from(*digit)).ok_or(NotAnEdge)?;
            level.extend_from_slice(here);
            hashes = above;
        }
        if hashes.is_empty() {
            Ok(edge)
        } else {
            Err(NotAnEdge)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::audit::proof;
    use crate::audit::tile::TileError;
    use crate::audit::tree::Node;
    use crate::audit::tree::tests::{leaves, mth};

    /// A tree grown leaf by leaf: its full tiles, and its edge.
    fn grown(leaves: &[Hash]) -> (BTreeMap<Tile, Vec<u8>>, Edge) {
        let (mut tiles, mut edge) = (BTreeMap::new(), Edge::new());
        for leaf in leaves {
            edge.append(*leaf, &mut |tile, bytes| {
                assert!(tiles.insert(tile, bytes).is_none());
            });
        }
        (tiles, edge)
    }

    #[test]
    fn the_edge_grows_full_tiles_and_keeps_the_root() {
        let leaves = leaves(66_000);
        let (tiles, edge) = grown(&leaves);
        assert_eq!(edge.size(), 66_000);
        assert_eq!(edge.compact().unwrap().root(), mth(&leaves));
        let expected: Vec<_> = Tile::between(0, 66_000);
        let mut made: Vec<_> = tiles
            .keys()
            .copied()
            .chain(edge.partial().iter().map(|t| t.0))
            .collect();
        made.sort_unstable();
        assert_eq!(made, expected);
        assert_eq!(Edge::from_bytes(&edge.to_bytes()), Ok(edge.clone()));

        let all: BTreeMap<_, _> = tiles.into_iter().chain(edge.partial()).collect();
        let read = |node| {
            let tile = Tile::holding(node, 66_000).unwrap();
            tile.read(&all[&tile], node)
        };
        for index in [0, 1, 255, 256, 257, 40_000, 65_535, 65_536, 65_999] {
            let made = proof::inclusion(index, 66_000).unwrap().prove(read).unwrap();
            let leaf = &leaves[usize::try_from(index).unwrap()];
            assert_eq!(
                proof::verify_inclusion(index, 66_000, leaf, &made, &mth(&leaves)),
                Ok(())
            );
            let old = index + 1;
            let made = proof::consistency(old, 66_000).unwrap().prove(read).unwrap();
            let old_root = mth(&leaves[..usize::try_from(old).unwrap()]);
            assert_eq!(
                proof::verify_consistency(old, 66_000, &made, &old_root, &mth(&leaves)),
                Ok(())
            );
        }
    }

    #[test]
    fn a_tile_answers_for_its_own_hashes_only() {
        let leaves = leaves(300);
        let (tiles, edge) = grown(&leaves);
        let (first, bytes) = tiles.first_key_value().unwrap();
        let root = Node { level: 7, index: 1 };
        assert_eq!(first.read(bytes, root).unwrap(), mth(&leaves[128..256]));
        for node in [
            Node { level: 0, index: 256 },
            Node { level: 8, index: 0 },
            Node { level: 7, index: 2 },
        ] {
            assert_eq!(first.read(bytes, node), Err(TileError::Elsewhere));
        }
        let short = first.read(&bytes[..8000], root);
        assert_eq!(
            short,
            Err(TileError::Length {
                width: 256,
                found: 8000
            })
        );
        let (partial, bytes) = &edge.partial()[0];
        assert_eq!(
            partial.read(bytes, Node { level: 2, index: 74 }).unwrap(),
            mth(&leaves[296..300])
        );
        assert_eq!(
            partial.read(bytes, Node { level: 3, index: 37 }),
            Err(TileError::Elsewhere)
        );
        assert_eq!(
            partial.read(bytes, Node { level: 0, index: 255 }),
            Err(TileError::Elsewhere)
        );
        assert_eq!(Tile::holding(Node { level: 3, index: 37 }, 300), None);
        assert_eq!(Tile::holding(Node { level: 64, index: 0 }, 300), None);
    }

    #[test]
    fn a_damaged_edge_is_refused() {
        let (_, edge) = grown(&leaves(600));
        let bytes = edge.to_bytes();
        for length in 0..bytes.len() {
            assert_eq!(Edge::from_bytes(&bytes[..length]), Err(NotAnEdge));
        }
        assert_eq!(Edge::from_bytes(&[&bytes[..], &[0; 32]].concat()), Err(NotAnEdge));
    }
}
