-- Contacts that systems reported they made, each once: who reports, for which library and purpose, and what check it was
-- matched with. `key_hash` is a keyed hash of the system's own id of the message. The person stands in the entry of the audit
-- log alone, sealed.
CREATE TABLE contact_report (
    system TEXT NOT NULL,
    organisation TEXT NOT NULL,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 16),
    purpose TEXT NOT NULL,
    channel TEXT NOT NULL,
    matched TEXT NOT NULL CHECK (matched IN ('permit', 'deny', 'none')),
    entry BLOB NOT NULL CHECK (length(entry) = 16),
    occurred_at INTEGER NOT NULL,
    PRIMARY KEY (system, organisation, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_report_occurred ON contact_report (occurred_at);

-- The lines of bulk checks of a time: a report is matched with those of the day before it.
CREATE INDEX audit_bulk_by_time ON audit_bulk (log, created_at);
