"""Questions about parked keys. What is asked all the time looks at a few rows, however many keys are parked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from sqlite3 import Connection

_ROW = (
    "subscription, source, channel, key, part, since, tried_at, attempts, retry_at, error, (SELECT count(*) FROM letter"
    " WHERE letter.subscription = found.subscription AND letter.source = found.source"
    " AND letter.channel = found.channel AND letter.key = found.key AND letter.discarded_at IS NULL)"
)
_OF_ONE = "subscription = ?1 AND source = ?2 AND channel = ?3"
_ORDER = "ORDER BY since, subscription, source, channel, key"
LONGEST = (
    f"SELECT {_ROW} FROM (SELECT * FROM parked WHERE (?1 IS NULL OR subscription = ?1) AND (?2 IS NULL OR key = ?2)"  # noqa: S608  no value is in it
    f" {_ORDER} LIMIT ?3) AS found {_ORDER}"
)
COUNT = f"SELECT count(*) FROM parked WHERE {_OF_ONE}"  # noqa: S608  no value is in it
PARKING = "SELECT DISTINCT subscription, source, channel FROM parked ORDER BY subscription, source, channel"
KEYS = 100
"""Keys that one question asks for. Each is a value of its own: SQLite ends a text in JSON at its first NUL."""
_KEYS = ", ".join(f"?{5 + number}" for number in range(KEYS))
# A row without a key tells that keys of the partition are parked, be they among these or not.
AMONG = (
    f"SELECT key FROM parked WHERE {_OF_ONE} AND part = ?4 AND key IN ({_KEYS}) UNION ALL"  # noqa: S608  no value is in it
    f" SELECT * FROM (SELECT NULL FROM parked WHERE {_OF_ONE} AND part = ?4 LIMIT 1)"
)
# The plus keeps the second part to the index by tried_at: few were tried in the future, and most are due later.
DUE = (
    f"SELECT {_ROW} FROM (SELECT * FROM parked WHERE {_OF_ONE} AND retry_at <= ?4 ORDER BY retry_at LIMIT ?6) AS found"  # noqa: S608  no value is in it
    f" UNION ALL SELECT {_ROW} FROM (SELECT * FROM parked WHERE {_OF_ONE} AND tried_at > ?5 AND +retry_at > ?4"
    " ORDER BY tried_at LIMIT ?6) AS found"
)
PLACES = (
    "SELECT source, channel, part, key FROM parked WHERE subscription = ?1 AND (?2 IS NULL OR key = ?2)"
    " AND (source, channel, part, key) > (?3, ?4, ?5, ?6) ORDER BY source, channel, part, key LIMIT ?7"
)
PAGE = 1000
"""Keys that are made due in one transaction."""
_RETRY = "UPDATE parked SET retry_at = ? WHERE subscription = ? AND source = ? AND channel = ? AND part = ? AND key = ?"


def asked(keys: Collection[str]) -> Iterator[tuple[str, ...]]:
    """The keys in groups of as many as a question takes; the last of them is asked for again where there are fewer."""
    every = list(keys)
    for start in range(0, len(every), KEYS):
        some = every[start : start + KEYS]
        yield (*some, *some[-1:] * (KEYS - len(some)))


def make_due(connection: Connection, name: str, places: Sequence[tuple[str, int, int, str]], at: float) -> int:
    """Says how many are still parked. Within a transaction."""
    return connection.executemany(_RETRY, [(at, name, *place) for place in places]).rowcount
