//! The key store: wrapped keys, in a file or schema of its own. On SQLite a transaction over two files is not one
//! commit, so a person's key is written before the person ([`Store::add_person_keys`]): a key without a person harms
//! nobody, a person without a key could not be read.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::columns::{Number, int};
use super::engine::Store;
use super::error::StoreError;
use super::people::WrappedKey;
use super::schema::{epoch_key, person_key, tenant_key};
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// A key of the network as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct TenantKeyRow {
    /// What it is for.
    pub name: String,
    /// Its version.
    #[diesel(deserialize_as = Number<u32>)]
    pub version: u32,
    /// Wrapped under the root key.
    pub wrapped: Vec<u8>,
    /// Whether it is in use.
    pub state: String,
    /// When it was made.
    pub created_at: Moment,
}

/// The key of an epoch as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct EpochKeyRow {
    /// The epoch.
    #[diesel(deserialize_as = Number<u64>)]
    pub epoch: u64,
    /// Wrapped under the root key; `None` when destroyed.
    pub wrapped: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: Moment,
    /// When it was destroyed.
    pub destroyed_at: Option<Moment>,
}

/// A person's key as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PersonKeyRow {
    /// Whose it is.
    pub person_id: PersonId,
    /// The key.
    pub key: WrappedKey,
}

impl Store {
    /// Writes keys of people, durably, before anything is sealed under them.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a person already has a key of this version.
    pub fn add_person_keys(&self, keys: &[PersonKeyRow]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.change("add_person_keys", |tx| tx.insert_person_keys(keys))
    }
}

pub(super) const KEY: (
    person_key::version,
    person_key::epoch,
    person_key::wrapped,
    person_key::kcv,
) = (
    person_key::version,
    person_key::epoch,
    person_key::wrapped,
    person_key::kcv,
);

impl Tx<'_> {
    /// Writes keys of people. Not in the transaction that writes what is sealed under them: see the module.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a person already has a key of this version.
    pub fn insert_person_keys(&mut self, keys: &[PersonKeyRow]) -> Result<(), StoreError> {
        insert_rows!(self, person_key, keys, |row| {
            person_id: Binary = row.person_id.as_bytes().as_slice(),
            version: BigInt = int(row.key.version),
            epoch: BigInt = int(row.key.epoch),
            wrapped: Binary = row.key.wrapped.as_slice(),
            kcv: Binary = row.key.kcv.as_slice(),
        })
    }

    /// All keys of a person, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn person_keys(&mut self, person: PersonId) -> Result<Vec<WrappedKey>, StoreError> {
        self.run(|connection| {
            person_key::table
                .filter(person_key::person_id.eq(person.as_bytes().as_slice()))
                .order(person_key::version)
                .select(KEY)
                .load(connection)
        })
    }

    /// Destroys all keys of a person: what is sealed under them stays unreadable for ever. Gives how many there were.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_person_keys(&mut self, person: PersonId) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(person_key::table.filter(person_key::person_id.eq(person.as_bytes().as_slice())))
                .execute(connection)
        })
    }

    /// Keys of people under the key of one epoch, `limit` at most, to be wrapped anew.
    ///
    /// # Errors
    /// Those of the database.
    pub fn person_keys_of_epoch(&mut self, epoch: u64, limit: u32) -> Result<Vec<PersonKeyRow>, StoreError> {
        self.run(|connection| {
            person_key::table
                .filter(person_key::epoch.eq(int(epoch)))
                .order(person_key::person_id)
                .limit(i64::from(limit))
                .select((person_key::person_id, KEY))
                .load(connection)
        })
    }

    /// Puts a key that was wrapped anew in the place of the same key; `false` when it was destroyed meanwhile.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rewrap_person_key(&mut self, row: &PersonKeyRow) -> Result<bool, StoreError> {
        let changed = self.run(|connection| {
            Statement::<_>::new(
                "UPDATE keystore.person_key SET epoch = ?, wrapped = ? \
                 WHERE person_id = ? AND version = ? AND kcv = ?",
                (
                    int(row.key.epoch).into_sql::<BigInt>(),
                    row.key.wrapped.as_slice().into_sql::<Binary>(),
                    row.person_id.as_bytes().as_slice().into_sql::<Binary>(),
                    int(row.key.version).into_sql::<BigInt>(),
                    row.key.kcv.as_slice().into_sql::<Binary>(),
                ),
            )
            .execute(connection)
        })?;
        Ok(changed == 1)
    }

    /// The keys of the network, by name and version.
    ///
    /// # Errors
    /// Those of the database.
    pub fn tenant_keys(&mut self) -> Result<Vec<TenantKeyRow>, StoreError> {
        self.run(|connection| {
            tenant_key::table
                .order((tenant_key::name, tenant_key::version))
                .select((
                    tenant_key::name,
                    tenant_key::version,
                    tenant_key::wrapped,
                    tenant_key::state,
                    tenant_key::created_at,
                ))
                .load(connection)
        })
    }

    /// Adds a key of the network.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when this version exists, for instance because another node made it.
    pub fn insert_tenant_key(&mut self, key: &TenantKeyRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(tenant_key::table)
                .values((
                    tenant_key::name.eq(&key.name),
                    tenant_key::version.eq(int(key.version)),
                    tenant_key::wrapped.eq(&key.wrapped),
                    tenant_key::state.eq(&key.state),
                    tenant_key::created_at.eq(key.created_at.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// Sets the state of a key of the network; `false` when it is not there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_tenant_key_state(
        &mut self,
        name: &str,
        version: u32,
        state: &str,
    ) -> Result<bool, StoreError> {
        let changed = self.run(|connection| {
            diesel::update(tenant_key::table.find((name, int(version))))
                .set(tenant_key::state.eq(state))
                .execute(connection)
        })?;
        Ok(changed == 1)
    }

    /// The keys of epochs, oldest first, destroyed ones included.
    ///
    /// # Errors
    /// Those of the database.
    pub fn epoch_keys(&mut self) -> Result<Vec<EpochKeyRow>, StoreError> {
        self.run(|connection| {
            epoch_key::table
                .order(epoch_key::epoch)
                .select((
                    epoch_key::epoch,
                    epoch_key::wrapped,
                    epoch_key::created_at,
                    epoch_key::destroyed_at,
                ))
                .load(connection)
        })
    }

    /// Adds the key of an epoch.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the epoch has one, for instance because another node made it.
    pub fn insert_epoch_key(
        &mut self,
        epoch: u64,
        wrapped: &[u8],
        created_at: Moment,
    ) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(epoch_key::table)
                .values((
                    epoch_key::epoch.eq(int(epoch)),
                    epoch_key::wrapped.eq(wrapped),
                    epoch_key::created_at.eq(created_at.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// Destroys the key of an epoch; `false` when there was none left. What is still wrapped under it is lost.
    ///
    /// # Errors
    /// Those of the database.
    pub fn destroy_epoch_key(&mut self, epoch: u64, destroyed_at: Moment) -> Result<bool, StoreError> {
        let changed = self.run(|connection| {
            diesel::update(
                epoch_key::table
                    .filter(epoch_key::epoch.eq(int(epoch)))
                    .filter(epoch_key::wrapped.is_not_null()),
            )
            .set((
                epoch_key::wrapped.eq(None::<Vec<u8>>),
                epoch_key::destroyed_at.eq(Some(destroyed_at.micros())),
            ))
            .execute(connection)
        })?;
        Ok(changed == 1)
    }
}
