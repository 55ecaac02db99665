//! Erasing a person: what happens to each column, declared; and the deletions themselves.

use diesel::prelude::*;

use super::error::StoreError;
use super::people::PersonState;
use super::schema::{
    audit_private, consent_event, idempotency, login_link, mail, person, person_identifier, person_record,
    rights_request_content, session,
};
use super::tx::Tx;
use crate::domain::ids::{IdentifierId, PersonId};
use crate::domain::moment::Moment;

/// What erasing a person does to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnErasure {
    /// The row is deleted, and the key that it is sealed under is destroyed.
    Shred,
    /// The row is deleted.
    Delete,
    /// It stays, on this ground.
    Keep(&'static str),
    /// It is about nobody.
    None,
}

use OnErasure::{Delete, Keep, None as Nobody, Shred};

const TOMBSTONE: OnErasure = Keep("tombstone: a random id that a restored backup is checked against");
const TELL: OnErasure = Keep("GDPR art. 19: recipients must still be told; removed when they have been");
const TOLD: OnErasure =
    Keep("GDPR art. 19: a recipient that was down must still be told; a random id, removed after 30 days");
const CERTIFIED: OnErasure =
    Keep("GDPR art. 5(2) and 19: what was erased when, by the random id of the tombstone; it names nobody");
const STOPPED: OnErasure =
    Keep("GDPR art. 21(3): an objection outlives the data as a keyed hash, until it is lifted");
const PROOF: OnErasure = Keep("GDPR art. 5(2): the leaf names nobody once the person key is destroyed");
const ANSWERED: OnErasure = Keep(
    "GDPR art. 5(2) and 12(3): that a request was answered, when and by whom; a random id, and nothing it said",
);
const ANSWERS_FOR: OnErasure =
    Keep("GDPR art. 5(2): which officer answers for the policy; no data of a member");
const PACKED: OnErasure =
    Keep("GDPR art. 5(2): an entry that nobody can find, read or link once the person key is destroyed");

/// Every table with its columns, and what erasing a person does to them. A test compares it with the real schemas.
pub const ERASURE: [(&str, &[(&str, OnErasure)]); 40] = [
    ("meta", &[("key", Nobody), ("value", Nobody)]),
    (
        "person",
        &[
            ("id", TOMBSTONE),
            ("tenant", TOMBSTONE),
            ("revision", TOMBSTONE),
            ("state", TOMBSTONE),
            ("merged_into", Delete),
            ("created_at", TOMBSTONE),
            ("ended_at", TOMBSTONE),
        ],
    ),
    (
        "person_identifier",
        &[
            ("id", Delete),
            ("person_id", Delete),
            ("scheme", Delete),
            ("key_version", Delete),
            ("blind_index", Delete),
        ],
    ),
    (
        "person_record",
        &[
            ("person_id", Delete),
            ("revision", Delete),
            ("key_version", Delete),
            ("sealed", Shred),
        ],
    ),
    (
        "consent_event",
        &[
            ("person_id", Delete),
            ("sequence", Delete),
            ("event_id", Delete),
            ("recorded_at", Delete),
            ("sealed", Shred),
        ],
    ),
    (
        "audit_log",
        &[
            ("id", Nobody),
            ("log", Nobody),
            ("origin", Nobody),
            ("vkey", Nobody),
            ("state", Nobody),
            ("contradiction", Nobody),
        ],
    ),
    (
        "audit_batch",
        &[
            ("log", Nobody),
            ("node", Nobody),
            ("node_seq", Nobody),
            ("n", Nobody),
            ("leaf_hashes", PROOF),
            ("entries", PROOF),
            ("created_at", Nobody),
        ],
    ),
    (
        "audit_queue",
        &[("log", Nobody), ("node", Nobody), ("node_seq", Nobody)],
    ),
    (
        "audit_place",
        &[
            ("log_id", Nobody),
            ("start_index", Nobody),
            ("n", Nobody),
            ("log", Nobody),
            ("node", Nobody),
            ("node_seq", Nobody),
        ],
    ),
    (
        "audit_head",
        &[
            ("log_id", Nobody),
            ("size", Nobody),
            ("root", Nobody),
            ("edge", Nobody),
            ("leader", Nobody),
            ("leader_epoch", Nobody),
        ],
    ),
    (
        "audit_tile",
        &[
            ("log_id", Nobody),
            ("level", Nobody),
            ("idx", Nobody),
            ("hashes", PROOF),
        ],
    ),
    (
        "audit_checkpoint",
        &[
            ("log_id", Nobody),
            ("size", Nobody),
            ("note", Nobody),
            ("cosignatures", Nobody),
            ("published_at", Nobody),
        ],
    ),
    (
        "audit_private",
        &[
            ("log", Delete),
            ("node", Delete),
            ("node_seq", Delete),
            ("off", Delete),
            ("person_id", Delete),
            ("key_version", Delete),
            ("sealed", Shred),
        ],
    ),
    (
        "audit_bulk",
        &[
            ("log", Nobody),
            ("node", Nobody),
            ("node_seq", Nobody),
            ("off", Nobody),
            ("line", Nobody),
            ("n", Nobody),
            ("context", Nobody),
            ("entries", PACKED),
            ("created_at", Nobody),
        ],
    ),
    (
        "catalogue_version",
        &[
            ("sequence", Nobody),
            ("version", Nobody),
            ("content", Nobody),
            ("proposed_by", ANSWERS_FOR),
            ("approved_by", ANSWERS_FOR),
            ("applied_at", Nobody),
        ],
    ),
    (
        "oauth_client",
        &[
            ("client_id", Nobody),
            ("system", Nobody),
            ("scopes", Nobody),
            ("secrets", Nobody),
            ("jwks", Nobody),
            ("state", Nobody),
            ("created_at", Nobody),
            ("changed_at", Nobody),
        ],
    ),
    (
        "assertion_used",
        &[
            ("client_id", Nobody),
            ("jti_hash", Nobody),
            ("expires_at", Nobody),
        ],
    ),
    (
        "idempotency",
        &[
            ("client_id", Delete),
            ("key_hash", Delete),
            ("request_hash", Delete),
            ("person_id", Delete),
            ("status", Delete),
            ("sealed", Delete),
            ("created_at", Delete),
        ],
    ),
    (
        "outbox",
        &[
            ("event_id", TELL),
            ("kind", TELL),
            ("person_id", TELL),
            ("other_id", TELL),
            ("revision", TELL),
            ("organisation", TELL),
            ("purpose", TELL),
            ("recorded_at", TELL),
        ],
    ),
    (
        "feed_head",
        &[("id", Nobody), ("oldest", Nobody), ("next", Nobody)],
    ),
    (
        "message",
        &[
            ("seq", TOLD),
            ("event_id", TOLD),
            ("kind", TOLD),
            ("person_id", TOLD),
            ("other_id", TOLD),
            ("organisation", TOLD),
            ("purpose", TOLD),
            ("recorded_at", TOLD),
            ("placed_at", TOLD),
        ],
    ),
    (
        "webhook_endpoint",
        &[
            ("id", Nobody),
            ("system", Nobody),
            ("url", Nobody),
            ("secrets", Nobody),
            ("state", Nobody),
            ("why", Nobody),
            ("created_at", Nobody),
            ("changed_at", Nobody),
            ("failures", Nobody),
            ("rests_until", Nobody),
            ("lease_node", Nobody),
            ("lease_epoch", Nobody),
            ("lease_until", Nobody),
        ],
    ),
    (
        "webhook_delivery",
        &[
            ("endpoint_id", TOLD),
            ("seq", TOLD),
            ("person_id", TOLD),
            ("state", TOLD),
            ("attempts", TOLD),
            ("since", TOLD),
            ("due_at", TOLD),
            ("ended_at", TOLD),
            ("status", TOLD),
            ("why", TOLD),
        ],
    ),
    (
        "rights_request",
        &[
            ("id", ANSWERED),
            ("person_id", ANSWERED),
            ("organisation", ANSWERED),
            ("kind", ANSWERED),
            ("state", ANSWERED),
            ("revision", ANSWERED),
            ("system", ANSWERED),
            ("received_at", ANSWERED),
            ("due_at", ANSWERED),
            ("extended_at", ANSWERED),
            ("ended_at", ANSWERED),
            ("assignee", ANSWERED),
        ],
    ),
    (
        "rights_request_step",
        &[
            ("request_id", ANSWERED),
            ("number", ANSWERED),
            ("step", ANSWERED),
            ("state", ANSWERED),
            ("at", ANSWERED),
            ("system", ANSWERED),
            ("officer", ANSWERED),
        ],
    ),
    (
        "rights_request_content",
        &[
            ("request_id", Delete),
            ("number", Delete),
            ("person_id", Delete),
            ("key_version", Delete),
            ("sealed", Shred),
        ],
    ),
    (
        "statistic",
        &[
            ("organisation", Nobody),
            ("purpose", Nobody),
            ("day", Nobody),
            ("measure", Nobody),
            ("n", Nobody),
        ],
    ),
    (
        "erasure",
        &[
            ("id", CERTIFIED),
            ("person_id", CERTIFIED),
            ("merged", CERTIFIED),
            ("organisation", CERTIFIED),
            ("organisations", CERTIFIED),
            ("restricted", CERTIFIED),
            ("ground", CERTIFIED),
            ("rights_request_id", CERTIFIED),
            ("cooling_days", Nobody),
            ("state", CERTIFIED),
            (
                "officers",
                Keep("GDPR art. 5(2): which officers answer for it, sealed; no data of a member"),
            ),
            ("refused_ground", CERTIFIED),
            ("refused_until", CERTIFIED),
            ("epoch", CERTIFIED),
            ("revision", Nobody),
            ("proposed_at", CERTIFIED),
            ("approved_at", CERTIFIED),
            ("due_at", CERTIFIED),
            ("erased_at", CERTIFIED),
            ("key_deleted_at", CERTIFIED),
            ("epoch_destroyed_at", CERTIFIED),
            ("completed_at", CERTIFIED),
            ("ended_at", CERTIFIED),
        ],
    ),
    (
        "erasure_entry",
        &[
            ("erasure_id", CERTIFIED),
            ("entry_id", CERTIFIED),
            ("log", Nobody),
            ("kind", Nobody),
        ],
    ),
    (
        "policy_proposal",
        &[
            ("id", Nobody),
            ("title", Nobody),
            ("reason", Nobody),
            ("files", Nobody),
            ("files_sha256", Nobody),
            ("base", Nobody),
            ("plan", Nobody),
            ("state", Nobody),
            ("revision", Nobody),
            ("proposed_by", ANSWERS_FOR),
            ("proposer", ANSWERS_FOR),
            ("ended_by", ANSWERS_FOR),
            ("ended_why", Nobody),
            ("applied", Nobody),
            ("created_at", Nobody),
            ("proposed_at", Nobody),
            ("ended_at", Nobody),
        ],
    ),
    (
        "contact_report",
        &[
            ("system", Nobody),
            ("organisation", Nobody),
            ("key_hash", Nobody),
            ("purpose", Nobody),
            ("channel", Nobody),
            ("matched", Nobody),
            ("entry", Nobody),
            ("occurred_at", Nobody),
        ],
    ),
    (
        "erasure_task",
        &[
            ("id", CERTIFIED),
            ("erasure_id", CERTIFIED),
            ("system", CERTIFIED),
            ("organisations", CERTIFIED),
            ("state", CERTIFIED),
            ("outcome", CERTIFIED),
            ("kept_ground", CERTIFIED),
            ("kept_until", CERTIFIED),
            ("created_at", CERTIFIED),
            ("due_at", CERTIFIED),
            ("escalated_at", CERTIFIED),
            ("acknowledged_at", CERTIFIED),
        ],
    ),
    (
        "suppression",
        &[
            ("hash", STOPPED),
            ("organisation", STOPPED),
            ("purpose", STOPPED),
            ("since", STOPPED),
        ],
    ),
    (
        "session",
        &[
            ("hash", Delete),
            ("kind", Delete),
            ("person_id", Delete),
            ("sealed", Delete),
            ("created_at", Delete),
            ("seen_at", Delete),
            ("ends_at", Delete),
        ],
    ),
    (
        "login_link",
        &[
            ("hash", Delete),
            ("person_id", Delete),
            ("sealed", Delete),
            ("created_at", Delete),
            ("ends_at", Delete),
        ],
    ),
    (
        "mail",
        &[
            ("id", Delete),
            ("person_id", Delete),
            ("sealed", Delete),
            ("attempts", Delete),
            ("created_at", Delete),
            ("due_at", Delete),
        ],
    ),
    ("keystore.meta", &[("key", Nobody), ("value", Nobody)]),
    (
        "keystore.tenant_key",
        &[
            ("name", Nobody),
            ("version", Nobody),
            ("wrapped", Nobody),
            ("state", Nobody),
            ("created_at", Nobody),
        ],
    ),
    (
        "keystore.epoch_key",
        &[
            ("epoch", Nobody),
            ("wrapped", Nobody),
            ("created_at", Nobody),
            ("destroyed_at", Nobody),
        ],
    ),
    (
        "keystore.person_key",
        &[
            ("person_id", Delete),
            ("version", Delete),
            ("epoch", Delete),
            ("wrapped", Delete),
            ("kcv", Delete),
        ],
    ),
];

/// What an erasure removed, for its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Records: one or none.
    pub records: usize,
    /// Events.
    pub events: usize,
    /// Private parts of audit leaves.
    pub private_entries: usize,
    /// Identifiers.
    pub identifiers: usize,
    /// Kept answers.
    pub answers: usize,
    /// Texts of rights requests.
    pub requests: usize,
}

impl Erased {
    /// How many rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.records + self.events + self.private_entries + self.identifiers + self.answers + self.requests
    }
}

impl Tx<'_> {
    /// Deletes everything about a person but the tombstone, the messages that tell other systems of it, and the
    /// identifiers in `keep`. The keys go by [`Tx::delete_person_keys`], in a transaction of its own.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erase_person(
        &mut self,
        id: PersonId,
        keep: &[IdentifierId],
        ended_at: Moment,
    ) -> Result<Erased, StoreError> {
        let bytes = *id.as_bytes();
        let id = bytes.as_slice();
        self.run(|connection| {
            diesel::update(person::table.filter(person::id.eq(id)))
                .set((
                    person::state.eq(PersonState::Erased.as_str()),
                    person::merged_into.eq(None::<Vec<u8>>),
                    person::ended_at.eq(Some(ended_at.micros())),
                    person::revision.eq(person::revision + 1_i64),
                ))
                .execute(connection)?;
            Ok(())
        })?;
        self.delete_rows_of(PersonId::from_bytes(bytes), keep)
    }

    /// Deletes the rows of somebody who is erased, also those that a transaction wrote that ran beside the erasure.
    ///
    /// # Errors
    /// Those of the database.
    pub fn delete_rows_of(&mut self, id: PersonId, keep: &[IdentifierId]) -> Result<Erased, StoreError> {
        let id = id.as_bytes().as_slice();
        let keep: Vec<&[u8]> = keep.iter().map(|id| id.as_bytes().as_slice()).collect();
        self.run(|connection| {
            // Nobody who is erased is signed in, or still gets mail.
            diesel::delete(session::table.filter(session::person_id.eq(id))).execute(connection)?;
            diesel::delete(login_link::table.filter(login_link::person_id.eq(id))).execute(connection)?;
            diesel::delete(mail::table.filter(mail::person_id.eq(id))).execute(connection)?;
            Ok(Erased {
                records: diesel::delete(person_record::table.filter(person_record::person_id.eq(id)))
                    .execute(connection)?,
                events: diesel::delete(consent_event::table.filter(consent_event::person_id.eq(id)))
                    .execute(connection)?,
                private_entries: diesel::delete(audit_private::table.filter(audit_private::person_id.eq(id)))
                    .execute(connection)?,
                identifiers: diesel::delete(
                    person_identifier::table
                        .filter(person_identifier::person_id.eq(id))
                        .filter(person_identifier::id.ne_all(keep)),
                )
                .execute(connection)?,
                answers: diesel::delete(idempotency::table.filter(idempotency::person_id.eq(id)))
                    .execute(connection)?,
                requests: diesel::delete(
                    rights_request_content::table.filter(rights_request_content::person_id.eq(id)),
                )
                .execute(connection)?,
            })
        })
    }
}
