//! The database: rows in, rows out, on SQLite or PostgreSQL, chosen at run time by the URL. This room knows neither
//! cryptography nor what rows mean; `sealed` columns are bytes that `crypto` made.
//!
//! [`Store::read`], [`Store::change`] and [`Session::change`] run a named transaction; what can be done inside one are
//! the methods of [`Tx`], which stand with their tables.

mod acts;
mod audit_export;
mod audit_log;
mod audit_prune;
mod audit_rows;
mod audit_search;
mod audit_tree;
mod bulk;
mod catalogue;
mod clients;
mod columns;
mod connection;
mod contact_reports;
mod deliveries;
mod engine;
mod erasure;
mod erasure_tasks;
mod erasures;
mod error;
mod events;
mod feed;
mod idempotency;
mod identifiers;
mod keys;
mod location;
mod mail;
mod meta;
mod migrate;
mod office;
mod outbox;
mod people;
mod proposals;
mod records;
mod rights_requests;
mod schema;
mod scrub;
mod sessions;
mod standby;
mod statement;
mod statistics;
mod suppression;
#[cfg(test)]
mod tests;
mod turnstile;
mod tx;
mod webhooks;

pub use acts::{Acts, ChangedPerson};
pub use audit_export::PlacedPrivate;
pub use audit_log::{HeadRow, LogRow, LogState};
pub use audit_prune::PlacedTime;
pub use audit_rows::{AuditBatch, PrivateEntry, PrivatePart, StoredBatch};
pub use audit_search::SearchFrom;
pub use audit_tree::{CheckpointRow, PlaceRow, PlacedBatch, QueuedBatch, TileRow};
pub use bulk::{BulkPerson, BulkPlace, BulkRow};
pub use catalogue::CatalogueRow;
pub use clients::ClientRow;
pub use contact_reports::{ContactCount, ContactFilter, ContactRow, LeafPlace};
pub use deliveries::{AttemptEnd, DeliveryRow, Which};
pub use engine::{Observer, Outcome, Rehearsal, Session, Store, StoreOptions};
pub use erasure::{ERASURE, Erased, OnErasure};
pub use erasure_tasks::{ErasureTaskRow, TaskCounts};
pub use erasures::{ErasureEntryRow, ErasureRow};
pub use error::{CONSTRAINTS, StoreError};
pub use events::EventRow;
pub use feed::{FeedEnds, MessageRow};
pub use idempotency::IdempotencyRow;
pub use identifiers::IdentifierRow;
pub use keys::{EpochKeyRow, PersonKeyRow, TenantKeyRow};
pub use location::DatabaseUrl;
pub use mail::MailRow;
pub use office::{ErasureFacts, RequestFacts, TaskFacts};
pub use outbox::OutboxRow;
pub use people::{Fence, Loaded, NewPerson, PersonChange, PersonState, WrappedKey};
pub use proposals::ProposalRow;
pub use records::{RecordChange, SealedRecord};
pub use rights_requests::{RightsContentRow, RightsFilter, RightsRequestRow, RightsStepRow};
pub use sessions::{LoginLinkRow, SessionRow};
pub use statistics::Statistic;
pub use suppression::SuppressionRow;
pub use tx::Tx;
pub use webhooks::EndpointRow;
