//! What an officer must know at the beginning of the day: what is due, what waits for a second person, and whether the
//! audit logs are in order.

use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::erasures::{Erasure, ErasureState};
use crate::service::proposals::{Proposal, ProposalState};
use crate::service::refusal::Refusal;
use crate::service::rights::{ListRequests, RightsRequest};
use crate::store::{LogState, StoreError};

/// A request is urgent when it is due within so many seconds: a week.
const SOON: i64 = 7 * 86_400;
/// Most requests that are counted.
const MOST: usize = 1_000;

/// Where an audit log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `consent`, `decision` or `admin`.
    pub log: String,
    /// Its name in checkpoints.
    pub origin: String,
    /// `open`, `halted` or `closed`.
    pub state: &'static str,
    /// Entries in the tree.
    pub size: u64,
    /// How many of them the newest checkpoint covers, and when it was signed.
    pub signed: Option<(u64, Moment)>,
    /// How many are cosigned by enough witnesses.
    pub cosigned: Option<u64>,
}

impl LogLine {
    /// Whether everything is as it should be.
    pub fn is_sound(&self) -> bool {
        self.state != "halted" && self.signed.is_some_and(|(size, _)| size == self.size)
    }
}

/// The day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Today {
    /// Requests that are not answered, what is due first first.
    pub open: Vec<RightsRequest>,
    /// Those due within a week.
    pub soon: usize,
    /// Those past their term.
    pub overdue: usize,
    /// Whether there are more than were counted.
    pub more: bool,
    /// Erasures that wait for a second person.
    pub erasures: Vec<Erasure>,
    /// Recipients of erasures that did not answer in time, in the network.
    pub silent: u64,
    /// Proposals that wait for a second person.
    pub proposals: Vec<Proposal>,
    /// The audit logs; empty for who does not work for all libraries.
    pub logs: Vec<LogLine>,
}

impl Service {
    /// The day of an officer; what their scopes do not show is empty.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn today(&self, call: &Call) -> Result<Today, Refusal> {
        let now = self.world().now();
        let (mut open, mut more, mut erasures) = (Vec::new(), false, Vec::new());
        if call.require(Scope::RightsManage).is_ok() {
            let asked = ListRequests {
                organisation: None,
                kind: None,
                state: None,
                overdue: false,
                due_before: Some(Moment::from_micros(i64::MAX)),
                cursor: None,
                limit: MOST,
            };
            let page = self.rights_requests(call, asked).await?;
            more = page.next_cursor.is_some();
            open = page.items;
            erasures = self
                .erasures(call, Some(ErasureState::Proposed), None, MOST)
                .await?
                .items;
        }
        let mut proposals = Vec::new();
        if call.require(Scope::PoliciesRead).is_ok() {
            proposals = self.proposals(call).await?;
            proposals.retain(|proposal| proposal.state == ProposalState::Proposed);
        }
        let count = |until: Moment| open.iter().filter(|request| request.due_at < until).count();
        let overdue = count(now);
        let soon = count(now.plus_seconds(SOON)) - overdue;
        let silent = self
            .erasure_figures()
            .escalated
            .load(std::sync::atomic::Ordering::Relaxed);
        Ok(Today {
            soon,
            overdue,
            open,
            more,
            erasures,
            silent,
            proposals,
            logs: self.log_lines(call).await?,
        })
    }

    /// Where the audit logs stand; empty for who does not work for all libraries.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn log_lines(&self, call: &Call) -> Result<Vec<LogLine>, Refusal> {
        if !call.serves_all(&self.catalogue()) {
            return Ok(Vec::new());
        }
        let store = self.store().clone();
        let read = tokio::task::spawn_blocking(move || {
            store.read("log_lines", |tx| -> Result<_, StoreError> {
                let mut lines = Vec::new();
                for log in tx.audit_logs()? {
                    let newest = tx.newest_checkpoint(log.id)?;
                    lines.push(LogLine {
                        size: tx.audit_head(log.id)?.map_or(0, |head| head.size),
                        signed: newest.map(|newest| (newest.size, newest.published_at)),
                        cosigned: tx.newest_cosigned(log.id)?.map(|row| row.size),
                        state: match log.state {
                            LogState::Open => "open",
                            LogState::Halted => "halted",
                            LogState::Closed => "closed",
                        },
                        log: log.log,
                        origin: log.origin,
                    });
                }
                Ok(lines)
            })
        });
        match read.await {
            Ok(Ok(lines)) => Ok(lines),
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}
