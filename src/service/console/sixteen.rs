//! Children who turn 16, by week: from that day they decide alone, and what a guardian said yes to must be confirmed within
//! the term of its purpose (R21, R22). And children about whom guardians disagree. Counted in everybody's record; nobody is
//! named.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};

use crate::domain::age::{AGE_OF_CONSENT, birthday};
use crate::domain::consent::{ConsentStatus, Party};
use crate::domain::person::Standing;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::Refusal;
use crate::store::StoreError;

/// Days that are looked back: the longest term in which a yes is to be confirmed is about this.
const BACK: u64 = 63;
/// Days that are looked ahead.
const AHEAD: u64 = 91;

/// One week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SixteenWeek {
    /// Members of a library who turn 16 in it.
    pub members: u64,
    /// Yeses of their guardians that count now or until they are confirmed.
    pub yeses: u64,
}

/// The calendar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sixteen {
    /// By Monday: every week from nine weeks ago to thirteen weeks ahead.
    pub weeks: BTreeMap<NaiveDate, SixteenWeek>,
    /// The Monday of this week.
    pub this_week: NaiveDate,
    /// Members under 16 with more than one guardian, where one said no to what stands as yes or the reverse.
    pub disputed: u64,
    /// Members under 16.
    pub children: u64,
}

impl Service {
    /// The calendar of those who turn 16 at the libraries of the caller.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope.
    pub async fn sixteen(&self, call: &Call) -> Result<Sixteen, Refusal> {
        call.require(Scope::AuditRead)?;
        let (service, call) = (self.clone(), call.clone());
        match tokio::task::spawn_blocking(move || count(&service, &call)).await {
            Ok(Ok(sixteen)) => Ok(sixteen),
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

fn monday(date: NaiveDate) -> NaiveDate {
    let after = u64::from(date.weekday().num_days_from_monday());
    date.checked_sub_days(Days::new(after)).unwrap_or(date)
}

fn count(service: &Service, call: &Call) -> Result<Sixteen, StoreError> {
    let catalogue = service.catalogue();
    let today = service.world().now().date(catalogue.network.zone);
    let mut sixteen = Sixteen {
        this_week: monday(today),
        ..Sixteen::default()
    };
    let first = monday(today.checked_sub_days(Days::new(BACK)).unwrap_or(today));
    let last = monday(today.checked_add_days(Days::new(AHEAD)).unwrap_or(today));
    sixteen.weeks = first
        .iter_weeks()
        .take_while(|week| *week <= last)
        .map(|week| (week, SixteenWeek::default()))
        .collect();
    service.each_record("sixteen", |record| {
        for (organisation, standing) in &record.standings {
            if call.serves(&catalogue, organisation) {
                sixteen.add(standing, today);
            }
        }
    })?;
    Ok(sixteen)
}

impl Sixteen {
    fn add(&mut self, standing: &Standing, today: NaiveDate) {
        let Some(birth) = standing.birth_date.as_ref().map(|birth| *birth.reveal()) else {
            return;
        };
        let day = birthday(birth, AGE_OF_CONSENT);
        let of_guardian = |by: Party| matches!(by, Party::Guardian(_));
        if let Some(week) = self.weeks.get_mut(&monday(day)) {
            week.members += 1;
            let yeses = standing.consents.values();
            week.yeses += yeses
                .filter(|consent| consent.status.is_yes() && of_guardian(consent.by))
                .count() as u64;
        }
        if day <= today {
            return;
        }
        self.children += 1;
        let disputed = standing.guardians.len() > 1
            && standing.consents.values().any(|consent| {
                let no_of_other = consent
                    .withdrawn_by_guardian
                    .keys()
                    .any(|guardian| consent.by != Party::Guardian(*guardian));
                no_of_other && (consent.status.is_yes() || consent.status == ConsentStatus::Withdrawn)
            });
        self.disputed += u64::from(disputed);
    }
}
