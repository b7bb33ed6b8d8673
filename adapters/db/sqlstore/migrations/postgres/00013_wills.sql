-- Wills, of both registers, and who declines resuscitation. Rows are closed or superseded, never removed. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE living_will (
    id                   text COLLATE "C" NOT NULL PRIMARY KEY, -- UUID
    cpr                  text COLLATE "C" NOT NULL,
    if_dying             boolean          NOT NULL,
    if_severely_degraded boolean          NOT NULL,
    valid_from           bigint           NOT NULL,
    valid_to             bigint,          -- NULL while it is open
    CONSTRAINT living_will_wishes CHECK (if_dying OR if_severely_degraded),
    CHECK (valid_to > valid_from)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX living_will_open ON living_will (cpr) WHERE valid_to IS NULL;
CREATE INDEX living_will_cpr ON living_will (cpr, valid_from);

CREATE TABLE treatment_will ( -- needs: relative, guardian or trustedAgent; NULL: a wish needs nobody's acceptance
    id                         text COLLATE "C" NOT NULL PRIMARY KEY, -- UUID
    cpr                        text COLLATE "C" NOT NULL,
    if_dying                   boolean          NOT NULL,
    if_severely_degraded       boolean          NOT NULL,
    if_severely_degraded_needs text COLLATE "C",
    if_severe_pain             boolean          NOT NULL,
    if_severe_pain_needs       text COLLATE "C",
    no_forced_treatment        boolean          NOT NULL,
    no_forced_treatment_needs  text COLLATE "C",
    valid_from                 bigint           NOT NULL,
    valid_to                   bigint,          -- NULL while it is open
    CONSTRAINT treatment_will_wishes CHECK ( -- an error tells the name and no wish
        (if_dying OR if_severely_degraded OR if_severe_pain OR no_forced_treatment)
        AND (if_severely_degraded OR if_severely_degraded_needs IS NULL)
        AND if_severely_degraded_needs IN ('relative', 'guardian', 'trustedAgent')
        AND (if_severe_pain OR if_severe_pain_needs IS NULL)
        AND if_severe_pain_needs IN ('relative', 'guardian', 'trustedAgent')
        AND (no_forced_treatment OR no_forced_treatment_needs IS NULL)
        AND no_forced_treatment_needs IN ('relative', 'guardian', 'trustedAgent')
    ),
    CHECK (valid_to > valid_from)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX treatment_will_open ON treatment_will (cpr) WHERE valid_to IS NULL;
CREATE INDEX treatment_will_cpr ON treatment_will (cpr, valid_from);

-- The published design has these two beside the registers.
CREATE TABLE living_will_properties (
    key   text COLLATE "C" NOT NULL PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

CREATE TABLE treatment_will_properties (
    key   text COLLATE "C" NOT NULL PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

CREATE TABLE will_current ( -- the open will under a number: one, whatever its register
    cpr        text COLLATE "C" NOT NULL PRIMARY KEY,
    register   text COLLATE "C" NOT NULL,
    will_id    text COLLATE "C" NOT NULL UNIQUE,
    valid_from bigint           NOT NULL,
    CHECK (register IN ('LTR', 'BTR'))
) WITH (fillfactor = 80);

CREATE TABLE citizen_consent (
    id                      bigint           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid                    text COLLATE "C" NOT NULL UNIQUE,
    replaces                text COLLATE "C" UNIQUE, -- the uuid of the row that counted before
    patient_id              text COLLATE "C" NOT NULL,
    patient_id_source       text COLLATE "C" NOT NULL,
    consent_status          text COLLATE "C" NOT NULL,
    created_date            bigint           NOT NULL,
    citizen_created_date    text COLLATE "C", -- 2006-01-02
    valid_from              bigint           NOT NULL,
    superseded_date         bigint,          -- NULL while it is a head
    actor_type              text COLLATE "C",
    actor_id                text COLLATE "C",
    actor_id_source         text COLLATE "C",
    organisation_identifier text COLLATE "C",
    organisation_name       text COLLATE "C",
    CHECK (patient_id_source = 'CPR'),
    CHECK (consent_status IN ('ACTIVE', 'INACTIVE', 'ENTERED-IN-ERROR')),
    CHECK (superseded_date > created_date)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX citizen_consent_head ON citizen_consent (patient_id_source, patient_id) WHERE superseded_date IS NULL;
CREATE INDEX citizen_consent_patient ON citizen_consent (patient_id, created_date);
