-- JSON lists of networks, from which alone, or from which not, somebody may come; NULL is no list.
ALTER TABLE users ADD COLUMN allow TEXT;
ALTER TABLE users ADD COLUMN deny TEXT;
ALTER TABLE tokens ADD COLUMN allow TEXT;
ALTER TABLE tokens ADD COLUMN deny TEXT;

-- How often it happened; more than once where repeats became one entry.
ALTER TABLE audit ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
-- Whoever is not logged in can cause it: such entries have room of their own, and push out no others.
ALTER TABLE audit ADD COLUMN by_stranger INTEGER NOT NULL DEFAULT 0;

-- Beside the time: the first numbers that are kept, of strangers and of all others.
ALTER TABLE audit_retention ADD COLUMN keep_from_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit_retention ADD COLUMN strangers_from_id INTEGER NOT NULL DEFAULT 0;

DROP TRIGGER audit_is_kept;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN NOT EXISTS (
    SELECT 1 FROM audit_retention
    WHERE OLD.at_ms < keep_from_ms
        OR OLD.id < CASE WHEN OLD.by_stranger THEN strangers_from_id ELSE keep_from_id END
)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is kept');
END;

-- Failed logins of the first schema were a stranger's too.
DROP TRIGGER audit_is_not_changed;
UPDATE audit SET by_stranger = 1 WHERE action = 'login failed';
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is not changed');
END;
