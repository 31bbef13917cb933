"""The SQL of a store, except for writing units (`columns`, `letters`), single lookups (`lookups`) and the schema.

Statements about parked keys that run all the time read only a few rows, however many keys are parked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remit.log import Channel, Checkpoint, MessageRecord, SubscriptionId
from remit.stores.postgres.session import Link

READ = """
    SELECT part, pos, id, prev, key, type, version, at, headers, convert_to(payload, 'UTF8') FROM remit_log
    WHERE channel = $1 AND part = $2 AND pos > $3 ORDER BY pos LIMIT $4
"""
_OF_STREAM = """channel = 0 AND strpos(headers, '"stream":') > 0 AND (headers::json ->> 'stream') COLLATE "C" = $1"""
_LIFE = "coalesce((headers::json ->> 'life')::bigint, 0)"
_SEQ = "((headers::json ->> 'seq')::bigint)"
STREAM: str = f"""
    SELECT part, pos, id, prev, key, type, version, at, headers, payload FROM remit_log
    WHERE {_OF_STREAM} AND {_LIFE} = $2 AND {_SEQ} > $3 ORDER BY {_SEQ} LIMIT $4
"""  # noqa: S608  no value is in it
# A few index probes per life, however many events it has.
LIVES: str = f"""
    WITH RECURSIVE lives (life) AS (
        (SELECT {_LIFE} FROM remit_log WHERE {_OF_STREAM} ORDER BY {_LIFE} LIMIT 1)
        UNION ALL SELECT next.life FROM lives, LATERAL (
            SELECT {_LIFE} AS life FROM remit_log WHERE {_OF_STREAM} AND {_LIFE} > lives.life ORDER BY {_LIFE} LIMIT 1
        ) AS next
    ) SELECT life, (SELECT max({_SEQ}) FROM remit_log WHERE {_OF_STREAM} AND {_LIFE} = lives.life) FROM lives
"""  # noqa: S608  no value is in it
# One index probe per partition, however long the log is.
HEADS = """
    SELECT p.part, h.pos, h.at FROM generate_series(0, $1 - 1) AS p (part), LATERAL (
        (SELECT pos, at FROM remit_log WHERE channel = $2 AND part = p.part ORDER BY pos DESC LIMIT 1)
        UNION ALL (SELECT pos, at FROM remit_floor WHERE channel = $2 AND part = p.part)
        ORDER BY pos DESC LIMIT 1
    ) h
"""
HEADS_AND_STAGED = HEADS + " UNION ALL SELECT -1, 0, 0 WHERE EXISTS (SELECT FROM remit_staging WHERE nr > $3)"  # noqa: S608  no value is in it
# One index probe per partition, at the end with the newest row: rows left behind by moves are not read.
CHECKPOINTS: str = """
    WITH RECURSIVE newest AS (
        (SELECT part, pos, id, at FROM remit_checkpoint WHERE subscription = $1 AND source = $2 AND channel = $3
         ORDER BY part DESC, prev DESC LIMIT 1)
        UNION ALL
        SELECT next.* FROM newest, LATERAL (
            SELECT part, pos, id, at FROM remit_checkpoint
            WHERE subscription = $1 AND source = $2 AND channel = $3 AND part < newest.part
            ORDER BY part DESC, prev DESC LIMIT 1
        ) next
    )
    SELECT part, pos, id, at FROM newest
"""
LETTERS: str = """
    SELECT part, pos, id, prev, key, type, version, sent, headers, payload, at FROM remit_letter
    WHERE subscription = $1 AND source = $2 AND channel = $3 AND key = $4 AND discarded_at IS NULL
    ORDER BY part, pos LIMIT $5
"""
LOAD_ALL = """
    SELECT s.id, s.version, s.body FROM unnest($2::text[]) AS w (id),
    LATERAL (SELECT id, version, body FROM remit_state WHERE kind = $1 AND id = w.id OFFSET 0) s
"""
STATES = """
    SELECT id, version, body FROM remit_state
    WHERE kind = $1 AND id >= $2 AND (id > $2 OR $3) AND body <> '' ORDER BY id LIMIT $4
"""
# One statement sees one moment.
STATES_AT: str = f"""
    SELECT id, version, body, NULL::int, NULL::float8 FROM ({STATES}) page
    UNION ALL
    SELECT h.id, h.pos, NULL, p.part, h.at FROM generate_series(0, $5 - 1) AS p (part), LATERAL (
        (SELECT pos, id, at FROM remit_log WHERE channel = 0 AND part = p.part ORDER BY pos DESC LIMIT 1)
        UNION ALL (SELECT pos, id, at FROM remit_floor WHERE channel = 0 AND part = p.part)
        ORDER BY pos DESC LIMIT 1
    ) h
"""  # noqa: S608  no value is in it
COUNT_STATES = "SELECT count(*) FROM remit_state WHERE kind = $1 AND body <> ''"
BEAT: str = """
    INSERT INTO remit_heartbeat (process, at, body) VALUES ($1, $2, $3)
    ON CONFLICT (process) DO UPDATE SET at = excluded.at, body = excluded.body
"""
LAST_BEAT: str = "DELETE FROM remit_heartbeat WHERE process = $1"
BEATS: str = "SELECT process, at, body FROM remit_heartbeat"
LEASE: str = """
    INSERT INTO remit_lease AS l (name, owner, until)
    SELECT name, $1, $2 FROM json_array_elements_text($3::json) AS name ORDER BY 1
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
    WHERE l.owner = excluded.owner OR l.until <= $4
"""
LEASES: str = "SELECT name, owner, until FROM remit_lease"
KEEP: str = "UPDATE remit_idempotency SET at = greatest(at, $1) WHERE caller = $2 AND key = $3"
# Indexed by time: old rows are found without reading the others.
PRUNE = (
    """WITH gone AS (DELETE FROM remit_heartbeat WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM remit_heartbeat WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1) SELECT count(*) FROM gone""",
    """WITH gone AS (DELETE FROM remit_idempotency WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM remit_idempotency WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1) SELECT count(*) FROM gone""",
    """WITH gone AS (DELETE FROM remit_letter WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM remit_letter WHERE discarded_at < $1 ORDER BY discarded_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING 1) SELECT count(*) FROM gone""",
)
_ROW = """
    subscription, source, channel, key, part, since, tried_at, attempts, retry_at, error,
    (SELECT count(*) FROM remit_letter l WHERE l.subscription = found.subscription AND l.source = found.source
     AND l.channel = found.channel AND l.key = found.key AND l.discarded_at IS NULL)
"""
_OF_ONE = "subscription = $1 AND source = $2 AND channel = $3"
_ORDER = "ORDER BY since, subscription, source, channel, key"
LONGEST: str = f"""
    SELECT {_ROW} FROM (
        SELECT * FROM remit_parked WHERE ($1::text IS NULL OR subscription = $1) AND ($2::text IS NULL OR key = $2)
        {_ORDER} LIMIT $3
    ) found {_ORDER}
"""  # noqa: S608  no value is in it
COUNT: str = f"SELECT count(*) FROM remit_parked WHERE {_OF_ONE}"  # noqa: S608  no value is in it
PARKING: str = "SELECT DISTINCT subscription, source, channel FROM remit_parked"
# The row without a key tells that some key of the partition is parked, whether it is among these or not.
AMONG = f"""
    SELECT key FROM remit_parked WHERE {_OF_ONE} AND part = $4 AND key = ANY ($5::text[])
    UNION ALL (SELECT NULL FROM remit_parked WHERE {_OF_ONE} AND part = $4 LIMIT 1)
"""  # noqa: S608  no value is in it
# The sum makes the second part use the index on tried_at: few keys were tried in the future, but most are due later.
DUE: str = f"""
    SELECT {_ROW} FROM (
        SELECT * FROM remit_parked WHERE {_OF_ONE} AND retry_at <= $4 ORDER BY retry_at LIMIT $6
    ) found
    UNION ALL
    SELECT {_ROW} FROM (
        SELECT * FROM remit_parked WHERE {_OF_ONE} AND tried_at > $5 AND retry_at + 0 > $4 ORDER BY tried_at LIMIT $6
    ) found
"""  # noqa: S608  no value is in it
PAGE = 1000
"""Keys made due in one transaction."""
RETRY = """
    UPDATE remit_parked p SET retry_at = $1 FROM (
        SELECT source, channel, part, key FROM remit_parked WHERE subscription = $2 AND ($3::text IS NULL OR key = $3)
        AND (source, channel, part, key) > ($4, $5, $6, $7) ORDER BY source, channel, part, key LIMIT $8
    ) page
    WHERE p.subscription = $2 AND p.source = page.source AND p.channel = page.channel AND p.part = page.part
    AND p.key = page.key
    RETURNING p.source, p.channel, p.part, p.key
"""
FLOORS: str = "SELECT part, pos, id, at FROM remit_floor WHERE channel = $1"
# Starts at the floor: deleted rows that are still in the index are not read again. And only if the first message is
# old: usually only that one is read.
TRIM = """
    WITH old AS (
        SELECT pos, id, at, max(at) OVER (ORDER BY pos) AS latest FROM (
            SELECT pos, id, at FROM remit_log
            WHERE channel = $1 AND part = $2 AND pos <= $3
              AND pos > (SELECT coalesce(max(pos), 0) FROM remit_floor WHERE channel = $1 AND part = $2)
              AND $4 > (SELECT at FROM remit_log WHERE channel = $1 AND part = $2
                        AND pos > (SELECT coalesce(max(pos), 0) FROM remit_floor WHERE channel = $1 AND part = $2)
                        ORDER BY pos LIMIT 1)
            ORDER BY pos LIMIT $5
        ) oldest
    ), gone AS (
        DELETE FROM remit_log WHERE channel = $1 AND part = $2 AND pos IN (SELECT pos FROM old WHERE latest < $4)
        RETURNING 1
    ), floor AS (
        INSERT INTO remit_floor AS f (channel, part, pos, id, at)
        SELECT $1, $2, pos, id, at FROM old WHERE latest < $4 ORDER BY pos DESC LIMIT 1
        ON CONFLICT (channel, part) DO UPDATE SET pos = excluded.pos, id = excluded.id, at = excluded.at
        WHERE f.pos < excluded.pos
    )
    SELECT count(*) FROM gone
"""
# Whoever appends to an empty partition reads its floor, and must not do so meanwhile.
_ALONE = "SELECT pg_advisory_xact_lock('remit_log'::regclass::oid::int, $1 * 1024 + $2)"
_UNFLOOR = """
    DELETE FROM remit_floor WHERE channel = $1 AND part = $2 AND pos = $3 AND id = $4 RETURNING 1
"""
_LOWER = """
    UPDATE remit_floor SET pos = $5, id = $6, at = $7 WHERE channel = $1 AND part = $2 AND pos = $3 AND id = $4
    RETURNING 1
"""
_BACK = """
    INSERT INTO remit_log (channel, part, pos, id, prev, key, type, version, at, headers, payload)
    SELECT $1, $2, * FROM unnest(
        $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::float8[], $10::text[], $11::text[]
    )
"""
REPORT: str = """
    INSERT INTO remit_subscriber (subscription, channel, positions, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (subscription, channel) DO UPDATE SET positions = excluded.positions, at = excluded.at
"""
SUBSCRIBERS: str = "SELECT subscription, channel, positions, at FROM remit_subscriber ORDER BY subscription, channel"
FORGET: str = "DELETE FROM remit_subscriber WHERE subscription = $1 RETURNING 1"
ERASE_CHECKPOINTS: str = f"DELETE FROM remit_checkpoint WHERE {_OF_ONE}"  # noqa: S608  no value is in it
ERASE_PARKED: str = f"DELETE FROM remit_parked WHERE {_OF_ONE}"  # noqa: S608  no value is in it
ERASE_LETTERS: str = f"DELETE FROM remit_letter WHERE {_OF_ONE}"  # noqa: S608  no value is in it
_CLEAR = "DELETE FROM remit_checkpoint WHERE subscription = $1 AND source = $2 AND channel = $3 AND part = $4"
_PUT = """
    INSERT INTO remit_checkpoint (subscription, source, channel, part, prev, pos, id, at)
    VALUES ($1, $2, $3, $4, $5 - 1, $5, $6, $7)
"""


async def put_back(link: Link, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None) -> bool:
    """Puts deleted messages back, and moves the floor. Returns whether it stood at the last of them. Needs a
    transaction."""
    last = records[-1]
    at = (channel, last.part, last.pos, last.id)
    await link.fetch(_ALONE, channel, last.part)
    moved = await (link.fetch(_UNFLOOR, *at) if floor is None else link.fetch(_LOWER, *at, *floor))
    if not moved:
        return False
    columns = list(zip(*(each[1:9] for each in records), strict=True))
    payloads = [str(each.payload, "utf-8") for each in records]
    await link.fetch(_BACK, channel, last.part, *map(list, columns), payloads)
    return True


async def put(link: Link, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
    """Writes checkpoints in place of all rows that the subscription has there. Needs a transaction."""
    for part, checkpoint in checkpoints.items():
        place = (*subscription, part)
        await link.fetch(_CLEAR, *place)
        await link.fetch(_PUT, *place, *checkpoint)
