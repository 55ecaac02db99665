//! The tree in tiles of 256 hashes, as C2SP tlog-tiles serves it: files that never change once they are full.

use super::tree::{Hash, Node, node_hash};

/// Hashes in a full tile, and the height of a tile: `2^8 = 256`.
pub const WIDTH: u64 = 256;
pub(super) const HEIGHT: u8 = 8;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// The entries themselves, as a bundle (see [`super::bundle`]).
    Entries,
    /// Hashes: level 0 those of leaves, level `l` those of full tiles of level `l − 1`.
    Hashes(u8),
}

/// One tile, named as in its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Entries or hashes.
    pub content: Content,
    /// The position among the tiles of its level, from 0.
    pub index: u64,
    /// How many hashes or entries it holds: 1 to 256, and 256 in a full one.
    pub width: u16,
}

/// Why a hash was not found in a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// The bytes are not those of so many hashes.
    #[error("a tile of {width} hashes has {} bytes, not {found}", u32::from(*.width) * 32)]
    Length {
        /// Hashes that the tile should hold.
        width: u16,
        /// Bytes found.
        found: usize,
    },
    /// The hash stands in another tile.
    #[error("the tile does not hold the hash that was asked for")]
    Elsewhere,
}

impl Tile {
    /// The tile that holds what is needed to know the hash of `node` in a tree of `size` leaves; `None` if that
    /// subtree is not wholly in the tree.
    pub fn holding(node: Node, size: u64) -> Option<Self> {
        let end = node
            .index
            .checked_add(1)?
            .checked_mul(1_u64.checked_shl(node.level.into())?)?;
        if end > size {
            return None;
        }
        let level = node.level / HEIGHT;
        let index = (node.index << (node.level % HEIGHT)) / WIDTH;
        Self::at(Content::Hashes(level), index, size)
    }

    /// The tile at a position in a tree of `size` leaves, full or partial; `None` if it would be empty.
    pub fn at(content: Content, index: u64, size: u64) -> Option<Self> {
        let level = match content {
            Content::Entries => 0,
            Content::Hashes(level) => level,
        };
        let there = size.checked_shr(u32::from(level) * u32::from(HEIGHT))?;
        let width = there.checked_sub(index.checked_mul(WIDTH)?)?.min(WIDTH);
        let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
        Some(Self {
            content,
            index,
            width,
        })
    }

    /// All partial and full tiles that exist in a tree of `new` leaves and not yet in one of `old`: what must be
    /// published before a checkpoint of the new size is. Entries are not listed.
    pub fn between(old: u64, new: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        for level in 0..HEIGHT {
            let (before, after) = (old >> (level * HEIGHT), new >> (level * HEIGHT));
            if before >= after {
                break;
            }
            let range = before / WIDTH..=(after - 1) / WIDTH;
            tiles.extend(range.filter_map(|index| Self::at(Content::Hashes(level), index, new)));
        }
        tiles
    }

    /// Whether nothing will ever be added.
    pub const fn is_full(&self) -> bool {
        self.width as u64 == WIDTH
    }

    /// The address below the prefix of the log: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
    pub fn path(&self) -> String {
        let mut path = match self.content {
            Content::Entries => "tile/entries".to_owned(),
            Content::Hashes(level) => format!("tile/{level}"),
        };
        // Groups of three digits, an `x` before all but the last: 1234067 is x001/x234/067.
        let mut groups = vec![format!("/{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("/x{:03}", rest % 1000));
            rest /= 1000;
        }
        path.extend(groups.into_iter().rev());
        if !self.is_full() {
            path.push_str(&format!(".p/{}", self.width));
        }
        path
    }

    /// Reads an address; exactly those that [`Tile::path`] writes, up to level 63, are accepted.
    pub fn parse(path: &str) -> Option<Self> {
        let (content, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let content = match content {
            "entries" => Content::Entries,
            level => Content::Hashes(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok().filter(|w| (1..256).contains(w))?),
            None => (rest, 256),
        };
        let mut number = 0_u64;
        for group in index.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self {
            content,
            index: number,
            width,
        };
        (tile.path() == path).then_some(tile)
    }

    /// The hash of `node`, out of the `bytes` of this tile.
    ///
    /// # Errors
    /// [`TileError::Length`] or [`TileError::Elsewhere`].
    pub fn read(&self, bytes: &[u8], node: Node) -> Result<Hash, TileError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() != usize::from(self.width) {
            return Err(TileError::Length {
                width: self.width,
                found: bytes.len(),
            });
        }
        let above = node.level % HEIGHT;
        if self.content != Content::Hashes(node.level / HEIGHT) {
            return Err(TileError::Elsewhere);
        }
        let within = || {
            let first = node.index.checked_mul(1 << above)?;
            let first = first.checked_sub(self.index.checked_mul(WIDTH)?)?;
            let first = usize::try_from(first).ok()?;
            perfect(hashes.get(first..first.checked_add(1 << above)?)?)
        };
        within().ok_or(TileError::Elsewhere)
    }
}

/// The root of a perfect subtree, from `2^n` hashes side by side.
pub(super) fn perfect(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let (pairs, odd) = row.as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_those_of_the_specification() {
        let tile = |content, index, width| Tile {
            content,
            index,
            width,
        };
        let known = [
            ("tile/0/x001/x234/067", tile(Content::Hashes(0), 1_234_067, 256)),
            ("tile/0/000", tile(Content::Hashes(0), 0, 256)),
            ("tile/3/999.p/1", tile(Content::Hashes(3), 999, 1)),
            ("tile/63/x001/000.p/255", tile(Content::Hashes(63), 1000, 255)),
            ("tile/entries/x273/112.p/5", tile(Content::Entries, 273_112, 5)),
        ];
        for (path, tile) in known {
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        let refused = "tile/00/000 tile/0/00 tile/0/x000/001 tile/0/0000 tile/64/000 tile/0/000.p/0 \
                       tile/0/000.p/256 tile/0/000.p/01 tile/0/001/000 tile/0/x001 tile/0/+01 tile/0 tile/ \
                       tile/0/ tile/-1/000 tile/0/000/ /tile/0/000 tile/data/000 tile/0/000.p/ \
                       tile/0/x018/x446/x744/x073/x709/x551/616 tile/0/000.p/5.p/5";
        for path in refused.split_whitespace() {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
        let last = Tile {
            content: Content::Entries,
            index: u64::MAX,
            width: 256,
        };
        assert_eq!(Tile::parse(&last.path()), Some(last));
    }

    #[test]
    fn a_tree_of_70000_has_the_tiles_of_the_specification() {
        let tile = |level, index, width| Tile {
            content: Content::Hashes(level),
            index,
            width,
        };
        let all = Tile::between(0, 70_000);
        let partial: Vec<_> = all.iter().filter(|tile| !tile.is_full()).copied().collect();
        assert_eq!(partial, [tile(0, 273, 112), tile(1, 1, 17), tile(2, 0, 1)]);
        let full = |level| {
            let of = |tile: &&Tile| tile.content == Content::Hashes(level) && tile.is_full();
            all.iter().filter(of).count()
        };
        assert_eq!((full(0), full(1), full(2)), (273, 1, 0));
        assert_eq!(Tile::between(0, 256), [tile(0, 0, 256), tile(1, 0, 1)]);
        assert_eq!(Tile::between(256, 256), []);
        assert_eq!(
            Tile::between(255, 257),
            [tile(0, 0, 256), tile(0, 1, 1), tile(1, 0, 1)]
        );
        assert_eq!(
            Tile::at(Content::Entries, 1, 300),
            Some(Tile {
                content: Content::Entries,
                index: 1,
                width: 44
            })
        );
        assert_eq!(Tile::at(Content::Entries, 2, 300), None);
    }

    proptest! {
        #[test]
        fn every_address_reads_back(level in 0_u8..64, entries: bool, index: u64, width in 1_u16..=256) {
            let content = if entries { Content::Entries } else { Content::Hashes(level) };
            let tile = Tile { content, index, width };
            prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
        }

        #[test]
        fn any_text_is_an_address_or_refused(text in "tile/[0-9a-z]{0,3}/[x0-9/.p]{0,12}") {
            if let Some(tile) = Tile::parse(&text) {
                prop_assert_eq!(tile.path(), text);
            }
        }
    }
}
