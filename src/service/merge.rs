//! Two records turned out to be one person: the stricter state wins per purpose.

use super::call::{Call, Scope};
use super::lane::Verb;
use super::people::look_at_pairwise;
use super::refusal::{Conflict, Refusal};
use super::shared::Shared;
use super::verbs::{MergePeople, Recorded};
use super::work::{Circumstances, Stop, Subjects, Work};
use crate::domain::event::{Actor, ActorKind, Change};
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
        let record = work.member(keep)?.record.merged_with(&work.member(gone)?.record);
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
        work.end_by_merge(gone, keep)?;
        Ok(Recorded {
            id,
            recorded_at: work.now,
        })
    }
}
