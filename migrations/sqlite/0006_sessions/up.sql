-- Who is signed in: a member of the portal, or somebody of staff. The browser holds a random token, and its hash is here. A row
-- of the kind `login` is somebody on the way to the provider of accounts and back. What it says is sealed under a key of the network.
CREATE TABLE session (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    kind TEXT NOT NULL CHECK (kind IN ('login', 'member', 'staff')),
    person_id BLOB CHECK (length(person_id) = 16),
    sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_person ON session (person_id);
CREATE INDEX session_ends ON session (ends_at);

-- A link by mail that signs somebody in once. The mail holds a random token, and its hash is here.
CREATE TABLE login_link (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    person_id BLOB NOT NULL CHECK (length(person_id) = 16),
    sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_link_person ON login_link (person_id);

-- Mail that waits to be sent, sealed; a row goes when its mail has gone, and after three days in any case.
CREATE TABLE mail (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    person_id BLOB CHECK (length(person_id) = 16),
    sealed TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_person ON mail (person_id);
CREATE INDEX mail_due ON mail (due_at);
