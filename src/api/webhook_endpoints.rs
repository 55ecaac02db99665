//! Receivers of webhooks: the feed of changes, delivered. A system manages its own.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::changes::ChangeItem;
use super::reading::{Reading, optional};
use super::schema;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::propagate::{
    AddWebhook, ChangeWebhook, Delivery, ListDeliveries, Webhook, WebhookAdded, WebhookState,
};
use crate::web::asked::Asked;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::query::{self, Query};

/// A receiver to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WebhookEndpointRequest {
    /// Where messages are sent: `https`, a public address, no user or password. Redirects are not followed.
    #[schema(example = "https://crm.example/akkoord", max_length = 1000)]
    pub url: String,
}

/// What to change of a receiver; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WebhookEndpointChange {
    /// Where messages are sent.
    #[schema(example = "https://crm.example/akkoord", max_length = 1000)]
    pub url: Option<String>,
    /// `active`, or `paused` to let messages wait.
    #[schema(example = "paused")]
    pub state: Option<String>,
}

/// A receiver.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: String,
    /// Where messages are sent.
    pub url: String,
    /// `active`, `paused`, or `disabled` after it answered 410.
    #[schema(example = "active")]
    pub state: String,
    /// Why it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it failed since it last worked.
    pub failures: u64,
    /// Until when it is left alone after failures.
    #[schema(schema_with = schema::moment)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<String>,
    /// When it was added.
    #[schema(schema_with = schema::moment)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(schema_with = schema::moment)]
    pub changed_at: String,
    /// Verifies messages as Standard Webhooks has it. Shown this once.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// The receivers of the calling system, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEndpointList {
    /// Receivers, at most ten.
    pub items: Vec<WebhookEndpoint>,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only `pending`, `delivered` or `dead`.
    state: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Deliveries on a page, 1 to 100; 50 when absent.
    limit: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDeliveryPage {
    /// Deliveries.
    pub items: Vec<WebhookDelivery>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// One delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    /// Its id: that of the message, as in `webhook-id`.
    pub id: String,
    /// The message.
    pub change: ChangeItem,
    /// `pending`, `delivered` or `dead`.
    #[schema(example = "delivered")]
    pub state: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it is tried next.
    #[schema(schema_with = schema::moment)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// When it was delivered or given up.
    #[schema(schema_with = schema::moment)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// The last HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    /// What went wrong the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Add a receiver
///
/// It gets what happens from now on, as CloudEvents with the headers of Standard Webhooks: at least once, and what is
/// about one person in its order. The secret is in this answer and in no other.
#[utoipa::path(
    tag = "Webhooks", operation_id = "addWebhookEndpoint", request_body = WebhookEndpointRequest,
    responses((status = 201, description = "Added", body = WebhookEndpoint)),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[post("/webhook-endpoints")]
pub async fn add(
    asked: Asked<WebhookEndpointRequest>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::WebhooksManage)?;
    let added = service.add_webhook(&call, AddWebhook { url: body.url }).await?;
    Ok(HttpResponse::Created().json(WebhookEndpoint::with_secret(&added)))
}

/// Read the receivers of the calling system
#[utoipa::path(
    tag = "Webhooks", operation_id = "readWebhookEndpoints",
    responses((status = 200, description = "All of them", body = WebhookEndpointList)),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[get("/webhook-endpoints")]
pub async fn read_all(caller: Caller, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::WebhooksManage)?;
    let all = service.webhooks(call).await?;
    let items = all.iter().map(WebhookEndpoint::of).collect();
    Ok(HttpResponse::Ok().json(WebhookEndpointList { items }))
}

/// Read a receiver
#[utoipa::path(
    tag = "Webhooks", operation_id = "readWebhookEndpoint",
    params(("endpointId" = String, Path, description = "The id of the receiver")),
    responses(
        (status = 200, description = "The receiver", body = WebhookEndpoint),
        (status = 404, description = "No such receiver of this caller"),
    ),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[get("/webhook-endpoints/{endpointId}")]
pub async fn read(caller: Caller, id: Path<String>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::WebhooksManage)?;
    let webhook = service.webhook(call, id.into_inner()).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::of(&webhook)))
}

/// Change a receiver
///
/// Also makes a receiver active again that was disabled, and tries one at once that is left alone after failures.
#[utoipa::path(
    tag = "Webhooks", operation_id = "changeWebhookEndpoint", request_body = WebhookEndpointChange,
    params(("endpointId" = String, Path, description = "The id of the receiver")),
    responses(
        (status = 200, description = "Changed", body = WebhookEndpoint),
        (status = 404, description = "No such receiver of this caller"),
    ),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[patch("/webhook-endpoints/{endpointId}")]
pub async fn change(
    asked: Asked<WebhookEndpointChange>,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let (call, body) = asked.allow(Scope::WebhooksManage)?;
    let mut reading = Reading::new(&service);
    let state = optional(body.state.as_deref(), |text| match WebhookState::parse(text) {
        Some(state @ (WebhookState::Active | WebhookState::Paused)) => Some(state),
        _ => reading.mistake("/state", "unknown-word", "Expected one of: active, paused."),
    });
    let id = id.into_inner();
    let verb = (|| {
        Some(ChangeWebhook {
            id,
            url: body.url,
            state: state?,
        })
    })();
    let webhook = service.change_webhook(&call, reading.finish(verb)?).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::of(&webhook)))
}

/// Remove a receiver
///
/// With all that was to be delivered to it.
#[utoipa::path(
    tag = "Webhooks", operation_id = "removeWebhookEndpoint",
    params(("endpointId" = String, Path, description = "The id of the receiver")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "No such receiver of this caller"),
    ),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[delete("/webhook-endpoints/{endpointId}")]
pub async fn remove(
    caller: Caller,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::WebhooksManage)?;
    service.remove_webhook(call, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Give a receiver a new secret
///
/// For a day messages carry two signatures, one of each secret.
#[utoipa::path(
    tag = "Webhooks", operation_id = "rotateWebhookSecret",
    params(("endpointId" = String, Path, description = "The id of the receiver")),
    responses(
        (status = 200, description = "The receiver with its new secret", body = WebhookEndpoint),
        (status = 404, description = "No such receiver of this caller"),
    ),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[post("/webhook-endpoints/{endpointId}/secrets")]
pub async fn rotate(
    caller: Caller,
    id: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::WebhooksManage)?;
    let rotated = service.rotate_webhook(call, id.into_inner()).await?;
    Ok(HttpResponse::Ok().json(WebhookEndpoint::with_secret(&rotated)))
}

/// Read what was, is and will be delivered
///
/// Kept for 30 days.
#[utoipa::path(
    tag = "Webhooks", operation_id = "readWebhookDeliveries",
    params(("endpointId" = String, Path, description = "The id of the receiver"), DeliveryQuery),
    responses(
        (status = 200, description = "A page", body = WebhookDeliveryPage),
        (status = 404, description = "No such receiver of this caller"),
    ),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[get("/webhook-endpoints/{endpointId}/deliveries")]
pub async fn read_deliveries(
    caller: Caller,
    id: Path<String>,
    Query(asked): Query<DeliveryQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::WebhooksManage)?;
    let limit = query::limit(asked.limit.as_deref())?;
    let mut reading = Reading::new(&service);
    let state = optional(asked.state.as_deref(), |text| match text {
        "pending" | "delivered" | "dead" => Some(text.to_owned()),
        _ => reading.mistake(
            "?state",
            "unknown-word",
            "Expected one of: pending, delivered, dead.",
        ),
    });
    let id = id.into_inner();
    let verb = (|| {
        Some(ListDeliveries {
            id,
            state: state?,
            after: asked.cursor,
            limit,
        })
    })();
    let page = service.deliveries(call, reading.finish(verb)?).await?;
    let last = page.items.last().map(|delivery| delivery.told.id.clone());
    Ok(HttpResponse::Ok().json(WebhookDeliveryPage {
        items: page.items.iter().map(WebhookDelivery::of).collect(),
        next_cursor: last.filter(|_| page.more),
    }))
}

/// Deliver a message again
///
/// Delivered, dead or pending: it is tried from the beginning, under the same id.
#[utoipa::path(
    tag = "Webhooks", operation_id = "replayWebhookDelivery",
    params(
        ("endpointId" = String, Path, description = "The id of the receiver"),
        ("deliveryId" = String, Path, description = "The id of the delivery"),
    ),
    responses(
        (status = 202, description = "It will be delivered again"),
        (status = 404, description = "No such delivery of this caller"),
    ),
    security(("clientCredentials" = ["webhooks:manage"]))
)]
#[post("/webhook-endpoints/{endpointId}/deliveries/{deliveryId}/replays")]
pub async fn replay(
    caller: Caller,
    path: Path<(String, String)>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::WebhooksManage)?;
    let (endpoint, delivery) = path.into_inner();
    service.replay_delivery(call, endpoint, &delivery).await?;
    Ok(HttpResponse::Accepted().finish())
}

impl WebhookEndpoint {
    fn of(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id.clone(),
            url: webhook.url.clone(),
            state: webhook.state.as_str().to_owned(),
            reason: webhook.why.clone(),
            failures: webhook.failures,
            rests_until: webhook.rests_until.map(|until| until.rfc3339()),
            created_at: webhook.created_at.rfc3339(),
            changed_at: webhook.changed_at.rfc3339(),
            secret: None,
        }
    }

    fn with_secret(added: &WebhookAdded) -> Self {
        Self {
            secret: Some(added.secret.reveal().to_string()),
            ..Self::of(&added.webhook)
        }
    }
}

impl WebhookDelivery {
    fn of(delivery: &Delivery) -> Self {
        Self {
            id: delivery.told.id.clone(),
            change: ChangeItem::from(&delivery.told),
            state: delivery.state.clone(),
            attempts: delivery.attempts,
            due_at: delivery.due_at.map(|at| at.rfc3339()),
            ended_at: delivery.ended_at.map(|at| at.rfc3339()),
            status: delivery.status,
            reason: delivery.why.clone(),
        }
    }
}
