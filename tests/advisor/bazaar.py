"""Four contexts that interact in every way: stalls and stock call one another, parcels are packed later."""

from __future__ import annotations

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    Events,
    IntegrationEvent,
    Later,
    Projection,
    Query,
    Repository,
    Sender,
    Sql,
    System,
    View,
)
from remit.edges import HttpEdge
from remit.errors import Unavailable
from remit.relations import AntiCorruptionLayer, CustomerSupplier, OpenHost, Partnership, SharedKernel

stalls, stock, parcels, ledger = Context("stalls"), Context("stock"), Context("parcels"), Context("ledger")


class Left(Query[int]):
    item: str


class Reserve(Command[None]):
    item: str


class Sell(Command[None]):
    item: str


class Show(Command[int]):
    item: str


class Prices(Query[int]):
    item: str


class Pack(Command[None], key="item"):
    item: str


class Sold(DomainEvent):
    item: str


class Audited(DomainEvent):
    item: str


class ItemSold(IntegrationEvent, version=1, key="item"):
    item: str


class ItemPacked(IntegrationEvent, version=1, key="item"):
    item: str


class Stall(Aggregate[str, Sold | Audited]):
    def sell(self) -> None:
        self.record(Sold(item=self.id))


class Shelf(Aggregate[str]):
    left: int = 0


class Parcel(Aggregate[str]):
    packed: bool = False


# --- stalls ----------------------------------------------------------------------------------------------------------


@stalls.handle(Sell)
async def sell(command: Sell, found: Repository[Stall], pack: Later[Pack]) -> None:
    (await found.obtain(command.item)).sell()
    pack.send(Pack(item=command.item))


@stalls.react(Sold, together=True)
async def reserve(event: Sold, calls: Sender) -> None:
    await calls.send(Reserve(item=event.item))


@stalls.handle(Show)
async def show(command: Show, calls: Sender) -> int:
    try:
        return await calls.ask(Left(item=command.item))
    except Unavailable:
        return 0


@stalls.answer(Prices)
async def prices(query: Prices, found: Repository[Stall]) -> int:
    return 1 if await found.find(query.item) else 0


stalls.publish_as(Sold, ItemSold)

# --- stock -----------------------------------------------------------------------------------------------------------


@stock.handle(Reserve)
async def take(command: Reserve, shelves: Repository[Shelf], calls: Sender) -> None:
    await calls.ask(Prices(item=command.item))
    (await shelves.obtain(command.item)).left -= 1


@stock.answer(Left)
async def left(query: Left, shelves: Repository[Shelf]) -> int:
    shelf = await shelves.find(query.item)
    return shelf.left if shelf else 0


# --- parcels ---------------------------------------------------------------------------------------------------------


@parcels.handle(Pack)
async def pack(command: Pack, found: Repository[Parcel], events: Events[ItemPacked]) -> None:
    (await found.obtain(command.item)).packed = True
    events.publish(ItemPacked(item=command.item))


# --- ledger ----------------------------------------------------------------------------------------------------------


@ledger.react(ItemPacked)
async def book(event: ItemPacked, sql: Sql) -> None:
    await sql.execute("INSERT INTO booked VALUES ($1)", event.item)


class Booked(Query[int]):
    pass


class Counted(Query[int]):
    item: str


@ledger.project
class CountOf(Projection[str, ItemSold]):
    count: int = 0

    @staticmethod
    def key(event: ItemSold) -> str:
        return event.item

    def evolve(self, event: ItemSold) -> None:
        self.count += 1


@ledger.answer(Booked)
async def booked(query: Booked, sql: Sql) -> int:
    return len(await sql.fetch("SELECT 1 FROM booked"))


@ledger.answer(Counted)
async def counted(query: Counted, counts: View[CountOf]) -> int:
    found = await counts.find(query.item)
    return found.count if found else 0


edge = HttpEdge("stalls")
edge.post("/items/{item}/sales", Sell)
edge.get("/items/{item}/left", Left)

between_three = [
    Partnership(stalls, stock, uses=[Left, Reserve, "Prices"]),
    CustomerSupplier(supplier=parcels, customer=stalls),
]
bazaar = System(
    "bazaar",
    contexts=[stalls, stock, parcels, ledger],
    edges=[edge],
    relations=[
        *between_three,
        AntiCorruptionLayer(upstream=parcels, downstream=ledger, module="tests.advisor.bazaar"),
        OpenHost(stalls, exposes=[ItemSold]),
    ],
)
others = [Partnership(parcels, ledger), SharedKernel(ledger, stock, package="kernel")]
