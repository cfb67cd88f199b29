-- Times are seconds since 1970 where a name ends in _s, milliseconds where it ends in _ms.
-- `cameras` is a JSON list of ids; NULL is every camera, those that come later too.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    cameras TEXT,
    password TEXT NOT NULL,
    -- Counted up with every new password: whatever was let in by the one before is let in no more.
    password_number INTEGER NOT NULL DEFAULT 1,
    created_s INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_s INTEGER NOT NULL,
    seen_s INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT
) STRICT;

CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Made at the command line where it is NULL.
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    cameras TEXT,
    created_s INTEGER NOT NULL,
    expires_s INTEGER
) STRICT;

CREATE TABLE links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    camera TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('stream', 'snapshot')),
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    camera TEXT,
    detail TEXT NOT NULL
) STRICT;

-- What is older may go; everything else stays as it was written.
CREATE TABLE audit_retention (keep_from_ms INTEGER NOT NULL) STRICT;
INSERT INTO audit_retention VALUES (0);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not changed');
END;

CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.at_ms >= (SELECT keep_from_ms FROM audit_retention)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is kept');
END;
