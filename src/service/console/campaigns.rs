//! Withdrawals after campaigns: who withdrew within thirty days after a bulk check permitted a contact for that purpose is
//! counted with the reference of that check. Nobody is named; the packed entries are searched by the keys of those who
//! withdrew and of nobody else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::figures::{AskFigures, span};
use super::scan::scan;
use crate::audit::bulk::BulkSecret;
use crate::audit::leaf::{EntryId, Leaf};
use crate::crypto::PersonKeys;
use crate::domain::decision::Effect;
use crate::domain::ids::PersonId;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::keys::BULK_CONTEXT;
use crate::service::reports::Shown;
use crate::service::work::Work;
use crate::store::{StoreError, StoredBatch};

/// How long after a campaign a withdrawal counts with it, in seconds: thirty days.
const AFTER: i64 = 30 * 86_400;
/// Most withdrawals that are looked up.
const MOST: usize = 20_000;
/// Length of the salt before the context of a line.
const SALT: usize = 32;

/// One campaign: the checks of one reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its reference, as the system gave it.
    pub reference: String,
    /// The system that asked.
    pub system: String,
    /// The purpose.
    pub purpose: String,
    /// People whom it was permitted to contact.
    pub permitted: Shown,
    /// Of those, who withdrew or objected within thirty days.
    pub withdrawn: Shown,
    /// Of a thousand, in tenths; absent where either figure is hidden.
    pub per_mille_tenths: Option<u64>,
}

/// A withdrawal.
pub(super) struct Ended {
    person: PersonId,
    keys: Arc<PersonKeys>,
    organisation: String,
    /// Absent for an objection to all direct marketing.
    purpose: Option<String>,
    millis: i64,
}

/// Notes a line that tells of a withdrawal or an objection.
pub(super) fn note(
    ended: &mut Vec<Ended>,
    work: &mut Work<'_, '_>,
    batch: &StoredBatch,
    off: u32,
    leaf: &Leaf<'_>,
) -> Result<(), StoreError> {
    let kinds = ["consent.withdrawn", "objection.made"];
    if !kinds.contains(&leaf.kind.as_str()) || ended.len() >= MOST {
        return Ok(());
    }
    let people = work
        .tx()
        .people_of_batch("consent", &batch.node, batch.node_seq)?;
    let Some((_, person)) = people.into_iter().find(|(place, _)| *place == off) else {
        return Ok(());
    };
    let keys = work.person(person)?.and_then(|person| person.keys.clone());
    if let (Some(keys), Some(organisation)) = (keys, &leaf.organisation) {
        ended.push(Ended {
            person,
            keys,
            organisation: organisation.to_string(),
            purpose: leaf.purpose.as_ref().map(ToString::to_string),
            millis: leaf.millis,
        });
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    permitted: u64,
    withdrawn: u64,
}

#[derive(serde::Deserialize)]
struct Context {
    #[serde(default)]
    reference: Option<String>,
}

/// Campaigns of the time with what followed, most withdrawals first; and whether there were more lines than were looked at.
pub(super) fn after(
    service: &Service,
    call: &Call,
    asked: &AskFigures,
    mut ended: Vec<Ended>,
) -> Result<(Vec<Campaign>, bool), StoreError> {
    let time = span(asked);
    let mut tallies: BTreeMap<(String, String, String), Tally> = BTreeMap::new();
    // A campaign just before the time may lead to withdrawals in it, but is not one of the time.
    let more = scan(service, call, "decision", time, |work, batch, off, leaf| {
        let (Some(bulk), Some(organisation), Some(purpose)) = (&leaf.bulk, &leaf.organisation, &leaf.purpose)
        else {
            return Ok(());
        };
        let wanted = asked.organisation.as_ref();
        if wanted.is_some_and(|wanted| wanted.as_str() != organisation.as_str()) {
            return Ok(());
        }
        let rows = work.tx().bulk_of_batch("decision", &batch.node, batch.node_seq)?;
        let Some(row) = rows.into_iter().find(|row| row.off == off) else {
            return Ok(());
        };
        let context = work.shared.keys.open_token(BULK_CONTEXT, &row.context);
        let context: Option<Context> =
            context.and_then(|bytes| serde_json::from_slice(bytes.get(SALT..)?).ok());
        let Some(reference) = context.and_then(|context| context.reference) else {
            return Ok(());
        };
        let key = (reference, leaf.system.to_string(), purpose.to_string());
        let tally = tallies.entry(key).or_default();
        tally.permitted += bulk.permitted;
        let line = EntryId::from_bytes(row.line);
        let count = usize::try_from(row.n).map_err(|_| StoreError::Corrupt)?;
        let width = row.entries.len().checked_div(count).unwrap_or(0);
        let mut found = HashMap::new();
        // The scan goes from new to old: the last campaign before a withdrawal gets it, and no other.
        ended.retain(|one| {
            let fits = one.organisation == organisation.as_str()
                && one.purpose.as_deref().is_none_or(|own| own == purpose.as_str())
                && (0..=AFTER * 1_000).contains(&(one.millis - leaf.millis));
            if !fits {
                return true;
            }
            let permitted = *found.entry(one.person).or_insert_with(|| {
                let secret = BulkSecret::derive(&one.keys.audit_tag(), line);
                let outcome = secret.find(&row.entries, width);
                outcome.is_some_and(|outcome| outcome.reason.effect() == Effect::Permit)
            });
            tally.withdrawn += u64::from(permitted);
            !permitted
        });
        Ok(())
    })?;
    let mut campaigns: Vec<(u64, Campaign)> = tallies
        .into_iter()
        .map(|((reference, system, purpose), tally)| {
            let (permitted, withdrawn) = (Shown::of(tally.permitted), Shown::of(tally.withdrawn));
            let both = permitted.exact().zip(withdrawn.exact());
            let campaign = Campaign {
                reference,
                system,
                purpose,
                permitted,
                withdrawn,
                per_mille_tenths: both.map(|(of, n)| (n.saturating_mul(10_000) + of / 2) / of.max(1)),
            };
            (tally.withdrawn, campaign)
        })
        .collect();
    campaigns.sort_by(|(n, a), (m, b)| m.cmp(n).then_with(|| a.reference.cmp(&b.reference)));
    Ok((
        campaigns.into_iter().map(|(_, campaign)| campaign).collect(),
        more,
    ))
}
