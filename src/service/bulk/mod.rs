//! Bulk checks: a whole campaign in one go. The list is a stream, cut into chunks of thousands of people; each chunk is
//! answered by the same rules as a single check, from the state as it is then, and is in the audit log before anybody
//! hears of it: one line with the counts, and the packed entries of its people ([`crate::audit::bulk`]).
//!
//! Chunks go to threads of their own, so that no single check waits for a campaign. Memory is bounded: a caller may have
//! [`AHEAD`] chunks under way, and a system [`PER_SYSTEM`] checks.

mod chunk;
mod pool;
pub(super) mod search;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

pub(super) use self::pool::Pool;
use super::Service;
use super::call::{Call, Scope};
use super::refusal::{Invalid, Refusal};
use super::work::{dated_id, may_use_scheme};
use crate::audit::bulk::MOST_SCOPES;
use crate::audit::leaf::EntryId;
use crate::domain::decision::{Effect, Question, ReasonCode};
use crate::domain::ids::{DataScopeId, SchemeId, SystemId};
use crate::domain::personal::Personal;
use crate::domain::purpose::Action;
use crate::world::random;

/// Most people in one chunk.
pub const CHUNK: usize = 8_192;

/// Chunks that one check may have under way.
pub const AHEAD: usize = 4;

/// Bulk checks of one system at the same time.
pub const PER_SYSTEM: usize = 2;

/// Bulk checks at the same time.
const AT_ONCE: usize = 8;

/// How the people of a list are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListOf {
    /// By an identifier of this scheme.
    Scheme(SchemeId),
    /// By the caller's own pairwise ids.
    PersonIds,
}

/// What is asked about everybody on a list.
#[derive(Debug, Clone)]
pub struct BulkQuestion {
    /// The question. Its action is not `enrich`.
    pub question: Question,
    /// How people are named.
    pub list: ListOf,
    /// The caller's own reference.
    pub reference: Option<Personal<String>>,
}

/// The people of one chunk: normalised identifiers or pairwise ids, in one text.
#[derive(Clone, Default)]
pub struct Listed {
    text: String,
    ends: Vec<u32>,
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed")
            .field("people", &self.ends.len())
            .finish_non_exhaustive()
    }
}

impl Listed {
    /// Adds somebody.
    pub fn push(&mut self, value: &str) {
        self.text.push_str(value);
        // A chunk is far from four gigabytes: identifiers are short and counted.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nobody is listed.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Everybody, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, to)| {
            let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
            self.text.get(place(from)..place(*to)).unwrap_or_default()
        })
    }
}

/// The answer about one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BulkAnswer {
    /// Decided: the decisive reason, and bit i for the ith data scope of the question that may be used.
    Decided(ReasonCode, u64),
    /// The person's key or record does not open: never a permit. A single check is refused with 503.
    Unreadable,
}

/// The word for [`BulkAnswer::Unreadable`], where a reason code stands otherwise.
pub const UNREADABLE: &str = "unavailable";

impl BulkAnswer {
    /// Permit or deny.
    pub const fn effect(self) -> Effect {
        match self {
            Self::Decided(reason, _) => reason.effect(),
            Self::Unreadable => Effect::Deny,
        }
    }

    /// The decisive reason as a word.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Decided(reason, _) => reason.as_str(),
            Self::Unreadable => UNREADABLE,
        }
    }

    /// The data that may be used, out of those that were asked for.
    pub fn scopes(self, question: &Question) -> impl Iterator<Item = &DataScopeId> {
        let mask = match self {
            Self::Decided(_, mask) => mask,
            Self::Unreadable => 0,
        };
        let asked = question.data_scopes.iter().take(MOST_SCOPES).enumerate();
        asked
            .filter(move |(at, _)| mask >> at & 1 == 1)
            .map(|(_, scope)| scope)
    }
}

/// A bulk check that runs. It ends when this value is dropped; what was answered stays recorded.
#[derive(Debug)]
pub struct BulkCheck {
    service: Service,
    task: Arc<Task>,
    next: u32,
    _slot: Slot,
}

/// What every chunk of one check shares.
#[derive(Debug)]
struct Task {
    call: Call,
    asked: BulkQuestion,
    id: EntryId,
}

/// A chunk that is being checked.
#[derive(Debug)]
pub struct Pending {
    answer: oneshot::Receiver<Result<Vec<BulkAnswer>, Refusal>>,
    deadline: Duration,
}

impl Pending {
    /// The answers, in the order of the list, once they are recorded.
    ///
    /// # Errors
    /// [`Refusal`]; whether the chunk was recorded is then unknown, and nobody of it may be taken as permitted.
    pub async fn answers(&mut self) -> Result<Vec<BulkAnswer>, Refusal> {
        match tokio::time::timeout(self.deadline, &mut self.answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

/// Why a bulk check does not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BulkRefused {
    /// As any use case.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The system has as many bulk checks under way as it may have.
    #[error("the system has as many bulk checks under way as it may have")]
    TooMany,
}

impl Service {
    /// Begins a bulk check.
    ///
    /// # Errors
    /// [`BulkRefused`].
    pub fn begin_bulk(&self, call: &Call, asked: BulkQuestion) -> Result<BulkCheck, BulkRefused> {
        call.require(Scope::DecisionsCheck)?;
        let shared = self.shared();
        if asked.question.action == Action::Enrich {
            let detail = "each permit to enrich is written into the person's own history; ask for one person at a time";
            return Err(Refusal::from(Invalid::new("?action", "not-in-bulk", detail)).into());
        }
        if asked.question.data_scopes.len() > MOST_SCOPES {
            return Err(
                Refusal::from(Invalid::new("?dataScopes", "too-many", "too many kinds of data")).into(),
            );
        }
        let catalogue = self.catalogue();
        if let ListOf::Scheme(scheme) = &asked.list
            && !may_use_scheme(shared, &catalogue, &asked.question.system, scheme)
        {
            let detail =
                "this system may not use that identifier scheme; use one that systems.toml lists for it";
            return Err(Refusal::from(Invalid::new("?scheme", "scheme-not-allowed", detail)).into());
        }
        if shared.standing.is_halted() {
            return Err(Refusal::Unavailable.into());
        }
        let slot = self.bulk_pool().slots().take(&asked.question.system)?;
        let id = EntryId::from_bytes(dated_id(shared.world.now(), random(&*shared.world)));
        Ok(BulkCheck {
            service: self.clone(),
            task: Arc::new(Task {
                call: call.clone(),
                asked,
                id,
            }),
            next: 0,
            _slot: slot,
        })
    }
}

impl BulkCheck {
    /// The id of this check; also that of the line of its first chunk.
    pub fn id(&self) -> EntryId {
        self.task.id
    }

    /// The question.
    pub fn question(&self) -> &Question {
        &self.task.asked.question
    }

    /// Hands in the next chunk, of [`CHUNK`] people at most. Chunks may be handed in before earlier ones are answered.
    ///
    /// # Errors
    /// [`Refusal`] when there is no room or the service stops.
    pub fn submit(&mut self, people: Listed) -> Result<Pending, Refusal> {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let (reply, answer) = oneshot::channel();
        let pool = self.service.bulk_pool();
        pool.enqueue(pool::Job {
            task: Arc::clone(&self.task),
            number,
            people,
            reply,
        })?;
        Ok(Pending {
            answer,
            deadline: pool.deadline(),
        })
    }
}

/// How many bulk checks run, by system.
#[derive(Debug, Default)]
pub(super) struct Slots(Arc<Mutex<HashMap<SystemId, usize>>>);

/// One of them.
#[derive(Debug)]
struct Slot {
    system: SystemId,
    all: Arc<Mutex<HashMap<SystemId, usize>>>,
}

impl Slots {
    fn take(&self, system: &SystemId) -> Result<Slot, BulkRefused> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().sum::<usize>() >= AT_ONCE {
            return Err(Refusal::Busy.into());
        }
        let running = all.entry(system.clone()).or_default();
        if *running >= PER_SYSTEM {
            return Err(BulkRefused::TooMany);
        }
        *running += 1;
        Ok(Slot {
            system: system.clone(),
            all: Arc::clone(&self.0),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = all.get_mut(&self.system) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                all.remove(&self.system);
            }
        }
    }
}
