"""What a function is bound to is a message of a kind that its role takes."""

from functools import partial
from typing import Any

import pytest

from remit import Context
from tests.checks.shop import (
    Count,
    Order,
    OrderPlaced,
    Place,
    Placed,
    checked,
    count,
    on_placed,
    only,
    place,
    placed,
    untyped,
)


@pytest.mark.parametrize(
    ("message", "next"),
    [
        (Placed, "@sales.react(Placed)"),
        (OrderPlaced, "@sales.react(OrderPlaced)"),
        (Count, "@sales.answer(Count)"),
        *[(each, "bind it to a message: a command, a query or an event") for each in (str, "Place", None)],
    ],
)
def test_handler_kind_of_a_command(message: Any, next: str) -> None:
    sales = Context("sales")
    sales.handle(message)(untyped(place))
    finding = only(checked(sales))
    assert (finding.code, finding.next) == ("handler.kind", next)


@pytest.mark.parametrize("message", [Placed, Place, int, None])
def test_handler_kind_of_a_query(message: Any) -> None:
    sales = Context("sales")
    sales.answer(message)(untyped(count))
    assert only(checked(sales)).code == "handler.kind"


@pytest.mark.parametrize("message", [Place, Count, Order, "Placed", None])
def test_handler_kind_of_a_reaction(message: Any) -> None:
    sales = Context("sales")
    sales.react(message)(untyped(on_placed))
    finding = next(finding for finding in checked(sales) if finding.code == "handler.kind")
    assert "cannot be bound as a reaction" in finding.what


def test_reaction_together() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    untyped(billing).react(OrderPlaced, together=True)(on_placed)
    finding = only(checked(sales, billing))
    assert (finding.code, finding.next) == ("reaction.together", "@billing.react(OrderPlaced)")


def test_publisher_source() -> None:
    sales = Context("sales")
    untyped(sales).publish(OrderPlaced)(placed)
    assert only(checked(sales)).code == "publisher.source"


def test_function_without_a_name_is_refused_where_it_is_bound() -> None:
    sales = untyped(Context("sales"))
    for decorator in (sales.handle(Place), sales.answer(Count), sales.react(OrderPlaced), sales.publish(Placed)):
        with pytest.raises(TypeError, match=r"Context\('sales'\) cannot bind functools.partial\(.* has no name"):
            decorator(partial(place))
