//! What is past its written term about one person: a pure function of record, events, policies and clock. It removes
//! nothing itself, so that a dry run and a run cannot disagree.

use std::collections::{BTreeMap, BTreeSet};

use super::stale::stale_of;
use super::words::Words;
use crate::domain::event::{Change, Event};
use crate::domain::ids::{OrganisationId, PersonId, PurposeId};
use crate::domain::moment::{Moment, Period};
use crate::domain::person::{Identifier, Membership, MembershipKind, PersonRecord, Standing};
use crate::domain::purpose::words;
use crate::policy::catalogue::Catalogue;
use crate::policy::evaluate::{consent_ends, consent_reason};
use crate::service::shared::Policies;

/// Which term was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    /// A yes ends soon: nothing is removed, systems are reminded.
    Reminder,
    /// The proof of a choice, `proof_retention` of its purpose (R15).
    Proof,
    /// What is no longer current, `history` of `network.toml`.
    History,
    /// All that a library knew of a former member, the longest `membership-end+…` of the purposes.
    FormerMember,
    /// The whole person: no library knows them any more.
    Person,
    /// A rights request that was answered, `history` of `network.toml`.
    Request,
}

words!(Term {
    Reminder => "reminder", Proof => "proof", History => "history", FormerMember => "former-member", Person => "person",
    Request => "request",
});

/// An event with whose row it is.
pub(super) struct Dated {
    pub(super) person: PersonId,
    pub(super) sequence: u64,
    pub(super) event: Event,
}

/// Everything that is looked at.
pub(super) struct View<'v> {
    pub(super) policies: &'v Policies,
    pub(super) now: Moment,
    pub(super) record: &'v PersonRecord,
    /// In the order of their recording, those of records that were merged into this one too.
    pub(super) events: &'v [Dated],
    /// Children of whom this person is guardian and who are still there.
    pub(super) wards: &'v BTreeSet<PersonId>,
    /// Libraries at which something keeps everything: a request of the person that is being handled.
    pub(super) held: &'v BTreeSet<OrganisationId>,
}

/// One line of what is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) organisation: OrganisationId,
    pub(super) term: Term,
    pub(super) purpose: Option<PurposeId>,
    pub(super) events: u64,
}

/// What must be done about one person.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Ends that systems are reminded of.
    pub(super) reminders: Vec<(OrganisationId, PurposeId, Moment)>,
    /// What remains at each library that something is removed at.
    pub(super) standings: BTreeMap<OrganisationId, Option<Standing>>,
    /// Identifiers, where the event that told of them goes.
    pub(super) identifiers: Option<Vec<Identifier>>,
    /// Events that go.
    pub(super) events: Vec<(PersonId, u64)>,
    /// For the report.
    pub(super) lines: Vec<Line>,
    /// Whether everything goes, key and all.
    pub(super) person: bool,
    /// Libraries where something would have gone and a hold keeps it.
    pub(super) kept: BTreeSet<OrganisationId>,
}

impl Due {
    pub(super) fn is_nothing(&self) -> bool {
        self.reminders.is_empty() && self.standings.is_empty() && !self.person
    }
}

/// Works out what is due.
pub(super) fn due(view: &View<'_>) -> Due {
    let mut due = Due::default();
    let mut gone: BTreeSet<usize> = BTreeSet::new();
    for (organisation, standing) in &view.record.standings {
        let of_library = view.at(organisation, standing);
        let held =
            standing.held.is_some() || standing.restricted.is_some() || view.held.contains(organisation);
        // A person who asked for a restriction wants the data kept (GDPR art. 18(1)(b), (c)).
        let found = of_library.found();
        if held {
            if found.is_some() {
                due.kept.insert(organisation.clone());
            }
        } else if let Some(found) = found {
            gone.extend(found.stale);
            due.lines.extend(found.lines);
            due.standings.insert(organisation.clone(), found.remains);
        }
        if due.standings.get(organisation).is_none_or(Option::is_some) {
            due.reminders.extend(of_library.reminders());
        }
    }
    drop_merges(view, &mut due, &mut gone);
    let remains = |organisation| due.standings.get(organisation).is_none_or(Option::is_some);
    due.person = !view.record.standings.is_empty() && !view.record.standings.keys().any(remains);
    if due.person {
        for line in &mut due.lines {
            line.term = Term::Person;
        }
    }
    due.events = gone
        .into_iter()
        .filter_map(|at| view.events.get(at))
        .map(|dated| (dated.person, dated.sequence))
        .collect();
    due
}

/// The event of a merge holds the whole record of then, of every library. It goes when one of them forgets the person or
/// something of it is over; what remains is then written down anew for each library.
fn drop_merges(view: &View<'_>, due: &mut Due, gone: &mut BTreeSet<usize>) {
    if due.standings.is_empty() {
        return;
    }
    let merges: Vec<usize> = (0..)
        .zip(view.events)
        .filter(|(_, dated)| matches!(dated.event.change, Change::Merged { .. }))
        .map(|(at, _)| at)
        .collect();
    if merges.is_empty() {
        return;
    }
    gone.extend(merges);
    due.identifiers = Some(view.record.identifiers.clone());
    for (organisation, standing) in &view.record.standings {
        due.standings
            .entry(organisation.clone())
            .or_insert_with(|| Some(standing.clone()));
    }
}

/// Whether the events must be looked at: something may be over. `oldest` is when the oldest was recorded.
pub(super) fn worth_a_look(
    policies: &Policies,
    record: &PersonRecord,
    oldest: Option<Moment>,
    now: Moment,
) -> bool {
    let catalogue = &policies.current;
    let zone = catalogue.network.zone;
    let proofs = catalogue
        .purposes
        .values()
        .map(|entry| entry.register.proof_retention);
    let terms = proofs
        .chain(catalogue.network.retention.history)
        .map(|term| now.minus(term, zone));
    // Whoever is no member counts from the last event, which only the events tell.
    let visits = record.standings.values().any(|standing| !is_membership(standing));
    let visitors = longest_after_membership(catalogue, now).filter(|_| visits);
    let youngest = terms.chain(visitors.map(|term| now.minus(term, zone))).max();
    if oldest
        .zip(youngest)
        .is_some_and(|(oldest, youngest)| oldest <= youngest)
    {
        return true;
    }
    let (wards, held) = (BTreeSet::new(), BTreeSet::new());
    let view = View {
        policies,
        now,
        record,
        events: &[],
        wards: &wards,
        held: &held,
    };
    record.standings.iter().any(|(organisation, standing)| {
        let of_library = view.at(organisation, standing);
        !of_library.reminders().is_empty()
            || of_library.is_over()
            || standing
                .consents
                .keys()
                .any(|purpose| of_library.proof_is_over(purpose))
    })
}

/// How long former members are known: the longest term of all purposes. Days make terms comparable.
fn longest_after_membership(catalogue: &Catalogue, now: Moment) -> Option<Period> {
    let terms = catalogue
        .purposes
        .values()
        .filter_map(|entry| entry.register.after_membership());
    let today = now.date(catalogue.network.zone);
    terms.max_by_key(|term| term.after(today))
}

/// Whether there is a membership whose end counts; visitors have none.
fn is_membership(standing: &Standing) -> bool {
    standing
        .membership
        .as_ref()
        .is_some_and(|membership| membership.kind != MembershipKind::Visitor || membership.until.is_some())
}

impl<'v> View<'v> {
    fn at(&'v self, organisation: &'v OrganisationId, standing: &'v Standing) -> AtLibrary<'v> {
        AtLibrary {
            view: self,
            organisation,
            standing,
        }
    }
}

/// The same about one library.
pub(super) struct AtLibrary<'v> {
    pub(super) view: &'v View<'v>,
    pub(super) organisation: &'v OrganisationId,
    pub(super) standing: &'v Standing,
}

/// What is over at one library.
pub(super) struct Found {
    pub(super) stale: BTreeSet<usize>,
    pub(super) lines: Vec<Line>,
    pub(super) remains: Option<Standing>,
}

impl AtLibrary<'_> {
    /// The events of this library with their places among all.
    pub(super) fn events(&self) -> impl Iterator<Item = (usize, &Event)> {
        (0..)
            .zip(self.view.events)
            .filter(|(_, dated)| dated.event.organisation == *self.organisation)
            .map(|(at, dated)| (at, &dated.event))
    }

    pub(super) fn is_past(&self, since: Moment, term: Period) -> bool {
        since.plus(term, self.view.policies.current.network.zone) <= self.view.now
    }

    pub(super) fn line(&self, term: Term, purpose: Option<&PurposeId>, events: usize) -> Line {
        Line {
            organisation: self.organisation.clone(),
            term,
            purpose: purpose.cloned(),
            events: u64::try_from(events).unwrap_or(u64::MAX),
        }
    }

    fn found(&self) -> Option<Found> {
        if self.is_over() {
            self.all()
        } else {
            stale_of(self)
        }
    }

    /// Whether everything that the library knows of the person is past its term.
    fn is_over(&self) -> bool {
        let Some(term) = longest_after_membership(&self.view.policies.current, self.view.now) else {
            return false;
        };
        let Some(since) = self.last_seen() else {
            return false;
        };
        self.is_past(since, term)
            && self
                .standing
                .consents
                .keys()
                .all(|purpose| self.proof_is_over(purpose))
            && self.standing.wards.is_disjoint(self.view.wards)
    }

    /// The end of the membership, or where there is none the last time that anything was recorded; `None` for a member.
    fn last_seen(&self) -> Option<Moment> {
        let zone = self.view.policies.current.network.zone;
        match &self.standing.membership {
            Some(Membership {
                until: Some(last), ..
            }) => Some(Moment::start_of(last.succ_opt().unwrap_or(*last), zone)),
            _ if is_membership(self.standing) => None,
            Some(_) | None => self.events().map(|(_, event)| event.recorded_at).max(),
        }
    }

    /// Everything goes but an objection, which the person made so as not to be written to again (GDPR art. 21(3)).
    fn all(&self) -> Option<Found> {
        let standing = self.standing;
        let objected = standing.marketing_objection.is_some() || !standing.objections.is_empty();
        let remains = objected.then(|| Standing {
            marketing_objection: standing.marketing_objection,
            objections: standing.objections.clone(),
            revision: standing.revision,
            ..Standing::default()
        });
        if remains.as_ref() == Some(standing) {
            return None;
        }
        let known = |id| self.view.record.identifiers.iter().any(|known| known.id == id);
        let stale: BTreeSet<usize> = self
            .events()
            .filter(|(_, event)| match &event.change {
                Change::IdentifierAdded { identifier, .. } => !known(*identifier),
                Change::Objected { .. } => !objected,
                _ => true,
            })
            .map(|(at, _)| at)
            .collect();
        let line = self.line(Term::FormerMember, None, stale.len());
        Some(Found {
            stale,
            lines: vec![line],
            remains,
        })
    }

    /// Whether the last word on a purpose has been without effect for longer than its proof is kept.
    pub(super) fn proof_is_over(&self, purpose: &PurposeId) -> bool {
        let words = Words::of(self.view.policies);
        let Some(entry) = words.entry(purpose) else {
            // A purpose that was never published has no term.
            return false;
        };
        words
            .without_effect_since(entry, self.standing)
            .is_some_and(|since| self.is_past(since, entry.register.proof_retention))
    }

    fn reminders(&self) -> Vec<(OrganisationId, PurposeId, Moment)> {
        let catalogue = &self.view.policies.current;
        let Some(before) = catalogue.network.retention.expiry_reminder else {
            return Vec::new();
        };
        let mut due = Vec::new();
        for (purpose, consent) in &self.standing.consents {
            let Some(entry) = catalogue.purposes.get(purpose) else {
                continue;
            };
            let Some(ends) = consent_ends(catalogue, entry, self.standing) else {
                continue;
            };
            let soon = ends.minus(before, catalogue.network.zone) <= self.view.now && self.view.now < ends;
            let permits = consent_reason(catalogue, entry, self.standing, self.view.now).is_none();
            if soon && permits && consent.reminded != Some(ends) {
                due.push((self.organisation.clone(), purpose.clone(), ends));
            }
        }
        due
    }
}
