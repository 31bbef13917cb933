"""The rules report everything that does not hold, at once: each finding has a code, a place and a next step."""

import pytest

from remit import Aggregate, Context, Repository, System
from remit.edges import HttpEdge
from remit.errors import ModelError
from remit.relations import OpenHost
from tests.checks.shop import (
    Count,
    OrderPaid,
    OrderPlaced,
    Paid,
    Place,
    Placed,
    checked,
    on_placed,
    paid,
    placed,
    untyped,
)
from tests.typing import programs

EVENTS = ["SalesEvent", "Packed", "Weighed", "Sent", "Lost", "Found", "Brought", "Opened", "Kept"]


def test_a_whole_system_has_no_finding() -> None:
    assert programs.shop.check() == []
    assert {(contract.type, contract.version) for contract in programs.shop.model().contracts.values()} == {
        ("sales.place", 2),
        ("sales.CancelOrder", 1),
        ("sales.Reserve", 1),
        ("sales.Release", 1),
        ("sales.Left", 1),
        ("sales.OrdersOf", 1),
        ("sales.OpenOf", 1),
        ("billing.Split", 1),
        ("sales.Placed", 1),
        ("sales.Cancelled", 1),
        ("sales.OrderPlaced", 1),
        ("sales.OrderCancelled", 1),
        ("sales.OrderDropped", 1),
        ("billing.Owed", 1),
        *((f"sales.{name}", 1) for name in EVENTS),
    }


def test_several_contexts_may_react_to_one_event_and_one_function_to_several() -> None:
    sales, one, other = Context("sales"), Context("one"), Context("other")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    one.react(OrderPlaced)(on_placed)

    async def on_either(event: OrderPlaced | OrderPaid) -> None: ...

    other.react(OrderPlaced, OrderPaid)(on_either)
    assert checked(sales, one, other) == []


def test_each_finding_is_reported_once() -> None:
    """What cannot be read or stored is the business of one check alone."""

    class Odd(Aggregate[str]):
        place: complex = 0j

    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, odd: Repository[Odd]) -> int:
        return 1

    with pytest.raises(ModelError) as caught:
        System("shop", contexts=[sales]).model()
    assert [finding.code for finding in caught.value.findings] == ["message.not-encodable"]


def test_all_findings_are_raised_together() -> None:
    sales = Context("Sales")
    sales_edge = HttpEdge(sales)
    sales_edge.get("/count", Count)
    sales.react(untyped(Place))(untyped(on_placed))
    system = System("shop", contexts=[sales], edges=[sales_edge], relations=[OpenHost(Context("stranger"))])
    with pytest.raises(ModelError) as caught:
        system.model()
    codes = {finding.code for finding in caught.value.findings}
    assert codes == {"context.name", "relation.unknown-context", "handler.kind", "handler.missing"}
    text = str(caught.value)
    assert all(code in text for code in codes)
    assert "\n  Expected: " in text
    assert "\n  Next: @Sales.answer(Count)" in text
