-- What is old is found without looking at what is young.
CREATE INDEX idempotency_at ON idempotency (at);
CREATE INDEX letter_discarded ON letter (discarded_at) WHERE discarded_at IS NOT NULL;
