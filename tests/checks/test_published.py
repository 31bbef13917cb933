"""An integration event that somebody follows has a publisher in this system: of one version that is followed."""

import pytest

from remit import Context
from tests.checks import shop
from tests.checks.shop import Count, OrderPlaced, Place, checked, count, on_placed, only, place


def test_event_unpublished() -> None:
    billing = Context("billing")
    billing.react(OrderPlaced)(on_placed)
    finding = only(checked(billing))
    assert (finding.code, finding.expected) == ("event.unpublished", "a publisher that returns OrderPlaced")


def test_event_unpublished_by_its_own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "__context__", "sales", raising=False)
    sales, billing = Context("sales"), Context("billing")
    sales.handle(Place)(place)
    sales.answer(Count)(count)
    billing.react(OrderPlaced)(on_placed)
    finding = only(checked(sales, billing))
    assert finding.code == "event.unpublished"
    assert finding.next == "@sales.publish(<DomainEvent>) def ...(event) -> OrderPlaced"
