//! Another officer approves or refuses; either withdraws. From the approval on every check denies.

use super::propose::joined;
use super::{KeepGround, Officer, Officers, SETTLE, about, entry, may_see, organisations};
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::event::{Actor, ActorKind, Change};
use crate::domain::ids::{ErasureId, OrganisationId, PersonId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::call::{Call, Scope};
use crate::service::lane::Verb;
use crate::service::refusal::{Conflict, Forbidden, Refusal};
use crate::service::shared::Shared;
use crate::service::work::{Circumstances, Log, Stop, Subjects, Work};
use crate::store::{ErasureRow, StoreError};

/// The ground of the restriction that precedes an erasure.
const RESTRICTED_FOR: &str = "erasure";

/// Approve an erasure that somebody else proposed.
#[derive(Debug, Clone)]
pub struct ApproveErasure {
    /// Which.
    pub id: ErasureId,
    /// Who approves it.
    pub officer: Personal<String>,
}

/// Withdraw an erasure before it is carried out.
#[derive(Debug, Clone)]
pub struct WithdrawErasure {
    /// Which.
    pub id: ErasureId,
    /// Who withdraws it; absent for the calling client.
    pub officer: Option<Personal<String>>,
}

/// Refuse an erasure before it is carried out.
#[derive(Debug, Clone)]
pub struct RefuseErasure {
    /// Which.
    pub id: ErasureId,
    /// Who refuses it.
    pub officer: Personal<String>,
    /// On which ground.
    pub ground: KeepGround,
    /// Until when it holds, where that is known.
    pub until: Option<Moment>,
    /// Why, sealed for the person.
    pub reason: Personal<String>,
}

impl Verb for ApproveErasure {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        let mut case = Case::find(call, work, self.id)?;
        if case.row.state != "proposed" {
            return Err(Refusal::Conflict(Conflict::ErasureState).into());
        }
        let officer = Officer::of(call, &self.officer);
        if officer.may_be(&case.officers.proposed) {
            return Err(Refusal::Forbidden(Forbidden::SameOfficer).into());
        }
        let libraries: Vec<OrganisationId> = work
            .member(case.person)?
            .record
            .standings
            .iter()
            .filter(|(_, standing)| standing.restricted.is_none())
            .map(|(library, _)| library.clone())
            .collect();
        for library in &libraries {
            let change = Change::Restricted {
                ground: RESTRICTED_FOR.to_owned(),
            };
            work.record(call, case.person, by_staff(library), change)?;
        }
        case.officers.approved = Some(officer.clone());
        let days = i64::try_from(case.row.cooling_days).unwrap_or(0);
        case.row.restricted = joined(&libraries);
        case.row.approved_at = Some(work.now);
        case.row.due_at = Some(work.now.plus_seconds((days * 86_400).max(SETTLE)));
        case.row.state = "approved".to_owned();
        let private = serde_json::json!({ "officer": officer });
        case.close(call, work, "erasure.approved", &private)
    }
}

impl Verb for WithdrawErasure {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        let mut case = Case::find(call, work, self.id)?;
        let nobody = Personal::new(String::new());
        let officer = Officer::of(call, self.officer.as_ref().unwrap_or(&nobody));
        case.end(call, work, "withdrawn", officer.clone())?;
        let private = serde_json::json!({ "officer": officer });
        case.close(call, work, "erasure.withdrawn", &private)
    }
}

impl Verb for RefuseErasure {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        let mut case = Case::find(call, work, self.id)?;
        let officer = Officer::of(call, &self.officer);
        case.end(call, work, "refused", officer.clone())?;
        case.row.refused_ground = Some(self.ground.as_str().to_owned());
        case.row.refused_until = self.until;
        let private = serde_json::json!({
            "officer": officer, "ground": self.ground.as_str(), "reason": self.reason.reveal(),
        });
        case.close(call, work, "erasure.refused", &private)
    }
}

/// An erasure that is not carried out yet, with its person.
struct Case {
    row: ErasureRow,
    officers: Officers,
    organisation: OrganisationId,
    person: PersonId,
}

impl Case {
    fn find(call: &Call, work: &mut Work<'_, '_>, id: ErasureId) -> Result<Self, Stop> {
        call.require(Scope::RightsManage)?;
        let row = work.tx().erasure(id)?.ok_or(Refusal::NotFound)?;
        if !may_see(call, work.catalogue(), &row) {
            return Err(Refusal::NotFound.into());
        }
        let officers = Officers::open(&work.shared.keys, &row.officers)?;
        let organisation = row.organisation.parse().map_err(|_| StoreError::Corrupt)?;
        // Somebody who was merged meanwhile is the person they became.
        let found = work.person(row.person_id)?.ok_or(StoreError::Corrupt)?;
        let person = found.id;
        if found.keys.is_none() {
            return Err(Refusal::Conflict(Conflict::ErasureState).into());
        }
        Ok(Self {
            row,
            officers,
            organisation,
            person,
        })
    }

    /// Ends it before it is carried out, and lifts what it had restricted.
    fn end(
        &mut self,
        call: &Call,
        work: &mut Work<'_, '_>,
        state: &str,
        officer: Officer,
    ) -> Result<(), Stop> {
        if !matches!(self.row.state.as_str(), "proposed" | "approved") {
            return Err(Refusal::Conflict(Conflict::ErasureState).into());
        }
        for library in organisations(&self.row.restricted) {
            if work.standing(self.person, &library).restricted.is_some() {
                work.record(call, self.person, by_staff(&library), Change::RestrictionEnded)?;
            }
        }
        self.officers.ended = Some(officer);
        self.row.restricted = String::new();
        self.row.ended_at = Some(work.now);
        self.row.state = state.to_owned();
        Ok(())
    }

    /// Writes the entry and the row.
    fn close(
        mut self,
        call: &Call,
        work: &mut Work<'_, '_>,
        kind: &'static str,
        private: &serde_json::Value,
    ) -> Result<(), Stop> {
        let nonce = work.random();
        self.row.officers = self.officers.seal(&work.shared.keys, nonce)?;
        self.row.person_id = self.person;
        let found = work.member(self.person)?.clone();
        let keys = found.keys.clone().ok_or(Refusal::NotFound)?;
        let (id, text) = (EntryId::from_bytes(work.dated_id()), self.row.id.to_string());
        let policies = std::sync::Arc::clone(&work.policies);
        let mut leaf = Leaf::new(
            kind,
            id,
            work.now.millis(),
            &call.principal.system,
            work.shared.node.as_str(),
            policies.current.version.as_str(),
        );
        about(&mut leaf, &text, &self.organisation);
        work.stage_leaf_about(Log::Consent, &found, &keys, leaf, private.to_string().as_bytes())?;
        work.tx().update_erasure(&self.row)?;
        entry(work.tx(), self.row.id, id, Log::Consent.as_str(), kind)?;
        Ok(())
    }
}

fn by_staff(organisation: &OrganisationId) -> Circumstances<'_> {
    Circumstances {
        organisation,
        occurred_at: None,
        actor: Actor::plain(ActorKind::Staff),
        evidence: None,
    }
}
