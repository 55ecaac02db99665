//! A log in pieces of a few thousand entries, each read in a transaction of its own: a log only grows, so they fit.

use std::collections::{BTreeSet, HashMap};

use super::{ExportError, ExportPlan, reason_of};
use crate::audit::bundle;
use crate::audit::leaf::Leaf;
use crate::audit::opening::Opening;
use crate::audit::private::{AuditKeys, PrivatePlace};
use crate::domain::ids::PersonId;
use crate::service::Service;
use crate::service::work::Log;
use crate::store::{PersonKeyRow, PlacedBatch, PlacedPrivate, StoreError};

/// Entries that are read at a time.
const AT_A_TIME: u64 = 4_096;

/// The batches of a piece, from whose beginning to whose end it goes.
pub(super) struct Piece {
    batches: Vec<PlacedBatch>,
    from: u64,
    to: u64,
}

/// Reads the part of the log that a plan names, piece by piece.
pub(super) struct Pieces<'s> {
    service: &'s Service,
    log_id: u64,
    at: u64,
    to: u64,
}

impl<'s> Pieces<'s> {
    pub(super) const fn of(service: &'s Service, plan: &ExportPlan) -> Self {
        Self::between(service, plan, plan.from, plan.to)
    }

    pub(super) const fn between(service: &'s Service, plan: &ExportPlan, from: u64, to: u64) -> Self {
        Self {
            service,
            log_id: plan.log_id,
            at: from,
            to,
        }
    }

    /// The next piece; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, ExportError> {
        if self.at >= self.to {
            return Ok(None);
        }
        let (log_id, from) = (self.log_id, self.at);
        let until = from.saturating_add(AT_A_TIME).min(self.to);
        let batches = self
            .service
            .store()
            .read("export_piece", |tx| tx.placed_batches(log_id, from, until))?;
        let end = batches.last().map_or(from, |last| last.start_index + count(last));
        let to = end.min(self.to);
        // Places have no gaps; a piece that does not go on where the last one ended was tampered with.
        let mut expected = batches.first().map_or(from, |first| first.start_index.min(from));
        for batch in &batches {
            if batch.start_index != expected {
                return Err(StoreError::Corrupt.into());
            }
            expected += count(batch);
        }
        if to <= from {
            return Err(StoreError::Corrupt.into());
        }
        self.at = to;
        Ok(Some(Piece { batches, from, to }))
    }
}

fn count(batch: &PlacedBatch) -> u64 {
    u64::try_from(batch.leaf_hashes.len() / size_of::<[u8; 32]>()).unwrap_or(0)
}

impl Piece {
    pub(super) const fn entries(&self) -> u64 {
        self.to - self.from
    }

    pub(super) const fn span(&self) -> (u64, u64) {
        (self.from, self.to)
    }

    /// The lines of the piece with their indices.
    pub(super) fn lines(&self) -> impl Iterator<Item = Result<(u64, &[u8]), ExportError>> {
        self.batches.iter().flat_map(|batch| {
            let range = self.from..self.to;
            (batch.start_index..)
                .zip(bundle::entries(&batch.entries))
                .filter(move |(index, _)| range.contains(index))
                .map(|(index, line)| Ok((index, line.map_err(|_| StoreError::Corrupt)?)))
        })
    }

    /// The stored hashes of the lines.
    pub(super) fn hashes(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.batches.iter().flat_map(|batch| {
            let range = self.from..self.to;
            let (hashes, _) = batch.leaf_hashes.as_chunks::<32>();
            (batch.start_index..)
                .zip(hashes)
                .filter(move |(index, _)| range.contains(index))
                .map(|(_, hash)| hash)
        })
    }

    /// The openings of the piece, in the order of its lines. What belongs to somebody who was erased cannot be opened
    /// by anybody and is left out; what does not open although its key is there is an alarm.
    pub(super) fn openings(&self, service: &Service, plan: &ExportPlan) -> Result<Vec<Opening>, ExportError> {
        let first = self.batches.first().map_or(self.from, |batch| batch.start_index);
        let (log_id, to) = (plan.log_id, self.to);
        let (rows, keys) = service
            .store()
            .read("export_openings", |tx| -> Result<_, StoreError> {
                let rows = tx.private_between(log_id, first, to)?;
                let people: BTreeSet<PersonId> = rows.iter().map(|row| row.person_id).collect();
                let keys = tx.keys_of_people(&people.into_iter().collect::<Vec<_>>())?;
                Ok((rows, keys))
            })?;
        let keys = Keys::unwrap(service, &keys);
        let mut rows = rows.into_iter().peekable();
        let mut openings = Vec::new();
        for batch in &self.batches {
            for (off, line) in bundle::entries(&batch.entries).enumerate() {
                let line = line.map_err(|_| StoreError::Corrupt)?;
                let off = u32::try_from(off).map_err(|_| StoreError::Corrupt)?;
                let here = (batch.start_index, off);
                // An entry of a batch has one private part at most; any between are of lines that are not there.
                while rows.next_if(|row| (row.start_index, row.off) < here).is_some() {}
                let row = rows.next_if(|row| (row.start_index, row.off) == here);
                let index = batch.start_index + u64::from(off);
                if !(self.from..self.to).contains(&index) {
                    continue;
                }
                openings.extend(match row {
                    Some(row) => keys.open(service, plan, index, line, &row),
                    None if plan.log == Log::Admin.as_str() => Leaf::parse(line)
                        .ok()
                        .and_then(|leaf| reason_of(service.keys(), index, &leaf)),
                    None => None,
                });
            }
        }
        Ok(openings)
    }
}

/// The keys of the people of one piece.
struct Keys(HashMap<(PersonId, u32), AuditKeys>);

impl Keys {
    fn unwrap(service: &Service, rows: &[PersonKeyRow]) -> Self {
        let keys = rows.iter().filter_map(|row| {
            let keys = service.keys().person_keys(row.person_id, &row.key)?;
            Some(((row.person_id, row.key.version), AuditKeys::derive(&keys)))
        });
        Self(keys.collect())
    }

    fn open(
        &self,
        service: &Service,
        plan: &ExportPlan,
        index: u64,
        line: &[u8],
        row: &PlacedPrivate,
    ) -> Option<Opening> {
        let keys = self.0.get(&(row.person_id, row.key_version))?;
        let alarm = || {
            tracing::error!(
                alarm = "unreadable-private-part",
                log = plan.log.as_str(),
                leaf_index = index,
                "the private part of an audit entry does not open or is not what its line commits to"
            );
        };
        let Ok(leaf) = Leaf::parse(line) else {
            alarm();
            return None;
        };
        // The line of a bulk check commits to a tree of many.
        if leaf.bulk.is_some() {
            return None;
        }
        let place = PrivatePlace {
            tenant: service.keys().tenant(),
            log: &plan.log,
            person: row.person_id.as_bytes(),
            key_version: row.key_version,
        };
        let private = leaf
            .commitment
            .and_then(|pc| keys.open(&place, leaf.id, &pc, &row.sealed).ok());
        let Some(private) = private else {
            alarm();
            return None;
        };
        Some(Opening {
            index,
            id: leaf.id,
            private,
            salt: keys.salt_for(leaf.id),
        })
    }
}
