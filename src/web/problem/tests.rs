use actix_web::body::to_bytes;
use serde_json::{Value, json};

use super::*;

async fn answered(problem: Problem) -> (HttpResponse<()>, Value) {
    let (response, body) = problem.error_response().into_parts();
    let bytes = to_bytes(body).await.unwrap();
    (response, serde_json::from_slice(&bytes).unwrap())
}

#[actix_web::test]
async fn a_refusal_is_a_problem_document() {
    let invalid = Invalid::new(
        "/purpose",
        "unknown-purpose",
        "The catalogue has no such purpose.",
    );
    let (response, body) = answered(Refusal::from(invalid).into()).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers().get("content-type").unwrap(), PROBLEM_JSON);
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
    assert_eq!(
        body,
        json!({
            "type": "urn:akkoord:problem:invalid-input", "title": "The request is not valid", "status": 400,
            "detail": "Correct the members named in `errors` and send the request again.",
            "errors": [{"pointer": "/purpose", "code": "unknown-purpose",
                        "detail": "The catalogue has no such purpose."}]
        })
    );
}

#[actix_web::test]
async fn statuses_carry_the_header_that_belongs_to_them() {
    for (problem, status, name) in [
        (Problem::unauthenticated(None), 401, "www-authenticate"),
        (
            Refusal::Forbidden(Forbidden::Scope).into(),
            403,
            "www-authenticate",
        ),
        (Problem::method_not_allowed("GET".to_owned()), 405, "allow"),
        (Problem::too_many(3), 429, "retry-after"),
        (Refusal::Busy.into(), 503, "retry-after"),
        (Refusal::Unavailable.into(), 503, "retry-after"),
    ] {
        let (response, body) = answered(problem).await;
        assert_eq!(response.status(), status);
        assert!(response.headers().contains_key(name), "{status} lacks {name}");
        assert_eq!(body["status"], status);
    }
    assert_eq!(answered(Refusal::KeyReused.into()).await.0.status(), 422);
    assert_eq!(answered(Refusal::NotFound.into()).await.0.status(), 404);
    assert_eq!(
        answered(Refusal::Conflict(Conflict::Revision).into())
            .await
            .0
            .status(),
        409
    );
}
