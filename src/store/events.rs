//! The events of people: append-only, sealed, numbered per person.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::consent_event;
use super::statement::insert_rows;
use super::tx::Tx;
use crate::domain::ids::{EventId, PersonId};
use crate::domain::moment::Moment;

/// One event as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct EventRow {
    /// Whose it is.
    pub person_id: PersonId,
    /// Its number among the person's events, without gaps.
    #[diesel(deserialize_as = Number<u64>)]
    pub sequence: u64,
    /// Its own id.
    pub event_id: EventId,
    /// When it was recorded, which is not always when it happened.
    pub recorded_at: Moment,
    /// Ciphertext.
    pub sealed: Vec<u8>,
}

type Columns = (
    consent_event::person_id,
    consent_event::sequence,
    consent_event::event_id,
    consent_event::recorded_at,
    consent_event::sealed,
);

const COLUMNS: Columns = (
    consent_event::person_id,
    consent_event::sequence,
    consent_event::event_id,
    consent_event::recorded_at,
    consent_event::sealed,
);

impl Tx<'_> {
    /// Adds events.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on `consent_event_pkey` when the number has been given to another event meanwhile.
    pub fn insert_events(&mut self, events: &[EventRow]) -> Result<(), StoreError> {
        insert_rows!(self, consent_event, events, |row| {
            person_id: Binary = row.person_id.as_bytes().as_slice(),
            sequence: BigInt = int(row.sequence),
            event_id: Binary = row.event_id.as_bytes().as_slice(),
            recorded_at: BigInt = row.recorded_at.micros(),
            sealed: Binary = row.sealed.as_slice(),
        })
    }

    /// The events of a person in their order, those recorded after `up_to` left out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn events_of(
        &mut self,
        person: PersonId,
        up_to: Option<Moment>,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.run(|connection| {
            consent_event::table
                .filter(consent_event::person_id.eq(person.as_bytes().as_slice()))
                .filter(consent_event::recorded_at.le(up_to.map_or(i64::MAX, Moment::micros)))
                .order(consent_event::sequence)
                .select(COLUMNS)
                .load(connection)
        })
    }

    /// When the oldest kept event of each of these people was recorded; people without events are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn oldest_events(&mut self, people: &[PersonId]) -> Result<Vec<(PersonId, Moment)>, StoreError> {
        let ids: Vec<&[u8]> = people.iter().map(|person| person.as_bytes().as_slice()).collect();
        let rows: Vec<(PersonId, Option<i64>)> = self.run(|connection| {
            consent_event::table
                .filter(consent_event::person_id.eq_any(ids))
                .group_by(consent_event::person_id)
                .select((
                    consent_event::person_id,
                    diesel::dsl::min(consent_event::recorded_at),
                ))
                .load(connection)
        })?;
        let dated = rows
            .into_iter()
            .filter_map(|(person, oldest)| Some((person, Moment::from_micros(oldest?))));
        Ok(dated.collect())
    }

    /// Removes events whose term is over, by person and number. Answers how many there were.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_events(&mut self, events: &[(PersonId, u64)]) -> Result<usize, StoreError> {
        self.run(|connection| {
            let mut removed = 0;
            for (person, sequence) in events {
                removed += diesel::delete(
                    consent_event::table
                        .filter(consent_event::person_id.eq(person.as_bytes().as_slice()))
                        .filter(consent_event::sequence.eq(int(*sequence))),
                )
                .execute(connection)?;
            }
            Ok(removed)
        })
    }

    /// One event by its id.
    ///
    /// # Errors
    /// Those of the database.
    pub fn event_by_id(&mut self, event: EventId) -> Result<Option<EventRow>, StoreError> {
        self.run(|connection| {
            consent_event::table
                .filter(consent_event::event_id.eq(event.as_bytes().as_slice()))
                .select(COLUMNS)
                .first(connection)
                .optional()
        })
    }

    /// The number of the last event of each of these people; people without events are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_sequences(&mut self, people: &[PersonId]) -> Result<Vec<(PersonId, u64)>, StoreError> {
        let rows: Vec<(PersonId, Option<i64>)> = self.each(
            |connection| {
                let mut rows = Vec::with_capacity(people.len());
                for person in people {
                    let last = consent_event::table
                        .filter(consent_event::person_id.eq(person.as_bytes().as_slice()))
                        .select(diesel::dsl::max(consent_event::sequence))
                        .first::<Option<i64>>(connection)?;
                    rows.push((*person, last));
                }
                Ok(rows)
            },
            |connection| {
                let ids: Vec<&[u8]> = people.iter().map(|person| person.as_bytes().as_slice()).collect();
                consent_event::table
                    .filter(consent_event::person_id.eq_any(ids))
                    .group_by(consent_event::person_id)
                    .select((
                        consent_event::person_id,
                        diesel::dsl::max(consent_event::sequence),
                    ))
                    .load(connection)
            },
        )?;
        Ok(rows
            .into_iter()
            .filter_map(|(person, last)| Some((person, u64::try_from(last?).ok()?)))
            .collect())
    }
}
