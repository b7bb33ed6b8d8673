-- The outbox: notices to other services, written with what they tell of. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE outbox (
    seq         INTEGER NOT NULL PRIMARY KEY, -- the order of delivery of one key
    id          TEXT    NOT NULL UNIQUE,      -- UUID
    target      TEXT    NOT NULL,
    order_key   TEXT    NOT NULL,
    payload     TEXT    NOT NULL, -- JSON
    created     INTEGER NOT NULL,
    attempts    INTEGER NOT NULL, -- that failed
    next_try    INTEGER NOT NULL,
    sent        INTEGER,          -- NULL until it is delivered
    parked_code TEXT              -- why the target refused it for good
) STRICT;

-- Delivered rows, which are nearly all, are in none of these but the last.
CREATE INDEX outbox_waiting ON outbox (next_try, seq) WHERE sent IS NULL AND parked_code IS NULL;
CREATE INDEX outbox_key ON outbox (order_key, seq) WHERE sent IS NULL AND parked_code IS NULL;
CREATE INDEX outbox_parked ON outbox (seq) WHERE parked_code IS NOT NULL;
CREATE INDEX outbox_sent ON outbox (sent) WHERE sent IS NOT NULL;
