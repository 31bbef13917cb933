-- Run with search_path set to the schema of one context.
-- Headers, payloads, bodies and outcomes are JSON kept as text. Times are seconds since the epoch.
-- Keys are compared as bytes: no operating system's sorting rules can change under an index.

CREATE TABLE remit_meta (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value text NOT NULL
);

-- channel 0: domain events; channel 1: integration events and commands sent for later.
-- pos has no holes within (channel, part); prev is the id of the message before, '' for the first.
CREATE TABLE remit_log (
    channel smallint         NOT NULL,
    part    smallint         NOT NULL,
    pos     bigint           NOT NULL,
    id      text COLLATE "C" NOT NULL,
    prev    text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    type    text COLLATE "C" NOT NULL,
    version integer          NOT NULL,
    at      double precision NOT NULL,
    headers text             NOT NULL,
    payload text             NOT NULL,
    PRIMARY KEY (channel, part, pos)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);

-- Where a partition begins after its oldest messages were deleted: the last of them. Written by that deletion alone,
-- never by a commit: a row that every commit updates gets slower and slower while an old snapshot is open.
CREATE TABLE remit_floor (
    channel smallint         NOT NULL,
    part    smallint         NOT NULL,
    pos     bigint           NOT NULL,
    id      text COLLATE "C" NOT NULL,
    at      double precision NOT NULL,
    PRIMARY KEY (channel, part)
);

-- How far a subscription of this context has come in a partition of a source: the row with the highest prev says it.
-- Each move inserts a row, under the position it moves from; what it leaves behind is deleted later. A row that every
-- move updates gets slower and slower while an old snapshot is open.
CREATE TABLE remit_checkpoint (
    subscription text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    channel      smallint         NOT NULL,
    part         smallint         NOT NULL,
    prev         bigint           NOT NULL,
    pos          bigint           NOT NULL,
    id           text COLLATE "C" NOT NULL,
    at           double precision NOT NULL,
    PRIMARY KEY (subscription, source, channel, part, prev),
    CHECK (prev < pos)
);

CREATE TABLE remit_idempotency (
    caller      text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint bytea            NOT NULL,
    outcome     text             NOT NULL,
    at          double precision NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX remit_idempotency_at ON remit_idempotency (at);

CREATE TABLE remit_state (
    kind    text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    version bigint           NOT NULL,
    body    text             NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 80);

-- A parked key: one of its messages failed for good, and all of its later ones wait as letters.
CREATE TABLE remit_parked (
    subscription text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    channel      smallint         NOT NULL,
    part         smallint         NOT NULL,
    key          text COLLATE "C" NOT NULL,
    since        double precision NOT NULL,
    attempts     integer          NOT NULL,
    retry_at     double precision NOT NULL,
    error        text             NOT NULL,
    PRIMARY KEY (subscription, source, channel, part, key)
);

-- sent is the time of the message, at the time it was put here.
-- A discarded letter keeps its row as a tombstone: no payload, but its SHA-256, the reason and the time.
CREATE TABLE remit_letter (
    subscription text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    channel      smallint         NOT NULL,
    key          text COLLATE "C" NOT NULL,
    part         smallint         NOT NULL,
    pos          bigint           NOT NULL,
    id           text             NOT NULL,
    prev         text             NOT NULL,
    type         text             NOT NULL,
    version      integer          NOT NULL,
    sent         double precision NOT NULL,
    headers      text             NOT NULL,
    payload      text             NOT NULL,
    at           double precision NOT NULL,
    discarded_at double precision,
    reason       text,
    sha256       text,
    PRIMARY KEY (subscription, source, channel, key, part, pos)
);
CREATE INDEX remit_letter_discarded ON remit_letter (discarded_at) WHERE discarded_at IS NOT NULL;

CREATE TABLE remit_heartbeat (
    process text COLLATE "C" NOT NULL PRIMARY KEY,
    at      double precision NOT NULL,
    body    text             NOT NULL
);

-- Who does what only one process may do at a time, and until when.
CREATE TABLE remit_lease (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    owner text             NOT NULL,
    until double precision NOT NULL
);
