//! Erasures as officers see them.

use super::keeps::{Keep, keeps};
use super::{
    ApproveErasure, ErasureFigures, ErasureGround, ErasureState, KeepGround, Officer, Officers,
    ProposeErasure, Proposed, RefuseErasure, WithdrawErasure, may_see, organisations,
};
use crate::domain::ids::{ErasureId, OrganisationId, RightsRequestId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::lane::Verb;
use crate::service::refusal::{Invalid, Refusal};
use crate::service::verbs::Done;
use crate::service::work::{Stop, Work};
use crate::store::{ErasureEntryRow, ErasureRow, ErasureTaskRow, StoreError};

/// How many erasures are looked at for one page, of which a caller may see some.
const LOOK_AT: u32 = 1_000;

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// The caller's id of the person.
    pub person_id: String,
    /// The library that deals with it.
    pub organisation: OrganisationId,
    /// The libraries it is for.
    pub organisations: Vec<OrganisationId>,
    /// On which ground.
    pub ground: ErasureGround,
    /// The rights request it answers.
    pub rights_request: Option<RightsRequestId>,
    /// Where it stands.
    pub state: ErasureState,
    /// Days between approval and erasure.
    pub cooling_days: u64,
    /// Who proposed it and when.
    pub proposed: Step,
    /// Who approved it and when.
    pub approved: Option<Step>,
    /// Who withdrew or refused it and when.
    pub ended: Option<Step>,
    /// On which ground it was refused, and until when that holds.
    pub refused: Option<(KeepGround, Option<Moment>)>,
    /// From when on it is carried out.
    pub due_at: Option<Moment>,
    /// When the person was erased here.
    pub erased_at: Option<Moment>,
    /// When key and rows were seen to be gone.
    pub key_deleted_at: Option<Moment>,
    /// The last epoch of the key.
    pub epoch: Option<i64>,
    /// When older backups became unreadable.
    pub epoch_destroyed_at: Option<Moment>,
    /// When every system had answered.
    pub completed_at: Option<Moment>,
    /// What is not erased, and what follows for others.
    pub keeps: Vec<Keep>,
    /// What the systems do.
    pub tasks: Vec<ErasureTaskRow>,
    /// The entries of the logs that tell of it.
    pub entries: Vec<ErasureEntryRow>,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// Who.
    pub officer: Personal<String>,
    /// Through which system.
    pub system: String,
}

/// Erasures, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasurePage {
    /// Erasures.
    pub items: Vec<Erasure>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Service {
    /// Proposes to erase somebody.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn propose_erasure(
        &self,
        call: &Call,
        verb: ProposeErasure,
    ) -> Result<Done<Proposed>, Refusal> {
        self.change(call, verb).await
    }

    /// Approves what another officer proposed.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn approve_erasure(&self, call: &Call, verb: ApproveErasure) -> Result<(), Refusal> {
        self.settle(call, verb).await
    }

    /// Withdraws an erasure before it is carried out.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn withdraw_erasure(&self, call: &Call, verb: WithdrawErasure) -> Result<(), Refusal> {
        self.settle(call, verb).await
    }

    /// Refuses an erasure before it is carried out.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn refuse_erasure(&self, call: &Call, verb: RefuseErasure) -> Result<(), Refusal> {
        self.settle(call, verb).await
    }

    /// One erasure.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] also for one that the caller may not see.
    pub async fn erasure(&self, call: &Call, id: ErasureId) -> Result<Erasure, Refusal> {
        self.read(call, move |call, work| {
            call.require(Scope::RightsManage)?;
            let row = work.tx().erasure(id)?.ok_or(Refusal::NotFound)?;
            if !may_see(call, work.catalogue(), &row) {
                return Err(Refusal::NotFound.into());
            }
            view(call, work, row)
        })
        .await
    }

    /// Erasures that the caller may see, newest first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn erasures(
        &self,
        call: &Call,
        state: Option<ErasureState>,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<ErasurePage, Refusal> {
        let before = cursor.as_deref().map(place).transpose()?;
        self.read(call, move |call, work| {
            call.require(Scope::RightsManage)?;
            let rows = work.tx().erasures_before(before, LOOK_AT)?;
            let (full, now) = (rows.len() == usize::try_from(LOOK_AT).unwrap_or(0), work.now);
            let (mut items, mut last) = (Vec::new(), None);
            let count = rows.len();
            for (index, row) in rows.into_iter().enumerate() {
                last = Some((row.proposed_at, row.id));
                let wanted = state.is_none_or(|state| state_of(&row, now) == Some(state));
                if wanted && may_see(call, work.catalogue(), &row) {
                    items.push(view(call, work, row)?);
                }
                if items.len() == limit {
                    let more = full || index + 1 < count;
                    return Ok(ErasurePage {
                        items,
                        next: last.filter(|_| more).map(cursor_of),
                    });
                }
            }
            Ok(ErasurePage {
                items,
                next: last.filter(|_| full).map(cursor_of),
            })
        })
        .await
    }

    /// What stands open, as the last count had it.
    pub fn erasure_figures(&self) -> &ErasureFigures {
        &self.shared().erasures
    }

    async fn settle<V: Verb>(&self, call: &Call, verb: V) -> Result<V::Answer, Refusal> {
        let lane = self.0.changes.as_ref().unwrap_or(&self.0.checks);
        lane.submit(call, verb).await
    }

    /// Answers a task; in the same lane as other changes.
    pub(super) async fn settle_task<V: Verb>(&self, call: &Call, verb: V) -> Result<V::Answer, Refusal> {
        self.settle(call, verb).await
    }
}

fn cursor_of((at, id): (Moment, ErasureId)) -> String {
    format!("{}~{id}", at.micros())
}

fn place(cursor: &str) -> Result<(Moment, ErasureId), Refusal> {
    let read = || {
        let (at, id) = cursor.split_once('~')?;
        Some((Moment::from_micros(at.parse().ok()?), id.parse().ok()?))
    };
    let detail = "give the nextCursor of the page before, unchanged";
    read().ok_or_else(|| Invalid::new("?cursor", "unknown-cursor", detail).into())
}

/// Where it stands at an instant.
pub(super) fn state_of(row: &ErasureRow, now: Moment) -> Option<ErasureState> {
    let state = ErasureState::parse(&row.state)?;
    let waits = row.cooling_days > 0 && row.due_at.is_some_and(|due| due > now);
    Some(match state {
        ErasureState::Approved if waits => ErasureState::CoolingOff,
        state => state,
    })
}

pub(super) fn view(call: &Call, work: &mut Work<'_, '_>, row: ErasureRow) -> Result<Erasure, Stop> {
    let officers = Officers::open(&work.shared.keys, &row.officers)?;
    let organisation: OrganisationId = row.organisation.parse().map_err(|_| StoreError::Corrupt)?;
    let refused = row.refused_ground.as_deref().map(KeepGround::parse);
    let step = |officer: &Officer, at: Moment| Step {
        at,
        officer: officer.name.clone(),
        system: officer.system.to_string(),
    };
    Ok(Erasure {
        id: row.id,
        person_id: work
            .shared
            .keys
            .pairwise(&call.principal.system, &organisation, row.person_id),
        organisations: organisations(&row.organisations).collect(),
        organisation,
        ground: ErasureGround::parse(&row.ground).ok_or(StoreError::Corrupt)?,
        rights_request: row.rights_request_id,
        state: state_of(&row, work.now).ok_or(StoreError::Corrupt)?,
        cooling_days: row.cooling_days,
        proposed: step(&officers.proposed, row.proposed_at),
        approved: officers
            .approved
            .as_ref()
            .zip(row.approved_at)
            .map(|(o, at)| step(o, at)),
        ended: officers
            .ended
            .as_ref()
            .zip(row.ended_at)
            .map(|(o, at)| step(o, at)),
        refused: match refused {
            Some(ground) => Some((ground.ok_or(StoreError::Corrupt)?, row.refused_until)),
            None => None,
        },
        due_at: row.due_at,
        erased_at: row.erased_at,
        key_deleted_at: row.key_deleted_at,
        epoch: row.epoch,
        epoch_destroyed_at: row.epoch_destroyed_at,
        completed_at: row.completed_at,
        keeps: keeps(work, &row)?,
        tasks: work.tx().erasure_tasks_of(row.id)?,
        entries: work.tx().erasure_entries(row.id)?,
    })
}
