-- The notification service: topics, who fetches what, and how far. Times are microseconds since 1970, UTC; NULL is an open end, or nothing at all.

-- +goose Up
CREATE TABLE nas_topic (
    topic          TEXT    NOT NULL PRIMARY KEY,
    internal_topic TEXT    NOT NULL UNIQUE, -- of the message log
    state          TEXT    NOT NULL,
    active         INTEGER NOT NULL,
    closed_at      INTEGER,
    spec           TEXT    NOT NULL, -- JSON
    created_at     INTEGER NOT NULL,
    created_by     TEXT    NOT NULL,
    CHECK (state IN ('creating', 'ready', 'deleting'))
) WITHOUT ROWID, STRICT;

CREATE TABLE nas_topic_access (
    topic      TEXT    NOT NULL,
    identifier TEXT    NOT NULL,
    comment    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (topic, identifier)
) WITHOUT ROWID, STRICT;

CREATE TABLE nas_pull_point (
    id           TEXT    NOT NULL PRIMARY KEY, -- UUID
    owner_cvr    TEXT    NOT NULL,
    owner_system TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER, -- at most hourly
    ended_at     INTEGER
) WITHOUT ROWID, STRICT;

CREATE INDEX nas_pull_point_owner ON nas_pull_point (owner_cvr, owner_system) WHERE ended_at IS NULL;
CREATE INDEX nas_pull_point_ended ON nas_pull_point (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE nas_subscription (
    id            TEXT    NOT NULL PRIMARY KEY, -- UUID
    pull_point_id TEXT    NOT NULL,
    topic         TEXT    NOT NULL,
    filter        TEXT    NOT NULL, -- JSON
    expires_at    INTEGER,
    created_at    INTEGER NOT NULL,
    ended_at      INTEGER
) WITHOUT ROWID, STRICT;

CREATE INDEX nas_subscription_pull_point ON nas_subscription (pull_point_id, ended_at);
CREATE INDEX nas_subscription_topic ON nas_subscription (topic) WHERE ended_at IS NULL;
CREATE INDEX nas_subscription_expires ON nas_subscription (expires_at) WHERE ended_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX nas_subscription_ended ON nas_subscription (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE nas_consumer ( -- how far a subscription was read: rows are only inserted, and the one with the highest seq counts
    subscription_id TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    pull_point_id   TEXT    NOT NULL,
    message_id      TEXT,             -- of the call that the row answers
    offsets         TEXT    NOT NULL, -- the next one of each partition: 146,72,72
    message_count   INTEGER NOT NULL,
    delivered       TEXT    NOT NULL, -- offsets by partition: 0:5-9,12;2:7
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, seq)
) WITHOUT ROWID, STRICT;

-- A call is answered once: the pull point is that of the subscription.
CREATE UNIQUE INDEX nas_consumer_message ON nas_consumer (pull_point_id, message_id, subscription_id) WHERE message_id IS NOT NULL;
CREATE INDEX nas_consumer_created ON nas_consumer (created_at);

CREATE TABLE nas_id_list (
    owner_cvr    TEXT    NOT NULL,
    owner_system TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    id_type      TEXT    NOT NULL,
    version      INTEGER NOT NULL, -- of its content, which no other content has or had
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (owner_cvr, owner_system, name)
) WITHOUT ROWID, STRICT;

CREATE TABLE nas_id_list_content (
    version INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    PRIMARY KEY (version, id)
) WITHOUT ROWID, STRICT;
