-- Jobs: which process does one, and how its latest run went. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE job_lease (
    name     TEXT    NOT NULL PRIMARY KEY,
    holder   TEXT    NOT NULL,
    until_at INTEGER NOT NULL,
    version  INTEGER NOT NULL -- raised whenever the lease changes
) WITHOUT ROWID, STRICT;

CREATE TABLE minlog_job (
    name         TEXT    NOT NULL PRIMARY KEY,
    started_at   INTEGER,
    finished_at  INTEGER, -- NULL while it runs, or if it was cut off
    succeeded_at INTEGER, -- when a run last finished well
    ok           INTEGER NOT NULL,
    detail       TEXT    NOT NULL -- JSON
) WITHOUT ROWID, STRICT;
