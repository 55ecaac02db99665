DROP TABLE webhook_delivery;
DROP TABLE webhook_endpoint;
DROP TABLE message;
DROP TABLE feed_head;
CREATE TEMPORARY TABLE outbox_kept AS
    SELECT event_id, kind, person_id, organisation, purpose, recorded_at FROM outbox;
DROP TABLE outbox;
CREATE TABLE outbox (
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    kind TEXT NOT NULL,
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    organisation TEXT NOT NULL,
    purpose TEXT,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (event_id, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO outbox SELECT event_id, kind, person_id, organisation, purpose, recorded_at FROM outbox_kept;
DROP TABLE outbox_kept;
CREATE INDEX outbox_recorded ON outbox (recorded_at);
