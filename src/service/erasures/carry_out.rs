//! The chore that carries erasures out, step by step. A step that was broken off is done again; none is done twice.

use std::sync::atomic::Ordering;

use super::keeps::keeps;
use super::propose::OPEN;
use super::recipients::{Recipients, recipients, singly};
use super::{ANSWER_WITHIN, ErasureGround, about, entry, ourselves, people};
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::ids::{ErasureTaskId, OrganisationId};
use crate::domain::moment::Moment;
use crate::service::catalogue::refresh;
use crate::service::epochs::entry_of_end;
use crate::service::erase::{Request, erase};
use crate::service::refusal::Refusal;
use crate::service::shared::Shared;
use crate::service::work::{Log, NodeSequence, Stop, Subjects, Work};
use crate::store::{ErasureRow, ErasureTaskRow, Store, StoreError, Tx};
use crate::world::random;

/// Most erasures that are looked at in one run, in each state.
const MOST: u32 = 1_000;
/// How long rows of an erased person are looked for, in seconds: a check that had begun before the erasure may write its
/// entry after it.
const STRAGGLERS: i64 = 120;
/// How long a node that does this has the turn, in seconds. Not the lead of the logs: a node takes that only when there is
/// something to sequence, and on a quiet evening nobody has it.
const TURN: i64 = 60;

/// Does what is due. Answers how many steps were done.
pub(crate) fn carry_out(shared: &Shared, store: &Store) -> Result<usize, StoreError> {
    if shared.standing.is_halted() {
        return Ok(0);
    }
    let now = shared.world.now();
    let (node, until) = (shared.node.as_str(), now.plus_seconds(TURN));
    if !store.change("take_turn", |tx| tx.take_turn("erasures", node, now, until))? {
        return Ok(0);
    }
    let chore = Chore { shared, store };
    let mut done = 0;
    for row in chore.rows("approved")? {
        done += chore.one(&row, Chore::begin)?;
    }
    for row in chore.rows("executing")? {
        done += chore.one(&row, Chore::execute)?;
    }
    for row in chore.rows("erased")? {
        done += chore.one(&row, Chore::after)?;
    }
    for row in chore.rows("epoch-destroyed")? {
        done += chore.one(&row, Chore::complete)?;
    }
    done += chore.escalate()?;
    if done > 0 {
        shared.standing.ring();
        shared.news.ring();
    }
    Ok(done)
}

/// Counts what stands open, for metrics.
pub(crate) fn count(shared: &Shared, store: &Store) -> Result<usize, StoreError> {
    let (open, tasks) = store.read("count_erasures", |tx| -> Result<_, StoreError> {
        Ok((tx.count_erasures(&OPEN)?, tx.count_erasure_tasks()?))
    })?;
    let figures = &shared.erasures;
    figures.open.store(open, Ordering::Relaxed);
    figures.pending.store(tasks.pending, Ordering::Relaxed);
    figures.escalated.store(tasks.escalated, Ordering::Relaxed);
    Ok(0)
}

struct Chore<'c> {
    shared: &'c Shared,
    store: &'c Store,
}

impl Chore<'_> {
    fn rows(&self, state: &str) -> Result<Vec<ErasureRow>, StoreError> {
        self.store.read("erasures_in", |tx| tx.erasures_in(state, MOST))
    }

    /// One step of one erasure. What fails for one does not keep the others waiting; an outage does.
    fn one(
        &self,
        row: &ErasureRow,
        step: impl Fn(&Self, &ErasureRow) -> Result<bool, Stop>,
    ) -> Result<usize, StoreError> {
        match step(self, row) {
            Ok(done) => Ok(usize::from(done)),
            // Another node did it.
            Err(Stop::Store(StoreError::Conflict { .. })) => Ok(0),
            Err(Stop::Store(error @ (StoreError::Unavailable(_) | StoreError::Full))) => Err(error),
            Err(Stop::Store(error)) => Ok(stuck(&error)),
            Err(Stop::Refused(error)) => Ok(stuck(&error)),
        }
    }

    fn now(&self) -> Moment {
        self.shared.world.now()
    }

    /// From here on nobody can withdraw.
    fn begin(&self, row: &ErasureRow) -> Result<bool, Stop> {
        if row.due_at.is_none_or(|due| due > self.now()) {
            return Ok(false);
        }
        self.change("begin_erasure", |work| {
            // A legal hold or a running request: it waits, and every check denies meanwhile.
            if keeps(work, row)?.iter().any(|keep| keep.blocks) {
                return Ok(false);
            }
            work.tx().update_erasure(&ErasureRow {
                state: "executing".to_owned(),
                ..row.clone()
            })?;
            Ok(true)
        })
    }

    fn execute(&self, row: &ErasureRow) -> Result<bool, Stop> {
        if row.erased_at.is_none() {
            let recipients = recipients(self.shared, self.store, row.person_id)?;
            self.change("erase", |work| erase_by(work, row.clone(), recipients.clone()))?;
            self.shared.news.ring();
        }
        let row = self
            .store
            .read("erasure", |tx| tx.erasure(row.id))?
            .ok_or(StoreError::Corrupt)?;
        self.clear(&row)?;
        let now = self.now();
        self.store.change("erased", |tx| {
            tx.update_erasure(&ErasureRow {
                state: "erased".to_owned(),
                key_deleted_at: Some(now),
                ..row.clone()
            })
        })?;
        Ok(true)
    }

    /// Makes sure that nothing is left: on SQLite the key store is another file, whose commit may have been lost.
    fn clear(&self, row: &ErasureRow) -> Result<(), StoreError> {
        self.delete_all(row)?;
        self.store.scrub()
    }

    fn delete_all(&self, row: &ErasureRow) -> Result<usize, StoreError> {
        let people = people(row);
        let keys = self
            .store
            .change("erase_keys", |tx| -> Result<usize, StoreError> {
                people.iter().map(|id| tx.delete_person_keys(*id)).sum()
            })?;
        let rows = self
            .store
            .change("erase_rows", |tx| -> Result<usize, StoreError> {
                people
                    .iter()
                    .map(|id| tx.delete_rows_of(*id, &[]).map(|erased| erased.rows()))
                    .sum()
            })?;
        Ok(keys + rows)
    }

    /// Looks for stragglers, and whether the epoch has turned.
    fn after(&self, row: &ErasureRow) -> Result<bool, Stop> {
        let lately = |at: Moment| at.plus_seconds(STRAGGLERS) > self.now();
        if row.key_deleted_at.is_some_and(lately) && self.delete_all(row)? > 0 {
            self.store.scrub()?;
        }
        let epochs = self.store.read("epoch_keys", |tx| tx.epoch_keys())?;
        let last = row.epoch.and_then(|epoch| u64::try_from(epoch).ok());
        // Nobody's key: there was none under any epoch.
        let mut ours = epochs
            .iter()
            .filter(|epoch| last.is_some_and(|last| epoch.epoch <= last));
        if ours.clone().any(|epoch| epoch.wrapped.is_some()) {
            return Ok(false);
        }
        let destroyed = ours.clone().filter_map(|epoch| epoch.destroyed_at).max();
        let newest = ours.next_back().map(|epoch| epoch.epoch);
        // Stragglers may have come at the very last.
        if self.delete_all(row)? > 0 {
            self.store.scrub()?;
        }
        self.store.change("epoch_over", |tx| -> Result<(), StoreError> {
            let told = match newest {
                Some(epoch) => entry_of_end(tx, epoch)?,
                None => None,
            };
            if let Some(told) = told {
                entry(tx, row.id, told, Log::Admin.as_str(), "key.epoch-destroyed")?;
            } else if newest.is_some() {
                // The entry is written a moment after the key went.
                return Err(StoreError::Conflict { constraint: None });
            }
            tx.update_erasure(&ErasureRow {
                state: "epoch-destroyed".to_owned(),
                epoch_destroyed_at: destroyed.or(row.key_deleted_at),
                ..row.clone()
            })
        })?;
        Ok(true)
    }

    /// When every system has answered.
    fn complete(&self, row: &ErasureRow) -> Result<bool, Stop> {
        let tasks = self
            .store
            .read("erasure_tasks", |tx| tx.erasure_tasks_of(row.id))?;
        if tasks.iter().any(|task| task.state != "acknowledged") {
            return Ok(false);
        }
        self.change("complete_erasure", |work| {
            admin_entry(work, row, "erasure.completed", &[])?;
            let now = work.now;
            work.tx().update_erasure(&ErasureRow {
                state: "complete".to_owned(),
                completed_at: Some(now),
                ..row.clone()
            })?;
            Ok(())
        })?;
        Ok(true)
    }

    /// Tells officers of systems that do not answer.
    fn escalate(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let overdue = self
            .store
            .read("overdue_tasks", |tx| tx.overdue_erasure_tasks(now, MOST))?;
        let mut done = 0;
        for task in overdue {
            let escalated = self.change("escalate_task", |work| {
                if !work.tx().escalate_erasure_task(task.id, now)? {
                    return Ok(false);
                }
                let row = work.tx().erasure(task.erasure_id)?.ok_or(StoreError::Corrupt)?;
                admin_entry(work, &row, "erasure.escalated", &[("recipient", &task.system)])?;
                Ok(true)
            });
            match escalated {
                Ok(true) => {
                    done += 1;
                    tracing::warn!(
                        alarm = "erasure-unacknowledged",
                        system = task.system,
                        "a system has not said that it erased somebody; see GET /v1/erasures"
                    );
                }
                Ok(false) => {}
                Err(Stop::Store(error)) => return Err(error),
                Err(Stop::Refused(_)) => return Err(StoreError::Corrupt),
            }
        }
        Ok(done)
    }

    fn change<T>(
        &self,
        name: &'static str,
        act: impl Fn(&mut Work<'_, '_>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        unit_of_work(self.shared, self.store, name, act)
    }
}

fn stuck(error: &dyn std::fmt::Display) -> usize {
    tracing::error!(alarm = "erasure-stuck", error = %error, "an erasure cannot be carried out; it is tried again");
    0
}

/// A unit of work outside the lanes, as the prunings are.
pub(super) fn unit_of_work<T>(
    shared: &Shared,
    store: &Store,
    name: &'static str,
    act: impl Fn(&mut Work<'_, '_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    store.change(name, |tx: &mut Tx<'_>| -> Result<T, Stop> {
        refresh(shared, tx)?;
        let boot: [u8; 6] = random(&*shared.world);
        let boot: String = boot.iter().map(|byte| format!("{byte:02x}")).collect();
        let sequence = NodeSequence::new(format!("{}.{boot}.erasures", shared.node));
        let policies = shared.policies.load_full();
        let mut work = Work::begin(shared, policies, tx, &[], &Subjects::default())?;
        let done = act(&mut work)?;
        let _done = work.finish(&sequence)?;
        Ok(done)
    })
}

/// The transaction in which somebody goes, and in which it stands who must be told.
fn erase_by(work: &mut Work<'_, '_>, mut row: ErasureRow, mut told: Recipients) -> Result<(), Stop> {
    let call = ourselves()?;
    let organisation: OrganisationId = row.organisation.parse().map_err(|_| StoreError::Corrupt)?;
    let (id, now) = (row.id.to_string(), work.now);
    // Once more, for what was recorded since it was looked up.
    let person = work.person(row.person_id)?.ok_or(StoreError::Corrupt)?;
    let (person, there) = (person.id, person.keys.is_some());
    let mut all = work.tx().merged_into(person)?;
    all.push(person);
    singly(work.tx(), &all, &mut told)?;
    row.erased_at = Some(now);
    if there {
        let request = Request {
            erasure: Some((&id, &organisation)),
            objects: row.ground == ErasureGround::Objection.as_str(),
        };
        let erased = erase(&call, work, person, &request)?;
        row.person_id = erased.person;
        row.merged = erased.merged.iter().flat_map(|id| *id.as_bytes()).collect();
        row.epoch = erased.epoch.and_then(|epoch| i64::try_from(epoch).ok());
        entry(
            work.tx(),
            row.id,
            erased.entry,
            Log::Consent.as_str(),
            "erasure.key-deleted",
        )?;
    }
    let mut tasks = Vec::with_capacity(told.len());
    for (system, libraries) in told {
        let libraries: Vec<String> = libraries.into_iter().collect();
        tasks.push(ErasureTaskRow {
            id: ErasureTaskId::from_bytes(work.random()),
            erasure_id: row.id,
            system,
            organisations: libraries.join(" "),
            state: "pending".to_owned(),
            outcome: None,
            kept_ground: None,
            kept_until: None,
            created_at: now,
            due_at: now.plus_seconds(ANSWER_WITHIN),
            escalated_at: None,
            acknowledged_at: None,
        });
    }
    work.tx().insert_erasure_tasks(&tasks)?;
    work.tx().update_erasure(&row)?;
    Ok(())
}

/// An entry of the admin log about an erasure: about nobody, because the key is gone.
fn admin_entry(
    work: &mut Work<'_, '_>,
    row: &ErasureRow,
    kind: &'static str,
    facts: &[(&'static str, &str)],
) -> Result<(), Stop> {
    let call = ourselves()?;
    admin_entry_by(work, &call.principal.system, row, kind, facts)
}

/// The same, by a system.
pub(super) fn admin_entry_by(
    work: &mut Work<'_, '_>,
    system: &crate::domain::ids::SystemId,
    row: &ErasureRow,
    kind: &'static str,
    facts: &[(&'static str, &str)],
) -> Result<(), Stop> {
    let organisation: OrganisationId = row.organisation.parse().map_err(|_| Refusal::Unavailable)?;
    let (id, text) = (EntryId::from_bytes(work.dated_id()), row.id.to_string());
    let policies = std::sync::Arc::clone(&work.policies);
    let (node, version) = (work.shared.node.as_str(), policies.current.version.as_str());
    let mut leaf = Leaf::new(kind, id, work.now.millis(), system, node, version);
    about(&mut leaf, &text, &organisation);
    for (name, fact) in facts {
        leaf.extra.insert((*name).into(), (*fact).into());
    }
    work.stage_admin_leaf(&leaf);
    entry(work.tx(), row.id, id, Log::Admin.as_str(), kind)?;
    Ok(())
}
