//! What a request says, sealed for the person; and who handled it, sealed for the network, so that it stays when the
//! person goes.

use super::{Content, PastStep, RightsRequest};
use crate::crypto::{self, Place};
use crate::domain::ids::{OrganisationId, PersonId, RightsRequestId};
use crate::domain::personal::Personal;
use crate::domain::rights::{RequestState, RequestType, StepKind};
use crate::service::call::Call;
use crate::service::keys::RIGHTS_OFFICER;
use crate::service::refusal::Refusal;
use crate::service::shared::Shared;
use crate::service::work::{Person, PersonState, Stop, Work};
use crate::store::{RightsContentRow, RightsRequestRow, RightsStepRow, StoreError};

/// A request with the row it was read from.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) row: RightsRequestRow,
    /// Whom it is about now: the person, or who they were merged into; none once erased.
    pub(super) person: Option<Person>,
    pub(super) guardian: Option<PersonId>,
    pub(super) request: RightsRequest,
}

/// Reads one request whole; `NotFound` also for a library that is not the caller's (R64).
pub(super) fn open_request(
    call: &Call,
    work: &mut Work<'_, '_>,
    id: RightsRequestId,
) -> Result<Opened, Stop> {
    let row = work.tx().rights_request(id)?.ok_or(Refusal::NotFound)?;
    let organisation = organisation_of(&row)?;
    work.require_organisation(call, &organisation)
        .map_err(|_| Refusal::NotFound)?;
    let mut opened = outline(call, work, row, organisation)?;
    let steps = work.tx().rights_steps(id)?;
    let mut contents = work.tx().rights_content(id)?;
    for step in steps {
        let at = contents.iter().position(|content| content.number == step.number);
        let content = match at.map(|at| contents.swap_remove(at)) {
            Some(row) => open_content(work, &row)?,
            None => None,
        };
        match &content {
            Some(Content::Received(received)) => opened.guardian = received.guardian,
            Some(Content::GuardianConfirmed { guardian }) => opened.guardian = Some(*guardian),
            _ => {}
        }
        opened.request.history.push(past(work.shared, step, content)?);
    }
    if let Some(guardian) = opened.guardian {
        let keys = &work.shared.keys;
        let system = &call.principal.system;
        opened.request.guardian_id = Some(keys.pairwise(system, &opened.request.organisation, guardian));
    }
    Ok(opened)
}

/// A request without what was done.
pub(super) fn outline(
    call: &Call,
    work: &mut Work<'_, '_>,
    row: RightsRequestRow,
    organisation: OrganisationId,
) -> Result<Opened, Stop> {
    let person = work.person(row.person_id)?.ok_or(StoreError::Corrupt)?.clone();
    let person_erased = person.state == PersonState::Erased;
    let shared = work.shared;
    let person_id = shared
        .keys
        .pairwise(&call.principal.system, &organisation, person.id);
    let request = RightsRequest {
        id: row.id,
        person_id,
        person_erased,
        organisation,
        kind: RequestType::parse(&row.kind).ok_or(StoreError::Corrupt)?,
        state: RequestState::parse(&row.state).ok_or(StoreError::Corrupt)?,
        revision: row.revision,
        received_at: row.received_at,
        due_at: row.due_at,
        extended_at: row.extended_at,
        ended_at: row.ended_at,
        assignee: open_officer(shared, row.assignee.as_deref())?,
        guardian_id: None,
        history: Vec::new(),
    };
    Ok(Opened {
        row,
        person: Some(person).filter(|_| !person_erased),
        guardian: None,
        request,
    })
}

/// The library of a request.
pub(super) fn organisation_of(row: &RightsRequestRow) -> Result<OrganisationId, StoreError> {
    row.organisation.parse().map_err(|_| StoreError::Corrupt)
}

pub(super) fn past(
    shared: &Shared,
    row: RightsStepRow,
    content: Option<Content>,
) -> Result<PastStep, StoreError> {
    Ok(PastStep {
        number: row.number,
        kind: StepKind::parse(&row.step).ok_or(StoreError::Corrupt)?,
        state: RequestState::parse(&row.state).ok_or(StoreError::Corrupt)?,
        at: row.at,
        system: row.system,
        officer: open_officer(shared, row.officer.as_deref())?,
        content,
    })
}

/// Seals an officer's name.
pub(super) fn seal_officer(
    work: &mut Work<'_, '_>,
    officer: Option<&Personal<String>>,
) -> Result<Option<String>, Stop> {
    let Some(officer) = officer else { return Ok(None) };
    let nonce = work.random();
    let sealed = work
        .shared
        .keys
        .seal_token(RIGHTS_OFFICER, nonce, officer.reveal().as_bytes());
    Ok(Some(sealed.ok_or(Refusal::Unavailable)?))
}

fn open_officer(shared: &Shared, sealed: Option<&str>) -> Result<Option<Personal<String>>, StoreError> {
    let Some(sealed) = sealed else { return Ok(None) };
    let bytes = shared.keys.open_token(RIGHTS_OFFICER, sealed);
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(Some(Personal::new(name.ok_or(StoreError::Corrupt)?)))
}

/// Seals what a step says under the key of a person who is there.
pub(super) fn seal_content(
    work: &mut Work<'_, '_>,
    person: &Person,
    (request_id, number): (RightsRequestId, u64),
    content: &Content,
) -> Result<RightsContentRow, Stop> {
    let nonce = work.random();
    let keys = person.keys.as_ref().ok_or(Refusal::Unavailable)?;
    let plain = serde_json::to_vec(content).map_err(|_| StoreError::Corrupt)?;
    let padded = crypto::pad(&plain, crypto::PAD_BUCKET).map_err(|_| StoreError::Corrupt)?;
    let row = row_key(request_id, number);
    let place = place(work.shared.keys.tenant(), &row, &person.id, person.key_version);
    let sealed = crypto::seal(&keys.rights(), &place, nonce, &padded).map_err(|_| StoreError::Corrupt)?;
    Ok(RightsContentRow {
        request_id,
        number,
        person_id: person.id,
        key_version: person.key_version,
        sealed,
    })
}

/// Opens what a step says; nothing when its person is gone.
fn open_content(work: &mut Work<'_, '_>, row: &RightsContentRow) -> Result<Option<Content>, Stop> {
    let tenant = work.shared.keys.tenant();
    // Whoever was merged since keeps the key that this was sealed under.
    let Some(person) = work.person_as_stored(row.person_id)? else {
        return Ok(None);
    };
    let Some(keys) = &person.keys else {
        return match person.state {
            PersonState::Erased => Ok(None),
            _ => Err(Refusal::Unavailable.into()),
        };
    };
    let key = row_key(row.request_id, row.number);
    let place = place(tenant, &key, &row.person_id, row.key_version);
    let padded = crypto::open(&keys.rights(), &place, &row.sealed).map_err(|_| StoreError::Corrupt)?;
    let plain = crypto::unpad(&padded, crypto::PAD_BUCKET).map_err(|_| StoreError::Corrupt)?;
    Ok(Some(
        serde_json::from_slice(plain).map_err(|_| StoreError::Corrupt)?,
    ))
}

fn row_key(request: RightsRequestId, number: u64) -> [u8; 24] {
    let mut key = [0; 24];
    let parts = request.as_bytes().iter().copied().chain(number.to_be_bytes());
    for (to, from) in key.iter_mut().zip(parts) {
        *to = from;
    }
    key
}

fn place<'a>(tenant: &'a str, row: &'a [u8; 24], person: &'a PersonId, key_version: u32) -> Place<'a> {
    Place {
        tenant,
        table: "rights_request_content",
        column: "sealed",
        row,
        person: person.as_bytes(),
        key_version,
        revision: 0,
    }
}
