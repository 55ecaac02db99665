//! Erase somebody: from this transaction on every check denies; key, record, history and identifiers are gone, and the
//! log still verifies because it never held anything personal.

use super::call::Call;
use super::lane::Verb;
use super::refusal::Refusal;
use super::rights::close_for_erased;
use super::shared::{Shared, TEST_SCHEME};
use super::work::{Log, Stop, Subjects, Work};
use crate::audit::leaf::Leaf;
use crate::domain::ids::{EventId, IdentifierId, PersonId};

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
        let found = work.person(self.person)?.ok_or(Refusal::NotFound)?.clone();
        let keys = found.keys.clone().ok_or(Refusal::NotFound)?;
        let id = EventId::from_bytes(work.dated_id());
        let version = work.catalogue().version.clone();
        let node = work.shared.node.as_str();
        let leaf = Leaf::new(
            "erasure.key-deleted",
            id.into(),
            work.now.millis(),
            &call.principal.system,
            node,
            version.as_str(),
        );
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
        Ok(id)
    }
}
