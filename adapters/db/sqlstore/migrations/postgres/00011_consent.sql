-- What citizens register about who may see their data, and that somebody broke through it. Times are microseconds since 1970, UTC; NULL is an
-- open end, or nothing at all.

-- +goose Up
CREATE TABLE consent_citizen ( -- whose row is written first by who changes registrations under the number
    citizen_cpr text COLLATE "C" NOT NULL PRIMARY KEY,
    revision    bigint           NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE consent_registration ( -- the latest version of each
    consent_id      bigint           NOT NULL PRIMARY KEY,
    version         bigint           NOT NULL,
    citizen_cpr     text COLLATE "C" NOT NULL,
    kind            bigint           NOT NULL, -- 0: a constraint
    who_kind        bigint           NOT NULL, -- 0 everyone, 1 a person, 2 an organisation, 3 foreigners
    who_person      text COLLATE "C",
    who_org         text COLLATE "C",          -- SOR code
    who_subs        boolean          NOT NULL,
    data_from       bigint,
    data_to         bigint,
    origin_org      text COLLATE "C",          -- SOR code
    origin_subs     boolean          NOT NULL,
    valid_from      bigint           NOT NULL,
    valid_to        bigint,
    active          boolean          NOT NULL,
    created_at      bigint           NOT NULL,
    created_system  text COLLATE "C",
    created_by      text COLLATE "C",
    modified_at     bigint,
    modified_system text COLLATE "C",
    modified_by     text COLLATE "C",
    CHECK (who_kind BETWEEN 0 AND 3),
    CHECK ((who_person IS NOT NULL) = (who_kind = 1)),
    CHECK ((who_org IS NOT NULL) = (who_kind = 2)),
    CHECK (NOT who_subs OR who_kind = 2),
    CHECK (data_to > data_from),
    CHECK (NOT origin_subs OR origin_org IS NOT NULL),
    CHECK (valid_to > valid_from),
    CHECK (kind = 0 OR valid_to IS NOT NULL),
    CHECK (active OR modified_at IS NOT NULL)
) WITH (fillfactor = 90);

CREATE INDEX consent_registration_citizen ON consent_registration (citizen_cpr, active);
CREATE INDEX consent_registration_revoked ON consent_registration (modified_at) WHERE NOT active;

CREATE TABLE consent_version ( -- all versions of each, never altered
    consent_id      bigint           NOT NULL,
    version         bigint           NOT NULL,
    citizen_cpr     text COLLATE "C" NOT NULL,
    kind            bigint           NOT NULL,
    who_kind        bigint           NOT NULL,
    who_person      text COLLATE "C",
    who_org         text COLLATE "C",
    who_subs        boolean          NOT NULL,
    data_from       bigint,
    data_to         bigint,
    origin_org      text COLLATE "C",
    origin_subs     boolean          NOT NULL,
    valid_from      bigint           NOT NULL,
    valid_to        bigint,
    active          boolean          NOT NULL,
    created_at      bigint           NOT NULL,
    created_system  text COLLATE "C",
    created_by      text COLLATE "C",
    modified_at     bigint,
    modified_system text COLLATE "C",
    modified_by     text COLLATE "C",
    change          bigint           NOT NULL, -- 0 added, 1 modified, 2 revoked
    PRIMARY KEY (consent_id, version)
);

CREATE TABLE consent_override (
    id                 text COLLATE "C" NOT NULL PRIMARY KEY, -- 26 characters, in the order of time
    at                 bigint           NOT NULL,
    citizen_cpr        text COLLATE "C" NOT NULL,
    acting_cpr         text COLLATE "C",
    responsible_cpr    text COLLATE "C",
    authorisation_code text COLLATE "C",
    org_code           text COLLATE "C",
    org_scheme         text COLLATE "C",
    system_name        text COLLATE "C",
    caller_cvr         text COLLATE "C" NOT NULL,
    message_id         text COLLATE "C" NOT NULL,
    operation          text COLLATE "C" NOT NULL,
    UNIQUE (caller_cvr, message_id, operation)
);

CREATE INDEX consent_override_citizen ON consent_override (citizen_cpr, id);
CREATE INDEX consent_override_at ON consent_override (at);
