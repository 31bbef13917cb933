-- When a key failed last, by the clock of who tried. What is to be tried is found without looking at what is not.
ALTER TABLE remit_parked ADD COLUMN tried_at double precision NOT NULL DEFAULT 0;
CREATE INDEX remit_parked_due ON remit_parked (subscription, source, channel, retry_at);
CREATE INDEX remit_parked_tried ON remit_parked (subscription, source, channel, tried_at);
