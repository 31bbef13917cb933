"""The first parameter of a function takes the message it is bound to, and is annotated with it or with a base of it."""

from typing import Any

from remit import Context, DomainEvent
from tests.checks.shop import Count, OrderPlaced, Place, Placed, checked, only, paid, untyped


def test_a_handler_may_take_a_base_of_its_message() -> None:
    sales = Context("sales")

    @sales.react(Placed)
    async def audit(event: DomainEvent) -> None: ...

    assert checked(sales) == []


def test_handler_annotation() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def lost(query: Count, clock: "Nowhere") -> int:  # type: ignore[name-defined]  # noqa: F821  # the mistake
        return 1

    finding = only(checked(sales))
    assert finding.code == "handler.annotation"
    assert "name 'Nowhere' is not defined" in finding.what
    assert "test_signatures.py:" in finding.where


def test_handler_parameters() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    @untyped
    async def nothing(*, query: Count) -> int:
        return 1

    assert only(checked(sales)).code == "handler.parameters"


def test_handler_message() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    @untyped
    async def of_another(query: Place) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "handler.message"
    assert finding.what == "of_another is bound to Count, and its parameter 'query' takes Place"


def test_an_annotation_may_be_left_out() -> None:
    sales = Context("sales")

    async def loose(query: Any) -> int:
        return 1

    del loose.__annotations__["query"]
    sales.answer(Count)(loose)
    assert checked(sales) == []


def test_publisher_annotation() -> None:
    sales = Context("sales")

    @sales.publish(Placed)
    def lost(event: Placed) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821  # the mistake
        return OrderPlaced(order=event.order)

    assert only(checked(sales)).code == "publisher.annotation"


def test_publisher_parameters() -> None:
    sales = Context("sales")

    def nothing() -> OrderPlaced:
        return OrderPlaced(order="o")

    untyped(sales).publish(Placed)(nothing)
    assert only(checked(sales)).code == "publisher.parameters"


def test_publisher_message() -> None:
    sales = Context("sales")
    untyped(sales).publish(Placed)(paid)
    assert only(checked(sales)).code == "publisher.message"
