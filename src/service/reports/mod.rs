//! Reports: what a privacy officer, a supervisor or a board asks for, as tables. Each is asked for with a reason that is
//! recorded; what a caller gets is about the libraries it works for and no other (R50).

mod audit;
mod breach;
mod erasures;
pub mod rates;
pub mod register;
mod request;
mod requests;
pub mod table;

use std::collections::BTreeMap;

pub use self::rates::{AskStatistics, MEASURES, Month, Shown, Statistics};
pub use self::register::{ProcessingRecord, RegisterView};
pub use self::request::{ReportPlan, RequestReport, RequestedReport};
pub use self::table::{Report, Table};
use super::Service;
use super::call::Call;
use super::refusal::Refusal;
use super::work::Work;
use crate::audit::manifest::FileFact;
use crate::audit::report::{FORMAT, ReportManifest};
use crate::domain::ids::OrganisationId;
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::domain::purpose::words;

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// What stands in the audit logs of a time.
    Audit,
    /// What members said, by month.
    ConsentRates,
    /// The register of processing activities.
    Register,
    /// Who was affected by a breach of a system.
    Breach,
    /// Rights requests with their lead times.
    RightsRequests,
    /// Erasures and the answers of their recipients.
    Erasures,
}

words!(ReportKind {
    Audit => "audit", ConsentRates => "consent-rates", Register => "register", Breach => "breach",
    RightsRequests => "rights-requests", Erasures => "erasures",
});

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    /// A file for each table.
    Csv,
    /// A workbook with a sheet for each table.
    Xlsx,
    /// One document.
    Json,
    /// To print.
    Pdf,
}

words!(ReportFormat { Csv => "csv", Xlsx => "xlsx", Json => "json", Pdf => "pdf" });

/// The log whose key signs reports: the requests stand in it.
const LOG: &str = "admin";
/// Months of a report of rates when none are named.
const MONTHS: usize = 12;

/// The libraries a caller may see, or the one it asks for.
fn organisations(
    call: &Call,
    work: &Work<'_, '_>,
    asked: Option<&OrganisationId>,
) -> Result<Vec<OrganisationId>, Refusal> {
    let catalogue = work.catalogue();
    if let Some(asked) = asked {
        if !Work::is_own(call) {
            work.require_organisation(call, asked)?;
        }
        return Ok(vec![asked.clone()]);
    }
    let served = |id: &&OrganisationId| Work::is_own(call) || call.serves(catalogue, id);
    Ok(catalogue.organisations.keys().filter(served).cloned().collect())
}

impl Service {
    /// Figures by library, purpose and month.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a library that the caller does not work for; [`Refusal::Invalid`] for months that are
    /// not over.
    pub async fn ask_statistics(&self, call: &Call, verb: AskStatistics) -> Result<Statistics, Refusal> {
        self.read(call, move |call, work| verb.read(call, work)).await
    }

    /// The register of processing activities of the libraries that a caller works for.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a library that it does not work for.
    pub async fn processing_records(
        &self,
        call: &Call,
        view: RegisterView,
        organisation: Option<OrganisationId>,
        language: Language,
    ) -> Result<Vec<ProcessingRecord>, Refusal> {
        self.read(call, move |call, work| {
            let of = organisations(call, work, organisation.as_ref())?;
            Ok(register::records(work.catalogue(), view, &of, language))
        })
        .await
    }

    /// Records that a report is asked for, and answers a ticket for it.
    ///
    /// # Errors
    /// Those of [`RequestReport`].
    pub async fn request_report(&self, call: &Call, verb: RequestReport) -> Result<RequestedReport, Refusal> {
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        lane.submit(call, verb).await
    }

    /// What a ticket stands for.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for any text that is not a ticket of this client that is still good.
    pub fn report_of(&self, call: &Call, ticket: &str) -> Result<ReportPlan, Refusal> {
        ReportPlan::open(self.shared(), call, ticket, self.world().now()).ok_or(Refusal::NotFound)
    }

    /// Makes the report of a ticket.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when as many are being made as may be; [`Refusal::Unavailable`] when the database cannot be read.
    pub async fn make_report(&self, call: &Call, plan: &ReportPlan) -> Result<Report, Refusal> {
        if self.0.shared.standing.is_halted() {
            return Err(Refusal::Unavailable);
        }
        let _turn = self.0.exports.try_acquire().map_err(|_| Refusal::Busy)?;
        let asked = plan.organisation.clone();
        let of = self
            .read(call, move |call, work| {
                let everything = asked.is_none() && sees_everything(call, work);
                Ok((organisations(call, work, asked.as_ref())?, everything))
            })
            .await?;
        let mut report = match plan.kind {
            ReportKind::Register => {
                let catalogue = self.catalogue();
                let records = register::records(&catalogue, plan.view, &of.0, plan.language());
                register::report(&records, plan.view)
            }
            ReportKind::ConsentRates => {
                let ask = self.months(plan)?;
                let found = self.read(call, move |call, work| ask.read(call, work)).await?;
                found.report(plan.format == ReportFormat::Pdf)
            }
            ReportKind::RightsRequests => {
                let (time, of) = (span(plan), of.0);
                self.read(call, move |_, work| requests::report(work, time, &of))
                    .await?
            }
            ReportKind::Erasures => {
                let (time, of) = (span(plan), of.0);
                self.read(call, move |_, work| erasures::report(work, time, &of))
                    .await?
            }
            ReportKind::Audit | ReportKind::Breach => self.look_into_logs(call, plan, of).await?,
        };
        report.facts.splice(0..0, self.frame(plan));
        Ok(report)
    }

    async fn look_into_logs(
        &self,
        call: &Call,
        plan: &ReportPlan,
        (of, everything): (Vec<OrganisationId>, bool),
    ) -> Result<Report, Refusal> {
        let (service, mut call, plan) = (self.clone(), call.clone(), plan.clone());
        let made = tokio::task::spawn_blocking(move || {
            let (from, to) = span(&plan);
            match (plan.kind, plan.system) {
                (ReportKind::Breach, Some(system)) => {
                    call.principal.system = plan.reader;
                    let asked = breach::AskBreach {
                        system,
                        from,
                        to,
                        organisations: of,
                    };
                    breach::report(&service, &call, &asked)
                }
                _ => audit::report(&service, &call, (from, to), &of, everything),
            }
        });
        match made.await {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "a report could not be made");
                Err(Refusal::Unavailable)
            }
            Err(_) => Err(Refusal::Unavailable),
        }
    }

    /// The months of a report of rates: those named, or the last that are over.
    fn months(&self, plan: &ReportPlan) -> Result<AskStatistics, Refusal> {
        let now = self.world().now();
        let to = plan.to().map(Month::of);
        let to = to.unwrap_or_else(|| Month::last_settled(now));
        let from = plan.from().map(Month::of);
        let from = from.unwrap_or_else(|| to.months_before(MONTHS - 1));
        Ok(AskStatistics {
            from,
            to,
            organisation: plan.organisation.clone(),
            purpose: None,
        })
    }

    /// What every report says of itself.
    fn frame(&self, plan: &ReportPlan) -> Vec<(&'static str, String)> {
        let of = plan.organisation.as_ref().map(ToString::to_string);
        let facts = [
            ("report", Some(plan.kind.to_string())),
            ("network", Some(self.catalogue().network.name.clone())),
            ("organisation", of),
            ("from", plan.from().map(Moment::rfc3339)),
            ("to", plan.to().map(Moment::rfc3339)),
            ("createdAt", Some(plan.made_at().rfc3339())),
            ("policyVersion", Some(plan.policy.clone())),
        ];
        facts
            .into_iter()
            .filter_map(|(name, fact)| Some((name, fact?)))
            .collect()
    }

    /// The signed manifest of the files of a report.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the key of the log is missing.
    pub fn sign_report(
        &self,
        plan: &ReportPlan,
        files: BTreeMap<String, FileFact>,
    ) -> Result<Vec<u8>, Refusal> {
        let key = self.keys().log_signing(LOG).ok_or(Refusal::Unavailable)?;
        let manifest = ReportManifest {
            format: FORMAT.to_owned(),
            kind: plan.kind.to_string(),
            network: self.catalogue().network.id.clone(),
            organisation: plan.organisation.as_ref().map(ToString::to_string),
            from: plan.from().map(Moment::rfc3339),
            to: plan.to().map(Moment::rfc3339),
            policy_version: plan.policy.clone(),
            created_at: plan.made_at().rfc3339(),
            request_leaf: plan.leaf.clone(),
            files,
            signature: String::new(),
        };
        manifest.sign(&key).map_err(|_| Refusal::Unavailable)
    }
}

/// Whoever works for all libraries also sees what is about none.
fn sees_everything(call: &Call, work: &Work<'_, '_>) -> bool {
    Work::is_own(call) || call.serves_all(work.catalogue())
}

/// The time a report looks at; without ends, all of it.
fn span(plan: &ReportPlan) -> (Moment, Moment) {
    (
        plan.from().unwrap_or(Moment::from_micros(0)),
        plan.to().unwrap_or(Moment::from_micros(i64::MAX)),
    )
}
