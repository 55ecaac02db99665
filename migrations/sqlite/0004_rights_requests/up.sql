-- Rights requests: their way in clear, so that terms are kept and reported also after the person is erased. `assignee` and
-- `officer` are sealed under a key of the network; what a request says is in rights_request_content, sealed for the person.
CREATE TABLE rights_request (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    organisation TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('access', 'rectification', 'erasure', 'restriction', 'portability', 'objection')),
    state TEXT NOT NULL CHECK (state IN ('initiated', 'acknowledged', 'requires-action', 'required-action-performed',
        'accepted', 'action-delayed', 'fulfilled', 'rejected', 'unfulfilled')),
    revision INTEGER NOT NULL,
    system TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    extended_at INTEGER,
    ended_at INTEGER,
    assignee TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX rights_request_due ON rights_request (due_at, id);
CREATE INDEX rights_request_person ON rights_request (person_id);

CREATE TABLE rights_request_step (
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    number INTEGER NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    system TEXT NOT NULL,
    officer TEXT,
    PRIMARY KEY (request_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE rights_request_content (
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    number INTEGER NOT NULL,
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    key_version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (request_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX rights_request_content_person ON rights_request_content (person_id);
