-- The registers that are loaded from files, and what was loaded. A text that is empty is no value. Of every row valid_from and valid_to tell
-- when the register had it, in microseconds since 1970, UTC; from_day and to_day what the file says of its validity. A row that changes is
-- closed and followed by another one. A row that is written or closed takes the next pid of its table and modified_s, in seconds, never
-- before that of the row before it: copies of a register read its rows in that order.

-- +goose Up
CREATE TABLE cpr_person (
    pid                        INTEGER NOT NULL,
    modified_s                 INTEGER NOT NULL,
    valid_from                 INTEGER NOT NULL,
    valid_to                   INTEGER,
    cpr                        TEXT NOT NULL,
    status                     TEXT NOT NULL,
    status_dato                TEXT NOT NULL,
    koen                       TEXT NOT NULL,
    fornavn                    TEXT NOT NULL,
    mellemnavn                 TEXT NOT NULL,
    efternavn                  TEXT NOT NULL,
    co_navn                    TEXT NOT NULL,
    lokalitet                  TEXT NOT NULL,
    vejnavn                    TEXT NOT NULL,
    bygningsnummer             TEXT NOT NULL,
    husnummer                  TEXT NOT NULL,
    etage                      TEXT NOT NULL,
    side_doer_nummer           TEXT NOT NULL,
    bynavn                     TEXT NOT NULL,
    postnummer                 TEXT NOT NULL,
    postdistrikt               TEXT NOT NULL,
    gaeldende_cpr              TEXT NOT NULL,
    foedselsdato               TEXT NOT NULL,
    foedselsdato_markering     TEXT NOT NULL,
    stilling                   TEXT NOT NULL,
    vej_kode                   TEXT NOT NULL,
    kommune_kode               TEXT NOT NULL,
    navnebeskyttelsestartdato  TEXT NOT NULL,
    navnebeskyttelseslettedato TEXT NOT NULL,
    doedsdato                  TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX cpr_person_current ON cpr_person (cpr) WHERE valid_to IS NULL;
CREATE INDEX cpr_person_replaced ON cpr_person (gaeldende_cpr, status_dato, cpr) WHERE gaeldende_cpr <> '' AND valid_to IS NULL;
CREATE INDEX cpr_person_dead ON cpr_person (status, cpr, doedsdato, status_dato) WHERE status = '90' AND valid_to IS NULL;

CREATE TABLE cpr_custody (
    pid          INTEGER NOT NULL,
    modified_s   INTEGER NOT NULL,
    valid_from   INTEGER NOT NULL,
    valid_to     INTEGER,
    cpr          TEXT NOT NULL,
    type_kode    TEXT NOT NULL,
    relation_cpr TEXT NOT NULL,
    from_day     TEXT NOT NULL,
    to_day       TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX cpr_custody_current ON cpr_custody (cpr, type_kode, relation_cpr) WHERE valid_to IS NULL;
CREATE INDEX cpr_custody_of ON cpr_custody (cpr, relation_cpr);
CREATE INDEX cpr_custody_by ON cpr_custody (relation_cpr);

CREATE TABLE cpr_child (
    pid        INTEGER NOT NULL,
    modified_s INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    cpr        TEXT NOT NULL,
    barn_cpr   TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX cpr_child_current ON cpr_child (cpr, barn_cpr) WHERE valid_to IS NULL;
CREATE INDEX cpr_child_of ON cpr_child (cpr, barn_cpr);
CREATE INDEX cpr_child_by ON cpr_child (barn_cpr);

CREATE TABLE cpr_guardian (
    pid          INTEGER NOT NULL,
    modified_s   INTEGER NOT NULL,
    valid_from   INTEGER NOT NULL,
    valid_to     INTEGER,
    cpr          TEXT NOT NULL,
    type_kode    TEXT NOT NULL,
    relation_cpr TEXT NOT NULL,
    vaerges_navn TEXT NOT NULL,
    from_day     TEXT NOT NULL,
    to_day       TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX cpr_guardian_current ON cpr_guardian (cpr, relation_cpr, vaerges_navn) WHERE valid_to IS NULL;
CREATE INDEX cpr_guardian_of ON cpr_guardian (cpr, relation_cpr);
CREATE INDEX cpr_guardian_by ON cpr_guardian (relation_cpr);

CREATE TABLE autorisation (
    pid                 INTEGER NOT NULL,
    modified_s          INTEGER NOT NULL,
    valid_from          INTEGER NOT NULL,
    valid_to            INTEGER,
    autorisationsnummer TEXT NOT NULL,
    cpr                 TEXT NOT NULL,
    fornavn             TEXT NOT NULL,
    efternavn           TEXT NOT NULL,
    uddannelseskode     TEXT NOT NULL,
    from_day            TEXT NOT NULL,
    to_day              TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX autorisation_current ON autorisation (autorisationsnummer, uddannelseskode) WHERE valid_to IS NULL;
CREATE INDEX autorisation_key ON autorisation (autorisationsnummer, uddannelseskode, valid_from);
CREATE INDEX autorisation_cpr ON autorisation (cpr);

CREATE TABLE sor_unit (
    pid            INTEGER NOT NULL,
    modified_s     INTEGER NOT NULL,
    valid_from     INTEGER NOT NULL,
    valid_to       INTEGER,
    sor_nummer     TEXT NOT NULL,
    overordnet_sor TEXT NOT NULL,
    type           TEXT NOT NULL,
    navn           TEXT NOT NULL,
    shak           TEXT NOT NULL,
    ydernummer     TEXT NOT NULL,
    cvr            TEXT NOT NULL,
    pnummer        TEXT NOT NULL,
    ean            TEXT NOT NULL,
    speciale_kode  TEXT NOT NULL,
    vejnavn        TEXT NOT NULL,
    postnummer     TEXT NOT NULL,
    bynavn         TEXT NOT NULL,
    telefon        TEXT NOT NULL,
    from_day       TEXT NOT NULL,
    to_day         TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX sor_unit_current ON sor_unit (sor_nummer) WHERE valid_to IS NULL;
CREATE INDEX sor_unit_key ON sor_unit (sor_nummer, valid_from);

CREATE TABLE yder (
    pid           INTEGER NOT NULL,
    modified_s    INTEGER NOT NULL,
    valid_from    INTEGER NOT NULL,
    valid_to      INTEGER,
    ydernummer    TEXT NOT NULL,
    navn          TEXT NOT NULL,
    adresse       TEXT NOT NULL,
    postnummer    TEXT NOT NULL,
    postdistrikt  TEXT NOT NULL,
    telefon       TEXT NOT NULL,
    email         TEXT NOT NULL,
    cvr           TEXT NOT NULL,
    hvd_spec_kode TEXT NOT NULL,
    tilg_dato     TEXT NOT NULL,
    afg_dato      TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX yder_current ON yder (ydernummer) WHERE valid_to IS NULL;

CREATE TABLE sikrede (
    pid           INTEGER NOT NULL,
    modified_s    INTEGER NOT NULL,
    valid_from    INTEGER NOT NULL,
    valid_to      INTEGER,
    cpr           TEXT NOT NULL,
    ydernummer    TEXT NOT NULL,
    ydernummer_gl TEXT NOT NULL,
    gruppe        TEXT NOT NULL,
    gruppe_dato   TEXT NOT NULL,
    status        TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX sikrede_current ON sikrede (cpr) WHERE valid_to IS NULL;

CREATE TABLE bemyndigelse (
    pid               INTEGER NOT NULL,
    modified_s        INTEGER NOT NULL,
    valid_from        INTEGER NOT NULL,
    valid_to          INTEGER,
    kode              TEXT NOT NULL,
    bemyndigende_cpr  TEXT NOT NULL,
    bemyndigede_cpr   TEXT NOT NULL,
    bemyndigede_cvr   TEXT NOT NULL,
    system            TEXT NOT NULL,
    arbejdsfunktion   TEXT NOT NULL,
    rettighed         TEXT NOT NULL,
    status            TEXT NOT NULL,
    godkendelses_dato TEXT NOT NULL,
    gyldig_fra_dato   TEXT NOT NULL,
    gyldig_til_dato   TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX bemyndigelse_current ON bemyndigelse (kode) WHERE valid_to IS NULL;
CREATE INDEX bemyndigelse_key ON bemyndigelse (kode, valid_from);
CREATE INDEX bemyndigelse_pair ON bemyndigelse (bemyndigende_cpr, bemyndigede_cpr);

CREATE TABLE person_relation (
    pid        INTEGER NOT NULL,
    modified_s INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER,
    actor      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    scope      TEXT NOT NULL,
    from_day   TEXT NOT NULL,
    to_day     TEXT NOT NULL,
    PRIMARY KEY (modified_s, pid)
) STRICT;

CREATE UNIQUE INDEX person_relation_current ON person_relation (actor, subject, from_day) WHERE valid_to IS NULL;
CREATE INDEX person_relation_pair ON person_relation (actor, subject);

CREATE TABLE stamdata_load (
    id     INTEGER NOT NULL PRIMARY KEY, -- in the order of the loads
    sha256 BLOB NOT NULL,             -- of the file, 32 bytes
    at     INTEGER NOT NULL,
    report TEXT NOT NULL              -- JSON
) STRICT;

CREATE INDEX stamdata_load_sha256 ON stamdata_load (sha256);
CREATE INDEX stamdata_load_at ON stamdata_load (at);
