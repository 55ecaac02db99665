//! When a choice has no effect any more: from then on it is kept as proof only (R15).

use crate::domain::consent::ConsentStatus;
use crate::domain::ids::PurposeId;
use crate::domain::moment::Moment;
use crate::domain::person::Standing;
use crate::policy::catalogue::PurposeEntry;
use crate::policy::evaluate::consent_ends;
use crate::service::shared::Policies;

/// Choices under the policies in force.
pub(super) struct Words<'p> {
    policies: &'p Policies,
}

impl<'p> Words<'p> {
    pub(super) const fn of(policies: &'p Policies) -> Self {
        Self { policies }
    }

    /// A purpose as it is in force, or as it last was.
    pub(super) fn entry(&self, purpose: &PurposeId) -> Option<&'p PurposeEntry> {
        let current = self.policies.current.purposes.get(purpose);
        let last = || {
            let versions = self.policies.versions.iter().filter(|((id, _), _)| id == purpose);
            versions
                .max_by_key(|((_, version), _)| *version)
                .map(|(_, entry)| entry)
        };
        current.or_else(last).map(|entry| &**entry)
    }

    /// Since when, or until when it will have, the current word has no effect: a yes until it ends, a no until one may be
    /// asked again. `None` where nothing ends it, or there is none.
    pub(super) fn without_effect_since(&self, entry: &PurposeEntry, standing: &Standing) -> Option<Moment> {
        let catalogue = &self.policies.current;
        let consent = standing.consents.get(&entry.purpose.id)?;
        match consent.status {
            ConsentStatus::Given | ConsentStatus::Renewed => consent_ends(catalogue, entry, standing),
            ConsentStatus::Refused | ConsentStatus::Withdrawn => {
                let pause = entry.purpose.reask_not_before;
                Some(pause.map_or(consent.occurred_at, |pause| {
                    consent.occurred_at.plus(pause, catalogue.network.zone)
                }))
            }
            ConsentStatus::Requested | ConsentStatus::Revoked => Some(consent.occurred_at),
        }
    }
}
