-- The notification service: topics, who fetches what, and how far. Times are microseconds since 1970, UTC; NULL is an open end, or nothing at all.

-- +goose Up
CREATE TABLE nas_topic (
    topic          text COLLATE "C" NOT NULL PRIMARY KEY,
    internal_topic text COLLATE "C" NOT NULL UNIQUE, -- of the message log
    state          text COLLATE "C" NOT NULL,
    active         boolean          NOT NULL,
    closed_at      bigint,
    spec           text COLLATE "C" NOT NULL, -- JSON
    created_at     bigint           NOT NULL,
    created_by     text COLLATE "C" NOT NULL,
    CHECK (state IN ('creating', 'ready', 'deleting'))
);

CREATE TABLE nas_topic_access (
    topic      text COLLATE "C" NOT NULL,
    identifier text COLLATE "C" NOT NULL,
    comment    text COLLATE "C" NOT NULL,
    created_at bigint           NOT NULL,
    PRIMARY KEY (topic, identifier)
);

CREATE TABLE nas_pull_point (
    id           text COLLATE "C" NOT NULL PRIMARY KEY, -- UUID
    owner_cvr    text COLLATE "C" NOT NULL,
    owner_system text COLLATE "C" NOT NULL,
    created_at   bigint           NOT NULL,
    last_seen_at bigint, -- at most hourly
    ended_at     bigint
);

CREATE INDEX nas_pull_point_owner ON nas_pull_point (owner_cvr, owner_system) WHERE ended_at IS NULL;
CREATE INDEX nas_pull_point_ended ON nas_pull_point (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE nas_subscription (
    id            text COLLATE "C" NOT NULL PRIMARY KEY, -- UUID
    pull_point_id text COLLATE "C" NOT NULL,
    topic         text COLLATE "C" NOT NULL,
    filter        text COLLATE "C" NOT NULL, -- JSON
    expires_at    bigint,
    created_at    bigint           NOT NULL,
    ended_at      bigint
);

CREATE INDEX nas_subscription_pull_point ON nas_subscription (pull_point_id, ended_at);
CREATE INDEX nas_subscription_topic ON nas_subscription (topic) WHERE ended_at IS NULL;
CREATE INDEX nas_subscription_expires ON nas_subscription (expires_at) WHERE ended_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX nas_subscription_ended ON nas_subscription (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE nas_consumer ( -- how far a subscription was read: rows are only inserted, and the one with the highest seq counts
    subscription_id text COLLATE "C" NOT NULL,
    seq             bigint           NOT NULL,
    pull_point_id   text COLLATE "C" NOT NULL,
    message_id      text COLLATE "C",          -- of the call that the row answers
    offsets         text COLLATE "C" NOT NULL, -- the next one of each partition: 146,72,72
    message_count   bigint           NOT NULL,
    delivered       text COLLATE "C" NOT NULL, -- offsets by partition: 0:5-9,12;2:7
    created_at      bigint           NOT NULL,
    PRIMARY KEY (subscription_id, seq)
);

-- A call is answered once: the pull point is that of the subscription.
CREATE UNIQUE INDEX nas_consumer_message ON nas_consumer (pull_point_id, message_id, subscription_id) WHERE message_id IS NOT NULL;
CREATE INDEX nas_consumer_created ON nas_consumer (created_at);

CREATE TABLE nas_id_list (
    owner_cvr    text COLLATE "C" NOT NULL,
    owner_system text COLLATE "C" NOT NULL,
    name         text COLLATE "C" NOT NULL,
    description  text COLLATE "C" NOT NULL,
    id_type      text COLLATE "C" NOT NULL,
    version      bigint           NOT NULL, -- of its content, which no other content has or had
    updated_at   bigint           NOT NULL,
    PRIMARY KEY (owner_cvr, owner_system, name)
);

CREATE TABLE nas_id_list_content (
    version bigint           NOT NULL,
    id      text COLLATE "C" NOT NULL,
    PRIMARY KEY (version, id)
);
