//! The keys in use: unwrapped once at start, held in memory, never in the main database.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::epochs::Epochs;
use super::sequence::LogKeys;
use super::signing::Signing;
use crate::crypto::{
    KeyName, PairwiseKey, PersonKey, PersonKeyPlace, PersonKeys, RootKey, Secret32, SigningKey, Standing,
    TenantKeys, WrappedPersonKey,
};
use crate::domain::ids::{EventId, OrganisationId, PersonId, SchemeId, SystemId};
use crate::domain::moment::Moment;
use crate::policy::catalogue::Catalogue;
use crate::store::{PersonKeyRow, Store, StoreError, TenantKeyRow, Tx, WrappedKey};
use crate::world::{World, random};

/// Version of every person key made by this program.
pub(crate) const PERSON_KEY_VERSION: u32 = 1;

/// The three logs of a network.
pub(crate) const LOGS: [&str; 3] = ["consent", "decision", "admin"];

/// In place of a library, in the ids of messages; no library can be called this.
const MESSAGES: &str = "/messages";

/// In place of an identifier scheme, in the hashes of objections that outlive an erasure; no scheme can be called this.
const SUPPRESSION: &str = "/objections";

/// Begins what is hashed of the ids of reported contacts, with the key of those hashes; no scheme can be called this.
const CONTACTS: &str = "/contacts";

/// Label of the tokens in unsubscribe links.
pub(crate) const UNSUBSCRIBE: &str = "unsubscribe";

/// Label of what holds for everybody in a line of a bulk check.
pub(crate) const BULK_CONTEXT: &str = "bulk-context";

/// Label of the tickets of audit exports.
pub(crate) const AUDIT_EXPORT: &str = "audit-export";

/// Label of what is sealed in a line of the admin log: the reason of an export.
pub(crate) const AUDIT_REASON: &str = "audit-reason";

/// Label of the names of officers in rights requests.
pub(crate) const RIGHTS_OFFICER: &str = "rights-officer";

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The key store cannot be read or written.
    #[error("the key store cannot be used")]
    Store(#[from] StoreError),
    /// The root key is not the one this key store was made with.
    #[error(
        "the root key is not the one this key store was made with; give the right root key, or restore the key store that belongs to this one"
    )]
    WrongRootKey,
    /// A stored key does not open.
    #[error("the stored key {0} does not open; restore the key store from its own backup")]
    Unreadable(String),
}

/// Keys of one network.
pub(crate) struct Keyring {
    tenant: String,
    tenant_keys: ArcSwap<TenantKeys>,
    epochs: ArcSwap<Epochs>,
    pairwise: HashMap<(SystemId, OrganisationId), PairwiseKey>,
    signing: ArcSwap<Signing>,
    /// Kept to open keys that are made while this program runs.
    root: RootKey,
    /// Where such keys are read.
    store: Store,
}

/// Meta entry by which a wrong root key is recognised.
const ROOT_CHECK: &str = "root-key-check";

impl Keyring {
    /// Opens the keys, making those that are missing. Several nodes may do this at once: who comes second reads what the
    /// first made.
    pub(crate) fn open(
        store: &Store,
        root: &RootKey,
        catalogue: &Catalogue,
        world: &dyn World,
    ) -> Result<Self, KeyringError> {
        let tenant = catalogue.network.id.clone();
        check_root(store, root)?;
        let names = names(catalogue);
        let rows = tenant_key_rows(store, root, &tenant, &names, world)?;
        let tenant_keys = tenant_keys(&rows, |row| open_tenant_key(root, &tenant, row))?;
        let signing = Signing::of(&rows, world.now(), |row| {
            open_tenant_key(root, &tenant, row).map(|(_, version, key)| (version, key))
        })?;
        let epochs = Epochs::open(store, root, &tenant, world)?;
        let pairs = catalogue
            .systems
            .keys()
            .flat_map(|s| catalogue.organisations.keys().map(move |o| (s, o)));
        let pairwise = pairs
            .filter_map(|(s, o)| {
                Some((
                    (s.clone(), o.clone()),
                    tenant_keys.pairwise(s.as_str(), o.as_str())?,
                ))
            })
            .collect();
        Ok(Self {
            tenant,
            tenant_keys: ArcSwap::from_pointee(tenant_keys),
            epochs: ArcSwap::from_pointee(epochs),
            pairwise,
            signing: ArcSwap::from_pointee(signing),
            root: root.clone(),
            store: store.clone(),
        })
    }

    /// Makes the keys that a catalogue needs and that are not there yet, before it comes into force.
    pub(super) fn make_missing(
        &self,
        store: &Store,
        catalogue: &Catalogue,
        world: &dyn World,
    ) -> Result<(), KeyringError> {
        let rows = tenant_key_rows(store, &self.root, &self.tenant, &names(catalogue), world)?;
        self.replace_tenant_keys(&rows)
    }

    /// Takes over the keys of a catalogue that another node or the command line applied.
    pub(super) fn take_over(&self, tx: &mut Tx<'_>, catalogue: &Catalogue) -> Result<(), KeyringError> {
        let keys = self.tenant_keys.load();
        let is_there = |scheme: &SchemeId| keys.current(&KeyName::BlindIndex(scheme.to_string())).is_some();
        if catalogue.schemes.keys().all(is_there) {
            return Ok(());
        }
        self.replace_tenant_keys(&tx.tenant_keys()?)
    }

    fn replace_tenant_keys(&self, rows: &[TenantKeyRow]) -> Result<(), KeyringError> {
        let keys = tenant_keys(rows, |row| open_tenant_key(&self.root, &self.tenant, row))?;
        self.tenant_keys.store(Arc::new(keys));
        Ok(())
    }

    /// The network the keys belong to.
    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The keys that sign receipts and tokens.
    pub(crate) fn signing(&self) -> Arc<Signing> {
        self.signing.load_full()
    }

    /// Puts other signing keys in the place of those in use.
    pub(super) fn replace_signing(&self, signing: Signing) {
        self.signing.store(Arc::new(signing));
    }

    /// A key of the network from its row.
    pub(super) fn open_tenant_key(&self, row: &TenantKeyRow) -> Result<(u8, Secret32), KeyringError> {
        open_tenant_key(&self.root, &self.tenant, row).map(|(_, version, key)| (version, key))
    }

    /// Wraps a new key of the network for storage.
    pub(super) fn wrap_tenant_key(
        &self,
        name: &KeyName,
        version: u8,
        nonce: [u8; 12],
        key: &Secret32,
    ) -> Option<Vec<u8>> {
        self.root
            .wrap_tenant_key(&self.tenant, name, version, nonce, key)
            .ok()
    }

    /// The key that signs the checkpoints of a log.
    pub(crate) fn log_signing(&self, log: &str) -> Option<SigningKey> {
        self.tenant_keys.load().log_signing(log).ok().flatten()
    }

    /// The keys that sign the checkpoints of all logs.
    pub(crate) fn log_keys(&self) -> LogKeys {
        LOGS.iter()
            .filter_map(|log| Some(((*log).to_owned(), self.log_signing(log)?)))
            .collect()
    }

    /// The blind index to store for an identifier.
    pub(crate) fn blind_index(&self, scheme: &SchemeId, value: &str) -> Option<(u8, [u8; 16])> {
        self.tenant_keys.load().blind_index(scheme.as_str(), value)
    }

    /// The blind indexes an identifier may be stored under.
    pub(crate) fn blind_indexes(&self, scheme: &SchemeId, value: &str) -> Vec<[u8; 16]> {
        self.tenant_keys
            .load()
            .blind_indexes(scheme.as_str(), value)
            .into_iter()
            .map(|(_, index)| index)
            .collect()
    }

    /// The blind indexes of many values, each with the place of its value.
    pub(crate) fn each_blind_index<'v>(
        &self,
        scheme: &SchemeId,
        values: impl Iterator<Item = &'v str>,
        mut show: impl FnMut(usize, [u8; 16]),
    ) {
        let indexer = self.tenant_keys.load().blind_indexer(scheme.as_str());
        for (at, value) in values.enumerate() {
            indexer.indexes(value).for_each(|index| show(at, index));
        }
    }

    /// The hash under which an objection of somebody with an identifier outlives an erasure. Its key is another one than
    /// that of the blind index, so that it leads to nothing in an older backup.
    pub(crate) fn suppression_hash(&self, scheme: &SchemeId, value: &str) -> Option<[u8; 16]> {
        let keys = self.tenant_keys.load();
        let (_, hash) = keys.blind_index(SUPPRESSION, &format!("{scheme}\n{value}"))?;
        Some(hash)
    }

    /// The hashes under which such an objection may be kept.
    pub(crate) fn suppression_hashes(&self, scheme: &SchemeId, value: &str) -> Vec<[u8; 16]> {
        let keys = self.tenant_keys.load();
        keys.blind_indexes(SUPPRESSION, &format!("{scheme}\n{value}"))
            .into_iter()
            .map(|(_, hash)| hash)
            .collect()
    }

    /// The hashes under which a system's own id of a reported contact may be kept, the one that is used now first.
    pub(crate) fn contact_hashes(
        &self,
        system: &SystemId,
        organisation: &OrganisationId,
        id: &str,
    ) -> Vec<[u8; 16]> {
        let (keys, text) = (
            self.tenant_keys.load(),
            format!("{CONTACTS}\n{system}\n{organisation}\n{id}"),
        );
        let now = keys.blind_index(SUPPRESSION, &text).map(|(_, hash)| hash);
        let all = keys
            .blind_indexes(SUPPRESSION, &text)
            .into_iter()
            .map(|(_, hash)| hash);
        now.into_iter()
            .chain(all.filter(|hash| Some(*hash) != now))
            .collect()
    }

    /// The pseudonym by which a system knows a person of a library.
    pub(crate) fn pairwise(
        &self,
        system: &SystemId,
        organisation: &OrganisationId,
        person: PersonId,
    ) -> String {
        let key = self.pairwise.get(&(system.clone(), organisation.clone()));
        let made = match key {
            Some(key) => key.pseudonym(person.as_bytes()),
            // A system or library that came with a later catalogue.
            None => match self
                .tenant_keys
                .load()
                .pairwise(system.as_str(), organisation.as_str())
            {
                Some(key) => key.pseudonym(person.as_bytes()),
                None => return String::new(),
            },
        };
        made.unwrap_or_default()
    }

    /// The person behind a pseudonym of a system at a library; `None`, without saying why, for any other text.
    pub(crate) fn open_pairwise(
        &self,
        system: &SystemId,
        organisation: &OrganisationId,
        text: &str,
    ) -> Option<PersonId> {
        let cached = self.pairwise.get(&(system.clone(), organisation.clone()));
        let opened = cached.and_then(|key| key.open(text)).or_else(|| {
            let key = self
                .tenant_keys
                .load()
                .pairwise_of(system.as_str(), organisation.as_str(), text)?;
            key.open(text)
        })?;
        Some(PersonId::from_bytes(opened))
    }

    /// The id by which a system knows a message. Each system gets another one, so that two of them cannot join what they
    /// were told; it opens again, so that no table is needed.
    pub(crate) fn message_id(&self, system: &SystemId, event: EventId) -> String {
        let key = self.tenant_keys.load().pairwise(system.as_str(), MESSAGES);
        key.and_then(|key| key.pseudonym(event.as_bytes()).ok())
            .unwrap_or_default()
    }

    /// The event behind the id of a message; `None` for any other text.
    pub(crate) fn open_message_id(&self, system: &SystemId, text: &str) -> Option<EventId> {
        let key = self
            .tenant_keys
            .load()
            .pairwise_of(system.as_str(), MESSAGES, text)?;
        key.open(text).map(EventId::from_bytes)
    }

    /// Seals a link token.
    pub(crate) fn seal_token(&self, label: &str, nonce: [u8; 12], payload: &[u8]) -> Option<String> {
        self.tenant_keys
            .load()
            .seal_token(label, nonce, payload)
            .ok()
            .flatten()
    }

    /// Opens a link token.
    pub(crate) fn open_token(&self, label: &str, text: &str) -> Option<Vec<u8>> {
        self.tenant_keys
            .load()
            .open_token(label, text)
            .map(|bytes| bytes.to_vec())
    }

    /// A new person key, wrapped for storage.
    pub(crate) fn new_person_key(
        &self,
        person: PersonId,
        world: &dyn World,
    ) -> Option<(PersonKeys, PersonKeyRow)> {
        let key = PersonKey::generate(&|bytes| world.fill(bytes));
        let epochs = self.epochs.load();
        let row = self.wrapped(&epochs, &key, person, PERSON_KEY_VERSION, world)?;
        Some((key.keys(), row))
    }

    /// The keys of a person from what is stored; `None` when the epoch key is gone or the key does not open.
    pub(crate) fn person_keys(&self, person: PersonId, row: &WrappedKey) -> Option<PersonKeys> {
        self.open_person_key(person, row).map(|key| key.keys())
    }

    /// A stored person key, wrapped under the newest epoch instead; `None` when it does not open.
    pub(super) fn rewrapped(&self, row: &PersonKeyRow, world: &dyn World) -> Option<PersonKeyRow> {
        let key = self.open_person_key(row.person_id, &row.key)?;
        self.wrapped(&self.epochs.load(), &key, row.person_id, row.key.version, world)
    }

    fn open_person_key(&self, person: PersonId, row: &WrappedKey) -> Option<PersonKey> {
        let mut epochs = self.epochs.load();
        // Another node began an epoch; what it wrote there must be readable here at once. Older ones are gone for good.
        if row.epoch > epochs.newest {
            self.look_for_epochs(None).ok()?;
            epochs = self.epochs.load();
        }
        let wrapped = WrappedPersonKey {
            sealed: row.wrapped.clone(),
            check_value: row.kcv,
        };
        let place = self.place(&person, row.version, row.epoch);
        PersonKey::unwrap(epochs.keys.get(&row.epoch)?, &place, &wrapped).ok()
    }

    fn wrapped(
        &self,
        epochs: &Epochs,
        key: &PersonKey,
        person: PersonId,
        version: u32,
        world: &dyn World,
    ) -> Option<PersonKeyRow> {
        let place = self.place(&person, version, epochs.newest);
        let wrapped = key
            .wrap(epochs.keys.get(&epochs.newest)?, &place, random(world))
            .ok()?;
        Some(PersonKeyRow {
            person_id: person,
            key: WrappedKey {
                version,
                epoch: epochs.newest,
                wrapped: wrapped.sealed,
                kcv: wrapped.check_value,
            },
        })
    }

    /// Reads the keys of epochs again: takes over new ones, and forgets those that were destroyed. With the time `now`
    /// one that was destroyed a moment ago is kept a little longer, for who read something under it just before.
    pub(super) fn look_for_epochs(&self, now: Option<Moment>) -> Result<(), KeyringError> {
        let rows = self.store.read("epoch_keys", |tx| tx.epoch_keys())?;
        let read = Epochs::of(&rows, &self.root, &self.tenant, &self.epochs.load(), now)?;
        // Never back: another thread may have read a newer one meanwhile.
        self.epochs.rcu(|known| {
            if known.newest > read.newest {
                Arc::clone(known)
            } else {
                Arc::new(read.clone())
            }
        });
        Ok(())
    }

    /// A new key for the next epoch, wrapped for storage.
    pub(super) fn new_epoch_key(&self, epoch: u64, world: &dyn World) -> Option<Vec<u8>> {
        let key = Secret32::filled(&|bytes| world.fill(bytes));
        self.root
            .wrap_epoch_key(&self.tenant, epoch, random(world), &key)
            .ok()
    }

    fn place<'a>(&'a self, person: &'a PersonId, key_version: u32, epoch: u64) -> PersonKeyPlace<'a> {
        PersonKeyPlace {
            tenant: &self.tenant,
            person: person.as_bytes(),
            key_version,
            epoch,
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("tenant", &self.tenant)
            .field("epoch", &self.epochs.load().newest)
            .finish_non_exhaustive()
    }
}

/// The keys that a network with this catalogue has.
fn names(catalogue: &Catalogue) -> Vec<KeyName> {
    let mut names = vec![KeyName::Pairwise, KeyName::Token, KeyName::Signing];
    names.push(KeyName::BlindIndex(SUPPRESSION.to_owned()));
    names.extend(
        catalogue
            .schemes
            .keys()
            .map(|s: &SchemeId| KeyName::BlindIndex(s.to_string())),
    );
    names.extend(LOGS.map(|log| KeyName::LogSigning(log.to_owned())));
    names
}

fn check_root(store: &Store, root: &RootKey) -> Result<(), KeyringError> {
    use base64::Engine;
    let ours = base64::engine::general_purpose::STANDARD.encode(root.check_value());
    let stored = store.change("check_root_key", |tx| -> Result<String, StoreError> {
        if let Some(stored) = tx.meta(ROOT_CHECK)? {
            return Ok(stored);
        }
        tx.put_meta(ROOT_CHECK, &ours)?;
        Ok(ours.clone())
    })?;
    if stored == ours {
        Ok(())
    } else {
        Err(KeyringError::WrongRootKey)
    }
}

fn tenant_key_rows(
    store: &Store,
    root: &RootKey,
    tenant: &str,
    names: &[KeyName],
    world: &dyn World,
) -> Result<Vec<TenantKeyRow>, StoreError> {
    store.change(
        "open_tenant_keys",
        |tx| -> Result<Vec<TenantKeyRow>, StoreError> {
            let mut rows = tx.tenant_keys()?;
            for name in names {
                let text = name.to_string();
                if rows.iter().any(|row| row.name == text) {
                    continue;
                }
                let key = Secret32::filled(&|bytes| world.fill(bytes));
                let wrapped = root
                    .wrap_tenant_key(tenant, name, 1, random(world), &key)
                    .map_err(|_| StoreError::Misconfigured("a new key cannot be wrapped".into()))?;
                let row = TenantKeyRow {
                    name: text,
                    version: 1,
                    wrapped,
                    state: "current".into(),
                    created_at: world.now(),
                };
                tx.insert_tenant_key(&row)?;
                rows.push(row);
            }
            Ok(rows)
        },
    )
}

/// The keys of the rows. Those that sign receipts and tokens have turns, and stand in [`Signing`].
fn tenant_keys(
    rows: &[TenantKeyRow],
    open: impl Fn(&TenantKeyRow) -> Result<(KeyName, u8, Secret32), KeyringError>,
) -> Result<TenantKeys, KeyringError> {
    let mut keys = TenantKeys::new();
    for row in rows {
        let (name, version, key) = open(row)?;
        let standing = if row.state == "current" {
            Standing::Current
        } else {
            Standing::Readable
        };
        if name != KeyName::Signing {
            keys.insert(name, version, standing, key);
        }
    }
    Ok(keys)
}

fn open_tenant_key(
    root: &RootKey,
    tenant: &str,
    row: &TenantKeyRow,
) -> Result<(KeyName, u8, Secret32), KeyringError> {
    let unreadable = || KeyringError::Unreadable(row.name.clone());
    let name = KeyName::parse(&row.name).ok_or_else(unreadable)?;
    let version = u8::try_from(row.version).map_err(|_| unreadable())?;
    let key = root
        .unwrap_tenant_key(tenant, &name, version, &row.wrapped)
        .map_err(|_| unreadable())?;
    Ok((name, version, key))
}
