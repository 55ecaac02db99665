//! Decisions are counted after the fact, out of the log in which every answer stands: a check waits for no counter. One
//! node counts, from where it was; the counters and the place are written together, so that each entry counts once.

use std::collections::BTreeMap;

use crate::audit::bundle;
use crate::audit::leaf::Leaf;
use crate::service::prune::minimum_of;
use crate::store::{LogRow, Statistic, Store, StoreError, Tx};

/// Entries that are counted in one transaction, about.
const STEP: u64 = 8_192;
/// Transactions of one turn.
const TURNS: usize = 64;

/// What is counted of answers.
pub const PERMITTED: &str = "permitted";
/// What is counted of answers.
pub const DENIED: &str = "denied";

/// Counts what was decided since the last time; some at a time. Answers how many entries.
pub(crate) fn count_decisions(store: &Store) -> Result<usize, StoreError> {
    let rows = store.read("count_logs", |tx| tx.audit_logs())?;
    let mut counted = 0;
    for row in rows.iter().filter(|row| row.log == "decision") {
        for _ in 0..TURNS {
            let step = store.change("count_decisions", |tx| step(tx, row))?;
            counted += step;
            if step == 0 {
                break;
            }
        }
    }
    Ok(usize::try_from(counted).unwrap_or(usize::MAX))
}

fn step(tx: &mut Tx<'_>, row: &LogRow) -> Result<u64, StoreError> {
    let key = format!("decisions-counted:{}", row.id);
    // Two nodes that both believe that they lead count one after the other.
    let kept = tx.lock_meta(&key, "0")?;
    let at: u64 = kept.parse().map_err(|_| StoreError::Corrupt)?;
    let at = at.max(minimum_of(tx, row.id)?);
    let size = tx.audit_head(row.id)?.map_or(0, |head| head.size);
    if at >= size {
        return Ok(0);
    }
    let batches = tx.placed_batches(row.id, at, at + STEP)?;
    let (mut counts, mut end) = (BTreeMap::new(), at);
    for batch in batches.iter().filter(|batch| batch.start_index >= at) {
        let lines = bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)?;
        for line in &lines {
            let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
            count(&leaf, &mut counts);
        }
        end = batch.start_index + u64::try_from(lines.len()).map_err(|_| StoreError::Corrupt)?;
    }
    // Nothing stands here any more: pruning went further than the counting had come.
    let end = if end == at { (at + STEP).min(size) } else { end };
    let counts: Vec<Statistic> = counts
        .into_iter()
        .map(|((organisation, purpose, day, measure), n)| Statistic {
            organisation,
            purpose,
            day,
            measure: measure.to_owned(),
            n,
        })
        .collect();
    tx.add_statistics(&counts)?;
    tx.put_meta(&key, &end.to_string())?;
    Ok(end - at)
}

type Counts = BTreeMap<(String, String, i64, &'static str), u64>;

fn count(leaf: &Leaf<'_>, counts: &mut Counts) {
    let Some(organisation) = &leaf.organisation else {
        return;
    };
    let (permitted, denied) = match (&leaf.bulk, &leaf.outcome) {
        (Some(bulk), _) => (bulk.permitted, bulk.denied.values().sum()),
        (None, Some(outcome)) if outcome.as_str() == "permit" => (1, 0),
        (None, Some(outcome)) if outcome.as_str() == "deny" => (0, 1),
        (None, _) => (0, 0),
    };
    for (measure, n) in [(PERMITTED, permitted), (DENIED, denied)] {
        if n > 0 {
            let purpose = leaf.purpose.as_ref().map(|word| word.as_str().to_owned());
            let key = (
                organisation.as_str().to_owned(),
                purpose.unwrap_or_default(),
                leaf.millis.div_euclid(86_400_000),
                measure,
            );
            *counts.entry(key).or_default() += n;
        }
    }
}
