//! What can go wrong between us and the database, in the kinds that callers tell apart.

use std::borrow::Cow;

use diesel::result::{ConnectionError, DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

/// Why the store did not do what was asked. The texts hold neither SQL nor values of columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else was first: a row with this key exists, or the row that was to change has changed.
    #[error("the row has been written by somebody else{}", of(*.constraint))]
    Conflict {
        /// The unique constraint, as one of [`CONSTRAINTS`]; `None` when a revision did not match.
        constraint: Option<&'static str>,
    },
    /// The database cannot be reached or is too busy. Nothing was changed; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(Cow<'static, str>),
    /// The commit was sent, and whether it lasts is unknown: the connection broke, or no standby confirmed in time.
    #[error("the change may not be durable: {0}")]
    NotYetDurable(&'static str),
    /// The disk is full. Nothing was changed.
    #[error("the database has no space left on its disk")]
    Full,
    /// The database is not one that this program may use; the sentence names the remedy.
    #[error("{0}")]
    Misconfigured(String),
    /// What is stored is damaged, or of a form that this version does not write.
    #[error("the database holds something that this version cannot read")]
    Corrupt,
    /// Anything else, which is a defect of ours or a limit of the database.
    #[error("the database refused a statement ({0})")]
    Other(&'static str),
}

fn of(constraint: Option<&str>) -> String {
    constraint.map(|name| format!(" ({name})")).unwrap_or_default()
}

/// The unique constraints: PostgreSQL's name, and how SQLite's messages name the same one.
pub const CONSTRAINTS: [(&str, &str); 45] = [
    ("meta_pkey", "meta.key"),
    ("policy_proposal_pkey", "policy_proposal.id"),
    (
        "contact_report_pkey",
        "contact_report.system, contact_report.organisation, contact_report.key_hash",
    ),
    ("person_pkey", "person.id"),
    ("person_identifier_pkey", "person_identifier.id"),
    (
        "person_identifier_blind_index_key",
        "person_identifier.blind_index",
    ),
    ("person_record_pkey", "person_record.person_id"),
    (
        "consent_event_pkey",
        "consent_event.person_id, consent_event.sequence",
    ),
    ("consent_event_event_id_key", "consent_event.event_id"),
    ("audit_log_pkey", "audit_log.id"),
    ("audit_log_origin_key", "audit_log.origin"),
    (
        "audit_batch_pkey",
        "audit_batch.log, audit_batch.node, audit_batch.node_seq",
    ),
    (
        "audit_bulk_pkey",
        "audit_bulk.log, audit_bulk.node, audit_bulk.node_seq, audit_bulk.off",
    ),
    ("audit_place_pkey", "audit_place.log_id, audit_place.start_index"),
    (
        "audit_place_log_node_node_seq_key",
        "audit_place.log, audit_place.node, audit_place.node_seq",
    ),
    (
        "audit_queue_pkey",
        "audit_queue.log, audit_queue.node, audit_queue.node_seq",
    ),
    ("audit_head_pkey", "audit_head.log_id"),
    (
        "audit_tile_pkey",
        "audit_tile.log_id, audit_tile.level, audit_tile.idx",
    ),
    (
        "audit_checkpoint_pkey",
        "audit_checkpoint.log_id, audit_checkpoint.size",
    ),
    (
        "audit_private_pkey",
        "audit_private.log, audit_private.node, audit_private.node_seq, audit_private.off",
    ),
    ("catalogue_version_pkey", "catalogue_version.sequence"),
    ("catalogue_version_version_key", "catalogue_version.version"),
    ("oauth_client_pkey", "oauth_client.client_id"),
    (
        "assertion_used_pkey",
        "assertion_used.client_id, assertion_used.jti_hash",
    ),
    ("idempotency_pkey", "idempotency.client_id, idempotency.key_hash"),
    ("outbox_pkey", "outbox.event_id, outbox.kind"),
    ("feed_head_pkey", "feed_head.id"),
    ("message_pkey", "message.seq"),
    ("webhook_endpoint_pkey", "webhook_endpoint.id"),
    (
        "webhook_delivery_pkey",
        "webhook_delivery.endpoint_id, webhook_delivery.seq",
    ),
    ("rights_request_pkey", "rights_request.id"),
    (
        "rights_request_step_pkey",
        "rights_request_step.request_id, rights_request_step.number",
    ),
    (
        "rights_request_content_pkey",
        "rights_request_content.request_id, rights_request_content.number",
    ),
    (
        "statistic_pkey",
        "statistic.organisation, statistic.purpose, statistic.day, statistic.measure",
    ),
    ("session_pkey", "session.hash"),
    ("login_link_pkey", "login_link.hash"),
    ("mail_pkey", "mail.id"),
    ("erasure_pkey", "erasure.id"),
    (
        "erasure_entry_pkey",
        "erasure_entry.erasure_id, erasure_entry.entry_id",
    ),
    ("erasure_task_pkey", "erasure_task.id"),
    (
        "erasure_task_erasure_id_system_key",
        "erasure_task.erasure_id, erasure_task.system",
    ),
    (
        "suppression_pkey",
        "suppression.hash, suppression.organisation, suppression.purpose",
    ),
    ("epoch_key_pkey", "epoch_key.epoch"),
    ("tenant_key_pkey", "tenant_key.name, tenant_key.version"),
    ("person_key_pkey", "person_key.person_id, person_key.version"),
];

/// What was seen of a failure, and whether the whole transaction may simply be run again.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) again: bool,
}

impl Failure {
    const fn last(error: StoreError) -> Self {
        Self { error, again: false }
    }

    const fn passing(why: &'static str) -> Self {
        Self {
            error: StoreError::Unavailable(Cow::Borrowed(why)),
            again: true,
        }
    }
}

impl Failure {
    /// SQLite could not read or write its file; after a failed `fsync` nobody knows what is on disk.
    pub(super) const fn disk() -> Self {
        slow("its disk fails")
    }
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => of_database(kind, information.as_ref()),
            DieselError::DeserializationError(_) => Self::last(StoreError::Corrupt),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            DieselError::BrokenTransactionManager => Self::passing("the connection was lost"),
            DieselError::RollbackTransaction => Self::last(StoreError::Other("rolled back")),
            DieselError::NotFound => Self::last(StoreError::Other("a row is missing")),
            _ => Self::last(StoreError::Other("the statement could not be made")),
        }
    }
}

fn of_database(kind: DatabaseErrorKind, information: &dyn DatabaseErrorInformation) -> Failure {
    match kind {
        DatabaseErrorKind::UniqueViolation => Failure::last(StoreError::Conflict {
            constraint: constraint(information),
        }),
        DatabaseErrorKind::SerializationFailure => Failure::passing("it is too busy"),
        DatabaseErrorKind::ClosedConnection => Failure::passing("the connection was lost"),
        DatabaseErrorKind::UnableToSendCommand => Failure::passing("the connection was lost"),
        DatabaseErrorKind::ReadOnlyTransaction => Failure::last(StoreError::Unavailable(
            "it is read-only, perhaps a standby or a former primary".into(),
        )),
        DatabaseErrorKind::ForeignKeyViolation => Failure::last(StoreError::Other("a reference to no row")),
        // A batch without a size: somebody changed while it was added ([`Tx::append_acts`](super::Tx::append_acts)).
        DatabaseErrorKind::NotNullViolation
            if (information.table_name(), information.column_name()) == (Some("audit_batch"), Some("n")) =>
        {
            Failure::last(StoreError::Conflict { constraint: None })
        }
        DatabaseErrorKind::NotNullViolation => Failure::last(StoreError::Other("an empty column")),
        DatabaseErrorKind::CheckViolation => Failure::last(StoreError::Other("a value out of range")),
        _ => of_message(information.message()),
    }
}

/// diesel passes on no SQLSTATE and no result code of SQLite, so these kinds can only be told by their text. SQLite's
/// texts are fixed; PostgreSQL's are English because the session asks for that.
fn of_message(message: &str) -> Failure {
    type Kind = (&'static str, fn() -> Failure);
    const KINDS: [Kind; 17] = [
        ("database is locked", || {
            Failure::passing("another process is writing")
        }),
        ("database table is locked", || {
            Failure::passing("another process is writing")
        }),
        ("deadlock detected", || Failure::passing("it is too busy")),
        ("due to lock timeout", || slow("a lock was not free in time")),
        ("due to statement timeout", || slow("a statement took too long")),
        ("due to user request", || slow("a statement was cancelled")),
        ("terminating connection", || {
            Failure::passing("the connection was lost")
        }),
        ("idle-in-transaction timeout", || {
            Failure::passing("the connection was lost")
        }),
        ("cannot execute", || {
            slow("it is read-only, perhaps a standby or a former primary")
        }),
        ("disk is full", || Failure::last(StoreError::Full)),
        ("No space left on device", || Failure::last(StoreError::Full)),
        ("could not extend file", || Failure::last(StoreError::Full)),
        ("disk I/O error", Failure::disk),
        ("readonly database", || slow("its file may not be written")),
        ("unable to open database file", || {
            slow("its file cannot be opened")
        }),
        ("disk image is malformed", || Failure::last(StoreError::Corrupt)),
        ("file is not a database", || Failure::last(StoreError::Corrupt)),
    ];
    KINDS.iter().find(|(text, _)| message.contains(text)).map_or_else(
        || {
            Failure::last(StoreError::Other(
                "a rule of the schema, or a form it does not know",
            ))
        },
        |(_, kind)| kind(),
    )
}

const fn slow(why: &'static str) -> Failure {
    Failure::last(StoreError::Unavailable(Cow::Borrowed(why)))
}

fn constraint(information: &dyn DatabaseErrorInformation) -> Option<&'static str> {
    if let Some(name) = information.constraint_name() {
        return CONSTRAINTS
            .iter()
            .map(|(postgres, _)| *postgres)
            .find(|known| *known == name);
    }
    let columns = information.message().strip_prefix("UNIQUE constraint failed: ")?;
    CONSTRAINTS
        .iter()
        .find(|(_, sqlite)| *sqlite == columns)
        .map(|(name, _)| *name)
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        Failure::from(error).error
    }
}

impl From<ConnectionError> for StoreError {
    fn from(error: ConnectionError) -> Self {
        match error {
            // libpq names host, user and database here, never the password.
            ConnectionError::BadConnection(why) => Self::Unavailable(why.trim().to_owned().into()),
            ConnectionError::CouldntSetupConfiguration(error) => error.into(),
            _ => Self::Unavailable("its address is not understood".into()),
        }
    }
}
