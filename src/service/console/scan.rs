//! Going through the lines of an audit log, newest first, some batches in each transaction, and not for ever.

use crate::audit::bundle;
use crate::audit::leaf::Leaf;
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::search::may_see;
use crate::service::work::{Subjects, Work};
use crate::store::{SearchFrom, StoreError, StoredBatch};

/// Most lines that one page counts; where there are more, the page says so.
pub const MOST_LINES: u64 = 500_000;
/// Batches that are read in one transaction.
const STEP: u32 = 128;

/// Shows every line of a time that the caller may see, with its batch and its place there. Answers whether there were more
/// than were looked at. Blocks.
pub(super) fn scan(
    service: &Service,
    call: &Call,
    log: &str,
    (from, to): (Moment, Moment),
    mut each: impl FnMut(&mut Work<'_, '_>, &StoredBatch, u32, &Leaf<'_>) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let (mut before, mut looked): (Option<SearchFrom>, u64) = (None, 0);
    loop {
        let shared = service.shared();
        let last = service.store().read("scan", |tx| -> Result<_, StoreError> {
            let batches = tx.batches_between(log, from, to, before.as_ref(), STEP)?;
            let policies = shared.policies.load_full();
            let mut work = Work::begin(shared, policies, tx, &[], &Subjects::default())?;
            for batch in &batches {
                let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
                for (off, line) in (0..).zip(lines) {
                    let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
                    if may_see(call, work.catalogue(), &leaf) {
                        each(&mut work, batch, off, &leaf)?;
                    }
                    looked += 1;
                }
            }
            Ok(batches.last().map(|last| SearchFrom {
                created_at: last.created_at,
                node: last.node.clone(),
                node_seq: last.node_seq,
            }))
        })?;
        match last {
            None => return Ok(false),
            Some(_) if looked >= MOST_LINES => return Ok(true),
            Some(last) => before = Some(last),
        }
    }
}
