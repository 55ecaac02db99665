-- A request to erase somebody on its way from proposal to certificate. It names the person by the random id of the
-- tombstone; who the officers are is sealed. `revision` counts its changes, so that two officers never overwrite each other.
CREATE TABLE erasure (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    merged BLOB NOT NULL,
    organisation TEXT NOT NULL,
    organisations TEXT NOT NULL,
    restricted TEXT NOT NULL,
    ground TEXT NOT NULL,
    rights_request_id BLOB CHECK (length(rights_request_id) = 16),
    cooling_days INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'executing', 'erased', 'epoch-destroyed', 'complete',
        'withdrawn', 'refused')),
    officers TEXT NOT NULL,
    refused_ground TEXT,
    refused_until INTEGER,
    epoch INTEGER,
    revision INTEGER NOT NULL,
    proposed_at INTEGER NOT NULL,
    approved_at INTEGER,
    due_at INTEGER,
    erased_at INTEGER,
    key_deleted_at INTEGER,
    epoch_destroyed_at INTEGER,
    completed_at INTEGER,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX erasure_person ON erasure (person_id);
CREATE INDEX erasure_state ON erasure (state, proposed_at);

-- Which entries of the logs tell of it, for its certificate.
CREATE TABLE erasure_entry (
    erasure_id BLOB NOT NULL CHECK (length(erasure_id) = 16),
    entry_id BLOB NOT NULL CHECK (length(entry_id) = 16),
    log TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (erasure_id, entry_id)
) STRICT, WITHOUT ROWID;

-- One task for each system that received a permit for the person (GDPR art. 19).
CREATE TABLE erasure_task (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    erasure_id BLOB NOT NULL CHECK (length(erasure_id) = 16),
    system TEXT NOT NULL,
    organisations TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'escalated', 'acknowledged')),
    outcome TEXT,
    kept_ground TEXT,
    kept_until INTEGER,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    escalated_at INTEGER,
    acknowledged_at INTEGER,
    UNIQUE (erasure_id, system)
) STRICT, WITHOUT ROWID;
CREATE INDEX erasure_task_system ON erasure_task (system, created_at, id);
CREATE INDEX erasure_task_due ON erasure_task (state, due_at);

-- What outlives an erasure: that somebody with this identifier, of which there is a keyed hash only, objected at a library to a
-- purpose, or to all direct marketing when `purpose` is empty.
CREATE TABLE suppression (
    hash BLOB NOT NULL CHECK (length(hash) = 16),
    organisation TEXT NOT NULL,
    purpose TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (hash, organisation, purpose)
) STRICT, WITHOUT ROWID;
