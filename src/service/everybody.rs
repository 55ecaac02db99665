//! What everybody's record says, read a thousand at a time, so that nobody waits for it.

use std::sync::Arc;

use super::Service;
use super::work::{PersonState, Subjects, Work};
use crate::domain::person::PersonRecord;
use crate::store::StoreError;

/// How many people are read at a time.
const PAGE: u32 = 1_000;

impl Service {
    /// Shows the record of everybody who is present, once. Somebody whose record does not open is left out. Blocks.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn each_record(
        &self,
        name: &'static str,
        mut show: impl FnMut(&PersonRecord),
    ) -> Result<(), StoreError> {
        let shared = self.shared();
        let mut after = None;
        loop {
            // A read may run again: nothing is shown before it ended.
            let (last, records) = self.store().read(name, |tx| -> Result<_, StoreError> {
                let ids = tx.people_after(after, PAGE)?;
                let subjects = Subjects {
                    people: ids.clone(),
                    ..Subjects::default()
                };
                let mut work = Work::begin(shared, shared.policies.load_full(), tx, &[], &subjects)?;
                let mut records = Vec::with_capacity(ids.len());
                for id in &ids {
                    let person = work.person_as_stored(*id)?;
                    let present = person.filter(|person| person.state == PersonState::Active);
                    records.extend(present.map(|person| Arc::clone(&person.record)));
                }
                Ok((ids.last().copied(), records))
            })?;
            records.iter().for_each(|record| show(record));
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }
}
