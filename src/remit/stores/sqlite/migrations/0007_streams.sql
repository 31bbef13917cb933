-- The events of one event-sourced aggregate, whatever key orders them: their headers name the stream. Of other messages
-- this index has nothing. An index of expressions, so that a process of an older release goes on writing its columns.
CREATE UNIQUE INDEX log_stream ON log (
    json_extract(headers, '$.stream'), coalesce(json_extract(headers, '$.life'), 0), json_extract(headers, '$.seq')
) WHERE channel = 0 AND instr(headers, '"stream":') > 0;
