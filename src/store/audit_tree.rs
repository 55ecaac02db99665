//! The tree of a log: batches that wait for a place, places, full tiles and checkpoints.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text};

use super::audit_rows::AuditBatch;
use super::columns::{Number, int};
use super::error::StoreError;
use super::schema::{audit_batch, audit_checkpoint, audit_place, audit_queue, audit_tile};
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::moment::Moment;

/// A batch that has no place yet.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct QueuedBatch {
    /// The node.
    pub node: String,
    /// The node's own number for the batch.
    #[diesel(deserialize_as = Number<u64>)]
    pub node_seq: u64,
    /// How many leaves.
    #[diesel(deserialize_as = Number<u64>)]
    pub n: u64,
    /// 32 bytes per leaf.
    pub leaf_hashes: Vec<u8>,
    /// When it was written.
    pub created_at: Moment,
}

/// Where a batch stands.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PlaceRow {
    /// The origin.
    #[diesel(deserialize_as = Number<u64>)]
    pub log_id: u64,
    /// The index of its first leaf.
    #[diesel(deserialize_as = Number<u64>)]
    pub start_index: u64,
    /// How many leaves.
    #[diesel(deserialize_as = Number<u64>)]
    pub n: u64,
    /// The log.
    pub log: String,
    /// The node.
    pub node: String,
    /// The node's own number for the batch.
    #[diesel(deserialize_as = Number<u64>)]
    pub node_seq: u64,
}

/// A batch at its place.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PlacedBatch {
    /// The index of its first leaf.
    #[diesel(deserialize_as = Number<u64>)]
    pub start_index: u64,
    /// 32 bytes per leaf.
    pub leaf_hashes: Vec<u8>,
    /// Leaves as a C2SP entry bundle.
    pub entries: Vec<u8>,
}

/// A full tile of hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileRow {
    /// The origin.
    pub log_id: u64,
    /// Its level.
    pub level: u8,
    /// Its position in the level.
    pub index: u64,
    /// 256 hashes.
    pub hashes: Vec<u8>,
}

/// A published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct CheckpointRow {
    /// The origin.
    #[diesel(deserialize_as = Number<u64>)]
    pub log_id: u64,
    /// Entries it covers.
    #[diesel(deserialize_as = Number<u64>)]
    pub size: u64,
    /// The signed note.
    pub note: String,
    /// Lines by witnesses.
    pub cosignatures: String,
    /// When it was published.
    pub published_at: Moment,
}

/// Appending.
impl Tx<'_> {
    /// The logs that have batches without a place.
    ///
    /// # Errors
    /// Those of the database.
    pub fn queued_logs(&mut self) -> Result<Vec<String>, StoreError> {
        self.run(|connection| {
            audit_queue::table
                .select(audit_queue::log)
                .distinct()
                .load(connection)
        })
    }

    /// Batches without a place, `limit` at most: a set. That they come in the order of node and number means nothing:
    /// a batch with a lower number may be committed later.
    ///
    /// # Errors
    /// Those of the database.
    pub fn queued_hashes(&mut self, log: &str, limit: u32) -> Result<Vec<QueuedBatch>, StoreError> {
        self.run(|connection| {
            audit_queue::table
                .inner_join(
                    audit_batch::table.on(audit_batch::log
                        .eq(audit_queue::log)
                        .and(audit_batch::node.eq(audit_queue::node))
                        .and(audit_batch::node_seq.eq(audit_queue::node_seq))),
                )
                .filter(audit_queue::log.eq(log))
                .order((audit_queue::node, audit_queue::node_seq))
                .limit(i64::from(limit))
                .select((
                    audit_batch::node,
                    audit_batch::node_seq,
                    audit_batch::n,
                    audit_batch::leaf_hashes,
                    audit_batch::created_at,
                ))
                .load(connection)
        })
    }

    /// Gives batches their places and takes them out of the queue.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a place is taken, or a batch has one or is not queued any more.
    pub fn place_batches(&mut self, places: &[PlaceRow]) -> Result<(), StoreError> {
        self.insert_places(places)?;
        let removed = self.each(
            |connection| {
                let mut removed = 0;
                for place in places {
                    removed += diesel::delete(audit_queue::table.find((
                        &place.log,
                        &place.node,
                        int(place.node_seq),
                    )))
                    .execute(connection)?;
                }
                Ok(removed)
            },
            |connection| {
                let log: Vec<&str> = places.iter().map(|place| place.log.as_str()).collect();
                let node: Vec<&str> = places.iter().map(|place| place.node.as_str()).collect();
                let node_seq: Vec<i64> = places.iter().map(|place| int(place.node_seq)).collect();
                Statement::<_>::new(
                    "DELETE FROM audit_queue USING (SELECT unnest(?) AS log, unnest(?) AS node, unnest(?) AS node_seq) \
                     AS placed WHERE audit_queue.log = placed.log AND audit_queue.node = placed.node \
                     AND audit_queue.node_seq = placed.node_seq",
                    (
                        log.into_sql::<Array<Text>>(),
                        node.into_sql::<Array<Text>>(),
                        node_seq.into_sql::<Array<BigInt>>(),
                    ),
                )
                .execute(connection)
            },
        )?;
        if removed == places.len() {
            Ok(())
        } else {
            self.fail(StoreError::Conflict { constraint: None })
        }
    }

    /// Writes a batch that has its place at once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the batch exists or the place is taken.
    pub fn insert_placed_batch(&mut self, batch: &AuditBatch, place: &PlaceRow) -> Result<(), StoreError> {
        self.insert_batch(batch)?;
        self.insert_places(std::slice::from_ref(place))
    }

    fn insert_places(&mut self, places: &[PlaceRow]) -> Result<(), StoreError> {
        insert_rows!(self, audit_place, places, |row| {
            log_id: BigInt = int(row.log_id),
            start_index: BigInt = int(row.start_index),
            n: BigInt = int(row.n),
            log: Text = row.log.as_str(),
            node: Text = row.node.as_str(),
            node_seq: BigInt = int(row.node_seq),
        })
    }

    /// Stores full tiles, which never change again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on `audit_tile_pkey`.
    pub fn insert_tiles(&mut self, tiles: &[TileRow]) -> Result<(), StoreError> {
        insert_rows!(self, audit_tile, tiles, |row| {
            log_id: BigInt = int(row.log_id),
            level: BigInt = i64::from(row.level),
            idx: BigInt = int(row.index),
            hashes: Binary = row.hashes.as_slice(),
        })
    }

    /// Publishes a checkpoint. One of the same size is left as it is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn insert_checkpoint(&mut self, row: &CheckpointRow) -> Result<(), StoreError> {
        self.run(|connection| {
            Statement::<_>::new(
                "INSERT INTO audit_checkpoint (log_id, size, note, cosignatures, published_at) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT (log_id, size) DO NOTHING",
                (
                    int(row.log_id).into_sql::<BigInt>(),
                    int(row.size).into_sql::<BigInt>(),
                    row.note.as_str().into_sql::<Text>(),
                    row.cosignatures.as_str().into_sql::<Text>(),
                    row.published_at.micros().into_sql::<BigInt>(),
                ),
            )
            .execute(connection)
            .map(|_| ())
        })
    }

    /// Removes checkpoints below a size that were published since an instant and that no witness has cosigned. Nothing
    /// is lost: any earlier root follows from the tiles.
    ///
    /// # Errors
    /// Those of the database.
    pub fn thin_checkpoints(&mut self, log_id: u64, below: u64, since: Moment) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(
                audit_checkpoint::table
                    .filter(audit_checkpoint::log_id.eq(int(log_id)))
                    .filter(audit_checkpoint::size.lt(int(below)))
                    .filter(audit_checkpoint::published_at.ge(since.micros()))
                    .filter(audit_checkpoint::cosignatures.eq("")),
            )
            .execute(connection)
        })
    }

    /// Puts the lines of witnesses below a checkpoint, which may have been thinned out while they were asked.
    ///
    /// # Errors
    /// Those of the database.
    pub fn cosign_checkpoint(&mut self, row: &CheckpointRow) -> Result<(), StoreError> {
        self.run(|connection| {
            Statement::<_>::new(
                "INSERT INTO audit_checkpoint (log_id, size, note, cosignatures, published_at) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT (log_id, size) DO UPDATE SET cosignatures = audit_checkpoint.cosignatures || \
                 excluded.cosignatures",
                (
                    int(row.log_id).into_sql::<BigInt>(),
                    int(row.size).into_sql::<BigInt>(),
                    row.note.as_str().into_sql::<Text>(),
                    row.cosignatures.as_str().into_sql::<Text>(),
                    row.published_at.micros().into_sql::<BigInt>(),
                ),
            )
            .execute(connection)
            .map(|_| ())
        })
    }

    /// Removes cosigned checkpoints below a size that were published since an instant: of each hour one is left.
    ///
    /// # Errors
    /// Those of the database.
    pub fn thin_cosigned(&mut self, log_id: u64, below: u64, since: Moment) -> Result<usize, StoreError> {
        self.run(|connection| {
            diesel::delete(
                audit_checkpoint::table
                    .filter(audit_checkpoint::log_id.eq(int(log_id)))
                    .filter(audit_checkpoint::size.lt(int(below)))
                    .filter(audit_checkpoint::published_at.ge(since.micros())),
            )
            .execute(connection)
        })
    }
}

/// Reading.
impl Tx<'_> {
    /// The largest checkpoint that a witness has cosigned.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest_cosigned(&mut self, log_id: u64) -> Result<Option<CheckpointRow>, StoreError> {
        self.run(|connection| {
            audit_checkpoint::table
                .filter(audit_checkpoint::log_id.eq(int(log_id)))
                .filter(audit_checkpoint::cosignatures.ne(""))
                .order(audit_checkpoint::size.desc())
                .select(audit_checkpoint::all_columns)
                .first(connection)
                .optional()
        })
    }

    /// The checkpoint in force: the largest.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest_checkpoint(&mut self, log_id: u64) -> Result<Option<CheckpointRow>, StoreError> {
        self.run(|connection| {
            audit_checkpoint::table
                .filter(audit_checkpoint::log_id.eq(int(log_id)))
                .order(audit_checkpoint::size.desc())
                .select(audit_checkpoint::all_columns)
                .first(connection)
                .optional()
        })
    }

    /// The sizes of all checkpoints that are still there, the smallest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn checkpoint_sizes(&mut self, log_id: u64) -> Result<Vec<u64>, StoreError> {
        let sizes: Vec<Number<u64>> = self.run(|connection| {
            audit_checkpoint::table
                .filter(audit_checkpoint::log_id.eq(int(log_id)))
                .order(audit_checkpoint::size)
                .select(audit_checkpoint::size)
                .load(connection)
        })?;
        Ok(sizes.into_iter().map(Into::into).collect())
    }

    /// A full tile.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_tile(&mut self, log_id: u64, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(|connection| {
            audit_tile::table
                .find((int(log_id), i64::from(level), int(index)))
                .select(audit_tile::hashes)
                .first(connection)
                .optional()
        })
    }

    /// The batches that hold the leaves from `from` up to but without `to`, in order. The first may begin before, the
    /// last end after.
    ///
    /// # Errors
    /// Those of the database.
    pub fn placed_batches(
        &mut self,
        log_id: u64,
        from: u64,
        to: u64,
    ) -> Result<Vec<PlacedBatch>, StoreError> {
        self.run(|connection| {
            let first: Option<i64> = audit_place::table
                .filter(audit_place::log_id.eq(int(log_id)))
                .filter(audit_place::start_index.le(int(from)))
                .select(diesel::dsl::max(audit_place::start_index))
                .first(connection)?;
            audit_place::table
                .inner_join(
                    audit_batch::table.on(audit_batch::log
                        .eq(audit_place::log)
                        .and(audit_batch::node.eq(audit_place::node))
                        .and(audit_batch::node_seq.eq(audit_place::node_seq))),
                )
                .filter(audit_place::log_id.eq(int(log_id)))
                .filter(audit_place::start_index.ge(first.unwrap_or(0)))
                .filter(audit_place::start_index.lt(int(to)))
                .order(audit_place::start_index)
                .select((
                    audit_place::start_index,
                    audit_batch::leaf_hashes,
                    audit_batch::entries,
                ))
                .load(connection)
        })
    }

    /// The place of a batch, once it has one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn place_of(&mut self, log: &str, node: &str, node_seq: u64) -> Result<Option<PlaceRow>, StoreError> {
        self.run(|connection| {
            audit_place::table
                .filter(audit_place::log.eq(log))
                .filter(audit_place::node.eq(node))
                .filter(audit_place::node_seq.eq(int(node_seq)))
                .select(audit_place::all_columns)
                .first(connection)
                .optional()
        })
    }
}
