-- MinLog: registrations of access, how far the message log is consumed, the daily counts, and what could not be read.
-- Times are microseconds since 1970, UTC. The person leads the primary key: a lookup is one search of the key in each month and a walk along it.
-- Keys are compared by their octets, as in every other store.

-- +goose Up
-- A partition minlog_entry_yyyymm holds a month of at (UTC). There is no default partition: with one, ordered queries merge all partitions
-- instead of appending them in order and stopping at the limit.
CREATE TABLE minlog_entry (
    person_key       text COLLATE "C" NOT NULL, -- <source>:<id>
    at               bigint           NOT NULL, -- the entry's To
    id               uuid             NOT NULL,
    from_at          bigint           NOT NULL,
    behalf_key       text COLLATE "C",          -- <source>:<id> of the one acted for
    system_name      text COLLATE "C" NOT NULL,
    registrar_cvr    text COLLATE "C" NOT NULL,
    registrar_system text COLLATE "C" NOT NULL,
    message_id       text COLLATE "C" NOT NULL,
    interface        text COLLATE "C" NOT NULL,
    received_at      bigint           NOT NULL,
    doc              text COLLATE "C" NOT NULL, -- the entry as JSON, in the form of the message log
    PRIMARY KEY (person_key, at, id)
) PARTITION BY RANGE (at);

CREATE INDEX minlog_entry_behalf ON minlog_entry (behalf_key, at, id) WHERE behalf_key IS NOT NULL;
CREATE INDEX minlog_entry_at ON minlog_entry USING brin (at) WITH (autosummarize = on); -- for the clean-up

CREATE TABLE minlog_offset (
    topic       text COLLATE "C" NOT NULL,
    partition   bigint           NOT NULL,
    next_offset bigint           NOT NULL,
    updated_at  bigint           NOT NULL,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE minlog_daily (
    day           text COLLATE "C" NOT NULL, -- 2006-01-02, Europe/Copenhagen
    registrar_cvr text COLLATE "C" NOT NULL,
    system_name   text COLLATE "C" NOT NULL,
    shard         bigint           NOT NULL, -- the partition that counted; readers sum
    stored        bigint           NOT NULL,
    rejected      bigint           NOT NULL,
    PRIMARY KEY (day, registrar_cvr, system_name, shard)
) WITH (fillfactor = 50); -- counts of today change all day long

CREATE TABLE minlog_deadletter (
    topic      text COLLATE "C" NOT NULL,
    partition  bigint           NOT NULL,
    offs       bigint           NOT NULL,
    error      text             NOT NULL,
    payload    bytea,
    created_at bigint           NOT NULL,
    PRIMARY KEY (topic, partition, offs)
);

CREATE INDEX minlog_deadletter_created ON minlog_deadletter (created_at);
