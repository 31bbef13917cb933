"""The first release of a market stall: everything that it stores has version 1."""

from __future__ import annotations

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    EventSourced,
    Projection,
    Query,
    Record,
    Records,
    Repository,
    System,
    View,
    field,
)


class Sold(DomainEvent):
    till: str
    price: int
    """In euros."""


class Gift(DomainEvent):
    till: str
    name: str


class Moved(DomainEvent):
    till: str
    start: str
    end: str


class Dusted(DomainEvent):
    till: str


class Till(EventSourced[str, Sold | Gift | Moved | Dusted]):
    total: int = 0
    said: list[str] = field(default_factory=list[str])

    def evolve(self, event: Sold | Gift | Moved | Dusted) -> None:
        match event:
            case Sold():
                self.total += event.price
                self.said.append(f"sold for {event.price}")
            case Gift():
                self.said.append(f"gave to {event.name}")
            case Moved():
                self.said.append(f"moved from {event.start} to {event.end}")
            case Dusted():
                self.said.append("dusted")


class Named(DomainEvent):
    stand: str


class Stand(Aggregate[str, Named]):
    name: str


class Note(Record[str]):
    text: str


class Board(Projection[str, Sold]):
    euros: int = 0

    @staticmethod
    def key(event: Sold) -> str:
        return event.till

    def evolve(self, event: Sold) -> None:
        self.euros += event.price


class Use(Command[None]):
    till: str
    price: int = 0


class Name(Command[None]):
    stand: str
    name: str


class Total(Query[tuple[int, list[str]]]):
    till: str


class Shown(Query[int]):
    till: str


stall = Context("stall", keep=None)
stall.project(Board)


@stall.handle(Use)
async def use(command: Use, tills: Repository[Till]) -> None:
    till = await tills.obtain(command.till)
    if command.price:
        till.record(Sold(till=command.till, price=command.price))
        return
    till.record(Gift(till=command.till, name="Eve"))
    till.record(Moved(till=command.till, start="A", end="B"))
    till.record(Dusted(till=command.till))


@stall.handle(Name)
async def name(command: Name, stands: Repository[Stand], notes: Records[Note]) -> None:
    stand = await stands.find(command.stand)
    if stand is None:
        stand = Stand(id=command.stand, name=command.name)
        stands.add(stand)
    stand.name = command.name
    stand.record(Named(stand=command.stand))
    await notes.put(Note(id=command.stand, text=command.name))


@stall.answer(Total)
async def total(query: Total, tills: Repository[Till]) -> tuple[int, list[str]]:
    till = await tills.get(query.till)
    return till.total, till.said


@stall.answer(Shown)
async def shown(query: Shown, boards: View[Board]) -> int:
    return (await boards.get(query.till)).euros


market = System("market", contexts=[stall])
