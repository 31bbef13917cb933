"""How many effects are committed, counted in the store of the service that handles."""

import contextlib
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

Count = Callable[[], Awaitable[int]]

_IN_SQLITE = "SELECT total(json_extract(body, '$.orders')) FROM state WHERE kind = 'billing.Account'"
_IN_POSTGRES = "SELECT coalesce(sum((body::json->>'orders')::int), 0) FROM {table} WHERE kind = 'billing.Account'"


@asynccontextmanager
async def in_sqlite(folder: Path) -> AsyncGenerator[Count]:
    with contextlib.closing(sqlite3.connect(folder / "billing.db")) as store:

        async def count() -> int:
            return int(store.execute(_IN_SQLITE).fetchone()[0])

        yield count


@asynccontextmanager
async def in_postgres(database: str, table: str) -> AsyncGenerator[Count]:
    connection, query = await asyncpg.connect(database), _IN_POSTGRES.format(table=table)

    async def count() -> int:
        return int(await connection.fetchval(query))

    yield count
    await connection.close()
