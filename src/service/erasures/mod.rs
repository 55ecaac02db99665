//! Erasing somebody on request (GDPR art. 17): proposed by one, approved by another, carried out by the service, told to
//! every system that received a permit for this person (art. 19), and proved by a certificate.
//!
//! From the approval on processing is restricted, so every check denies while there is still time to withdraw. Then, in
//! one transaction, rows and key go and the tasks of the systems stand; what is left in files is cleared; at the turn of
//! the epoch older backups become unreadable; and when every system has answered it is complete. Each step is taken up
//! where it was by whichever node does the chores, so a node may die at any moment.

mod carry_out;
mod certify;
mod keeps;
mod propose;
mod reapply;
mod recipients;
mod settle;
mod suppress;
mod tasks;
mod view;

use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};

pub(crate) use self::carry_out::{carry_out, count};
pub use self::certify::{Certified, CertifiedEntry};
pub use self::keeps::Keep;
pub use self::propose::{ProposeErasure, Proposed};
pub use self::reapply::Reapplied;
pub use self::settle::{ApproveErasure, RefuseErasure, WithdrawErasure};
pub(crate) use self::suppress::of_record;
pub use self::tasks::{AcknowledgeTask, ErasureTask, ListTasks, TaskPage};
pub use self::view::{Erasure, ErasurePage, Step};
use super::call::{Call, Principal};
use super::keys::Keyring;
use super::shared::OWN_CLIENT;
use super::work::Stop;
use crate::audit::leaf::{EntryId, Leaf};
use crate::domain::ids::{ErasureId, OrganisationId, PersonId, SystemId};
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::purpose::words;
use crate::policy::catalogue::Catalogue;
use crate::store::{ErasureEntryRow, ErasureRow, StoreError, Tx};

/// Longest name of an officer, in characters.
pub const LONGEST_OFFICER: usize = 100;
/// Most days between approval and erasure.
pub const MOST_COOLING_DAYS: u64 = 28;
/// How long a system has to answer, in seconds: two weeks, half of the month of GDPR art. 12(3).
pub const ANSWER_WITHIN: i64 = 14 * 86_400;

/// How long after the approval nothing is erased yet, in seconds: checks that had begun before it have ended by then, and
/// what they permitted is known.
const SETTLE: i64 = 10;
/// Label of the sealed names of officers.
const OFFICERS: &str = "erasure-officers";
/// Name of the fact of an entry that says which erasure it is about.
const ERASURE: &str = "erasure";

/// Where an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErasureState {
    /// Proposed: nothing has happened yet.
    Proposed,
    /// Approved, and it can still be withdrawn for some days. Every check denies.
    CoolingOff,
    /// Approved: carried out within seconds, unless something stands in its way. Every check denies.
    Approved,
    /// The person is being erased.
    Executing,
    /// Key and rows are gone.
    Erased,
    /// Older backups are unreadable as well.
    EpochDestroyed,
    /// Every system has answered.
    Complete,
    /// Withdrawn before it was carried out.
    Withdrawn,
    /// Refused.
    Refused,
}

words!(ErasureState {
    Proposed => "proposed", CoolingOff => "cooling-off", Approved => "approved", Executing => "executing",
    Erased => "erased", EpochDestroyed => "epoch-destroyed", Complete => "complete", Withdrawn => "withdrawn",
    Refused => "refused",
});

/// The grounds of GDPR art. 17(1)(a)–(f).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErasureGround {
    /// No longer necessary.
    NotNecessary,
    /// Consent was withdrawn.
    ConsentWithdrawn,
    /// The person objects.
    Objection,
    /// Processed unlawfully.
    Unlawful,
    /// A law demands it.
    LegalObligation,
    /// Collected from a child for a service of the information society.
    Child,
}

words!(ErasureGround {
    NotNecessary => "17-1-a", ConsentWithdrawn => "17-1-b", Objection => "17-1-c", Unlawful => "17-1-d",
    LegalObligation => "17-1-e", Child => "17-1-f",
});

/// The grounds of GDPR art. 17(3)(a)–(e) on which something is not erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeepGround {
    /// Freedom of expression and information.
    Expression,
    /// A legal obligation, or a task in the public interest.
    LegalObligation,
    /// Public health.
    PublicHealth,
    /// Archiving in the public interest, research, statistics.
    Archiving,
    /// Legal claims.
    Claims,
}

words!(KeepGround {
    Expression => "17-3-a", LegalObligation => "17-3-b", PublicHealth => "17-3-c", Archiving => "17-3-d",
    Claims => "17-3-e",
});

/// What came of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskOutcome {
    /// The system erased what it had.
    Erased,
    /// It had nothing.
    NotHeld,
    /// It keeps something on a ground of GDPR art. 17(3).
    Kept,
    /// An officer told the recipient in another way.
    ToldOtherwise,
    /// Telling the recipient proves impossible or takes a disproportionate effort (GDPR art. 19).
    Impossible,
}

words!(TaskOutcome {
    Erased => "erased", NotHeld => "not-held", Kept => "kept", ToldOtherwise => "told-otherwise",
    Impossible => "impossible",
});

impl TaskOutcome {
    /// What a system answers.
    pub const OF_SYSTEMS: &'static [Self] = &[Self::Erased, Self::NotHeld, Self::Kept];
    /// What an officer answers for a recipient that cannot.
    pub const OF_OFFICERS: &'static [Self] = &[Self::ToldOtherwise, Self::Impossible];
}

/// What stands open, for metrics.
#[derive(Debug, Default)]
pub struct ErasureFigures {
    /// Erasures that were proposed and are neither carried out nor ended.
    pub open: AtomicU64,
    /// Tasks of systems that wait for an answer in time.
    pub pending: AtomicU64,
    /// Tasks without an answer in time.
    pub escalated: AtomicU64,
}

/// One who acts on an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Officer {
    name: Personal<String>,
    client: String,
    system: SystemId,
}

impl Officer {
    fn of(call: &Call, name: &Personal<String>) -> Self {
        Self {
            name: name.clone(),
            client: call.principal.client.clone(),
            system: call.principal.system.clone(),
        }
    }

    /// Whether the two may be one person.
    fn may_be(&self, other: &Self) -> bool {
        let name = |officer: &Self| officer.name.reveal().trim().to_lowercase();
        self.client == other.client || name(self) == name(other)
    }
}

/// Who acted on an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Officers {
    proposed: Officer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved: Option<Officer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Officer>,
}

impl Officers {
    fn seal(&self, keys: &Keyring, nonce: [u8; 12]) -> Result<String, StoreError> {
        let json = serde_json::to_vec(self).map_err(|_| StoreError::Corrupt)?;
        keys.seal_token(OFFICERS, nonce, &json).ok_or(StoreError::Corrupt)
    }

    fn open(keys: &Keyring, sealed: &str) -> Result<Self, StoreError> {
        let json = keys.open_token(OFFICERS, sealed).ok_or(StoreError::Corrupt)?;
        serde_json::from_slice(&json).map_err(|_| StoreError::Corrupt)
    }
}

/// The libraries in a column.
fn organisations(column: &str) -> impl Iterator<Item = OrganisationId> {
    column.split(' ').filter_map(|id| id.parse().ok())
}

/// The person and everybody who was merged into this one.
fn people(row: &ErasureRow) -> Vec<PersonId> {
    let merged = row.merged.chunks(16).filter_map(PersonId::from_slice);
    std::iter::once(row.person_id).chain(merged).collect()
}

/// Only who works for all libraries of an erasure sees it: it would else tell one library of another (R50).
fn may_see(call: &Call, catalogue: &Catalogue, row: &ErasureRow) -> bool {
    organisations(&row.organisations).all(|library| call.serves(catalogue, &library))
}

/// The service itself, as who acts.
fn ourselves() -> Result<Call, Stop> {
    let principal = Principal {
        client: OWN_CLIENT.to_owned(),
        system: OWN_CLIENT.parse().map_err(|_| StoreError::Corrupt)?,
        scopes: std::collections::BTreeSet::new(),
    };
    Ok(Call::new(principal, Language::default()))
}

/// Says in an entry which erasure it is about.
fn about<'a>(leaf: &mut Leaf<'a>, id: &'a str, organisation: &'a OrganisationId) {
    leaf.organisation = Some(organisation.into());
    leaf.outcome = Some("ok".into());
    leaf.extra.insert(ERASURE.into(), id.into());
}

fn entry(tx: &mut Tx<'_>, id: ErasureId, entry: EntryId, log: &str, kind: &str) -> Result<(), StoreError> {
    tx.insert_erasure_entries(&[ErasureEntryRow {
        erasure_id: id,
        entry_id: *entry.as_bytes(),
        log: log.to_owned(),
        kind: kind.to_owned(),
    }])
}
