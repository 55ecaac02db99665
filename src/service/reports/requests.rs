//! Rights requests and their lead times (GDPR art. 12(3)): how many came, how many were answered in time, how long it took.
//! No person is in it; who may read it handles the requests.

use std::collections::BTreeMap;

use super::table::{Cell, Report, Table, text};
use crate::domain::hex::hex;
use crate::domain::ids::OrganisationId;
use crate::domain::moment::Moment;
use crate::service::work::{Stop, Work};
use crate::store::RequestFacts;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What is counted of the requests of one library and kind.
#[derive(Default)]
struct Tally {
    received: u64,
    running: u64,
    overdue: u64,
    fulfilled: u64,
    rejected: u64,
    late: u64,
    extended: u64,
    days: Vec<u64>,
}

/// The report of what was received in a time.
pub(super) fn report(
    work: &mut Work<'_, '_>,
    (from, to): (Moment, Moment),
    organisations: &[OrganisationId],
) -> Result<Report, Stop> {
    let now = work.now;
    let mut tallies: BTreeMap<(String, String), Tally> = BTreeMap::new();
    let mut rows = Vec::new();
    for request in work.tx().requests_received(from, to)? {
        if !organisations
            .iter()
            .any(|one| one.as_str() == request.organisation)
        {
            continue;
        }
        let tally = tallies
            .entry((request.organisation.clone(), request.kind.clone()))
            .or_default();
        tally.add(&request, now);
        rows.push(vec![
            text(hex(&request.id)),
            text(request.organisation.clone()),
            text(request.kind.clone()),
            text(request.state.clone()),
            time(Some(request.received_at)),
            time(Some(request.due_at)),
            time(request.extended_at),
            time(request.ended_at),
            Cell::Number(days(&request, now)),
        ]);
    }
    let summary = tallies.into_iter().map(|((organisation, kind), mut tally)| {
        tally.days.sort_unstable();
        let number = |found: Option<&u64>| found.map_or(Cell::Empty, |days| Cell::Number(*days));
        vec![
            text(organisation),
            text(kind),
            Cell::Number(tally.received),
            Cell::Number(tally.running),
            Cell::Number(tally.overdue),
            Cell::Number(tally.fulfilled),
            Cell::Number(tally.rejected),
            Cell::Number(tally.late),
            Cell::Number(tally.extended),
            number(tally.days.get(tally.days.len() / 2)),
            number(tally.days.last()),
        ]
    });
    Ok(Report {
        title: "Rights requests and their lead times, art. 12(3) GDPR",
        facts: Vec::new(),
        notes: vec![
            "Requests that were received in the time asked for, as they stand when the report is made.",
            "Days are whole days from receipt to the answer; of a running request, until now.",
        ],
        tables: vec![
            Table {
                name: "summary",
                title: "By library and kind",
                columns: vec![
                    "organisation",
                    "kind",
                    "received",
                    "running",
                    "overdue",
                    "fulfilled",
                    "rejected",
                    "answeredLate",
                    "extended",
                    "medianDays",
                    "longestDays",
                ],
                rows: summary.collect(),
            },
            Table {
                name: "requests",
                title: "Every request",
                columns: vec![
                    "requestId",
                    "organisation",
                    "kind",
                    "state",
                    "receivedAt",
                    "dueAt",
                    "extendedAt",
                    "endedAt",
                    "days",
                ],
                rows,
            },
        ],
    })
}

impl Tally {
    fn add(&mut self, request: &RequestFacts, now: Moment) {
        self.received += 1;
        self.extended += u64::from(request.extended_at.is_some());
        match request.ended_at {
            None => {
                self.running += 1;
                self.overdue += u64::from(request.due_at < now);
            }
            Some(ended) => {
                self.late += u64::from(request.due_at < ended);
                self.fulfilled += u64::from(request.state == "fulfilled");
                self.rejected += u64::from(request.state == "rejected");
                self.days.push(days(request, now));
            }
        }
    }
}

fn days(request: &RequestFacts, now: Moment) -> u64 {
    let until = request.ended_at.unwrap_or(now);
    let seconds = until.seconds().saturating_sub(request.received_at.seconds());
    u64::try_from(seconds.div_euclid(DAY)).unwrap_or(0)
}

/// An instant, where there is one.
pub(super) fn time(at: Option<Moment>) -> Cell<'static> {
    at.map_or(Cell::Empty, |at| Cell::Time(at.millis()))
}
