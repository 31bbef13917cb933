"""Others' commits are heard soon, without a NOTIFY in any transaction that commits work."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from remit.log import Channel
from remit.stores import Entry, Unit
from remit.stores.postgres import bell
from remit.stores.postgres.schema import migrations
from remit.stores.postgres.store import PostgresStore

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


def new(name: str) -> Unit:
    return Unit(entries=[Entry(Channel.PRIVATE, name, name, "billing.Settled", 1, 1.0, "{}", b"{}")])


@pytest.fixture
async def stores(address: str) -> AsyncIterator[list[PostgresStore]]:
    stores = [PostgresStore(address, "billing") for _ in range(2)]
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


async def listening(connection: Connection, schema: str, expected: int) -> None:
    """Returns when so many connections listen. Who does is not said by the server; so it is tried until they answer."""
    for _ in iter(int, 1):
        rows = await connection.fetch(
            "SELECT query FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle'",
            f"remit {schema} bell"[:63],
        )
        if sum("LISTEN" in row["query"] or "pg_notify" in row["query"] for row in rows) == expected:
            return


async def test_the_others_are_woken_at_once(
    stores: list[PostgresStore], connection: Connection, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, twin = stores
    await listening(connection, schema, 2)
    woken = asyncio.Event()
    store.watch(woken.set)
    monkeypatch.setattr(bell, "_LOOK_SECONDS", 3600.0)  # nobody looks around, but for a look that has begun
    for number in range(5):
        woken.clear()
        await twin.commit(new(str(number)))
        async with asyncio.timeout(30.0):
            await woken.wait()


async def test_the_longest_name_of_a_schema_is_heard_as_well(server: str, connection: Connection) -> None:
    """In bytes: the server takes 63 of them, of a schema's name and of a channel's."""
    schema = f"remit_{uuid.uuid4().hex[:5]}_" + 25 * "é"
    address = f"{server}{'&' if '?' in server else '?'}schema={quote(schema)}"
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(connection.execute, f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        stores = [PostgresStore(address, "billing") for _ in range(2)]
        for store in stores:
            await store.open()
            closing.push_async_callback(store.close)
        listener = await asyncpg.connect(server)
        closing.push_async_callback(listener.close)
        heard = asyncio.Event()

        def hear(*_: object) -> None:
            heard.set()

        await listener.add_listener(f"remit {schema}".encode()[:63].decode(errors="ignore"), hear)
        await stores[0].commit(new("a"))
        async with asyncio.timeout(10):
            await heard.wait()


async def test_the_bell_is_not_rung_for_each_commit(
    stores: list[PostgresStore], server: str, connection: Connection, schema: str
) -> None:
    await listening(connection, schema, 2)
    rings: list[str] = []
    heard = asyncio.Event()

    def hear(_: object, __: int, ___: str, message: object) -> None:
        rings.append(str(message))
        heard.set()

    listener = await asyncpg.connect(server)
    await listener.add_listener(f"remit {schema}"[:63], hear)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(200):
        await stores[0].commit(new(str(number)))
    await heard.wait()
    elapsed = loop.time() - began
    assert 0 < len(rings) <= elapsed / 0.02 + 2
    await listener.close()


async def test_who_has_become_deaf_looks_and_listens_again(
    stores: list[PostgresStore], connection: Connection, schema: str
) -> None:
    store, twin = stores
    await listening(connection, schema, 2)
    bells = f"remit {schema} bell"[:63]
    await connection.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1", bells
    )
    woken = asyncio.Event()
    store.watch(woken.set)
    await twin.commit(new("a"))
    await woken.wait()
    assert store.changed_elsewhere()
    await listening(connection, schema, 2)


async def test_one_does_not_wake_oneself_twice(
    stores: list[PostgresStore], connection: Connection, schema: str
) -> None:
    store, twin = stores
    await listening(connection, schema, 2)
    wakes: list[int] = []
    store.watch(lambda: wakes.append(1))
    heard = asyncio.Event()
    twin.watch(heard.set)
    await store.commit(new("a"))
    await heard.wait()
    assert len(wakes) == 1
    assert not store.changed_elsewhere()


def test_no_transaction_notifies() -> None:
    assert not [number for number, script in migrations().items() if "notify" in script.lower()]
