"""The log's cold end: deleting it, and who has come how far."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from sqlite3 import Connection

from remit.log import Channel, Checkpoint, SubscriptionId

FLOORS = "SELECT part, pos, id, at FROM floor WHERE channel = ?"
FIRST = "SELECT pos, at FROM log WHERE channel = ? AND part = ? ORDER BY pos LIMIT 1"
REPORT = "INSERT OR REPLACE INTO subscriber (subscription, channel, positions, at) VALUES (?, ?, ?, ?)"
SUBSCRIBERS = "SELECT subscription, channel, positions, at FROM subscriber ORDER BY subscription, channel"
FORGET = "DELETE FROM subscriber WHERE subscription = ?"
_OLDEST = "SELECT pos, id, at FROM log WHERE channel = ? AND part = ? AND pos <= ? ORDER BY pos LIMIT ?"
_DELETE = "DELETE FROM log WHERE channel = ? AND part = ? AND pos <= ?"
_FLOOR = "INSERT OR REPLACE INTO floor (channel, part, pos, id, at) VALUES (?, ?, ?, ?, ?)"
_PUT = (
    "INSERT OR REPLACE INTO checkpoint (subscription, source, channel, part, pos, id, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def trim(connection: Connection, channel: Channel, part: int, upto: int, before: float, limit: int) -> int:
    """Deletes old messages and says so in the floor. Within a transaction."""
    rows = connection.execute(_OLDEST, (channel, part, upto, limit))
    old = list(takewhile(lambda row: row[2] < before, rows))
    if old:
        connection.execute(_FLOOR, (channel, part, *old[-1]))
        connection.execute(_DELETE, (channel, part, old[-1][0]))
    return len(old)


def put(connection: Connection, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> int:
    """Writes checkpoints over what is there. Within a transaction."""
    rows = [(*subscription, part, *checkpoint) for part, checkpoint in checkpoints.items()]
    return connection.executemany(_PUT, rows).rowcount
