-- Who follows this log, wherever it runs: the last message handled by partition, as JSON, and when it said so.
CREATE TABLE remit_subscriber (
    subscription text COLLATE "C" NOT NULL,
    channel      smallint         NOT NULL,
    positions    text             NOT NULL,
    at           double precision NOT NULL,
    PRIMARY KEY (subscription, channel)
);
