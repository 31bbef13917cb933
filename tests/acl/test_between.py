"""An anti-corruption layer between two contexts, in a process of its own beside the rest of both."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from remit import Aggregate, Command, Context, Events, IntegrationEvent, Later, Query, Repository, System
from remit.hosting.assembly import assemble_service, placed_on
from remit.relations import AntiCorruptionLayer
from remit.runtime import Host
from remit.topology.file import parse_topology
from tests.servers.ports import free_port


class Order(Command[None]):
    id: str


class Ordered(IntegrationEvent, key="order"):
    order: str


class Bill(Command[None]):
    order: str


class Billed(Query[int]):
    order: str


class Account(Aggregate[str]):
    bills: int = 0


orders, billing = Context("orders"), Context("billing")


@orders.handle(Order)
async def order(command: Order, events: Events[Ordered]) -> None:
    events.publish(Ordered(order=command.id))


@billing.react(Ordered)
async def on_ordered(event: Ordered, later: Later[Bill]) -> None:
    later.send(Bill(order=event.order))


@billing.handle(Bill)
async def bill(command: Bill, accounts: Repository[Account]) -> None:
    (await accounts.obtain(command.order)).bills += 1


@billing.answer(Billed)
async def billed(query: Billed, accounts: Repository[Account]) -> int:
    found = await accounts.find(query.order)
    return found.bills if found else 0


layer = AntiCorruptionLayer(upstream=orders, downstream=billing, module=__name__)
system = System("shop", contexts=[orders, billing], relations=[layer])
TOPOLOGY = """
system = "tests.acl.test_between:system"
[stores]
default = "sqlite:data/{{context}}.db"
[channels]
calls = "http"
[services.layer]
runs = ["billing.acl"]
calls = "127.0.0.1:{}"
[services.rest]
runs = ["orders", "billing.write", "billing.read"]
calls = "127.0.0.1:{}"
"""


async def test_layer_translates_what_another_process_publishes(tmp_path: Path) -> None:
    topology = parse_topology(TOPOLOGY.format(free_port(), free_port()), "shop.toml", tmp_path, {})
    model = system.model()
    placement = placed_on(topology, model)
    async with AsyncExitStack() as running:
        hosts: dict[str, Host] = {}
        for name, placed in placement.services.items():
            host = hosts[name] = assemble_service(model, placement, placed)
            running.push_async_callback(host.stop)
            await host.start()
        assert [each.name for each in hosts["layer"].subscriptions] == ["billing.on_ordered"]
        assert [each.name for each in hosts["rest"].subscriptions] == ["billing.commands"]
        await hosts["rest"].send(Order(id="o-1"))
        assert await hosts["rest"].ask(Billed(order="o-1"), fresh=True) == 1
