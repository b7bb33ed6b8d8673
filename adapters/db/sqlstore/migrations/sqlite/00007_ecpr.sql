-- Replacement numbers: those that were ever issued, the registrations with all versions of what is known of a person, and how they changed.
-- Nothing is ever deleted but of ecpr_search. Ids are UUIDs of 16 bytes. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE ecpr_ledger (
    number     TEXT    NOT NULL PRIMARY KEY, -- those of a series are a range
    claimed_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE ecpr_person (
    id         BLOB    NOT NULL PRIMARY KEY,
    number     TEXT    NOT NULL UNIQUE,
    merged_to  BLOB, -- NULL while it lives
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE ecpr_version (
    pid        BLOB    NOT NULL PRIMARY KEY,
    person_id  BLOB    NOT NULL,
    kind       TEXT    NOT NULL, -- identifier, name, gender, birthdate, contact or address
    oid        TEXT, -- of identifiers
    value      TEXT, -- of what has one
    data       TEXT, -- JSON of the rest
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER, -- NULL while it is active
    opened_by  BLOB    NOT NULL, -- ecpr_actor
    closed_by  BLOB
) STRICT;

CREATE INDEX ecpr_version_person ON ecpr_version (person_id, valid_from);
CREATE UNIQUE INDEX ecpr_version_active ON ecpr_version (oid, value) WHERE kind = 'identifier' AND valid_to IS NULL;

CREATE TABLE ecpr_alias (
    number    TEXT NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL -- the living registration that the number leads to
) WITHOUT ROWID, STRICT;

CREATE INDEX ecpr_alias_person ON ecpr_alias (person_id);

CREATE TABLE ecpr_search ( -- the words of living registrations
    person_id BLOB NOT NULL,
    field     TEXT NOT NULL, -- a letter, or the number of a line
    word      TEXT NOT NULL,
    PRIMARY KEY (person_id, field, word)
) WITHOUT ROWID, STRICT;

CREATE INDEX ecpr_search_word ON ecpr_search (field, word, person_id);

CREATE TABLE ecpr_actor ( -- who changed something
    id     BLOB    NOT NULL PRIMARY KEY,
    actor  TEXT    NOT NULL, -- JSON, as the document tells
    caller TEXT    NOT NULL, -- who sent it
    at     INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE ecpr_change (
    seq       INTEGER NOT NULL PRIMARY KEY, -- in the order of commits
    person_id BLOB    NOT NULL,
    pid       BLOB    -- NULL: the registration itself
) STRICT;

CREATE TABLE ecpr_oid (
    oid       TEXT NOT NULL PRIMARY KEY,
    uuid      TEXT NOT NULL,
    label     TEXT NOT NULL,
    secondary TEXT NOT NULL,
    pattern   TEXT NOT NULL,
    type      TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE ecpr_role (
    cvr  TEXT NOT NULL,
    cpr  TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (cvr, cpr, role)
) WITHOUT ROWID, STRICT;
