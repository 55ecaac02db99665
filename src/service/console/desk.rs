//! The quality of what desks and paper bring in: how many words, how many yeses without a form number, and how many of those
//! yeses were withdrawn since — a sign that people were pressed.

use std::collections::BTreeMap;

use super::scan::{open_private, scan};
use crate::audit::leaf::{Leaf, Word};
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::event::{Change, Event};
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::Refusal;
use crate::service::work::Work;
use crate::store::{StoreError, StoredBatch};

/// Ways of which staff write down what was said.
const BY_STAFF: [IndicationMethod; 3] = [
    IndicationMethod::Desk,
    IndicationMethod::Paper,
    IndicationMethod::Phone,
];
/// The log.
const LOG: &str = "consent";

/// What one desk wrote down in one way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeskLine {
    /// The library.
    pub organisation: String,
    /// `desk`, `paper` or `phone`.
    pub method: String,
    /// The own number of who wrote it down; empty where none was given.
    pub staff: String,
    /// Yeses.
    pub given: u64,
    /// Noes.
    pub refused: u64,
    /// Withdrawals.
    pub withdrawn: u64,
    /// Yeses without a form number or another proof.
    pub unproven: u64,
    /// Of the yeses, those that stand as withdrawn now.
    pub taken_back: u64,
}

impl DeskLine {
    /// Of a hundred yeses, how many were taken back since.
    pub const fn taken_back_percent(&self) -> Option<u64> {
        match self.given {
            0 => None,
            given => Some((self.taken_back * 100 + given / 2) / given),
        }
    }
}

#[derive(serde::Deserialize)]
struct Private {
    event: Event,
}

impl Service {
    /// What desks wrote down in a time, by library, way and own number; and whether there was more than was counted.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope.
    pub async fn desk_quality(
        &self,
        call: &Call,
        time: (Moment, Moment),
    ) -> Result<(Vec<DeskLine>, bool), Refusal> {
        call.require(Scope::AuditRead)?;
        let (service, call) = (self.clone(), call.clone());
        match tokio::task::spawn_blocking(move || count(&service, &call, time)).await {
            Ok(Ok(counted)) => Ok(counted),
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

fn count(
    service: &Service,
    call: &Call,
    time: (Moment, Moment),
) -> Result<(Vec<DeskLine>, bool), StoreError> {
    let mut lines: BTreeMap<(String, String, String), DeskLine> = BTreeMap::new();
    let more = scan(service, call, LOG, time, |work, batch, off, leaf| {
        let method = leaf
            .extra
            .get(&Word::from("method"))
            .and_then(|word| IndicationMethod::parse(word));
        let Some(method) = method.filter(|method| BY_STAFF.contains(method)) else {
            return Ok(());
        };
        let Some((event, taken_back)) = open(work, batch, off, leaf)? else {
            return Ok(());
        };
        let Change::Consent(act) = &event.change else {
            return Ok(());
        };
        let staff = event.actor.staff.as_ref().map(|staff| staff.reveal().clone());
        let key = (
            event.organisation.to_string(),
            method.to_string(),
            staff.unwrap_or_default(),
        );
        let line = lines.entry(key.clone()).or_insert_with(|| DeskLine {
            organisation: key.0,
            method: key.1,
            staff: key.2,
            ..DeskLine::default()
        });
        match act.status {
            ConsentStatus::Given | ConsentStatus::Renewed => {
                line.given += 1;
                let proven = event
                    .evidence
                    .as_ref()
                    .is_some_and(|facts| !facts.reveal().is_empty());
                line.unproven += u64::from(!proven);
                line.taken_back += u64::from(taken_back);
            }
            ConsentStatus::Refused => line.refused += 1,
            ConsentStatus::Withdrawn => line.withdrawn += 1,
            ConsentStatus::Requested | ConsentStatus::Revoked => {}
        }
        Ok(())
    })?;
    Ok((lines.into_values().collect(), more))
}

/// The event of a line, and whether its yes stands as withdrawn now; none when the person is not there any more.
fn open(
    work: &mut Work<'_, '_>,
    batch: &StoredBatch,
    off: u32,
    leaf: &Leaf<'_>,
) -> Result<Option<(Event, bool)>, StoreError> {
    let Some((person, opened)) = open_private(work, LOG, batch, off, leaf)? else {
        return Ok(None);
    };
    let private: Private = serde_json::from_slice(&opened).map_err(|_| StoreError::Corrupt)?;
    let event = private.event;
    let taken_back = work.person(person)?.is_some_and(|person| {
        let standing = person.standing(&event.organisation);
        let consent = event
            .change
            .purpose()
            .and_then(|purpose| standing?.consents.get(purpose));
        consent.is_some_and(|consent| consent.status == ConsentStatus::Withdrawn)
    });
    Ok(Some((event, taken_back)))
}
