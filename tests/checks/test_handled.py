"""Every command and query has one handler: those of the modules in play, of the routes, of what is sent for later."""

import pytest

from remit import Command, Context, Later
from remit.checks import check
from remit.contexts import ContextMap
from remit.edges import HttpEdge
from tests.checks import shop
from tests.checks.packages import Packages
from tests.checks.shop import Count, Place, checked, count, only


class Pack(Command[None]): ...


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

    @sales.handle(Pack)
    async def packing(command: Pack, later: Later[Place]) -> None: ...

    finding = only(checked(sales))
    assert (finding.code, finding.what) == (
        "handler.missing",
        "Place is sent for later by packing and has no handler",
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


def test_handler_missing_for_what_another_context_of_the_system_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written there, and not by who sends."""
    monkeypatch.setattr(shop, "__context__", "sales", raising=False)
    sales, stock = Context("sales"), Context("stock")
    sales.answer(Count)(count)

    @stock.handle(Pack)
    async def packing(command: Pack, later: Later[Place]) -> None: ...

    assert only(checked(sales, stock)).next == "@sales.handle(Place)"
    (finding,) = (each for each in checked(stock) if each.code == "handler.missing")
    assert finding.next == "add its context 'sales' to System('shop', contexts=[...])"


def test_handler_missing_for_what_stands_beside_the_context(packages: Packages) -> None:
    stall = packages.imported(
        {
            "stall.py": """
                from remit import *
                class Ask(Query[int]): ...
                class Tell(Command[None]): ...
                class Base(Query[int]): ...
                class Asked(Base): ...
                sales, stock = Context("sales"), Context("stock")
                async def told(command: Tell) -> None: ...
                system = System("stall", contexts=[sales, stock])
                """
        }
    )
    ask, tell, asked = sorted(stall.system.check(), key=lambda finding: finding.where)
    assert [each.code for each in (ask, tell, asked)] == ["handler.missing"] * 3
    assert (ask.where, ask.what) == (f"{stall.__file__}:2", "Ask is defined in stall and has no handler")
    assert ask.next == "@<its context>.answer(Ask)"
    assert tell.next == f"@<its context>.handle(Tell) above told ({stall.__file__}:7)"
    assert asked.what.startswith("Asked ")


def test_nothing_is_missing_where_the_package_is_shared_with_who_is_not_here(packages: Packages) -> None:
    files = {
        "stall/__init__.py": "",
        "stall/api.py": "from remit import *\nclass Ask(Query[int]): ...\nclass Tell(Query[int]): ...",
        "stall/sales.py": """
            from remit import *
            from stall.api import Ask
            sales = Context("sales")
            @sales.answer(Ask)
            async def ask(query: Ask) -> int: return 1
            """,
        "stall/stock.py": "from remit import *\nfrom stall.api import Tell\nstock = Context('stock')",
        "stall/system.py": """
            from remit import *
            system = System("stall", contexts={"sales": "stall.sales:sales", "stock": "stall.stock:stock"})
            """,
    }
    system = packages.imported(files, "stall.system").system
    assert system.hosting(["sales"]).model().names == ("sales", "stock")
    assert [each.what.split()[0] for each in system.check()] == ["Tell"]
    alone = packages.module("stall.sales").sales
    assert checked(alone) == [], "the other one may handle it"
