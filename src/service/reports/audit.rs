//! What stands in the audit logs of a time: how much of what, by whom, and every act of administration.

use std::collections::BTreeMap;

use super::table::{Cell, Report, Table, text};
use crate::audit::bundle;
use crate::audit::leaf::{Leaf, leaf_hash};
use crate::domain::hex::hex;
use crate::domain::ids::OrganisationId;
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::Call;
use crate::service::keys::LOGS;
use crate::service::search::may_see;
use crate::service::work::Work;
use crate::store::{SearchFrom, StoreError};

/// Batches that are read at a time.
const STEP: u32 = 256;
/// A fact that is sealed and tells a reader nothing.
const SEALED: &str = "sealed";

#[derive(Default)]
struct Tally {
    /// By log, kind, library and system.
    kinds: BTreeMap<(&'static str, String, String, String), (u64, u64)>,
    acts: Vec<Vec<Cell<'static>>>,
}

/// Makes the report. Blocks.
pub(super) fn report(
    service: &Service,
    call: &Call,
    (from, to): (Moment, Moment),
    organisations: &[OrganisationId],
    everything: bool,
) -> Result<Report, StoreError> {
    let catalogue = service.catalogue();
    let mut tally = Tally::default();
    for log in LOGS {
        let mut before: Option<SearchFrom> = None;
        loop {
            let batches = service.store().read("report_audit", |tx| {
                tx.batches_between(log, from, to, before.as_ref(), STEP)
            })?;
            let Some(last) = batches.last() else { break };
            before = Some(SearchFrom {
                created_at: last.created_at,
                node: last.node.clone(),
                node_seq: last.node_seq,
            });
            for batch in &batches {
                for line in bundle::decode(&batch.entries).map_err(|_| StoreError::Corrupt)? {
                    let leaf = Leaf::parse(line).map_err(|_| StoreError::Corrupt)?;
                    let of_one = leaf
                        .organisation
                        .as_ref()
                        .map(|word| organisations.iter().any(|one| one.as_str() == word.as_str()));
                    let seen = Work::is_own(call) || may_see(call, &catalogue, &leaf);
                    if seen && of_one.unwrap_or(everything) {
                        tally.add(log, &leaf, line);
                    }
                }
            }
        }
    }
    let logs = if everything { logs(service)? } else { Vec::new() };
    Ok(tally.report(logs))
}

impl Tally {
    fn add(&mut self, log: &'static str, leaf: &Leaf<'_>, line: &[u8]) {
        let organisation = leaf.organisation.as_ref().map_or("", |word| word.as_str());
        let key = (
            log,
            leaf.kind.to_string(),
            organisation.to_owned(),
            leaf.system.to_string(),
        );
        let (entries, people) = self.kinds.entry(key).or_default();
        *entries += 1;
        *people += leaf.bulk.as_ref().map_or(1, |bulk| bulk.checked);
        if log == "admin" {
            let facts = leaf.extra.iter().filter(|(name, _)| name.as_str() != SEALED);
            let facts: Vec<String> = facts.map(|(name, fact)| format!("{name}={fact}")).collect();
            self.acts.push(vec![
                Cell::Time(leaf.millis),
                text(leaf.kind.to_string()),
                text(leaf.system.to_string()),
                text(organisation),
                text(facts.join(" ")),
                text(hex(&leaf_hash(line))),
            ]);
        }
    }

    fn report(self, logs: Vec<Vec<Cell<'static>>>) -> Report {
        let kinds = self.kinds.into_iter();
        let kinds = kinds.map(|((log, kind, organisation, system), (entries, answers))| {
            vec![
                text(log),
                text(kind),
                text(organisation),
                text(system),
                Cell::Number(entries),
                Cell::Number(answers),
            ]
        });
        Report {
            title: "Audit report",
            facts: Vec::new(),
            notes: vec![
                "Every entry that is counted here stands in an audit log and can be exported and verified.",
                "A bulk check is one entry for thousands of answers.",
            ],
            tables: vec![
                Table {
                    name: "logs",
                    title: "The logs now",
                    columns: vec![
                        "log",
                        "origin",
                        "state",
                        "entries",
                        "checkpointSize",
                        "checkpointAt",
                        "cosignedSize",
                    ],
                    rows: logs,
                },
                Table {
                    name: "entries",
                    title: "Entries of the period",
                    columns: vec!["log", "kind", "organisation", "system", "entries", "answers"],
                    rows: kinds.collect(),
                },
                Table {
                    name: "acts",
                    title: "Acts of administration",
                    columns: vec!["at", "kind", "system", "organisation", "facts", "leafHash"],
                    rows: self.acts,
                },
            ],
        }
    }
}

fn logs(service: &Service) -> Result<Vec<Vec<Cell<'static>>>, StoreError> {
    service.store().read("report_logs", |tx| {
        let mut rows = Vec::new();
        for log in tx.audit_logs()? {
            let head = tx.audit_head(log.id)?.map_or(0, |head| head.size);
            let newest = tx.newest_checkpoint(log.id)?;
            let cosigned = tx.newest_cosigned(log.id)?;
            rows.push(vec![
                text(log.log.clone()),
                text(log.origin.clone()),
                text(match log.state {
                    crate::store::LogState::Open => "open",
                    crate::store::LogState::Halted => "halted",
                    crate::store::LogState::Closed => "closed",
                }),
                Cell::Number(head),
                newest
                    .as_ref()
                    .map_or(Cell::Empty, |newest| Cell::Number(newest.size)),
                newest.map_or(Cell::Empty, |newest| Cell::Time(newest.published_at.millis())),
                cosigned.map_or(Cell::Empty, |cosigned| Cell::Number(cosigned.size)),
            ]);
        }
        Ok(rows)
    })
}
