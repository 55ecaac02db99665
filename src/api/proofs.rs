//! The proof that a decision or a recorded word is in the audit log: a text that anybody verifies offline.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get};

use crate::domain::ids::{DecisionId, EventId};
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::sequence::ProvedEntry;
use crate::service::verbs::FetchReceipt;
use crate::web::auth::Caller;
use crate::web::problem::{Kind, Problem};

/// Prove that a decision is in the audit log
///
/// A `c2sp.org/tlog-proof@v1` text: the place of the entry, the hashes that lead from it to a checkpoint, and that
/// checkpoint, with the lines of the witnesses that have cosigned it. The entry itself, byte for byte, stands in `extra`.
/// Verify it with the key that `/log/decision/vkey` shows: `akkoord audit verify PROOF --key VKEY`, or by hand as in the
/// manual. A system gets proofs of its own decisions; with `audit:read` too, of all for the libraries it serves.
///
/// An entry has a proof about a second after its answer; until then this is a 404 with `Retry-After`.
#[utoipa::path(
    tag = "Audit", operation_id = "proveDecision",
    params(("decisionId" = String, Path, description = "The decision")),
    responses(
        (status = 200, description = "The proof", content_type = "text/plain", body = String),
        (status = 404, description = "No such decision for this caller, or no checkpoint covers it yet"),
    ),
    security(("clientCredentials" = ["decisions:check"]))
)]
#[get("/decisions/{decisionId}/proof")]
pub async fn decision(
    caller: Caller,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::DecisionsCheck)?;
    let id: DecisionId = id.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    answer(service.decision_proof(call, id).await?)
}

/// Prove that what a receipt says is in the audit log
///
/// As for decisions: a `c2sp.org/tlog-proof@v1` text, to be verified with the key that `/log/consent/vkey` shows.
#[utoipa::path(
    tag = "Audit", operation_id = "proveReceipt",
    params(("receiptId" = String, Path, description = "The receipt")),
    responses(
        (status = 200, description = "The proof", content_type = "text/plain", body = String),
        (status = 404, description = "No such receipt for this caller, or no checkpoint covers it yet"),
    ),
    security(("clientCredentials" = ["consents:read"]))
)]
#[get("/receipts/{receiptId}/proof")]
pub async fn receipt(
    caller: Caller,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::ConsentsRead)?;
    let id: EventId = id.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    // Who may not read the receipt may not learn that it exists.
    service.receipt(call, FetchReceipt { id }).await?;
    answer(service.proof_of("consent", id.into()).await?)
}

fn answer(proved: Option<ProvedEntry>) -> Result<HttpResponse, Problem> {
    let Some(ProvedEntry { mut proof, line, .. }) = proved else {
        return Err(Problem::new(Kind::NotFound)
            .saying("No checkpoint covers this entry yet. It takes about a second; ask again.")
            .retry_after(1));
    };
    proof.extra = Some(line);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(proof.to_text()))
}
