"""A small system in the release that is to be replaced. `new` is the one that follows."""

from __future__ import annotations

from typing import Literal

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Projection,
    Query,
    Refusal,
    Repository,
    System,
    Value,
    View,
    field,
)


class Line(Value):
    item: str
    amount: int = 1


class TooMuch(Refusal):
    limit: int


class Place(Command[list[Line], TooMuch]):
    order: str
    lines: list[Line]
    kind: Literal["usual", "gift"] = "usual"


class Shown(Query[list[Line]]):
    order: str


class Copy(Command[int]):
    """Reads one order and writes another."""

    order: str
    to: str


class Placed(DomainEvent):
    order: str
    lines: list[Line]
    kind: Literal["usual", "gift"] = "usual"


class OrderPlaced(IntegrationEvent, version=1):
    order: str
    lines: list[Line]


class Order(Aggregate[str, Placed]):
    lines: list[Line] = field(default_factory=list[Line])
    by_item: dict[str, Line] = field(default_factory=dict[str, Line])
    kind: Literal["usual", "gift"] = "usual"

    def place(self, lines: list[Line], kind: Literal["usual", "gift"]) -> list[Line]:
        self.kind = kind
        self.lines += lines
        for line in lines:
            known = self.by_item.get(line.item)
            self.by_item[line.item] = known.replace(amount=known.amount + line.amount) if known else line
        self.record(Placed(order=self.id, lines=lines, kind=kind))
        return self.lines


class Orders(Projection[str, Placed]):
    lines: list[Line] = field(default_factory=list[Line])

    @staticmethod
    def key(event: Placed) -> str:
        return event.order

    def evolve(self, event: Placed) -> None:
        self.lines += event.lines


class Sweep(Command[None]):
    order: str


class Shelf(Aggregate[str]):
    heard: list[str] = field(default_factory=list[str])


class Heard(Query[list[str]]):
    """Of an order, by the version of the event."""

    order: str


sales, depot = Context("sales"), Context("depot")
shop = System("shop", contexts=[sales, depot])


@sales.handle(Place)
async def place(command: Place, orders: Repository[Order]) -> list[Line]:
    return (await orders.obtain(command.order)).place(command.lines, command.kind)


@sales.handle(Copy)
async def copy(command: Copy, orders: Repository[Order]) -> int:
    order = await orders.get(command.order)
    (await orders.obtain(command.to)).lines += order.lines
    return len(order.lines)


@sales.publish(Placed)
def placed(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order, lines=event.lines)


sales.project(Orders)


@sales.answer(Shown)
async def shown(query: Shown, orders: View[Orders]) -> list[Line]:
    found = await orders.find(query.order)
    return found.lines if found else []


@depot.react(OrderPlaced)
async def hear(event: OrderPlaced, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(event.order)).heard.append("1")


@depot.handle(Sweep)
async def sweep(command: Sweep, shelves: Repository[Shelf]) -> None:
    (await shelves.obtain(command.order)).heard.clear()


@depot.answer(Heard)
async def heard(query: Heard, shelves: Repository[Shelf]) -> list[str]:
    shelf = await shelves.find(query.order)
    return shelf.heard if shelf else []
