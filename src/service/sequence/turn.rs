//! The turn of the year: every log goes on under a new origin each year (UTC), so that a whole year can be put away, and
//! pruned, as one. The last checkpoint of the old origin is published before it is closed, and the first entry of the new
//! one (`log.continued`) quotes it: the years hang together.

use chrono::Datelike as _;

use super::{LogKeys, SequenceError, first_entry, origin};
use crate::audit::leaf::{EntryId, Leaf};
use crate::crypto::note::VerifierKey;
use crate::service::shared::OWN_CLIENT;
use crate::service::work::dated_id;
use crate::store::{LogRow, LogState, StoreError, Tx};
use crate::world::{World, random};

/// Who turns a log, with what.
pub(super) struct Turning<'a> {
    pub(super) keys: &'a LogKeys,
    pub(super) world: &'a dyn World,
    pub(super) node: &'a str,
    /// The leader's epoch at the origin.
    pub(super) epoch: u64,
}

/// Whether an origin is of a year that is over.
pub(super) fn is_due(row: &LogRow, world: &dyn World) -> bool {
    label_year(&row.origin).is_some_and(|year| year < world.now().utc().year())
}

/// The year of `2027` and of `2027.2`, at the end of an origin.
fn label_year(origin: &str) -> Option<i32> {
    let (_, label) = origin.rsplit_once('/')?;
    label.split('.').next()?.parse().ok()
}

/// Closes an origin of which every entry is under a published checkpoint, and opens the next. `None` when it has to wait:
/// entries came in meanwhile.
pub(super) fn turn(
    tx: &mut Tx<'_>,
    with: &Turning<'_>,
    row: &LogRow,
) -> Result<Option<LogRow>, SequenceError> {
    let head = tx.lock_audit_head(row.id)?.ok_or(StoreError::Corrupt)?;
    if head.leader_epoch != with.epoch {
        return Err(SequenceError::Fenced);
    }
    let Some(last) = tx
        .newest_checkpoint(row.id)?
        .filter(|last| last.size == head.size)
    else {
        return Ok(None);
    };
    let now = with.world.now();
    let rows = tx.audit_logs()?;
    let (prefix, _) = row.origin.rsplit_once('/').ok_or(StoreError::Corrupt)?;
    let origin = origin::free(prefix, now, |origin| rows.iter().any(|row| row.origin == origin));
    let key = with.keys.of(&row.log);
    let key = key.ok_or_else(|| SequenceError::Key { log: row.log.clone() })?;
    let version = tx.latest_catalogue()?.ok_or(StoreError::Corrupt)?.version;

    tx.set_audit_log_state(row.id, LogState::Closed, None)?;
    let new = LogRow {
        id: origin::next_id(&rows),
        log: row.log.clone(),
        vkey: VerifierKey::new(&origin, key.public())?.to_text(),
        origin,
        state: LogState::Open,
        contradiction: None,
    };
    tx.insert_audit_log(&new)?;
    let id = EntryId::from_bytes(dated_id(now, random(with.world)));
    let mut leaf = Leaf::new("log.continued", id, now.millis(), OWN_CLIENT, with.node, &version);
    leaf.outcome = Some("ok".into());
    leaf.extra.insert("checkpoint".into(), last.note.as_str().into());
    first_entry::write(tx, with.world, with.node, &new, &leaf)?;
    Ok(Some(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_of_an_origin_is_read() {
        assert_eq!(label_year("akkoord.example/wise/consent/2027"), Some(2027));
        assert_eq!(label_year("akkoord.example/wise/consent/2027.2"), Some(2027));
        assert_eq!(label_year("akkoord.example/wise/consent/first"), None);
    }
}
