"""A process with everything that one may have in it: when it has stopped, nothing of it is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit.errors import StoreUnavailable, Unavailable
from remit.log import Channel, SubscriptionId
from remit.messages.component import Component
from remit.runtime import Channels, Host, LoopWatch, Placed, Ports
from remit.runtime.machine import SystemMachine
from remit.runtime.remote.wire import KnownHeads
from remit.stores.sqlite.store import SqliteStore
from remit.testing.in_process.calls import Exchange, InProcessCalls
from remit.testing.in_process.events import InProcessBroker, InProcessEvents
from remit.transports import CallRequest
from tests.runtime.apart import Balance, Seen, make_shop
from tests.runtime.talk import until


class Machine(SystemMachine):
    """Notes which names are in use."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def name(self, id: str) -> str:
        name = super().name(id)
        self.names.add(name)
        return name

    def left(self, name: str) -> None:
        super().left(name)
        self.names.discard(name)


class Scales:
    """A service of the user's, and the logs of another context: both note whether they are open."""

    def __init__(self) -> None:
        self.open = 0

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Scales]:
        self.open += 1
        yield self
        self.open -= 1

    def of(self, source: str, schema: str) -> Any:
        raise AssertionError("nobody reads them")

    async def close(self) -> None:
        self.open -= 1


def timers() -> list[asyncio.TimerHandle]:
    """What the running loop would still do later."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled()]


async def test_nothing_is_left_of_a_process_that_has_stopped(tmp_path: Path) -> None:
    threads, before = set(threading.enumerate()), len(timers())
    shop, machine, scales, logs = make_shop(), Machine(), Scales(), Scales()
    logs.open = 1
    desk = next(context for context in shop.system.contexts if context.name == "desk")
    desk.provide(Scales, scales.opened)
    store, exchange, broker = SqliteStore(tmp_path / "desk.db", "desk"), Exchange(), InProcessBroker()
    calls, events = InProcessCalls(exchange), InProcessEvents(broker)
    placed = Placed(
        elsewhere=[Component("till", part) for part in ("write", "read", "log")],
        relays=[SubscriptionId("desk.relay:memory", "desk", Channel.PUBLISHED)],
        pushed=[("till", Channel.PUBLISHED)],
    )
    channels = Channels(calls, events, published={"till": logs})
    ports = Ports(machine=machine, watch=LoopWatch())
    host = Host(shop.system.model(), {"desk": store}, ports, placed=placed, channels=channels)
    await host.start()
    assert await host.ask(Seen(till="t")) == 0  # its deadline has a timer
    for _ in range(5):
        with pytest.raises(Unavailable):
            await host.ask(Balance(till="t"), deadline=0.1)
    assert host.remote is not None
    assert "till.read" in host.remote.avoided, "which is tried again by itself"
    client = InProcessCalls(exchange)
    question = CallRequest(
        "heads", {"remit-timeout-ms": "60000"}, msgspec.msgpack.encode(KnownHeads(Channel.PUBLISHED, {}, 20.0))
    )
    waiting = asyncio.create_task(client.call("desk.log", question, 60.0))
    await until(lambda: bool(host.reception._polls))
    assert scales.open == len(machine.names) == 1
    assert set(threading.enumerate()) - threads

    await host.stop()

    assert (await waiting).status == "ok", "who waits for news is told that there is none"
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, 3.0)
    for thread in set(threading.enumerate()) - threads:
        thread.join(3.0)
    assert not set(threading.enumerate()) - threads
    assert len(timers()) == before
    assert (scales.open, logs.open, machine.names) == (0, 0, set())
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.heads(Channel.PUBLISHED)
    for channel in (client, calls):
        with pytest.raises(Unavailable):
            await channel.call("desk.read", CallRequest("query", {}, b""), 1.0)
    with pytest.raises(Unavailable, match="closed"):
        await events.publish("desk", Channel.PUBLISHED, [])
