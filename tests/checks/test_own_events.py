"""A domain event that a function is bound to is one of the context's own, where the context names a base for these."""

from remit import Context, DomainEvent
from tests.checks.shop import Placed, checked, only, placed, untyped


def test_event_foreign() -> None:
    class SalesEvent(DomainEvent): ...

    sales = Context("sales", events=SalesEvent)

    @sales.react(untyped(Placed))
    async def on_foreign(event: Placed) -> None: ...

    finding = only(checked(sales))
    assert (finding.code, finding.expected) == ("event.foreign", "a subclass of SalesEvent, or an integration event")
    untyped(sales).publish(Placed)(placed)
    assert [found.code for found in checked(sales)] == ["event.foreign", "event.foreign"]
