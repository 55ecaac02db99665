//! The clients of calling systems, and the assertions they have used.

use diesel::prelude::*;

use super::error::StoreError;
use super::schema::{assertion_used, oauth_client};
use super::tx::Tx;
use crate::domain::moment::Moment;

/// A client of a calling system.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ClientRow {
    /// Its id in OAuth.
    pub client_id: String,
    /// The system it acts for.
    pub system: String,
    /// What it may do, separated by spaces.
    pub scopes: String,
    /// SHA-256 of its secrets and from when its tokens count, as JSON that `service` writes.
    pub secrets: String,
    /// Its public keys as JWKS, if it signs assertions.
    pub jwks: Option<String>,
    /// Whether it may get tokens.
    pub state: String,
    /// When it was added.
    pub created_at: Moment,
    /// When it was last changed.
    pub changed_at: Moment,
}

type Columns = (
    oauth_client::client_id,
    oauth_client::system,
    oauth_client::scopes,
    oauth_client::secrets,
    oauth_client::jwks,
    oauth_client::state,
    oauth_client::created_at,
    oauth_client::changed_at,
);

const COLUMNS: Columns = (
    oauth_client::client_id,
    oauth_client::system,
    oauth_client::scopes,
    oauth_client::secrets,
    oauth_client::jwks,
    oauth_client::state,
    oauth_client::created_at,
    oauth_client::changed_at,
);

impl Tx<'_> {
    /// All clients, by id.
    ///
    /// # Errors
    /// Those of the database.
    pub fn clients(&mut self) -> Result<Vec<ClientRow>, StoreError> {
        self.run(|connection| {
            oauth_client::table
                .order(oauth_client::client_id)
                .select(COLUMNS)
                .load(connection)
        })
    }

    /// One client.
    ///
    /// # Errors
    /// Those of the database.
    pub fn client(&mut self, client_id: &str) -> Result<Option<ClientRow>, StoreError> {
        self.run(|connection| {
            oauth_client::table
                .filter(oauth_client::client_id.eq(client_id))
                .select(COLUMNS)
                .first(connection)
                .optional()
        })
    }

    /// Adds a client.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its id exists.
    pub fn insert_client(&mut self, client: &ClientRow) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(oauth_client::table)
                .values((
                    oauth_client::client_id.eq(&client.client_id),
                    oauth_client::system.eq(&client.system),
                    oauth_client::scopes.eq(&client.scopes),
                    oauth_client::secrets.eq(&client.secrets),
                    oauth_client::jwks.eq(client.jwks.as_deref()),
                    oauth_client::state.eq(&client.state),
                    oauth_client::created_at.eq(client.created_at.micros()),
                    oauth_client::changed_at.eq(client.changed_at.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// Writes all of a client but its id and when it was added; `false` when it is not there as it was last changed at
    /// `seen`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn update_client(&mut self, client: &ClientRow, seen: Moment) -> Result<bool, StoreError> {
        let changed = self.run(|connection| {
            let seen = oauth_client::changed_at.eq(seen.micros());
            diesel::update(oauth_client::table.find(&client.client_id).filter(seen))
                .set((
                    oauth_client::system.eq(&client.system),
                    oauth_client::scopes.eq(&client.scopes),
                    oauth_client::secrets.eq(&client.secrets),
                    oauth_client::jwks.eq(client.jwks.as_deref()),
                    oauth_client::state.eq(&client.state),
                    oauth_client::changed_at.eq(client.changed_at.micros()),
                ))
                .execute(connection)
        })?;
        Ok(changed == 1)
    }

    /// Removes a client; `false` when it is not there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_client(&mut self, client_id: &str) -> Result<bool, StoreError> {
        let removed =
            self.run(|connection| diesel::delete(oauth_client::table.find(client_id)).execute(connection))?;
        Ok(removed == 1)
    }

    /// Remembers that an assertion was used, by the SHA-256 of its `jti` (RFC 7523 §3, item 7).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on `assertion_used_pkey` when it was used before.
    pub fn use_assertion(
        &mut self,
        client_id: &str,
        jti_hash: &[u8; 32],
        expires_at: Moment,
    ) -> Result<(), StoreError> {
        self.run(|connection| {
            diesel::insert_into(assertion_used::table)
                .values((
                    assertion_used::client_id.eq(client_id),
                    assertion_used::jti_hash.eq(jti_hash.as_slice()),
                    assertion_used::expires_at.eq(expires_at.micros()),
                ))
                .execute(connection)
                .map(|_| ())
        })
    }

    /// Forgets assertions that expired before an instant, which are refused for that; gives how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sweep_assertions(&mut self, instant: Moment) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(assertion_used::table.filter(assertion_used::expires_at.lt(instant.micros())))
                .execute(connection)
        })
    }
}
