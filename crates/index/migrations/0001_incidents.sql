-- Times are milliseconds since 1970 (UTC) where a name ends in _ms.

-- Times when a camera should have given pictures and did not, and what happened to the server itself.
CREATE TABLE incidents (
    -- Given by the server, counted up over all cameras, never given twice.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Id of the camera; NULL where it is about the server.
    camera TEXT,
    began_ms INTEGER NOT NULL,
    -- NULL while it goes on.
    ended_ms INTEGER,
    -- The newest known cause: a word for programs, a sentence for people, and what to do.
    cause TEXT NOT NULL,
    message TEXT NOT NULL,
    advice TEXT NOT NULL,
    -- The camera program's own words, or the path at fault.
    detail TEXT NOT NULL,
    -- The last lines of its stderr, oldest first: a JSON list of text.
    words TEXT NOT NULL,
    -- The board when it began, each NULL where it is not known: the bits of `vcgencmd get_throttled`, degrees Celsius.
    throttled_bits INTEGER,
    temperature_c REAL,
    -- How often the camera was started again.
    restarts INTEGER NOT NULL,
    -- What was done, in order: a JSON list of [at_ms, text].
    steps TEXT NOT NULL
) STRICT;

CREATE INDEX incidents_of_camera ON incidents (camera, id);

-- Finds those that are open, and those that may go.
CREATE INDEX incidents_by_end ON incidents (ended_ms, id);
