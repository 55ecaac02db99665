//! What is written for the audit log in the transaction of the thing it tells of: batches of leaves, their place in the
//! queue for the sequencer, and the private part of each leaf.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text};

use super::columns::{Number, int};
use super::error::StoreError;
use super::people::{Fence, list};
use super::schema::{audit_batch, audit_place, audit_private, audit_queue};
use super::statement::{Statement, insert_rows};
use super::tx::Tx;
use crate::domain::ids::PersonId;
use crate::domain::moment::Moment;

/// The leaves that one commit of one node adds to one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBatch {
    /// The log.
    pub log: String,
    /// The node.
    pub node: String,
    /// The node's own number for the batch, never used twice.
    pub node_seq: u64,
    /// How many leaves.
    pub n: u32,
    /// 32 bytes per leaf.
    pub leaf_hashes: Vec<u8>,
    /// Leaves as a C2SP entry bundle.
    pub entries: Vec<u8>,
    /// Now.
    pub created_at: Moment,
}

/// A batch as read.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct StoredBatch {
    /// The node.
    pub node: String,
    /// The node's own number for the batch.
    #[diesel(deserialize_as = Number<u64>)]
    pub node_seq: u64,
    /// The index of its first leaf in the tree, once it is sequenced.
    pub start_index: Option<i64>,
    /// How many leaves.
    #[diesel(deserialize_as = Number<u32>)]
    pub n: u32,
    /// 32 bytes per leaf.
    pub leaf_hashes: Vec<u8>,
    /// Leaves as a C2SP entry bundle.
    pub entries: Vec<u8>,
    /// When it was written.
    pub created_at: Moment,
}

/// The private part of one leaf. It may be deleted; the leaf stays.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct PrivateEntry {
    /// The log.
    pub log: String,
    /// The node.
    pub node: String,
    /// The batch.
    #[diesel(deserialize_as = Number<u64>)]
    pub node_seq: u64,
    /// The leaf in the batch, from 0; of a leaf about many people, each of its entries counts on.
    #[diesel(deserialize_as = Number<u32>)]
    pub off: u32,
    /// Whom it is about.
    pub person_id: PersonId,
    /// The version of the person key it is sealed under.
    #[diesel(deserialize_as = Number<u32>)]
    pub key_version: u32,
    /// Ciphertext.
    pub sealed: Vec<u8>,
}

/// What [`PrivateEntry`] says beside whose batch it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivatePart {
    /// The leaf in the batch, from 0.
    pub off: u32,
    /// Whom it is about.
    pub person_id: PersonId,
    /// The version of the person key it is sealed under.
    pub key_version: u32,
    /// Ciphertext.
    pub sealed: Vec<u8>,
}

/// All that one commit adds to one log, in one statement: a round trip costs more than what it carries. `more` is added
/// with it. It answers how many batches were added.
macro_rules! append {
    ($with:expr, $batch:literal, $more:literal) => {
        concat!(
            $with,
            "batch AS (INSERT INTO audit_batch (log, node, node_seq, n, leaf_hashes, entries, created_at) ",
            $batch,
            " RETURNING log, node, node_seq), \
             queued AS (INSERT INTO audit_queue (log, node, node_seq) SELECT log, node, node_seq FROM batch), \
             private AS (INSERT INTO audit_private (log, node, node_seq, off, person_id, key_version, sealed) \
             SELECT batch.log, batch.node, batch.node_seq, part.* FROM batch, unnest(?) AS part)",
            $more,
            " SELECT count(*) FROM batch"
        )
    };
}
pub(super) use append;

/// Private parts as columns, for `unnest`.
macro_rules! private_parts {
    ($parts:expr) => {{
        let parts = $parts;
        (
            list(parts, |part| int(part.off)).into_sql::<Array<BigInt>>(),
            list(parts, |part| part.person_id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
            list(parts, |part| int(part.key_version)).into_sql::<Array<BigInt>>(),
            list(parts, |part| part.sealed.as_slice()).into_sql::<Array<Binary>>(),
        )
    }};
}
pub(super) use private_parts;

const APPEND: &str = append!("WITH ", "VALUES (?)", "");

/// What is no longer as it was read: who is not present as that revision is looked for in the primary key of people. The
/// statement sees all that was committed before it begins.
macro_rules! with_news {
    () => {
        "WITH news AS (\
         SELECT FROM unnest(?) AS read (id, revision) LEFT JOIN person \
         ON person.id = read.id AND person.revision = read.revision AND person.state = 'active' WHERE person.id IS NULL \
         UNION ALL SELECT FROM catalogue_version HAVING max(sequence) > ?\
         ), "
    };
}
pub(super) use with_news;

/// People and the revisions of them that were read, as columns.
macro_rules! revisions {
    ($people:expr) => {{
        let people = $people;
        (
            list(people, |(id, _)| id.as_bytes().as_slice()).into_sql::<Array<Binary>>(),
            list(people, |(_, revision)| int(*revision)).into_sql::<Array<BigInt>>(),
        )
    }};
}
pub(super) use revisions;

/// The same, if there is no news.
const APPEND_IF: &str = append!(with_news!(), "SELECT ? WHERE NOT EXISTS (SELECT FROM news)", "");

impl Tx<'_> {
    /// Writes a batch with the private parts of its leaves, and queues it for the sequencer.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on `audit_batch_pkey` when the node used the number before, for instance because two
    /// nodes have one name; on nothing when [`Tx::expect`] was said and is no longer so.
    pub fn append_audit(&mut self, batch: &AuditBatch, parts: &[PrivatePart]) -> Result<(), StoreError> {
        let fence = self.take_fence();
        self.append()?;
        let added = if self.is_postgres() {
            self.append_on_postgres(batch, parts, fence.as_ref())? == 1
        } else {
            self.append_on_sqlite(batch, parts, fence.as_ref())?
        };
        if added {
            self.appended();
            Ok(())
        } else {
            self.not_appended();
            Err(StoreError::Conflict { constraint: None })
        }
    }

    /// Whether something is no longer as it was read.
    pub(super) fn has_news(&mut self, fence: Option<&Fence>) -> Result<bool, StoreError> {
        let Some(Fence { people, catalogue }) = fence else {
            return Ok(false);
        };
        let (newest, changed) = self.news_since(people)?;
        Ok(newest > Some(*catalogue) || !changed.is_empty())
    }

    fn append_on_sqlite(
        &mut self,
        batch: &AuditBatch,
        parts: &[PrivatePart],
        fence: Option<&Fence>,
    ) -> Result<bool, StoreError> {
        if self.has_news(fence)? {
            return Ok(false);
        }
        self.insert_batch(batch)?;
        self.run(|connection| {
            diesel::insert_into(audit_queue::table)
                .values((
                    audit_queue::log.eq(&batch.log),
                    audit_queue::node.eq(&batch.node),
                    audit_queue::node_seq.eq(int(batch.node_seq)),
                ))
                .execute(connection)?;
            for part in parts {
                diesel::insert_into(audit_private::table)
                    .values((
                        audit_private::log.eq(&batch.log),
                        audit_private::node.eq(&batch.node),
                        audit_private::node_seq.eq(int(batch.node_seq)),
                        audit_private::off.eq(int(part.off)),
                        audit_private::person_id.eq(part.person_id.as_bytes().as_slice()),
                        audit_private::key_version.eq(int(part.key_version)),
                        audit_private::sealed.eq(&part.sealed),
                    ))
                    .execute(connection)?;
            }
            Ok(true)
        })
    }

    fn append_on_postgres(
        &mut self,
        batch: &AuditBatch,
        parts: &[PrivatePart],
        fence: Option<&Fence>,
    ) -> Result<i64, StoreError> {
        let row = (
            batch.log.as_str().into_sql::<Text>(),
            batch.node.as_str().into_sql::<Text>(),
            int(batch.node_seq).into_sql::<BigInt>(),
            int(batch.n).into_sql::<BigInt>(),
            batch.leaf_hashes.as_slice().into_sql::<Binary>(),
            batch.entries.as_slice().into_sql::<Binary>(),
            batch.created_at.micros().into_sql::<BigInt>(),
        );
        let private = private_parts!(parts);
        self.each(
            |_| Ok(0),
            |connection| match fence {
                None => Statement::<_, BigInt>::new(APPEND, (row, private)).get_result(connection),
                Some(Fence { people, catalogue }) => {
                    let catalogue = int(*catalogue).into_sql::<BigInt>();
                    let binds = (revisions!(people), catalogue, row, private);
                    Statement::<_, BigInt>::new(APPEND_IF, binds).get_result(connection)
                }
            },
        )
    }

    pub(super) fn insert_batch(&mut self, batch: &AuditBatch) -> Result<(), StoreError> {
        insert_rows!(self, audit_batch, std::slice::from_ref(batch), |row| {
            log: Text = row.log.as_str(),
            node: Text = row.node.as_str(),
            node_seq: BigInt = int(row.node_seq),
            n: BigInt = int(row.n),
            leaf_hashes: Binary = row.leaf_hashes.as_slice(),
            entries: Binary = row.entries.as_slice(),
            created_at: BigInt = row.created_at.micros(),
        })
    }

    /// The last number that a node used in a log, so that it can go on from there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_node_seq(&mut self, log: &str, node: &str) -> Result<Option<u64>, StoreError> {
        let last: Option<i64> = self.run(|connection| {
            audit_batch::table
                .filter(audit_batch::log.eq(log))
                .filter(audit_batch::node.eq(node))
                .select(diesel::dsl::max(audit_batch::node_seq))
                .first(connection)
        })?;
        Ok(last.and_then(|last| u64::try_from(last).ok()))
    }

    /// All batches of a log from a node's number on, `limit` at most, in the order of node and number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn batches_of_node(
        &mut self,
        log: &str,
        node: &str,
        from: u64,
        limit: u32,
    ) -> Result<Vec<StoredBatch>, StoreError> {
        self.run(|connection| {
            with_place!()
                .filter(audit_batch::log.eq(log))
                .filter(audit_batch::node.eq(node))
                .filter(audit_batch::node_seq.ge(int(from)))
                .order(audit_batch::node_seq)
                .limit(i64::from(limit))
                .select(batch_columns())
                .load(connection)
        })
    }

    /// The private parts about one person, in the order in which they were written.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_private_of(&mut self, person: PersonId) -> Result<Vec<PrivateEntry>, StoreError> {
        self.run(|connection| {
            audit_private::table
                .filter(audit_private::person_id.eq(person.as_bytes().as_slice()))
                .order((
                    audit_private::log,
                    audit_private::node,
                    audit_private::node_seq,
                    audit_private::off,
                ))
                .select(audit_private::all_columns)
                .load(connection)
        })
    }
}

/// The columns of a [`StoredBatch`], out of `audit_batch` joined with its place.
pub(super) type BatchColumns = (
    audit_batch::node,
    audit_batch::node_seq,
    diesel::dsl::Nullable<audit_place::start_index>,
    audit_batch::n,
    audit_batch::leaf_hashes,
    audit_batch::entries,
    audit_batch::created_at,
);

pub(super) fn batch_columns() -> BatchColumns {
    (
        audit_batch::node,
        audit_batch::node_seq,
        audit_place::start_index.nullable(),
        audit_batch::n,
        audit_batch::leaf_hashes,
        audit_batch::entries,
        audit_batch::created_at,
    )
}

/// Joins batches with their places, which those that are not sequenced do not have.
macro_rules! with_place {
    () => {
        $crate::store::schema::audit_batch::table.left_join(
            $crate::store::schema::audit_place::table.on($crate::store::schema::audit_place::log
                .eq($crate::store::schema::audit_batch::log)
                .and($crate::store::schema::audit_place::node.eq($crate::store::schema::audit_batch::node))
                .and(
                    $crate::store::schema::audit_place::node_seq
                        .eq($crate::store::schema::audit_batch::node_seq),
                )),
        )
    };
}
pub(super) use with_place;

/// Joins private parts with the batches of their leaves.
macro_rules! private_with_batch {
    () => {
        $crate::store::schema::audit_private::table.inner_join(
            $crate::store::schema::audit_batch::table.on($crate::store::schema::audit_batch::log
                .eq($crate::store::schema::audit_private::log)
                .and($crate::store::schema::audit_batch::node.eq($crate::store::schema::audit_private::node))
                .and(
                    $crate::store::schema::audit_batch::node_seq
                        .eq($crate::store::schema::audit_private::node_seq),
                )),
        )
    };
}
pub(super) use private_with_batch;
