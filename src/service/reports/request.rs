//! Asking for a report: recorded with its reason before anything is given out. The answer is a ticket that says
//! everything, sealed, and that only its own client can use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::register::RegisterView;
use super::{ReportFormat, ReportKind};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::domain::ids::{OrganisationId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::service::call::{Call, Scope};
use crate::service::exports::{LONGEST_REASON, put_reason};
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::work::{Stop, Subjects, Work};
use crate::store::StoreError;

/// Label of the tickets.
const TICKET: &str = "report";
/// How long a ticket is good, in seconds.
const GOOD_FOR: i64 = 3_600;
/// What the entry in the log `admin` is called.
const KIND: &str = "report.requested";

/// What is wanted.
#[derive(Debug, Clone)]
pub struct RequestReport {
    /// Which report.
    pub kind: ReportKind,
    /// In which form.
    pub format: ReportFormat,
    /// From when; needed for the kinds that look at a time.
    pub from: Option<Moment>,
    /// Until when.
    pub to: Option<Moment>,
    /// One library; absent all that the caller works for.
    pub organisation: Option<OrganisationId>,
    /// The system that was breached.
    pub system: Option<SystemId>,
    /// Whose register.
    pub view: RegisterView,
    /// By whose ids people are named; a caller's own.
    pub reader: Option<SystemId>,
    /// Why; sealed in the entry that records the request.
    pub reason: Personal<String>,
}

/// The ticket and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedReport {
    /// The ticket, by which the report is fetched.
    pub ticket: String,
    /// What it stands for.
    pub plan: ReportPlan,
}

/// Which report, for whom and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportPlan {
    /// Which report.
    pub kind: ReportKind,
    /// In which form.
    pub format: ReportFormat,
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    /// One library.
    pub organisation: Option<OrganisationId>,
    pub(super) system: Option<SystemId>,
    pub(super) view: RegisterView,
    pub(super) reader: SystemId,
    pub(super) dutch: bool,
    pub(super) policy: String,
    pub(super) leaf: String,
    made_at: i64,
    client: String,
}

impl ReportPlan {
    /// When it was asked for.
    pub const fn made_at(&self) -> Moment {
        Moment::from_micros(self.made_at)
    }

    /// Until when it can be fetched.
    pub const fn expires_at(&self) -> Moment {
        self.made_at().plus_seconds(GOOD_FOR)
    }

    /// From when, where it looks at a time.
    pub fn from(&self) -> Option<Moment> {
        self.from.map(Moment::from_micros)
    }

    /// Until when, where it looks at a time.
    pub fn to(&self) -> Option<Moment> {
        self.to.map(Moment::from_micros)
    }

    /// Hash of the entry in the log `admin` that records the request, in hexadecimal.
    pub fn leaf_hash(&self) -> &str {
        &self.leaf
    }

    /// The language of what is written for people.
    pub const fn language(&self) -> Language {
        if self.dutch { Language::Nl } else { Language::En }
    }

    /// The ticket of a client that is still good.
    pub(super) fn open(shared: &Shared, call: &Call, ticket: &str, now: Moment) -> Option<Self> {
        let bytes = shared.keys.open_token(TICKET, ticket)?;
        let plan: Self = serde_json::from_slice(&bytes).ok()?;
        let own = plan.client == call.principal.client;
        (own && now <= plan.expires_at()).then_some(plan)
    }
}

impl Verb for RequestReport {
    type Answer = RequestedReport;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<RequestedReport, Stop> {
        if !Work::is_own(call) {
            call.require(Scope::AuditRead)?;
            if matches!(self.kind, ReportKind::RightsRequests | ReportKind::Erasures) {
                call.require(Scope::RightsManage)?;
            }
        }
        self.check(call, work)?;
        let reader = match &self.reader {
            Some(reader) if Work::is_own(call) => reader.clone(),
            Some(_) | None => call.principal.system.clone(),
        };
        let mut plan = ReportPlan {
            kind: self.kind,
            format: self.format,
            from: self.from.map(Moment::micros),
            to: self.to.map(Moment::micros),
            organisation: self.organisation.clone(),
            system: self.system.clone(),
            view: self.view,
            reader,
            dutch: call.language == Language::Nl,
            policy: work.catalogue().version.clone(),
            leaf: String::new(),
            made_at: work.now.micros(),
            client: call.principal.client.clone(),
        };
        let hash = self.record(call, work)?;
        plan.leaf = crate::domain::hex::hex(&hash);
        let bytes = serde_json::to_vec(&plan).map_err(|_| StoreError::Corrupt)?;
        let nonce = work.random();
        let ticket = work.shared.keys.seal_token(TICKET, nonce, &bytes);
        Ok(RequestedReport {
            ticket: ticket.ok_or(Refusal::Unavailable)?,
            plan,
        })
    }
}

impl RequestReport {
    fn check(&self, call: &Call, work: &Work<'_, '_>) -> Result<(), Refusal> {
        let wrong = |pointer: &str, code, detail: &str| Refusal::from(Invalid::new(pointer, code, detail));
        let reason = self.reason.reveal();
        if reason.trim().is_empty() || reason.chars().count() > LONGEST_REASON {
            let detail = "Say why this report is made, in 1 to 200 characters. The reason is recorded.";
            return Err(wrong("/reason", "invalid-length", detail));
        }
        super::organisations(call, work, self.organisation.as_ref())?;
        let needs_time = matches!(self.kind, ReportKind::Audit | ReportKind::Breach);
        for (pointer, given) in [("/from", self.from), ("/to", self.to)] {
            if needs_time && given.is_none() {
                return Err(wrong(
                    pointer,
                    "required",
                    "This report is about a time: say from when and until when.",
                ));
            }
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(wrong("/to", "before-from", "`to` must not be before `from`."));
        }
        match &self.system {
            None if self.kind == ReportKind::Breach => {
                Err(wrong("/system", "required", "Name the system that was breached."))
            }
            Some(system) if !work.catalogue().systems.contains_key(system) => {
                let detail = "The catalogue has no such system. Use an id of `policies/systems.toml`.";
                Err(wrong("/system", "unknown-system", detail))
            }
            Some(_) if self.kind != ReportKind::Breach => Err(wrong(
                "/system",
                "not-for-this-kind",
                "Name a system only for the report of a breach.",
            )),
            _ => Ok(()),
        }
    }

    fn record(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<[u8; 32], Refusal> {
        let policies = std::sync::Arc::clone(&work.policies);
        let id = EntryId::from_bytes(work.dated_id());
        let node = work.shared.node.as_str();
        let version = policies.current.version.as_str();
        let system = &call.principal.system;
        let mut leaf = Leaf::new(KIND, id, work.now.millis(), system, node, version);
        leaf.outcome = Some("ok".into());
        leaf.organisation = self.organisation.as_ref().map(Into::into);
        let facts: BTreeMap<Word<'_>, _> = [
            ("client", Some(call.principal.client.clone())),
            ("kind", Some(self.kind.to_string())),
            ("format", Some(self.format.to_string())),
            ("from", self.from.map(Moment::rfc3339)),
            ("to", self.to.map(Moment::rfc3339)),
            ("about", self.system.as_ref().map(ToString::to_string)),
        ]
        .into_iter()
        .filter_map(|(name, fact)| Some((Word::from(name), fact?.into())))
        .collect();
        leaf.extra = facts;
        put_reason(work, &mut leaf, self.reason.reveal()).ok_or(Refusal::Unavailable)?;
        Ok(work.stage_admin_leaf(&leaf))
    }
}
