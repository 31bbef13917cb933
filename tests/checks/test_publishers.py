"""A publisher makes integration events of a domain event, and no two make the same one of it."""

from collections.abc import Callable
from typing import Annotated, Any, NewType

import pytest
from msgspec import Meta

from remit import Clock, Context, DomainEvent, Envelope, IntegrationEvent
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


OrderId = NewType("OrderId", str)


class Shipped(DomainEvent):
    order: OrderId
    lines: list[int]
    weight: int
    note: str | None
    secret: str


class Shipment(IntegrationEvent):
    order: str
    lines: list[int]
    weight: int | None
    note: str | None
    carrier: str = "post"


class BadShipment(IntegrationEvent):
    order: int
    lines: list[str]
    note: str
    carrier: str


def test_an_event_is_published_with_the_fields_of_another_by_name() -> None:
    sales = Context("sales")
    sales.publish_as(Shipped, Shipment)
    assert checked(sales) == []
    (publisher,) = sales.publishers
    shipped = Shipped(order=OrderId("o-1"), lines=[1], weight=3, note=None, secret="s")  # a field of ours
    assert publisher.function(shipped) == Shipment(order="o-1", lines=[1], weight=3, note=None)


def test_publisher_field() -> None:
    sales = Context("sales")
    sales.publish_as(Shipped, BadShipment)
    findings = checked(sales)
    assert [each.code for each in findings] == ["publisher.field"] * 4
    assert [each.what.partition(",")[2] for each in findings] == [
        " and Shipped has OrderId",
        " and Shipped has list[int]",
        " and Shipped has str | None",
        " and Shipped has no such field",
    ]
    assert all("test_publishers.py:" in each.where for each in findings)


class Weighed(DomainEvent):
    order: str
    exact: bool
    grams: int


class Weight(IntegrationEvent):
    order: str
    exact: int
    grams: float


def test_field_with_a_value_that_the_integration_event_would_refuse_is_a_finding() -> None:
    """A type checker takes a bool for an int, and an int for a float. The codec does not take all of these values."""
    sales = Context("sales")
    sales.publish_as(Weighed, Weight)
    assert [(each.code, each.what) for each in checked(sales)] == [
        ("publisher.field", "Weight.exact is int, and Weighed has bool"),
        ("publisher.field", "Weight.grams is float, and Weighed has int"),
    ]
    assert checked(sales)[1].next == (
        "Weighed.grams: Annotated[int, Meta(ge=-(2**53), le=2**53)], because a float holds every whole number only up"
        " to 2**53; or @context.publish(Weighed) def ...(event: Weighed) -> Weight, with float(event.grams)"
    )
    assert "float(" not in checked(sales)[0].next


class BoundedWeighed(DomainEvent):
    order: str
    exact: int
    grams: Annotated[int, Meta(ge=-(2**53), le=2**53)]


def test_whole_number_with_bounds_that_a_float_holds_is_published_as_a_float() -> None:
    sales = Context("sales")
    sales.publish_as(BoundedWeighed, Weight)
    assert checked(sales) == []


def test_what_is_published_as_no_integration_event_is_refused() -> None:
    sales = Context("sales")
    sales.publish_as(Shipped, Placed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake
    assert only(checked(sales)).code == "publisher.result"
