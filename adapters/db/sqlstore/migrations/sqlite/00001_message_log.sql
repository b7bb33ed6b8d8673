-- The embedded message log. Offsets are dense: next_off is raised within the transaction that appends, so that the order of commits is the
-- order of offsets.

-- +goose Up
CREATE TABLE log_partition (
    topic     TEXT    NOT NULL,
    part      INTEGER NOT NULL,
    first_off INTEGER NOT NULL,
    next_off  INTEGER NOT NULL,
    PRIMARY KEY (topic, part)
) WITHOUT ROWID, STRICT;

CREATE TABLE log_record (
    topic       TEXT    NOT NULL,
    part        INTEGER NOT NULL,
    off         INTEGER NOT NULL,
    appended_at INTEGER NOT NULL, -- microseconds since 1970, UTC
    key         BLOB,
    headers     TEXT,             -- JSON list of pairs
    value       BLOB,
    PRIMARY KEY (topic, part, off)
) WITHOUT ROWID, STRICT;
