-- Rights requests: their way in clear, so that terms are kept and reported also after the person is erased. `assignee` and
-- `officer` are sealed under a key of the network; what a request says is in rights_request_content, sealed for the person.
CREATE TABLE rights_request (
    id BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
    organisation TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('access', 'rectification', 'erasure', 'restriction', 'portability', 'objection')),
    state TEXT NOT NULL CHECK (state IN ('initiated', 'acknowledged', 'requires-action', 'required-action-performed',
        'accepted', 'action-delayed', 'fulfilled', 'rejected', 'unfulfilled')),
    revision BIGINT NOT NULL,
    system TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    extended_at BIGINT,
    ended_at BIGINT,
    assignee TEXT
);
CREATE INDEX rights_request_due ON rights_request (due_at, id);
CREATE INDEX rights_request_person ON rights_request (person_id);

CREATE TABLE rights_request_step (
    request_id BYTEA NOT NULL CHECK (length(request_id) = 16),
    number BIGINT NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    system TEXT NOT NULL,
    officer TEXT,
    PRIMARY KEY (request_id, number)
);

CREATE TABLE rights_request_content (
    request_id BYTEA NOT NULL CHECK (length(request_id) = 16),
    number BIGINT NOT NULL,
    person_id BYTEA NOT NULL CHECK (length(person_id) = 16),
    key_version BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (request_id, number)
);
CREATE INDEX rights_request_content_person ON rights_request_content (person_id);
