-- Writes units of work in one round trip. Each array holds a column; `..._unit` says to which unit a row belongs.
--
-- A unit that does not fit what is there is lost: nothing of it is written, and `lost_...` say which, in what and where.
-- What cannot be known before writing (two transactions insert the same new row) ends the whole call with RM001: the
-- caller repeats it, and then it is known.
--
-- Rows are locked in the same order by everybody: parked keys, states, claims, new states, checkpoints, then the log's
-- partitions, each sorted by the caller. So commits do not deadlock. The partitions come last because they are held until the
-- transaction is over: whoever reads a position knows that no lower one can still appear.
--
-- Every statement of a volatile function sees what was committed before that statement began. So a head that is read
-- after its partition was locked is the true one.
CREATE FUNCTION remit_commit(
    move_unit int[], move_subscription text[], move_source text[], move_channel int[], move_part int[],
    move_before bigint[], move_before_id text[], move_after bigint[], move_after_id text[], move_at double precision[],
    move_parked text[],
    change_unit int[], change_kind text[], change_id text[], change_expected bigint[], change_body text[],
    claim_unit int[], claim_caller text[], claim_key text[], claim_fingerprint bytea[], claim_outcome text[],
    claim_at double precision[],
    entry_unit int[], entry_channel int[], entry_part int[], entry_key text[], entry_id text[], entry_type text[],
    entry_version int[], entry_at double precision[], entry_headers text[], entry_payload text[],
    OUT transaction text,
    OUT lost_unit int[], OUT lost_what text[], OUT lost_where text[],
    OUT head_channel int[], OUT head_part int[], OUT head_pos bigint[], OUT head_count bigint[]
)
LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT
-- A plan made while a table was small would otherwise be kept while the table grows.
SET enable_seqscan = off
AS $$
DECLARE
    more_unit int[]; more_what text[]; more_where text[];
    head_id text[];
    expected bigint;
    written bigint;
BEGIN
    lost_unit := '{}'; lost_what := '{}'; lost_where := '{}';
    head_channel := '{}'; head_part := '{}'; head_pos := '{}'; head_count := '{}';

    IF cardinality(move_unit) > 0 THEN
        SELECT array_agg(m.unit), array_agg('checkpoint'::text),
               array_agg(format('%s partition %s', m.subscription, m.part))
        INTO more_unit, more_what, more_where
        FROM unnest(move_unit, move_subscription, move_source, move_channel, move_part, move_before, move_before_id)
             AS m (unit, subscription, source, channel, part, before, before_id)
        LEFT JOIN LATERAL (
            SELECT c.pos, c.id FROM remit_checkpoint c
            WHERE c.subscription = m.subscription AND c.source = m.source AND c.channel = m.channel AND c.part = m.part
            ORDER BY c.prev DESC LIMIT 1
        ) c ON true
        WHERE coalesce(c.pos, 0) <> m.before OR coalesce(c.id, '') <> m.before_id;
        lost_unit := lost_unit || more_unit; lost_what := lost_what || more_what; lost_where := lost_where || more_where;

        SELECT array_agg(m.unit), array_agg('parked'::text),
               array_agg(format('%s partition %s', m.subscription, m.part))
        INTO more_unit, more_what, more_where
        FROM unnest(move_unit, move_subscription, move_source, move_channel, move_part, move_parked)
             AS m (unit, subscription, source, channel, part, parked)
        CROSS JOIN LATERAL (
            SELECT count(*) AS keys, count(*) FILTER (WHERE NOT m.parked::jsonb ? p.key) AS others
            FROM (
                SELECT k.key FROM remit_parked k
                WHERE k.subscription = m.subscription AND k.source = m.source AND k.channel = m.channel
                  AND k.part = m.part
                ORDER BY k.key FOR KEY SHARE
            ) p
        ) p
        WHERE m.unit <> ALL (lost_unit) AND (p.others > 0 OR p.keys <> jsonb_array_length(m.parked::jsonb));
        lost_unit := lost_unit || more_unit; lost_what := lost_what || more_what; lost_where := lost_where || more_where;
    END IF;

    IF cardinality(change_unit) > 0 THEN
        SELECT array_agg(c.unit), array_agg('state'::text), array_agg(format('%s %s', c.kind, c.id))
        INTO more_unit, more_what, more_where
        FROM unnest(change_unit, change_kind, change_id, change_expected) AS c (unit, kind, id, expected)
        LEFT JOIN LATERAL (
            SELECT s.version FROM remit_state s WHERE s.kind = c.kind AND s.id = c.id FOR NO KEY UPDATE
        ) s ON true
        WHERE coalesce(s.version, 0) <> c.expected;
        lost_unit := lost_unit || more_unit; lost_what := lost_what || more_what; lost_where := lost_where || more_where;
    END IF;

    IF cardinality(claim_unit) > 0 THEN
        WITH taken AS (
            INSERT INTO remit_idempotency (caller, key, fingerprint, outcome, at)
            SELECT c.caller, c.key, c.fingerprint, c.outcome, c.at
            FROM unnest(claim_unit, claim_caller, claim_key, claim_fingerprint, claim_outcome, claim_at)
                 AS c (unit, caller, key, fingerprint, outcome, at)
            WHERE c.unit <> ALL (lost_unit)
            ON CONFLICT DO NOTHING
            RETURNING caller, key
        )
        SELECT array_agg(c.unit), array_agg('claim'::text), array_agg(c.key)
        INTO more_unit, more_what, more_where
        FROM unnest(claim_unit, claim_caller, claim_key) AS c (unit, caller, key)
        WHERE c.unit <> ALL (lost_unit)
          AND NOT EXISTS (SELECT FROM taken t WHERE t.caller = c.caller AND t.key = c.key);
        IF cardinality(lost_unit) > 0 THEN
            -- A repeated command is told as repeated, whatever else has changed since.
            SELECT more_unit || array_agg(c.unit), more_what || array_agg('claim'::text), more_where || array_agg(c.key)
            INTO more_unit, more_what, more_where
            FROM unnest(claim_unit, claim_caller, claim_key) AS c (unit, caller, key)
            JOIN remit_idempotency i ON i.caller = c.caller AND i.key = c.key
            WHERE c.unit = ANY (lost_unit);
        END IF;
        lost_unit := more_unit || lost_unit; lost_what := more_what || lost_what; lost_where := more_where || lost_where;
    END IF;

    IF cardinality(change_unit) > 0 THEN
        UPDATE remit_state s SET version = c.expected + 1, body = c.body
        FROM unnest(change_unit, change_kind, change_id, change_expected, change_body)
             AS c (unit, kind, id, expected, body)
        WHERE c.expected > 0 AND c.unit <> ALL (lost_unit) AND s.kind = c.kind AND s.id = c.id;

        SELECT count(*) INTO expected FROM unnest(change_unit, change_expected) AS c (unit, expected)
        WHERE c.expected = 0 AND c.unit <> ALL (lost_unit);
        IF expected > 0 THEN
            INSERT INTO remit_state (kind, id, version, body)
            SELECT c.kind, c.id, 1, c.body
            FROM unnest(change_unit, change_kind, change_id, change_expected, change_body)
                 AS c (unit, kind, id, expected, body)
            WHERE c.expected = 0 AND c.unit <> ALL (lost_unit)
            ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS written = ROW_COUNT;
            IF written < expected THEN
                RAISE 'the same state was made at the same time' USING ERRCODE = 'RM001';
            END IF;
        END IF;
    END IF;

    IF cardinality(move_unit) > 0 THEN
        SELECT count(*) INTO expected FROM unnest(move_unit) AS m (unit) WHERE m.unit <> ALL (lost_unit);
        INSERT INTO remit_checkpoint (subscription, source, channel, part, prev, pos, id, at)
        SELECT m.subscription, m.source, m.channel, m.part, m.before, m.after, m.after_id, m.at
        FROM unnest(move_unit, move_subscription, move_source, move_channel, move_part, move_before, move_after,
                    move_after_id, move_at)
             AS m (unit, subscription, source, channel, part, before, after, after_id, at)
        WHERE m.unit <> ALL (lost_unit)
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written < expected THEN
            RAISE 'the same checkpoint was moved at the same time' USING ERRCODE = 'RM001';
        END IF;
    END IF;

    IF cardinality(entry_unit) > 0 THEN
        PERFORM pg_advisory_xact_lock('remit_log'::regclass::oid::int, p.place)
        FROM (
            SELECT DISTINCT e.channel * 1024 + e.part AS place
            FROM unnest(entry_unit, entry_channel, entry_part) AS e (unit, channel, part)
            WHERE e.unit <> ALL (lost_unit)
            ORDER BY 1
        ) p;

        SELECT coalesce(array_agg(p.channel), '{}'), coalesce(array_agg(p.part), '{}'), coalesce(array_agg(p.entries), '{}'),
               coalesce(array_agg(coalesce(
                   h.pos, (SELECT f.pos FROM remit_floor f WHERE f.channel = p.channel AND f.part = p.part), 0)), '{}'),
               coalesce(array_agg(coalesce(
                   h.id, (SELECT f.id FROM remit_floor f WHERE f.channel = p.channel AND f.part = p.part), '')), '{}')
        INTO head_channel, head_part, head_count, head_pos, head_id
        FROM (
            SELECT e.channel, e.part, count(*) AS entries
            FROM unnest(entry_unit, entry_channel, entry_part) AS e (unit, channel, part)
            WHERE e.unit <> ALL (lost_unit)
            GROUP BY e.channel, e.part
        ) p
        LEFT JOIN LATERAL (
            SELECT l.pos, l.id FROM remit_log l WHERE l.channel = p.channel AND l.part = p.part ORDER BY l.pos DESC LIMIT 1
        ) h ON true;

        INSERT INTO remit_log (channel, part, pos, id, prev, key, type, version, at, headers, payload)
        SELECT e.channel, e.part, h.pos + row_number() OVER w, e.id, coalesce(lag(e.id) OVER w, h.id), e.key, e.type,
               e.version, e.at, e.headers, e.payload
        FROM unnest(entry_unit, entry_channel, entry_part, entry_key, entry_id, entry_type, entry_version, entry_at,
                    entry_headers, entry_payload)
             WITH ORDINALITY AS e (unit, channel, part, key, id, type, version, at, headers, payload, nth)
        JOIN unnest(head_channel, head_part, head_pos, head_id) AS h (channel, part, pos, id)
          ON h.channel = e.channel AND h.part = e.part
        WHERE e.unit <> ALL (lost_unit)
        WINDOW w AS (PARTITION BY e.channel, e.part ORDER BY e.nth);
    END IF;

    transaction := pg_current_xact_id()::text;
END
$$;
