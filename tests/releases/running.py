"""Processes of one system in different releases, over the same stores: one after the other, or one calls another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from remit import System
from remit.observability import KeyParked, KeyReleased
from remit.runtime import Host, Ports, RuntimeEvent
from remit.stores import Store
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Side
from tests.runtime.heard import Heard

CONTEXTS = ("sales", "depot")


class Shops:
    """The stores, which outlive the processes."""

    def __init__(self) -> None:
        self.stores: dict[str, Store] = {name: MemoryStore() for name in CONTEXTS}
        self.said = Heard()
        self.parked = asyncio.Event()
        self.released = asyncio.Event()

    @asynccontextmanager
    async def running(self, system: System, *hosted: str) -> AsyncGenerator[Host]:
        """A process that runs these contexts of a release, all of them unless it is said."""
        model = system.hosting(hosted or CONTEXTS).model()
        runtime = Host(model, self.stores, Ports(), listeners=[self._hear])
        await runtime.start()
        try:
            yield runtime
        finally:
            await runtime.stop()

    async def why(self, context: str) -> list[str]:
        """The errors of the keys that are parked there."""
        return [row.error for row in await self.stores[context].parked()]

    def _hear(self, event: RuntimeEvent) -> None:
        self.said(event)
        if isinstance(event, KeyParked):
            self.parked.set()
        if isinstance(event, KeyReleased):
            self.released.set()


@asynccontextmanager
async def calling(caller: System, answerer: System) -> AsyncGenerator[Host]:
    """A process of one release that hosts `depot`, and calls a process of another release that hosts `sales`."""
    exchange = Exchange()
    desk = Side(caller, "depot", InProcessCalls(exchange))
    back = Side(answerer, "sales", InProcessCalls(exchange))
    await asyncio.gather(back.start(), desk.start())
    try:
        yield desk.host
    finally:
        await desk.stop()
        await back.stop()


__all__ = ["CONTEXTS", "Shops", "calling"]
