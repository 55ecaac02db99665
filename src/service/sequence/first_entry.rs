//! The first entry of an origin that goes on where another ended. It has its place at once, before anything that is
//! waiting in the queue.

use super::{SequenceError, tree};
use crate::audit::edge::Edge;
use crate::audit::leaf::{Leaf, leaf_hash};
use crate::domain::hex::hex;
use crate::service::work::batch_of_one;
use crate::store::{HeadRow, LogRow, PlaceRow, Tx};
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
    let boot: [u8; 6] = random(world);
    let boot = hex(&boot);
    let place = (format!("{node}.{boot}.reopen"), 0);
    let batch = batch_of_one(&new.log, place, &line, world.now())?;
    let mut edge = Edge::new();
    edge.append(leaf_hash(&line), &mut |_, _| {});
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
