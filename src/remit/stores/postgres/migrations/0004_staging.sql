-- Messages published in transactions that are not ours. Each of those writes a row here, and takes no lock for it; what
-- is committed is moved to the published channel of the log. Whoever may insert here may publish, and nothing else.
CREATE TABLE remit_staging (
    xact    xid8             NOT NULL DEFAULT pg_current_xact_id(),  -- before nr: see below
    nr      bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash    bigint           NOT NULL CHECK (hash >= 0),  -- CRC-32 of the key: says the partition
    key     text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    type    text COLLATE "C" NOT NULL,
    version integer          NOT NULL,
    at      double precision NOT NULL,
    headers text             NOT NULL,
    payload text             NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Moves the oldest rows above a number, at most so many, and says how many. All or none: it is one statement.
--
-- Rows are taken by number, which was drawn when the row was written: a transaction that waited for another one has
-- written after it. What is still uncommitted is taken later, because nothing is remembered but the rows themselves.
-- One call at a time, so that each sees what the one before it has left. Then positions are given as remit_commit does it,
-- under the same locks.
--
-- While an old snapshot is open, the index keeps what was deleted, and whoever looks from its beginning walks through all of
-- it. So callers remember how far nothing can come any more, from what this gives back. Whoever drew a number up to
-- `last` had a transaction number before that (xact comes first), and so one below ours, which is drawn by the deletion:
-- `next`. Once a call finds no transaction open below that (`lowest`), and moves all it sees, nothing up to `last` is left or
-- can still come. The `xmax` of a snapshot would not do: there may be older transactions at and above it.
CREATE FUNCTION remit_sequence(most int, above bigint, OUT moved int, OUT last bigint, OUT lowest bigint, OUT next bigint)
LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT
SET enable_seqscan = off
AS $$
DECLARE
    partitions int;
    staged remit_staging[];
BEGIN
    moved := 0;
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint INTO lowest;
    IF NOT EXISTS (SELECT FROM remit_staging WHERE nr > above) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock('remit_staging'::regclass::oid::int, 0);

    WITH taken AS (
        DELETE FROM remit_staging WHERE nr = ANY (ARRAY(
            SELECT nr FROM remit_staging WHERE nr > above ORDER BY nr LIMIT most
        ))
        RETURNING *
    )
    SELECT array_agg(t::remit_staging) INTO staged FROM taken t;
    IF staged IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*), max(s.nr), pg_current_xact_id()::text::bigint INTO moved, last, next
    FROM unnest(staged) s;

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
