"""Outboxes by hand: a log, and a cursor over what is published. Messages and cursor are kept durably in one store."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg

from benchmarks.delivery import by_hand
from benchmarks.delivery.by_hand import Message
from benchmarks.sampling import Work

_CURSOR = "CREATE TABLE relayed (pos BIGINT NOT NULL)"
_SCHEMA = """
CREATE TABLE log (
    part int NOT NULL, pos bigint NOT NULL, id text NOT NULL, prev text NOT NULL, key text NOT NULL, type text NOT NULL,
    version int NOT NULL, at float8 NOT NULL, headers text NOT NULL, payload text NOT NULL, PRIMARY KEY (part, pos)
)
"""
_ADD = "INSERT INTO log VALUES (0, $1, $2, $3, $4, $5, 1, $6, '{}', $7)"
_NEXT = "SELECT pos, id, prev, payload FROM log WHERE part = 0 AND pos > $1 ORDER BY pos LIMIT $2"


class Outbox(Protocol):
    async def commit(self, numbers: range) -> None:
        """One durable transaction with a message for each number."""

    async def after(self, pos: int, limit: int) -> list[Message]: ...

    async def published(self, pos: int) -> None:
        """Moves the cursor, durably."""


class SqliteOutbox:
    """sqlite3 on the loop's own thread: the fastest on a quick disk."""

    def __init__(self, work: Work) -> None:
        self._outbox = by_hand.Outbox(work)
        self._execute = self._outbox.connection.execute
        self._execute(_CURSOR)
        self._execute("INSERT INTO relayed VALUES (0)")

    async def commit(self, numbers: range) -> None:
        self._outbox.publish(numbers)

    async def after(self, pos: int, limit: int) -> list[Message]:
        return self._outbox.after(pos, limit)

    async def published(self, pos: int) -> None:
        self._execute("UPDATE relayed SET pos = ?", (pos,))


class PostgresOutbox:
    """asyncpg with prepared statements, and a connection each for the writer and the relay."""

    def __init__(self, writing: Any, relaying: Any) -> None:
        self._writing, self._relaying = writing, relaying
        self._positions = itertools.count(1)

    async def commit(self, numbers: range) -> None:
        await self._writing.executemany(_ADD, by_hand.rows(self._positions, numbers))  # all of them or none

    async def after(self, pos: int, limit: int) -> list[Message]:
        return [Message(*row) for row in await self._relaying.fetch(_NEXT, pos, limit)]

    async def published(self, pos: int) -> None:
        await self._relaying.execute("UPDATE relayed SET pos = $1", pos)


@asynccontextmanager
async def opened(work: Work, database: str | None) -> AsyncGenerator[Outbox]:
    """Empty, in that PostgreSQL; without one in SQLite."""
    if database is None:
        yield SqliteOutbox(work)
        return
    writing, relaying = await asyncpg.connect(database), await asyncpg.connect(database)
    await writing.execute(f"{_SCHEMA}; {_CURSOR}; INSERT INTO relayed VALUES (0)")
    yield PostgresOutbox(writing, relaying)
    await writing.close()
    await relaying.close()
