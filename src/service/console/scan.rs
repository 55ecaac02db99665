//! Going through the lines of an audit log, newest first, some batches in each transaction, and not for ever.

use crate::audit::bundle;
use crate::audit::leaf::Leaf;
use crate::audit::private::{AuditKeys, PrivatePlace};
use crate::crypto::SecretBytes;
use crate::domain::ids::PersonId;
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

/// Whom a line is about and what is sealed for them; none when nobody is, or is there any more.
pub(super) fn open_private(
    work: &mut Work<'_, '_>,
    log: &str,
    batch: &StoredBatch,
    off: u32,
    leaf: &Leaf<'_>,
) -> Result<Option<(PersonId, SecretBytes)>, StoreError> {
    let rows = work.tx().private_of_batch(log, &batch.node, batch.node_seq)?;
    let Some(entry) = rows.into_iter().find(|row| row.off == off) else {
        return Ok(None);
    };
    let tenant = work.shared.keys.tenant().to_owned();
    let keys = work
        .person_as_stored(entry.person_id)?
        .and_then(|person| person.keys.clone());
    let (Some(keys), Some(pc)) = (keys, leaf.commitment) else {
        return Ok(None);
    };
    let place = PrivatePlace {
        tenant: &tenant,
        log,
        person: entry.person_id.as_bytes(),
        key_version: entry.key_version,
    };
    let opened = AuditKeys::derive(&keys).open(&place, leaf.id, &pc, &entry.sealed);
    let opened = opened.map_err(|_| StoreError::Corrupt)?;
    Ok(Some((entry.person_id, opened)))
}
