//! Looking at everybody, and doing what is due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::due::{Dated, Due, View, due, worth_a_look};
use super::{RetentionReport, Tally};
use crate::audit::leaf::Leaf;
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{EventId, OrganisationId, PersonId};
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::service::call::{Call, Principal};
use crate::service::catalogue;
use crate::service::refusal::Refusal;
use crate::service::shared::{OWN_CLIENT, Shared};
use crate::service::work::{
    Circumstances, Finished, Log, NodeSequence, PERSON_ERASED, PersonState, Stop, Subjects, Work, open_event,
};
use crate::store::{Store, StoreError, Tx};
use crate::world::random;

/// People whose records are looked at in one reading transaction.
const PAGE: u32 = 500;
/// People about whom something is done in one transaction.
const AT_ONCE: usize = 32;
/// How often the whole is looked at, in seconds: a day.
const EVERY: i64 = 86_400;
/// How long the chore works at a time, so that other chores get their turn.
const TURN: Duration = Duration::from_secs(2);
/// How often a transaction is tried again when somebody changed the same people meanwhile.
const TRIES: usize = 4;

/// The last person that was looked at in the run that is under way, in hexadecimal.
const PLACE: &str = "retention-place";
/// When the last whole run ended, in microseconds.
const ENDED: &str = "retention-ended";

/// Everybody, now.
pub(super) fn whole(shared: &Shared, store: &Store, dry: bool) -> Result<RetentionReport, StoreError> {
    let mut round = Round::new(shared, store, dry);
    let mut after = None;
    while let Some(last) = round.page(after)? {
        after = Some(last);
    }
    round.requests()?;
    round.end()
}

/// A turn of the daily run: from where the last turn ended, on whichever node that was. Answers how much was done.
pub(crate) fn chore(shared: &Shared, store: &Store) -> Result<usize, StoreError> {
    let (place, ended) = store.read("retention_place", |tx| -> Result<_, StoreError> {
        Ok((tx.meta(PLACE)?, tx.meta(ENDED)?))
    })?;
    let now = shared.world.now();
    let ended = ended
        .and_then(|micros| micros.parse().ok())
        .map(Moment::from_micros);
    let mut after = place.as_deref().and_then(read_place);
    if after.is_none() && ended.is_some_and(|ended| now < ended.plus_seconds(EVERY)) {
        return Ok(0);
    }
    let began = Instant::now();
    let mut round = Round::new(shared, store, false);
    let finished = loop {
        match round.page(after)? {
            Some(last) => after = Some(last),
            None => break true,
        }
        let place = after.as_ref().map(write_place).unwrap_or_default();
        store.change("retention_place", |tx| tx.put_meta(PLACE, &place))?;
        if began.elapsed() > TURN {
            break false;
        }
    };
    if finished {
        round.requests()?;
        store.change("retention_ended", |tx| -> Result<(), StoreError> {
            tx.put_meta(PLACE, "")?;
            tx.put_meta(ENDED, &now.micros().to_string())
        })?;
    }
    let report = round.end()?;
    Ok(usize::try_from(report.items()).unwrap_or(usize::MAX))
}

fn write_place(id: &PersonId) -> String {
    id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_place(text: &str) -> Option<PersonId> {
    u128::from_str_radix(text, 16)
        .ok()
        .filter(|_| text.len() == 32)
        .map(|id| PersonId::from_bytes(id.to_be_bytes()))
}

struct Round<'r> {
    shared: &'r Shared,
    store: &'r Store,
    dry: bool,
    sequence: NodeSequence,
    tally: Tally,
    removed: bool,
}

impl<'r> Round<'r> {
    fn new(shared: &'r Shared, store: &'r Store, dry: bool) -> Self {
        let boot: [u8; 6] = random(&*shared.world);
        let boot: String = boot.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            shared,
            store,
            dry,
            sequence: NodeSequence::new(format!("{}.{boot}.retention", shared.node)),
            tally: Tally::default(),
            removed: false,
        }
    }

    /// Looks at the next people; answers the last of them.
    fn page(&mut self, after: Option<PersonId>) -> Result<Option<PersonId>, StoreError> {
        if self.shared.standing.is_halted() {
            return Err(StoreError::Unavailable(
                "the database contradicts a checkpoint of its audit logs".into(),
            ));
        }
        let shared = self.shared;
        let page = self.store.read("retention_look", |tx| look(shared, tx, after))?;
        self.tally.people += page.people;
        self.tally.unreadable += page.unreadable;
        for ids in page.worth.chunks(AT_ONCE) {
            self.handle(ids)?;
        }
        Ok(page.last)
    }

    fn handle(&mut self, ids: &[PersonId]) -> Result<(), StoreError> {
        match self.attempt(ids) {
            Ok(found) => {
                for due in &found {
                    self.removed |= !self.dry && (due.person || !due.standings.is_empty());
                    self.tally.add(due);
                }
                Ok(())
            }
            // Somebody changed one of them at every try: one by one, and whoever is still busy waits for the next run.
            Err(StoreError::Conflict { .. }) if ids.len() > 1 => ids
                .iter()
                .try_for_each(|id| self.handle(std::slice::from_ref(id))),
            Err(StoreError::Conflict { .. }) => {
                self.tally.postponed += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn attempt(&mut self, ids: &[PersonId]) -> Result<Vec<Due>, StoreError> {
        let (shared, sequence) = (self.shared, &self.sequence);
        if self.dry {
            return self.store.read("retention_plan", |tx| {
                with_work(shared, tx, ids, |work| {
                    ids.iter().map(|id| due_of(work, *id)).collect()
                })
                .map(|(found, _)| found)
            });
        }
        let mut outcome = Err(StoreError::Conflict { constraint: None });
        for _ in 0..TRIES {
            outcome = self.store.change("retention", |tx| {
                // Before anything is read: what is decided must still hold when it is done.
                tx.people_by_id(ids, true)?;
                let (found, work) = with_work(shared, tx, ids, |work| {
                    let mut found = Vec::new();
                    for id in ids {
                        let due = due_of(work, *id)?;
                        apply(work, *id, &due)?;
                        found.push(due);
                    }
                    Ok(found)
                })?;
                Ok((found, work.finish(sequence)?))
            });
            if !matches!(outcome, Err(StoreError::Conflict { .. })) {
                break;
            }
        }
        let (found, Finished { tells, changed }) = outcome?;
        shared.remembered.renew(changed);
        if found.iter().any(|due| !due.is_nothing()) {
            shared.standing.ring();
        }
        if tells {
            shared.news.ring();
        }
        Ok(found)
    }

    /// Rights requests that were answered longer ago than history is kept, unless the person is under a hold.
    fn requests(&mut self) -> Result<(), StoreError> {
        let shared = self.shared;
        let network = &shared.policies.load().current.network;
        let (Some(term), zone) = (network.retention.history, network.zone) else {
            return Ok(());
        };
        let before = shared.world.now().minus(term, zone);
        let mut after = Vec::new();
        loop {
            let dry = self.dry;
            let act = |tx: &mut Tx<'_>| {
                let page = tx.requests_ended(before, &after, PAGE)?;
                let people: Vec<PersonId> = page.iter().map(|(_, person, _)| *person).collect();
                let (gone, _) = with_work(shared, tx, &people, |work| {
                    let mut gone = Vec::new();
                    for (id, person, organisation) in &page {
                        if !is_held(work, *person, organisation)? && (dry || work.tx().delete_request(id)?) {
                            gone.push(organisation.clone());
                        }
                    }
                    Ok(gone)
                })?;
                Ok::<_, StoreError>((page.last().map(|(id, ..)| id.clone()), gone))
            };
            let (last, gone) = if dry {
                self.store.read("retention_requests", act)?
            } else {
                self.store.change("retention_requests", act)?
            };
            self.removed |= !dry && !gone.is_empty();
            gone.into_iter()
                .for_each(|organisation| self.tally.add_request(organisation));
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Clears what the removed rows left in the files, records that it was done, and reports.
    fn end(self) -> Result<RetentionReport, StoreError> {
        let report = self.tally.report(self.dry);
        if !self.dry && report.items() > 0 {
            record_run(self.shared, self.store, self.sequence, &report)?;
        }
        if self.removed && self.store.scrub().is_err() {
            // What is removed stays removed; free pages are cleared with the next.
            tracing::warn!(
                alarm = "scrub-late",
                "free pages were not cleared after a removal"
            );
        }
        Ok(report)
    }
}

struct Page {
    worth: Vec<PersonId>,
    last: Option<PersonId>,
    people: u64,
    unreadable: u64,
}

/// Who of the next people may have something that is due.
fn look(shared: &Shared, tx: &mut Tx<'_>, after: Option<PersonId>) -> Result<Page, StoreError> {
    let ids = tx.people_after(after, PAGE)?;
    let mut oldest: BTreeMap<PersonId, Moment> = tx.oldest_events(&ids)?.into_iter().collect();
    // Whoever was merged into somebody has an older history still.
    let merged = tx.all_merged_into(&ids)?;
    let gone: Vec<PersonId> = merged.iter().map(|(gone, _)| *gone).collect();
    let theirs: BTreeMap<PersonId, Moment> = tx.oldest_events(&gone)?.into_iter().collect();
    for (gone, into) in &merged {
        if let Some(first) = theirs.get(gone) {
            let known = oldest.entry(*into).or_insert(*first);
            *known = (*first).min(*known);
        }
    }
    let mut page = Page {
        worth: Vec::new(),
        last: ids.last().copied(),
        people: 0,
        unreadable: 0,
    };
    let looked = with_work(shared, tx, &ids, |work| {
        let policies = std::sync::Arc::clone(&work.policies);
        for id in &ids {
            let now = work.now;
            let Some(person) = work.person_as_stored(*id)? else {
                continue;
            };
            page.people += 1;
            match person.state {
                PersonState::Unreadable => page.unreadable += 1,
                PersonState::Active
                    if !person.is_test_subject()
                        && worth_a_look(&policies, &person.record, oldest.get(id).copied(), now) =>
                {
                    page.worth.push(*id);
                }
                _ => {}
            }
        }
        Ok(())
    });
    looked.map(|_| page)
}

/// Work about people in a transaction.
fn with_work<'w, 'tx, T>(
    shared: &'w Shared,
    tx: &'w mut Tx<'tx>,
    ids: &[PersonId],
    act: impl FnOnce(&mut Work<'w, 'tx>) -> Result<T, Stop>,
) -> Result<(T, Work<'w, 'tx>), StoreError> {
    catalogue::refresh(shared, tx)?;
    let subjects = Subjects {
        people: ids.to_vec(),
        ..Subjects::default()
    };
    let policies = shared.policies.load_full();
    let mut work = Work::begin(shared, policies, tx, &[], &subjects)?;
    match act(&mut work) {
        Ok(done) => Ok((done, work)),
        Err(Stop::Store(error)) => Err(error),
        Err(Stop::Refused(refusal)) => Err(StoreError::Unavailable(refusal.to_string().into())),
    }
}

fn due_of(work: &mut Work<'_, '_>, id: PersonId) -> Result<Due, Stop> {
    let policies = std::sync::Arc::clone(&work.policies);
    let now = work.now;
    let record = match work.person_as_stored(id)? {
        Some(person) if person.state == PersonState::Active && !person.is_test_subject() => {
            std::sync::Arc::clone(&person.record)
        }
        _ => return Ok(Due::default()),
    };
    let events = events_of(work, id)?;
    let mut wards = BTreeSet::new();
    for child in record.standings.values().flat_map(|standing| &standing.wards) {
        if work.person(*child)?.is_some_and(|child| child.keys.is_some()) {
            wards.insert(*child);
        }
    }
    let held = requests_of(work, id)?;
    Ok(due(&View {
        policies: &policies,
        now,
        record: &record,
        events: &events,
        wards: &wards,
        held: &held,
    }))
}

/// Libraries that are handling a request of the person, or of whoever was merged into them: what it is about must still be
/// there when it is answered.
fn requests_of(work: &mut Work<'_, '_>, person: PersonId) -> Result<BTreeSet<OrganisationId>, StoreError> {
    let mut people = work.tx().merged_into(person)?;
    people.push(person);
    let requests = work.tx().rights_requests_of(&people)?;
    let running = requests.iter().filter(|request| request.ended_at.is_none());
    running
        .map(|request| request.organisation.parse().map_err(|_| StoreError::Corrupt))
        .collect()
}

/// Whether a hold or a restriction keeps what a library knows of somebody.
fn is_held(work: &mut Work<'_, '_>, person: PersonId, organisation: &str) -> Result<bool, StoreError> {
    let Ok(organisation) = organisation.parse::<OrganisationId>() else {
        return Ok(false);
    };
    let standing = work
        .person(person)?
        .and_then(|person| person.standing(&organisation));
    Ok(standing.is_some_and(|standing| standing.held.is_some() || standing.restricted.is_some()))
}

/// The history of somebody, with that of whoever was merged into them.
fn events_of(work: &mut Work<'_, '_>, id: PersonId) -> Result<Vec<Dated>, Stop> {
    let shared = work.shared;
    let mut people = work.tx().merged_into(id)?;
    people.push(id);
    let mut events = Vec::new();
    for person in people {
        let rows = work.tx().events_of(person, None)?;
        let Some(found) = work.person_as_stored(person)? else {
            continue;
        };
        for row in &rows {
            events.push(Dated {
                person,
                sequence: row.sequence,
                event: open_event(shared, found, row)?,
            });
        }
    }
    events.sort_by_key(|dated| dated.event.recorded_at);
    Ok(events)
}

fn apply(work: &mut Work<'_, '_>, id: PersonId, due: &Due) -> Result<(), Stop> {
    if due.is_nothing() {
        return Ok(());
    }
    let call = own_call()?;
    if due.person {
        return forget(work, &call, id);
    }
    let by_us = |organisation| Circumstances {
        organisation,
        occurred_at: None,
        actor: Actor::plain(ActorKind::System),
        evidence: None,
    };
    for (organisation, purpose, ends) in &due.reminders {
        let change = Change::ExpiryNear {
            purpose: purpose.clone(),
            ends: *ends,
        };
        work.record(&call, id, by_us(organisation), change)?;
    }
    for (organisation, remains) in &due.standings {
        // What was written about the reminders a moment ago stays.
        let mut standing = remains.clone();
        if let Some(standing) = &mut standing {
            let now = work.standing(id, organisation);
            standing.revision = now.revision;
            for (purpose, consent) in &mut standing.consents {
                consent.reminded = now.consents.get(purpose).and_then(|now| now.reminded);
            }
        } else {
            work.tell_library(PERSON_ERASED, id, None, organisation)?;
        }
        let change = Change::Condensed {
            standing: standing.map(Box::new),
            identifiers: due.identifiers.clone(),
        };
        work.record(&call, id, by_us(organisation), change)?;
    }
    work.tx().delete_events(&due.events)?;
    Ok(())
}

/// No library knows the person any more: the key goes, and with it everything.
fn forget(work: &mut Work<'_, '_>, call: &Call, id: PersonId) -> Result<(), Stop> {
    let found = work.person_as_stored(id)?.ok_or(Refusal::NotFound)?.clone();
    let keys = found.keys.clone().ok_or(Refusal::NotFound)?;
    let version = work.catalogue().version.clone();
    let entry = EventId::from_bytes(work.dated_id());
    let (now, node) = (work.now.millis(), work.shared.node.as_str());
    let leaf = Leaf::new(
        "erasure.term-over",
        entry.into(),
        now,
        &call.principal.system,
        node,
        version.as_str(),
    );
    // Made with the key that is about to go: afterwards nobody can tell whose leaf this was.
    work.stage_leaf_about(Log::Consent, &found, &keys, leaf, b"{}")?;
    work.erase(id, &[])
}

fn own_call() -> Result<Call, Refusal> {
    let principal = Principal {
        client: OWN_CLIENT.to_owned(),
        system: OWN_CLIENT.parse().map_err(|_| Refusal::Unavailable)?,
        scopes: BTreeSet::new(),
    };
    Ok(Call::new(principal, Language::default()))
}

/// One entry of the admin log for the run: how much, and of whom nothing.
fn record_run(
    shared: &Shared,
    store: &Store,
    sequence: NodeSequence,
    report: &RetentionReport,
) -> Result<(), StoreError> {
    let removed: u64 = report.lines.iter().map(|line| line.events).sum();
    let facts = [
        ("looked-at", report.people),
        ("done", report.items()),
        ("events", removed),
        ("held", report.held),
    ];
    store.change("retention_record", |tx| {
        let (_, work) = with_work(shared, tx, &[], |work| {
            let version = work.catalogue().version.clone();
            let id = EventId::from_bytes(work.dated_id());
            let (now, node) = (work.now.millis(), work.shared.node.as_str());
            let mut leaf = Leaf::new(
                "retention.run",
                id.into(),
                now,
                OWN_CLIENT,
                node,
                version.as_str(),
            );
            leaf.outcome = Some("ok".into());
            for (name, fact) in facts {
                leaf.extra.insert(name.into(), fact.to_string().into());
            }
            work.stage_admin_leaf(&leaf);
            Ok(())
        })?;
        work.finish(&sequence).map(|_| ())
    })?;
    shared.standing.ring();
    Ok(())
}
