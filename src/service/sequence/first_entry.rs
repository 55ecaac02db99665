//! The first entry of an origin that goes on where another ended. It has its place at once, before anything that is
//! waiting in the queue.

use super::{SequenceError, tree};
use crate::audit::bundle;
use crate::audit::edge::Edge;
use crate::audit::leaf::{Leaf, leaf_hash};
use crate::domain::hex::hex;
use crate::store::{AuditBatch, HeadRow, LogRow, PlaceRow, StoreError, Tx};
use crate::world::{World, random};

/// Writes the entry, and the head that it makes.
pub(super) fn write(
    tx: &mut Tx<'_>,
    world: &dyn World,
    node: &str,
    new: &LogRow,
    leaf: &Leaf<'_>,
) -> Result<(), SequenceError> {
    let line = leaf.encode();
    let hash = leaf_hash(&line);
    let boot: [u8; 6] = random(world);
    let boot = hex(&boot);
    let batch = AuditBatch {
        log: new.log.clone(),
        node: format!("{node}.{boot}.reopen"),
        node_seq: 0,
        n: 1,
        leaf_hashes: hash.to_vec(),
        entries: bundle::encode([line.as_slice()]).map_err(|_| StoreError::Corrupt)?,
        created_at: world.now(),
    };
    let mut edge = Edge::new();
    edge.append(hash, &mut |_, _| {});
    tx.insert_placed_batch(
        &batch,
        &PlaceRow {
            log_id: new.id,
            start_index: 0,
            n: 1,
            log: batch.log.clone(),
            node: batch.node.clone(),
            node_seq: 0,
        },
    )?;
    tx.insert_audit_head(&HeadRow {
        log_id: new.id,
        size: 1,
        root: tree::root(&edge)?,
        edge: edge.to_bytes(),
        leader: None,
        leader_epoch: 0,
    })?;
    Ok(())
}
