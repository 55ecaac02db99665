//! Who is signed in, and the links by mail that sign in once. Tokens are never here, only their hashes.

use diesel::prelude::*;

use super::columns::Bytes;
use super::error::StoreError;
use super::schema::{login_link, session};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct SessionRow {
    /// SHA-256 of the token that the browser holds.
    #[diesel(deserialize_as = Bytes<32>)]
    pub hash: [u8; 32],
    /// `login`, `member` or `staff`.
    pub kind: String,
    /// Which member.
    pub person_id: Option<PersonId>,
    /// What it says, sealed.
    pub sealed: String,
    /// When it began.
    pub created_at: Moment,
    /// When it was last used, to the minute.
    pub seen_at: Moment,
    /// When it ends in any case.
    pub ends_at: Moment,
}

/// A link by mail.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct LoginLinkRow {
    /// SHA-256 of the token in the mail.
    #[diesel(deserialize_as = Bytes<32>)]
    pub hash: [u8; 32],
    /// Whom it signs in.
    pub person_id: PersonId,
    /// Where it leads, sealed.
    pub sealed: String,
    /// When it was asked for.
    pub created_at: Moment,
    /// Until when it works.
    pub ends_at: Moment,
}

impl Tx<'_> {
    /// Begins a session.
    ///
    /// # Errors
    /// Those of the database.
    pub fn add_session(&mut self, row: &SessionRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(session::table)
                .values((
                    session::hash.eq(row.hash.as_slice()),
                    session::kind.eq(row.kind.as_str()),
                    session::person_id.eq(row.person_id.as_ref().map(|id| id.as_bytes().as_slice())),
                    session::sealed.eq(row.sealed.as_str()),
                    session::created_at.eq(row.created_at.micros()),
                    session::seen_at.eq(row.seen_at.micros()),
                    session::ends_at.eq(row.ends_at.micros()),
                ))
                .execute(connection)?;
            Ok(())
        })
    }

    /// A session, ended or not.
    ///
    /// # Errors
    /// Those of the database.
    pub fn session(&mut self, hash: &[u8; 32]) -> Result<Option<SessionRow>, StoreError> {
        self.run(|connection| {
            session::table
                .find(hash.as_slice())
                .select((
                    session::hash,
                    session::kind,
                    session::person_id,
                    session::sealed,
                    session::created_at,
                    session::seen_at,
                    session::ends_at,
                ))
                .first(connection)
                .optional()
        })
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// Those of the database.
    pub fn touch_session(&mut self, hash: &[u8; 32], now: Moment) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::update(session::table.filter(session::hash.eq(hash.as_slice())))
                .set(session::seen_at.eq(now.micros()))
                .execute(connection)?;
            Ok(())
        })
    }

    /// Ends a session; whether there was one. Of two who end it at the same time, one is told yes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_session(&mut self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        self.run(|connection| {
            let ended = diesel::delete(session::table.filter(session::hash.eq(hash.as_slice())))
                .execute(connection)?;
            Ok(ended == 1)
        })
    }

    /// Ends all sessions of a member but one; gives how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_other_sessions(&mut self, person: PersonId, but: &[u8; 32]) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(
                session::table
                    .filter(session::person_id.eq(person.as_bytes().as_slice()))
                    .filter(session::hash.ne(but.as_slice())),
            )
            .execute(connection)
        })
    }

    /// Forgets sessions that were over at `now` or not used since `idle_since`, and links that no longer work.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sweep_sessions(&mut self, now: Moment, idle_since: Moment) -> Result<usize, StoreError> {
        self.run(|connection| {
            let over = session::ends_at
                .le(now.micros())
                .or(session::seen_at.lt(idle_since.micros()));
            let sessions = diesel::delete(session::table.filter(over)).execute(connection)?;
            let links = diesel::delete(login_link::table.filter(login_link::ends_at.le(now.micros())))
                .execute(connection)?;
            Ok(sessions + links)
        })
    }

    /// Keeps a link.
    ///
    /// # Errors
    /// Those of the database.
    pub fn add_login_link(&mut self, row: &LoginLinkRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(login_link::table)
                .values((
                    login_link::hash.eq(row.hash.as_slice()),
                    login_link::person_id.eq(row.person_id.as_bytes().as_slice()),
                    login_link::sealed.eq(row.sealed.as_str()),
                    login_link::created_at.eq(row.created_at.micros()),
                    login_link::ends_at.eq(row.ends_at.micros()),
                ))
                .execute(connection)?;
            Ok(())
        })
    }

    /// How many links were made for somebody since an instant and not used.
    ///
    /// # Errors
    /// Those of the database.
    pub fn login_links_since(&mut self, person: PersonId, since: Moment) -> Result<i64, StoreError> {
        self.run(|connection| {
            login_link::table
                .filter(login_link::person_id.eq(person.as_bytes().as_slice()))
                .filter(login_link::created_at.ge(since.micros()))
                .count()
                .get_result(connection)
        })
    }

    /// A link, if it is there. Looking does not use it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn login_link(&mut self, hash: &[u8; 32]) -> Result<Option<LoginLinkRow>, StoreError> {
        self.run(|connection| {
            login_link::table
                .find(hash.as_slice())
                .select((
                    login_link::hash,
                    login_link::person_id,
                    login_link::sealed,
                    login_link::created_at,
                    login_link::ends_at,
                ))
                .first(connection)
                .optional()
        })
    }

    /// Uses a link up; whether it was there. Of two who use it at the same time, one is told yes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn use_login_link(&mut self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        self.run(|connection| {
            let used = diesel::delete(login_link::table.filter(login_link::hash.eq(hash.as_slice())))
                .execute(connection)?;
            Ok(used == 1)
        })
    }
}
