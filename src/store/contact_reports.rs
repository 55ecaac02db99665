//! Contacts that systems reported they made, each once, and the lines of bulk checks that they are matched with.

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::audit_rows::private_with_batch;
use super::columns::{Bytes, Number};
use super::error::StoreError;
use super::schema::{audit_batch, audit_bulk, audit_private, contact_report};
use super::statement::Statement;
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// One reported contact.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ContactRow {
    /// Who reports.
    pub system: String,
    /// For which library.
    pub organisation: String,
    /// Keyed hash of the system's own id of the contact.
    #[diesel(deserialize_as = Bytes<16>)]
    pub key_hash: [u8; 16],
    /// For which purpose.
    pub purpose: String,
    /// By which channel.
    pub channel: String,
    /// `permit`, `deny` or `none`.
    pub matched: String,
    /// Its entry in the log `decision`.
    #[diesel(deserialize_as = Bytes<16>)]
    pub entry: [u8; 16],
    /// When the contact was made.
    pub occurred_at: Moment,
}

/// Which reported contacts.
#[derive(Debug, Clone, Default)]
pub struct ContactFilter {
    /// Of this system.
    pub system: Option<String>,
    /// Of these libraries.
    pub organisations: Vec<String>,
    /// Matched like this.
    pub matched: Option<String>,
    /// Made between these instants, both included, in microseconds since 1970.
    pub time: (i64, i64),
}

/// How many contacts one system reported for one library and purpose, matched in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactCount {
    /// Who reported.
    pub system: String,
    /// For which library.
    pub organisation: String,
    /// For which purpose.
    pub purpose: String,
    /// `permit`, `deny` or `none`.
    pub matched: String,
    /// How many.
    pub n: u64,
}

/// A batch of a log: its node, its number, and the leaf in it, from 0.
pub type LeafPlace = (String, u64, u32);

impl Tx<'_> {
    /// Writes down one reported contact, unless it was before; answers whether it is new.
    ///
    /// # Errors
    /// Those of the database.
    pub fn insert_contact(&mut self, row: &ContactRow) -> Result<bool, StoreError> {
        let inserted = self.run(|connection| {
            Statement::<_>::new(
                "INSERT INTO contact_report (system, organisation, key_hash, purpose, channel, matched, entry, occurred_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    row.system.as_str().into_sql::<Text>(),
                    row.organisation.as_str().into_sql::<Text>(),
                    row.key_hash.as_slice().into_sql::<Binary>(),
                    row.purpose.as_str().into_sql::<Text>(),
                    row.channel.as_str().into_sql::<Text>(),
                    row.matched.as_str().into_sql::<Text>(),
                    row.entry.as_slice().into_sql::<Binary>(),
                    row.occurred_at.micros().into_sql::<BigInt>(),
                ),
            )
            .execute(connection)
        })?;
        Ok(inserted == 1)
    }

    /// A contact that was reported before, under one of these hashes of its id.
    ///
    /// # Errors
    /// Those of the database.
    pub fn contact(
        &mut self,
        system: &str,
        organisation: &str,
        hashes: &[[u8; 16]],
    ) -> Result<Option<ContactRow>, StoreError> {
        let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 16]>::as_slice).collect();
        self.run(|connection| {
            contact_report::table
                .filter(contact_report::system.eq(system))
                .filter(contact_report::organisation.eq(organisation))
                .filter(contact_report::key_hash.eq_any(hashes))
                .first(connection)
                .optional()
        })
    }

    /// Reported contacts, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn contacts(&mut self, filter: &ContactFilter, limit: u32) -> Result<Vec<ContactRow>, StoreError> {
        self.run(|connection| {
            let mut query = contact_report::table
                .filter(contact_report::occurred_at.between(filter.time.0, filter.time.1))
                .filter(contact_report::organisation.eq_any(&filter.organisations))
                .order((contact_report::occurred_at.desc(), contact_report::entry))
                .limit(i64::from(limit))
                .into_boxed();
            if let Some(system) = &filter.system {
                query = query.filter(contact_report::system.eq(system));
            }
            if let Some(matched) = &filter.matched {
                query = query.filter(contact_report::matched.eq(matched));
            }
            query.load(connection)
        })
    }

    /// How many contacts of a time were reported, by system, library, purpose and match.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_contacts(&mut self, time: (i64, i64)) -> Result<Vec<ContactCount>, StoreError> {
        let by = (
            contact_report::system,
            contact_report::organisation,
            contact_report::purpose,
            contact_report::matched,
        );
        let rows: Vec<(String, String, String, String, i64)> = self.run(|connection| {
            contact_report::table
                .filter(contact_report::occurred_at.between(time.0, time.1))
                .group_by(by)
                .select((
                    contact_report::system,
                    contact_report::organisation,
                    contact_report::purpose,
                    contact_report::matched,
                    count_star(),
                ))
                .load(connection)
        })?;
        let counts = rows
            .into_iter()
            .map(|(system, organisation, purpose, matched, n)| ContactCount {
                system,
                organisation,
                purpose,
                matched,
                n: u64::try_from(n).unwrap_or(0),
            });
        Ok(counts.collect())
    }

    /// Forgets contacts that were made before an instant; answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sweep_contacts(&mut self, before: Moment) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(contact_report::table.filter(contact_report::occurred_at.lt(before.micros())))
                .execute(connection)
        })
    }

    /// The leaves of a log about one of these people, written in a span of time, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn leaves_about(
        &mut self,
        log: &str,
        people: &[PersonId],
        (from, to): (Moment, Moment),
    ) -> Result<Vec<LeafPlace>, StoreError> {
        let people: Vec<&[u8]> = people.iter().map(|person| person.as_bytes().as_slice()).collect();
        let rows: Vec<(String, Number<u64>, Number<u32>)> = self.run(|connection| {
            private_with_batch!()
                .filter(audit_private::person_id.eq_any(people))
                .filter(audit_private::log.eq(log))
                .filter(audit_batch::created_at.between(from.micros(), to.micros()))
                .order((audit_batch::created_at.desc(), audit_private::off.desc()))
                .select((audit_private::node, audit_private::node_seq, audit_private::off))
                .load(connection)
        })?;
        Ok(places(rows))
    }

    /// The lines of bulk checks in a log, written in a span of time, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn bulk_lines(
        &mut self,
        log: &str,
        (from, to): (Moment, Moment),
    ) -> Result<Vec<LeafPlace>, StoreError> {
        let rows: Vec<(String, Number<u64>, Number<u32>)> = self.run(|connection| {
            audit_bulk::table
                .filter(audit_bulk::log.eq(log))
                .filter(audit_bulk::created_at.between(from.micros(), to.micros()))
                .order((audit_bulk::created_at.desc(), audit_bulk::node_seq.desc()))
                .select((audit_bulk::node, audit_bulk::node_seq, audit_bulk::off))
                .load(connection)
        })?;
        Ok(places(rows))
    }
}

fn places(rows: Vec<(String, Number<u64>, Number<u32>)>) -> Vec<LeafPlace> {
    rows.into_iter()
        .map(|(node, node_seq, off)| (node, node_seq.into(), off.into()))
        .collect()
}
