-- The registers that are loaded from files, and what was loaded. A text that is empty is no value. Of every row valid_from and valid_to tell
-- when the register had it, in microseconds since 1970, UTC; from_day and to_day what the file says of its validity. A row that changes is
-- closed and followed by another one. A row that is written or closed takes the next pid of its table and modified_s, in seconds, never
-- before that of the row before it: copies of a register read its rows in that order.

-- +goose Up
CREATE TABLE cpr_person (
    pid                        bigint           NOT NULL,
    modified_s                 bigint           NOT NULL,
    valid_from                 bigint           NOT NULL,
    valid_to                   bigint,
    cpr                        text COLLATE "C" NOT NULL,
    status                     text COLLATE "C" NOT NULL,
    status_dato                text COLLATE "C" NOT NULL,
    koen                       text COLLATE "C" NOT NULL,
    fornavn                    text COLLATE "C" NOT NULL,
    mellemnavn                 text COLLATE "C" NOT NULL,
    efternavn                  text COLLATE "C" NOT NULL,
    co_navn                    text COLLATE "C" NOT NULL,
    lokalitet                  text COLLATE "C" NOT NULL,
    vejnavn                    text COLLATE "C" NOT NULL,
    bygningsnummer             text COLLATE "C" NOT NULL,
    husnummer                  text COLLATE "C" NOT NULL,
    etage                      text COLLATE "C" NOT NULL,
    side_doer_nummer           text COLLATE "C" NOT NULL,
    bynavn                     text COLLATE "C" NOT NULL,
    postnummer                 text COLLATE "C" NOT NULL,
    postdistrikt               text COLLATE "C" NOT NULL,
    gaeldende_cpr              text COLLATE "C" NOT NULL,
    foedselsdato               text COLLATE "C" NOT NULL,
    foedselsdato_markering     text COLLATE "C" NOT NULL,
    stilling                   text COLLATE "C" NOT NULL,
    vej_kode                   text COLLATE "C" NOT NULL,
    kommune_kode               text COLLATE "C" NOT NULL,
    navnebeskyttelsestartdato  text COLLATE "C" NOT NULL,
    navnebeskyttelseslettedato text COLLATE "C" NOT NULL,
    doedsdato                  text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX cpr_person_current ON cpr_person (cpr) WHERE valid_to IS NULL;
CREATE INDEX cpr_person_replaced ON cpr_person (gaeldende_cpr, status_dato, cpr) WHERE gaeldende_cpr <> '' AND valid_to IS NULL;
CREATE INDEX cpr_person_dead ON cpr_person (status, cpr, doedsdato, status_dato) WHERE status = '90' AND valid_to IS NULL;

CREATE TABLE cpr_custody (
    pid          bigint           NOT NULL,
    modified_s   bigint           NOT NULL,
    valid_from   bigint           NOT NULL,
    valid_to     bigint,
    cpr          text COLLATE "C" NOT NULL,
    type_kode    text COLLATE "C" NOT NULL,
    relation_cpr text COLLATE "C" NOT NULL,
    from_day     text COLLATE "C" NOT NULL,
    to_day       text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX cpr_custody_current ON cpr_custody (cpr, type_kode, relation_cpr) WHERE valid_to IS NULL;
CREATE INDEX cpr_custody_of ON cpr_custody (cpr, relation_cpr);
CREATE INDEX cpr_custody_by ON cpr_custody (relation_cpr);

CREATE TABLE cpr_child (
    pid        bigint           NOT NULL,
    modified_s bigint           NOT NULL,
    valid_from bigint           NOT NULL,
    valid_to   bigint,
    cpr        text COLLATE "C" NOT NULL,
    barn_cpr   text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX cpr_child_current ON cpr_child (cpr, barn_cpr) WHERE valid_to IS NULL;
CREATE INDEX cpr_child_of ON cpr_child (cpr, barn_cpr);
CREATE INDEX cpr_child_by ON cpr_child (barn_cpr);

CREATE TABLE cpr_guardian (
    pid          bigint           NOT NULL,
    modified_s   bigint           NOT NULL,
    valid_from   bigint           NOT NULL,
    valid_to     bigint,
    cpr          text COLLATE "C" NOT NULL,
    type_kode    text COLLATE "C" NOT NULL,
    relation_cpr text COLLATE "C" NOT NULL,
    vaerges_navn text COLLATE "C" NOT NULL,
    from_day     text COLLATE "C" NOT NULL,
    to_day       text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX cpr_guardian_current ON cpr_guardian (cpr, relation_cpr, vaerges_navn) WHERE valid_to IS NULL;
CREATE INDEX cpr_guardian_of ON cpr_guardian (cpr, relation_cpr);
CREATE INDEX cpr_guardian_by ON cpr_guardian (relation_cpr);

CREATE TABLE autorisation (
    pid                 bigint           NOT NULL,
    modified_s          bigint           NOT NULL,
    valid_from          bigint           NOT NULL,
    valid_to            bigint,
    autorisationsnummer text COLLATE "C" NOT NULL,
    cpr                 text COLLATE "C" NOT NULL,
    fornavn             text COLLATE "C" NOT NULL,
    efternavn           text COLLATE "C" NOT NULL,
    uddannelseskode     text COLLATE "C" NOT NULL,
    from_day            text COLLATE "C" NOT NULL,
    to_day              text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX autorisation_current ON autorisation (autorisationsnummer, uddannelseskode) WHERE valid_to IS NULL;
CREATE INDEX autorisation_key ON autorisation (autorisationsnummer, uddannelseskode, valid_from);
CREATE INDEX autorisation_cpr ON autorisation (cpr);

CREATE TABLE sor_unit (
    pid            bigint           NOT NULL,
    modified_s     bigint           NOT NULL,
    valid_from     bigint           NOT NULL,
    valid_to       bigint,
    sor_nummer     text COLLATE "C" NOT NULL,
    overordnet_sor text COLLATE "C" NOT NULL,
    type           text COLLATE "C" NOT NULL,
    navn           text COLLATE "C" NOT NULL,
    shak           text COLLATE "C" NOT NULL,
    ydernummer     text COLLATE "C" NOT NULL,
    cvr            text COLLATE "C" NOT NULL,
    pnummer        text COLLATE "C" NOT NULL,
    ean            text COLLATE "C" NOT NULL,
    speciale_kode  text COLLATE "C" NOT NULL,
    vejnavn        text COLLATE "C" NOT NULL,
    postnummer     text COLLATE "C" NOT NULL,
    bynavn         text COLLATE "C" NOT NULL,
    telefon        text COLLATE "C" NOT NULL,
    from_day       text COLLATE "C" NOT NULL,
    to_day         text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX sor_unit_current ON sor_unit (sor_nummer) WHERE valid_to IS NULL;
CREATE INDEX sor_unit_key ON sor_unit (sor_nummer, valid_from);

CREATE TABLE yder (
    pid           bigint           NOT NULL,
    modified_s    bigint           NOT NULL,
    valid_from    bigint           NOT NULL,
    valid_to      bigint,
    ydernummer    text COLLATE "C" NOT NULL,
    navn          text COLLATE "C" NOT NULL,
    adresse       text COLLATE "C" NOT NULL,
    postnummer    text COLLATE "C" NOT NULL,
    postdistrikt  text COLLATE "C" NOT NULL,
    telefon       text COLLATE "C" NOT NULL,
    email         text COLLATE "C" NOT NULL,
    cvr           text COLLATE "C" NOT NULL,
    hvd_spec_kode text COLLATE "C" NOT NULL,
    tilg_dato     text COLLATE "C" NOT NULL,
    afg_dato      text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX yder_current ON yder (ydernummer) WHERE valid_to IS NULL;

CREATE TABLE sikrede (
    pid           bigint           NOT NULL,
    modified_s    bigint           NOT NULL,
    valid_from    bigint           NOT NULL,
    valid_to      bigint,
    cpr           text COLLATE "C" NOT NULL,
    ydernummer    text COLLATE "C" NOT NULL,
    ydernummer_gl text COLLATE "C" NOT NULL,
    gruppe        text COLLATE "C" NOT NULL,
    gruppe_dato   text COLLATE "C" NOT NULL,
    status        text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX sikrede_current ON sikrede (cpr) WHERE valid_to IS NULL;

CREATE TABLE bemyndigelse (
    pid               bigint           NOT NULL,
    modified_s        bigint           NOT NULL,
    valid_from        bigint           NOT NULL,
    valid_to          bigint,
    kode              text COLLATE "C" NOT NULL,
    bemyndigende_cpr  text COLLATE "C" NOT NULL,
    bemyndigede_cpr   text COLLATE "C" NOT NULL,
    bemyndigede_cvr   text COLLATE "C" NOT NULL,
    system            text COLLATE "C" NOT NULL,
    arbejdsfunktion   text COLLATE "C" NOT NULL,
    rettighed         text COLLATE "C" NOT NULL,
    status            text COLLATE "C" NOT NULL,
    godkendelses_dato text COLLATE "C" NOT NULL,
    gyldig_fra_dato   text COLLATE "C" NOT NULL,
    gyldig_til_dato   text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX bemyndigelse_current ON bemyndigelse (kode) WHERE valid_to IS NULL;
CREATE INDEX bemyndigelse_key ON bemyndigelse (kode, valid_from);
CREATE INDEX bemyndigelse_pair ON bemyndigelse (bemyndigende_cpr, bemyndigede_cpr);

CREATE TABLE person_relation (
    pid        bigint           NOT NULL,
    modified_s bigint           NOT NULL,
    valid_from bigint           NOT NULL,
    valid_to   bigint,
    actor      text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    scope      text COLLATE "C" NOT NULL,
    from_day   text COLLATE "C" NOT NULL,
    to_day     text COLLATE "C" NOT NULL,
    PRIMARY KEY (modified_s, pid)
);

CREATE UNIQUE INDEX person_relation_current ON person_relation (actor, subject, from_day) WHERE valid_to IS NULL;
CREATE INDEX person_relation_pair ON person_relation (actor, subject);

CREATE TABLE stamdata_load (
    id     bigint           NOT NULL PRIMARY KEY, -- in the order of the loads
    sha256 bytea            NOT NULL,             -- of the file, 32 bytes
    at     bigint           NOT NULL,
    report text COLLATE "C" NOT NULL              -- JSON
);

CREATE INDEX stamdata_load_sha256 ON stamdata_load (sha256);
CREATE INDEX stamdata_load_at ON stamdata_load (at);
