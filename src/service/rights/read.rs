//! Requests as their officers read them.

use super::RightsRequest;
use super::sealed::{open_request, organisation_of, outline};
use crate::domain::ids::{OrganisationId, PersonId, RightsRequestId};
use crate::domain::moment::Moment;
use crate::domain::rights::{RequestState, RequestType};
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Invalid, Refusal};
use crate::service::work::{Stop, Work};
use crate::store::RightsFilter;

/// Which requests; what is absent is not looked at.
#[derive(Debug, Clone)]
pub struct ListRequests {
    /// To this library.
    pub organisation: Option<OrganisationId>,
    /// Of this type.
    pub kind: Option<RequestType>,
    /// In this state.
    pub state: Option<RequestState>,
    /// Only those whose term is over and that are not answered.
    pub overdue: bool,
    /// Only those that are not answered and due before this.
    pub due_before: Option<Moment>,
    /// The end of the page before.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// A page of requests, what is due first first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPage {
    /// Requests, without what they say.
    pub items: Vec<RightsRequest>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// One request with everything that was done.
pub(super) fn one(call: &Call, work: &mut Work<'_, '_>, id: RightsRequestId) -> Result<RightsRequest, Stop> {
    call.require(Scope::RightsManage)?;
    Ok(open_request(call, work, id)?.request)
}

/// Every request of these people, with everything that was done.
pub(in crate::service) fn own_requests(
    call: &Call,
    work: &mut Work<'_, '_>,
    people: &[PersonId],
) -> Result<Vec<RightsRequest>, Stop> {
    let mut requests = Vec::new();
    for row in work.tx().rights_requests_of(people)? {
        requests.push(open_request(call, work, row.id)?.request);
    }
    Ok(requests)
}

impl ListRequests {
    /// Reads only.
    pub(super) fn read(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<RequestPage, Stop> {
        call.require(Scope::RightsManage)?;
        let organisations = match &self.organisation {
            Some(organisation) => {
                work.require_organisation(call, organisation)?;
                Some(vec![organisation.to_string()])
            }
            None => {
                let catalogue = work.catalogue();
                if !catalogue.systems.contains_key(&call.principal.system) {
                    return Err(Refusal::NotFound.into());
                }
                let served = catalogue
                    .organisations
                    .keys()
                    .filter(|id| call.serves(catalogue, id));
                (!call.serves_all(catalogue)).then(|| served.map(ToString::to_string).collect())
            }
        };
        let overdue = self.overdue.then_some(work.now);
        let filter = RightsFilter {
            organisations,
            kind: self.kind.map(|kind| kind.to_string()),
            state: self.state.map(|state| state.to_string()),
            due_before: match (self.due_before, overdue) {
                (Some(before), Some(now)) => Some(before.min(now)),
                (before, overdue) => before.or(overdue),
            },
            after: self.cursor.as_deref().map(cursor).transpose()?,
        };
        let mut rows = work.tx().rights_requests(&filter, self.limit + 1)?;
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| format!("{}~{}", row.due_at.micros(), row.id));
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let organisation = organisation_of(&row)?;
            items.push(outline(call, work, row, organisation)?.request);
        }
        Ok(RequestPage { items, next_cursor })
    }
}

fn cursor(text: &str) -> Result<(Moment, RightsRequestId), Refusal> {
    let parsed = text
        .split_once('~')
        .and_then(|(due, id)| Some((Moment::from_micros(due.parse().ok()?), id.parse().ok()?)));
    parsed.ok_or_else(|| {
        let detail = "give the nextCursor of the page before, unchanged";
        Invalid::new("?cursor", "unknown-cursor", detail).into()
    })
}
