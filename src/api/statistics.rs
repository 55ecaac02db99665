//! What members said and what systems were answered, by month, without saying what one person did.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::reading::{Reading, optional};
use super::schema;
use crate::service::Service;
use crate::service::call::Scope;
use crate::service::reports::rates::{Shown, StatisticsRow};
use crate::service::reports::{AskStatistics, Month};
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::query::Query;

/// Which figures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// The first month, as `2027-01`.
    #[param(example = "2027-01")]
    from: String,
    /// The last month; it must be over.
    #[param(example = "2027-06")]
    to: String,
    /// One library; absent all that the calling system works for.
    organisation: Option<String>,
    /// One purpose; absent all of them.
    purpose: Option<String>,
}

/// Figures by library, purpose and month.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatisticsAnswer {
    /// Month by month.
    pub months: Vec<Figures>,
    /// All months together: what is shown above, added up, so each figure is at least this.
    pub sums: Vec<Figures>,
}

/// The figures of a library and a purpose. Fewer than ten, and none, are `"<10"`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The library.
    #[schema(example = "bibliotheek-de-linde")]
    pub organisation: String,
    /// The purpose.
    #[schema(example = "newsletter")]
    pub purpose: String,
    /// The month in UTC; null in a sum.
    #[schema(example = "2027-01")]
    pub month: Option<String>,
    /// Said yes.
    #[schema(schema_with = schema::figure)]
    pub given: Shown,
    /// Said no when asked.
    #[schema(schema_with = schema::figure)]
    pub refused: Shown,
    /// Took a yes back.
    #[schema(schema_with = schema::figure)]
    pub withdrawn: Shown,
    /// Said yes once more.
    #[schema(schema_with = schema::figure)]
    pub renewed: Shown,
    /// Yeses that the library ended.
    #[schema(schema_with = schema::figure)]
    pub revoked: Shown,
    /// Objected to this purpose.
    #[schema(schema_with = schema::figure)]
    pub objected: Shown,
    /// Yeses of which systems were told that they would end.
    #[schema(schema_with = schema::figure)]
    pub reminded: Shown,
    /// Checks that were answered with a permit.
    #[schema(schema_with = schema::figure)]
    pub permitted: Shown,
    /// Checks that were answered with a deny.
    #[schema(schema_with = schema::figure)]
    pub denied: Shown,
    /// Of a hundred who answered when asked, how many said yes; null where a figure that it rests on is hidden.
    #[schema(example = 61.3)]
    pub consent_rate: Option<f64>,
}

/// Read statistics
///
/// Figures of whole months that are over, from the second day of the next month on. A figure under ten is `"<10"`, and sums
/// add up only what is shown, so that no question and no difference between two answers tells what one person did.
#[utoipa::path(
    tag = "Reports", operation_id = "readStatistics", params(StatisticsQuery),
    responses((status = 200, description = "The figures", body = StatisticsAnswer)),
    security(("clientCredentials" = ["policies:read"]))
)]
#[get("/statistics")]
pub async fn read(
    caller: Caller,
    query: Query<StatisticsQuery>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let call = caller.require(Scope::PoliciesRead)?;
    let asked = query.0;
    let mut reading = Reading::new(&service);
    let month = |pointer: &str, text: &str, reading: &mut Reading| {
        Month::parse(text).or_else(|| {
            reading.mistake(
                pointer,
                "invalid-value",
                "Expected a month as YYYY-MM, such as 2027-01.",
            )
        })
    };
    let from = month("?from", &asked.from, &mut reading);
    let to = month("?to", &asked.to, &mut reading);
    let organisation = optional(asked.organisation.as_deref(), |text| {
        reading.organisation("?organisation", text)
    });
    let purpose = optional(asked.purpose.as_deref(), |text| reading.purpose("?purpose", text));
    let verb = (|| {
        Some(AskStatistics {
            from: from?,
            to: to?,
            organisation: organisation?,
            purpose: purpose?,
        })
    })();
    let statistics = service.ask_statistics(call, reading.finish(verb)?).await?;
    Ok(HttpResponse::Ok().json(StatisticsAnswer {
        months: statistics.rows.iter().map(Figures::of).collect(),
        sums: statistics.sums.iter().map(Figures::of).collect(),
    }))
}

impl Figures {
    fn of(row: &StatisticsRow) -> Self {
        let [
            given,
            refused,
            withdrawn,
            renewed,
            revoked,
            objected,
            reminded,
            permitted,
            denied,
        ] = row.figures;
        Self {
            organisation: row.organisation.to_string(),
            purpose: row.purpose.to_string(),
            month: row.month.map(|month| month.to_string()),
            given,
            refused,
            withdrawn,
            renewed,
            revoked,
            objected,
            reminded,
            permitted,
            denied,
            consent_rate: row
                .rate_tenths
                .and_then(|tenths| u32::try_from(tenths).ok())
                .map(|tenths| f64::from(tenths) / 10.0),
        }
    }
}
