"""A relay that is stopped for longer than its lease, and comes back while another one publishes.

Two guards keep what it does then from harm, each at its place: the stream takes a batch only behind the message that
the relay has seen last there, and the store moves a checkpoint only from where the relay believes it to be. Should the
stream take a message twice all the same, the subscriptions that follow it refuse the second one by its position; the
simulation shows that (`test_what_a_broker_without_a_fence_takes_twice_is_handled_once`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime import Ports, SystemClock
from remit.runtime.following.follower import Follower
from remit.runtime.following.publishing import relay as make_relay
from remit.runtime.upkeep.leases import LEASE_SECONDS, Leases
from remit.runtime.upkeep.signs import Sign, write_signs
from remit.stores import Entry, Unit
from remit.stores.sqlite.store import SqliteStore
from remit.transports.nats.connection import NatsConnection
from remit.transports.nats.events import NatsEvents
from tests.runtime.heard import NOBODY
from tests.runtime.talk import until
from tests.servers.nats import NatsServer, nats_server
from tests.servers.streams import stored

NAME = "billing.relay:nats"
Moment = Literal["before sending", "after the confirmation"]


class Clock(SystemClock):
    """Goes when it is told to."""

    at = 1000.0

    def seconds(self) -> float:
        return self.at


class Stoppable(NatsEvents):
    """As a process that gets SIGSTOP at a moment, once: what it knows it knows, and nothing goes on."""

    moment: Moment | None = None

    def __init__(self, connection: NatsConnection, system: str) -> None:
        super().__init__(connection, system)
        self.stopped, self.go_on = asyncio.Event(), asyncio.Event()

    async def _stop(self, moment: Moment) -> None:
        if self.moment == moment:
            self.moment = None
            self.stopped.set()
            await self.go_on.wait()

    async def _send(self, *what: Any, **more: Any) -> str:
        await self._stop("before sending")
        return await super()._send(*what, **more)

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        count = await super().publish(source, channel, records)
        await self._stop("after the confirmation")
        return count


class Store(SqliteStore):
    """Notes to where the checkpoint was moved."""

    def __init__(self, path: Path, moves: list[int]) -> None:
        super().__init__(path, "billing", partitions=1)
        self._moves = moves

    async def commit(self, unit: Unit) -> None:
        await super().commit(unit)
        if unit.advance is not None:
            self._moves.append(unit.advance.after)


@dataclass
class Replica:
    """A process that runs the relay while it has the lease."""

    name: str
    store: Store
    events: Stoppable
    relay: Follower
    leases: Leases
    clock: Clock
    begun: bool = False

    async def look(self) -> None:
        """A sign of life, and a look at the lease."""
        sign = Sign(NAME, "billing", Channel.PUBLISHED, "running")
        await self.store.beat(self.name, self.clock.at, write_signs([sign]))
        if not self.begun:
            self.begun = True
            await self.leases.enter(self.name, [self.relay])
        await self.leases.renew()

    async def write(self, first: int, last: int) -> None:
        entries = [Entry(Channel.PUBLISHED, "k", f"m{n}", "b.X", 1, 1.0, "{}", b"{}") for n in range(first, last)]
        await self.store.commit(Unit(entries=entries))
        self.relay.ring()


@asynccontextmanager
async def replica(name: str, server: NatsServer, path: Path, moves: list[int], clock: Clock) -> AsyncGenerator[Replica]:
    store, events = Store(path, moves), Stoppable(NatsConnection(server.url, name=name), "shop")
    await store.open()
    await events.open()
    # As one whose clock stands still, it does not ask its leases: the guards that are tested here do not rely on time.
    id = SubscriptionId(NAME, "billing", Channel.PUBLISHED)
    relay = make_relay(id, store, events, Ports(clock), NOBODY)
    leases = Leases(store, Ports(clock))
    yield Replica(name, store, events, relay, leases, clock)
    await relay.stop()
    await events.close()
    await store.close()


@pytest.fixture
def server(tmp_path: Path) -> Generator[NatsServer]:
    with nats_server(tmp_path / "nats", sync=False) as server:
        yield server


@pytest.mark.parametrize("moment", ["before sending", "after the confirmation"])
async def test_what_a_relay_does_that_was_believed_dead_changes_nothing(
    server: NatsServer, tmp_path: Path, moment: Moment
) -> None:
    moves, clock, path = list[int](), Clock(), tmp_path / "billing.db"
    connection = NatsConnection(server.url, name="test")
    await connection.open()

    async def on_the_stream() -> list[str]:
        return [record.id for record in await stored(connection, "billing", Channel.PUBLISHED, 0)]

    async with (
        replica("zombie", server, path, moves, clock) as zombie,
        replica("other", server, path, moves, clock) as other,
    ):
        zombie.events.moment = moment
        await zombie.look()
        await zombie.write(0, 20)
        await zombie.events.stopped.wait()

        clock.at += LEASE_SECONDS + 1.0
        await other.look()
        await other.write(20, 30)
        await until(lambda: moves[-1:] == [30])
        assert await on_the_stream() == [f"m{n}" for n in range(30)]

        zombie.events.go_on.set()
        await zombie.write(30, 31)  # what it does next, before it looks at its lease
        other.relay.ring()
        await until(lambda: all(each.relay._lanes[0].stored[0] == 31 for each in (zombie, other)), 5.0)
        await zombie.look()
        await until(lambda: (zombie.relay.state, other.relay.state) == ("standby", "running"))
        assert await on_the_stream() == [f"m{n}" for n in range(31)], "in order, and each once"
        assert moves == sorted(moves), "a checkpoint never goes back"
    await connection.close()
