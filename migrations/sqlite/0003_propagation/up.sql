-- A message also says which change of the person it is, so that messages of one person are told in order whatever the
-- clocks of the nodes say, and who else it is about (a merge).
CREATE TEMPORARY TABLE outbox_kept AS
    SELECT event_id, kind, person_id, organisation, purpose, recorded_at FROM outbox;
DROP TABLE outbox;
CREATE TABLE outbox (
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    kind TEXT NOT NULL,
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    other_id BLOB CHECK (length(other_id) = 16),
    revision INTEGER NOT NULL,
    organisation TEXT NOT NULL,
    purpose TEXT,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (event_id, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO outbox (event_id, kind, person_id, revision, organisation, purpose, recorded_at)
    SELECT event_id, kind, person_id, 0, organisation, purpose, recorded_at FROM outbox_kept;
DROP TABLE outbox_kept;
CREATE INDEX outbox_person ON outbox (person_id, revision);

-- The feed: messages with their places. Places are given by whoever holds the head row until its commit, so nobody ever
-- sees a place without all places before it. `oldest` is the first place that is still kept.
CREATE TABLE feed_head (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    oldest INTEGER NOT NULL,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO feed_head (id, oldest, next) VALUES (1, 1, 1);

CREATE TABLE message (
    seq INTEGER NOT NULL PRIMARY KEY,
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    kind TEXT NOT NULL,
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    other_id BLOB CHECK (length(other_id) = 16),
    organisation TEXT NOT NULL,
    purpose TEXT,
    recorded_at INTEGER NOT NULL,
    placed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX message_event ON message (event_id);

-- `secrets` is sealed. Who holds the lease delivers; `rests_until` is when a receiver that failed is tried again.
CREATE TABLE webhook_endpoint (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    system TEXT NOT NULL,
    url TEXT NOT NULL,
    secrets TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'disabled')),
    why TEXT,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    rests_until INTEGER NOT NULL,
    lease_node TEXT,
    lease_epoch INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_delivery (
    endpoint_id BLOB NOT NULL CHECK (length(endpoint_id) = 16),
    seq INTEGER NOT NULL,
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL,
    since INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    ended_at INTEGER,
    status INTEGER,
    why TEXT,
    PRIMARY KEY (endpoint_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, state, due_at, seq);
CREATE INDEX webhook_delivery_person ON webhook_delivery (endpoint_id, person_id, state, seq);
