-- When a key failed last, by the clock of who tried. What is to be tried is found without looking at what is not.
ALTER TABLE parked ADD COLUMN tried_at REAL NOT NULL DEFAULT 0;
CREATE INDEX parked_due ON parked (subscription, source, channel, retry_at);
CREATE INDEX parked_tried ON parked (subscription, source, channel, tried_at);
