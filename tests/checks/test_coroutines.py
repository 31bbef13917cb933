"""What handles a message is an async function; a publisher, which runs inside of the transaction, is a plain one."""

from remit import Context
from tests.checks.shop import Count, OrderPlaced, Placed, checked, only, untyped


def test_handler_sync() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    @untyped
    def at_once(query: Count) -> int:
        return 1

    finding = only(checked(sales))
    assert (finding.code, finding.next) == ("handler.sync", "async def at_once(...)")


def test_publisher_async() -> None:
    sales = Context("sales")

    async def slow(event: Placed) -> OrderPlaced:
        return OrderPlaced(order=event.order)

    untyped(sales).publish(Placed)(slow)
    assert only(checked(sales)).code == "publisher.async"
