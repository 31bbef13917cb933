-- What holds payloads is kept as rows with an index beside them. Without row numbers the rows are the index: to compare
-- two keys there, SQLite reads the whole row, and where it is large that takes as long as reading its payload.
-- Columns and their order stay, so that a process of an older release goes on with what it has open.
ALTER TABLE log RENAME TO log_before;
CREATE TABLE log (
    channel INTEGER NOT NULL,
    part    INTEGER NOT NULL,
    pos     INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    prev    TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    at      REAL    NOT NULL,
    headers TEXT    NOT NULL,
    payload TEXT    NOT NULL,
    PRIMARY KEY (channel, part, pos)
);
INSERT INTO log SELECT * FROM log_before ORDER BY channel, part, pos;
DROP TABLE log_before;

ALTER TABLE idempotency RENAME TO idempotency_before;
CREATE TABLE idempotency (
    caller      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    outcome     TEXT NOT NULL,
    at          REAL NOT NULL,
    PRIMARY KEY (caller, key)
);
INSERT INTO idempotency SELECT * FROM idempotency_before ORDER BY caller, key;
DROP TABLE idempotency_before;
CREATE INDEX idempotency_at ON idempotency (at);

ALTER TABLE state RENAME TO state_before;
CREATE TABLE state (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
);
INSERT INTO state SELECT * FROM state_before ORDER BY kind, id;
DROP TABLE state_before;

ALTER TABLE letter RENAME TO letter_before;
CREATE TABLE letter (
    subscription TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    channel      INTEGER NOT NULL,
    key          TEXT    NOT NULL,
    part         INTEGER NOT NULL,
    pos          INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    prev         TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    sent         REAL    NOT NULL,
    headers      TEXT    NOT NULL,
    payload      TEXT    NOT NULL,
    at           REAL    NOT NULL,
    discarded_at REAL,
    reason       TEXT,
    sha256       TEXT,
    PRIMARY KEY (subscription, source, channel, key, part, pos)
);
INSERT INTO letter SELECT * FROM letter_before ORDER BY subscription, source, channel, key, part, pos;
DROP TABLE letter_before;
CREATE INDEX letter_discarded ON letter (discarded_at) WHERE discarded_at IS NOT NULL;
-- Whether a letter waits is written behind its payload: here it is found without reading that.
CREATE INDEX letter_waiting ON letter (subscription, source, channel, key, part, pos, discarded_at) WHERE discarded_at IS NULL;
