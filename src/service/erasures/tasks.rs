//! What a system must do about an erasure, and its answer. A system sees its own tasks, by its own ids, and no other's.

use super::carry_out::admin_entry_by;
use super::{KeepGround, TaskOutcome, may_see, organisations, people};
use crate::domain::ids::{ErasureId, ErasureTaskId, OrganisationId};
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::lane::Verb;
use crate::service::refusal::{Conflict, Invalid, Refusal};
use crate::service::shared::Shared;
use crate::service::work::{Stop, Subjects, Work};
use crate::store::{ErasureTaskRow, StoreError};

/// A task as its system sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureTask {
    /// Its id.
    pub id: ErasureTaskId,
    /// By which ids the system knows the person, and at which library.
    pub people: Vec<(OrganisationId, String)>,
    /// `pending`, `escalated` or `acknowledged`.
    pub state: String,
    /// What the system did.
    pub outcome: Option<TaskOutcome>,
    /// On which ground it keeps something, and until when.
    pub kept: Option<(KeepGround, Option<Moment>)>,
    /// When it was given.
    pub created_at: Moment,
    /// Until when it is to be answered.
    pub due_at: Moment,
    /// When it was answered.
    pub acknowledged_at: Option<Moment>,
}

/// Read the tasks of the calling system.
#[derive(Debug, Clone)]
pub struct ListTasks {
    /// Only those in a state.
    pub state: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// Tasks, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// Tasks.
    pub items: Vec<ErasureTask>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// Answer a task.
#[derive(Debug, Clone)]
pub struct AcknowledgeTask {
    /// Which.
    pub id: ErasureTaskId,
    /// The erasure, when an officer answers for the system.
    pub of: Option<ErasureId>,
    /// What was done.
    pub outcome: TaskOutcome,
    /// On which ground something is kept, and until when.
    pub kept: Option<(KeepGround, Option<Moment>)>,
}

impl Service {
    /// The tasks of the calling system, oldest first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn erasure_tasks(&self, call: &Call, verb: ListTasks) -> Result<TaskPage, Refusal> {
        let after = verb.cursor.as_deref().map(place).transpose()?;
        self.read(call, move |call, work| {
            call.require(Scope::ChangesRead)?;
            let system = call.principal.system.as_str();
            let most = u32::try_from(verb.limit + 1).unwrap_or(u32::MAX);
            let mut rows = work
                .tx()
                .erasure_tasks_for(system, verb.state.as_deref(), after, most)?;
            let more = rows.len() > verb.limit;
            rows.truncate(verb.limit);
            let last = rows
                .last()
                .map(|row| format!("{}~{}", row.created_at.micros(), row.id));
            let items: Result<_, Stop> = rows.iter().map(|row| view(work, row)).collect();
            Ok(TaskPage {
                items: items?,
                next: last.filter(|_| more),
            })
        })
        .await
    }

    /// Answers a task. The same answer again changes nothing.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] also for the task of another system.
    pub async fn acknowledge_task(&self, call: &Call, verb: AcknowledgeTask) -> Result<ErasureTask, Refusal> {
        self.settle_task(call, verb).await
    }
}

impl Verb for AcknowledgeTask {
    type Answer = ErasureTask;

    fn subjects(&self, _: &Shared, _: &Call, _: &mut Subjects) {}

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<ErasureTask, Stop> {
        let mut task = work.tx().erasure_task(self.id)?.ok_or(Refusal::NotFound)?;
        let row = work.tx().erasure(task.erasure_id)?.ok_or(StoreError::Corrupt)?;
        // A system answers its own tasks; an officer those of an erasure that they see, for a recipient that cannot.
        let theirs = match self.of {
            None => {
                call.require(Scope::ChangesRead)?;
                task.system == call.principal.system.as_str()
            }
            Some(erasure) => {
                call.require(Scope::RightsManage)?;
                erasure == row.id && may_see(call, work.catalogue(), &row)
            }
        };
        if !theirs {
            return Err(Refusal::NotFound.into());
        }
        let before = task.state.clone();
        let earlier = task
            .outcome
            .as_deref()
            .map(|word| TaskOutcome::parse(word).ok_or(StoreError::Corrupt));
        match (earlier.transpose()?, self.outcome) {
            (Some(earlier), outcome) if earlier == outcome => return view(work, &task),
            (None, _) | (Some(TaskOutcome::Kept), TaskOutcome::Erased) => {}
            (Some(_), _) => return Err(Refusal::Conflict(Conflict::AlreadyAcknowledged).into()),
        }
        task.state = "acknowledged".to_owned();
        task.outcome = Some(self.outcome.as_str().to_owned());
        task.kept_ground = self.kept.map(|(ground, _)| ground.as_str().to_owned());
        task.kept_until = self.kept.and_then(|(_, until)| until);
        task.acknowledged_at = Some(work.now);
        let answer = view(work, &task)?;
        let system = call.principal.system.clone();
        let facts = [
            ("outcome", self.outcome.as_str()),
            ("recipient", task.system.as_str()),
        ];
        admin_entry_by(work, &system, &row, "erasure.acknowledged", &facts)?;
        work.tx().acknowledge_erasure_task(&task, &before)?;
        Ok(answer)
    }
}

fn view(work: &mut Work<'_, '_>, task: &ErasureTaskRow) -> Result<ErasureTask, Stop> {
    let row = work.tx().erasure(task.erasure_id)?.ok_or(StoreError::Corrupt)?;
    let system = task.system.parse().map_err(|_| StoreError::Corrupt)?;
    let ids = people(&row);
    let keys = &work.shared.keys;
    let people = organisations(&task.organisations)
        .flat_map(|library| ids.iter().map(move |id| (library.clone(), *id)))
        .map(|(library, id)| {
            let known = keys.pairwise(&system, &library, id);
            (library, known)
        })
        .collect();
    let ground = task
        .kept_ground
        .as_deref()
        .map(|word| KeepGround::parse(word).ok_or(StoreError::Corrupt));
    let outcome = task
        .outcome
        .as_deref()
        .map(|word| TaskOutcome::parse(word).ok_or(StoreError::Corrupt));
    Ok(ErasureTask {
        id: task.id,
        people,
        state: task.state.clone(),
        outcome: outcome.transpose()?,
        kept: ground.transpose()?.map(|ground| (ground, task.kept_until)),
        created_at: task.created_at,
        due_at: task.due_at,
        acknowledged_at: task.acknowledged_at,
    })
}

fn place(cursor: &str) -> Result<(Moment, ErasureTaskId), Refusal> {
    let read = || {
        let (at, id) = cursor.split_once('~')?;
        Some((Moment::from_micros(at.parse().ok()?), id.parse().ok()?))
    };
    let detail = "give the nextCursor of the page before, unchanged";
    read().ok_or_else(|| Invalid::new("?cursor", "unknown-cursor", detail).into())
}
