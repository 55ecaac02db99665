//! Read what somebody chose: now, at any time before, and the receipt of each word (R4).

use super::call::{Call, Scope};
use super::consent::valid_until;
use super::refusal::{Forbidden, Refusal};
use super::verbs::{
    ConsentHistory, CurrentConsent, CurrentConsents, CurrentState, FetchReceipt, HistoryItem, Receipt,
};
use super::work::{Stop, Work, open_event};
use crate::domain::consent::ConsentAct;
use crate::domain::decision::ReasonCode;
use crate::domain::event::{Change, Event};
use crate::domain::hex::hex;
use crate::domain::ids::PersonId;
use crate::policy::evaluate::{consent_ends, consent_reason};

impl CurrentConsents {
    /// Reads only.
    pub(crate) fn read(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<CurrentState, Stop> {
        call.require(Scope::ConsentsRead)?;
        let (person, organisation) = work.find_pairwise(call, &self.person_id)?;
        let standing = work.standing(person, &organisation);
        let policies = std::sync::Arc::clone(&work.policies);
        let mut consents = Vec::new();
        for (purpose, consent) in &standing.consents {
            let entry = policies.current.purposes.get(purpose);
            let effective = entry.map_or(ReasonCode::DenyPurposeInactive, |entry| {
                consent_reason(&policies.current, entry, &standing, work.now)
                    .unwrap_or(ReasonCode::PermitConsent)
            });
            consents.push(CurrentConsent {
                purpose: purpose.clone(),
                status: consent.status,
                effective,
                occurred_at: consent.occurred_at,
                valid_until: entry.and_then(|entry| consent_ends(&policies.current, entry, &standing)),
                data_scopes: consent.data_scopes.clone(),
                channels: match entry {
                    Some(entry) if consent.channels.is_empty() => entry.purpose.channels.clone(),
                    _ => consent.channels.clone(),
                },
                notice_version: consent.notice_version,
                receipt: consent.event,
            });
        }
        Ok(CurrentState {
            organisation,
            revision: standing.revision,
            consents,
            marketing_objection: standing.marketing_objection,
            objections: standing.objections.into_iter().collect(),
            restricted: standing.restricted,
        })
    }
}

impl ConsentHistory {
    /// Reads only. One library's events, numbered for that library: what happened elsewhere does not exist here (R50). The
    /// history of whoever was merged into this person belongs to it (R4).
    pub(crate) fn read(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Vec<HistoryItem>, Stop> {
        call.require(Scope::ConsentsRead)?;
        let (person, organisation) = work.find_pairwise(call, &self.person_id)?;
        let mut people = work.tx().merged_into(person)?;
        people.push(person);
        let shared = work.shared;
        let mut events = Vec::new();
        for id in people {
            let rows = work.tx().events_of(id, self.until)?;
            let Some(found) = work.person_as_stored(id)? else {
                continue;
            };
            for row in &rows {
                let event = open_event(shared, found, row)?;
                if event.organisation == organisation {
                    events.push(event);
                }
            }
        }
        events.sort_by_key(|event| event.recorded_at);
        Ok((1..)
            .zip(events)
            .map(|(sequence, event)| HistoryItem { sequence, event })
            .collect())
    }
}

impl FetchReceipt {
    /// Reads only.
    pub(crate) fn read(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Receipt, Stop> {
        call.require(Scope::ConsentsRead)
            .or_else(|_| call.require(Scope::ConsentsWrite))?;
        let row = work.tx().event_by_id(self.id)?.ok_or(Refusal::NotFound)?;
        let shared = work.shared;
        let person = work.person_as_stored(row.person_id)?.ok_or(Refusal::NotFound)?;
        if person.keys.is_none() {
            return Err(Refusal::NotFound.into());
        }
        let event = open_event(shared, person, &row)?;
        // Another system's library: the same answer as a receipt that does not exist (R64).
        let served = work.require_organisation(call, &event.organisation);
        if served == Err(Refusal::Forbidden(Forbidden::Organisation)) {
            return Err(Refusal::NotFound.into());
        }
        let Change::Consent(act) = &event.change else {
            return Err(Refusal::NotFound.into());
        };
        let leaf_hash = work.leaf_hash_of(&event)?;
        Ok(receipt(call, work, row.person_id, &event, act, leaf_hash))
    }
}

fn receipt(
    call: &Call,
    work: &Work<'_, '_>,
    person: PersonId,
    event: &Event,
    act: &ConsentAct,
    leaf_hash: Option<[u8; 32]>,
) -> Receipt {
    let policies = &work.policies;
    let version = policies.versions.get(&(act.purpose.clone(), act.notice_version));
    let entry = version.or_else(|| policies.current.purposes.get(&act.purpose));
    let zone = policies.current.network.zone;
    let channels = match entry {
        Some(entry) if act.channels.is_empty() => entry.purpose.channels.clone(),
        _ => act.channels.clone(),
    };
    Receipt {
        id: event.id,
        person_id: work
            .shared
            .keys
            .pairwise(&call.principal.system, &event.organisation, person),
        organisation: event.organisation.clone(),
        purpose: act.purpose.clone(),
        status: act.status,
        awaits_guardian: act.awaits_guardian,
        data_scopes: act.data_scopes.clone(),
        channels,
        notice_version: act.notice_version,
        notice_hash: act.notice_hash.clone(),
        language: act.language,
        method: act.method,
        actor: event.actor.kind,
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        valid_until: entry.and_then(|entry| valid_until(act, &entry.purpose, event.occurred_at, zone)),
        leaf_hash: leaf_hash.map(|hash| hex(&hash)).unwrap_or_default(),
        policy_version: event.policy.clone(),
    }
}
