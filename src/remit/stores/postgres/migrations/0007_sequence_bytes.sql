-- Moves the oldest rows above a number, as `0004_staging.sql` says; but no more of them than one statement can carry. All
-- that is moved is in one value, which may have a gigabyte at most: each message fits, and many large ones do not.
--
-- The first row is always taken, and further ones while those before them have fewer bytes than this. A call that has left
-- rows behind gives back 0 as `lowest`: so nobody takes it for one that has moved all it could see.
CREATE OR REPLACE FUNCTION remit_sequence(most int, above bigint, OUT moved int, OUT last bigint, OUT lowest bigint, OUT next bigint)
LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT
SET enable_seqscan = off
AS $$
DECLARE
    partitions int;
    staged remit_staging[];
    seen bigint;
    most_bytes CONSTANT bigint := 16 * 1024 * 1024;
BEGIN
    moved := 0;
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint INTO lowest;
    IF NOT EXISTS (SELECT FROM remit_staging WHERE nr > above) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock('remit_staging'::regclass::oid::int, 0);

    WITH oldest AS MATERIALIZED (
        SELECT nr, octet_length(headers) + octet_length(payload) AS size
        FROM remit_staging WHERE nr > above ORDER BY nr LIMIT most
    ), taken AS (
        DELETE FROM remit_staging WHERE nr = ANY (ARRAY(
            SELECT o.nr FROM (SELECT nr, size, sum(size) OVER (ORDER BY nr) AS upto FROM oldest) o
            WHERE o.upto - o.size < most_bytes
        ))
        RETURNING *
    )
    SELECT array_agg(t::remit_staging), (SELECT count(*) FROM oldest) INTO staged, seen FROM taken t;
    IF staged IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*), max(s.nr), pg_current_xact_id()::text::bigint INTO moved, last, next
    FROM unnest(staged) s;
    IF moved < seen THEN
        lowest := 0;
    END IF;

    SELECT value::int INTO partitions FROM remit_meta WHERE name = 'partitions';
    PERFORM pg_advisory_xact_lock('remit_log'::regclass::oid::int, p.place)
    FROM (SELECT DISTINCT (1024 + s.hash % partitions)::int AS place FROM unnest(staged) s ORDER BY 1) p;

    INSERT INTO remit_log (channel, part, pos, id, prev, key, type, version, at, headers, payload)
    SELECT 1, h.part, h.pos + row_number() OVER w, s.id, coalesce(lag(s.id) OVER w, h.id), s.key, s.type, s.version,
           s.at, s.headers, s.payload
    FROM unnest(staged) s
    JOIN (
        SELECT p.part, coalesce(l.pos, f.pos, 0) AS pos, coalesce(l.id, f.id, '') AS id
        FROM (SELECT DISTINCT s.hash % partitions AS part FROM unnest(staged) s) p
        LEFT JOIN LATERAL (
            SELECT l.pos, l.id FROM remit_log l WHERE l.channel = 1 AND l.part = p.part ORDER BY l.pos DESC LIMIT 1
        ) l ON true
        LEFT JOIN remit_floor f ON f.channel = 1 AND f.part = p.part
    ) h ON h.part = s.hash % partitions
    WINDOW w AS (PARTITION BY h.part ORDER BY s.nr);
END
$$;
