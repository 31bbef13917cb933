-- Headers, payloads, bodies and outcomes are JSON kept as TEXT, so that every SQLite tool can read them.
-- Times are seconds since the epoch.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- channel 0: domain events; channel 1: integration events and commands sent for later.
-- pos has no holes within (channel, part); prev is the id of the message before, '' for the first.
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
) WITHOUT ROWID;

-- How far a subscription of this context has come in a partition of a source.
CREATE TABLE checkpoint (
    subscription TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    channel      INTEGER NOT NULL,
    part         INTEGER NOT NULL,
    pos          INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    at           REAL    NOT NULL,
    PRIMARY KEY (subscription, source, channel, part)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    caller      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    outcome     TEXT NOT NULL,
    at          REAL NOT NULL,
    PRIMARY KEY (caller, key)
) WITHOUT ROWID;

CREATE TABLE state (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- A parked key: one of its messages failed for good, and all of its later ones wait as letters.
CREATE TABLE parked (
    subscription TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    channel      INTEGER NOT NULL,
    part         INTEGER NOT NULL,
    key          TEXT    NOT NULL,
    since        REAL    NOT NULL,
    attempts     INTEGER NOT NULL,
    retry_at     REAL    NOT NULL,
    error        TEXT    NOT NULL,
    PRIMARY KEY (subscription, source, channel, part, key)
) WITHOUT ROWID;

-- sent is the time of the message, at the time it was put here.
-- A discarded letter keeps its row as a tombstone: no payload, but its SHA-256, the reason and the time.
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
) WITHOUT ROWID;

CREATE TABLE heartbeat (
    process TEXT NOT NULL PRIMARY KEY,
    at      REAL NOT NULL,
    body    TEXT NOT NULL
) WITHOUT ROWID;
