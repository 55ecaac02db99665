//! Notices that are due: data came from another source, and the person was not told yet (GDPR art. 14(3), R46). A notice is
//! due at the first contact, which is denied until then, and at the latest one month after the data came. Counted in
//! everybody's record; nobody is named.

use std::collections::BTreeMap;

use crate::domain::moment::{Moment, Period};
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::Refusal;
use crate::store::StoreError;

/// Notices of one library about one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticesDue {
    /// The library.
    pub organisation: String,
    /// For which purpose the data came.
    pub purpose: String,
    /// From where.
    pub source: String,
    /// Which data.
    pub data_scopes: Vec<String>,
    /// People who were not told yet.
    pub people: u64,
    /// Of those, people who should have been told by now.
    pub late: u64,
    /// When the first of them must be told.
    pub first_due: Moment,
}

impl Service {
    /// The notices that are due at the libraries of the caller, what is due first first.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope.
    pub async fn notices_due(&self, call: &Call) -> Result<Vec<NoticesDue>, Refusal> {
        call.require(Scope::AuditRead)?;
        let (service, call) = (self.clone(), call.clone());
        match tokio::task::spawn_blocking(move || count(&service, &call)).await {
            Ok(Ok(notices)) => Ok(notices),
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

fn count(service: &Service, call: &Call) -> Result<Vec<NoticesDue>, StoreError> {
    let catalogue = service.catalogue();
    let (now, zone) = (service.world().now(), catalogue.network.zone);
    let mut due: BTreeMap<(String, String, String), NoticesDue> = BTreeMap::new();
    service.each_record("notices", |record| {
        let own = record.standings.iter();
        for (library, standing) in own.filter(|(library, _)| call.serves(&catalogue, library)) {
            for untold in standing.enrichments.iter().filter(|one| one.told_at.is_none()) {
                let until = untold.since.plus(Period::months(1), zone);
                let key = (
                    library.to_string(),
                    untold.purpose.to_string(),
                    untold.source.to_string(),
                );
                let line = due.entry(key.clone()).or_insert_with(|| NoticesDue {
                    organisation: key.0,
                    purpose: key.1,
                    source: key.2,
                    data_scopes: Vec::new(),
                    people: 0,
                    late: 0,
                    first_due: until,
                });
                line.people += 1;
                line.late += u64::from(until < now);
                line.first_due = line.first_due.min(until);
                let scopes = untold.data_scopes.iter().map(ToString::to_string);
                line.data_scopes.extend(scopes);
                line.data_scopes.sort();
                line.data_scopes.dedup();
            }
        }
    })?;
    let mut lines: Vec<NoticesDue> = due.into_values().collect();
    lines.sort_by_key(|line| line.first_due);
    Ok(lines)
}
