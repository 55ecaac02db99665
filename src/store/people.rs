//! People: who they are by blind index or id, with all that a decision about them needs.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::audit_rows::revisions;
use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::records::SealedRecord;
use super::schema::{person, person_identifier, person_key, person_record};
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// Whether a person is one to record things about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonState {
    /// Yes.
    Active,
    /// Erased: nothing is left but this tombstone.
    Erased,
    /// Turned out to be the same as another one.
    Merged,
}

impl PersonState {
    /// As the column holds it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Erased => "erased",
            Self::Merged => "merged",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Erased, Self::Merged]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// Everything that a decision about a person needs, from one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The person.
    pub id: PersonId,
    /// Counts the changes of this person.
    pub revision: u64,
    /// Whether the person is active.
    pub state: PersonState,
    /// The person that this one was merged into.
    pub merged_into: Option<PersonId>,
    /// The record; an erased person has none.
    pub record: Option<SealedRecord>,
    /// The key that the record is sealed under; without a record the newest one.
    pub key: Option<WrappedKey>,
}

/// A person key as stored, without whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct WrappedKey {
    /// Its version.
    #[diesel(deserialize_as = Number<u32>)]
    pub version: u32,
    /// The epoch of the key it is wrapped under.
    #[diesel(deserialize_as = Number<u64>)]
    pub epoch: u64,
    /// Wrapped key.
    pub wrapped: Vec<u8>,
    /// Key check value.
    #[diesel(deserialize_as = Bytes<16>)]
    pub kcv: [u8; 16],
}

/// What was read before and is believed still.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fence {
    /// Who is present, as which revision; each once.
    pub people: Vec<(PersonId, u64)>,
    /// The number of the newest catalogue.
    pub catalogue: u64,
}

/// A person to add; state `active`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// The person.
    pub id: PersonId,
    /// The network of libraries.
    pub tenant: String,
    /// First revision.
    pub revision: u64,
    /// Now.
    pub created_at: Moment,
}

impl NewPerson {
    const fn state(&self) -> &'static str {
        PersonState::Active.as_str()
    }
}

/// A change of the row of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonChange {
    /// The person.
    pub id: PersonId,
    /// The revision that was read.
    pub previous: u64,
    /// The new revision.
    pub revision: u64,
    /// State.
    pub state: PersonState,
    /// The survivor, when merged.
    pub merged_into: Option<PersonId>,
    /// When it was erased or merged.
    pub ended_at: Option<Moment>,
}

#[derive(Queryable)]
struct PersonColumns {
    id: PersonId,
    #[diesel(deserialize_as = Number<u64>)]
    revision: u64,
    state: String,
    merged_into: Option<PersonId>,
    record: Option<SealedRecord>,
    key: Option<WrappedKey>,
}

#[derive(Queryable)]
struct FoundColumns {
    #[diesel(deserialize_as = Bytes<16>)]
    blind_index: [u8; 16],
    person: PersonColumns,
}

/// Records and keys left-joined to a person. Most people have one key; more rows are folded afterwards.
macro_rules! with_record_and_keys {
    ($people:expr) => {
        $people
            .left_join(person_record::table.on(person_record::person_id.eq(person::id)))
            .left_join(person_key::table.on(person_key::person_id.eq(person::id)))
    };
}

macro_rules! person_columns {
    () => {
        (
            person::id,
            person::revision,
            person::state,
            person::merged_into,
            (
                person_record::revision,
                person_record::key_version,
                person_record::sealed,
            )
                .nullable(),
            (
                person_key::version,
                person_key::epoch,
                person_key::wrapped,
                person_key::kcv,
            )
                .nullable(),
        )
    };
}

macro_rules! people_by_blind_index {
    ($condition:expr) => {
        with_record_and_keys!(
            person_identifier::table
                .inner_join(person::table.on(person::id.eq(person_identifier::person_id)))
        )
        .filter($condition)
        .select((person_identifier::blind_index, person_columns!()))
    };
}

macro_rules! people_by_id {
    ($condition:expr) => {
        with_record_and_keys!(person::table)
            .filter($condition)
            .select(person_columns!())
    };
}

/// See [`Tx::news_since`]; always a row.
const NEWS: &str = "SELECT catalogue.newest, changed.id \
     FROM (SELECT max(sequence) AS newest FROM catalogue_version) AS catalogue LEFT JOIN (\
     SELECT read.id FROM (SELECT unnest(?) AS id, unnest(?) AS revision) AS read \
     LEFT JOIN person ON person.id = read.id AND person.revision = read.revision AND person.state = 'active' \
     WHERE person.id IS NULL) AS changed ON true";

impl Tx<'_> {
    /// The people behind blind indexes, in no order; an index that nobody has is left out. With `lock` nobody else
    /// changes these people until the transaction ends.
    ///
    /// # Errors
    /// Those of the database.
    pub fn people_by_blind_index(
        &mut self,
        indexes: &[[u8; 16]],
        lock: bool,
    ) -> Result<Vec<([u8; 16], Loaded)>, StoreError> {
        let mut found = self.look_up(indexes)?;
        if !lock || !self.is_postgres() {
            return Ok(found);
        }
        let mut locked: Vec<PersonId> = Vec::new();
        loop {
            let mut wanted: Vec<PersonId> = found.iter().map(|(_, person)| person.id).collect();
            wanted.retain(|id| !locked.contains(id));
            if wanted.is_empty() {
                return Ok(found);
            }
            self.lock_people(&wanted)?;
            locked.append(&mut wanted);
            // What was read before the lock may have changed, even whose identifier it is.
            found = self.look_up(indexes)?;
        }
    }

    fn look_up(&mut self, indexes: &[[u8; 16]]) -> Result<Vec<([u8; 16], Loaded)>, StoreError> {
        let rows: Vec<FoundColumns> = self.each(
            |connection| {
                let mut rows = Vec::with_capacity(indexes.len());
                for index in indexes {
                    rows.extend(
                        people_by_blind_index!(person_identifier::blind_index.eq(index.as_slice()))
                            .load::<FoundColumns>(connection)?,
                    );
                }
                Ok(rows)
            },
            |connection| {
                let indexes: Vec<&[u8]> = indexes.iter().map(|index| index.as_slice()).collect();
                people_by_blind_index!(person_identifier::blind_index.eq_any(indexes)).load(connection)
            },
        )?;
        self.fold(rows.into_iter().map(|row| (row.blind_index, row.person)))
    }

    /// People by id, in no order; ids that nobody has are left out. With `lock` nobody else changes these people until
    /// the transaction ends.
    ///
    /// # Errors
    /// Those of the database.
    pub fn people_by_id(&mut self, ids: &[PersonId], lock: bool) -> Result<Vec<Loaded>, StoreError> {
        if lock && self.is_postgres() {
            self.lock_people(ids)?;
        }
        let rows: Vec<PersonColumns> = self.each(
            |connection| {
                let mut rows = Vec::with_capacity(ids.len());
                for id in ids {
                    rows.extend(
                        people_by_id!(person::id.eq(id.as_bytes().as_slice()))
                            .load::<PersonColumns>(connection)?,
                    );
                }
                Ok(rows)
            },
            |connection| people_by_id!(person::id.eq_any(slices(ids))).load(connection),
        )?;
        let people = self.fold(rows.into_iter().map(|row| (row.id, row)))?;
        Ok(people.into_iter().map(|(_, person)| person).collect())
    }

    /// The number of the newest catalogue, and who of these people is no longer present as the revision that was read:
    /// one look at the primary key each, in one statement.
    ///
    /// # Errors
    /// Those of the database.
    pub fn news_since(
        &mut self,
        read: &[(PersonId, u64)],
    ) -> Result<(Option<u64>, Vec<PersonId>), StoreError> {
        if !self.is_postgres() {
            return Ok((self.catalogue_sequence()?, self.changed_since(read)?));
        }
        let rows: Vec<(Option<i64>, Option<PersonId>)> = self.each(
            |_| Ok(Vec::new()),
            |connection| {
                Statement::<_, (Nullable<BigInt>, Nullable<Binary>)>::new(NEWS, revisions!(read))
                    .load(connection)
            },
        )?;
        let newest = rows.first().and_then(|(newest, _)| *newest);
        let changed = rows.into_iter().filter_map(|(_, changed)| changed).collect();
        Ok((newest.and_then(|newest| u64::try_from(newest).ok()), changed))
    }

    fn changed_since(&mut self, read: &[(PersonId, u64)]) -> Result<Vec<PersonId>, StoreError> {
        let mut changed = Vec::new();
        for (id, revision) in read {
            let same: Option<i64> = self.run(|connection| {
                person::table
                    .filter(person::id.eq(id.as_bytes().as_slice()))
                    .filter(person::revision.eq(int(*revision)))
                    .filter(person::state.eq(PersonState::Active.as_str()))
                    .select(person::revision)
                    .first(connection)
                    .optional()
            })?;
            if same.is_none() {
                changed.push(*id);
            }
        }
        Ok(changed)
    }

    /// The ids of people who are present, in their order, `limit` at most, after one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn people_after(&mut self, after: Option<PersonId>, limit: u32) -> Result<Vec<PersonId>, StoreError> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        self.run(|connection| {
            person::table
                .filter(person::id.gt(&after))
                .filter(person::state.eq(PersonState::Active.as_str()))
                .order(person::id)
                .limit(i64::from(limit))
                .select(person::id)
                .load(connection)
        })
    }

    /// Locks in the order of ids, so that two transactions do not wait for each other. On SQLite the transaction itself
    /// is the lock.
    fn lock_people(&mut self, ids: &[PersonId]) -> Result<(), StoreError> {
        self.each(
            |_| Ok(()),
            |connection| {
                person::table
                    .filter(person::id.eq_any(slices(ids)))
                    .order(person::id)
                    .select(person::revision)
                    .for_update()
                    .load::<i64>(connection)
                    .map(|_| ())
            },
        )
    }

    /// One entry per key and person out of one row per person key.
    fn fold<K: PartialEq>(
        &mut self,
        rows: impl Iterator<Item = (K, PersonColumns)>,
    ) -> Result<Vec<(K, Loaded)>, StoreError> {
        let mut people: Vec<(K, Loaded)> = Vec::new();
        for (key, row) in rows {
            let Some(state) = PersonState::parse(&row.state) else {
                return self.fail(StoreError::Corrupt);
            };
            // The rows of one person stand together: they come out of one join.
            match people
                .last_mut()
                .filter(|(last, person)| *last == key && person.id == row.id)
            {
                Some((_, person)) => person.prefer(row.key),
                None => people.push((
                    key,
                    Loaded {
                        id: row.id,
                        revision: row.revision,
                        state,
                        merged_into: row.merged_into,
                        record: row.record,
                        key: row.key,
                    },
                )),
            }
        }
        Ok(people)
    }

    /// Adds people.
    ///
    /// # Errors
    /// Those of the database.
    pub fn insert_people(&mut self, people: &[NewPerson]) -> Result<(), StoreError> {
        insert_rows!(self, person, people, |row| {
            id: Binary = row.id.as_bytes().as_slice(),
            tenant: Text = row.tenant.as_str(),
            revision: BigInt = int(row.revision),
            state: Text = row.state(),
            created_at: BigInt = row.created_at.micros(),
        })
    }

    /// Changes rows of people.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a person no longer has the revision that was read.
    pub fn set_people(&mut self, changes: &[PersonChange]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let changed = self.each(
            |connection| {
                let mut changed = 0;
                for row in changes {
                    changed += Statement::<_>::new(
                        "UPDATE person SET revision = ?, state = ?, merged_into = ?, ended_at = ? \
                         WHERE id = ? AND revision = ?",
                        (
                            int(row.revision).into_sql::<BigInt>(),
                            row.state.as_str().into_sql::<Text>(),
                            bytes(row.merged_into.as_ref()).into_sql::<Nullable<Binary>>(),
                            row.ended_at.map(Moment::micros).into_sql::<Nullable<BigInt>>(),
                            row.id.as_bytes().as_slice().into_sql::<Binary>(),
                            int(row.previous).into_sql::<BigInt>(),
                        ),
                    )
                    .execute(connection)?;
                }
                Ok(changed)
            },
            |connection| {
                Statement::<_>::new(
                    "UPDATE person SET revision = new.revision, state = new.state, merged_into = new.merged_into, \
                     ended_at = new.ended_at FROM (SELECT unnest(?) AS id, unnest(?) AS previous, \
                     unnest(?) AS revision, unnest(?) AS state, unnest(?) AS merged_into, unnest(?) AS ended_at) AS new \
                     WHERE person.id = new.id AND person.revision = new.previous",
                    (
                        list(changes, |row| row.id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
                        list(changes, |row| int(row.previous)).into_sql::<Array<BigInt>>(),
                        list(changes, |row| int(row.revision)).into_sql::<Array<BigInt>>(),
                        list(changes, |row| row.state.as_str()).into_sql::<Array<Text>>(),
                        list(changes, |row| bytes(row.merged_into.as_ref()))
                            .into_sql::<Array<Nullable<Binary>>>(),
                        list(changes, |row| row.ended_at.map(Moment::micros))
                            .into_sql::<Array<Nullable<BigInt>>>(),
                    ),
                )
                .execute(connection)
            },
        )?;
        self.expect_all(changed, changes.len())
    }

    pub(super) fn expect_all(&mut self, changed: usize, wanted: usize) -> Result<(), StoreError> {
        if changed == wanted {
            Ok(())
        } else {
            self.fail(StoreError::Conflict { constraint: None })
        }
    }

    /// Everybody who was merged into somebody, at any distance.
    ///
    /// # Errors
    /// Those of the database.
    pub fn merged_into(&mut self, person: PersonId) -> Result<Vec<PersonId>, StoreError> {
        let mut all = Vec::new();
        let mut next = vec![person];
        while let Some(id) = next.pop() {
            let found: Vec<PersonId> = self.run(|connection| {
                person::table
                    .filter(person::merged_into.eq(id.as_bytes().as_slice()))
                    .select(person::id)
                    .load(connection)
            })?;
            for merged in found {
                if !all.contains(&merged) {
                    all.push(merged);
                    next.push(merged);
                }
            }
        }
        Ok(all)
    }
}

impl Tx<'_> {
    /// Everybody who was merged into one of these people, at any distance, each with which of them that was.
    ///
    /// # Errors
    /// Those of the database.
    pub fn all_merged_into(&mut self, people: &[PersonId]) -> Result<Vec<(PersonId, PersonId)>, StoreError> {
        let mut ends: BTreeMap<PersonId, PersonId> = people.iter().map(|id| (*id, *id)).collect();
        let (mut all, mut next) = (Vec::new(), people.to_vec());
        while !next.is_empty() {
            let found: Vec<(PersonId, Option<PersonId>)> = self.run(|connection| {
                person::table
                    .filter(person::merged_into.eq_any(slices(&next)))
                    .select((person::id, person::merged_into))
                    .load(connection)
            })?;
            next.clear();
            for (gone, into) in found {
                let end = into.and_then(|into| ends.get(&into).copied());
                // A circle is not followed for ever.
                if let Some(end) = end.filter(|_| !ends.contains_key(&gone)) {
                    ends.insert(gone, end);
                    all.push((gone, end));
                    next.push(gone);
                }
            }
        }
        Ok(all)
    }
}

impl Loaded {
    /// Of several keys: the one that the record is sealed under, else the newest.
    fn prefer(&mut self, other: Option<WrappedKey>) {
        let wanted = self.record.as_ref().map(|record| record.key_version);
        let rank =
            |key: &Option<WrappedKey>| key.as_ref().map(|key| (Some(key.version) == wanted, key.version));
        if rank(&other) > rank(&self.key) {
            self.key = other;
        }
    }
}

fn slices(ids: &[PersonId]) -> Vec<&[u8]> {
    ids.iter().map(|id| id.as_bytes().as_slice()).collect()
}

fn bytes(id: Option<&PersonId>) -> Option<&[u8]> {
    id.map(|id| id.as_bytes().as_slice())
}

/// A column of rows, for `unnest`.
pub(super) fn list<'r, R, T>(rows: &'r [R], column: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}
