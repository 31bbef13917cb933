"""No two reactions and projections of a context share a name, and none takes that of the built-in subscription."""

from collections.abc import Callable
from typing import Any

import pytest

from remit import Context, Projection
from tests.checks.shop import OrderPaid, OrderPlaced, Orders, Placed, checked, followed, on_placed, only, untyped


def named(name: str, function: Any) -> Any:
    """The function under another name."""
    function.__name__ = function.__qualname__ = name
    return function


async def on_paid(event: OrderPaid) -> None: ...


def test_subscription_same_name_of_reactions_to_different_events() -> None:
    async def once_paid(event: OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPlaced)(on_placed)
    billing.react(OrderPaid)(named("on_placed", once_paid))
    finding = only(checked(sales, billing))
    assert finding.code == "subscription.same-name"
    assert "both named on_placed" in finding.what


def test_subscription_same_name_of_a_reaction_and_a_projection() -> None:
    async def reaction(event: OrderPaid) -> None: ...

    sales, billing = followed()
    untyped(sales).react(OrderPaid)(named("Orders", reaction))
    sales.project(Orders)
    finding = only(checked(sales, billing))
    assert (finding.code, finding.next[:18]) == ("subscription.same-name", "rename one of them")


def test_two_reactions_of_one_name_to_some_of_the_same_events_are_told_of_once() -> None:
    async def either(event: OrderPlaced | OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPlaced, OrderPaid)(named("on_placed", either))
    billing.react(OrderPlaced)(on_placed)
    assert only(checked(sales, billing)).code == "reaction.doubled"


def test_one_reaction_to_several_events_has_one_name() -> None:
    async def either(event: OrderPlaced | OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPlaced, OrderPaid)(either)
    assert checked(sales, billing) == []


def test_contexts_may_have_reactions_of_one_name() -> None:
    sales, billing = followed()
    for context in (sales, billing):
        context.react(OrderPaid)(on_paid)
    assert checked(sales, billing) == []


def test_subscription_reserved_of_a_reaction() -> None:
    async def reaction(event: OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPaid)(named("commands", reaction))
    finding = only(checked(sales, billing))
    assert (finding.code, finding.expected) == ("subscription.reserved", "any other name than 'commands'")


def test_subscription_reserved_of_a_projection() -> None:
    class Kept(Projection[str, Placed]):
        key = Orders.key
        evolve = Orders.evolve

    Kept.__name__ = "commands"
    sales = Context("sales")
    sales.project(Kept)
    assert only(checked(sales)).code == "subscription.reserved"


def bound_twice(billing: Context[Any]) -> None:
    async def either(event: OrderPlaced | OrderPaid) -> None: ...

    billing.react(OrderPlaced, begins="now")(either)
    billing.react(OrderPaid)(either)


def policy(billing: Context[Any]) -> None:
    @billing.policy
    class Either:
        @billing.react(OrderPlaced, begins="now")
        async def one(self, event: OrderPlaced) -> None: ...

        @billing.react(OrderPaid)
        async def other(self, event: OrderPaid) -> None: ...


@pytest.mark.parametrize("declare", [bound_twice, policy])
def test_one_reaction_to_events_that_begin_at_different_places(declare: Callable[[Context[Any]], None]) -> None:
    sales, billing = followed()
    declare(billing)
    finding = only(checked(sales, billing))
    assert finding.code == "subscription.begins-differ"
    assert "OrderPlaced with begins='now' and OrderPaid without begins" in finding.what


def test_one_reaction_may_begin_at_one_place_by_several_declarations() -> None:
    async def either(event: OrderPlaced | OrderPaid) -> None: ...

    sales, billing = followed()
    billing.react(OrderPlaced, begins="now")(either)
    billing.react(OrderPaid, begins="now")(either)
    assert checked(sales, billing) == []


def test_one_reaction_may_begin_at_different_places_of_different_logs() -> None:
    async def either(event: Placed | OrderPaid) -> None: ...

    sales, billing = followed()
    sales.react(Placed, begins="now")(either)
    sales.react(OrderPaid)(either)
    assert checked(sales, billing) == []
