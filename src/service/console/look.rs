//! Looking somebody up: recorded with its reason before anything is answered.

use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::ids::OrganisationId;
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::decide::look_at;
use crate::service::exports::put_sealed;
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::verbs::PersonRef;
use crate::service::work::{Found, Stop, Subjects, Work};

/// Longest reason of a look-up, in characters.
pub const LONGEST_WHY: usize = 200;
/// What its entry in the log `admin` is called.
pub(in crate::service) const KIND: &str = "console.looked";

/// Look somebody up by an identifier.
#[derive(Debug, Clone)]
pub struct LookUp {
    /// Who.
    pub person: PersonRef,
    /// At which library.
    pub organisation: OrganisationId,
    /// What for: a word such as `search` or `register`.
    pub what: &'static str,
    /// Why; sealed in the entry that records it.
    pub reason: Personal<String>,
    /// Who looks; sealed there too.
    pub officer: String,
}

/// An entry about a look-up.
pub(in crate::service) struct Look<'a> {
    pub(in crate::service) what: &'static str,
    pub(in crate::service) organisation: &'a OrganisationId,
    pub(in crate::service) reason: &'a str,
    pub(in crate::service) officer: &'a str,
}

impl Look<'_> {
    /// Writes it. Whether anybody was found is not in it: that would say whom the library knows.
    pub(in crate::service) fn record(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Refusal> {
        let policies = std::sync::Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let (node, version) = (work.shared.node.as_str(), policies.current.version.as_str());
        let mut leaf = Leaf::new(KIND, id, work.now.millis(), &call.principal.system, node, version);
        leaf.outcome = Some("ok".into());
        leaf.organisation = Some(self.organisation.into());
        leaf.extra.insert("what".into(), self.what.into());
        let private = serde_json::json!({
            "reason": self.reason, "officer": self.officer, "client": call.principal.client,
        });
        put_sealed(work, &mut leaf, &private).ok_or(Refusal::Unavailable)?;
        work.stage_admin_leaf(&leaf);
        Ok(())
    }
}

impl Verb for LookUp {
    type Answer = Option<String>;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at(
            shared,
            &call.principal.system,
            &self.organisation,
            &self.person,
            into,
        );
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Option<String>, Stop> {
        call.require(Scope::AuditRead)
            .or_else(|_| call.require(Scope::RightsManage))?;
        work.require_organisation(call, &self.organisation)?;
        let reason = self.reason.reveal();
        if reason.trim().is_empty() || reason.chars().count() > LONGEST_WHY {
            let detail = format!(
                "Say in 1 to {LONGEST_WHY} characters why you look this person up. The reason is recorded."
            );
            return Err(Refusal::from(Invalid::new("/reason", "required", detail)).into());
        }
        let system = &call.principal.system;
        let found = work.find(system, &self.organisation, &self.person)?;
        let look = Look {
            what: self.what,
            organisation: &self.organisation,
            reason,
            officer: &self.officer,
        };
        look.record(call, work)?;
        // Whom another library knows, this one does not.
        let known = match found {
            Found::Known(id) => work.member(id)?.standing(&self.organisation).map(|_| id),
            Found::Unknown | Found::Erased(_) => None,
        };
        Ok(known.map(|id| work.shared.keys.pairwise(system, &self.organisation, id)))
    }
}

impl Service {
    /// Looks somebody up at a library: the caller's own id of them, or none when the library does not know them. That
    /// it was done, and why, is recorded before it is answered.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] without a reason; [`Refusal::Forbidden`] for another library.
    pub async fn look_somebody_up(&self, call: &Call, verb: LookUp) -> Result<Option<String>, Refusal> {
        self.0.checks.submit(call, verb).await
    }
}
