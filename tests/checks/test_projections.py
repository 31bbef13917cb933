"""A projection belongs to one context, has a name that no aggregate has, says its key and events, and folds."""

from typing import Any

import pytest

from remit import Context, Projection
from tests.checks.shop import Order, Orders, Paid, Place, Placed, checked, followed, only, paid, place, placed, untyped


def test_projection_kind() -> None:
    sales = Context("sales")
    untyped(sales).project(Order)
    assert only(checked(sales)).code == "projection.kind"


def test_projection_doubled() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    sales.publish(Paid)(paid)
    sales.project(Orders)
    sales.project(Orders)
    assert only(checked(sales, billing)).code == "projection.doubled"


def test_projection_same_name() -> None:
    def another() -> Any:
        class Counted(Projection[str, Placed]):
            key = Orders.key
            evolve = Orders.evolve

        return Counted

    sales = Context("sales")
    sales.project(another())
    sales.project(another())
    assert only(checked(sales)).code == "projection.same-name"


def test_projection_same_name_as_an_aggregate() -> None:
    """Both would be stored under it, each in place of the other."""

    class Kept(Projection[str, Placed]):
        key = Orders.key
        evolve = Orders.evolve

    Kept.__name__ = "Order"
    sales, _ = followed()
    sales.handle(Place)(place)
    sales.project(Kept)
    finding = next(finding for finding in checked(sales) if finding.code == "projection.same-name")
    assert "share the name Order" in finding.what


def test_projection_defaults() -> None:
    class Counted(Projection[str, Placed]):
        first: str
        amount: int = 0
        last: str

        key = Orders.key
        evolve = Orders.evolve

    sales = Context("sales")
    sales.project(untyped(Counted))
    finding = only(checked(sales))
    assert (finding.code, finding.what) == ("projection.defaults", "Counted has fields without a default: first, last")


@pytest.mark.parametrize("base", [Projection, Projection[str, Order], Projection[str, Placed | int]])
def test_projection_events(base: Any) -> None:
    class Counted(base):  # type: ignore[misc]  # the base is the point of the test
        key = Orders.key
        evolve = Orders.evolve

    sales = Context("sales")
    sales.project(Counted)
    assert only(checked(sales)).code == "projection.events"


def test_projection_incomplete() -> None:
    class Counted(Projection[str, Placed]): ...

    sales = Context("sales")
    sales.project(Counted)
    assert [(found.code, found.what) for found in checked(sales)] == [
        ("projection.incomplete", "Counted has no `key`"),
        ("projection.incomplete", "Counted has no `evolve`"),
    ]
