-- What citizens register about who may see their data, and that somebody broke through it. Times are microseconds since 1970, UTC; NULL is an
-- open end, or nothing at all.

-- +goose Up
CREATE TABLE consent_citizen ( -- whose row is written first by who changes registrations under the number
    citizen_cpr TEXT    NOT NULL PRIMARY KEY,
    revision    INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE consent_registration ( -- the latest version of each
    consent_id      INTEGER NOT NULL PRIMARY KEY,
    version         INTEGER NOT NULL,
    citizen_cpr     TEXT    NOT NULL,
    kind            INTEGER NOT NULL, -- 0: a constraint
    who_kind        INTEGER NOT NULL, -- 0 everyone, 1 a person, 2 an organisation, 3 foreigners
    who_person      TEXT,
    who_org         TEXT, -- SOR code
    who_subs        INTEGER NOT NULL,
    data_from       INTEGER,
    data_to         INTEGER,
    origin_org      TEXT, -- SOR code
    origin_subs     INTEGER NOT NULL,
    valid_from      INTEGER NOT NULL,
    valid_to        INTEGER,
    active          INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    created_system  TEXT,
    created_by      TEXT,
    modified_at     INTEGER,
    modified_system TEXT,
    modified_by     TEXT,
    CHECK (who_kind BETWEEN 0 AND 3),
    CHECK ((who_person IS NOT NULL) = (who_kind = 1)),
    CHECK ((who_org IS NOT NULL) = (who_kind = 2)),
    CHECK (NOT who_subs OR who_kind = 2),
    CHECK (data_to > data_from),
    CHECK (NOT origin_subs OR origin_org IS NOT NULL),
    CHECK (valid_to > valid_from),
    CHECK (kind = 0 OR valid_to IS NOT NULL),
    CHECK (active OR modified_at IS NOT NULL)
) STRICT;

CREATE INDEX consent_registration_citizen ON consent_registration (citizen_cpr, active);
CREATE INDEX consent_registration_revoked ON consent_registration (modified_at) WHERE active = FALSE;

CREATE TABLE consent_version ( -- all versions of each, never altered
    consent_id      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    citizen_cpr     TEXT    NOT NULL,
    kind            INTEGER NOT NULL,
    who_kind        INTEGER NOT NULL,
    who_person      TEXT,
    who_org         TEXT,
    who_subs        INTEGER NOT NULL,
    data_from       INTEGER,
    data_to         INTEGER,
    origin_org      TEXT,
    origin_subs     INTEGER NOT NULL,
    valid_from      INTEGER NOT NULL,
    valid_to        INTEGER,
    active          INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    created_system  TEXT,
    created_by      TEXT,
    modified_at     INTEGER,
    modified_system TEXT,
    modified_by     TEXT,
    change          INTEGER NOT NULL, -- 0 added, 1 modified, 2 revoked
    PRIMARY KEY (consent_id, version)
) WITHOUT ROWID, STRICT;

CREATE TABLE consent_override (
    id                 TEXT    NOT NULL PRIMARY KEY, -- 26 characters, in the order of time
    at                 INTEGER NOT NULL,
    citizen_cpr        TEXT    NOT NULL,
    acting_cpr         TEXT,
    responsible_cpr    TEXT,
    authorisation_code TEXT,
    org_code           TEXT,
    org_scheme         TEXT,
    system_name        TEXT,
    caller_cvr         TEXT    NOT NULL,
    message_id         TEXT    NOT NULL,
    operation          TEXT    NOT NULL,
    UNIQUE (caller_cvr, message_id, operation)
) WITHOUT ROWID, STRICT;

CREATE INDEX consent_override_citizen ON consent_override (citizen_cpr, id);
CREATE INDEX consent_override_at ON consent_override (at);
