-- Security: answers kept for messages that come again, message ids taken once, grants, sessions, and what was turned away.
-- Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE security_reply (
    key_hash    bytea  NOT NULL PRIMARY KEY, -- 32 bytes
    body_hash   bytea  NOT NULL,             -- 32 bytes
    claim       bigint NOT NULL,             -- tells the latest claim from earlier ones
    lease_until bigint NOT NULL,             -- when the claim lapses
    reply       bytea,                       -- NULL while the call runs
    until       bigint NOT NULL
);

CREATE INDEX security_reply_until ON security_reply (until); -- for the clean-up

CREATE TABLE security_seen (
    signer  bytea  NOT NULL, -- 32 bytes
    id_hash bytea  NOT NULL, -- SHA-256
    until   bigint NOT NULL,
    PRIMARY KEY (signer, id_hash)
);

CREATE INDEX security_seen_until ON security_seen (until);

CREATE TABLE security_grant (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    cvr        text COLLATE "C" NOT NULL, -- 8 digits, or *
    valid_from bigint,
    valid_to   bigint,
    note       text COLLATE "C" NOT NULL,
    created_by text COLLATE "C" NOT NULL
);

CREATE UNIQUE INDEX security_grant_open ON security_grant (name, cvr) WHERE valid_to IS NULL;

CREATE TABLE security_session (
    token_hash bytea            NOT NULL PRIMARY KEY, -- 32 bytes
    caller     text COLLATE "C" NOT NULL,             -- JSON
    until      bigint           NOT NULL
);

CREATE INDEX security_session_until ON security_session (until);

CREATE TABLE security_event (
    id         bigint           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         bigint           NOT NULL,
    service    text COLLATE "C" NOT NULL,
    operation  text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    cause      text COLLATE "C" NOT NULL,
    anchor     text COLLATE "C" NOT NULL,
    cvr        text COLLATE "C" NOT NULL,
    addr       text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    until      bigint           NOT NULL
);

CREATE INDEX security_event_at ON security_event (at, id);
CREATE INDEX security_event_until ON security_event (until);
