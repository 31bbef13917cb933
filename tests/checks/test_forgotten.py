"""A projection that stands in a module of a context is declared by a context."""

from __future__ import annotations

import pytest

from remit.errors import ModelError
from tests.checks.packages import Packages
from tests.checks.shop import only

HEAD = """
    from remit import *
    class Placed(DomainEvent):
        order: str
    class Order(Aggregate[str, Placed]): ...
    class Orders(Projection[str, Placed]):
        count: int = 0
        @staticmethod
        def key(event: Placed) -> str: return event.order
        def evolve(self, event: Placed) -> None: self.count += 1
    """
STALL = {
    "stall/__init__.py": "",
    "stall/sales/__init__.py": "",
    "stall/sales/views.py": HEAD,
    "stall/sales/handlers.py": "from remit import *\nfrom . import views\nsales = Context('sales')",
    "stall/system.py": """
        from remit import *
        from stall.sales.handlers import sales
        system = System("stall", contexts=[sales])
        """,
}


def test_projection_that_no_context_declares_is_found_with_its_line(packages: Packages) -> None:
    stall = packages.imported(STALL, "stall.system")
    finding = only(stall.system.check())
    assert finding.code == "projection.forgotten"
    assert finding.where == f"{packages.folder}/stall/sales/views.py:5"
    assert finding.expected == "one of: @sales.project"
    assert finding.next == "@sales.project above class Orders, or delete the class"
    with pytest.raises(ModelError, match=r"projection\.forgotten"):
        stall.system.model()


def test_owner_of_the_events_is_who_is_told_to_declare_it(packages: Packages) -> None:
    stall = packages.imported(
        {
            "stall.py": HEAD
            + """
    class Place(Command[None]): ...
    sales, stock = Context("sales"), Context("stock")
    @stock.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> None: ...
    system = System("stall", contexts=[sales, stock])
    """
        }
    )
    assert only(stall.system.check()).next.startswith("@stock.project ")


@pytest.mark.parametrize(
    "text",
    [
        "@sales.project\nclass Mine(views.Orders): ...",
        "sales.project(views.Orders)",
        "views.sales = Context('other')",
        "del views.Orders",
        "views.Orders.evolve = Projection.evolve",
    ],
    ids=["a base of another", "declared by a call", "a module of others", "gone", "not written"],
)
def test_what_is_declared_or_is_no_projection_of_its_own_is_not_found(packages: Packages, text: str) -> None:
    handlers = STALL["stall/sales/handlers.py"]
    stall = packages.imported(STALL | {"stall/sales/handlers.py": f"{handlers}\n{text}"}, "stall.system")
    if "Context" in text:  # as if that module had made it
        stall.sales.declared_in, packages.module("stall.sales.views").sales.declared_in = (
            "stall.sales.handlers", "stall.sales.views",
        )  # fmt: skip
    assert stall.system.check() == []


def test_projection_that_a_handler_asks_for_is_found_once(packages: Packages) -> None:
    handlers = """
        from remit import *
        from stall.sales.views import Orders
        sales = Context("sales")
        class Count(Query[int]): ...
        @sales.answer(Count)
        async def count(query: Count, orders: View[Orders]) -> int: return 1
        """
    stall = packages.imported(STALL | {"stall/sales/handlers.py": handlers}, "stall.system")
    assert only(stall.system.check()).code == "handler.dependency"


def test_context_that_a_function_makes_is_at_home_nowhere(packages: Packages) -> None:
    stall = packages.imported(
        {"stall.py": HEAD + "\n    def system() -> System: return System('stall', contexts=[Context('sales')])\n"}
    )
    assert stall.system().check() == []
