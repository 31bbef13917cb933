"""Processes that move what is staged are killed at any moment: nothing is lost or doubled, and the order is kept."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import asyncpg

from remit.log import Channel
from remit.stores.postgres.store import PostgresStore
from tests.outbox.libraries import async_outbox, settled
from tests.outbox.shop import Shop

KILLS = 15
PROGRAM = Path(__file__).parent / "sequence.py"


@contextlib.asynccontextmanager
async def publishing(shop: Shop, published: list[int]) -> AsyncGenerator[None]:
    """Publishes for one student all the time."""
    over = False

    async def publish() -> None:
        connection: Any = await asyncpg.connect(shop.server)
        outbox = async_outbox(shop)
        while not over:
            numbers = range(len(published), len(published) + 5)
            async with connection.transaction():
                for number in numbers:
                    await outbox.publish(connection, settled(number))
            published.extend(numbers)
        await connection.close()

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        over = True
        await task


async def test_a_killed_sequencer_leaves_nothing_out_and_nothing_twice(shop: Shop) -> None:
    address = shop.store.replace("{context}", "billing")
    store = PostgresStore(address, "billing")
    await store.open()
    await store.close()
    published: list[int] = []
    chance = random.Random(9)
    head = f"SELECT count(*) FROM {shop.schema}.remit_log"
    watcher: Any = await asyncpg.connect(shop.server)
    async with publishing(shop, published):
        for _ in range(KILLS):
            process = await asyncio.create_subprocess_exec(
                sys.executable, PROGRAM, address, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            enough = await watcher.fetchval(head) + chance.randint(1, 200)
            while await watcher.fetchval(head) < enough:
                pass
            process.kill()
            await process.wait()
    await watcher.close()
    await store.open()
    (part,) = await store.heads(Channel.PUBLISHED)
    records = await store.read(Channel.PUBLISHED, part, 0, 1_000_000)
    await store.close()
    assert len(published) > KILLS
    assert [record.payload for record in records] == [b'{"student":"ada","number":%d}' % number for number in published]
    assert [(record.pos, record.prev) for record in records] == list(
        enumerate(["", *(record.id for record in records[:-1])], 1)
    )
