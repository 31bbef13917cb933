"""What handlers ask for beside their message is something that the context can give."""

from typing import Generic, TypeVar

from remit import Aggregate, Clock, Context, Repository, View
from tests.checks.shop import Count, Order, Orders, Paid, Placed, checked, only, paid, placed


def test_handler_dependency() -> None:
    sales, other = Context("sales"), Context("other")
    other.project(Orders)

    @sales.answer(Count)
    async def counting(query: Count, size: int, orders: View[Orders], prices: Repository[Placed]) -> int:  # type: ignore[type-var]  # the mistake
        return 1

    sales.publish(Placed)(placed)
    other.publish(Paid)(paid)
    findings = [finding for finding in checked(sales, other) if finding.code == "handler.dependency"]
    assert [finding.next for finding in findings] == [
        "sales.provide(int, <zero-argument callable>)",
        "@sales.project class Orders(Projection[...])",
        "Repository[<an aggregate>]",
    ]


def test_a_handler_takes_what_it_asks_for_by_position() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, *, clock: Clock) -> int:
        return 1

    finding = only(checked(sales))
    assert (finding.code, finding.what) == ("handler.parameters", "parameter 'clock' of counting is keyword-only")


def test_what_a_context_keeps_is_asked_for_through_its_port() -> None:
    sales = Context("sales")
    sales.project(Orders)

    @sales.answer(Count)
    async def counting(query: Count, order: Order, orders: Orders) -> int:
        return 1

    found = [each.next for each in checked(sales) if each.code == "handler.dependency"]
    assert found == ["order: Repository[Order]", "orders: View[Orders]"]


T = TypeVar("T")


class Shelf(Aggregate[str], Generic[T]): ...


def test_a_generic_aggregate_is_told_as_that() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, shelves: Repository[Shelf[int]]) -> int:
        return 1

    finding = next(each for each in checked(sales) if each.code == "handler.dependency")
    assert finding.next == "class MyShelf(Shelf[...]): ..., and shelves: Repository[MyShelf]"
