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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use crate::domain::consent::ConsentStatus;
    use crate::service::test_house::house;

    #[tokio::test]
    async fn a_look_at_everybody_leaves_those_who_are_remembered_alone() {
        let house = house();
        for number in ["1", "2", "3"] {
            house.adult(number).await;
            house.says(number, "newsletter", ConsentStatus::Given).await;
        }
        house.mail("1", "newsletter").await;
        let figures = || {
            let figures = house.service.remembered();
            [&figures.read, &figures.bytes, &figures.recalled].map(|figure| figure.load(Ordering::Relaxed))
        };
        let before = figures();
        assert!(before[0] > 0 && before[1] > 0, "{before:?}");
        let mut seen = 0;
        house
            .service
            .each_record("test", |record| seen += record.standings.len())
            .unwrap();
        assert_eq!((seen, figures()), (3, before));
    }
}
