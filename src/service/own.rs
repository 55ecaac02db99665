//! What members read of themselves on their own pages: their standing, who asked about them, their requests. Looking at
//! oneself leaves no entry, and may be done as often as somebody likes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Service;
use super::bulk::search::outcomes_between;
use super::call::Call;
use super::contacts::CONTACT_REPORTED;
use super::refusal::Refusal;
use super::rights::RightsRequest;
use super::rights::own_requests;
use super::search::{FoundEntry, entries_between};
use super::work::{PersonState, Stop, Work};
use crate::domain::decision::ReasonCode;
use crate::domain::ids::{OrganisationId, PersonId, PurposeId, RightsRequestId};
use crate::domain::moment::Moment;
use crate::domain::person::{Identifier, Standing};
use crate::policy::evaluate::{consent_ends, consent_reason};

/// What is current about a member at one library.
#[derive(Debug, Clone)]
pub struct Own {
    /// The standing.
    pub standing: Standing,
    /// What the library knows the member by.
    pub identifiers: Vec<Identifier>,
    /// The words on consent, as they count now.
    pub words: BTreeMap<PurposeId, OwnWord>,
    /// Now.
    pub now: Moment,
}

/// How a word on consent counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnWord {
    /// Why it permits, or why not.
    pub effective: ReasonCode,
    /// Until when a yes permits.
    pub until: Option<Moment>,
}

/// Lines of bulk checks that one look reads at most, each of a quarter of a megabyte.
const LINES: u32 = 400;

/// Checks about somebody in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnChecks {
    /// They, newest first.
    pub items: Vec<FoundEntry>,
    /// Since when they are all there: when it was asked, or later where there was too much to read at once.
    pub from: Moment,
    /// Whether there may be older ones: the person was known before.
    pub older: bool,
}

impl Service {
    /// What is current about a member at a library.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such person, or none any more.
    pub async fn own_standing(
        &self,
        call: &Call,
        person: PersonId,
        organisation: OrganisationId,
    ) -> Result<Own, Refusal> {
        self.read(call, move |_, work| standing(work, person, &organisation))
            .await
    }

    /// The checks about a member that any system made from an instant on and before another, singly or in a list, newest
    /// first. What is read is bounded by the span and by [`OwnChecks::from`], however much the log holds.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such person, or none any more.
    pub async fn own_checks(
        &self,
        call: &Call,
        person: PersonId,
        from: Moment,
        before: Moment,
    ) -> Result<OwnChecks, Refusal> {
        self.read(call, move |call, work| checks(call, work, person, (from, before)))
            .await
    }

    /// The rights requests of a member to all libraries, newest first.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such person, or none any more.
    pub async fn own_requests(&self, call: &Call, person: PersonId) -> Result<Vec<RightsRequest>, Refusal> {
        self.read(call, move |call, work| {
            let people = people(work, person)?;
            let mut found = own_requests(call, work, &people)?;
            found.sort_by_key(|request| std::cmp::Reverse(request.received_at));
            Ok(found)
        })
        .await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for one of somebody else, as for one that does not exist.
    pub async fn own_request(
        &self,
        call: &Call,
        person: PersonId,
        id: RightsRequestId,
    ) -> Result<RightsRequest, Refusal> {
        let all = self.own_requests(call, person).await?;
        all.into_iter()
            .find(|request| request.id == id)
            .ok_or(Refusal::NotFound)
    }
}

fn standing(work: &mut Work<'_, '_>, person: PersonId, organisation: &OrganisationId) -> Result<Own, Stop> {
    let found = work.person(person)?.cloned().ok_or(Refusal::NotFound)?;
    match found.state {
        PersonState::Active => {}
        PersonState::Erased | PersonState::Merged(_) => return Err(Refusal::NotFound.into()),
        PersonState::Unreadable => return Err(Refusal::Unavailable.into()),
    }
    let standing = work.standing(found.id, organisation);
    let policies = Arc::clone(&work.policies);
    let words = standing.consents.keys().filter_map(|purpose| {
        let entry = policies.current.purposes.get(purpose)?;
        let reason = consent_reason(&policies.current, entry, &standing, work.now);
        let word = OwnWord {
            effective: reason.unwrap_or(ReasonCode::PermitConsent),
            until: consent_ends(&policies.current, entry, &standing),
        };
        Some((purpose.clone(), word))
    });
    Ok(Own {
        words: words.collect(),
        identifiers: found
            .record
            .identifiers
            .iter()
            .filter(|identifier| identifier.organisation == *organisation)
            .cloned()
            .collect(),
        now: work.now,
        standing,
    })
}

/// The person and everybody who was merged into this one.
fn people(work: &mut Work<'_, '_>, person: PersonId) -> Result<Vec<PersonId>, Stop> {
    let found = work
        .person(person)?
        .map(|found| found.id)
        .ok_or(Refusal::NotFound)?;
    let mut people = work.tx().merged_into(found)?;
    people.push(found);
    Ok(people)
}

fn checks(
    call: &Call,
    work: &mut Work<'_, '_>,
    person: PersonId,
    (from, before): (Moment, Moment),
) -> Result<OwnChecks, Stop> {
    let people = people(work, person)?;
    let (mut items, from) = outcomes_between(call, work, people.clone(), (from, before), LINES)?;
    for id in &people {
        let keys = work.person_as_stored(*id)?.and_then(|stored| stored.keys.clone());
        if let Some(keys) = keys {
            items.extend(entries_between(
                call,
                work,
                *id,
                &keys,
                ("decision", from, before),
            )?);
        }
    }
    let answer = |entry: &FoundEntry| entry.leaf.kind.as_str() != CONTACT_REPORTED;
    items.retain(|entry| entry.log == "decision" && entry.leaf.purpose.is_some() && answer(entry));
    items.sort_by_key(|entry| std::cmp::Reverse((entry.leaf.millis, entry.leaf.id.to_string())));
    let known = work.tx().oldest_events(&people)?;
    let older = known.iter().any(|(_, first)| *first < from);
    Ok(OwnChecks { items, from, older })
}
