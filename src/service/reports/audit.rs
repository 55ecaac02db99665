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
use crate::store::{SearchFrom, StoreError, Tx};

/// Batches that are read at a time.
const STEP: u32 = 256;
/// A fact that is sealed and tells a reader nothing.
const SEALED: &str = "sealed";

#[derive(Default)]
struct Tally {
    /// By log, kind, library and system.
    kinds: BTreeMap<(&'static str, String, String, String), (u64, u64)>,
    /// By library, system and purpose: permits and denials.
    checks: BTreeMap<(String, String, String), (u64, u64)>,
    /// Denials by decisive reason.
    denials: BTreeMap<String, u64>,
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
    let logs = service.store().read("report_logs", logs)?;
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
        self.count_answers(organisation, leaf);
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

    /// What a check was answered; of a bulk check, what everybody on its list was.
    fn count_answers(&mut self, organisation: &str, leaf: &Leaf<'_>) {
        let outcome = leaf.outcome.as_ref().map(|word| word.as_str());
        let (permits, denials) = match (&leaf.bulk, outcome) {
            (Some(bulk), _) => (bulk.permitted, bulk.denied.values().sum()),
            (None, Some("permit")) => (1, 0),
            (None, Some("deny")) => (0, 1),
            (None, _) => return,
        };
        let purpose = leaf.purpose.as_ref().map_or("", |word| word.as_str());
        let key = (
            organisation.to_owned(),
            leaf.system.to_string(),
            purpose.to_owned(),
        );
        let sums = self.checks.entry(key).or_default();
        sums.0 += permits;
        sums.1 += denials;
        let decisive = leaf
            .reasons
            .first()
            .filter(|_| denials > 0 && leaf.bulk.is_none());
        let of_list = leaf.bulk.iter().flat_map(|bulk| &bulk.denied);
        for (reason, count) in of_list.chain(decisive.map(|reason| (reason, &1))) {
            *self.denials.entry(reason.to_string()).or_default() += count;
        }
    }

    fn report(self, logs: Table) -> Report {
        let checks = self
            .checks
            .into_iter()
            .map(|((organisation, system, purpose), (permits, denials))| {
                vec![
                    text(organisation),
                    text(system),
                    text(purpose),
                    Cell::Number(permits),
                    Cell::Number(denials),
                ]
            });
        let denials = self.denials.into_iter();
        let denials = denials.map(|(reason, count)| vec![text(reason), Cell::Number(count)]);
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
                    name: "checks",
                    title: "Questions and their answers",
                    columns: vec!["organisation", "system", "purpose", "permits", "denials"],
                    rows: checks.collect(),
                },
                Table {
                    name: "denials",
                    title: "Why the answer was no",
                    columns: vec!["reason", "denials"],
                    rows: denials.collect(),
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
                logs,
            ],
        }
    }
}

/// The logs as they stand now, with the checkpoint that vouches for what was reported.
pub(super) fn logs(tx: &mut Tx<'_>) -> Result<Table, StoreError> {
    let mut rows = Vec::new();
    for log in tx.audit_logs()? {
        let head = tx.audit_head(log.id)?.map_or(0, |head| head.size);
        let newest = tx.newest_checkpoint(log.id)?;
        let cosigned = tx.newest_cosigned(log.id)?;
        // The third line of a checkpoint is the hash of its tree (c2sp.org/tlog-checkpoint).
        let root = newest.as_ref().and_then(|newest| newest.note.lines().nth(2));
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
            text(root.unwrap_or_default()),
            newest.map_or(Cell::Empty, |newest| Cell::Time(newest.published_at.millis())),
            cosigned.map_or(Cell::Empty, |cosigned| Cell::Number(cosigned.size)),
        ]);
    }
    Ok(Table {
        name: "logs",
        title: "The logs now",
        columns: vec![
            "log",
            "origin",
            "state",
            "entries",
            "checkpointSize",
            "rootHash",
            "checkpointAt",
            "cosignedSize",
        ],
        rows,
    })
}
