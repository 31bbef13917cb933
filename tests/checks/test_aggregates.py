"""An aggregate belongs to one context, and its class name names it within that context."""

from typing import Any

from remit import Aggregate, Command, Context, Repository
from tests.checks.shop import Count, Place, checked, only, place, untyped


def test_aggregate_shared() -> None:
    class PlaceAgain(Command[str]):
        order: str

    sales, billing = Context("sales"), Context("billing")
    sales.handle(Place)(place)

    @billing.handle(PlaceAgain)
    async def place_again(command: PlaceAgain, accounts: Repository[Unsaid]) -> str:
        return command.order

    @sales.answer(Count)
    async def counting(query: Count, accounts: Repository[Unsaid]) -> int:
        return 1

    finding = only(checked(sales, billing))
    assert finding.code == "aggregate.shared"
    assert finding.what == "Unsaid is used by context 'sales' and by context 'billing'"


class Unsaid(Aggregate[str]):
    """Says nothing of the events it records."""


def test_aggregate_same_name() -> None:
    def another() -> Any:
        class Order(Aggregate[str]): ...

        return Order

    sales = Context("sales")
    sales.handle(Place)(place)

    async def counting(query: Count, orders: object) -> int:
        return 1

    repository: Any = Repository
    counting.__annotations__["orders"] = repository[another()]
    sales.answer(Count)(untyped(counting))
    assert only(checked(sales)).code == "aggregate.same-name"
