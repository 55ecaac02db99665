//! The key store: wrapped keys, in a file or schema of its own. On SQLite a transaction over two files is not one
//! commit, so a person's key is written before the person ([`Store::add_person_keys`]): a key without a person harms
//! nobody, a person without a key could not be read.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary};

use super::columns::{Number, int};
use super::engine::Store;
use super::error::StoreError;
use super::people::{PersonState, WrappedKey};
use super::schema::{epoch_key, person, person_key, tenant_key};
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// Beside the lock of the migrations and that of the log's leader.
const EPOCH_LOCK: i64 = 27_418_468_459_278_950;

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
    /// [`StoreError::Conflict`] when a person already has a key of this version, and when the key of the epoch they are
    /// wrapped under was destroyed meanwhile: nobody could ever open them.
    pub fn add_person_keys(&self, keys: &[PersonKeyRow]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.change("add_person_keys", |tx| {
            tx.share_epochs()?;
            let dead: Vec<u64> = tx.destroyed_epochs()?;
            if keys.iter().any(|row| dead.contains(&row.key.epoch)) {
                return tx.fail(StoreError::Conflict { constraint: None });
            }
            tx.insert_person_keys(keys)
        })
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

    /// People who are not erased and have no key, by id, `limit` at most, after a person.
    ///
    /// # Errors
    /// Those of the database.
    pub fn people_without_key(
        &mut self,
        after: Option<PersonId>,
        limit: u32,
    ) -> Result<Vec<PersonId>, StoreError> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        self.run(|connection| {
            person::table
                .left_join(person_key::table.on(person_key::person_id.eq(person::id)))
                .filter(person_key::version.nullable().is_null())
                .filter(person::state.ne(PersonState::Erased.as_str()))
                .filter(person::id.gt(after))
                .order(person::id)
                .limit(i64::from(limit))
                .select(person::id)
                .load(connection)
        })
    }

    /// How many people are not erased.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_people(&mut self) -> Result<u64, StoreError> {
        let counted: i64 = self.run(|connection| {
            person::table
                .filter(person::state.ne(PersonState::Erased.as_str()))
                .count()
                .get_result(connection)
        })?;
        Ok(u64::try_from(counted).unwrap_or(0))
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

    /// Keys of people under the key of one epoch, `limit` at most, to be wrapped anew; those after a person, by id.
    ///
    /// # Errors
    /// Those of the database.
    pub fn person_keys_of_epoch(
        &mut self,
        epoch: u64,
        after: Option<PersonId>,
        limit: u32,
    ) -> Result<Vec<PersonKeyRow>, StoreError> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        self.run(|connection| {
            person_key::table
                .filter(person_key::epoch.eq(int(epoch)))
                .filter(person_key::person_id.gt(after))
                .order((person_key::person_id, person_key::version))
                .limit(i64::from(limit))
                .select((person_key::person_id, KEY))
                .load(connection)
        })
    }

    /// Puts keys that were wrapped anew in the place of the same keys under an older epoch; gives how many. A key that
    /// was destroyed meanwhile stays destroyed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rewrap_person_keys(&mut self, rows: &[PersonKeyRow]) -> Result<usize, StoreError> {
        if rows.is_empty() {
            return Ok(0);
        }
        self.each(
            |connection| {
                let mut changed = 0;
                for row in rows {
                    changed += Statement::<_>::new(
                        "UPDATE keystore.person_key SET epoch = ?, wrapped = ? \
                         WHERE person_id = ? AND version = ? AND kcv = ? AND epoch < ?",
                        (
                            int(row.key.epoch).into_sql::<BigInt>(),
                            row.key.wrapped.as_slice().into_sql::<Binary>(),
                            row.person_id.as_bytes().as_slice().into_sql::<Binary>(),
                            int(row.key.version).into_sql::<BigInt>(),
                            row.key.kcv.as_slice().into_sql::<Binary>(),
                            int(row.key.epoch).into_sql::<BigInt>(),
                        ),
                    )
                    .execute(connection)?;
                }
                Ok(changed)
            },
            |connection| {
                fn list<'r, T>(rows: &'r [PersonKeyRow], of: impl Fn(&'r PersonKeyRow) -> T) -> Vec<T> {
                    rows.iter().map(of).collect()
                }
                Statement::<_>::new(
                    "UPDATE keystore.person_key AS old SET epoch = new.epoch, wrapped = new.wrapped \
                     FROM (SELECT unnest(?) AS person_id, unnest(?) AS version, unnest(?) AS epoch, \
                     unnest(?) AS wrapped, unnest(?) AS kcv) AS new \
                     WHERE old.person_id = new.person_id AND old.version = new.version AND old.kcv = new.kcv \
                     AND old.epoch < new.epoch",
                    (
                        list(rows, |row| row.person_id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
                        list(rows, |row| int(row.key.version)).into_sql::<Array<BigInt>>(),
                        list(rows, |row| int(row.key.epoch)).into_sql::<Array<BigInt>>(),
                        list(rows, |row| row.key.wrapped.as_slice()).into_sql::<Array<Binary>>(),
                        list(rows, |row| row.key.kcv.as_slice()).into_sql::<Array<Binary>>(),
                    ),
                )
                .execute(connection)
            },
        )
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

    /// Destroys the key of an epoch under which no key of a person is left; `false` when some are, or when it was
    /// destroyed before. Keys that another node adds at this moment are waited for.
    ///
    /// # Errors
    /// Those of the database.
    pub fn destroy_epoch_key(&mut self, epoch: u64, destroyed_at: Moment) -> Result<bool, StoreError> {
        self.own_epochs()?;
        // A statement of its own, so that PostgreSQL sees what was committed while this waited.
        if !self.person_keys_of_epoch(epoch, None, 1)?.is_empty() {
            return Ok(false);
        }
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

    /// Deletes the keys of people that are left under an epoch because they do not open; gives how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_person_keys_of_epoch(&mut self, epoch: u64) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(person_key::table.filter(person_key::epoch.eq(int(epoch)))).execute(connection)
        })
    }

    fn destroyed_epochs(&mut self) -> Result<Vec<u64>, StoreError> {
        let epochs: Vec<i64> = self.run(|connection| {
            epoch_key::table
                .filter(epoch_key::wrapped.is_null())
                .select(epoch_key::epoch)
                .load(connection)
        })?;
        Ok(epochs
            .into_iter()
            .filter_map(|epoch| u64::try_from(epoch).ok())
            .collect())
    }

    /// Until the end of the transaction no key of an epoch is destroyed. SQLite has one writer at a time anyway.
    fn share_epochs(&mut self) -> Result<(), StoreError> {
        self.lock_epochs("SELECT pg_advisory_xact_lock_shared(?)")
    }

    /// Waits until nobody adds keys, and lets nobody begin before the end of the transaction.
    fn own_epochs(&mut self) -> Result<(), StoreError> {
        self.lock_epochs("SELECT pg_advisory_xact_lock(?)")
    }

    fn lock_epochs(&mut self, statement: &'static str) -> Result<(), StoreError> {
        self.each(
            |_| Ok(()),
            |connection| {
                Statement::<_>::new(statement, (EPOCH_LOCK.into_sql::<BigInt>(),))
                    .execute(connection)
                    .map(|_| ())
            },
        )
    }
}
