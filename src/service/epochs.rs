//! Key epochs: person keys are wrapped under the key of an epoch, and a week later all that are left are wrapped under
//! the next one and the old key is destroyed. Then no older backup of the data, replica or archived log can bring back
//! whoever was erased meanwhile: it holds keys wrapped under a key that no longer exists.
//!
//! Nothing stands still for it. Every node reads the keys of the old and the new epoch while keys move, some hundreds in
//! one transaction; the old key goes when nothing is under it any more, which the same transaction sees. A turn that is
//! broken off is taken up where it was.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Service;
use super::call::Call;
use super::keys::{Keyring, KeyringError};
use super::refusal::Refusal;
use super::shared::{OWN_CLIENT, Shared};
use super::work::{NodeSequence, Subjects, Work};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::crypto::{RootKey, Secret32};
use crate::domain::ids::SystemId;
use crate::domain::moment::Moment;
use crate::store::{EpochKeyRow, Store, StoreError, Tx};
use crate::world::{World, random};

/// How long an epoch lasts, in seconds: a week.
pub const EPOCH: i64 = 7 * 86_400;

/// How long a node keeps the key of an epoch in memory after it was destroyed, in seconds.
const GRACE: i64 = 60;
/// How many keys are wrapped anew in one transaction.
const BATCH: u32 = 500;
/// How long a chore moves keys before it lets others have their turn.
const SPELL: Duration = Duration::from_secs(5);

/// How long a node that turns the epoch is the only one, in seconds.
const HELD: i64 = 150;

/// The keys of the epochs that live.
#[derive(Clone)]
pub(super) struct Epochs {
    pub(super) keys: HashMap<u64, Secret32>,
    /// The one that new keys are wrapped under.
    pub(super) newest: u64,
}

impl Epochs {
    /// Opens them, making the first one.
    pub(super) fn open(
        store: &Store,
        root: &RootKey,
        tenant: &str,
        world: &dyn World,
    ) -> Result<Self, KeyringError> {
        let rows = store.change("open_epoch_keys", |tx| -> Result<Vec<EpochKeyRow>, StoreError> {
            let rows = tx.epoch_keys()?;
            if rows.iter().any(|row| row.wrapped.is_some()) {
                return Ok(rows);
            }
            let epoch = rows.iter().map(|row| row.epoch).max().unwrap_or(0) + 1;
            let key = Secret32::filled(&|bytes| world.fill(bytes));
            let wrapped = root
                .wrap_epoch_key(tenant, epoch, random(world), &key)
                .map_err(|_| StoreError::Misconfigured("a new key cannot be wrapped".into()))?;
            tx.insert_epoch_key(epoch, &wrapped, world.now())?;
            tx.epoch_keys()
        })?;
        let none = Self {
            keys: HashMap::new(),
            newest: 0,
        };
        Self::of(&rows, root, tenant, &none, None)
    }

    /// Those of the rows. What is known already is not unwrapped again.
    pub(super) fn of(
        rows: &[EpochKeyRow],
        root: &RootKey,
        tenant: &str,
        known: &Self,
        now: Option<Moment>,
    ) -> Result<Self, KeyringError> {
        let (mut keys, mut newest) = (HashMap::new(), 0);
        for row in rows {
            let Some(wrapped) = &row.wrapped else {
                // Destroyed so lately that somebody may have read a key under it just before.
                let lately =
                    now.is_none_or(|now| row.destroyed_at.is_some_and(|at| at.plus_seconds(GRACE) > now));
                if lately && let Some(key) = known.keys.get(&row.epoch) {
                    keys.insert(row.epoch, key.clone());
                }
                continue;
            };
            let key = match known.keys.get(&row.epoch) {
                Some(key) => key.clone(),
                None => root
                    .unwrap_epoch_key(tenant, row.epoch, wrapped)
                    .map_err(|_| KeyringError::Unreadable(format!("epoch {}", row.epoch)))?,
            };
            keys.insert(row.epoch, key);
            newest = newest.max(row.epoch);
        }
        Ok(Self { keys, newest })
    }
}

/// What a turn did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EpochTurned {
    /// The epoch that began, or was beginning already.
    pub epoch: u64,
    /// Keys of people that were wrapped under it.
    pub rewrapped: u64,
    /// The epochs whose keys were destroyed.
    pub destroyed: Vec<u64>,
    /// Keys that do not open, because somebody changed them outside the service. As long as there are any, the key of
    /// their epoch is not destroyed.
    pub unreadable: u64,
    /// Whether keys are left that the next run takes up.
    pub unfinished: bool,
}

/// Why an epoch did not turn.
#[derive(Debug, thiserror::Error)]
pub enum EpochMistake {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// In the service.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Service {
    /// Begins a new epoch, wraps the key of everybody under it and destroys the keys of earlier epochs; a turn that was
    /// broken off is finished instead. `give_up` also destroys an epoch under which there are keys that do not open.
    /// Blocks, for minutes where there are millions of people; nobody waits for it.
    ///
    /// # Errors
    /// [`EpochMistake`]; the same again goes on where it was.
    pub fn turn_epoch(&self, call: &Call, give_up: bool) -> Result<EpochTurned, EpochMistake> {
        let turn = Turn {
            shared: self.shared(),
            store: self.store(),
            system: &call.principal.system,
            until: None,
            give_up,
        };
        turn.run(Begin::Now)
    }
}

/// The chore: takes over epochs of other nodes, and forgets destroyed keys.
pub(super) fn look(shared: &Shared) -> Result<usize, StoreError> {
    shared.keys.look_for_epochs(Some(shared.world.now()))?;
    Ok(0)
}

/// The chore: turns the epoch when it is a week old, and finishes what was broken off.
pub(super) fn keep_turning(shared: &Shared, store: &Store) -> Result<usize, StoreError> {
    let system: SystemId = OWN_CLIENT.parse().map_err(|_| StoreError::Corrupt)?;
    let now = shared.world.now();
    let (node, until) = (shared.node.as_str(), now.plus_seconds(HELD));
    if !store.change("take_turn", |tx| tx.take_turn("epoch", node, now, until))? {
        return Ok(0);
    }
    let turn = Turn {
        shared,
        store,
        system: &system,
        until: Some(Instant::now() + SPELL),
        give_up: false,
    };
    match turn.run(Begin::WhenDue) {
        Ok(turned) => {
            if turned.unreadable > 0 {
                tracing::error!(
                    alarm = "unreadable-record",
                    "keys of people do not open, and the key of their epoch is not destroyed: see `akkoord keys turn-epoch`"
                );
            }
            Ok(usize::try_from(turned.rewrapped).unwrap_or(usize::MAX))
        }
        Err(EpochMistake::Store(error)) => Err(error),
        Err(EpochMistake::Keys(error)) => Err(error.into()),
        Err(EpochMistake::Refused(_)) => Err(StoreError::Corrupt),
    }
}

enum Begin {
    Now,
    WhenDue,
}

struct Turn<'t> {
    shared: &'t Shared,
    store: &'t Store,
    /// Who turns, in the log.
    system: &'t SystemId,
    until: Option<Instant>,
    give_up: bool,
}

impl Turn<'_> {
    fn run(&self, begin: Begin) -> Result<EpochTurned, EpochMistake> {
        if self.shared.standing.is_halted() {
            return Err(Refusal::Unavailable.into());
        }
        let epoch = self.begin(&begin)?;
        // The new key is in force here before anything is wrapped under it.
        self.keys().look_for_epochs(None)?;
        let mut turned = EpochTurned {
            epoch,
            ..EpochTurned::default()
        };
        for old in self.living()?.into_iter().filter(|old| *old < epoch) {
            self.end(old, &mut turned)?;
        }
        self.record_destroyed()?;
        if !turned.destroyed.is_empty() {
            self.store.scrub()?;
        }
        Ok(turned)
    }

    fn keys(&self) -> &Keyring {
        &self.shared.keys
    }

    fn living(&self) -> Result<Vec<u64>, StoreError> {
        let rows = self.store.read("epoch_keys", |tx| tx.epoch_keys())?;
        let living = rows.into_iter().filter(|row| row.wrapped.is_some());
        Ok(living.map(|row| row.epoch).collect())
    }

    /// The epoch to be in: a new one, unless another turn is under way or none is due.
    fn begin(&self, begin: &Begin) -> Result<u64, StoreError> {
        let world = &*self.shared.world;
        self.store.change("begin_epoch", |tx| {
            let rows = tx.epoch_keys()?;
            let living: Vec<&EpochKeyRow> = rows.iter().filter(|row| row.wrapped.is_some()).collect();
            let newest = living.last().ok_or(StoreError::Corrupt)?;
            let now = world.now();
            let due = match begin {
                Begin::Now => true,
                Begin::WhenDue => newest.created_at.plus_seconds(EPOCH) <= now,
            };
            if living.len() > 1 || !due {
                return Ok(newest.epoch);
            }
            let epoch = newest.epoch + 1;
            let wrapped = self
                .keys()
                .new_epoch_key(epoch, world)
                .ok_or(StoreError::Corrupt)?;
            match tx.savepoint(|tx| tx.insert_epoch_key(epoch, &wrapped, now)) {
                // Another node was first; it is the same epoch.
                Ok(()) | Err(StoreError::Conflict { .. }) => Ok(epoch),
                Err(error) => Err(error),
            }
        })
    }

    /// Moves everything from an old epoch, and destroys its key.
    fn end(&self, old: u64, turned: &mut EpochTurned) -> Result<(), EpochMistake> {
        loop {
            let mut unreadable = 0;
            let mut after = None;
            loop {
                let page = self
                    .store
                    .read("rewrap_page", |tx| tx.person_keys_of_epoch(old, after, BATCH))?;
                let Some(last) = page.last() else { break };
                after = Some(last.person_id);
                let world = &*self.shared.world;
                let moved: Vec<_> = page
                    .iter()
                    .filter_map(|row| self.keys().rewrapped(row, world))
                    .collect();
                unreadable += u64::try_from(page.len() - moved.len()).unwrap_or(0);
                let changed = self
                    .store
                    .change("rewrap_person_keys", |tx| tx.rewrap_person_keys(&moved))?;
                turned.rewrapped += u64::try_from(changed).unwrap_or(0);
                if self.until.is_some_and(|until| Instant::now() >= until) {
                    turned.unfinished = true;
                    return Ok(());
                }
            }
            if unreadable > 0 {
                turned.unreadable += unreadable;
                if !self.give_up {
                    turned.unfinished = true;
                    return Ok(());
                }
                self.store.change("give_up_person_keys", |tx| {
                    tx.delete_person_keys_of_epoch(old).map(|_| ())
                })?;
            }
            let now = self.shared.world.now();
            if self
                .store
                .change("destroy_epoch_key", |tx| tx.destroy_epoch_key(old, now))?
            {
                turned.destroyed.push(old);
                return Ok(());
            }
            // A node that had not heard of the new epoch added somebody, or another node destroyed it.
            if !self.living()?.contains(&old) {
                return Ok(());
            }
        }
    }

    /// The entries of the admin log that tell of destroyed epochs. Beside the destruction and not with it: on SQLite the
    /// key store is another file, and a commit over both is two.
    fn record_destroyed(&self) -> Result<(), StoreError> {
        let rows = self.store.read("epoch_keys", |tx| tx.epoch_keys())?;
        for row in rows {
            if let Some(at) = row.destroyed_at {
                record_destroyed(self.shared, self.store, self.system, row.epoch, at)?;
            }
        }
        Ok(())
    }
}

/// The name of the fact that an entry tells of the end of an epoch.
fn ended_key(epoch: u64) -> String {
    format!("epoch-destroyed:{epoch}")
}

/// The entry of the admin log that tells that the key of an epoch was destroyed, once it is written.
pub(super) fn entry_of_end(tx: &mut Tx<'_>, epoch: u64) -> Result<Option<EntryId>, StoreError> {
    let told = tx.meta(&ended_key(epoch))?;
    told.map(|id| EntryId::parse(&id).ok_or(StoreError::Corrupt))
        .transpose()
}

fn record_destroyed(
    shared: &Shared,
    store: &Store,
    system: &SystemId,
    epoch: u64,
    at: Moment,
) -> Result<(), StoreError> {
    let key = ended_key(epoch);
    if store.read("epoch_ended", |tx| tx.meta(&key))?.is_some() {
        return Ok(());
    }
    let boot: [u8; 6] = random(&*shared.world);
    let boot: String = boot.iter().map(|byte| format!("{byte:02x}")).collect();
    let sequence = NodeSequence::new(format!("{}.{boot}.epochs", shared.node));
    store.change("record_epoch", |tx| -> Result<(), StoreError> {
        if tx.meta(&key)?.is_some() {
            return Ok(());
        }
        super::catalogue::refresh(shared, tx)?;
        let policies = shared.policies.load_full();
        let mut work = Work::begin(shared, Arc::clone(&policies), tx, &[], &Subjects::default())?;
        let id = EntryId::from_bytes(work.dated_id());
        let version = policies.current.version.as_str();
        let mut leaf = Leaf::new(
            "key.epoch-destroyed",
            id,
            work.now.millis(),
            system,
            shared.node.as_str(),
            version,
        );
        leaf.outcome = Some("ok".into());
        let (number, at) = (epoch.to_string(), at.rfc3339());
        leaf.extra = [("epoch", number.as_str()), ("destroyed-at", at.as_str())]
            .into_iter()
            .map(|(name, fact)| (Word::from(name), fact.into()))
            .collect();
        work.stage_admin_leaf(&leaf);
        work.tx().put_meta(&key, &id.to_string())?;
        let _done = work.finish(&sequence)?;
        Ok(())
    })?;
    shared.standing.ring();
    Ok(())
}
