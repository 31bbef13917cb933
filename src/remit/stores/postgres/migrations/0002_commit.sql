-- Writes units of work in one round trip. Each array holds a column; `..._unit` says to which unit a row belongs.
--
-- A unit that does not fit what is there is lost: nothing of it is written, and `lost_...` say which, in what and where.
-- What cannot be known before writing (two transactions insert the same new row) ends the whole call with RM001: the
-- caller repeats it, and then it is known.
--
-- Rows are locked in the same order by everybody: states, claims, new states, checkpoints, then the log's partitions,
-- each sorted by the caller; a unit with letters has its checkpoint, and after it its parked keys, before all of them. So
-- commits do not deadlock. The partitions come last because they are held until the
-- transaction is over: whoever reads a position knows that no lower one can still appear.
--
-- Every statement of a volatile function sees what was committed before that statement began. So a head that is read
-- after its partition was locked is the true one.
CREATE FUNCTION remit_commit(
    move_unit int[], move_subscription text[], move_source text[], move_channel int[], move_part int[],
    move_before bigint[], move_before_id text[], move_after bigint[], move_after_id text[], move_at double precision[],
    change_unit int[], change_kind text[], change_id text[], change_expected bigint[], change_body text[],
    claim_unit int[], claim_caller text[], claim_key text[], claim_fingerprint bytea[], claim_outcome text[],
    claim_at double precision[],
    place_channel int[], place_part int[],
    entry_unit int[], entry_place int[], entry_key text[], entry_id text[], entry_type text[], entry_version int[],
    entry_at double precision[], entry_headers text[], entry_payload text[],
    OUT transaction text, OUT lost_unit int[], OUT lost_what text[], OUT lost_where text[], OUT head_pos bigint[]
)
LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT
-- Plans are made once per connection: planning would cost more than doing. So they must fit tables of any size.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    more_unit int[]; more_what text[]; more_where text[];
    head_id text[];
    expected bigint;
    written bigint;
    done boolean := false;
BEGIN
    lost_unit := '{}'; lost_what := '{}'; lost_where := '{}';

    -- Nearly always everything fits. Then it is only written, without a look or a lock before; if something does not fit,
    -- this is undone, and done again unit by unit.
    IF cardinality(move_unit) = 0 THEN
        BEGIN
            expected := cardinality(change_unit);
            IF expected > 0 THEN
                UPDATE remit_state s SET version = c.expected + 1, body = c.body
                FROM unnest(change_kind, change_id, change_expected, change_body) AS c (kind, id, expected, body)
                WHERE c.expected > 0 AND s.kind = c.kind AND s.id = c.id AND s.version = c.expected;
                GET DIAGNOSTICS written = ROW_COUNT;
                expected := expected - written;
            END IF;
            IF cardinality(claim_unit) > 0 THEN
                INSERT INTO remit_idempotency (caller, key, fingerprint, outcome, at)
                SELECT * FROM unnest(claim_caller, claim_key, claim_fingerprint, claim_outcome, claim_at);
            END IF;
            IF expected > 0 THEN
                INSERT INTO remit_state (kind, id, version, body)
                SELECT c.kind, c.id, 1, c.body
                FROM unnest(change_kind, change_id, change_expected, change_body) AS c (kind, id, expected, body)
                WHERE c.expected = 0;
                GET DIAGNOSTICS written = ROW_COUNT;
                IF written < expected THEN
                    RAISE 'a state has another version' USING ERRCODE = 'RM003';
                END IF;
            END IF;
            done := true;
        EXCEPTION WHEN unique_violation OR SQLSTATE 'RM003' THEN
            NULL;
        END;
    END IF;

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
    END IF;

    IF cardinality(change_unit) > 0 AND NOT done THEN
        SELECT array_agg(c.unit), array_agg('state'::text), array_agg(format('%s %s', c.kind, c.id))
        INTO more_unit, more_what, more_where
        FROM unnest(change_unit, change_kind, change_id, change_expected) AS c (unit, kind, id, expected)
        LEFT JOIN LATERAL (
            SELECT s.version FROM remit_state s WHERE s.kind = c.kind AND s.id = c.id FOR NO KEY UPDATE
        ) s ON true
        WHERE coalesce(s.version, 0) <> c.expected;
        lost_unit := lost_unit || more_unit; lost_what := lost_what || more_what; lost_where := lost_where || more_where;
    END IF;

    IF cardinality(claim_unit) > 0 AND NOT done THEN
        INSERT INTO remit_idempotency (caller, key, fingerprint, outcome, at)
        SELECT c.caller, c.key, c.fingerprint, c.outcome, c.at
        FROM unnest(claim_unit, claim_caller, claim_key, claim_fingerprint, claim_outcome, claim_at)
             AS c (unit, caller, key, fingerprint, outcome, at)
        WHERE c.unit <> ALL (lost_unit)
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written < cardinality(claim_unit) THEN
            -- A repeated command is told as repeated, whatever else has changed since. Only our own rows are as new as
            -- this transaction.
            SELECT array_agg(c.unit), array_agg('claim'::text), array_agg(c.key)
            INTO more_unit, more_what, more_where
            FROM unnest(claim_unit, claim_caller, claim_key) AS c (unit, caller, key)
            LEFT JOIN LATERAL (
                SELECT i.xmin = pg_current_xact_id()::xid AS ours FROM remit_idempotency i
                WHERE i.caller = c.caller AND i.key = c.key
            ) i ON true
            WHERE NOT coalesce(i.ours, c.unit = ANY (lost_unit));
            lost_unit := more_unit || lost_unit;
            lost_what := more_what || lost_what;
            lost_where := more_where || lost_where;
        END IF;
    END IF;

    IF cardinality(change_unit) > 0 AND NOT done THEN
        UPDATE remit_state s SET version = c.expected + 1, body = c.body
        FROM unnest(change_unit, change_kind, change_id, change_expected, change_body)
             AS c (unit, kind, id, expected, body)
        WHERE c.expected > 0 AND c.unit <> ALL (lost_unit) AND s.kind = c.kind AND s.id = c.id;

        GET DIAGNOSTICS written = ROW_COUNT;
        expected := cardinality(change_unit);
        IF cardinality(lost_unit) > 0 THEN
            SELECT count(*) INTO expected FROM unnest(change_unit) AS c (unit) WHERE c.unit <> ALL (lost_unit);
        END IF;
        IF written < expected THEN
            expected := expected - written;
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
        PERFORM pg_advisory_xact_lock('remit_log'::regclass::oid::int, p.channel * 1024 + p.part)
        FROM unnest(place_channel, place_part) AS p (channel, part);

        SELECT array_agg(coalesce(
                   l.pos, (SELECT f.pos FROM remit_floor f WHERE f.channel = p.channel AND f.part = p.part), 0)
                   ORDER BY p.nth),
               array_agg(coalesce(
                   l.id, (SELECT f.id FROM remit_floor f WHERE f.channel = p.channel AND f.part = p.part), '')
                   ORDER BY p.nth)
        INTO head_pos, head_id
        FROM unnest(place_channel, place_part) WITH ORDINALITY AS p (channel, part, nth)
        LEFT JOIN LATERAL (
            SELECT h.pos, h.id FROM remit_log h WHERE h.channel = p.channel AND h.part = p.part ORDER BY h.pos DESC LIMIT 1
        ) l ON true;

        INSERT INTO remit_log (channel, part, pos, id, prev, key, type, version, at, headers, payload)
        SELECT place_channel[e.place], place_part[e.place], head_pos[e.place] + row_number() OVER w, e.id,
               coalesce(lag(e.id) OVER w, head_id[e.place]), e.key, e.type, e.version, e.at, e.headers, e.payload
        FROM unnest(entry_unit, entry_place, entry_key, entry_id, entry_type, entry_version, entry_at, entry_headers,
                    entry_payload)
             WITH ORDINALITY AS e (unit, place, key, id, type, version, at, headers, payload, nth)
        WHERE e.unit <> ALL (lost_unit)
        WINDOW w AS (PARTITION BY e.place ORDER BY e.nth);
    END IF;

    transaction := pg_current_xact_id()::text;
END
$$;

-- The same for one unit with at most one change, without a move: what a command usually is. Its parts are no arrays,
-- because those cost more than what is done with them; what it has not got is NULL. Places of the log come sorted.
--
-- What can only be found lost after something was written ends the call with RM002, whose message and detail say what
-- and where: then nothing is written either.
CREATE FUNCTION remit_commit_one(
    change_kind text, change_id text, change_expected bigint, change_body text,
    claim_caller text, claim_key text, claim_fingerprint bytea, claim_outcome text, claim_at double precision,
    place_channel int[], place_part int[],
    entry_place int[], entry_key text[], entry_id text[], entry_type text[], entry_version int[],
    entry_at double precision[], entry_headers text[], entry_payload text[],
    OUT transaction text, OUT lost_unit int[], OUT lost_what text[], OUT lost_where text[], OUT head_pos bigint[]
)
LANGUAGE plpgsql VOLATILE
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
    fits boolean := true;
    repeated boolean;
    place int := 0;
    last_pos bigint;
    last_id text;
BEGIN
    IF change_expected > 0 THEN
        UPDATE remit_state s SET version = change_expected + 1, body = change_body
        WHERE s.kind = change_kind AND s.id = change_id AND s.version = change_expected;
        fits := FOUND;
    ELSIF change_expected = 0 THEN
        PERFORM FROM remit_state s WHERE s.kind = change_kind AND s.id = change_id;
        fits := NOT FOUND;
    END IF;

    IF claim_key IS NOT NULL THEN
        IF fits THEN
            INSERT INTO remit_idempotency (caller, key, fingerprint, outcome, at)
            VALUES (claim_caller, claim_key, claim_fingerprint, claim_outcome, claim_at) ON CONFLICT DO NOTHING;
            repeated := NOT FOUND;
            IF repeated AND change_expected > 0 THEN
                RAISE 'claim' USING ERRCODE = 'RM002', DETAIL = claim_key;
            END IF;
        ELSE
            -- A repeated command is told as repeated, whatever else has changed since.
            repeated := EXISTS (SELECT FROM remit_idempotency i WHERE i.caller = claim_caller AND i.key = claim_key);
        END IF;
        IF repeated THEN
            lost_unit := '{0}'; lost_what := '{claim}'; lost_where := ARRAY[claim_key];
            RETURN;
        END IF;
    END IF;
    IF NOT fits THEN
        lost_unit := '{0}'; lost_what := '{state}'; lost_where := ARRAY[format('%s %s', change_kind, change_id)];
        RETURN;
    END IF;

    IF change_expected = 0 THEN
        INSERT INTO remit_state (kind, id, version, body) VALUES (change_kind, change_id, 1, change_body)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RAISE 'the same state was made at the same time' USING ERRCODE = 'RM001';
        END IF;
    END IF;

    FOR nth IN 1 .. cardinality(entry_place) LOOP
        IF entry_place[nth] > place THEN
            place := entry_place[nth];
            PERFORM pg_advisory_xact_lock('remit_log'::regclass::oid::int, place_channel[place] * 1024 + place_part[place]);
            SELECT h.pos, h.id INTO last_pos, last_id FROM remit_log h
            WHERE h.channel = place_channel[place] AND h.part = place_part[place] ORDER BY h.pos DESC LIMIT 1;
            IF NOT FOUND THEN
                SELECT f.pos, f.id INTO last_pos, last_id FROM remit_floor f
                WHERE f.channel = place_channel[place] AND f.part = place_part[place];
            END IF;
            last_pos := coalesce(last_pos, 0);
            head_pos[place] := last_pos;
        END IF;
        last_pos := last_pos + 1;
        INSERT INTO remit_log (channel, part, pos, id, prev, key, type, version, at, headers, payload)
        VALUES (place_channel[place], place_part[place], last_pos, entry_id[nth], coalesce(last_id, ''), entry_key[nth],
                entry_type[nth], entry_version[nth], entry_at[nth], entry_headers[nth], entry_payload[nth]);
        last_id := entry_id[nth];
    END LOOP;

    transaction := pg_current_xact_id()::text;
END
$$;
