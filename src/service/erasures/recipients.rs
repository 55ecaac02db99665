//! Which systems really received a permit for somebody, in single decisions and in lists: found with the person's own
//! key, so before it goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::bulk::BulkSecret;
use crate::audit::bundle;
use crate::audit::leaf::{EntryId, Leaf};
use crate::crypto::Secret32;
use crate::domain::decision::Effect;
use crate::domain::ids::PersonId;
use crate::service::shared::Shared;
use crate::service::work::{Log, Stop, Subjects, Work};
use crate::store::{BulkPlace, BulkRow, Store, StoreError, Tx};

/// How many lines of lists are read at a time.
const STEP: u32 = 16;

/// Systems, and the libraries they asked for.
pub(super) type Recipients = BTreeMap<String, BTreeSet<String>>;

/// Those of somebody, and of everybody who was merged into this one.
pub(super) fn recipients(shared: &Shared, store: &Store, person: PersonId) -> Result<Recipients, Stop> {
    let (mut found, tags) = store.read("erasure_recipients", |tx| -> Result<_, Stop> {
        let policies = shared.policies.load_full();
        let mut work = Work::begin(shared, policies, tx, &[], &Subjects::default())?;
        let Some(person) = work.person(person)?.map(|found| found.id) else {
            return Ok((Recipients::new(), Vec::new()));
        };
        let mut people = work.tx().merged_into(person)?;
        people.push(person);
        let mut tags = Vec::new();
        for id in &people {
            let keys = work.person_as_stored(*id)?.and_then(|found| found.keys.clone());
            tags.extend(keys.map(|keys| keys.audit_tag()));
        }
        let mut found = Recipients::new();
        singly(work.tx(), &people, &mut found)?;
        Ok((found, tags))
    })?;
    in_lists(store, &tags, &mut found)?;
    Ok(found)
}

/// Those of single decisions.
pub(super) fn singly(tx: &mut Tx<'_>, people: &[PersonId], into: &mut Recipients) -> Result<(), StoreError> {
    for person in people {
        for entry in tx.audit_private_of(*person)? {
            if entry.log == Log::Decision.as_str() {
                let offset = usize::try_from(entry.off).map_err(|_| StoreError::Corrupt)?;
                note(
                    tx,
                    &entry.log,
                    (&entry.node, entry.node_seq),
                    offset,
                    into,
                    |leaf| {
                        leaf.outcome
                            .as_ref()
                            .is_some_and(|outcome| outcome.as_str() == Effect::Permit.as_str())
                    },
                )?;
            }
        }
    }
    Ok(())
}

/// Those of lists. Each page is a transaction of its own: no campaign of last year holds anybody up.
fn in_lists(store: &Store, tags: &[Secret32], into: &mut Recipients) -> Result<(), StoreError> {
    let mut place: Option<BulkPlace> = None;
    loop {
        let rows = store.read("erasure_lists", |tx| -> Result<Vec<BulkRow>, StoreError> {
            let rows = tx.audit_bulk_after(place.as_ref(), STEP)?;
            for row in rows.iter().filter(|row| is_permitted(row, tags)) {
                let offset = usize::try_from(row.off).map_err(|_| StoreError::Corrupt)?;
                note(tx, &row.log, (&row.node, row.node_seq), offset, into, |_| true)?;
            }
            Ok(rows)
        })?;
        let Some(last) = rows.last() else { return Ok(()) };
        place = Some(BulkPlace {
            log: last.log.clone(),
            node: last.node.clone(),
            node_seq: last.node_seq,
            off: last.off,
        });
    }
}

fn is_permitted(row: &BulkRow, tags: &[Secret32]) -> bool {
    let line = EntryId::from_bytes(row.line);
    let width = usize::try_from(row.n)
        .ok()
        .and_then(|n| row.entries.len().checked_div(n))
        .unwrap_or(0);
    let mut found = tags
        .iter()
        .filter_map(|tag| BulkSecret::derive(tag, line).find(&row.entries, width));
    found.any(|outcome| outcome.reason.effect() == Effect::Permit)
}

/// Notes who asked in an entry. One that was pruned says nothing any more.
fn note(
    tx: &mut Tx<'_>,
    log: &str,
    (node, node_seq): (&str, u64),
    offset: usize,
    into: &mut Recipients,
    counts: impl Fn(&Leaf<'_>) -> bool,
) -> Result<(), StoreError> {
    let batches = tx.batches_of_node(log, node, node_seq, 1)?;
    let Some(batch) = batches.first().filter(|batch| batch.node_seq == node_seq) else {
        return Ok(());
    };
    let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
    let line = lines.get(offset).ok_or(StoreError::Corrupt)?;
    let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
    if let Some(organisation) = leaf.organisation.as_ref().filter(|_| counts(&leaf)) {
        into.entry(leaf.system.as_str().to_owned())
            .or_default()
            .insert(organisation.as_str().to_owned());
    }
    Ok(())
}
