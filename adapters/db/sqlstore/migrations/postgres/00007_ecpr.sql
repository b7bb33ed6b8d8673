-- Replacement numbers: those that were ever issued, the registrations with all versions of what is known of a person, and how they changed.
-- Nothing is ever deleted but of ecpr_search. Ids are UUIDs of 16 bytes. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE ecpr_ledger (
    number     text COLLATE "C" NOT NULL PRIMARY KEY, -- those of a series are a range
    claimed_at bigint           NOT NULL
);

CREATE TABLE ecpr_person (
    id         bytea            NOT NULL PRIMARY KEY,
    number     text COLLATE "C" NOT NULL UNIQUE,
    merged_to  bytea,                     -- NULL while it lives
    revision   bigint           NOT NULL,
    created_at bigint           NOT NULL,
    changed_at bigint           NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE ecpr_version (
    pid        bytea            NOT NULL PRIMARY KEY,
    person_id  bytea            NOT NULL,
    kind       text COLLATE "C" NOT NULL, -- identifier, name, gender, birthdate, contact or address
    oid        text COLLATE "C",          -- of identifiers
    value      text COLLATE "C",          -- of what has one
    data       text COLLATE "C",          -- JSON of the rest
    valid_from bigint           NOT NULL,
    valid_to   bigint,                    -- NULL while it is active
    opened_by  bytea            NOT NULL, -- ecpr_actor
    closed_by  bytea
) WITH (fillfactor = 90);

CREATE INDEX ecpr_version_person ON ecpr_version (person_id, valid_from);
CREATE UNIQUE INDEX ecpr_version_active ON ecpr_version (oid, value) WHERE kind = 'identifier' AND valid_to IS NULL;

CREATE TABLE ecpr_alias (
    number    text COLLATE "C" NOT NULL PRIMARY KEY,
    person_id bytea            NOT NULL -- the living registration that the number leads to
);

CREATE INDEX ecpr_alias_person ON ecpr_alias (person_id);

CREATE TABLE ecpr_search ( -- the words of living registrations
    person_id bytea            NOT NULL,
    field     text COLLATE "C" NOT NULL, -- a letter, or the number of a line
    word      text COLLATE "C" NOT NULL,
    PRIMARY KEY (person_id, field, word)
);

CREATE INDEX ecpr_search_word ON ecpr_search (field, word, person_id);

CREATE TABLE ecpr_actor ( -- who changed something
    id     bytea            NOT NULL PRIMARY KEY,
    actor  text COLLATE "C" NOT NULL, -- JSON, as the document tells
    caller text COLLATE "C" NOT NULL, -- who sent it
    at     bigint           NOT NULL
);

CREATE TABLE ecpr_change (
    seq       bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of commits
    person_id bytea  NOT NULL,
    pid       bytea -- NULL: the registration itself
);

CREATE TABLE ecpr_oid (
    oid       text COLLATE "C" NOT NULL PRIMARY KEY,
    uuid      text COLLATE "C" NOT NULL,
    label     text COLLATE "C" NOT NULL,
    secondary text COLLATE "C" NOT NULL,
    pattern   text COLLATE "C" NOT NULL,
    type      text COLLATE "C" NOT NULL
);

CREATE TABLE ecpr_role (
    cvr  text COLLATE "C" NOT NULL,
    cpr  text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    PRIMARY KEY (cvr, cpr, role)
);
