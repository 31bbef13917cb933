"""The same rows by hand: what is left of a command when nothing is general and everything stays on.

One function with the two handlers written into it, as nobody would keep it: for one aggregate, one event, one reaction,
one store. It bounds what a framework in Python can reach that keeps the same promises.
"""

import asyncio
import itertools
import time
from typing import Any
from zlib import crc32

import msgspec

from benchmarks import loops, sampling
from benchmarks.dispatch.ours import Order, OrderId, Placed, PlaceOrder
from benchmarks.sampling import Sample, Work
from remit import DomainEvent
from remit.domain import take_recorded
from remit.runtime.ports import SystemIds

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Order).decode
_identity = SystemIds().new
_seen = itertools.count()


async def _place(command: PlaceOrder, order: Order) -> OrderId:
    order.place(command.amount)
    return order.id


async def _note(event: DomainEvent) -> None:
    next(_seen)


class Shop:
    """State under versions, a log in partitions, running commands with their deadlines."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._state: dict[str, tuple[int, bytes]] = {}
        self._log: list[list[tuple[Any, ...]]] = [[] for _ in range(16)]
        self._running: dict[asyncio.Task[Any] | None, float] = {}

    async def send(self, command: PlaceOrder) -> OrderId:
        task = asyncio.current_task(self._loop)
        self._running[task] = self._loop.time() + 10.0
        try:
            seed, id = _identity(), command.order
            version, body = self._state.get(id, (0, b""))
            order = _decode(body) if version else Order(id=id)
            reply = await _place(command, order)
            entries: list[tuple[Any, ...]] = []
            for event in take_recorded(order):
                headers = f'{{"cause":"{seed}","trace":"{seed}"}}'
                entries.append((_identity(), id, "sales.Placed", 1, time.time(), headers, _encode(event)))
                await _note(event)
            body = _encode(order)
            if self._state.get(id, (0, b""))[0] != version:
                raise RuntimeError(f"order {id} was changed by somebody else")
            self._state[id] = (version + 1, body)
            part = crc32(id.encode()) % 16
            log = self._log[part]
            for entry in entries:
                log.append((part, len(log) + 1, log[-1][2] if log else "", *entry))
            return reply
        finally:
            del self._running[task]


async def _run(work: Work) -> Sample:
    shop = Shop(asyncio.get_running_loop())

    async def send(number: int) -> OrderId:
        return await shop.send(PlaceOrder(order=OrderId(f"o-{number % 1000}"), amount=number))

    return await loops.per_await(work, send)


def run(work: Work) -> Sample:
    return sampling.run_async(_run(work))


def run_codec(work: Work) -> Sample:
    """What no command can do without: the order decoded and encoded, the event encoded, two identities, the time."""
    order = Order(id=OrderId("o-1"), amount=1)
    bodies = {"o-1": _encode(order)}

    def send(number: int) -> object:
        command = PlaceOrder(order=OrderId(f"o-{number % 1000}"), amount=number)
        order = _decode(bodies["o-1"])
        order.amount = command.amount
        placed = Placed(order=order.id, amount=number)
        return _identity(), _identity(), time.time(), _encode(placed), _encode(order)

    return loops.per_call(work, send)
