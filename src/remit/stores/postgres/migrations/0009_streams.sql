-- The events of one event-sourced aggregate, whatever key orders them: their headers name the stream. Of other messages
-- this index has nothing. An index of expressions, so that a process of an older release goes on writing its columns.
CREATE UNIQUE INDEX remit_log_stream ON remit_log (
    (headers::json ->> 'stream') COLLATE "C",
    coalesce((headers::json ->> 'life')::bigint, 0),
    ((headers::json ->> 'seq')::bigint)
) WHERE channel = 0 AND strpos(headers, '"stream":') > 0;
