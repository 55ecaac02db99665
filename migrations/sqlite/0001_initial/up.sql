-- Ids are 16 random bytes, instants microseconds since 1970 UTC, `sealed` what crypto made of a document.
-- The tables of `keystore` stand in a second file, outside the backup of the data.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'erased', 'merged')),
    merged_into BLOB CHECK (length(merged_into) = 16),
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CHECK (state <> 'merged' OR merged_into IS NOT NULL),
    CHECK (state = 'active' OR ended_at IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX person_merged ON person (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE person_identifier (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    person_id BLOB NOT NULL REFERENCES person (id),
    scheme TEXT NOT NULL,
    key_version INTEGER NOT NULL,
    blind_index BLOB NOT NULL PRIMARY KEY CHECK (length(blind_index) = 16)
) STRICT, WITHOUT ROWID;
CREATE INDEX person_identifier_person ON person_identifier (person_id);

CREATE TABLE person_record (
    person_id BLOB NOT NULL PRIMARY KEY REFERENCES person (id),
    revision INTEGER NOT NULL,
    key_version INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE consent_event (
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    sequence INTEGER NOT NULL,
    event_id BLOB NOT NULL UNIQUE CHECK (length(event_id) = 16),
    recorded_at INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (person_id, sequence)
) STRICT;

CREATE TRIGGER consent_event_append_only BEFORE UPDATE ON consent_event
BEGIN
    SELECT RAISE(ABORT, 'consent_event is append-only');
END;

-- A log has one origin at a time; a closed one stays, to be read. `contradiction` is the checkpoint, kept outside this
-- database, that the database no longer leads to.
CREATE TABLE audit_log (
    id INTEGER NOT NULL PRIMARY KEY,
    log TEXT NOT NULL,
    origin TEXT NOT NULL UNIQUE,
    vkey TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'halted', 'closed')),
    contradiction TEXT
) STRICT;

CREATE TABLE audit_batch (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq INTEGER NOT NULL,
    n INTEGER NOT NULL CHECK (n > 0),
    leaf_hashes BLOB NOT NULL,
    entries BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (log, node, node_seq)
) STRICT;

CREATE TRIGGER audit_batch_append_only BEFORE UPDATE ON audit_batch
BEGIN
    SELECT RAISE(ABORT, 'audit_batch is append-only');
END;

-- Search goes by time: entries carry their time in their id, so one index finds both.
CREATE INDEX audit_batch_by_time ON audit_batch (log, created_at);

CREATE TABLE audit_queue (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq INTEGER NOT NULL,
    PRIMARY KEY (log, node, node_seq)
) STRICT, WITHOUT ROWID;

-- Where a batch stands in the tree. Beside the batch and not in it: a small row is added where a large one would have to
-- be written again.
CREATE TABLE audit_place (
    log_id INTEGER NOT NULL,
    start_index INTEGER NOT NULL,
    n INTEGER NOT NULL,
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq INTEGER NOT NULL,
    PRIMARY KEY (log_id, start_index),
    UNIQUE (log, node, node_seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_place_append_only BEFORE UPDATE ON audit_place
BEGIN
    SELECT RAISE(ABORT, 'a sequenced batch keeps its place');
END;

CREATE TABLE audit_head (
    log_id INTEGER NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL CHECK (length(root) = 32),
    edge BLOB NOT NULL,
    leader TEXT,
    leader_epoch INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_tile (
    log_id INTEGER NOT NULL,
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (log_id, level, idx)
) STRICT;

CREATE TABLE audit_checkpoint (
    log_id INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    cosignatures TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (log_id, size)
) STRICT;

CREATE TABLE audit_private (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq INTEGER NOT NULL,
    off INTEGER NOT NULL,
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    key_version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (log, node, node_seq, off)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_private_person ON audit_private (person_id);

CREATE TABLE catalogue_version (
    sequence INTEGER NOT NULL PRIMARY KEY,
    version TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    approved_by TEXT,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE oauth_client (
    client_id TEXT NOT NULL PRIMARY KEY,
    system TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secrets TEXT NOT NULL,
    jwks TEXT,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE assertion_used (
    client_id TEXT NOT NULL,
    jti_hash BLOB NOT NULL CHECK (length(jti_hash) = 32),
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, jti_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX assertion_used_expires ON assertion_used (expires_at);

CREATE TABLE idempotency (
    client_id TEXT NOT NULL,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
    request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
    person_id BLOB CHECK (length(person_id) = 16),
    status INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, key_hash)
) STRICT;
CREATE INDEX idempotency_person ON idempotency (person_id);
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE outbox (
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    kind TEXT NOT NULL,
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    organisation TEXT NOT NULL,
    purpose TEXT,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (event_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_recorded ON outbox (recorded_at);

CREATE TABLE statistic (
    organisation TEXT NOT NULL,
    purpose TEXT NOT NULL,
    day INTEGER NOT NULL,
    measure TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (organisation, purpose, day, measure)
) STRICT, WITHOUT ROWID;

-- Two files are not committed as one: a start that was cut off between them finds these already there.

CREATE TABLE IF NOT EXISTS keystore.meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS keystore.tenant_key (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS keystore.epoch_key (
    epoch INTEGER NOT NULL PRIMARY KEY,
    wrapped BLOB,
    created_at INTEGER NOT NULL,
    destroyed_at INTEGER,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) STRICT;

CREATE TABLE IF NOT EXISTS keystore.person_key (
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    kcv BLOB NOT NULL CHECK (length(kcv) = 16),
    PRIMARY KEY (person_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keystore.person_key_epoch ON person_key (epoch, person_id);
