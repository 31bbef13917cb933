"""Every command and query has one handler: those of the modules in play, of the routes, of what is sent for later."""

import pytest

from remit import Context, Later
from remit.checks import check
from remit.contexts import ContextMap
from remit.edges import HttpEdge
from tests.checks import shop
from tests.checks.shop import Count, Place, checked, count, only


def test_handler_doubled() -> None:
    sales = Context("sales")
    sales.answer(Count)(count)

    @sales.answer(Count)
    async def again(query: Count) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "handler.doubled"
    assert "count (" in finding.what
    assert finding.what.endswith("and again")


def test_handler_missing_for_a_route() -> None:
    sales = Context("sales")
    sales_edge = HttpEdge(sales)
    sales_edge.get("/count", Count)
    finding = only(check(ContextMap(name="shop", contexts=(sales,), edges=(sales_edge,))))
    assert (finding.code, finding.where, finding.next) == ("handler.missing", "GET /count", "@sales.answer(Count)")


def test_handler_missing_for_what_is_sent_later() -> None:
    sales = Context("sales")

    @sales.answer(Count)
    async def counting(query: Count, later: Later[Place]) -> int:
        return 1

    finding = only(checked(sales))
    assert (finding.code, finding.what) == (
        "handler.missing",
        "Place is sent for later by counting and has no handler",
    )


def test_handler_missing_for_a_message_of_the_published_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "__context__", "sales", raising=False)
    sales = Context("sales")
    sales.answer(Count)(count)
    finding = only(checked(sales))
    assert (finding.code, finding.what) == (
        "handler.missing",
        "Place belongs to context 'sales' and has no handler",
    )
    assert finding.next == "@sales.handle(Place)"
