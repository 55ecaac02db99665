//! What another catalogue would mean for the members who said yes: counted in their records, because counters of events
//! cannot tell who said yes twice.

use std::collections::{BTreeMap, BTreeSet};

use super::Service;
use crate::domain::ids::{OrganisationId, PurposeId};
use crate::domain::person::PersonRecord;
use crate::policy::catalogue::Catalogue;
use crate::policy::evaluate::consent_reason;
use crate::policy::plan::{Ended, Impact};
use crate::store::StoreError;

impl Service {
    /// Counts the yeses that permit now and no longer would under `after`. Reads the record of everybody, a thousand at a
    /// time, so that nobody waits for it; somebody whose record does not open is not counted. Blocks.
    ///
    /// # Errors
    /// Those of the database.
    pub fn impact(&self, after: &Catalogue) -> Result<Impact, StoreError> {
        let mut people = 0;
        let mut ended: BTreeMap<PurposeId, (u64, BTreeSet<OrganisationId>)> = BTreeMap::new();
        self.each_record("impact", |record| {
            people += 1;
            self.count(after, record, &mut ended);
        })?;
        let ended = ended.into_iter().map(|(purpose, (yeses, libraries))| {
            let libraries = u64::try_from(libraries.len()).unwrap_or(0);
            (purpose.to_string(), Ended { yeses, libraries })
        });
        Ok(Impact {
            people,
            ended: ended.collect(),
        })
    }

    fn count(
        &self,
        after: &Catalogue,
        record: &PersonRecord,
        ended: &mut BTreeMap<PurposeId, (u64, BTreeSet<OrganisationId>)>,
    ) {
        let (now, before) = (self.world().now(), self.catalogue());
        for (organisation, standing) in &record.standings {
            for purpose in standing.consents.keys() {
                let permits = |catalogue: &Catalogue| {
                    catalogue
                        .purposes
                        .get(purpose)
                        .is_some_and(|entry| consent_reason(catalogue, entry, standing, now).is_none())
                };
                if permits(&before) && !permits(after) {
                    let (yeses, libraries) = ended.entry(purpose.clone()).or_default();
                    *yeses += 1;
                    libraries.insert(organisation.clone());
                }
            }
        }
    }
}
