//! Legal holds: a dispute or an investigation keeps what would otherwise be removed (GDPR art. 17(3)(e)).

use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::OrganisationId;
use crate::domain::personal::Personal;
use crate::service::call::{Call, Scope};
use crate::service::decide::look_at;
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::verbs::{PersonRef, Recorded};
use crate::service::work::{Circumstances, Stop, Subjects, Work};

/// Place a hold, or end it.
#[derive(Debug, Clone)]
pub struct RecordHold {
    /// Who.
    pub person: PersonRef,
    /// The library.
    pub organisation: OrganisationId,
    /// Whether it is placed; else it ends.
    pub placed: bool,
    /// Why; sealed for the person.
    pub reason: Personal<String>,
}

impl Verb for RecordHold {
    type Answer = Recorded;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at(
            shared,
            &call.principal.system,
            &self.organisation,
            &self.person,
            into,
        );
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Recorded, Stop> {
        call.require(Scope::RightsManage)?;
        work.require_organisation(call, &self.organisation)?;
        if self.reason.reveal().trim().is_empty() {
            let detail = "say why; the reason is kept with the person, sealed";
            return Err(Refusal::from(Invalid::new("/reason", "required", detail)).into());
        }
        let person = work.find_member(call, &self.organisation, &self.person)?;
        work.require_changeable(call, person)?;
        let reason = self.reason.reveal().as_str();
        let evidence = serde_json::Map::from_iter([("reason".to_owned(), reason.into())]);
        let circumstances = Circumstances {
            organisation: &self.organisation,
            occurred_at: None,
            actor: Actor::plain(ActorKind::Staff),
            evidence: Some(Personal::new(evidence)),
        };
        let change = if self.placed {
            Change::Held
        } else {
            Change::HoldEnded
        };
        let id = work.record(call, person, circumstances, change)?;
        Ok(Recorded {
            id,
            recorded_at: work.now,
        })
    }
}
