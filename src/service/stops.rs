//! The list of stops, for systems that only take files: whom they may no longer write to or process, and since when. It
//! is worked out by the same evaluation that answers checks. Who is not on the list is not thereby permitted: somebody
//! who was never asked is not on it either.

use std::collections::BTreeSet;

use super::propagate::audience;
use super::refusal::Refusal;
use super::work::{PersonState, Stop, Subjects, Work};
use super::{Service, catalogue};
use crate::domain::decision::{Effect, Question, ReasonCode};
use crate::domain::ids::{OrganisationId, PersonId, PurposeId, SchemeId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::person::{PersonRecord, Standing};
use crate::domain::personal::Personal;
use crate::domain::purpose::{Action, Channel};
use crate::policy::catalogue::{Catalogue, System};
use crate::policy::evaluate::{Subject, consent_ends, evaluate};
use crate::store::{Store, StoreError};

/// People that are read in one transaction.
const PAGE: u32 = 500;
/// Messages that are read in one transaction.
const MESSAGES: u32 = 1_000;

/// One stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRow {
    /// The system's own id of the person.
    pub person_id: String,
    /// What the system knows the person by, where that was asked for and is known.
    pub identifier: Option<Personal<String>>,
    /// The library.
    pub organisation: OrganisationId,
    /// The purpose; absent when it is every purpose.
    pub purpose: Option<PurposeId>,
    /// The channel; absent when it is about something else than contact, or every channel.
    pub channel: Option<Channel>,
    /// Since when, where there is one instant.
    pub since: Option<Moment>,
    /// The decisive reason.
    pub reason: ReasonCode,
}

/// What the list was made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StopsMade {
    /// People whose record or key does not open. They are on the list for nothing, and nothing is permitted to anybody.
    pub unreadable: u64,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum StopsMistake {
    /// The system.
    #[error("the catalogue in force has no system `{0}`; `systems.toml` of the policies lists them")]
    UnknownSystem(SystemId),
    /// The scheme.
    #[error("`{0}` may not use identifiers of the scheme `{1}`; name one that systems.toml lists for it")]
    Scheme(SystemId, SchemeId),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rows could not be taken.
    #[error("the list cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// Something in the service.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Service {
    /// Gives every stop of a system, person by person. Blocks. `scheme` adds what the system knows people by.
    ///
    /// # Errors
    /// [`StopsMistake`], also when `take` fails.
    pub fn stops(
        &self,
        system: &SystemId,
        scheme: Option<&SchemeId>,
        mut take: impl FnMut(StopRow) -> std::io::Result<()>,
    ) -> Result<StopsMade, StopsMistake> {
        let catalogue = self.catalogue();
        let Some(system) = catalogue.systems.get(system) else {
            return Err(StopsMistake::UnknownSystem(system.clone()));
        };
        if let Some(scheme) = scheme
            && !system.schemes.contains(scheme)
        {
            return Err(StopsMistake::Scheme(system.id.clone(), scheme.clone()));
        }
        if self.shared().standing.is_halted() {
            return Err(Refusal::Unavailable.into());
        }
        let list = List {
            service: self,
            catalogue: &catalogue,
            system,
            scheme,
        };
        let mut made = StopsMade::default();
        let mut after = None;
        loop {
            let (people, rows, unreadable) = list.page(after)?;
            made.unreadable += unreadable;
            rows.into_iter().try_for_each(&mut take)?;
            match people.last() {
                Some(last) => after = Some(*last),
                None => break,
            }
        }
        list.erased(self.store(), &mut take)?;
        Ok(made)
    }
}

struct List<'l> {
    service: &'l Service,
    catalogue: &'l Catalogue,
    system: &'l System,
    scheme: Option<&'l SchemeId>,
}

type Page = (Vec<PersonId>, Vec<StopRow>, u64);

impl List<'_> {
    fn page(&self, after: Option<PersonId>) -> Result<Page, StopsMistake> {
        let shared = self.service.shared();
        let read = self.service.store().read("stops", |tx| -> Result<Page, Stop> {
            catalogue::refresh(shared, tx)?;
            let people = tx.people_after(after, PAGE)?;
            let subjects = Subjects {
                people: people.clone(),
                ..Subjects::default()
            };
            let policies = shared.policies.load_full();
            let mut work = Work::begin(shared, policies, tx, &[], &subjects)?;
            let (mut rows, mut unreadable) = (Vec::new(), 0);
            for id in &people {
                let Some(person) = work.person_as_stored(*id)?.cloned() else {
                    continue;
                };
                if person.state == PersonState::Unreadable {
                    unreadable += 1;
                    continue;
                }
                let stops = self.stops_of(&person.record, work.now);
                if stops.is_empty() || person.is_test_subject() {
                    continue;
                }
                // Files know people by ids that were merged since, too.
                let mut ids = work.tx().merged_into(*id)?;
                ids.insert(0, *id);
                for id in ids {
                    rows.extend(stops.iter().map(|found| self.row(id, &person.record, found)));
                }
            }
            Ok((people, rows, unreadable))
        });
        read.map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal.into(),
            Stop::Store(error) => error.into(),
        })
    }

    fn row(&self, id: PersonId, record: &PersonRecord, found: &Found<'_>) -> StopRow {
        let identifier = self.scheme.and_then(|scheme| {
            let mut known = record.identifiers.iter().filter(|known| known.scheme == *scheme);
            known
                .find(|known| known.organisation == *found.organisation)
                .map(|known| known.value.clone())
        });
        StopRow {
            person_id: self
                .service
                .keys()
                .pairwise(&self.system.id, found.organisation, id),
            identifier,
            organisation: found.organisation.clone(),
            purpose: Some(found.purpose.clone()),
            channel: found.channel,
            since: found.since,
            reason: found.reason,
        }
    }

    fn stops_of<'r>(&'r self, record: &'r PersonRecord, now: Moment) -> Vec<Found<'r>> {
        let mut found = Vec::new();
        for (organisation, standing) in &record.standings {
            if !self.system.serves(organisation) {
                continue;
            }
            for (question, purpose) in self.questions(organisation) {
                let verdict = evaluate(self.catalogue, Subject::Known(record), &question, now);
                let reason = verdict.reasons.first().map(|reason| reason.code);
                let Some(reason) = reason.filter(|_| verdict.effect == Effect::Deny) else {
                    continue;
                };
                if is_stop(reason) {
                    found.push(Found {
                        organisation,
                        purpose,
                        channel: question.channel,
                        since: self.since(standing, purpose, reason),
                        reason,
                    });
                }
            }
        }
        found
    }

    /// Everything the system may do, one question for each purpose, action and channel.
    fn questions(&self, organisation: &OrganisationId) -> Vec<(Question, &PurposeId)> {
        let mut seen = BTreeSet::new();
        let mut questions = Vec::new();
        for grant in &self.system.grants {
            for purpose in &grant.purposes {
                for action in grant.actions.iter().filter(|action| **action != Action::Enrich) {
                    let channels: Vec<Option<Channel>> = match action {
                        Action::Contact => grant.channels.iter().copied().map(Some).collect(),
                        _ => vec![None],
                    };
                    for channel in channels {
                        // One row for each purpose and channel, also when two actions end in the same one.
                        if !seen.insert((purpose, channel)) {
                            continue;
                        }
                        let question = Question {
                            system: self.system.id.clone(),
                            organisation: organisation.clone(),
                            purpose: purpose.clone(),
                            action: *action,
                            channel,
                            data_scopes: grant.data_scopes.clone(),
                            data_source: None,
                        };
                        questions.push((question, purpose));
                    }
                }
            }
        }
        questions
    }

    fn since(&self, standing: &Standing, purpose: &PurposeId, reason: ReasonCode) -> Option<Moment> {
        let consent = standing.consents.get(purpose);
        match reason {
            ReasonCode::DenyRefused | ReasonCode::DenyWithdrawn => consent.map(|consent| consent.occurred_at),
            ReasonCode::DenyExpired | ReasonCode::DenyReconfirmDue => {
                let entry = self.catalogue.purposes.get(purpose)?;
                consent_ends(self.catalogue, entry, standing)
            }
            ReasonCode::DenyObjection => {
                let one = standing.objections.get(purpose).copied();
                match (one, standing.marketing_objection) {
                    (Some(one), Some(all)) => Some(one.min(all)),
                    (one, all) => one.or(all),
                }
            }
            ReasonCode::DenyRestricted => standing.restricted,
            _ => None,
        }
    }

    /// People who were erased lately: who keeps a file of them must know.
    fn erased(
        &self,
        store: &Store,
        take: &mut impl FnMut(StopRow) -> std::io::Result<()>,
    ) -> Result<(), StopsMistake> {
        let mut place = 0;
        loop {
            let messages = store.read("stops_erased", |tx| tx.messages_after(place, MESSAGES))?;
            let Some(last) = messages.last() else {
                return Ok(());
            };
            place = last.seq;
            for message in messages.iter().filter(|message| message.kind == "person.erased") {
                if !audience::concerns(self.catalogue, self.system, &message.organisation, None) {
                    continue;
                }
                let Ok(organisation) = message.organisation.parse::<OrganisationId>() else {
                    continue;
                };
                take(StopRow {
                    person_id: self.service.keys().pairwise(
                        &self.system.id,
                        &organisation,
                        message.person_id,
                    ),
                    identifier: None,
                    organisation,
                    purpose: None,
                    channel: None,
                    since: Some(message.recorded_at),
                    reason: ReasonCode::DenyErased,
                })?;
            }
        }
    }
}

struct Found<'r> {
    organisation: &'r OrganisationId,
    purpose: &'r PurposeId,
    channel: Option<Channel>,
    since: Option<Moment>,
    reason: ReasonCode,
}

/// Whether a reason ends something. Never having been asked ends nothing, and what the system may not do for anybody is
/// not about this person.
const fn is_stop(reason: ReasonCode) -> bool {
    !matches!(
        reason,
        ReasonCode::DenyNoConsent
            | ReasonCode::DenyUnknownSubject
            | ReasonCode::DenyController
            | ReasonCode::DenyPurposeInactive
            | ReasonCode::DenySchoolDomain
            | ReasonCode::DenyCustomerExceptionIncomplete
    )
}
