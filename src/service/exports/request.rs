//! Asking for an export: what is wanted becomes a part of one log under one checkpoint, the request is recorded, and the
//! ticket is sealed. Nothing is kept of it: the ticket says everything, and only its own client can use it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ExportFormat, reason};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::call::{Call, Scope};
use crate::service::keys::AUDIT_EXPORT;
use crate::service::lane::Verb;
use crate::service::prune::minimum_of;
use crate::service::refusal::{Conflict, Forbidden, Invalid, Refusal};
use crate::service::sequence::LogName;
use crate::service::shared::Shared;
use crate::service::work::{Stop, Subjects, Work};
use crate::store::{StoreError, Tx};

/// How long a ticket is good, in seconds.
const GOOD_FOR: i64 = 3_600;
/// Longest reason, in characters.
pub const LONGEST_REASON: usize = 200;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct RequestExport {
    /// The log, or one origin of it.
    pub log: LogName,
    /// Entries written not before this; absent from the beginning.
    pub from: Option<Moment>,
    /// Entries written not after this; absent to the end.
    pub to: Option<Moment>,
    /// In which further form.
    pub format: ExportFormat,
    /// Whether private parts are opened.
    pub openings: bool,
    /// Why; sealed in the entry of the admin log that records the request.
    pub reason: Personal<String>,
}

/// The ticket and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedExport {
    /// The ticket, by which the bundle is fetched.
    pub ticket: String,
    /// What it stands for.
    pub plan: ExportPlan,
    /// Hash of the leaf in the admin log that records the request.
    pub leaf_hash: [u8; 32],
}

/// Which entries, in which form, for whom and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPlan {
    pub(super) log_id: u64,
    /// The log.
    pub log: String,
    origin: String,
    /// The first entry, from 0.
    pub from: u64,
    /// The first entry after the last one.
    pub to: u64,
    /// The size of the log in the checkpoint.
    pub size: u64,
    /// In which further form.
    pub format: ExportFormat,
    /// Whether private parts are opened.
    pub openings: bool,
    made_at: i64,
    client: String,
    system: String,
}

impl ExportPlan {
    /// The name of the log in its checkpoints.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// When it was asked for.
    pub const fn made_at(&self) -> Moment {
        Moment::from_micros(self.made_at)
    }

    /// Until when the bundle can be fetched.
    pub const fn expires_at(&self) -> Moment {
        self.made_at().plus_seconds(GOOD_FOR)
    }

    /// Entries.
    pub const fn entries(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    /// Steps of making it: each entry counts once for each file it goes into.
    pub const fn steps(&self) -> u64 {
        let table = !matches!(self.format, ExportFormat::Ndjson);
        self.entries() * (2 + self.openings as u64 + table as u64)
    }

    pub(super) fn is_for(&self, call: &Call, now: Moment) -> bool {
        let same = self.client == call.principal.client && self.system == call.principal.system.as_str();
        same && now <= self.expires_at()
    }

    pub(super) fn open(shared: &Shared, ticket: &str) -> Option<Self> {
        let bytes = shared.keys.open_token(AUDIT_EXPORT, ticket)?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// How far a log has come.
pub(super) struct Coverage {
    /// Whether batches that were written up to now wait for a place.
    pub(super) queued: bool,
    /// Entries that have a place.
    pub(super) head: u64,
    /// Entries under the newest checkpoint.
    pub(super) signed: Option<u64>,
}

/// `None` when there is no such log.
pub(super) fn coverage(tx: &mut Tx<'_>, name: &LogName, now: Moment) -> Result<Option<Coverage>, StoreError> {
    let Some(row) = name.find(tx.audit_logs()?) else {
        return Ok(None);
    };
    let head = tx.audit_head(row.id)?.map_or(0, |head| head.size);
    let signed = tx.newest_checkpoint(row.id)?.map(|newest| newest.size);
    // What is queued goes to the log's present origin.
    let queued = !name.is_permanent() && tx.audit_queue_until(&row.log, now)?;
    Ok(Some(Coverage { queued, head, signed }))
}

impl Verb for RequestExport {
    type Answer = RequestedExport;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<RequestedExport, Stop> {
        if !Work::is_own(call) {
            call.require(Scope::AuditRead)?;
            // A log holds the entries of every library, and lines cannot be left out of it: whoever exports one works for
            // all.
            if !call.serves_all(work.catalogue()) {
                return Err(Refusal::Forbidden(Forbidden::Organisation).into());
            }
        }
        self.require_reason()?;
        let plan = self.plan(call, work)?;
        let bytes = serde_json::to_vec(&plan).map_err(|_| StoreError::Corrupt)?;
        let nonce = work.random();
        let ticket = work.shared.keys.seal_token(AUDIT_EXPORT, nonce, &bytes);
        let ticket = ticket.ok_or(Refusal::Unavailable)?;
        let leaf_hash = self.record(call, work, &plan)?;
        Ok(RequestedExport {
            ticket,
            plan,
            leaf_hash,
        })
    }
}

impl RequestExport {
    fn require_reason(&self) -> Result<(), Refusal> {
        let reason = self.reason.reveal();
        if reason.trim().is_empty() || reason.chars().count() > LONGEST_REASON {
            let detail = "Say why this export is made, in 1 to 200 characters. The reason is recorded.";
            return Err(Invalid::new("/reason", "invalid-length", detail).into());
        }
        Ok(())
    }

    fn plan(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<ExportPlan, Stop> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            let mistake = Invalid::new("/to", "before-from", "`to` must not be before `from`.");
            return Err(Refusal::from(mistake).into());
        }
        let now = work.now;
        let tx = work.tx();
        let row = self.log.find(tx.audit_logs()?).ok_or(Refusal::NotFound)?;
        let newest = tx.newest_checkpoint(row.id)?;
        let size = newest.ok_or(Refusal::Conflict(Conflict::NoCheckpoint))?.size;
        let (from, to) = if self.from.is_none() && self.to.is_none() {
            (0, size)
        } else {
            let from = self.from.unwrap_or(Moment::from_micros(0));
            let to = self.to.unwrap_or(Moment::from_micros(i64::MAX));
            let span = tx.audit_span(row.id, &row.log, from, to)?;
            let (from, to) = span.unwrap_or((0, 0));
            (from.min(size), to.min(size))
        };
        // What the retention policy has removed cannot be exported; the hashes to its left are in the bundle.
        let minimum = minimum_of(tx, row.id)?;
        let (from, to) = (from.max(minimum), to.max(minimum));
        // A checkpoint that a witness has cosigned is worth more than one that is newer, if it covers all of it.
        let cosigned = tx.newest_cosigned(row.id)?.map(|cosigned| cosigned.size);
        let size = cosigned.filter(|cosigned| *cosigned >= to).unwrap_or(size);
        Ok(ExportPlan {
            log_id: row.id,
            log: row.log,
            origin: row.origin,
            from,
            to,
            size,
            format: self.format,
            openings: self.openings,
            made_at: now.micros(),
            client: call.principal.client.clone(),
            system: call.principal.system.to_string(),
        })
    }

    fn record(&self, call: &Call, work: &mut Work<'_, '_>, plan: &ExportPlan) -> Result<[u8; 32], Refusal> {
        let policies = std::sync::Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let node = work.shared.node.as_str();
        let version = policies.current.version.as_str();
        let system = &call.principal.system;
        let mut leaf = Leaf::new(reason::KIND, id, work.now.millis(), system, node, version);
        leaf.outcome = Some("ok".into());
        let facts: BTreeMap<Word<'_>, _> = [
            ("client", call.principal.client.clone()),
            ("origin", plan.origin.clone()),
            ("from", plan.from.to_string()),
            ("to", plan.to.to_string()),
            ("size", plan.size.to_string()),
            ("format", plan.format.to_string()),
            ("openings", if plan.openings { "yes" } else { "no" }.to_owned()),
        ]
        .into_iter()
        .map(|(name, fact)| (Word::from(name), fact.into()))
        .collect();
        leaf.extra = facts;
        reason::put(work, &mut leaf, self.reason.reveal()).ok_or(Refusal::Unavailable)?;
        Ok(work.stage_admin_leaf(&leaf))
    }
}
