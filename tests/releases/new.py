"""The same small system, one release later. What was added is marked by `# new`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Projection,
    Query,
    Refusal,
    Repository,
    System,
    Value,
    View,
    field,
)

Kind = Literal["usual", "gift", "urgent"]  # new: urgent


class Tag(Value):  # new
    text: str


class Line(Value):
    item: str
    amount: int = 1
    tag: Tag | None = None  # new


class TooMuch(Refusal):
    limit: int


class Closed(Refusal):  # new
    until: str


class Place(Command[list[Line], TooMuch | Closed]):
    order: str
    lines: list[Line]
    kind: Kind = "usual"
    voucher: str = ""  # new


class Shown(Query[list[Line]]):
    order: str
    newest: int | None = None  # new


class Copy(Command[int]):
    order: str
    to: str


class Placed(DomainEvent):
    order: str
    lines: list[Line]
    kind: Kind = "usual"
    voucher: str = ""  # new


class OrderPlaced(IntegrationEvent, version=1):
    order: str
    lines: list[Line]
    voucher: str = ""  # new


class OrderPlaced2(IntegrationEvent, name="OrderPlaced", version=2):  # new
    order: str
    count: int


class Order(Aggregate[str, Placed]):
    lines: list[Line] = field(default_factory=list[Line])
    by_item: dict[str, Line] = field(default_factory=dict[str, Line])
    kind: Kind = "usual"
    vouchers: list[str] = field(default_factory=list[str])  # new

    def place(self, lines: list[Line], kind: Kind, voucher: str) -> list[Line]:
        self.kind = kind
        self.lines += lines
        for line in lines:
            known = self.by_item.get(line.item)
            self.by_item[line.item] = known.replace(amount=known.amount + line.amount) if known else line
        self.vouchers += [voucher] if voucher else []
        self.record(Placed(order=self.id, lines=lines, kind=kind, voucher=voucher))
        return self.lines


class Orders(Projection[str, Placed]):
    lines: list[Line] = field(default_factory=list[Line])
    vouchers: int = 0  # new

    @staticmethod
    def key(event: Placed) -> str:
        return event.order

    def evolve(self, event: Placed) -> None:
        self.lines += event.lines
        self.vouchers += bool(event.voucher)


class Sweep(Command[None]):
    order: str


class Shelf(Aggregate[str]):
    heard: list[str] = field(default_factory=list[str])


class Heard(Query[list[str]]):
    order: str


class Vouchers(Query[tuple[list[str], int]]):  # new
    """Of an order: in the aggregate, and how many the projection has counted."""

    order: str


class Pack(Command[None]):  # new
    order: str


def make_shop(*, published: Collection[int] = (1, 2), followed: Collection[int] = (1, 2)) -> System:
    """The system that publishes and follows these versions of `OrderPlaced`."""
    sales, depot = Context("sales"), Context("depot")
    sales.handle(Place)(place)
    sales.handle(Copy)(copy)
    sales.project(Orders)
    sales.answer(Shown)(shown)
    sales.answer(Vouchers)(vouchers)
    if 2 in published:
        sales.publish(Placed)(placed_2)
    if 1 in published:
        sales.publish(Placed)(placed)
    if 1 in followed:
        depot.react(OrderPlaced)(hear)
    if 2 in followed:
        depot.react(OrderPlaced2)(hear)
    depot.handle(Pack)(pack)
    depot.handle(Sweep)(sweep)
    depot.answer(Heard)(heard)
    return System("shop", contexts=[sales, depot])


async def place(command: Place, orders: Repository[Order], later: Later[Pack]) -> list[Line]:
    if command.voucher == "late":
        raise Closed(until="tomorrow")
    if command.voucher == "pack":
        later.send(Pack(order=command.order))
    return (await orders.obtain(command.order)).place(command.lines, command.kind, command.voucher)


async def copy(command: Copy, orders: Repository[Order]) -> int:
    order = await orders.get(command.order)
    (await orders.obtain(command.to)).lines += order.lines
    return len(order.lines)


def placed(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order, lines=event.lines, voucher=event.voucher)


def placed_2(event: Placed) -> OrderPlaced2:
    return OrderPlaced2(order=event.order, count=len(event.lines))


async def shown(query: Shown, orders: View[Orders]) -> list[Line]:
    found = await orders.find(query.order)
    return found.lines[-query.newest if query.newest else 0 :] if found else []


async def vouchers(query: Vouchers, orders: Repository[Order], view: View[Orders]) -> tuple[list[str], int]:
    return (await orders.get(query.order)).vouchers, (await view.get(query.order)).vouchers


async def hear(event: OrderPlaced | OrderPlaced2, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(event.order)).heard.append("1" if isinstance(event, OrderPlaced) else "2")


async def pack(command: Pack, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(command.order)).heard.append("pack")


async def sweep(command: Sweep, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(command.order)).heard.clear()


async def heard(query: Heard, shelves: Repository[Shelf]) -> list[str]:
    shelf = await shelves.find(query.order)
    return shelf.heard if shelf else []


shop = make_shop()
