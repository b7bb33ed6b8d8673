-- The embedded message log. Offsets are dense: next_off is raised within the transaction that appends, which holds the row to its end, so that
-- the order of commits is the order of offsets.

-- +goose Up
CREATE TABLE log_partition (
    topic     text COLLATE "C" NOT NULL,
    part      bigint           NOT NULL,
    first_off bigint           NOT NULL,
    next_off  bigint           NOT NULL,
    PRIMARY KEY (topic, part)
) WITH (fillfactor = 20); -- few rows that change all the time, within their page

CREATE TABLE log_record (
    topic       text COLLATE "C" NOT NULL,
    part        bigint           NOT NULL,
    off         bigint           NOT NULL,
    appended_at bigint           NOT NULL, -- microseconds since 1970, UTC
    key         bytea,
    headers     text COLLATE "C",          -- JSON list of pairs
    value       bytea,
    PRIMARY KEY (topic, part, off)
);
