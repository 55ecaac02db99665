//! Single facts about the whole database, by name.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::error::StoreError;
use super::schema::meta;
use super::statement::Statement;
use super::tx::Tx;
use crate::domain::moment::Moment;

impl Tx<'_> {
    /// The fact with this name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn meta(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        self.run(|connection| {
            meta::table
                .filter(meta::key.eq(key))
                .select(meta::value)
                .first(connection)
                .optional()
        })
    }

    /// The fact with this name, first written as `otherwise` where there is none. Nobody else changes it until the
    /// transaction ends.
    ///
    /// # Errors
    /// Those of the database.
    pub fn lock_meta(&mut self, key: &str, otherwise: &str) -> Result<String, StoreError> {
        self.run(|connection| {
            // Writing what stands there already takes the lock of the row on PostgreSQL.
            Statement::<_>::new(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = meta.value",
                (key.into_sql::<Text>(), otherwise.into_sql::<Text>()),
            )
            .execute(connection)?;
            meta::table.filter(meta::key.eq(key)).select(meta::value).first(connection)
        })
    }

    /// Writes the fact with this name over any earlier one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.run(|connection| {
            Statement::<_>::new(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key.into_sql::<Text>(), value.into_sql::<Text>()),
            )
            .execute(connection)
            .map(|_| ())
        })
    }

    /// Takes or keeps a turn that one node has at a time, until an instant; `false` while another node has it. Who dies
    /// loses it when it is over.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take_turn(
        &mut self,
        name: &str,
        node: &str,
        now: Moment,
        until: Moment,
    ) -> Result<bool, StoreError> {
        let (key, value) = (format!("turn:{name}"), format!("{node}~{}", until.micros()));
        let Some(known) = self.meta(&key)? else {
            self.put_meta(&key, &value)?;
            return Ok(true);
        };
        let ours = known
            .split_once('~')
            .and_then(|(holder, over)| Some(holder == node || over.parse::<i64>().ok()? <= now.micros()));
        if ours == Some(false) {
            return Ok(false);
        }
        let changed = self.run(|connection| {
            diesel::update(meta::table.find(&key).filter(meta::value.eq(&known)))
                .set(meta::value.eq(&value))
                .execute(connection)
        })?;
        Ok(changed == 1)
    }
}
