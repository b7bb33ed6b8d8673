-- Copies of registers (SKRS), and how far exports have come. Times are microseconds since 1970, UTC, but for modified_s.

-- +goose Up
CREATE TABLE skrs_row (
    pid        bigint           NOT NULL UNIQUE, -- larger than all before; a changed row gets a new one
    view       text COLLATE "C" NOT NULL, -- register/datatype/vN
    modified_s bigint           NOT NULL, -- seconds since 1970, never falling with pid
    row_key    text COLLATE "C" NOT NULL,
    valid_from bigint           NOT NULL, -- the year 1 where there is none
    content    text COLLATE "C" NOT NULL, -- JSON: the values in the order of the view's columns
    PRIMARY KEY (view, modified_s, pid), -- a page is a part of it
    UNIQUE (view, row_key, valid_from)
);

CREATE TABLE ecpr_export (
    name       text COLLATE "C" NOT NULL, -- of the job
    number     bigint           NOT NULL,
    cursor_seq bigint           NOT NULL, -- the last change
    at         bigint,
    PRIMARY KEY (name, number)
);
