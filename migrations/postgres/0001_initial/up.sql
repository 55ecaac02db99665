-- Ids are 16 random bytes, instants microseconds since 1970 UTC, `sealed` what crypto made of a document.
-- The tables of `keystore` stand in a schema of their own, outside the backup of the data.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE person (
    id BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant TEXT NOT NULL,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'erased', 'merged')),
    merged_into BYTEA CHECK (length(merged_into) = 16),
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    CHECK (state <> 'merged' OR merged_into IS NOT NULL),
    CHECK (state = 'active' OR ended_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX person_merged ON person (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE person_identifier (
    id BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    person_id BYTEA NOT NULL REFERENCES person (id),
    scheme TEXT NOT NULL,
    key_version BIGINT NOT NULL,
    blind_index BYTEA NOT NULL CHECK (length(blind_index) = 16),
    -- A check finds the person in the index alone.
    CONSTRAINT person_identifier_blind_index_key UNIQUE (blind_index) INCLUDE (person_id)
);
CREATE INDEX person_identifier_person ON person_identifier (person_id);

CREATE TABLE person_record (
    person_id BYTEA NOT NULL PRIMARY KEY REFERENCES person (id),
    revision BIGINT NOT NULL,
    key_version BIGINT NOT NULL,
    sealed BYTEA NOT NULL
) WITH (fillfactor = 80);
-- What is encrypted or hashed does not compress.
ALTER TABLE person_record ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE consent_event (
    person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
    sequence BIGINT NOT NULL,
    event_id BYTEA NOT NULL UNIQUE CHECK (length(event_id) = 16),
    recorded_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (person_id, sequence)
);
ALTER TABLE consent_event ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE TRIGGER consent_event_append_only BEFORE UPDATE ON consent_event
FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A log has one origin at a time; a closed one stays, to be read. `contradiction` is the checkpoint, kept outside this
-- database, that the database no longer leads to.
CREATE TABLE audit_log (
    id BIGINT NOT NULL PRIMARY KEY,
    log TEXT NOT NULL,
    origin TEXT NOT NULL UNIQUE,
    vkey TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'halted', 'closed')),
    contradiction TEXT
);

CREATE TABLE audit_batch (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq BIGINT NOT NULL,
    n BIGINT NOT NULL CHECK (n > 0),
    leaf_hashes BYTEA NOT NULL,
    entries BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (log, node, node_seq)
);
ALTER TABLE audit_batch ALTER COLUMN leaf_hashes SET STORAGE EXTERNAL;
ALTER TABLE audit_batch ALTER COLUMN entries SET STORAGE EXTERNAL;

CREATE TRIGGER audit_batch_append_only BEFORE UPDATE ON audit_batch
FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Search goes by time: entries carry their time in their id, so one index finds both.
CREATE INDEX audit_batch_by_time ON audit_batch (log, created_at);

CREATE TABLE audit_queue (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq BIGINT NOT NULL,
    PRIMARY KEY (log, node, node_seq)
);

-- Where a batch stands in the tree. Beside the batch and not in it: a small row is added where a large one would have to
-- be written again.
CREATE TABLE audit_place (
    log_id BIGINT NOT NULL,
    start_index BIGINT NOT NULL,
    n BIGINT NOT NULL,
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq BIGINT NOT NULL,
    PRIMARY KEY (log_id, start_index),
    UNIQUE (log, node, node_seq)
);

CREATE TRIGGER audit_place_append_only BEFORE UPDATE ON audit_place
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE audit_head (
    log_id BIGINT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL CHECK (length(root) = 32),
    edge BYTEA NOT NULL,
    leader TEXT,
    leader_epoch BIGINT NOT NULL
);

CREATE TABLE audit_tile (
    log_id BIGINT NOT NULL,
    level BIGINT NOT NULL,
    idx BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (log_id, level, idx)
);

CREATE TABLE audit_checkpoint (
    log_id BIGINT NOT NULL,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    cosignatures TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (log_id, size)
);

CREATE TABLE audit_private (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq BIGINT NOT NULL,
    off BIGINT NOT NULL,
    person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
    key_version BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (log, node, node_seq, off)
);
ALTER TABLE audit_private ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX audit_private_person ON audit_private (person_id);

CREATE TABLE catalogue_version (
    sequence BIGINT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    approved_by TEXT,
    applied_at BIGINT NOT NULL
);

CREATE TABLE oauth_client (
    client_id TEXT NOT NULL PRIMARY KEY,
    system TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secrets TEXT NOT NULL,
    jwks TEXT,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE assertion_used (
    client_id TEXT NOT NULL,
    jti_hash BYTEA NOT NULL CHECK (length(jti_hash) = 32),
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX assertion_used_expires ON assertion_used (expires_at);

CREATE TABLE idempotency (
    client_id TEXT NOT NULL,
    key_hash BYTEA NOT NULL CHECK (length(key_hash) = 32),
    request_hash BYTEA NOT NULL CHECK (length(request_hash) = 32),
    person_id BYTEA CHECK (length(person_id) = 16),
    status BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, key_hash)
);
CREATE INDEX idempotency_person ON idempotency (person_id);
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE outbox (
    event_id BYTEA NOT NULL CHECK (length(event_id) = 16),
    kind TEXT NOT NULL,
    person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
    organisation TEXT NOT NULL,
    purpose TEXT,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (event_id, kind)
);
CREATE INDEX outbox_recorded ON outbox (recorded_at);

CREATE TABLE statistic (
    organisation TEXT NOT NULL,
    purpose TEXT NOT NULL,
    day BIGINT NOT NULL,
    measure TEXT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (organisation, purpose, day, measure)
);

CREATE SCHEMA keystore;

CREATE TABLE keystore.meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE keystore.tenant_key (
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE keystore.epoch_key (
    epoch BIGINT NOT NULL PRIMARY KEY,
    wrapped BYTEA,
    created_at BIGINT NOT NULL,
    destroyed_at BIGINT,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

CREATE TABLE keystore.person_key (
    person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
    version BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    kcv BYTEA NOT NULL CHECK (length(kcv) = 16),
    -- A check finds the key in the index alone.
    PRIMARY KEY (person_id, version) INCLUDE (epoch, wrapped, kcv)
);
CREATE INDEX person_key_epoch ON keystore.person_key (epoch, person_id);
