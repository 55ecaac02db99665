//! Rights: what the library holds and taking it along, erasure, objection, and the requests with their terms.

pub mod data;
pub mod erase;
pub mod object;
pub mod requests;

use crate::domain::consent::IndicationMethod;
use crate::domain::ids::OrganisationId;
use crate::domain::personal::Personal;
use crate::domain::rights::RequestType;
use crate::portal::member::{Subject, call};
use crate::service::Service;
use crate::service::call::{Call, Idempotency, Scope};
use crate::service::refusal::Refusal;
use crate::service::rights::{EnterRequest, RightsRequest, Step, TakeStep, Wish};
use crate::web::page::Page;
use crate::web::problem::Problem;

/// Who takes the steps that the pages take by themselves.
const PAGES: &str = "Mijn privacy";

/// The call of a step that the pages take for a member with the member's own request.
fn handling(call: &Call) -> Call {
    let mut call = call.clone();
    call.principal.scopes.insert(Scope::RightsManage);
    call
}

/// Enters a request of somebody to a library.
async fn enter(
    service: &Service,
    subject: &Subject,
    page: &Page,
    (library, kind): (&OrganisationId, RequestType),
    text: Option<String>,
    idempotency: Option<Idempotency>,
) -> Result<RightsRequest, Problem> {
    let mut call = call(page)?;
    call.idempotency = idempotency;
    let verb = EnterRequest {
        person: subject.person_at(service, &call, library),
        organisation: library.clone(),
        kind,
        actor: subject.actor(service, &call, library),
        method: IndicationMethod::WebForm,
        received_at: None,
        language: Some(page.language),
        text: text.map(Personal::new),
        wish: Wish::Plain,
        evidence: None,
    };
    Ok(service.enter_rights_request(&call, verb).await?.answer)
}

/// Takes a step with a request as it stands.
async fn step(
    service: &Service,
    call: &Call,
    request: &RightsRequest,
    step: Step,
) -> Result<RightsRequest, Refusal> {
    let verb = TakeStep {
        id: request.id,
        revision: request.revision,
        officer: Personal::new(PAGES.to_owned()),
        step,
    };
    service.step_rights_request(&handling(call), verb).await
}
