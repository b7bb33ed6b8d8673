-- Jobs: which process does one, and how its latest run went. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE job_lease (
    name     text COLLATE "C" NOT NULL PRIMARY KEY,
    holder   text COLLATE "C" NOT NULL,
    until_at bigint           NOT NULL,
    version  bigint           NOT NULL -- raised whenever the lease changes
) WITH (fillfactor = 50);

CREATE TABLE minlog_job (
    name         text COLLATE "C" NOT NULL PRIMARY KEY,
    started_at   bigint,
    finished_at  bigint,           -- NULL while it runs, or if it was cut off
    succeeded_at bigint,           -- when a run last finished well
    ok           boolean          NOT NULL,
    detail       text COLLATE "C" NOT NULL -- JSON
);
