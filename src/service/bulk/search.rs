//! The entries of one person in the lines of bulk checks: one HMAC and a binary search per line.

use std::sync::Arc;

use crate::audit::bulk::{BulkOutcome, BulkSecret, bulk_commitment, width};
use crate::audit::bundle;
use crate::audit::leaf::{EntryId, Leaf};
use crate::crypto::{PersonKeys, Secret32};
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::call::{Call, Scope};
use crate::service::keys::BULK_CONTEXT;
use crate::service::refusal::Refusal;
use crate::service::search::{FoundEntry, SearchPerson, found, may_see};
use crate::service::work::{Stop, Work, dated, dated_id};
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
    let tags = tags(work, people)?;
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
            if let Some(outcome) = outcome_of(&tags, row)? {
                items.extend(item(open, call, work, row, outcome)?);
            }
        }
    }
}

/// The newest outcomes about people in lines that were made in a span of time (the last instant not included), and from
/// when on they are all there: no more than `limit` lines are read, whatever the span.
pub(crate) fn outcomes_between(
    call: &Call,
    work: &mut Work<'_, '_>,
    people: Vec<PersonId>,
    (from, before): (Moment, Moment),
    limit: u32,
) -> Result<(Vec<FoundEntry>, Moment), Stop> {
    let tags = tags(work, people)?;
    let (first, last) = (dated_id(from, [0; 10]), dated_id(before, [0; 10]));
    let mut lines = work
        .tx()
        .audit_bulk_lines(&first, &last, limit.saturating_add(1))?;
    let mut complete = from;
    if lines.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        // There are more: what was made in the millisecond of the last belongs to the next reading, whole.
        let cut = lines.last().map_or(before, |(id, _)| {
            Moment::from_micros(dated(*id).1.micros().saturating_add(1))
        });
        lines.retain(|(id, _)| dated(*id).0 >= cut);
        complete = cut;
    }
    let mut items = Vec::new();
    for (_, place) in &lines {
        let Some(row) = work.tx().audit_bulk_at(place)? else {
            continue;
        };
        if let Some(outcome) = outcome_of(&tags, &row)? {
            items.extend(item(false, call, work, &row, outcome)?);
        }
    }
    Ok((items, complete))
}

/// By what the entries of people are found.
fn tags(work: &mut Work<'_, '_>, people: Vec<PersonId>) -> Result<Vec<Secret32>, Stop> {
    let mut tags = Vec::new();
    for person in people {
        let keys: Option<Arc<PersonKeys>> = work.person_as_stored(person)?.and_then(|p| p.keys.clone());
        tags.extend(keys.map(|keys| keys.audit_tag()));
    }
    Ok(tags)
}

fn outcome_of(tags: &[Secret32], row: &BulkRow) -> Result<Option<BulkOutcome>, StoreError> {
    let line = EntryId::from_bytes(row.line);
    let count = usize::try_from(row.n).map_err(|_| StoreError::Corrupt)?;
    let width = row.entries.len().checked_div(count).unwrap_or(0);
    let mut found = tags
        .iter()
        .map(|key| BulkSecret::derive(key, line).find(&row.entries, width));
    Ok(found.find_map(|outcome| outcome))
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
