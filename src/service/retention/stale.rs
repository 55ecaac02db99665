//! Of a standing that stays: which events are no longer current for longer than their term. Of the words on a purpose
//! only the oldest go, so that a past yes never outlives the no that followed it.

use std::collections::{BTreeMap, BTreeSet};

use super::due::{AtLibrary, Found, Line, Term};
use super::words::Words;
use crate::domain::event::{Change, Event};
use crate::domain::ids::{DataSourceId, IdentifierId, PersonId, PurposeId};
use crate::domain::moment::{Moment, Period};
use crate::domain::person::Standing;

/// What is stale at a library where the person is still known.
pub(super) fn stale_of(at: &AtLibrary<'_>) -> Option<Found> {
    let mut search = Search {
        at,
        remains: at.standing.clone(),
        stale: BTreeSet::new(),
        lines: Vec::new(),
    };
    search.choices();
    search.enrichments();
    if let Some(term) = at.view.policies.current.network.retention.history {
        search.history(term);
    }
    if search.stale.is_empty() && search.remains == *at.standing {
        return None;
    }
    // What remains is written down anew: earlier summaries may hold what went now.
    let earlier = at
        .events()
        .filter(|(_, event)| matches!(event.change, Change::Condensed { .. }));
    search.stale.extend(earlier.map(|(place, _)| place));
    Some(Found {
        stale: search.stale,
        lines: search.lines,
        remains: Some(search.remains),
    })
}

struct Search<'s> {
    at: &'s AtLibrary<'s>,
    remains: Standing,
    stale: BTreeSet<usize>,
    lines: Vec<Line>,
}

/// What comes and goes, by what it is about: a later end makes both no longer current.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Pair<'e> {
    Identifier(IdentifierId),
    Objection(Option<&'e PurposeId>),
    Restriction,
    Hold,
    Guardian(PersonId),
    Ward(PersonId),
}

impl Search<'_> {
    fn take(&mut self, term: Term, purpose: Option<&PurposeId>, places: &[usize]) {
        if !places.is_empty() {
            self.stale.extend(places);
            self.lines.push(self.at.line(term, purpose, places.len()));
        }
    }

    fn choices(&mut self) {
        let at = self.at;
        let mut of_purpose: BTreeMap<&PurposeId, Vec<(usize, &Event)>> = BTreeMap::new();
        for (place, event) in at.events() {
            match &event.change {
                Change::Consent(act) => of_purpose.entry(&act.purpose).or_default().push((place, event)),
                Change::ExpiryNear { purpose, .. } => {
                    of_purpose.entry(purpose).or_default().push((place, event));
                }
                _ => {}
            }
        }
        // A word that came with a merge has no event of its own here any more.
        for purpose in at.standing.consents.keys() {
            of_purpose.entry(purpose).or_default();
        }
        let words = Words::of(at.view.policies);
        for (purpose, events) in of_purpose {
            let Some(entry) = words.entry(purpose) else {
                continue;
            };
            let term = entry.register.proof_retention;
            let current = at.standing.consents.get(purpose);
            let over = match current {
                Some(_) => at.proof_is_over(purpose),
                None => events
                    .last()
                    .is_some_and(|(_, last)| at.is_past(last.recorded_at, term)),
            };
            if over {
                self.remains.consents.remove(purpose);
                let places: Vec<usize> = events.iter().map(|(place, _)| *place).collect();
                if places.is_empty() {
                    self.lines.push(at.line(Term::Proof, Some(purpose), 0));
                }
                self.take(Term::Proof, Some(purpose), &places);
                continue;
            }
            let now =
                current.and_then(|current| events.iter().position(|(_, event)| event.id == current.event));
            let places = superseded(at, &events, now, term);
            self.take(Term::Proof, Some(purpose), &places);
        }
    }

    /// The fact that data came from elsewhere is kept as long as the data may be, and as proof after that.
    fn enrichments(&mut self) {
        let at = self.at;
        let words = Words::of(at.view.policies);
        for enrichment in &at.standing.enrichments {
            let over = words.entry(&enrichment.purpose).is_some_and(|entry| {
                let kept = entry.register.retention_period();
                let zone = at.view.policies.current.network.zone;
                let until = kept.map(|kept| enrichment.since.plus(kept, zone));
                until.is_some_and(|until| at.is_past(until, entry.register.proof_retention))
            });
            // Whoever was not told must still be told (R46).
            if !over || enrichment.told_at.is_none() {
                continue;
            }
            let of_it = |purpose: &PurposeId, source: &DataSourceId| {
                *purpose == enrichment.purpose && *source == enrichment.source
            };
            let places: Vec<usize> = at
                .events()
                .filter(|(_, event)| match &event.change {
                    Change::Enriched { purpose, source, .. }
                    | Change::SourceNoticeDelivered { purpose, source } => of_it(purpose, source),
                    _ => false,
                })
                .map(|(place, _)| place)
                .collect();
            self.remains.enrichments.retain(|other| other != enrichment);
            self.take(Term::Proof, Some(&enrichment.purpose), &places);
        }
    }

    fn history(&mut self, term: Period) {
        let at = self.at;
        let mut places = Vec::new();
        let events: Vec<(usize, &Event)> = at.events().collect();
        places.extend(replaced(at, &events, term));
        let mut pairs: BTreeMap<Pair<'_>, (Vec<usize>, Option<Moment>)> = BTreeMap::new();
        for (place, event) in &events {
            let Some((pair, ends)) = pair(&event.change) else {
                continue;
            };
            let (known, ended) = pairs.entry(pair).or_default();
            known.push(*place);
            *ended = ends.then_some(event.recorded_at).or(*ended);
        }
        for (pair, (known, ended)) in pairs {
            let over = ended.is_some_and(|ended| at.is_past(ended, term));
            if over && !self.is_current(&pair) {
                places.extend(known);
            }
        }
        places.extend(
            events
                .iter()
                .filter(|(_, event)| {
                    matches!(event.change, Change::Merged { .. }) && at.is_past(event.recorded_at, term)
                })
                .map(|(place, _)| *place),
        );
        self.take(Term::History, None, &places);
    }

    fn is_current(&self, pair: &Pair<'_>) -> bool {
        let standing = self.at.standing;
        match pair {
            Pair::Identifier(id) => self
                .at
                .view
                .record
                .identifiers
                .iter()
                .any(|known| known.id == *id),
            Pair::Objection(None) => standing.marketing_objection.is_some(),
            Pair::Objection(Some(purpose)) => standing.objections.contains_key(*purpose),
            Pair::Restriction => standing.restricted.is_some(),
            Pair::Hold => standing.held.is_some(),
            Pair::Guardian(guardian) => standing.has_guardian(*guardian),
            Pair::Ward(child) => standing.wards.contains(child),
        }
    }
}

/// Words that another one replaced, and reminders of them; never the current one.
fn superseded(
    at: &AtLibrary<'_>,
    events: &[(usize, &Event)],
    current: Option<usize>,
    term: Period,
) -> Vec<usize> {
    let last = current.unwrap_or(events.len().saturating_sub(1));
    let older = events.iter().zip(events.iter().skip(1)).take(last);
    let older = older
        .take_while(|(_, (_, next))| at.is_past(next.recorded_at, term))
        .map(|((place, _), _)| *place);
    // A word that came later and changed nothing, such as a paper form that arrived after a no.
    let without_effect = events
        .iter()
        .skip(last.saturating_add(1))
        .filter(|(_, event)| {
            matches!(event.change, Change::Consent(_)) && at.is_past(event.recorded_at, term)
        })
        .map(|(place, _)| *place);
    older.chain(without_effect).collect()
}

/// What a later event of its kind replaced whole.
fn replaced(at: &AtLibrary<'_>, events: &[(usize, &Event)], term: Period) -> Vec<usize> {
    let mut places = Vec::new();
    for (index, (place, event)) in events.iter().enumerate() {
        let later = events
            .iter()
            .skip(index + 1)
            .find(|(_, later)| covers(&later.change, &event.change));
        if later.is_some_and(|(_, later)| at.is_past(later.recorded_at, term)) {
            places.push(*place);
        }
    }
    places
}

fn covers(later: &Change, earlier: &Change) -> bool {
    match (later, earlier) {
        (Change::PreferencesSet(_), Change::PreferencesSet(_)) => true,
        (
            Change::Registered {
                membership,
                birth_date,
                language,
            },
            Change::Registered {
                membership: old_membership,
                birth_date: old_birth,
                language: old_language,
            },
        ) => {
            (membership.is_some() || old_membership.is_none())
                && (birth_date.is_some() || old_birth.is_none())
                && (language.is_some() || old_language.is_none())
        }
        _ => false,
    }
}

/// What an event begins or, then true, ends.
fn pair(change: &Change) -> Option<(Pair<'_>, bool)> {
    Some(match change {
        Change::IdentifierAdded { identifier, .. } => (Pair::Identifier(*identifier), false),
        Change::IdentifierRemoved { identifier } => (Pair::Identifier(*identifier), true),
        Change::Objected { purpose, .. } => (Pair::Objection(purpose.as_ref()), false),
        Change::ObjectionEnded { purpose } => (Pair::Objection(purpose.as_ref()), true),
        Change::Restricted { .. } => (Pair::Restriction, false),
        Change::RestrictionEnded => (Pair::Restriction, true),
        Change::Held => (Pair::Hold, false),
        Change::HoldEnded => (Pair::Hold, true),
        Change::GuardianLinked { guardian, .. } => (Pair::Guardian(*guardian), false),
        Change::GuardianUnlinked { guardian } => (Pair::Guardian(*guardian), true),
        Change::WardLinked { child } => (Pair::Ward(*child), false),
        Change::WardUnlinked { child } => (Pair::Ward(*child), true),
        _ => return None,
    })
}
