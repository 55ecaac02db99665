//! Two records turned out to be one person: the stricter state wins per purpose.

use super::call::{Call, Scope};
use super::lane::Verb;
use super::people::look_at_pairwise;
use super::refusal::{Conflict, Refusal};
use super::shared::Shared;
use super::verbs::{MergePeople, Recorded};
use super::work::{Circumstances, PERSON_MERGED, Stop, Subjects, Work};
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{OrganisationId, PersonId};
use crate::domain::person::PersonRecord;
use crate::domain::personal::Personal;

impl Verb for MergePeople {
    type Answer = Recorded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at_pairwise(shared, call, &self.keep, into);
        look_at_pairwise(shared, call, &self.merge, into);
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Recorded, Stop> {
        call.require(Scope::PeopleWrite)?;
        let (keep, organisation) = work.find_pairwise(call, &self.keep)?;
        let (gone, of) = work.find_pairwise(call, &self.merge)?;
        if keep == gone {
            return Err(Refusal::Conflict(Conflict::SamePerson).into());
        }
        // Two pseudonyms for two libraries: the caller must say it for one of them.
        if organisation != of {
            return Err(Refusal::NotFound.into());
        }
        work.require_changeable(call, keep)?;
        work.require_changeable(call, gone)?;
        let merged_away = std::sync::Arc::clone(&work.member(gone)?.record);
        let record = self.merged(work, keep, gone)?;
        let reason =
            serde_json::Map::from_iter([("reason".to_owned(), self.reason.reveal().as_str().into())]);
        let circumstances = Circumstances {
            organisation: &organisation,
            occurred_at: None,
            actor: Actor::plain(ActorKind::Staff),
            evidence: Some(Personal::new(reason)),
        };
        let change = Change::Merged {
            from: gone,
            record: Box::new(record),
        };
        let id = work.record(call, keep, circumstances, change)?;
        // The other libraries of either record hear of it too: their systems know one of the two.
        let kept = std::sync::Arc::clone(&work.member(keep)?.record);
        for library in kept.standings.keys().filter(|library| **library != organisation) {
            work.tell_library(PERSON_MERGED, keep, Some(gone), library)?;
        }
        hand_over_wards(call, work, &merged_away, gone, keep)?;
        work.end_by_merge(gone, keep)?;
        Ok(Recorded {
            id,
            recorded_at: work.now,
        })
    }
}

impl MergePeople {
    fn merged(&self, work: &Work<'_, '_>, keep: PersonId, gone: PersonId) -> Result<PersonRecord, Refusal> {
        let (ours, theirs) = (&work.member(keep)?.record, &work.member(gone)?.record);
        // What a school made is the school's: it neither becomes the library's nor the reverse (R49).
        let mixed = ours.standings.iter().any(|(library, standing)| {
            theirs
                .standings
                .get(library)
                .is_some_and(|other| other.is_school() != standing.is_school())
        });
        if mixed {
            return Err(Refusal::Conflict(Conflict::SchoolProfile));
        }
        let mut record = ours.merged_with(theirs);
        for standing in record.standings.values_mut() {
            // Nobody is their own guardian.
            standing
                .guardians
                .retain(|link| link.guardian != keep && link.guardian != gone);
            standing.wards.remove(&keep);
            standing.wards.remove(&gone);
        }
        Ok(record)
    }
}

/// The children of a guardian who turned out to be somebody else we know: the link follows, as it was verified.
fn hand_over_wards(
    call: &Call,
    work: &mut Work<'_, '_>,
    merged_away: &PersonRecord,
    gone: PersonId,
    keep: PersonId,
) -> Result<(), Stop> {
    for (organisation, standing) in &merged_away.standings {
        for child in standing.wards.iter().filter(|child| **child != keep) {
            let Some(child) = work
                .person(*child)?
                .filter(|found| found.keys.is_some())
                .map(|found| found.id)
            else {
                continue;
            };
            let links = work.standing(child, organisation).guardians;
            let Some(link) = links.iter().find(|link| link.guardian == gone) else {
                continue;
            };
            let unlinked = Change::GuardianUnlinked { guardian: gone };
            work.record(call, child, by_staff(organisation), unlinked)?;
            let linked = Change::GuardianLinked {
                guardian: keep,
                verification: link.verification,
            };
            work.record(call, child, by_staff(organisation), linked)?;
        }
    }
    Ok(())
}

fn by_staff(organisation: &OrganisationId) -> Circumstances<'_> {
    Circumstances {
        organisation,
        occurred_at: None,
        actor: Actor::plain(ActorKind::Staff),
        evidence: None,
    }
}
