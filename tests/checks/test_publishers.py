"""A publisher makes integration events of a domain event, and no two make the same one of it."""

from collections.abc import Callable
from typing import Any

import pytest

from remit import Context
from tests.checks.shop import OrderPlaced, Paid, Placed, checked, only


def made_of_nothing(event: Placed) -> None: ...


def made_of_a_domain_event(event: Placed) -> OrderPlaced | Paid: ...  # type: ignore[empty-body]  # never called


def made_of_something(event: Placed):  # type: ignore[no-untyped-def]  # the missing annotation is the point
    return OrderPlaced(order=event.order)


def made_of_many(event: Placed) -> list[OrderPlaced]:
    return [OrderPlaced(order=event.order)]


@pytest.mark.parametrize("publisher", [made_of_nothing, made_of_a_domain_event, made_of_something, made_of_many])
def test_publisher_result(publisher: Callable[..., Any]) -> None:
    sales = Context("sales")
    sales.publish(Placed)(publisher)
    assert only(checked(sales)).code == "publisher.result"
