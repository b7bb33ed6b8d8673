-- MinLog: registrations of access, how far the message log is consumed, the daily counts, and what could not be read.
-- Times are microseconds since 1970, UTC. The person leads the primary key: a lookup is one search of the key and a walk along it.

-- +goose Up
CREATE TABLE minlog_entry (
    person_key       TEXT    NOT NULL, -- <source>:<id>
    at               INTEGER NOT NULL, -- the entry's To
    id               BLOB    NOT NULL, -- 16 bytes
    from_at          INTEGER NOT NULL,
    behalf_key       TEXT,             -- <source>:<id> of the one acted for
    system_name      TEXT    NOT NULL,
    registrar_cvr    TEXT    NOT NULL,
    registrar_system TEXT    NOT NULL,
    message_id       TEXT    NOT NULL,
    interface        TEXT    NOT NULL,
    received_at      INTEGER NOT NULL,
    doc              TEXT    NOT NULL, -- the entry as JSON, in the form of the message log
    PRIMARY KEY (person_key, at, id)
) WITHOUT ROWID, STRICT;

CREATE INDEX minlog_entry_behalf ON minlog_entry (behalf_key, at, id) WHERE behalf_key IS NOT NULL;
CREATE INDEX minlog_entry_at ON minlog_entry (at); -- for the clean-up

CREATE TABLE minlog_offset (
    topic       TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID, STRICT;

CREATE TABLE minlog_daily (
    day           TEXT    NOT NULL, -- 2006-01-02, Europe/Copenhagen
    registrar_cvr TEXT    NOT NULL,
    system_name   TEXT    NOT NULL,
    shard         INTEGER NOT NULL, -- the partition that counted; readers sum
    stored        INTEGER NOT NULL,
    rejected      INTEGER NOT NULL,
    PRIMARY KEY (day, registrar_cvr, system_name, shard)
) WITHOUT ROWID, STRICT;

CREATE TABLE minlog_deadletter (
    topic      TEXT    NOT NULL,
    partition  INTEGER NOT NULL,
    offs       INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    payload    BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (topic, partition, offs)
) WITHOUT ROWID, STRICT;

CREATE INDEX minlog_deadletter_created ON minlog_deadletter (created_at);
