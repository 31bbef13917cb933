"""Three services with key pairs: a shop asks a store for goods, and an office follows the shop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from learning.process import ports
from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Later, Query, Repository, Sender, System
from remit.hosting.granting import granted
from remit.hosting.services import Replica, make_service
from remit.messages.component import Component
from remit.observability import CallTurnedAway
from remit.relations import CustomerSupplier
from remit.runtime import Host
from remit.topology.file import Topology, read_topology
from remit.topology.grants import grants_text
from remit.topology.placement import place
from remit.topology.shapes import shapes_of
from remit.transports import OUTSIDE, CallRequest, CallResponse
from remit.transports.http.calls import HttpCalls
from remit.transports.http.keys import Keys, Peer, new_pair

sales, stock, billing = Context("sales"), Context("stock"), Context("billing")


class Reserve(Command[int]):
    item: str


class Destroy(Command[int]):
    item: str


class Restock(Command[None]):
    item: str


class Restocked(Query[int]):
    item: str


class Left(Query[int]):
    item: str


class Order(Command[int]):
    item: str


class Ordered(DomainEvent):
    item: str


class OrderPlaced(IntegrationEvent, key="item"):
    item: str


class Noted(DomainEvent):
    item: str
    patient: str


class CaseNoted(IntegrationEvent, key="item"):
    """An event that nobody follows."""

    item: str
    patient: str


class Owed(Query[int]):
    item: str


class Shelf(Aggregate[str]):
    reserved: int = 0
    restocked: int = 0


class Cart(Aggregate[str, Ordered | Noted]):
    pass


class Account(Aggregate[str]):
    owed: int = 0


@stock.handle(Reserve)
async def reserve(command: Reserve, shelves: Repository[Shelf]) -> int:
    shelf = await shelves.obtain(command.item)
    shelf.reserved += 1
    return shelf.reserved


@stock.handle(Destroy)
async def destroy(command: Destroy, shelves: Repository[Shelf]) -> int:
    (await shelves.obtain(command.item)).reserved = 0
    return 0


@stock.handle(Restock)
async def restock(command: Restock, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(command.item)).restocked += 1


@stock.answer(Restocked)
async def restocked(query: Restocked, shelves: Repository[Shelf]) -> int:
    shelf = await shelves.find(query.item)
    return shelf.restocked if shelf else 0


@stock.answer(Left)
async def left(query: Left, shelves: Repository[Shelf]) -> int:
    shelf = await shelves.find(query.item)
    return 10 - (shelf.reserved if shelf else 0)


@sales.handle(Order)
async def order(command: Order, carts: Repository[Cart], sender: Sender, later: Later[Restock]) -> int:
    reserved = await sender.send(Reserve(item=command.item))
    cart = await carts.obtain(command.item)
    cart.record(Noted(item=command.item, patient="ada"))
    cart.record(Ordered(item=command.item))
    later.send(Restock(item=command.item))
    return reserved + await sender.ask(Left(item=command.item))


sales.publish_as(Ordered, OrderPlaced)
sales.publish_as(Noted, CaseNoted)


@billing.react(OrderPlaced)
async def charge(event: OrderPlaced, accounts: Repository[Account]) -> None:
    (await accounts.obtain(event.item)).owed += 1


@billing.answer(Owed)
async def owed(query: Owed, accounts: Repository[Account]) -> int:
    account = await accounts.find(query.item)
    return account.owed if account else 0


system = System(
    "guarded",
    contexts=[sales, stock, billing],
    relations=[
        CustomerSupplier(supplier=stock, customer=sales, uses=[Reserve, Restock, Left]),
        CustomerSupplier(supplier=sales, customer=billing, uses=[OrderPlaced]),
    ],
)
RUNS = {"shop": "sales", "store": "stock", "office": "billing"}
PAIRS = {name: new_pair() for name in (*RUNS, "outside")}


def topology_text() -> str:
    services = "".join(
        f'[services.{name}]\nruns = ["{context}"]\ncalls = "127.0.0.1:{ports.free()}"\n'
        f'key = "{PAIRS[name].private}"\npublic = "{PAIRS[name].public}"\n'
        for name, context in RUNS.items()
    )
    outside = PAIRS["outside"]
    return (
        f'system = "{__name__}:system"\n[channels]\n'
        f'calls = {{ url = "http", key = "{outside.private}", public = "{outside.public}" }}\n{services}'
    )


class Guarded:
    """The services, running in this process; and what somebody can do who has taken one over."""

    def __init__(self, topology: Topology, stack: AsyncExitStack) -> None:
        self.topology = topology
        self.hosts: dict[str, Host] = {}
        self.turned_away: list[CallTurnedAway] = []
        self._stack = stack

    async def start(self, name: str) -> None:
        def hear(event: CallTurnedAway) -> None:
            self.turned_away.append(event)

        host = make_service(self.topology, Replica(name, 0), [hear]).host
        self.hosts[name] = host
        self._stack.push_async_callback(host.stop)
        await host.start()

    async def call(self, by: str, address: str, request: CallRequest) -> CallResponse:
        """Makes a call with the key of a service that was taken over."""
        receiver = next(name for name, context in RUNS.items() if Component.read(address).context == context)
        service = self.topology.services[receiver]
        place = str(service.calls)
        keys = Keys(OUTSIDE if by == "outside" else by, PAIRS[by].private, _Nothing())
        channel = HttpCalls({address: [place]}, keys=keys, peers={place: Peer(receiver, PAIRS[receiver].public)})
        await channel.open()
        try:
            return await channel.call(address, request, 5.0)
        finally:
            await channel.close()


class _Nothing:
    def of(self, service: str) -> None:
        return None

    def renew(self) -> bool:
        return False


@asynccontextmanager
async def guarded(folder: Path) -> AsyncGenerator[Guarded]:
    """The three services, started."""
    file = folder / "guarded.toml"
    file.write_text(topology_text())
    topology = read_topology(file)
    write_grants(topology)
    async with AsyncExitStack() as stack:
        made = Guarded(topology, stack)
        await asyncio.gather(*map(made.start, RUNS))
        yield made


def write_grants(topology: Topology, of: System = system) -> dict[str, Any]:
    """What `remit plan FILE --grants` prints, in the file."""
    model = of.model()
    grants = granted(of, model, place(topology, shapes_of(model)))
    Path(topology.where).with_suffix(".grants.json").write_text(grants_text(grants))
    return grants
