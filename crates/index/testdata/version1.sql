-- An index as the first version has left it; only the incidents in it were made up.
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'incidents','2026-09-21 12:00:00',1,X'A8D22FCDB42E3DD9158B8FDED6E7BCA88692E9718A700B27AD726B60BCAAE21A9E0B48351B97307BA9337398CE54FA47',1204225);
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
INSERT INTO "incidents" VALUES(3,'main',1790000000000,1790000005250,'driver','The camera does not answer.','check the ribbon cable and the power supply, then reboot','rpicam-vid: ERROR: failed to queue request','["ERROR: failed to queue request"]',327685,48.3,2,'[[1790000000000,"started again after 1 s"]]');
INSERT INTO "incidents" VALUES(7,'yard',1790000100000,NULL,'no_camera','No camera was found.','check the cable','','[]',NULL,NULL,0,'[]');
CREATE INDEX incidents_of_camera ON incidents (camera, id);
CREATE INDEX incidents_by_end ON incidents (ended_ms, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('incidents',9);
COMMIT;
