"""The price of Python itself: handlers found in a dict by the type of the message, and called."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from benchmarks import loops, sampling
from benchmarks.sampling import Sample, Work


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True):
    order: str
    amount: int


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    order: str
    amount: int


class Order(msgspec.Struct):
    id: str
    amount: int = 0


class Orders:
    def __init__(self) -> None:
        self._kept: dict[str, Order] = {}
        self.seen = itertools.count()

    def place(self, command: PlaceOrder) -> tuple[str, list[Placed]]:
        order = self._kept.get(command.order) or Order(command.order)
        order.amount = command.amount
        self._kept[order.id] = order
        return order.id, [Placed(order=order.id, amount=order.amount)]

    async def place_async(self, command: PlaceOrder) -> tuple[str, list[Placed]]:
        return self.place(command)

    def note(self, event: Placed) -> None:
        next(self.seen)

    async def note_async(self, event: Placed) -> None:
        next(self.seen)


def run_sync(work: Work) -> Sample:
    orders = Orders()
    handlers: dict[type, Callable[[Any], tuple[str, list[Placed]]]] = {PlaceOrder: orders.place}
    reactions: dict[type, list[Callable[[Any], None]]] = {Placed: [orders.note]}

    def send(number: int) -> str:
        command = PlaceOrder(order=f"o-{number % 1000}", amount=number)
        reply, events = handlers[type(command)](command)
        for event in events:
            for react in reactions[type(event)]:
                react(event)
        return reply

    return loops.per_call(work, send)


def run_async(work: Work) -> Sample:
    orders = Orders()
    handlers: dict[type, Callable[[Any], Awaitable[tuple[str, list[Placed]]]]] = {PlaceOrder: orders.place_async}
    reactions: dict[type, list[Callable[[Any], Awaitable[None]]]] = {Placed: [orders.note_async]}

    async def send(number: int) -> str:
        command = PlaceOrder(order=f"o-{number % 1000}", amount=number)
        reply, events = await handlers[type(command)](command)
        for event in events:
            for react in reactions[type(event)]:
                await react(event)
        return reply

    return sampling.run_async(loops.per_await(work, send))
