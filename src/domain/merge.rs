//! Merging two records of one person: per purpose the stricter state wins, and nothing is gained.

use super::consent::{Consent, ConsentStatus};
use super::person::{Membership, PersonRecord, Standing};
use super::preference::Preferences;

impl PersonRecord {
    /// This record with another one of the same person taken in.
    pub fn merged_with(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for identifier in &other.identifiers {
            if !merged.identifiers.iter().any(|known| known.id == identifier.id) {
                merged.identifiers.push(identifier.clone());
            }
        }
        for (organisation, standing) in &other.standings {
            let known = merged.standings.remove(organisation);
            let standing = known.map_or_else(|| standing.clone(), |known| known.merged_with(standing));
            merged.standings.insert(organisation.clone(), standing);
        }
        merged
    }
}

impl Standing {
    fn merged_with(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        merged.membership = match (&self.membership, &other.membership) {
            (Some(ours), Some(theirs)) => Some(stricter_membership(ours, theirs)),
            (ours, theirs) => ours.clone().or_else(|| theirs.clone()),
        };
        // The younger of two birth dates protects more; an unknown one protects nobody once one is known.
        merged.birth_date = self.birth_date.clone().max(other.birth_date.clone());
        for (purpose, theirs) in &other.consents {
            let stricter = match merged.consents.get(purpose) {
                Some(ours) => stricter_consent(ours, theirs),
                None => theirs.clone(),
            };
            merged.consents.insert(purpose.clone(), stricter);
        }
        merged.marketing_objection = self.marketing_objection.max(other.marketing_objection);
        for (purpose, at) in &other.objections {
            merged
                .objections
                .entry(purpose.clone())
                .and_modify(|ours| *ours = (*ours).max(*at))
                .or_insert(*at);
        }
        merged.restricted = earlier(self.restricted, other.restricted);
        merged.held = earlier(self.held, other.held);
        merged.preferences = narrower_preferences(&self.preferences, &other.preferences);
        for link in &other.guardians {
            if !merged.has_guardian(link.guardian) {
                merged.guardians.push(link.clone());
            }
        }
        merged.wards.extend(other.wards.iter().copied());
        merged.enrichments.extend(other.enrichments.iter().cloned());
        merged.revision += other.revision;
        merged
    }
}

fn earlier<T: Ord + Copy>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A fact of the customer exception holds only if it holds in both records.
fn stricter_membership(ours: &Membership, theirs: &Membership) -> Membership {
    Membership {
        paying: ours.paying && theirs.paying,
        contact_from_sale: ours.contact_from_sale && theirs.contact_from_sale,
        opt_out_offered: ours.opt_out_offered && theirs.opt_out_offered,
        // Whose membership ended in one record is a customer no longer than that record says (R29).
        until: earlier(ours.until, theirs.until),
        ..ours.clone()
    }
}

/// A no beats a question, a question beats a yes; of two the same the narrower one.
fn stricter_consent(ours: &Consent, theirs: &Consent) -> Consent {
    const fn strictness(status: ConsentStatus) -> u8 {
        match status {
            ConsentStatus::Withdrawn | ConsentStatus::Refused | ConsentStatus::Revoked => 2,
            ConsentStatus::Requested => 1,
            ConsentStatus::Given | ConsentStatus::Renewed => 0,
        }
    }
    let (stricter, other) = match strictness(ours.status).cmp(&strictness(theirs.status)) {
        std::cmp::Ordering::Less => (theirs, ours),
        std::cmp::Ordering::Greater => (ours, theirs),
        // Of two yeses the one that ends first, of two noes the one that lasts longest before asking again.
        std::cmp::Ordering::Equal if ours.status.is_yes() == (ours.occurred_at <= theirs.occurred_at) => {
            (ours, theirs)
        }
        std::cmp::Ordering::Equal => (theirs, ours),
    };
    let mut merged = stricter.clone();
    if stricter.status.is_yes() && other.status.is_yes() {
        merged
            .data_scopes
            .retain(|scope| other.data_scopes.contains(scope));
        merged.notice_version = stricter.notice_version.min(other.notice_version);
        // No channels named means every channel.
        merged.channels = match (stricter.channels.is_empty(), other.channels.is_empty()) {
            (true, _) => other.channels.clone(),
            (_, true) => stricter.channels.clone(),
            _ => stricter.channels.intersection(&other.channels).copied().collect(),
        };
        let disjoint =
            merged.channels.is_empty() && !(stricter.channels.is_empty() && other.channels.is_empty());
        if disjoint {
            // Two yeses with no channel in common: not one way is left that both agreed to.
            merged.status = ConsentStatus::Requested;
        }
    }
    for (guardian, at) in &other.withdrawn_by_guardian {
        let known = merged.withdrawn_by_guardian.entry(*guardian).or_insert(*at);
        *known = (*at).max(*known);
    }
    merged
}

fn narrower_preferences(ours: &Preferences, theirs: &Preferences) -> Preferences {
    let mut merged = ours.clone();
    merged.language = ours.language.or(theirs.language);
    for (purpose, theirs) in &theirs.purposes {
        let mine = merged.purposes.entry(purpose.clone()).or_default();
        for (channel, on) in &theirs.channels {
            let known = mine.channels.entry(*channel).or_insert(true);
            *known = *known && *on;
        }
        mine.paused_until = mine.paused_until.max(theirs.paused_until);
        if mine.topics.is_empty() {
            mine.topics.clone_from(&theirs.topics);
        }
        if mine.frequency.is_none() {
            mine.frequency.clone_from(&theirs.frequency);
        }
    }
    merged
}
