//! The entries of one person in the lines of bulk checks: one HMAC and a binary search per line.

use std::sync::Arc;

use crate::audit::bulk::{BulkOutcome, BulkSecret, bulk_commitment, width};
use crate::audit::bundle;
use crate::audit::leaf::{EntryId, Leaf};
use crate::crypto::PersonKeys;
use crate::domain::ids::PersonId;
use crate::domain::personal::Personal;
use crate::service::call::{Call, Scope};
use crate::service::keys::BULK_CONTEXT;
use crate::service::refusal::Refusal;
use crate::service::search::{FoundEntry, SearchPerson, found, may_see};
use crate::service::work::{Stop, Work};
use crate::store::{BulkPlace, BulkRow, StoreError};

/// How many lines are read at a time, each of a quarter of a megabyte.
const STEP: u32 = 16;

/// Length of the salt before the context.
const SALT: usize = 32;

/// What bulk checks recorded about a person, in no order. Reads only.
pub(crate) fn entries_of(
    asked: &SearchPerson,
    call: &Call,
    work: &mut Work<'_, '_>,
) -> Result<Vec<FoundEntry>, Stop> {
    call.require(Scope::AuditRead)?;
    let (id, _) = work.find_pairwise(call, &asked.person_id)?;
    let mut people = work.tx().merged_into(id)?;
    people.push(id);
    outcomes_about(call, work, people, asked.open)
}

/// The same about people by id, where the caller was admitted already.
pub(crate) fn outcomes_about(
    call: &Call,
    work: &mut Work<'_, '_>,
    people: Vec<PersonId>,
    open: bool,
) -> Result<Vec<FoundEntry>, Stop> {
    let mut tags = Vec::new();
    for person in people {
        let keys: Option<Arc<PersonKeys>> = work.person_as_stored(person)?.and_then(|p| p.keys.clone());
        tags.extend(keys.map(|keys| keys.audit_tag()));
    }
    let mut items = Vec::new();
    let mut place: Option<BulkPlace> = None;
    loop {
        let rows = work.tx().audit_bulk_after(place.as_ref(), STEP)?;
        let Some(last) = rows.last() else { return Ok(items) };
        place = Some(BulkPlace {
            log: last.log.clone(),
            node: last.node.clone(),
            node_seq: last.node_seq,
            off: last.off,
        });
        for row in &rows {
            let line = EntryId::from_bytes(row.line);
            let count = usize::try_from(row.n).map_err(|_| StoreError::Corrupt)?;
            let width = row.entries.len().checked_div(count).unwrap_or(0);
            let outcome = tags
                .iter()
                .find_map(|key| BulkSecret::derive(key, line).find(&row.entries, width));
            if let Some(outcome) = outcome {
                items.extend(item(open, call, work, row, outcome)?);
            }
        }
    }
}

fn item(
    open: bool,
    call: &Call,
    work: &mut Work<'_, '_>,
    row: &BulkRow,
    outcome: BulkOutcome,
) -> Result<Option<FoundEntry>, Stop> {
    let batches = work.tx().batches_of_node(&row.log, &row.node, row.node_seq, 1)?;
    let Some(batch) = batches.first().filter(|batch| batch.node_seq == row.node_seq) else {
        return Ok(None);
    };
    let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
    let offset = usize::try_from(row.off).map_err(|_| StoreError::Corrupt)?;
    let line = lines.get(offset).ok_or(StoreError::Corrupt)?;
    let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
    if !may_see(call, work.catalogue(), &leaf) {
        return Ok(None);
    }
    let private = if open {
        let context = work
            .shared
            .keys
            .open_token(BULK_CONTEXT, &row.context)
            .ok_or(StoreError::Corrupt)?;
        // What does not match its public line is an alarm, not an empty answer.
        let made = bulk_commitment(&context, &row.entries, width(leaf.scopes.len()));
        if leaf.commitment != Some(made) {
            return Err(StoreError::Corrupt.into());
        }
        let json = context.get(SALT..).ok_or(Refusal::Unavailable)?;
        Some(Personal::new(String::from_utf8_lossy(json).into_owned()))
    } else {
        None
    };
    Ok(Some(FoundEntry {
        private,
        about: Some(outcome),
        ..found(&row.log, batch, offset, line, leaf)
    }))
}
