//! Erasures and how they went (GDPR art. 17, 19): when they were proposed, approved and done, and who of the recipients has
//! acknowledged. No person is in it.

use std::collections::BTreeMap;

use super::requests::time;
use super::table::{Cell, Report, Table, text};
use crate::domain::hex::hex;
use crate::domain::ids::OrganisationId;
use crate::domain::moment::Moment;
use crate::service::work::{Stop, Work};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What is counted of the erasures of one library.
#[derive(Default)]
struct Tally {
    proposed: u64,
    running: u64,
    erased: u64,
    complete: u64,
    refused: u64,
    withdrawn: u64,
    days: Vec<u64>,
}

/// The report of what was proposed in a time.
pub(super) fn report(
    work: &mut Work<'_, '_>,
    (from, to): (Moment, Moment),
    organisations: &[OrganisationId],
) -> Result<Report, Stop> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut rows, mut tasks) = (Vec::new(), Vec::new());
    for erasure in work.tx().erasures_proposed(from, to)? {
        if !organisations
            .iter()
            .any(|one| one.as_str() == erasure.organisation)
        {
            continue;
        }
        let tally = tallies.entry(erasure.organisation.clone()).or_default();
        tally.proposed += 1;
        match erasure.state.as_str() {
            "refused" => tally.refused += 1,
            "withdrawn" => tally.withdrawn += 1,
            "complete" => tally.complete += 1,
            "erased" | "epoch-destroyed" => tally.erased += 1,
            _ => tally.running += 1,
        }
        if let Some(erased) = erasure.erased_at {
            let seconds = erased.seconds().saturating_sub(erasure.proposed_at.seconds());
            tally
                .days
                .push(u64::try_from(seconds.div_euclid(DAY)).unwrap_or(0));
        }
        let id = hex(&erasure.id);
        let of_erasure = work.tx().tasks_of_erasure(&erasure.id)?;
        let acknowledged = of_erasure
            .iter()
            .filter(|task| task.acknowledged_at.is_some())
            .count();
        rows.push(vec![
            text(id.clone()),
            text(erasure.organisation.clone()),
            text(erasure.ground.clone()),
            text(erasure.state.clone()),
            time(Some(erasure.proposed_at)),
            time(erasure.approved_at),
            time(erasure.erased_at),
            time(erasure.epoch_destroyed_at),
            time(erasure.completed_at),
            number(of_erasure.len()),
            number(acknowledged),
        ]);
        for task in of_erasure {
            tasks.push(vec![
                text(id.clone()),
                text(task.system.clone()),
                text(task.state.clone()),
                text(task.outcome.clone().unwrap_or_default()),
                time(Some(task.due_at)),
                time(task.escalated_at),
                time(task.acknowledged_at),
            ]);
        }
    }
    let summary = tallies.into_iter().map(|(organisation, mut tally)| {
        tally.days.sort_unstable();
        let days = |found: Option<&u64>| found.map_or(Cell::Empty, |days| Cell::Number(*days));
        vec![
            text(organisation),
            Cell::Number(tally.proposed),
            Cell::Number(tally.running),
            Cell::Number(tally.erased),
            Cell::Number(tally.complete),
            Cell::Number(tally.refused),
            Cell::Number(tally.withdrawn),
            days(tally.days.get(tally.days.len() / 2)),
            days(tally.days.last()),
        ]
    });
    let logs = super::audit::logs(work.tx())?;
    Ok(Report {
        title: "Erasures, art. 17 and 19 GDPR",
        facts: Vec::new(),
        notes: vec![
            "Erasures that were proposed in the time asked for, as they stand when the report is made.",
            "Days are whole days from the proposal until the key was destroyed and everything denied.",
            "A task is one recipient that had received a permit for the person.",
        ],
        tables: vec![
            Table {
                name: "summary",
                title: "By library",
                columns: vec![
                    "organisation",
                    "proposed",
                    "running",
                    "erased",
                    "complete",
                    "refused",
                    "withdrawn",
                    "medianDays",
                    "longestDays",
                ],
                rows: summary.collect(),
            },
            Table {
                name: "erasures",
                title: "Every erasure",
                columns: vec![
                    "erasureId",
                    "organisation",
                    "ground",
                    "state",
                    "proposedAt",
                    "approvedAt",
                    "erasedAt",
                    "epochDestroyedAt",
                    "completedAt",
                    "recipients",
                    "acknowledged",
                ],
                rows,
            },
            Table {
                name: "tasks",
                title: "Every recipient",
                columns: vec![
                    "erasureId",
                    "system",
                    "state",
                    "outcome",
                    "dueAt",
                    "escalatedAt",
                    "acknowledgedAt",
                ],
                rows: tasks,
            },
            logs,
        ],
    })
}

fn number(count: usize) -> Cell<'static> {
    Cell::Number(u64::try_from(count).unwrap_or(u64::MAX))
}
