-- Notices to each target are found by themselves, so that those to one that is away are not in the way of others.

-- +goose Up
DROP INDEX outbox_waiting;
DROP INDEX outbox_key;
CREATE INDEX outbox_waiting ON outbox (target, next_try, seq) WHERE sent IS NULL AND parked_code IS NULL;
CREATE INDEX outbox_key ON outbox (target, order_key, seq) WHERE sent IS NULL AND parked_code IS NULL;
