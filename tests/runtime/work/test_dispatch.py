"""What a command costs: the functions of remit that one command enters, counted, since times depend on the machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import remit
from remit import Aggregate, Command, Context, DomainEvent, EventSourced, Query, Repository, Sender, System
from remit.contexts import Relation
from remit.relations import CustomerSupplier, OpenHost
from remit.runtime.work.reach import within

SOURCE = str(Path(remit.__file__).parent)


class Place(Command[str]):
    order: str
    amount: int


class Count(Query[int]):
    order: str


class Ask(Command[int]): ...


class Placed(DomainEvent):
    order: str


class Order(Aggregate[str, Placed]):
    amount: int = 0

    def place(self, amount: int) -> None:
        self.amount = amount
        self.record(Placed(order=self.id))


def ordering(*, together: bool = False) -> Context:
    sales = Context("sales")

    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> str:
        (await orders.obtain(command.order)).place(command.amount)
        return command.order

    @sales.answer(Count)
    async def count(query: Count, orders: Repository[Order]) -> int:
        return (await orders.get(query.order)).amount

    if together:

        @sales.react(Placed, together=True)
        async def note(event: Placed) -> None: ...

    return sales


async def entered(call: Callable[[], Awaitable[object]]) -> Counter[str]:
    """The functions of remit that this call enters, with how often."""
    found: Counter[str] = Counter()

    def note(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(SOURCE):
            found[frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        await call()
    finally:
        sys.setprofile(before)
    return found


async def often(call: Callable[[], Awaitable[object]], is_meant: Callable[[Any], bool]) -> int:
    """How often this call enters such a function that is not written in Python."""
    found = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal found
        found += event == "c_call" and is_meant(arg)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        await call()
    finally:
        sys.setprofile(before)
    return found


def sets_reach(function: Any) -> bool:
    """Whether it sets the context variable that says which relations restrict a handler."""
    return getattr(function, "__self__", None) is within and function.__name__ == "set"


@pytest.mark.parametrize(
    ("together", "key", "most"),
    [(False, None, 37), (True, None, 38), (False, "k", 48)],
    ids=["plain", "together", "key"],
)
async def test_a_command_enters_no_functions_that_it_does_not_need(together: bool, key: str | None, most: int) -> None:
    """A higher number needs a measurement of what it costs every command."""
    async with System("shop", contexts=[ordering(together=together)]).connect(store="memory:") as app:
        await app.send(Place(order="o", amount=1))
        found = await entered(lambda: app.send(Place(order="o", amount=2), key=key))
    assert found.total() <= most, found


async def test_relations_cost_a_call_no_function() -> None:
    """They are compiled into a set of messages."""

    async def costs(*relations: Relation) -> Counter[str]:
        desk = Context("desk")

        @desk.handle(Ask)
        async def ask(command: Ask, sender: Sender) -> int:
            return await sender.ask(Count(order="o"))

        async with System("shop", contexts=[ordering(), desk], relations=relations).connect(store="memory:") as app:
            await app.send(Place(order="o", amount=1))
            return await entered(lambda: app.send(Ask()))

    assert await costs(CustomerSupplier(supplier="sales", customer="desk", uses=[Count])) == await costs()


async def test_a_query_enters_no_functions_that_it_does_not_need() -> None:
    async with System("shop", contexts=[ordering()]).connect(store="memory:") as app:
        await app.send(Place(order="o", amount=1))
        found = await entered(lambda: app.ask(Count(order="o")))
    assert found.total() <= 15, found


@pytest.mark.parametrize(("relations", "times"), [((), 0), ((OpenHost("sales"),), 2)], ids=["none", "some"])
async def test_only_a_system_with_relations_sets_what_restricts_a_handler(
    relations: tuple[Relation, ...], times: int
) -> None:
    """A context variable that is set costs more than many functions: two would be a tenth of a query."""
    async with System("shop", contexts=[ordering()], relations=relations).connect(store="memory:") as app:
        await app.send(Place(order="o", amount=1))
        assert await often(lambda: app.send(Place(order="o", amount=2)), sets_reach) == times
        assert await often(lambda: app.ask(Count(order="o")), sets_reach) == times


class Tally(EventSourced[str, Placed]):
    orders: int = 0

    def evolve(self, event: Placed) -> None:
        self.orders += 1

    def place(self) -> None:
        self.record(Placed(order=self.id))


async def test_a_query_copies_no_snapshot() -> None:
    """A command keeps a copy of the state to check its events against. A query has no events."""
    tallies = Context("tallies")

    @tallies.handle(Place)
    async def place(command: Place, of: Repository[Tally]) -> str:
        (await of.obtain(command.order)).place()
        return command.order

    @tallies.answer(Count)
    async def count(query: Count, of: Repository[Tally]) -> int:
        return (await of.get(query.order)).orders

    def copies(function: Any) -> bool:
        return bool(function.__qualname__ == "Tally.__copy__")

    async with System("shop", contexts=[tallies]).connect(store="memory:") as app:
        await app.send(Place(order="o", amount=1))
        assert await often(lambda: app.send(Place(order="o", amount=2)), copies) == 1
        assert await often(lambda: app.ask(Count(order="o")), copies) == 0
