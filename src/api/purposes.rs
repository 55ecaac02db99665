//! Purposes and their notices: what may be asked, and the words people see.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::schema;
use super::wire::{hex, names};
use crate::domain::ids::PurposeId;
use crate::domain::purpose::PurposeStatus;
use crate::policy::catalogue::PurposeEntry;
use crate::service::Service;
use crate::service::call::Scope;
use crate::web::auth::Caller;
use crate::web::limit::anonymous;
use crate::web::problem::{Kind, Problem};
use crate::web::query::{Query, limit};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Items a page, 1 to 100; 50 when absent.
    limit: Option<String>,
}

/// A page of purposes, by id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurposePage {
    /// Purposes in their current version.
    pub items: Vec<Purpose>,
    /// Send it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// One version of a purpose.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Purpose {
    /// Id.
    #[schema(example = "newsletter")]
    pub id: String,
    /// Version; also the version of its notices.
    pub version: u32,
    /// `active`, `draft` or `ended`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// Legal basis.
    #[schema(schema_with = schema::legal_basis)]
    pub legal_basis: &'static str,
    /// The oldest version whose consents still permit.
    pub consent_valid_from: u32,
    /// Whether consent must be explicit.
    pub explicit: bool,
    /// The class of its messages; null when it sends none.
    #[schema(schema_with = schema::communication_class)]
    pub communication_class: Option<&'static str>,
    /// Permitted actions.
    #[schema(schema_with = schema::actions)]
    pub actions: Vec<String>,
    /// Permitted channels.
    #[schema(schema_with = schema::channels)]
    pub channels: Vec<String>,
    /// Permitted kinds of data.
    pub data_scopes: Vec<String>,
    /// Sources from which profiles may be enriched.
    pub enrichment_sources: Vec<String>,
    /// Systems that receive the data.
    pub recipients: Vec<String>,
    /// How long a consent lasts (ISO 8601); null when there is none.
    #[schema(example = "P24M")]
    pub validity: Option<String>,
    /// How long after a no nobody is asked again (ISO 8601).
    #[schema(example = "P6M")]
    pub reask_not_before: Option<String>,
    /// From which age somebody decides alone.
    pub self_from_age: u32,
    /// Below which age it is never permitted.
    pub minimum_age: u32,
    /// Whether a person may object.
    pub allows_objection: bool,
    /// `closed`: without an answer do not act. `service`: messages people need may go on.
    #[schema(example = "closed")]
    pub fail_mode: String,
    /// Its notices, by variant.
    pub notices: Vec<NoticeReference>,
}

/// A notice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeReference {
    /// `nl`, `en`, or `nl-child`, `en-child`.
    #[schema(example = "nl")]
    pub language: String,
    /// Title.
    pub title: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
    /// Where its bytes are.
    #[schema(example = "/v1/notices/newsletter/3/nl")]
    pub path: String,
}

/// List the purposes of the catalogue
#[utoipa::path(
    tag = "Policies", operation_id = "listPurposes", params(PageQuery),
    responses((status = 200, description = "A page of purposes", body = PurposePage)),
    security(("clientCredentials" = ["policies:read"]))
)]
#[get("/purposes")]
pub async fn read_all(
    caller: Caller,
    query: Query<PageQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::PoliciesRead)?;
    let size = limit(query.0.limit.as_deref())?;
    let catalogue = service.catalogue();
    let after = query.0.cursor.as_deref().unwrap_or_default();
    let mut rest = catalogue
        .purposes
        .values()
        .filter(|entry| entry.purpose.id.as_str() > after);
    let items: Vec<Purpose> = rest.by_ref().take(size).map(|entry| Purpose::of(entry)).collect();
    let next_cursor = rest.next().and(items.last()).map(|last| last.id.clone());
    Ok(HttpResponse::Ok().json(PurposePage { items, next_cursor }))
}

/// Read one version of a purpose
///
/// A version never changes; a change makes a new version.
#[utoipa::path(
    tag = "Policies", operation_id = "readPurposeVersion",
    params(
        ("purposeId" = String, Path, description = "The purpose"),
        ("version" = u32, Path, description = "The version, from 1"),
    ),
    responses(
        (status = 200, description = "The version", body = Purpose),
        (status = 404, description = "No such purpose or version"),
    ),
    security(("clientCredentials" = ["policies:read"]))
)]
#[get("/purposes/{purposeId}/versions/{version}")]
pub async fn read_version(
    caller: Caller,
    path: Path<(String, String)>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    caller.require(Scope::PoliciesRead)?;
    let (purpose, version) = path.into_inner();
    let entry = find(&service, &purpose, &version)?;
    Ok(HttpResponse::Ok().json(Purpose::of(&entry)))
}

/// Read a notice, byte for byte as it is shown
///
/// No token is needed: the words are meant for everybody. `ETag` is the SHA-256 that receipts name.
#[utoipa::path(
    tag = "Policies", operation_id = "readNotice",
    params(
        ("purposeId" = String, Path, description = "The purpose"),
        ("version" = u32, Path, description = "The version, from 1"),
        ("language" = String, Path, description = "`nl`, `en`, or for children `nl-child`, `en-child`"),
    ),
    responses(
        (status = 200, description = "The notice", body = Notice),
        (status = 304, description = "The caller has it already"),
        (status = 404, description = "No such notice"),
    ),
    security(())
)]
#[get("/notices/{purposeId}/{version}/{language}")]
pub async fn read_notice(
    request: HttpRequest,
    path: Path<(String, String, String)>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let (purpose, version, language) = path.into_inner();
    let entry = find(&service, &purpose, &version)?;
    let notice = entry
        .notices
        .get(&language)
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    let tag = format!("\"{}\"", hex(&notice.hash));
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let unchanged = known.is_some_and(|list| list.split(',').any(|known| known.trim() == tag));
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    Ok(if unchanged {
        response.finish()
    } else {
        response
            .content_type("application/json")
            .body(notice.bytes.to_vec())
    })
}

fn find(service: &Service, purpose: &str, version: &str) -> Result<std::sync::Arc<PurposeEntry>, Problem> {
    let purpose: Option<PurposeId> = purpose.parse().ok();
    let version: Option<u32> = version.parse().ok();
    purpose
        .zip(version)
        .and_then(|(purpose, version)| service.purpose_version(&purpose, version))
        .ok_or_else(|| Problem::new(Kind::NotFound))
}

/// The words of a purpose version in one language. Members that do not apply are absent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Title.
    pub title: String,
    /// The question, for consent.
    pub question: Option<String>,
    /// In at most three sentences.
    pub summary: String,
    /// The words of yes.
    pub yes: Option<String>,
    /// The words of no.
    pub no: Option<String>,
    /// The whole explanation, Markdown.
    pub full: Option<String>,
}

impl Purpose {
    fn of(entry: &PurposeEntry) -> Self {
        let purpose = &entry.purpose;
        Self {
            id: purpose.id.to_string(),
            version: purpose.version,
            status: match purpose.status {
                PurposeStatus::Active => "active",
                PurposeStatus::Draft => "draft",
                PurposeStatus::Ended => "ended",
            },
            legal_basis: purpose.legal_basis.as_str(),
            consent_valid_from: purpose.consent_valid_from,
            explicit: purpose.explicit,
            communication_class: purpose.communication_class.map(|class| class.as_str()),
            actions: names(&purpose.actions),
            channels: names(&purpose.channels),
            data_scopes: names(&purpose.data_scopes),
            enrichment_sources: names(&purpose.enrichment_sources),
            recipients: names(&purpose.recipients),
            validity: purpose.validity.map(|period| period.to_string()),
            reask_not_before: purpose.reask_not_before.map(|period| period.to_string()),
            self_from_age: purpose.age.self_from,
            minimum_age: purpose.age.minimum,
            allows_objection: purpose.allows_objection(),
            fail_mode: entry.register.fail_mode.clone(),
            notices: entry
                .notices
                .iter()
                .map(|(language, notice)| NoticeReference {
                    language: language.clone(),
                    title: notice.title.clone(),
                    hash: hex(&notice.hash),
                    path: format!("/v1/notices/{}/{}/{language}", purpose.id, purpose.version),
                })
                .collect(),
        }
    }
}
