//! The register of processing activities (GDPR art. 30), as it follows from the policies in force.

use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::reading::{Reading, optional};
use super::schema;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::refusal::Refusal;
use crate::service::reports::register::{Responsible, report};
use crate::service::reports::{ProcessingRecord, RegisterView};
use crate::web::accept::best_of;
use crate::web::auth::Caller;
use crate::web::problem::{Kind, Problem};
use crate::web::query::Query;
use crate::web::report::{csv_files, workbook};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Whose register.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct RegisterQuery {
    /// `controller` (art. 30(1), when absent) or `processor` (art. 30(2)).
    view: Option<String>,
    /// One library; absent all that the calling system works for.
    organisation: Option<String>,
}

/// A register.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// Whose it is.
    #[schema(schema_with = schema::register_view)]
    pub view: &'static str,
    /// The version of the policies it was made from.
    #[schema(example = "2026-11-01.1")]
    pub policy_version: String,
    /// By library and purpose.
    pub activities: Vec<Activity>,
}

/// Who answers for something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Party {
    /// Name of the legal person.
    #[schema(example = "Stichting Bibliotheek De Linde")]
    pub name: String,
    /// Address.
    pub address: String,
    /// E-mail.
    #[schema(example = "privacy@delinde.example")]
    pub email: String,
    /// Telephone.
    pub phone: String,
}

/// The data protection officer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Officer {
    /// Name.
    pub name: String,
    /// E-mail.
    #[schema(example = "fg@merwedeland.example")]
    pub email: String,
}

/// One processing activity.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// The library.
    #[schema(example = "bibliotheek-de-linde")]
    pub organisation: String,
    /// Who carries it out: the controller, or in the view of the processor the processor.
    pub responsible: Party,
    /// For whom, in the view of the processor.
    pub on_behalf_of: Option<Party>,
    /// The data protection officer.
    pub data_protection_officer: Officer,
    /// The arrangement of joint controllers (art. 26).
    pub joint_arrangement: Option<String>,
    /// The purpose.
    #[schema(example = "newsletter")]
    pub purpose: String,
    /// Its version; it never changes.
    pub version: u32,
    /// `active`, `draft` or `ended`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// Its title.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Purpose term of the Data Privacy Vocabulary.
    #[schema(example = "dpv:DirectMarketing")]
    pub dpv_purpose: String,
    /// Legal basis.
    #[schema(schema_with = schema::legal_basis)]
    pub legal_basis: &'static str,
    /// Its term in the Data Privacy Vocabulary.
    #[schema(example = "eu-gdpr:A6-1-a")]
    pub dpv_legal_basis: &'static str,
    /// The law, the public task or the balancing test.
    pub basis_reference: Option<String>,
    /// What is done.
    pub actions: Vec<String>,
    /// Categories of people.
    pub data_subjects: Vec<String>,
    /// Categories of personal data.
    pub personal_data: Vec<String>,
    /// Whether some are a special category (art. 9).
    pub special_category: bool,
    /// Recipients by name.
    pub recipients: Vec<String>,
    /// Transfers to other countries, with their safeguards.
    pub transfers: String,
    /// Time limit for erasure of the data: a period (ISO 8601), an event, or an event and a period after it.
    #[schema(example = "until-withdrawn")]
    pub retention: String,
    /// Time limit for erasure of the proof of a choice (ISO 8601).
    #[schema(example = "P60M")]
    pub proof_retention: String,
    /// Technical and organisational measures (art. 32(1)).
    pub measures: Vec<String>,
    /// The data protection impact assessment.
    pub dpia: Option<String>,
    /// `none`, `human-review` or `solely-automated`.
    #[schema(example = "none")]
    pub automated_decision: String,
    /// Who approved this version.
    pub approved_by: String,
    /// When.
    #[schema(example = "2026-10-01")]
    pub approved_on: String,
}

/// Read the register of processing activities
///
/// What GDPR art. 30 asks of the controllers, or of the processor for them, out of the policies that every check is answered
/// by. As `application/json`, `text/csv` or a workbook (`application/vnd.openxmlformats-officedocument.spreadsheetml.sheet`).
#[utoipa::path(
    tag = "Reports", operation_id = "readRecordsOfProcessing", params(RegisterQuery),
    responses(
        (status = 200, description = "The register", content(
            (Register = "application/json"), (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 406, description = "No such form"),
    ),
    security(("clientCredentials" = ["policies:read"]))
)]
#[get("/records-of-processing")]
pub async fn read(
    request: HttpRequest,
    caller: Caller,
    query: Query<RegisterQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::PoliciesRead)?;
    let accept = request
        .headers()
        .get(ACCEPT)
        .map_or("*/*", |value| value.to_str().unwrap_or(""));
    let form = best_of(accept, &["application/json", "text/csv", XLSX]);
    let form = form.ok_or_else(|| Problem::new(Kind::NotAcceptable))?;
    let mut reading = Reading::new(&service);
    let view = optional(query.0.view.as_deref(), |text| {
        reading.word("?view", text, RegisterView::parse, RegisterView::ALL)
    });
    let organisation = optional(query.0.organisation.as_deref(), |text| {
        reading.organisation("?organisation", text)
    });
    let asked = view.zip(organisation);
    let (view, organisation) = reading.finish(asked)?;
    let view = view.unwrap_or(RegisterView::Controller);
    let records = service
        .processing_records(call, view, organisation, call.language)
        .await?;
    let unwritten = |_| Problem::from(Refusal::Unavailable);
    let (media, name, bytes) = match form {
        "text/csv" => {
            let files = csv_files(&report(&records, view));
            let csv = files.into_values().next().unwrap_or_default();
            ("text/csv; charset=utf-8", "register.csv", csv)
        }
        XLSX => (
            XLSX,
            "register.xlsx",
            workbook(&report(&records, view)).map_err(unwritten)?,
        ),
        _ => {
            return Ok(HttpResponse::Ok().json(Register {
                view: view.as_str(),
                policy_version: service.catalogue().version.clone(),
                activities: records.into_iter().map(Activity::from).collect(),
            }));
        }
    };
    Ok(HttpResponse::Ok()
        .content_type(media)
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(bytes))
}

impl From<Responsible> for Party {
    fn from(one: Responsible) -> Self {
        Self {
            name: one.name,
            address: one.address,
            email: one.email,
            phone: one.phone,
        }
    }
}

impl From<ProcessingRecord> for Activity {
    fn from(record: ProcessingRecord) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            organisation: record.organisation.to_string(),
            responsible: record.responsible.into(),
            on_behalf_of: record.on_behalf_of.map(Into::into),
            data_protection_officer: Officer {
                name: record.officer.0,
                email: record.officer.1,
            },
            joint_arrangement: record.joint_arrangement,
            purpose: record.purpose,
            version: record.version,
            status: record.status,
            title: record.title,
            description: record.description,
            dpv_purpose: record.dpv,
            legal_basis: record.legal_basis.0,
            dpv_legal_basis: record.legal_basis.1,
            basis_reference: record.basis_reference,
            actions: record.actions,
            data_subjects: owned(&record.subjects),
            personal_data: record.data,
            special_category: record.special_category,
            recipients: record.recipients,
            transfers: record.transfers.to_owned(),
            retention: record.retention.0,
            proof_retention: record.retention.1,
            measures: owned(record.measures),
            dpia: record.dpia,
            automated_decision: record.automated_decision,
            approved_by: record.approved.0,
            approved_on: record.approved.1,
        }
    }
}
