-- A request to erase somebody on its way from proposal to certificate. It names the person by the random id of the
-- tombstone; who the officers are is sealed. `revision` counts its changes, so that two officers never overwrite each other.
CREATE TABLE erasure (
    id BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
    merged BYTEA NOT NULL,
    organisation TEXT NOT NULL,
    organisations TEXT NOT NULL,
    restricted TEXT NOT NULL,
    ground TEXT NOT NULL,
    rights_request_id BYTEA CHECK (length(rights_request_id) = 16),
    cooling_days BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'executing', 'erased', 'epoch-destroyed', 'complete',
        'withdrawn', 'refused')),
    officers TEXT NOT NULL,
    refused_ground TEXT,
    refused_until BIGINT,
    epoch BIGINT,
    revision BIGINT NOT NULL,
    proposed_at BIGINT NOT NULL,
    approved_at BIGINT,
    due_at BIGINT,
    erased_at BIGINT,
    key_deleted_at BIGINT,
    epoch_destroyed_at BIGINT,
    completed_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX erasure_person ON erasure (person_id);
CREATE INDEX erasure_state ON erasure (state, proposed_at);

-- Which entries of the logs tell of it, for its certificate.
CREATE TABLE erasure_entry (
    erasure_id BYTEA NOT NULL CHECK (length(erasure_id) = 16),
    entry_id BYTEA NOT NULL CHECK (length(entry_id) = 16),
    log TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (erasure_id, entry_id)
);

-- One task for each system that received a permit for the person (GDPR art. 19).
CREATE TABLE erasure_task (
    id BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    erasure_id BYTEA NOT NULL CHECK (length(erasure_id) = 16),
    system TEXT NOT NULL,
    organisations TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'escalated', 'acknowledged')),
    outcome TEXT,
    kept_ground TEXT,
    kept_until BIGINT,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    escalated_at BIGINT,
    acknowledged_at BIGINT,
    UNIQUE (erasure_id, system)
);
CREATE INDEX erasure_task_system ON erasure_task (system, created_at, id);
CREATE INDEX erasure_task_due ON erasure_task (state, due_at);

-- What outlives an erasure: that somebody with this identifier, of which there is a keyed hash only, objected at a library to a
-- purpose, or to all direct marketing when `purpose` is empty.
CREATE TABLE suppression (
    hash BYTEA NOT NULL CHECK (length(hash) = 16),
    organisation TEXT NOT NULL,
    purpose TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (hash, organisation, purpose)
);
