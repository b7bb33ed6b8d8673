-- Copies of registers (SKRS), and how far exports have come. Times are microseconds since 1970, UTC, but for modified_s.

-- +goose Up
CREATE TABLE skrs_row (
    pid        INTEGER NOT NULL UNIQUE, -- larger than all before; a changed row gets a new one
    view       TEXT    NOT NULL, -- register/datatype/vN
    modified_s INTEGER NOT NULL, -- seconds since 1970, never falling with pid
    row_key    TEXT    NOT NULL,
    valid_from INTEGER NOT NULL, -- the year 1 where there is none
    content    TEXT    NOT NULL, -- JSON: the values in the order of the view's columns
    PRIMARY KEY (view, modified_s, pid), -- a page is a part of it
    UNIQUE (view, row_key, valid_from)
) WITHOUT ROWID, STRICT;

CREATE TABLE ecpr_export (
    name       TEXT    NOT NULL, -- of the job
    number     INTEGER NOT NULL,
    cursor_seq INTEGER NOT NULL, -- the last change
    at         INTEGER,
    PRIMARY KEY (name, number)
) WITHOUT ROWID, STRICT;
