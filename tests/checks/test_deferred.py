"""A handler that sends commands for later, or publishes events, is one that writes."""

from remit import Context, Events, Later
from tests.checks.shop import Count, OrderPlaced, Place, checked, only, place


def test_handler_of_a_query_sends_nothing_for_later() -> None:
    sales = Context("sales")
    sales.handle(Place)(place)

    @sales.answer(Count)
    async def counting(query: Count, later: Later[Place]) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "query.later"
    assert finding.what.startswith("counting answers Count and asks for Later[Place]: ")
    assert finding.next == "make Count a command, or remove Later[Place]"


def test_handler_of_a_query_publishes_no_events() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, events: Events[OrderPlaced]) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "query.events"
    assert finding.what.startswith("counting answers Count and asks for Events[OrderPlaced]: ")
