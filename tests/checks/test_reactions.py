"""No two reactions of a context to one event share a name."""

from dataclasses import replace

from remit import Context
from remit.contexts import REACTION, Handler
from tests.checks.shop import OrderPlaced, Placed, checked, on_placed, only, placed


def test_reaction_doubled() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    billing.react(OrderPlaced)(on_placed)
    billing.react(OrderPlaced)(on_placed)
    assert only(checked(sales, billing)).code == "reaction.doubled"


def test_what_follows_in_a_role_of_its_own_is_held_to_the_same() -> None:
    watch = replace(REACTION, name="watch")
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    billing.bound += [Handler(watch, OrderPlaced, on_placed)] * 2
    assert only(checked(sales, billing)).code == "reaction.doubled"
