"""A publisher makes integration events of a domain event, and no two make the same one of it."""

from collections.abc import Callable
from typing import Any

import pytest

from remit import Clock, Context, Envelope
from tests.checks.shop import OrderPlaced, Paid, Placed, checked, only, untyped


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


def of_an_event_and_its_envelope(event: Placed, envelope: Envelope) -> OrderPlaced:
    return OrderPlaced(order=f"{event.order} {envelope.id}")


def of_an_event_and_the_time(event: Placed, clock: Clock) -> OrderPlaced:
    return OrderPlaced(order=f"{event.order} {clock.now()}")


def test_publisher_parameters() -> None:
    sales = Context("sales")
    sales.publish(Placed)(of_an_event_and_its_envelope)
    assert checked(sales) == []
    untyped(sales).publish(Placed)(of_an_event_and_the_time)
    assert [finding.code for finding in checked(sales)] == ["publisher.parameters", "publisher.doubled"]
