"""What checkpoints leave behind is deleted, and the newest never is, wherever a person has put it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from remit.log import Channel, Checkpoint, SubscriptionId
from remit.stores import Advance, Unit
from remit.stores.postgres import writer
from remit.stores.postgres.store import PostgresStore
from remit.stores.postgres.writer import SWEEP, Trail

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

SOURCE = SubscriptionId("billing-mail", "billing", Channel.PUBLISHED)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sweep takes whatever there is."""
    monkeypatch.setattr(writer, "_MANY", 1)


@pytest.fixture
async def store(address: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(address, "billing")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def inside(store: PostgresStore, server: str, schema: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(server, server_settings={"search_path": schema})
    yield connection
    await connection.close()


class Process:
    """One that moves a checkpoint, and sweeps when it is told to: that of the store does it when it wants."""

    def __init__(self, store: PostgresStore, connection: Connection) -> None:
        self._store = store
        self._connection = connection
        self._trail = Trail()

    async def move(self, *positions: int) -> None:
        """From the first position to the second, and so on."""
        for before, after in pairwise(positions):
            before_id = f"m{before}" if before else ""
            unit = Unit(advance=Advance(SOURCE, 0, before, before_id, after, f"m{after}", 1.0))
            await self._store.commit(unit)
            self._trail.moved([unit])

    async def sweep(self) -> list[int]:
        """The positions that are left."""
        await self._connection.fetch(SWEEP, *self._trail.sweep())
        rows = await self._connection.fetch("SELECT pos FROM remit_checkpoint ORDER BY prev")
        return [row[0] for row in rows]


@pytest.fixture
def process(store: PostgresStore, inside: Connection) -> Process:
    return Process(store, inside)


async def put_back(store: PostgresStore, pos: int) -> None:
    """As `remit log accept` does it."""
    await store.place(SOURCE, {0: Checkpoint(pos, f"m{pos}", 2.0)})


async def test_what_is_left_behind_is_deleted(process: Process) -> None:
    await process.move(0, 1, 2, 3)
    assert await process.sweep() == [3]
    await process.move(3, 7, 9)
    assert await process.sweep() == [9]


async def test_a_checkpoint_that_was_put_back_stays(store: PostgresStore, process: Process) -> None:
    """It is below what the process remembers as left behind."""
    await process.move(0, 10, 20, 30)
    await put_back(store, 5)
    assert await process.sweep() == [5]
    assert (await store.checkpoints(SOURCE))[0].pos == 5


async def test_what_is_left_behind_from_there_on_is_deleted_as_well(store: PostgresStore, process: Process) -> None:
    await process.move(0, 10, 20, 30)
    assert await process.sweep() == [30]
    await put_back(store, 5)
    await process.move(5, 10, 15)
    assert await process.sweep() == [15]
    await process.move(15, 40)
    assert await process.sweep() == [40]
