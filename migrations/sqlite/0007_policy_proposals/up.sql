-- A proposed change of the policies on its way from draft to force: the files that change, and, once it is proposed, the
-- plan that a second person approves. Who an officer is, is a pseudonym and a name of the staff, never of a member.
CREATE TABLE policy_proposal (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    title TEXT NOT NULL,
    reason TEXT NOT NULL,
    files TEXT NOT NULL,
    files_sha256 TEXT NOT NULL,
    base TEXT NOT NULL,
    plan TEXT,
    state TEXT NOT NULL CHECK (state IN ('draft', 'proposed', 'applied', 'refused', 'withdrawn')),
    revision INTEGER NOT NULL,
    proposed_by TEXT NOT NULL,
    proposer TEXT NOT NULL,
    ended_by TEXT,
    ended_why TEXT,
    applied TEXT,
    created_at INTEGER NOT NULL,
    proposed_at INTEGER,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_proposal_created ON policy_proposal (created_at);
