//! Erase somebody: from this transaction on every check denies; key, record, history and identifiers are gone, and the
//! log still verifies because it never held anything personal.

use super::Service;
use super::call::Call;
use super::erasures::of_record;
use super::lane::Verb;
use super::refusal::Refusal;
use super::rights::close_for_erased;
use super::shared::{Shared, TEST_SCHEME};
use super::work::{Circumstances, Log, Stop, Subjects, Work};
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{EventId, IdentifierId, OrganisationId, PersonId};
use crate::domain::person::PersonRecord;

/// Erase one person now. The workflow of requests, two officers and acknowledgements stands above this.
pub(crate) struct EraseNow {
    pub(crate) person: PersonId,
}

impl Verb for EraseNow {
    type Answer = EventId;

    fn subjects(&self, _: &Shared, _: &Call, into: &mut Subjects) {
        into.people.push(self.person);
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<EventId, Stop> {
        let erased = erase(call, work, self.person, &Request::default())?;
        Ok(EventId::from_bytes(*erased.entry.as_bytes()))
    }
}

impl Service {
    /// Erases somebody now, and clears what the database still holds of it in free pages.
    pub async fn erase_now(&self, call: &Call, person: PersonId) -> Result<EventId, Refusal> {
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        let event = lane.submit(call, EraseNow { person }).await?;
        let store = self.0.store.clone();
        let scrubbed = tokio::task::spawn_blocking(move || store.scrub()).await;
        if !matches!(scrubbed, Ok(Ok(()))) {
            // The person is erased and denied; only the sweep of free pages is late and is done again at the next one.
            tracing::warn!(
                alarm = "scrub-late",
                "free pages were not cleared after an erasure"
            );
        }
        Ok(event)
    }
}

/// Which request it answers, where there is one.
#[derive(Default)]
pub(crate) struct Request<'r> {
    /// Its id, and the library that deals with it.
    pub(crate) erasure: Option<(&'r str, &'r OrganisationId)>,
    /// Whether it was asked for because the person objects.
    pub(crate) objects: bool,
}

/// What was done.
pub(crate) struct Erased {
    /// The entry that tells of it.
    pub(crate) entry: EntryId,
    /// The person, as found.
    pub(crate) person: PersonId,
    /// Who was merged into this one.
    pub(crate) merged: Vec<PersonId>,
    /// The newest epoch that a key was wrapped under.
    pub(crate) epoch: Option<u64>,
}

/// Erases somebody in this transaction.
pub(crate) fn erase(
    call: &Call,
    work: &mut Work<'_, '_>,
    person: PersonId,
    request: &Request<'_>,
) -> Result<Erased, Stop> {
    let found = work.person(person)?.ok_or(Refusal::NotFound)?.clone();
    let keys = found.keys.clone().ok_or(Refusal::NotFound)?;
    let mut merged = work.tx().merged_into(found.id)?;
    let mut epoch = None;
    for id in std::iter::once(&found.id).chain(&merged) {
        for key in work.tx().person_keys(*id)? {
            epoch = epoch.max(Some(key.epoch));
        }
    }
    let objects = request.objects.then_some(work.now);
    let objections = of_record(&work.shared.keys, &found.record, objects);
    let_go(call, work, found.id, &found.record)?;

    let (id, node) = (EntryId::from_bytes(work.dated_id()), work.shared.node.as_str());
    let policies = std::sync::Arc::clone(&work.policies);
    let version = policies.current.version.as_str();
    let system = &call.principal.system;
    let mut leaf = Leaf::new(
        "erasure.key-deleted",
        id,
        work.now.millis(),
        system,
        node,
        version,
    );
    if let Some((erasure, organisation)) = request.erasure {
        leaf.organisation = Some(organisation.into());
        leaf.outcome = Some("ok".into());
        leaf.extra.insert("erasure".into(), erasure.into());
    }
    // Made with the key that is about to go: afterwards nobody can tell whose leaf this was.
    work.stage_leaf_about(Log::Consent, &found, &keys, leaf, b"{}")?;
    // A magic test subject stays findable by its magic identifier, to show what an erased person answers.
    let keep: Vec<IdentifierId> = found
        .record
        .identifiers
        .iter()
        .filter(|identifier| identifier.scheme.as_str() == TEST_SCHEME)
        .map(|identifier| identifier.id)
        .collect();
    close_for_erased(call, work, found.id)?;
    work.erase(found.id, &keep)?;
    work.tx().keep_suppressions(&objections)?;
    merged.sort();
    Ok(Erased {
        entry: id,
        person: found.id,
        merged,
        epoch,
    })
}

/// Ends the links of guardians and children on the other side, which would else name somebody who is no more. A child's
/// own choices stand, and what needs a guardian's word now needs that of another one.
fn let_go(call: &Call, work: &mut Work<'_, '_>, person: PersonId, record: &PersonRecord) -> Result<(), Stop> {
    for (organisation, standing) in &record.standings {
        for child in &standing.wards {
            let Some(child) = present(work, *child)? else {
                continue;
            };
            if work.standing(child, organisation).has_guardian(person) {
                let change = Change::GuardianUnlinked { guardian: person };
                work.record(call, child, by_system(organisation), change)?;
            }
        }
        for link in &standing.guardians {
            let Some(guardian) = present(work, link.guardian)? else {
                continue;
            };
            if work.standing(guardian, organisation).wards.contains(&person) {
                let change = Change::WardUnlinked { child: person };
                work.record(call, guardian, by_system(organisation), change)?;
            }
        }
    }
    Ok(())
}

fn present(work: &mut Work<'_, '_>, id: PersonId) -> Result<Option<PersonId>, Stop> {
    Ok(work
        .person(id)?
        .filter(|found| found.keys.is_some())
        .map(|found| found.id))
}

fn by_system(organisation: &OrganisationId) -> Circumstances<'_> {
    Circumstances {
        organisation,
        occurred_at: None,
        actor: Actor::plain(ActorKind::System),
        evidence: None,
    }
}
