-- The entries of the people of one line of a bulk check: sorted, of one width, and unreadable without the key of the
-- person (docs/adr/0010). `line` is the id of the leaf, `context` what holds for all of them, sealed.
CREATE TABLE audit_bulk (
    log TEXT NOT NULL,
    node TEXT NOT NULL,
    node_seq BIGINT NOT NULL,
    off BIGINT NOT NULL,
    line BYTEA NOT NULL CHECK (length(line) = 16),
    n BIGINT NOT NULL,
    context TEXT NOT NULL,
    entries BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (log, node, node_seq, off)
);
ALTER TABLE audit_bulk ALTER COLUMN entries SET STORAGE EXTERNAL;

CREATE TRIGGER audit_bulk_append_only BEFORE UPDATE ON audit_bulk
FOR EACH ROW EXECUTE FUNCTION refuse_change();
