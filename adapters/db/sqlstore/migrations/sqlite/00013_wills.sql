-- Wills, of both registers, and who declines resuscitation. Rows are closed or superseded, never removed. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE living_will (
    id                   TEXT    NOT NULL PRIMARY KEY, -- UUID
    cpr                  TEXT    NOT NULL,
    if_dying             INTEGER NOT NULL,
    if_severely_degraded INTEGER NOT NULL,
    valid_from           INTEGER NOT NULL,
    valid_to             INTEGER, -- NULL while it is open
    CONSTRAINT living_will_wishes CHECK (if_dying OR if_severely_degraded),
    CHECK (valid_to > valid_from)
) STRICT;

CREATE UNIQUE INDEX living_will_open ON living_will (cpr) WHERE valid_to IS NULL;
CREATE INDEX living_will_cpr ON living_will (cpr, valid_from);

CREATE TABLE treatment_will ( -- needs: relative, guardian or trustedAgent; NULL: a wish needs nobody's acceptance
    id                         TEXT    NOT NULL PRIMARY KEY, -- UUID
    cpr                        TEXT    NOT NULL,
    if_dying                   INTEGER NOT NULL,
    if_severely_degraded       INTEGER NOT NULL,
    if_severely_degraded_needs TEXT,
    if_severe_pain             INTEGER NOT NULL,
    if_severe_pain_needs       TEXT,
    no_forced_treatment        INTEGER NOT NULL,
    no_forced_treatment_needs  TEXT,
    valid_from                 INTEGER NOT NULL,
    valid_to                   INTEGER, -- NULL while it is open
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
) STRICT;

CREATE UNIQUE INDEX treatment_will_open ON treatment_will (cpr) WHERE valid_to IS NULL;
CREATE INDEX treatment_will_cpr ON treatment_will (cpr, valid_from);

-- The published design has these two beside the registers.
CREATE TABLE living_will_properties (
    key   TEXT    NOT NULL PRIMARY KEY,
    value TEXT    NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE treatment_will_properties (
    key   TEXT    NOT NULL PRIMARY KEY,
    value TEXT    NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE will_current ( -- the open will under a number: one, whatever its register
    cpr        TEXT    NOT NULL PRIMARY KEY,
    register   TEXT    NOT NULL,
    will_id    TEXT    NOT NULL UNIQUE,
    valid_from INTEGER NOT NULL,
    CHECK (register IN ('LTR', 'BTR'))
) WITHOUT ROWID, STRICT;

CREATE TABLE citizen_consent (
    id                      INTEGER NOT NULL PRIMARY KEY,
    uuid                    TEXT    NOT NULL UNIQUE,
    replaces                TEXT    UNIQUE, -- the uuid of the row that counted before
    patient_id              TEXT    NOT NULL,
    patient_id_source       TEXT    NOT NULL,
    consent_status          TEXT    NOT NULL,
    created_date            INTEGER NOT NULL,
    citizen_created_date    TEXT, -- 2006-01-02
    valid_from              INTEGER NOT NULL,
    superseded_date         INTEGER, -- NULL while it is a head
    actor_type              TEXT,
    actor_id                TEXT,
    actor_id_source         TEXT,
    organisation_identifier TEXT,
    organisation_name       TEXT,
    CHECK (patient_id_source = 'CPR'),
    CHECK (consent_status IN ('ACTIVE', 'INACTIVE', 'ENTERED-IN-ERROR')),
    CHECK (superseded_date > created_date)
) STRICT;

CREATE UNIQUE INDEX citizen_consent_head ON citizen_consent (patient_id_source, patient_id) WHERE superseded_date IS NULL;
CREATE INDEX citizen_consent_patient ON citizen_consent (patient_id, created_date);
