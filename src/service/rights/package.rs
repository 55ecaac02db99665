//! Everything that belongs in the answer to a request for access (GDPR art. 15) or portability (art. 20), of one library
//! and no other. What it looks like is for the faces.

use std::sync::Arc;

use super::answer::require_voice;
use super::sealed::{Opened, open_request};
use super::step::stage;
use super::{RightsRequest, sealed};
use crate::domain::ids::{PersonId, RightsRequestId};
use crate::domain::moment::Moment;
use crate::domain::person::{Identifier, Standing};
use crate::domain::rights::{RequestState, RequestType};
use crate::service::bulk::search::outcomes_about;
use crate::service::call::{Call, Scope};
use crate::service::lane::Verb;
use crate::service::refusal::{Conflict, Refusal};
use crate::service::search::{FoundEntry, entries_about};
use crate::service::shared::{Policies, Shared};
use crate::service::verbs::{ConsentHistory, CurrentConsents, CurrentState, HistoryItem};
use crate::service::work::{Person, Stop, Subjects, Work};
use crate::store::StoreError;

/// What is known about somebody at a library, and what was done with it.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The request.
    pub request: RightsRequest,
    /// When it was gathered.
    pub made_at: Moment,
    /// The catalogue in force, with everything ever published.
    pub policies: Arc<Policies>,
    /// What is current.
    pub standing: Standing,
    /// What the library knows the person by.
    pub identifiers: Vec<Identifier>,
    /// The current word on each purpose.
    pub state: CurrentState,
    /// Everything that happened, oldest first.
    pub history: Vec<HistoryItem>,
    /// Everything that was asked and recorded about the person, singly and in bulk, oldest first.
    pub entries: Vec<FoundEntry>,
    /// The rights requests of the person to this library, oldest first.
    pub requests: Vec<RightsRequest>,
}

/// Gathers it. Reads only.
pub(super) fn gather(call: &Call, work: &mut Work<'_, '_>, id: RightsRequestId) -> Result<Gathered, Stop> {
    let (opened, person) = admit(call, work, id)?;
    let organisation = opened.request.organisation.clone();
    let person_id = opened.request.person_id.clone();
    // Who may answer the request may read what belongs in the answer.
    let mut acting = call.clone();
    acting.principal.scopes.insert(Scope::ConsentsRead);
    let state = CurrentConsents {
        person_id: person_id.clone(),
    };
    let state = state.read(&acting, work)?;
    let history = ConsentHistory {
        person_id,
        until: None,
    };
    let history = history.read(&acting, work)?;

    let mut people = work.tx().merged_into(person.id)?;
    people.push(person.id);
    let mut entries = Vec::new();
    for id in &people {
        let keys = work.person_as_stored(*id)?.and_then(|found| found.keys.clone());
        if let Some(keys) = keys {
            entries.extend(entries_about(call, work, *id, &keys, true)?);
        }
    }
    entries.extend(outcomes_about(call, work, people.clone(), true)?);
    entries.retain(|entry| {
        let of = entry.leaf.organisation.as_ref();
        of.is_some_and(|of| of.as_str() == organisation.as_str())
    });
    entries.sort_by_key(|entry| (entry.leaf.millis, entry.leaf.id.to_string()));

    let identifiers = person.record.identifiers.iter();
    Ok(Gathered {
        made_at: work.now,
        policies: Arc::clone(&work.policies),
        standing: work.standing(person.id, &organisation),
        identifiers: identifiers
            .filter(|found| found.organisation == organisation)
            .cloned()
            .collect(),
        state,
        history,
        entries,
        requests: requests_of(call, work, &people, &opened)?,
        request: opened.request,
    })
}

fn requests_of(
    call: &Call,
    work: &mut Work<'_, '_>,
    people: &[PersonId],
    opened: &Opened,
) -> Result<Vec<RightsRequest>, Stop> {
    let mut requests = Vec::new();
    for row in work.tx().rights_requests_of(people)? {
        if sealed::organisation_of(&row)? == opened.request.organisation {
            requests.push(open_request(call, work, row.id)?.request);
        }
    }
    Ok(requests)
}

/// The request, for whoever may have its package now.
fn admit(call: &Call, work: &mut Work<'_, '_>, id: RightsRequestId) -> Result<(Opened, Person), Stop> {
    call.require(Scope::RightsManage)?;
    let opened = open_request(call, work, id)?;
    if !opened.request.kind.has_package() {
        return Err(Refusal::NotFound.into());
    }
    let person = opened.person.clone().ok_or(Refusal::Conflict(Conflict::Erased))?;
    match opened.request.state {
        // Nothing leaves the house while it is not known who asks.
        RequestState::RequiresAction => return Err(Refusal::Conflict(Conflict::ActionRequired).into()),
        RequestState::Rejected | RequestState::Unfulfilled => {
            return Err(Refusal::Conflict(Conflict::RequestEnded).into());
        }
        _ => {}
    }
    require_voice(work, &opened.request, person.id, opened.guardian)?;
    Ok((opened, person))
}

/// Records that the package of a request was made.
#[derive(Debug, Clone, Copy)]
pub struct PackageRequest {
    /// Of which request.
    pub id: RightsRequestId,
}

impl Verb for PackageRequest {
    type Answer = ();

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<(), Stop> {
        let (opened, person) = admit(call, work, self.id)?;
        let kind = match opened.request.kind {
            RequestType::Portability => "rights.portability-package-made",
            _ => "rights.package-made",
        };
        let private = serde_json::json!({ "request": self.id, "client": call.principal.client });
        let private = serde_json::to_vec(&private).map_err(|_| StoreError::Corrupt)?;
        stage(call, work, &opened.row, Some(&person), kind, &private)
    }
}
