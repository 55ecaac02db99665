//! Looking a member up at the desk: who looked, why and at whom is recorded before anything is answered, as it is of officers
//! (R72).

use super::Service;
use super::call::{Call, Scope};
use super::console::KIND;
use super::exports::put_sealed;
use super::lane::Verb;
use super::refusal::Refusal;
use super::shared::Shared;
use super::work::{Stop, Subjects, Work};
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::ids::{OrganisationId, PersonId};
use crate::domain::personal::Personal;

/// What the entry says it was for.
const WHAT: &str = "desk";

/// Staff typed a member's number.
#[derive(Debug, Clone)]
pub struct LookAtDesk {
    /// Who was found; nobody for a number that is not of a member of theirs.
    pub person: Option<PersonId>,
    /// At which library; none when staff of several named none and nobody was found.
    pub organisation: Option<OrganisationId>,
    /// Why; sealed in the entry.
    pub reason: Personal<String>,
    /// Who looked; sealed there too.
    pub staff: Personal<String>,
}

impl Verb for LookAtDesk {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, into: &mut Subjects) {
        into.people.extend(self.person);
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        call.require(Scope::ConsentsWrite)?;
        let policies = std::sync::Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let (node, version) = (work.shared.node.as_str(), policies.current.version.as_str());
        let mut leaf = Leaf::new(KIND, id, work.now.millis(), &call.principal.system, node, version);
        leaf.outcome = Some("ok".into());
        leaf.organisation = self.organisation.as_ref().map(Into::into);
        leaf.extra.insert("what".into(), WHAT.into());
        let mut private = serde_json::json!({
            "reason": self.reason.reveal(), "officer": self.staff.reveal(), "client": call.principal.client,
        });
        // Whether anybody was found is not in the public line: that would say whom the library knows.
        if let (Some(person), Some(organisation), Some(facts)) =
            (self.person, &self.organisation, private.as_object_mut())
        {
            let own = work
                .shared
                .keys
                .pairwise(&call.principal.system, organisation, person);
            facts.insert("person".to_owned(), own.into());
        }
        put_sealed(work, &mut leaf, &private).ok_or(Refusal::Unavailable)?;
        work.stage_admin_leaf(&leaf);
        Ok(())
    }
}

impl Service {
    /// Records that staff at the desk looked somebody up.
    ///
    /// # Errors
    /// When it cannot be recorded; then nothing may be shown.
    pub async fn note_look_at_desk(&self, call: &Call, verb: LookAtDesk) -> Result<(), Refusal> {
        self.0.checks.submit(call, verb).await
    }
}
