-- Where a partition begins after its oldest messages were deleted: the last of them.
CREATE TABLE floor (
    channel INTEGER NOT NULL,
    part    INTEGER NOT NULL,
    pos     INTEGER NOT NULL,
    id      TEXT    NOT NULL,
    at      REAL    NOT NULL,
    PRIMARY KEY (channel, part)
) WITHOUT ROWID;

-- Who follows this log, wherever it runs: the last message handled by partition, as JSON, and when it said so.
CREATE TABLE subscriber (
    subscription TEXT    NOT NULL,
    channel      INTEGER NOT NULL,
    positions    TEXT    NOT NULL,
    at           REAL    NOT NULL,
    PRIMARY KEY (subscription, channel)
) WITHOUT ROWID;
