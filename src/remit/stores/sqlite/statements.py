"""The SQL of a store, except for writing units (`writer`) and for the schema.

Statements about parked keys that run all the time read only a few rows, however many keys are parked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from sqlite3 import Connection

from remit.log import Channel, Checkpoint, MessageRecord, SubscriptionId

# JSON is stored as text but read as bytes, which saves decoding and encoding it again.
LOAD = "SELECT version, CAST(body AS BLOB) FROM state WHERE kind = ? AND id = ?"
LOAD_ALL = (
    "SELECT state.id, state.version, CAST(state.body AS BLOB) FROM json_each(?2) AS wanted"
    " CROSS JOIN state ON state.kind = ?1 AND state.id = wanted.value"
)
STATES = (
    "SELECT id, version, CAST(body AS BLOB) FROM state"
    " WHERE kind = ?1 AND id >= ?2 AND (id > ?2 OR ?3) AND body <> '' ORDER BY id LIMIT ?4"
)
# One statement sees one moment.
STATES_AT: str = (
    "WITH RECURSIVE parts (part) AS (VALUES (0) UNION ALL SELECT part + 1 FROM parts WHERE part + 1 < ?5)"  # noqa: S608  no value is in it
    f" SELECT id, version, body, NULL, NULL FROM ({STATES.replace('CAST(body AS BLOB)', 'CAST(body AS BLOB) AS body')})"
    " UNION ALL SELECT coalesce(log.id, floor.id), coalesce(log.pos, floor.pos), NULL, parts.part,"
    " coalesce(log.at, floor.at) FROM parts LEFT JOIN log ON log.channel = 0 AND log.part = parts.part"
    " AND log.pos = (SELECT max(pos) FROM log AS last WHERE last.channel = 0 AND last.part = parts.part)"
    " LEFT JOIN floor ON floor.channel = 0 AND floor.part = parts.part"
    " WHERE log.pos IS NOT NULL OR floor.pos IS NOT NULL"
)
COUNT_STATES = "SELECT count(*) FROM state WHERE kind = ? AND body <> ''"
OUTCOME = "SELECT fingerprint, CAST(outcome AS BLOB), at FROM idempotency WHERE caller = ? AND key = ?"
READ = (
    "SELECT part, pos, id, prev, key, type, version, at, headers, CAST(payload AS BLOB) FROM log"
    " WHERE channel = ? AND part = ? AND pos > ? ORDER BY pos LIMIT ?"
)
_OF_STREAM = "channel = 0 AND instr(headers, '\"stream\":') > 0 AND json_extract(headers, '$.stream') = ?1"
_LIFE = "coalesce(json_extract(headers, '$.life'), 0)"
_SEQ = "json_extract(headers, '$.seq')"
STREAM: str = (
    "SELECT part, pos, id, prev, key, type, version, at, headers, CAST(payload AS BLOB) FROM log"  # noqa: S608  no value is in it
    f" WHERE {_OF_STREAM} AND {_LIFE} = ?2 AND {_SEQ} > ?3 ORDER BY {_SEQ} LIMIT ?4"
)
# A few index probes per life, however many events it has.
LIVES: str = (
    f"WITH RECURSIVE lives (life) AS (SELECT min({_LIFE}) FROM log WHERE {_OF_STREAM}"  # noqa: S608  no value is in it
    f" UNION ALL SELECT (SELECT min({_LIFE}) FROM log WHERE {_OF_STREAM} AND {_LIFE} > lives.life) FROM lives"
    f" WHERE life IS NOT NULL) SELECT life, (SELECT max({_SEQ}) FROM log WHERE {_OF_STREAM} AND {_LIFE} = lives.life)"
    " FROM lives WHERE life IS NOT NULL"
)
# One index probe per partition, however long the log is; and one for its floor, in case all messages were deleted.
HEADS = (
    "WITH RECURSIVE parts (part) AS (VALUES (0) UNION ALL SELECT part + 1 FROM parts WHERE part + 1 < ?1)"
    " SELECT parts.part, coalesce(log.pos, floor.pos), coalesce(log.at, floor.at) FROM parts"
    " LEFT JOIN log ON log.channel = ?2 AND log.part = parts.part"
    " AND log.pos = (SELECT max(pos) FROM log AS last WHERE last.channel = ?2 AND last.part = parts.part)"
    " LEFT JOIN floor ON floor.channel = ?2 AND floor.part = parts.part"
    " WHERE log.pos IS NOT NULL OR floor.pos IS NOT NULL"
)
CHECKPOINTS: str = "SELECT part, pos, id, at FROM checkpoint WHERE subscription = ? AND source = ? AND channel = ?"
LETTERS: str = (
    "SELECT part, pos, id, prev, key, type, version, sent, headers, payload, at FROM letter"
    " WHERE subscription = ? AND source = ? AND channel = ? AND key = ? AND discarded_at IS NULL"
    " ORDER BY part, pos LIMIT ?"
)
BEAT: str = "INSERT OR REPLACE INTO heartbeat (process, at, body) VALUES (?, ?, ?)"
LAST_BEAT: str = "DELETE FROM heartbeat WHERE process = ?"
LEASE: str = (
    "INSERT INTO lease (name, owner, until) SELECT value, ?1, ?2 FROM json_each(?3) WHERE true"
    " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until"
    " WHERE lease.owner = excluded.owner OR lease.until <= ?4"
)
KEEP: str = "UPDATE idempotency SET at = max(at, ?) WHERE caller = ? AND key = ?"
# Indexed by time: old rows are found without reading the others.
PRUNE = (
    "DELETE FROM heartbeat WHERE process IN (SELECT process FROM heartbeat WHERE at < ? LIMIT ?)",
    "DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE at < ? ORDER BY at LIMIT ?)",
    "DELETE FROM letter WHERE rowid IN (SELECT rowid FROM letter WHERE discarded_at < ? LIMIT ?)",
)
OLD = (
    "SELECT EXISTS (SELECT 1 FROM heartbeat WHERE at < ?), EXISTS (SELECT 1 FROM idempotency WHERE at < ?),"
    " EXISTS (SELECT 1 FROM letter WHERE discarded_at < ?)"
)
BEATS: str = "SELECT process, at, body FROM heartbeat"
LEASES: str = "SELECT name, owner, until FROM lease"
_ROW = (
    "subscription, source, channel, key, part, since, tried_at, attempts, retry_at, error, (SELECT count(*) FROM letter"
    " WHERE letter.subscription = found.subscription AND letter.source = found.source"
    " AND letter.channel = found.channel AND letter.key = found.key AND letter.discarded_at IS NULL)"
)
_OF_ONE = "subscription = ?1 AND source = ?2 AND channel = ?3"
_ORDER = "ORDER BY since, subscription, source, channel, key"
LONGEST: str = (
    f"SELECT {_ROW} FROM (SELECT * FROM parked WHERE (?1 IS NULL OR subscription = ?1) AND (?2 IS NULL OR key = ?2)"  # noqa: S608  no value is in it
    f" {_ORDER} LIMIT ?3) AS found {_ORDER}"
)
COUNT: str = f"SELECT count(*) FROM parked WHERE {_OF_ONE}"  # noqa: S608  no value is in it
PARKING: str = "SELECT DISTINCT subscription, source, channel FROM parked"
KEYS = 100
"""Keys in one query. Each is a parameter of its own, because SQLite cuts JSON texts at the first NUL."""
_KEYS = ", ".join(f"?{5 + number}" for number in range(KEYS))
# The row without a key tells that some key of the partition is parked, whether it is among these or not.
AMONG = (
    f"SELECT key FROM parked WHERE {_OF_ONE} AND part = ?4 AND key IN ({_KEYS}) UNION ALL"  # noqa: S608  no value is in it
    f" SELECT * FROM (SELECT NULL FROM parked WHERE {_OF_ONE} AND part = ?4 LIMIT 1)"
)
# The plus makes the second part use the index on tried_at: few keys were tried in the future, but most are due later.
DUE: str = (
    f"SELECT {_ROW} FROM (SELECT * FROM parked WHERE {_OF_ONE} AND retry_at <= ?4 ORDER BY retry_at LIMIT ?6) AS found"  # noqa: S608  no value is in it
    f" UNION ALL SELECT {_ROW} FROM (SELECT * FROM parked WHERE {_OF_ONE} AND tried_at > ?5 AND +retry_at > ?4"
    " ORDER BY tried_at LIMIT ?6) AS found"
)
PLACES = (
    "SELECT source, channel, part, key FROM parked WHERE subscription = ?1 AND (?2 IS NULL OR key = ?2)"
    " AND (source, channel, part, key) > (?3, ?4, ?5, ?6) ORDER BY source, channel, part, key LIMIT ?7"
)
PAGE = 1000
"""Keys made due in one transaction."""
_RETRY = "UPDATE parked SET retry_at = ? WHERE subscription = ? AND source = ? AND channel = ? AND part = ? AND key = ?"
FLOORS: str = "SELECT part, pos, id, at FROM floor WHERE channel = ?"
FIRST = "SELECT pos, at FROM log WHERE channel = ? AND part = ? ORDER BY pos LIMIT 1"
REPORT: str = "INSERT OR REPLACE INTO subscriber (subscription, channel, positions, at) VALUES (?, ?, ?, ?)"
SUBSCRIBERS: str = "SELECT subscription, channel, positions, at FROM subscriber ORDER BY subscription, channel"
FORGET: str = "DELETE FROM subscriber WHERE subscription = ?"
ERASE_CHECKPOINTS: str = "DELETE FROM checkpoint WHERE (subscription, source, channel) = (?, ?, ?)"
ERASE_PARKED: str = "DELETE FROM parked WHERE (subscription, source, channel) = (?, ?, ?)"
ERASE_LETTERS: str = "DELETE FROM letter WHERE (subscription, source, channel) = (?, ?, ?)"
_OLDEST = "SELECT pos, id, at FROM log WHERE channel = ? AND part = ? AND pos <= ? ORDER BY pos LIMIT ?"
_DELETE = "DELETE FROM log WHERE channel = ? AND part = ? AND pos <= ?"
_FLOOR = "INSERT OR REPLACE INTO floor (channel, part, pos, id, at) VALUES (?, ?, ?, ?, ?)"
_NO_FLOOR = "DELETE FROM floor WHERE channel = ? AND part = ? AND pos = ? AND id = ?"
_BACK = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT = (
    "INSERT OR REPLACE INTO checkpoint (subscription, source, channel, part, pos, id, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def asked(keys: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Splits keys into groups of the size of a query. The last key is repeated to fill a group."""
    every = list(keys)
    for start in range(0, len(every), KEYS):
        some = every[start : start + KEYS]
        yield (*some, *some[-1:] * (KEYS - len(some)))


def make_due(connection: Connection, name: str, places: Sequence[tuple[str, int, int, str]], at: float) -> int:
    """Makes parked keys due; returns how many still exist. Needs a transaction."""
    return connection.executemany(_RETRY, [(at, name, *place) for place in places]).rowcount


def trim(connection: Connection, channel: Channel, part: int, upto: int, before: float, limit: int) -> int:
    """Deletes old messages and moves the floor. Needs a transaction."""
    rows = connection.execute(_OLDEST, (channel, part, upto, limit))
    old = list(takewhile(lambda row: row[2] < before, rows))
    if old:
        connection.execute(_FLOOR, (channel, part, *old[-1]))
        connection.execute(_DELETE, (channel, part, old[-1][0]))
    return len(old)


def put_back(
    connection: Connection, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None
) -> bool:
    """Puts deleted messages back, and moves the floor. Returns whether it stood at the last of them. Needs a
    transaction."""
    part, last = records[0].part, records[-1]
    if not connection.execute(_NO_FLOOR, (channel, part, last.pos, last.id)).rowcount:
        return False
    connection.executemany(_BACK, [(channel, *each[:9], str(each.payload, "utf-8")) for each in records])
    if floor is not None:
        connection.execute(_FLOOR, (channel, part, *floor))
    return True


def put(connection: Connection, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> int:
    """Writes checkpoints over existing ones. Needs a transaction."""
    rows = [(*subscription, part, *checkpoint) for part, checkpoint in checkpoints.items()]
    return connection.executemany(_PUT, rows).rowcount
