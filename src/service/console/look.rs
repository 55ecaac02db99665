//! Looking somebody up: recorded with its reason before anything is answered.

use serde::{Deserialize, Serialize};

use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::ids::{OrganisationId, RightsRequestId};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::decide::look_at;
use crate::service::exports::put_sealed;
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::rights::RightsRequest;
use crate::service::shared::Shared;
use crate::service::verbs::PersonRef;
use crate::service::work::{Found, Stop, Subjects, Work};
use crate::world::random;

/// Longest reason of a look-up, in characters.
pub const LONGEST_WHY: usize = 200;
/// Label of the tickets of those who were looked up.
const TICKET: &str = "console-look";
/// How long one works on it, in seconds: a quarter of an hour.
const GOOD_FOR: i64 = 900;
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

/// Somebody who was looked up, for as long as one works on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookedUp {
    /// The caller's own id of the person.
    pub person_id: String,
    /// At which library.
    pub organisation: OrganisationId,
    /// Why.
    pub reason: Personal<String>,
    client: String,
    until: i64,
}

/// An entry about a look-up.
pub(in crate::service) struct Look<'a> {
    pub(in crate::service) what: &'static str,
    pub(in crate::service) organisation: &'a OrganisationId,
    pub(in crate::service) reason: &'a str,
    pub(in crate::service) officer: &'a str,
    /// The caller's own id of the person, when one was found.
    pub(in crate::service) person: Option<String>,
    /// The rights request that was opened.
    pub(in crate::service) request: Option<RightsRequestId>,
}

impl Look<'_> {
    /// Writes it. Whether anybody was found is not in the public line: that would say whom the library knows.
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
            "person": self.person, "request": self.request,
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
        // Whom another library knows, this one does not.
        let known = match found {
            Found::Known(id) => work.member(id)?.standing(&self.organisation).map(|_| id),
            Found::Unknown | Found::Erased(_) => None,
        };
        let known = known.map(|id| work.shared.keys.pairwise(system, &self.organisation, id));
        let look = Look {
            what: self.what,
            organisation: &self.organisation,
            reason,
            officer: &self.officer,
            person: known.clone(),
            request: None,
        };
        look.record(call, work)?;
        Ok(known)
    }
}

/// Note that an officer opened a rights request; what it is about is why.
struct OpenRequest {
    id: RightsRequestId,
    person: String,
    organisation: OrganisationId,
    reason: String,
    officer: String,
}

impl Verb for OpenRequest {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        call.require(Scope::RightsManage)?;
        work.require_organisation(call, &self.organisation)?;
        let look = Look {
            what: "request",
            organisation: &self.organisation,
            reason: &self.reason,
            officer: &self.officer,
            person: Some(self.person.clone()),
            request: Some(self.id),
        };
        Ok(look.record(call, work)?)
    }
}

impl Service {
    /// One rights request for an officer to look at: that it was opened is recorded before it is answered. `reason` is
    /// recorded with it, sealed.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for one of another library, as for one that does not exist.
    pub async fn open_rights_request(
        &self,
        call: &Call,
        id: RightsRequestId,
        (officer, reason): (&str, &str),
    ) -> Result<RightsRequest, Refusal> {
        let found = self.rights_request(call, id).await?;
        let note = OpenRequest {
            id,
            person: found.person_id.clone(),
            organisation: found.organisation.clone(),
            reason: reason.to_owned(),
            officer: officer.to_owned(),
        };
        self.0.checks.submit(call, note).await?;
        Ok(found)
    }

    /// Looks somebody up at a library: the caller's own id of them, or none when the library does not know them. That
    /// it was done, and why, is recorded before it is answered.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] without a reason; [`Refusal::Forbidden`] for another library.
    pub async fn look_somebody_up(&self, call: &Call, verb: LookUp) -> Result<Option<String>, Refusal> {
        self.0.checks.submit(call, verb).await
    }

    /// A ticket by which a page shows somebody who was looked up, without the reason being asked again for each page. It
    /// is good for a quarter of an hour and for this officer only.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when nothing can be sealed.
    pub fn look_ticket(
        &self,
        call: &Call,
        person_id: &str,
        organisation: &OrganisationId,
        reason: &Personal<String>,
    ) -> Result<String, Refusal> {
        let looked = LookedUp {
            person_id: person_id.to_owned(),
            organisation: organisation.clone(),
            reason: reason.clone(),
            client: call.principal.client.clone(),
            until: self.world().now().plus_seconds(GOOD_FOR).micros(),
        };
        let bytes = serde_json::to_vec(&looked).map_err(|_| Refusal::Unavailable)?;
        let sealed = self.keys().seal_token(TICKET, random(self.world()), &bytes);
        sealed.ok_or(Refusal::Unavailable)
    }

    /// Who a ticket is about.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for any text that is not a ticket of this officer that is still good.
    pub fn looked_up(&self, call: &Call, ticket: &str) -> Result<LookedUp, Refusal> {
        let bytes = self.keys().open_token(TICKET, ticket).ok_or(Refusal::NotFound)?;
        let looked: LookedUp = serde_json::from_slice(&bytes).map_err(|_| Refusal::NotFound)?;
        let good = self.world().now().micros() <= looked.until && looked.client == call.principal.client;
        if good && call.serves(&self.catalogue(), &looked.organisation) {
            Ok(looked)
        } else {
            Err(Refusal::NotFound)
        }
    }
}
