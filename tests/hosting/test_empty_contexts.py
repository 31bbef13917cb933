"""A context with nothing in it is placed or left out, and fresh answers do not wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from remit.errors import ModelError
from remit.hosting.assembly import placed_on
from remit.hosting.services import Replica, make_service
from remit.topology.file import read_topology
from tests.checks.packages import Packages
from tests.checks.shop import only
from tests.servers.ports import free_port

STALL = {
    "stall/__init__.py": "",
    "stall/api.py": """
        __context__ = "sales"
        from remit import *
        class Place(Command[None]):
            order: str
        class Sold(IntegrationEvent):
            order: str
        """,
    "stall/sales.py": """
        from remit import *
        from stall.api import Place, Sold
        class Placed(DomainEvent):
            order: str
        class Order(Aggregate[str, Placed]): ...
        sales = Context("sales")
        @sales.handle(Place)
        async def place(command: Place, orders: Repository[Order]) -> None:
            (await orders.obtain(command.order)).record(Placed(order=command.order))
        @sales.publish(Placed)
        def sold(event: Placed) -> Sold: return Sold(order=event.order)
        """,
    "stall/stock.py": """
        __context__ = "stock"
        from remit import *
        from stall.api import Sold
        class Count(Query[int]): ...
        class Tally(Aggregate[str]):
            count: int = 0
        stock = Context("stock")
        @stock.react(Sold)
        async def on_sold(event: Sold, tallies: Repository[Tally]) -> None:
            (await tallies.obtain("all")).count += 1
        @stock.answer(Count)
        async def count(query: Count, tallies: Repository[Tally]) -> int:
            found = await tallies.find("all")
            return found.count if found else 0
        """,
    "stall/empty.py": "from remit import *\nempty = Context('empty')\n",
    "stall/system.py": """
        from remit import *
        places = {name: f"stall.{name}:{name}" for name in ("sales", "stock", "empty")}
        stall = System("stall", contexts=places)
        """,
}
FILE = """
system = "stall.system:stall"
[stores]
default = "sqlite:data/{{context}}.db"
[channels]
calls = "http"
[services.a]
runs = ["sales"]
calls = "127.0.0.1:{}"
[services.b]
runs = ["stock"{}]
calls = "127.0.0.1:{}"
"""
ALONE = '[services.c]\nruns = ["empty"]\ncalls = "127.0.0.1:{}"\n'


def topology(packages: Packages, also: str = "", more: str = "") -> str:
    """The path of a file with two services, and what more there is."""
    packages.write({"stall.toml": FILE.format(free_port(), also, free_port()) + more})
    return str(packages.folder / "stall.toml")


def shop_of(packages: Packages, files: Mapping[str, str] = STALL) -> tuple[Any, Any, Any]:
    """The system, an order for it, and the question how many there are."""
    system = packages.imported(files, "stall.system").stall
    return system, packages.module("stall.api").Place(order="o-1"), packages.module("stall.stock").Count()


async def fresh_count(packages: Packages, file: str, files: Mapping[str, str] = STALL) -> Any:
    """What is counted when every service of a topology runs here and an order was placed."""
    system, place, count = shop_of(packages, files)
    read = read_topology(file)
    async with AsyncExitStack() as stack:
        for name in read.services:
            host = make_service(read, Replica(name, 0)).host
            await host.start()
            stack.push_async_callback(host.stop)
        app = await stack.enter_async_context(system.connect(topology=file))
        await app.send(place)
        return await app.ask(count, fresh=True, deadline=5.0)


@pytest.mark.parametrize("way", ["beside", "left out", "alone"])
async def test_empty_context_keeps_nobody_from_a_fresh_answer(packages: Packages, way: str) -> None:
    also, more = ', "empty"' if way == "beside" else "", ALONE.format(free_port()) if way == "alone" else ""
    assert await fresh_count(packages, topology(packages, also, more)) == 1


async def test_empty_context_is_legal_in_one_process(packages: Packages) -> None:
    system, place, count = shop_of(packages)
    assert (system.check(), [note.code for note in system.check().notes]) == ([], ["relation.none"])
    async with system.connect(store="memory:") as app:
        await app.send(place)
        assert await app.ask(count, fresh=True) == 1


async def test_edge_alone_keeps_nobody_from_a_fresh_answer(packages: Packages) -> None:
    """Its context has no log that anybody serves."""
    gate = {
        "stall/gate.py": """
        from remit.edges import HttpEdge
        from stall.api import Place
        edge = HttpEdge("empty")
        edge.post("/orders", Place)
        """,
        "stall/system.py": STALL["stall/system.py"].replace("places)", 'places, edges={"empty": "stall.gate:edge"})'),
    }
    web = f'[services.c]\nruns = ["empty.edge"]\nhttp = "127.0.0.1:{free_port()}"\n'
    assert await fresh_count(packages, topology(packages, more=web), STALL | gate) == 1


def test_context_that_is_left_out_and_not_empty_is_refused_by_each_service(packages: Packages) -> None:
    full = (
        STALL["stall/empty.py"]
        + "class Ask(Query[int]): ...\n@empty.answer(Ask)\nasync def a(query: Ask) -> int: ...\n"
    )
    system = packages.imported(STALL | {"stall/empty.py": full}, "stall.system").stall
    file = read_topology(topology(packages))
    with pytest.raises(ModelError) as raised:
        make_service(file, Replica("a", 0))
    assert only(raised.value.findings).code == "topology.unplaced"
    with pytest.raises(ModelError):
        placed_on(file, system.hosting().model())
