//! Mail that waits to be sent.

use diesel::prelude::*;

use super::columns::{Bytes, Number, int};
use super::error::StoreError;
use super::schema::mail;
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct MailRow {
    /// Its id.
    #[diesel(deserialize_as = Bytes<16>)]
    pub id: [u8; 16],
    /// To whom, where it is a member.
    pub person_id: Option<PersonId>,
    /// Address, subject and text, sealed.
    pub sealed: String,
    /// How often it was tried.
    #[diesel(deserialize_as = Number<u32>)]
    pub attempts: u32,
    /// Since when it waits.
    pub created_at: Moment,
    /// When it is tried next.
    pub due_at: Moment,
}

impl Tx<'_> {
    /// Puts a mail in the post.
    ///
    /// # Errors
    /// Those of the database.
    pub fn add_mail(&mut self, row: &MailRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(mail::table)
                .values((
                    mail::id.eq(row.id.as_slice()),
                    mail::person_id.eq(row.person_id.as_ref().map(|id| id.as_bytes().as_slice())),
                    mail::sealed.eq(row.sealed.as_str()),
                    mail::attempts.eq(int(row.attempts)),
                    mail::created_at.eq(row.created_at.micros()),
                    mail::due_at.eq(row.due_at.micros()),
                ))
                .execute(connection)?;
            Ok(())
        })
    }

    /// What is to be sent at `now`, what waits longest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn due_mail(&mut self, now: Moment, limit: i64) -> Result<Vec<MailRow>, StoreError> {
        self.run(|connection| {
            mail::table
                .filter(mail::due_at.le(now.micros()))
                .order((mail::due_at, mail::id))
                .limit(limit)
                .select((
                    mail::id,
                    mail::person_id,
                    mail::sealed,
                    mail::attempts,
                    mail::created_at,
                    mail::due_at,
                ))
                .load(connection)
        })
    }

    /// Takes a mail to send it: from now until `until` it is nobody else's. `attempts` is how often it was tried when it was
    /// read; whoever took it meanwhile has counted on.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take_mail(&mut self, id: &[u8; 16], attempts: u32, until: Moment) -> Result<bool, StoreError> {
        self.run(|connection| {
            let taken = diesel::update(
                mail::table
                    .filter(mail::id.eq(id.as_slice()))
                    .filter(mail::attempts.eq(int(attempts))),
            )
            .set((
                mail::attempts.eq(int(attempts.saturating_add(1))),
                mail::due_at.eq(until.micros()),
            ))
            .execute(connection)?;
            Ok(taken == 1)
        })
    }

    /// Forgets a mail that has gone.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_mail(&mut self, id: &[u8; 16]) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::delete(mail::table.filter(mail::id.eq(id.as_slice()))).execute(connection)?;
            Ok(())
        })
    }

    /// Forgets mail that waits since before an instant; gives how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sweep_mail(&mut self, before: Moment) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(mail::table.filter(mail::created_at.lt(before.micros()))).execute(connection)
        })
    }
}
