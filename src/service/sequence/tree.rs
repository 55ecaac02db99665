//! A tree as it is stored: full tiles in rows, the partial ones in the head.

use std::collections::{BTreeMap, HashMap};

use crate::audit::bundle;
use crate::audit::edge::Edge;
use crate::audit::proof;
use crate::audit::tile::{Content, Tile, WIDTH};
use crate::audit::tree::{Hash, Node, cover, empty_root, fold};
use crate::store::{HeadRow, StoreError, Tx};

/// The tree of an origin within one transaction.
pub(super) struct StoredTree<'t, 'tx> {
    tx: &'t mut Tx<'tx>,
    log_id: u64,
    size: u64,
    partial: BTreeMap<Tile, Vec<u8>>,
    read: HashMap<Tile, Vec<u8>>,
}

impl<'t, 'tx> StoredTree<'t, 'tx> {
    /// The tree below a head, which is checked to be whole.
    pub(super) fn below(tx: &'t mut Tx<'tx>, head: &HeadRow) -> Result<Self, StoreError> {
        Ok(Self {
            tx,
            log_id: head.log_id,
            size: head.size,
            partial: edge(head)?.partial().into_iter().collect(),
            read: HashMap::new(),
        })
    }

    /// A tile of hashes, or of fewer hashes than there are: a narrower tile is the beginning of a wider one. `None` when
    /// the tree does not reach so far.
    pub(super) fn hashes(&mut self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let Content::Hashes(level) = tile.content else {
            return Ok(None);
        };
        let Some(whole) = self.widest(tile) else {
            return Ok(None);
        };
        let mut bytes = match self.partial.get(&whole) {
            Some(bytes) => bytes.clone(),
            None => self
                .tx
                .audit_tile(self.log_id, level, tile.index)?
                .ok_or(StoreError::Corrupt)?,
        };
        bytes.truncate(usize::from(tile.width) * size_of::<Hash>());
        Ok(Some(bytes))
    }

    /// A bundle of entries, out of the batches as they were written; `None` when the log does not reach so far.
    pub(super) fn entries(&mut self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        if tile.content != Content::Entries || self.widest(tile).is_none() {
            return Ok(None);
        }
        let from = tile.index * WIDTH;
        let to = from + u64::from(tile.width);
        let mut bytes = Vec::new();
        let mut at = from;
        for batch in self.tx.placed_batches(self.log_id, from, to)? {
            let skip = at.checked_sub(batch.start_index).ok_or(StoreError::Corrupt)?;
            let count = u64::try_from(batch.leaf_hashes.len() / size_of::<Hash>()).unwrap_or(0);
            let take = count.saturating_sub(skip).min(to - at);
            let (skip, wanted) = (usize::try_from(skip), usize::try_from(take));
            let (Ok(skip), Ok(wanted)) = (skip, wanted) else {
                return Err(StoreError::Corrupt);
            };
            let part = bundle::slice(&batch.entries, skip, wanted).map_err(|_| StoreError::Corrupt)?;
            bytes.extend_from_slice(part);
            at += take;
        }
        if at == to {
            Ok(Some(bytes))
        } else {
            Err(StoreError::Corrupt)
        }
    }

    fn widest(&self, tile: Tile) -> Option<Tile> {
        Tile::at(tile.content, tile.index, self.size).filter(|whole| tile.width <= whole.width)
    }

    fn node(&mut self, node: Node) -> Result<Hash, StoreError> {
        let tile = Tile::holding(node, self.size).ok_or(StoreError::Corrupt)?;
        if !self.read.contains_key(&tile) {
            let bytes = self.hashes(tile)?.ok_or(StoreError::Corrupt)?;
            self.read.insert(tile, bytes);
        }
        let bytes = self.read.get(&tile).ok_or(StoreError::Corrupt)?;
        tile.read(bytes, node).map_err(|_| StoreError::Corrupt)
    }

    /// The root over the first `size` entries.
    pub(super) fn root_at(&mut self, size: u64) -> Result<Hash, StoreError> {
        Ok(fold(&self.cover(0, size)?).unwrap_or_else(empty_root))
    }

    /// The hashes of the largest subtrees that hold the entries from `from` up to but without `to`.
    pub(super) fn cover(&mut self, from: u64, to: u64) -> Result<Vec<Hash>, StoreError> {
        cover(from, to).into_iter().map(|node| self.node(node)).collect()
    }

    /// The proof that an entry is in the tree of the first `size`.
    pub(super) fn prove_inclusion(&mut self, index: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
        let plan = proof::inclusion(index, size).ok_or(StoreError::Corrupt)?;
        plan.prove(|node| self.node(node))
    }

    /// The proof that the tree of the first `old` entries is the beginning of that of the first `new`; none is needed for
    /// an empty tree.
    pub(super) fn prove_consistency(&mut self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        match proof::consistency(old, new) {
            Some(plan) => plan.prove(|node| self.node(node)),
            None => Ok(Vec::new()),
        }
    }
}

/// The edge of a head, which must be of its size and lead to its root.
pub(super) fn edge(head: &HeadRow) -> Result<Edge, StoreError> {
    let edge = Edge::from_bytes(&head.edge).map_err(|_| StoreError::Corrupt)?;
    if edge.size() == head.size && root(&edge)? == head.root {
        Ok(edge)
    } else {
        Err(StoreError::Corrupt)
    }
}

pub(super) fn root(edge: &Edge) -> Result<Hash, StoreError> {
    edge.compact()
        .map(|range| range.root())
        .map_err(|_| StoreError::Corrupt)
}
