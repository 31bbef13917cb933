"""One aggregate is written for one message."""

from __future__ import annotations

from remit import Aggregate, Command, Context, DomainEvent, Repository
from remit.checks import check
from remit.contexts import ContextMap


class Done(DomainEvent):
    id: str


class Order(Aggregate[str, Done]): ...


class Bill(Aggregate[str, Done]): ...


class Go(Command[None]): ...


def codes(context: Context[DomainEvent]) -> list[str]:
    return [each.code for each in check(ContextMap(name="shop", contexts=(context,))).notes]


def test_a_handler_that_adds_aggregates_of_two_classes_is_noted() -> None:
    sales = Context("sales")

    @sales.handle(Go)
    async def go(command: Go, orders: Repository[Order], bills: Repository[Bill]) -> None:
        orders.add(Order(id="1"))
        bills.add(Bill(id="1"))

    assert "handler.two-aggregates" in codes(sales)


def test_a_handler_that_reads_one_aggregate_and_adds_another_is_not_noted() -> None:
    sales = Context("sales")

    @sales.handle(Go)
    async def go(command: Go, orders: Repository[Order], bills: Repository[Bill]) -> None:
        await orders.get("1")
        bills.add(Bill(id="1"))

    assert "handler.two-aggregates" not in codes(sales)
