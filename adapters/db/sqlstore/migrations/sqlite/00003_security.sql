-- Security: answers kept for messages that come again, message ids taken once, grants, sessions, and what was turned away.
-- Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE security_reply (
    key_hash    BLOB    NOT NULL PRIMARY KEY, -- 32 bytes
    body_hash   BLOB    NOT NULL,             -- 32 bytes
    claim       INTEGER NOT NULL,             -- tells the latest claim from earlier ones
    lease_until INTEGER NOT NULL,             -- when the claim lapses
    reply       BLOB,                         -- NULL while the call runs
    until       INTEGER NOT NULL
) STRICT;

CREATE INDEX security_reply_until ON security_reply (until); -- for the clean-up

CREATE TABLE security_seen (
    signer  BLOB    NOT NULL, -- 32 bytes
    id_hash BLOB    NOT NULL, -- SHA-256
    until   INTEGER NOT NULL,
    PRIMARY KEY (signer, id_hash)
) WITHOUT ROWID, STRICT;

CREATE INDEX security_seen_until ON security_seen (until);

CREATE TABLE security_grant (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    cvr        TEXT    NOT NULL, -- 8 digits, or *
    valid_from INTEGER,
    valid_to   INTEGER,
    note       TEXT    NOT NULL,
    created_by TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX security_grant_open ON security_grant (name, cvr) WHERE valid_to IS NULL;

CREATE TABLE security_session (
    token_hash BLOB    NOT NULL PRIMARY KEY, -- 32 bytes
    caller     TEXT    NOT NULL,             -- JSON
    until      INTEGER NOT NULL
) STRICT;

CREATE INDEX security_session_until ON security_session (until);

CREATE TABLE security_event (
    id         INTEGER NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    service    TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    anchor     TEXT    NOT NULL,
    cvr        TEXT    NOT NULL,
    addr       TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    until      INTEGER NOT NULL
) STRICT;

CREATE INDEX security_event_at ON security_event (at, id);
CREATE INDEX security_event_until ON security_event (until);
