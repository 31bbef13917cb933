"""A source that is restored from an older dump is noticed, whatever it writes then; a failover is noticed by nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from remit.cli.program import execute
from remit.errors import RemitError, Stale
from remit.hosting.assembly import assemble
from remit.log import Channel
from remit.runtime import Host
from remit.runtime.following.follower import Follower
from remit.stores import Entry, Unit
from remit.stores.postgres.store import PostgresStore
from tests.runtime.shop import Buyer, OrderId, Owed, Place, make_shop
from tests.runtime.talk import until
from tests.servers.postgres import Server

ADA = Buyer("ada")


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server that these tests may treat badly."""
    with Server() as server:
        yield server


@pytest.fixture
async def server(own: Server) -> Server:
    """The same, with two empty databases."""
    connection = await asyncpg.connect(own.url())
    for database in ("sales", "billing"):
        await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()
    return own


class Shop:
    """A running shop, sales and billing each in a database of its own."""

    def __init__(self, server: Server, runtime: Host) -> None:
        self.runtime = runtime

    @property
    def charging(self) -> Follower:
        return next(each for each in self.runtime.subscriptions if each.name == "billing.charge")

    async def order(self, *orders: str) -> None:
        for order in orders:
            await self.runtime.send(Place(order=OrderId(order), buyer=ADA))

    async def charged(self) -> int:
        """How many orders are charged, when all are."""
        return int(await self.runtime.ask(Owed(buyer=ADA), fresh=True))

    async def state(self, state: str) -> Follower:
        try:
            await until(lambda: self.charging.state == state)
        except AssertionError as late:
            raise AssertionError(f"{late}: {state}. It is {self.charging.state}: {self.charging.note}") from None
        return self.charging


def places(server: Server) -> str:
    return server.url("{context}")


@asynccontextmanager
async def running(server: Server) -> AsyncGenerator[Shop]:
    runtime = assemble(make_shop().system.model(), store=places(server))
    await runtime.start()
    try:
        yield Shop(server, runtime)
    finally:
        await runtime.stop()


async def sell(server: Server, *orders: str) -> None:
    """What sales publishes while billing does not run."""
    sales = PostgresStore(server.url("sales"), "sales")
    await sales.open()
    for order in orders:
        payload = json.dumps({"order": order, "buyer": ADA, "amount": 1}).encode()
        entry = Entry(Channel.PUBLISHED, ADA, order, "sales.OrderPlaced", 1, 1.0, "{}", payload)
        await sales.commit(Unit(entries=[entry]))
    await sales.close()


async def dump(server: Server, database: str = "sales") -> Any:
    """As every night."""
    place = server.folder / "dump"
    arguments = ("-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-Fc", "-f", place, database)
    await asyncio.to_thread(server._run, "pg_dump", *arguments)
    return place


async def restore(server: Server, place: Any, database: str = "sales") -> None:
    """Puts the dump in place of what is there, whoever is connected."""
    connection = await asyncpg.connect(server.url())
    await connection.execute(f"DROP DATABASE {database} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()
    arguments = ("-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-d", database, place)
    await asyncio.to_thread(server._run, "pg_restore", *arguments)


@pytest.mark.parametrize("others", [0, 1, 2, 3], ids=["nothing", "less", "as much", "more"])
async def test_a_source_restored_from_a_dump_is_noticed(server: Server, others: int) -> None:
    """Whatever it writes then under positions that were used before."""
    async with running(server) as shop:
        await shop.order("o-1")
        place = await dump(server)
        await shop.order("o-2", "o-3")
        assert await shop.charged() == 3
    await restore(server, place)
    await sell(server, *[f"other-{number}" for number in range(others)])
    async with running(server) as shop:
        await shop.state("regressed")
        with pytest.raises(Stale):
            await shop.charged()


async def test_it_is_noticed_by_a_subscription_that_runs_all_the_time(server: Server) -> None:
    async with running(server) as shop:
        await shop.order("o-1")
        place = await dump(server)
        await shop.order("o-2", "o-3")
        assert await shop.charged() == 3
        await restore(server, place)
        shop.charging.ring()
        await shop.state("regressed")


async def test_after_it_was_reconciled_a_person_lets_it_go_on(server: Server) -> None:
    """o-2 is charged and was never ordered, which people settle; what is written from now on is handled, and once."""
    async with running(server) as shop:
        await shop.order("o-1")
        place = await dump(server)
        await shop.order("o-2")
        assert await shop.charged() == 2
    await restore(server, place)
    async with running(server) as shop:
        await shop.state("regressed")
        accept = ["log", "accept", "billing.charge", "--source", "sales", "--from", "head", "--store", places(server)]
        assert await asyncio.to_thread(execute, accept) == 0
        await shop.state("running")
        await shop.order("o-3")
        assert await shop.charged() == 3


async def test_a_consumer_restored_from_a_dump_handles_again_what_it_has_forgotten(server: Server) -> None:
    """Its checkpoint went back with its state: nothing is lost or doubled, and nobody has to do anything."""
    async with running(server) as shop:
        await shop.order("o-1")
        assert await shop.charged() == 1
        place = await dump(server, "billing")
        await shop.order("o-2", "o-3")
        assert await shop.charged() == 3
    await restore(server, place, "billing")
    async with running(server) as shop:
        await shop.order("o-4")
        assert await shop.charged() == 4


@pytest.mark.parametrize("how", ["restarted", "killed", "promoted"])
async def test_a_failover_goes_through(server: Server, how: str) -> None:
    async with running(server) as shop:
        await shop.order("o-1")
        assert await shop.charged() == 1
        if how == "promoted":
            await asyncio.to_thread(make_standby, server)
        await asyncio.to_thread(server.kill if how == "killed" else server.stop)
        if how == "promoted":
            server.data.rename(server.folder / "primary")
            (server.folder / "standby").rename(server.data)
        await asyncio.to_thread(server.start)
        if how == "promoted":
            connection = await asyncpg.connect(server.url())
            assert await connection.fetchval("SELECT pg_promote()")
            await connection.close()
        await until_it_works(shop, "o-2")
        assert await shop.charged() == 2
        # A partition without news may be waiting still for its next try; one that was stopped waits for a person.
        await shop.state("running")


def make_standby(server: Server) -> None:
    """Beside the server, to be started in its place. It follows nobody: at this address it would be itself."""
    standby = server.folder / "standby"
    connection = ("-h", "127.0.0.1", "-p", server.port, "-U", "postgres")
    server._run("pg_basebackup", *connection, "--checkpoint=fast", "--no-sync", "-D", standby)
    (standby / "standby.signal").touch()


async def until_it_works(shop: Shop, order: str) -> None:
    """Orders until the server takes it; by one key, so that it is ordered once."""
    while True:
        try:
            await shop.runtime.send(Place(order=OrderId(order), buyer=ADA), key=order)
        except RemitError:
            await asyncio.sleep(0.05)
        else:
            return
