//! An officer proposes to erase somebody. Nothing happens to the person yet.

use serde::{Deserialize, Serialize};

use super::{ErasureGround, Officer, Officers, about, entry};
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::ids::{ErasureId, OrganisationId, PersonId, RightsRequestId};
use crate::domain::personal::Personal;
use crate::domain::rights::RequestType;
use crate::service::call::{Call, Scope};
use crate::service::decide::look_at;
use crate::service::lane::Verb;
use crate::service::refusal::{Conflict, Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::verbs::PersonRef;
use crate::service::work::{Log, Stop, Subjects, Work};
use crate::store::ErasureRow;

/// Propose to erase somebody.
#[derive(Debug, Clone)]
pub struct ProposeErasure {
    /// Whom.
    pub person: PersonRef,
    /// The library that deals with it.
    pub organisation: OrganisationId,
    /// On which ground.
    pub ground: ErasureGround,
    /// Who proposes it.
    pub officer: Personal<String>,
    /// The rights request it answers.
    pub rights_request: Option<RightsRequestId>,
    /// Days between approval and erasure in which it can be withdrawn.
    pub cooling_days: u64,
}

/// That it was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
}

/// States in which an erasure is neither carried out nor ended.
pub(super) const OPEN: [&str; 3] = ["proposed", "approved", "executing"];

impl Verb for ProposeErasure {
    type Answer = Proposed;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        look_at(
            shared,
            &call.principal.system,
            &self.organisation,
            &self.person,
            into,
        );
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Proposed, Stop> {
        call.require(Scope::RightsManage)?;
        work.require_organisation(call, &self.organisation)?;
        let person = work.find_member(call, &self.organisation, &self.person)?;
        work.require_changeable(call, person)?;
        let found = work.member(person)?.clone();
        let keys = found.keys.clone().ok_or(Refusal::Conflict(Conflict::Erased))?;
        let libraries: Vec<OrganisationId> = found.record.standings.keys().cloned().collect();
        // The person has one key: erasing is erasing everywhere, and who works for some libraries cannot decide for all.
        for library in &libraries {
            work.require_organisation(call, library)
                .map_err(|_| Refusal::Conflict(Conflict::OtherLibrary))?;
        }
        let earlier = work.tx().erasures_of(person)?;
        if earlier.iter().any(|row| OPEN.contains(&row.state.as_str())) {
            return Err(Refusal::Conflict(Conflict::ErasureUnderWay).into());
        }
        if let Some(request) = self.rights_request {
            require_request(work, request, person)?;
        }
        let id = ErasureId::from_bytes(work.random());
        let officer = Officer::of(call, &self.officer);
        let nonce = work.random();
        let officers = Officers {
            proposed: officer.clone(),
            approved: None,
            ended: None,
        };
        let sealed = officers.seal(&work.shared.keys, nonce)?;
        let (leaf_id, text) = (EntryId::from_bytes(work.dated_id()), id.to_string());
        let policies = std::sync::Arc::clone(&work.policies);
        let mut leaf = Leaf::new(
            "erasure.proposed",
            leaf_id,
            work.now.millis(),
            &call.principal.system,
            work.shared.node.as_str(),
            policies.current.version.as_str(),
        );
        about(&mut leaf, &text, &self.organisation);
        leaf.extra.insert("ground".into(), self.ground.as_str().into());
        let private = serde_json::json!({ "officer": officer, "ground": self.ground.as_str() });
        work.stage_leaf_about(Log::Consent, &found, &keys, leaf, private.to_string().as_bytes())?;
        work.is_about(person);
        let row = ErasureRow {
            id,
            person_id: person,
            merged: Vec::new(),
            organisation: self.organisation.to_string(),
            organisations: joined(&libraries),
            restricted: String::new(),
            ground: self.ground.as_str().to_owned(),
            rights_request_id: self.rights_request,
            cooling_days: self.cooling_days,
            state: "proposed".to_owned(),
            officers: sealed,
            refused_ground: None,
            refused_until: None,
            epoch: None,
            revision: 1,
            proposed_at: work.now,
            approved_at: None,
            due_at: None,
            erased_at: None,
            key_deleted_at: None,
            epoch_destroyed_at: None,
            completed_at: None,
            ended_at: None,
        };
        work.tx().insert_erasure(&row)?;
        entry(work.tx(), id, leaf_id, Log::Consent.as_str(), "erasure.proposed")?;
        Ok(Proposed { id: text })
    }
}

/// A request for erasure that is not answered yet, of this person or of one who was merged into them.
fn require_request(work: &mut Work<'_, '_>, id: RightsRequestId, person: PersonId) -> Result<(), Stop> {
    let mut people = work.tx().merged_into(person)?;
    people.push(person);
    let fits = work.tx().rights_request(id)?.is_some_and(|row| {
        row.kind == RequestType::Erasure.as_str() && row.ended_at.is_none() && people.contains(&row.person_id)
    });
    if fits {
        return Ok(());
    }
    let detail = "this is no request for erasure of this person that waits for an answer";
    Err(Refusal::from(Invalid::new("/rightsRequestId", "another-request", detail)).into())
}

pub(super) fn joined(libraries: &[OrganisationId]) -> String {
    let names: Vec<&str> = libraries.iter().map(OrganisationId::as_str).collect();
    names.join(" ")
}
