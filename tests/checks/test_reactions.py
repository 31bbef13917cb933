"""No two reactions of a context to one event share a name."""

from remit import Context
from tests.checks.shop import OrderPlaced, Placed, checked, on_placed, only, placed


def test_reaction_doubled() -> None:
    sales, billing = Context("sales"), Context("billing")
    sales.publish(Placed)(placed)
    billing.react(OrderPlaced)(on_placed)
    billing.react(OrderPlaced)(on_placed)
    assert only(checked(sales, billing)).code == "reaction.doubled"
