-- The outbox: notices to other services, written with what they tell of. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE outbox (
    seq         bigint           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of delivery of one key
    id          text COLLATE "C" NOT NULL UNIQUE, -- UUID
    target      text COLLATE "C" NOT NULL,
    order_key   text COLLATE "C" NOT NULL,
    payload     text COLLATE "C" NOT NULL, -- JSON
    created     bigint           NOT NULL,
    attempts    bigint           NOT NULL, -- that failed
    next_try    bigint           NOT NULL,
    sent        bigint,                    -- NULL until it is delivered
    parked_code text COLLATE "C"           -- why the target refused it for good
) WITH (fillfactor = 90);

-- Delivered rows, which are nearly all, are in none of these but the last.
CREATE INDEX outbox_waiting ON outbox (next_try, seq) WHERE sent IS NULL AND parked_code IS NULL;
CREATE INDEX outbox_key ON outbox (order_key, seq) WHERE sent IS NULL AND parked_code IS NULL;
CREATE INDEX outbox_parked ON outbox (seq) WHERE parked_code IS NOT NULL;
CREATE INDEX outbox_sent ON outbox (sent) WHERE sent IS NOT NULL;
