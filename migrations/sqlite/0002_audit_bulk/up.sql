-- The entries of the people of one line of a bulk check: sorted, of one width, and unreadable without the key of the
-- person (docs/adr/0010). `line` is the id of the leaf, `context` what holds for all of them, sealed.
CREATE TABLE audit_bulk (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq INTEGER NOT NULL,
    off INTEGER NOT NULL,
    line BLOB NOT NULL CHECK (length(line) = 16),
    n INTEGER NOT NULL,
    context TEXT NOT NULL,
    entries BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (log, node, node_seq, off)
) STRICT;

CREATE TRIGGER audit_bulk_append_only BEFORE UPDATE ON audit_bulk
BEGIN
    SELECT RAISE(ABORT, 'audit_bulk is append-only');
END;
