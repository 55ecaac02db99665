//! The sequencer: one pass over the logs at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::leader::Leadership;
use super::outside::{self, KeepCheckpoints, Trusted};
use super::turn::{self, Turning};
use super::{LogKeys, Pace, SequenceError, Step, tree};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::tile::{Content, Tile};
use crate::domain::moment::Moment;
use crate::store::{
    CheckpointRow, HeadRow, LogRow, LogState, PlaceRow, QueuedBatch, Session, Store, StoreError, TileRow, Tx,
};
use crate::world::World;

/// Most batches of one transaction: SQLite's writers wait for it.
const SET: u32 = 256;

/// One published checkpoint is left of each hour; of the current one, the newest.
const HOUR: i64 = 3_600_000_000;

/// What a sequencer is made of.
#[derive(Debug)]
pub struct SequencerOptions {
    /// The database.
    pub store: Store,
    /// Keys of the logs.
    pub keys: Arc<LogKeys>,
    /// Where checkpoints are kept outside the database.
    pub outside: Option<Arc<dyn KeepCheckpoints>>,
    /// The clock.
    pub world: Arc<dyn World>,
    /// Name of this node, for operators.
    pub node: String,
    /// How patient it is with another leader.
    pub pace: Pace,
    /// For tests of crashes: end each pass after this step.
    pub stop_after: Option<Step>,
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// Whether this node leads.
    pub leading: bool,
    /// Whether more was waiting than one pass takes.
    pub more: bool,
    /// New checkpoints.
    pub published: Vec<Published>,
}

/// A new checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The log.
    pub log: String,
    /// Entries it covers.
    pub size: u64,
    /// How many of them are new.
    pub added: u64,
}

/// Gives entries their places, and signs and publishes checkpoints.
pub struct Sequencer {
    options: SequencerOptions,
    session: Session,
    leadership: Leadership,
    /// By origin, the newest checkpoint that was signed. The database must lead to it, always.
    trusted: BTreeMap<u64, Trusted>,
    assessed: bool,
}

impl std::fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequencer")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What is to be done, as one snapshot shows it.
struct Survey {
    logs: Vec<Surveyed>,
    /// Checkpoints of other leaders that this node has yet to keep.
    unkept: Vec<(u64, Checkpoint, String)>,
}

struct Surveyed {
    row: LogRow,
    head: HeadRow,
    queued: bool,
    published: Option<u64>,
}

impl Surveyed {
    fn has_work(&self) -> bool {
        self.queued || self.published.is_none_or(|size| size < self.head.size)
    }
}

impl Sequencer {
    /// A sequencer that has not looked at anything yet.
    pub fn new(options: SequencerOptions) -> Self {
        Self {
            session: options.store.session(),
            leadership: Leadership::new(options.node.clone(), options.pace.patience),
            trusted: BTreeMap::new(),
            assessed: false,
            options,
        }
    }

    /// Compares the database with every checkpoint that is kept outside it.
    ///
    /// # Errors
    /// [`SequenceError::Contradiction`] for a database that was rolled back; [`SequenceError::Outside`] when the
    /// checkpoints cannot be read.
    pub fn assess(&mut self) -> Result<(), SequenceError> {
        let mut notes = match &self.options.outside {
            Some(outside) => outside.kept().map_err(SequenceError::Outside)?,
            None => Vec::new(),
        };
        // What was signed counts also where nothing is kept.
        notes.extend(self.trusted.values().map(|trusted| trusted.note.clone()));
        let keys = Arc::clone(&self.options.keys);
        let assessment = self
            .options
            .store
            .read("assess_logs", |tx| outside::assess(tx, &keys, &notes))?;
        if let Some(found) = assessment.contradictions.into_iter().next() {
            self.halt(&found);
            return Err(found.into());
        }
        self.trusted = assessment.trusted;
        self.assessed = true;
        Ok(())
    }

    /// Whether the checkpoints outside the database were read and the database leads to them.
    pub const fn has_assessed(&self) -> bool {
        self.assessed
    }

    /// One pass: takes the lead if nobody has it, and brings every log that has grown up to date.
    ///
    /// # Errors
    /// [`SequenceError`]; the next pass goes on where this one ended.
    pub fn pass(&mut self) -> Result<Passed, SequenceError> {
        let ended = self.try_pass();
        match &ended {
            Err(SequenceError::Contradiction(found)) => self.halt(found),
            Err(SequenceError::Fenced | SequenceError::Store(StoreError::Conflict { .. })) => {
                self.leadership.step_down(&self.options.store, &mut self.session);
                return Ok(Passed::default());
            }
            Err(_) | Ok(_) => {}
        }
        ended
    }

    fn try_pass(&mut self) -> Result<Passed, SequenceError> {
        if !self.assessed {
            self.assess()?;
        }
        let survey = self.survey()?;
        for (log_id, checkpoint, note) in survey.unkept {
            self.keep(log_id, checkpoint, &note)?;
        }
        let heads: Vec<HeadRow> = survey.logs.iter().map(|log| log.head.clone()).collect();
        let waiting = survey.logs.iter().any(Surveyed::has_work);
        let Self {
            options,
            session,
            leadership,
            ..
        } = self;
        if !leadership.lead(&options.store, session, &heads, waiting)? {
            return Ok(Passed::default());
        }
        let mut passed = Passed {
            leading: true,
            ..Passed::default()
        };
        for log in survey.logs.iter().filter(|log| log.has_work()) {
            let (head, more) = self.sequence(&log.row)?;
            passed.more |= more;
            self.sign_and_publish(&log.row, &head)?;
            passed.published.push(Published {
                log: log.row.log.clone(),
                size: head.size,
                added: head.size.saturating_sub(log.published.unwrap_or(0)),
            });
        }
        for log in &survey.logs {
            if turn::is_due(&log.row, &*self.options.world) && self.turn(&log.row)? {
                // The new origin has its first entry, and no checkpoint yet.
                passed.more = true;
            }
        }
        Ok(passed)
    }

    /// Looks at all logs, and whether they still lead to what was signed.
    fn survey(&self) -> Result<Survey, SequenceError> {
        self.options.store.read("survey_logs", |tx| {
            let rows = tx.audit_logs()?;
            let queued = tx.queued_logs()?;
            let mut survey = Survey {
                logs: Vec::new(),
                unkept: Vec::new(),
            };
            for row in rows {
                match row.state {
                    LogState::Closed => continue,
                    LogState::Halted => return Err(outside::recorded(tx, &row)?.into()),
                    LogState::Open => {}
                }
                let head = tx.audit_head(row.id)?.ok_or(StoreError::Corrupt)?;
                let newest = tx.newest_checkpoint(row.id)?;
                let trusted = self.trusted.get(&row.id);
                if let Some(trusted) = trusted
                    && !leads_to(&head, &trusted.checkpoint)
                    && let Some(found) =
                        outside::compare(tx, &row, &head, &trusted.checkpoint, &trusted.note)?
                {
                    return Err(found.into());
                }
                if let Some(newest) = &newest
                    && trusted.is_none_or(|trusted| trusted.checkpoint.size < newest.size)
                {
                    survey.unkept.push(confirm(tx, &row, &head, newest)?);
                }
                survey.logs.push(Surveyed {
                    queued: queued.contains(&row.log),
                    published: newest.map(|newest| newest.size),
                    head,
                    row,
                });
            }
            Ok(survey)
        })
    }

    /// Step 1. Answers the head, and whether more is waiting.
    fn sequence(&mut self, row: &LogRow) -> Result<(HeadRow, bool), SequenceError> {
        let epoch = self.leadership.epoch(row.id)?;
        let trusted = self.trusted.get(&row.id);
        let done = self
            .session
            .change("sequence", |tx| append(tx, row, epoch, trusted))?;
        // A crash here leaves a head without a checkpoint, which the next pass signs.
        self.reached(Step::Sequenced)?;
        Ok(done)
    }

    /// Steps 2 to 4, for a head that a transaction has confirmed to be durable.
    fn sign_and_publish(&mut self, row: &LogRow, head: &HeadRow) -> Result<(), SequenceError> {
        let epoch = self.leadership.epoch(row.id)?;
        let checkpoint = Checkpoint {
            origin: row.origin.clone(),
            size: head.size,
            root: head.root,
        };
        let key = self.options.keys.of(&row.log);
        let key = key.ok_or_else(|| SequenceError::Key { log: row.log.clone() })?;
        let note = checkpoint.sign(key)?;
        // A crash here loses a signature that nobody saw; the next pass makes the same one.
        self.reached(Step::Signed)?;

        self.keep(row.id, checkpoint, &note)?;
        // A crash here leaves a checkpoint outside that the database leads to and does not show; the next pass publishes it.
        self.reached(Step::Kept)?;

        let published_at = self.options.world.now();
        let published = CheckpointRow {
            log_id: row.id,
            size: head.size,
            note,
            cosignatures: String::new(),
            published_at,
        };
        self.session.change("publish", |tx| {
            // A leader that was paused before this has been succeeded; what it would say has been said.
            let now = tx.lock_audit_head(row.id)?.ok_or(StoreError::Corrupt)?;
            if now.leader_epoch != epoch {
                return Err(SequenceError::Fenced);
            }
            tx.insert_checkpoint(&published)?;
            tx.thin_checkpoints(row.id, published.size, hour_of(published_at))?;
            Ok(())
        })?;
        self.reached(Step::Published)
    }

    /// Lets a log go on under the origin of a new year.
    fn turn(&mut self, row: &LogRow) -> Result<bool, SequenceError> {
        let with = Turning {
            keys: &Arc::clone(&self.options.keys),
            world: &*Arc::clone(&self.options.world),
            node: &self.options.node.clone(),
            epoch: self.leadership.epoch(row.id)?,
        };
        let turned = self.session.change("turn_log", |tx| turn::turn(tx, &with, row))?;
        if let Some(new) = &turned {
            tracing::info!(
                log = row.log.as_str(),
                "the log goes on under the origin of a new year"
            );
            self.trusted.remove(&row.id);
            debug_assert_ne!(new.id, row.id, "an origin is never opened twice");
        }
        Ok(turned.is_some())
    }

    /// Keeps a checkpoint outside the database, and from then on in mind.
    fn keep(&mut self, log_id: u64, checkpoint: Checkpoint, note: &str) -> Result<(), SequenceError> {
        if let Some(outside) = &self.options.outside {
            outside.keep(&checkpoint, note).map_err(SequenceError::Outside)?;
        }
        outside::trust(&mut self.trusted, log_id, checkpoint, note);
        Ok(())
    }

    /// Tells every node that a log was rolled back. That this node says so itself does not depend on it.
    fn halt(&mut self, found: &outside::Contradiction) {
        self.assessed = false;
        if !found.is_everywhere() {
            return;
        }
        let told = self.session.change("halt_log", |tx| {
            let rows = tx.audit_logs()?;
            match rows.iter().find(|row| row.origin == found.origin) {
                Some(row) if row.state == LogState::Open => {
                    tx.set_audit_log_state(row.id, LogState::Halted, Some(&found.note))
                }
                Some(_) | None => Ok(false),
            }
        });
        if let Err::<bool, StoreError>(error) = told {
            tracing::error!(error = %error, log = found.log.as_str(), "a rolled-back log could not be marked");
        }
    }

    fn reached(&self, step: Step) -> Result<(), SequenceError> {
        if self.options.stop_after == Some(step) {
            return Err(SequenceError::Stopped(step));
        }
        Ok(())
    }
}

/// The transaction of step 1.
fn append(
    tx: &mut Tx<'_>,
    row: &LogRow,
    epoch: u64,
    trusted: Option<&Trusted>,
) -> Result<(HeadRow, bool), SequenceError> {
    let head = tx.lock_audit_head(row.id)?.ok_or(StoreError::Corrupt)?;
    if head.leader_epoch != epoch {
        return Err(SequenceError::Fenced);
    }
    // Never sign what is inconsistent with what was signed: the survey saw another snapshot than this.
    if let Some(trusted) = trusted
        && !leads_to(&head, &trusted.checkpoint)
        && let Some(found) = outside::compare(tx, row, &head, &trusted.checkpoint, &trusted.note)?
    {
        return Err(found.into());
    }
    let mut queued = tx.queued_hashes(&row.log, SET)?;
    if queued.is_empty() {
        return Ok((head, false));
    }
    let more = queued.len() >= usize::try_from(SET).unwrap_or(usize::MAX);
    // About as they happened. No order is promised: clocks step back, and nodes commit when they can.
    queued.sort_by(|a, b| (a.created_at, &a.node, a.node_seq).cmp(&(b.created_at, &b.node, b.node_seq)));

    let mut edge = tree::edge(&head)?;
    let (mut places, mut tiles) = (Vec::with_capacity(queued.len()), Vec::new());
    for batch in queued {
        let start_index = edge.size();
        let mut full = |tile: Tile, hashes: Vec<u8>| {
            if let Content::Hashes(level) = tile.content {
                tiles.push(TileRow {
                    log_id: row.id,
                    level,
                    index: tile.index,
                    hashes,
                });
            }
        };
        for hash in hashes(&batch)? {
            edge.append(*hash, &mut full);
        }
        places.push(PlaceRow {
            log_id: row.id,
            start_index,
            n: batch.n,
            log: row.log.clone(),
            node: batch.node,
            node_seq: batch.node_seq,
        });
    }
    let next = HeadRow {
        size: edge.size(),
        root: tree::root(&edge)?,
        edge: edge.to_bytes(),
        ..head
    };
    tx.insert_tiles(&tiles)?;
    tx.place_batches(&places)?;
    tx.advance_audit_head(head.size, &next)?;
    Ok((next, more))
}

fn hashes(batch: &QueuedBatch) -> Result<&[[u8; 32]], StoreError> {
    let (hashes, rest) = batch.leaf_hashes.as_chunks::<32>();
    if rest.is_empty() && u64::try_from(hashes.len()) == Ok(batch.n) && batch.n > 0 {
        Ok(hashes)
    } else {
        Err(StoreError::Corrupt)
    }
}

/// Whether it is plain without looking at the tree that a head leads to a checkpoint.
fn leads_to(head: &HeadRow, checkpoint: &Checkpoint) -> bool {
    head.size == checkpoint.size && head.root == checkpoint.root
}

/// A checkpoint that another leader published: ours to keep if the log signed it and the tree leads to it.
fn confirm(
    tx: &mut Tx<'_>,
    row: &LogRow,
    head: &HeadRow,
    newest: &CheckpointRow,
) -> Result<(u64, Checkpoint, String), SequenceError> {
    let key = crate::crypto::note::VerifierKey::parse(&row.vkey)?;
    let checkpoint = Checkpoint::open(&newest.note, &[key]).map_err(|_| StoreError::Corrupt)?;
    match outside::compare(tx, row, head, &checkpoint, &newest.note)? {
        Some(found) => Err(found.into()),
        None => Ok((row.id, checkpoint, newest.note.clone())),
    }
}

fn hour_of(now: Moment) -> Moment {
    Moment::from_micros(now.micros() - now.micros().rem_euclid(HOUR))
}
