"""What a start costs: how often the same declaration is read, counted, since times depend on the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec.inspect
import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Query, Repository, Sender, System
from remit.contexts import annotations as declared
from remit.relations import CustomerSupplier


class Place(Command[str]):
    order: str


class Count(Query[int]):
    order: str


class Placed(DomainEvent):
    order: str


class OrderPlaced(IntegrationEvent):
    order: str


class Order(Aggregate[str, Placed]):
    amount: int = 0


class Bill(Command[int]):
    order: str


def shop() -> System:
    sales, billing = Context("sales"), Context("billing")

    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> str:
        return (await orders.obtain(command.order)).id

    @sales.answer(Count)
    async def count(query: Count, orders: Repository[Order]) -> int:
        return (await orders.get(query.order)).amount

    @sales.publish(Placed)
    def placed(event: Placed) -> OrderPlaced:
        return OrderPlaced(order=event.order)

    @billing.handle(Bill)
    async def bill(command: Bill, sender: Sender) -> int:
        return await sender.ask(Count(order=command.order))

    @billing.react(OrderPlaced)
    async def note(event: OrderPlaced, sender: Sender) -> None:
        await sender.ask(Count(order=event.order))

    related = CustomerSupplier(supplier="sales", customer="billing", uses=[Count, OrderPlaced])
    return System("shop", contexts=[sales, billing], relations=[related])


def counted(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> Counter[str]:
    """How often this function is called for each object."""
    found: Counter[str] = Counter()
    original: Callable[..., Any] = getattr(place, name)

    def count(one: Any, *others: Any, **named: Any) -> Any:
        found[getattr(one, "__qualname__", repr(one))] += 1
        return original(one, *others, **named)

    monkeypatch.setattr(place, name, count)
    return found


def test_a_check_reads_the_annotations_of_each_function_once(monkeypatch: pytest.MonkeyPatch) -> None:
    system, found = shop(), counted(monkeypatch, declared, "get_type_hints")
    assert not system.check()
    assert {function.rpartition(".")[2]: often for function, often in found.items()} == {
        "place": 1, "count": 1, "placed": 1, "bill": 1, "note": 1,
    }  # fmt: skip


def test_a_check_finds_once_what_each_handler_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    system, asked = shop(), counted(monkeypatch, declared, "injectable_of")
    assert not system.check()
    assert asked.total() == 4  # the dependencies of the four handlers


def test_a_check_describes_each_class_once(monkeypatch: pytest.MonkeyPatch) -> None:
    system, found = shop(), counted(monkeypatch, msgspec.inspect, "type_info")
    assert not system.check()
    often = {name: found[name] for name in ("Place", "Count", "Placed", "OrderPlaced", "Order", "Bill")}
    assert set(often.values()) == {1}, often


async def test_a_start_reads_the_annotations_of_each_function_as_often_as_there_are_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One pass checks the declarations, one assembles the process."""
    system, found = shop(), counted(monkeypatch, declared, "get_type_hints")
    async with system.connect(store="memory:"):
        pass
    assert max(found.values()) <= 2, found


def test_what_is_declared_after_a_check_is_seen_by_the_next_one() -> None:
    system = shop()
    assert not system.check()
    sales = system.contexts[0]

    @sales.react(Placed)
    async def late(event: Placed, orders: Repository[Count]) -> None: ...  # type: ignore[type-var]  # wrong on purpose

    assert [each.code for each in system.check()] != []
