//! The second place for checkpoints, and what it is good for: a database that does not lead to a checkpoint that was signed
//! was rolled back, and would let withdrawn consents live again.

use std::collections::BTreeMap;
use std::fmt;

use super::origin::current;
use super::tree::StoredTree;
use super::{LogKeys, SequenceError};
use crate::audit::checkpoint::Checkpoint;
use crate::crypto::note::{Note, VerifierKey};
use crate::store::{HeadRow, LogRow, LogState, StoreError, Tx};

/// A place outside the database, and outside its backups, that keeps the newest checkpoint of each origin.
pub trait KeepCheckpoints: Send + Sync + fmt::Debug {
    /// The newest checkpoint of every origin, as signed notes.
    ///
    /// # Errors
    /// When the place cannot be read, or holds something else.
    fn kept(&self) -> std::io::Result<Vec<String>>;

    /// Keeps a checkpoint with its note, durably when this returns. One that is larger stays where it is.
    ///
    /// # Errors
    /// When the place cannot be written.
    fn keep(&self, checkpoint: &Checkpoint, note: &str) -> std::io::Result<()>;
}

/// A checkpoint that we signed and that the database must lead to.
#[derive(Debug, Clone)]
pub(super) struct Trusted {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
}

/// How the database contradicts a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The log.
    pub log: String,
    /// The origin that the database has for it now.
    pub origin: String,
    /// Entries of that origin in the database.
    pub found: u64,
    /// The origin of the checkpoint.
    pub kept_origin: String,
    /// Entries of the checkpoint.
    pub kept: u64,
    /// The checkpoint as it was signed.
    pub note: String,
    /// In which way.
    pub kind: ContradictionKind,
}

/// In which way a database contradicts a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContradictionKind {
    /// The database has fewer entries, or knows nothing of the origin.
    Behind,
    /// The database has as many entries or more, and they are others.
    Other,
    /// The checkpoint carries the name of our log and is signed with another key: it is that of another database.
    Foreign,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            log,
            found,
            kept,
            kept_origin,
            ..
        } = self;
        match self.kind {
            ContradictionKind::Behind if *kept_origin == self.origin => write!(
                f,
                "The log {log} has {found} entries in the database, and a checkpoint of {kept} entries was signed: the \
                 database was rolled back."
            ),
            ContradictionKind::Behind => write!(
                f,
                "A checkpoint of {kept_origin} was signed, and the database does not know that log: it was rolled back."
            ),
            ContradictionKind::Other => write!(
                f,
                "The entries of the log {log} in the database are not those that the checkpoint of {kept} entries was \
                 signed over: the database was rolled back or changed."
            ),
            ContradictionKind::Foreign => write!(
                f,
                "The checkpoint kept for the log {log} was signed with another key: the database was replaced, or it \
                 keeps its checkpoints in the place of another one."
            ),
        }?;
        f.write_str(
            " Nothing is recorded and nothing permitted, because withdrawals may be lost. Restore the newest database, \
             or accept the loss with `akkoord audit reopen --config FILE --accept-loss`.",
        )
    }
}

impl Contradiction {
    /// Whether it is true wherever it is seen from, and not only about the place where this node keeps checkpoints.
    pub(super) fn is_everywhere(&self) -> bool {
        self.kind != ContradictionKind::Foreign
    }
}

impl From<Contradiction> for SequenceError {
    fn from(contradiction: Contradiction) -> Self {
        Self::Contradiction(Box::new(contradiction))
    }
}

/// What the notes say about the database.
#[derive(Debug, Default)]
pub(super) struct Assessment {
    /// The largest checkpoint of each origin, by its number, that the database leads to.
    pub(super) trusted: BTreeMap<u64, Trusted>,
    /// Where it does not.
    pub(super) contradictions: Vec<Contradiction>,
}

/// Compares the database with checkpoints that were signed.
pub(super) fn assess(tx: &mut Tx<'_>, keys: &LogKeys, notes: &[String]) -> Result<Assessment, SequenceError> {
    let rows = tx.audit_logs()?;
    let mut assessment = Assessment::default();
    for note in notes {
        let checkpoint = read(note)?;
        match rows.iter().find(|row| row.origin == checkpoint.origin) {
            // It lost entries once, and an operator accepted that; it never grows again.
            Some(row) if row.state == LogState::Closed => {}
            Some(row) => {
                let head = tx.audit_head(row.id)?.ok_or(StoreError::Corrupt)?;
                let found = if opens(note, &row.vkey) {
                    compare(tx, row, &head, &checkpoint, note)?
                } else {
                    Some(contradiction(
                        row,
                        head.size,
                        &checkpoint,
                        note,
                        ContradictionKind::Foreign,
                    ))
                };
                match found {
                    Some(found) => assessment.contradictions.push(found),
                    None => trust(&mut assessment.trusted, row.id, checkpoint, note),
                }
            }
            // Of an origin that this database does not know: ours, of a time that it lost, or somebody else's.
            None => {
                let ours = keys.iter().find(|(_, key)| {
                    VerifierKey::new(&checkpoint.origin, key.public())
                        .is_ok_and(|vkey| opens(note, &vkey.to_text()))
                });
                if let Some(row) = ours.and_then(|(log, _)| current(&rows, log)) {
                    let size = tx.audit_head(row.id)?.map_or(0, |head| head.size);
                    let found = contradiction(row, size, &checkpoint, note, ContradictionKind::Behind);
                    assessment.contradictions.push(found);
                }
            }
        }
    }
    for row in rows.iter().filter(|row| row.state == LogState::Halted) {
        if assessment.contradictions.iter().any(|found| found.log == row.log) {
            continue;
        }
        assessment.contradictions.push(recorded(tx, row)?);
    }
    Ok(assessment)
}

/// What another node saw, or this one before.
pub(super) fn recorded(tx: &mut Tx<'_>, row: &LogRow) -> Result<Contradiction, SequenceError> {
    let size = tx.audit_head(row.id)?.map_or(0, |head| head.size);
    let note = row.contradiction.as_deref().unwrap_or_default();
    let checkpoint = read(note)?;
    let kind = match size < checkpoint.size || checkpoint.origin != row.origin {
        true => ContradictionKind::Behind,
        false => ContradictionKind::Other,
    };
    Ok(contradiction(row, size, &checkpoint, note, kind))
}

/// Whether the tree below a head is one that a checkpoint of ours is a beginning of.
pub(super) fn compare(
    tx: &mut Tx<'_>,
    row: &LogRow,
    head: &HeadRow,
    checkpoint: &Checkpoint,
    note: &str,
) -> Result<Option<Contradiction>, StoreError> {
    let kind = if head.size < checkpoint.size {
        ContradictionKind::Behind
    } else if StoredTree::below(tx, head)?.root_at(checkpoint.size)? == checkpoint.root {
        return Ok(None);
    } else {
        ContradictionKind::Other
    };
    Ok(Some(contradiction(row, head.size, checkpoint, note, kind)))
}

fn contradiction(
    row: &LogRow,
    found: u64,
    checkpoint: &Checkpoint,
    note: &str,
    kind: ContradictionKind,
) -> Contradiction {
    Contradiction {
        log: row.log.clone(),
        origin: row.origin.clone(),
        found,
        kept_origin: checkpoint.origin.clone(),
        kept: checkpoint.size,
        note: note.to_owned(),
        kind,
    }
}

/// Remembers the larger of two checkpoints.
pub(super) fn trust(trusted: &mut BTreeMap<u64, Trusted>, log_id: u64, checkpoint: Checkpoint, note: &str) {
    if trusted
        .get(&log_id)
        .is_none_or(|known| known.checkpoint.size <= checkpoint.size)
    {
        let note = note.to_owned();
        trusted.insert(log_id, Trusted { checkpoint, note });
    }
}

/// Reads a note without asking who signed it.
fn read(note: &str) -> Result<Checkpoint, SequenceError> {
    let parsed = Note::parse(note).map_err(|error| error.to_string());
    let parsed = parsed.and_then(|note| Checkpoint::parse_body(note.text).map_err(|error| error.to_string()));
    parsed.map_err(|why| SequenceError::Outside(std::io::Error::new(std::io::ErrorKind::InvalidData, why)))
}

/// Whether a note opens with a verifier key.
pub(super) fn opens(note: &str, vkey: &str) -> bool {
    VerifierKey::parse(vkey).is_ok_and(|key| Checkpoint::open(note, &[key]).is_ok())
}
