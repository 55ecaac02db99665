//! After older data were restored beside the present key store: whoever has no key there was erased since, cannot be read
//! and is denied. Their rows are deleted once more, so that nothing of them is kept.

use super::carry_out::unit_of_work;
use super::ourselves;
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::ids::PersonId;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::work::Stop;
use crate::store::{Store, StoreError};

/// People that are looked at in one transaction.
const PAGE: u32 = 500;

/// What was found, and done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reapplied {
    /// People who are not erased in the data.
    pub people: u64,
    /// Of them, how many have no key.
    pub without_key: u64,
    /// Whether these were erased again.
    pub done: bool,
}

impl Service {
    /// Looks for people without a key, and erases them again unless it is a dry run. Blocks.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn reapply_erasures(&self, dry: bool) -> Result<Reapplied, Refusal> {
        let mut found = Reapplied {
            people: self.store().read("count_people", |tx| tx.count_people())?,
            ..Reapplied::default()
        };
        let mut after = None;
        loop {
            let page = self
                .store()
                .read("people_without_key", |tx| tx.people_without_key(after, PAGE))?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            found.without_key += u64::try_from(page.len()).unwrap_or(0);
            if !dry {
                self.erase_again(self.store(), &page)?;
            }
        }
        if !dry && found.without_key > 0 {
            self.store().scrub()?;
        }
        found.done = !dry;
        Ok(found)
    }

    /// Rewrites the tables that hold data of people. Blocks, and on PostgreSQL makes others wait.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rewrite_tables(&self) -> Result<(), StoreError> {
        self.store().rewrite_tables()
    }

    fn erase_again(&self, store: &Store, people: &[PersonId]) -> Result<(), Refusal> {
        let now = self.world().now();
        let done = unit_of_work(self.shared(), store, "erase_again", |work| {
            for person in people {
                work.tx().erase_person(*person, &[], now)?;
            }
            let call = ourselves()?;
            let policies = std::sync::Arc::clone(&work.policies);
            let (node, version) = (work.shared.node.as_str(), policies.current.version.as_str());
            let id = EntryId::from_bytes(work.dated_id());
            let mut leaf = Leaf::new(
                "erasure.reapplied",
                id,
                work.now.millis(),
                &call.principal.system,
                node,
                version,
            );
            leaf.outcome = Some("ok".into());
            leaf.extra
                .insert("people".into(), people.len().to_string().into());
            work.stage_admin_leaf(&leaf);
            Ok(())
        });
        self.shared().standing.ring();
        done.map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal,
            Stop::Store(error) => {
                tracing::error!(error = %error, "people without a key could not be erased again");
                Refusal::from(error)
            }
        })
    }
}
