"""The second release of the stall: what is stored has other forms, and upcasters for the old ones."""

from __future__ import annotations

from typing import Any

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
    Upcast,
    View,
    field,
)


class Sold(DomainEvent, version=3):
    till: str
    cents: int
    currency: str


class Given(DomainEvent):
    till: str
    to: str


class Left(DomainEvent, version=2):
    till: str
    place: str


class Arrived(DomainEvent):
    till: str
    place: str


class Till(EventSourced[str, Sold | Given | Left | Arrived]):
    cents: int = 0
    said: list[str] = field(default_factory=list[str])

    def evolve(self, event: Sold | Given | Left | Arrived) -> None:
        match event:
            case Sold():
                self.cents += event.cents
                self.said.append(f"sold for {event.cents} {event.currency}")
            case Given():
                self.said.append(f"gave to {event.to}")
            case Left():
                self.said.append(f"left {event.place}")
            case Arrived():
                self.said.append(f"arrived at {event.place}")


class Named(DomainEvent):
    stand: str


class Stand(Aggregate[str, Named], version=3):
    first: str
    last: str
    is_open: bool


class Note(Record[str], version=2):
    lines: list[str]


class Board(Projection[str, Sold], version=2):
    cents: int = 0

    @staticmethod
    def key(event: Sold) -> str:
        return event.till

    def evolve(self, event: Sold) -> None:
        self.cents += event.cents


class Heard(Projection[str, Given | Left | Arrived]):
    """New in this release: folded from the old events, too."""

    said: list[str] = field(default_factory=list[str])

    @staticmethod
    def key(event: Given | Left | Arrived) -> str:
        return event.till

    def evolve(self, event: Given | Left | Arrived) -> None:
        self.said.append(f"{type(event).__name__} {getattr(event, 'place', '')}".strip())


class Step(Record[str]):
    """A step that the reaction has seen."""

    place: str


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


class Listened(Query[list[str]]):
    till: str


class Steps(Query[list[str]]):
    pass


class WhoStands(Query[tuple[str, str, bool, list[str]]]):
    stand: str


stall = Context("stall", keep=None)
stall.project(Board)
stall.project(Heard)


@stall.upcast(Sold, version=1)
def in_cents(fields: dict[str, Any]) -> dict[str, Any]:
    return {"till": fields["till"], "cents": fields["price"] * 100}


@stall.upcast(Sold, version=2)
def with_currency(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "currency": "EUR"}


@stall.upcast("Gift", version=1, to=Given)
def given_to(fields: dict[str, Any]) -> dict[str, Any]:
    return {"till": fields["till"], "to": fields["name"]}


@stall.upcast("Moved", version=1, to=Arrived)
def left_and_arrived(fields: dict[str, Any]) -> list[dict[str, Any] | Upcast]:
    till = fields["till"]
    return [Upcast(Left, {"till": till, "from": fields["start"]}), {"till": till, "place": fields["end"]}]


@stall.upcast(Left, version=1)
def place_left(fields: dict[str, Any]) -> dict[str, Any]:
    return {"till": fields["till"], "place": fields["from"]}


@stall.upcast("Dusted", version=1)
def nothing(fields: dict[str, Any]) -> None:
    return None


@stall.upcast(Stand, version=1)
def two_names(fields: dict[str, Any]) -> dict[str, Any]:
    first, _, last = fields.pop("name").partition(" ")
    return {**fields, "first": first, "last": last}


@stall.upcast(Stand, version=2)
def opened(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "is_open": True}


@stall.upcast(Note, version=1)
def in_lines(fields: dict[str, Any]) -> dict[str, Any]:
    return {"id": fields["id"], "lines": fields["text"].splitlines()}


@stall.upcast(Board, version=1)
def board_in_cents(fields: dict[str, Any]) -> dict[str, Any]:
    return {"cents": fields["euros"] * 100}


@stall.handle(Use)
async def use(command: Use, tills: Repository[Till]) -> None:
    till = await tills.obtain(command.till)
    if command.price:
        till.record(Sold(till=command.till, cents=command.price * 100, currency="EUR"))
        return
    till.record(Given(till=command.till, to="Eve"))
    till.record(Left(till=command.till, place="A"))
    till.record(Arrived(till=command.till, place="B"))


@stall.handle(Name)
async def name(command: Name, stands: Repository[Stand], notes: Records[Note]) -> None:
    first, _, last = command.name.partition(" ")
    stand = await stands.find(command.stand)
    if stand is None:
        stand = Stand(id=command.stand, first=first, last=last, is_open=True)
        stands.add(stand)
    stand.first, stand.last = first, last
    stand.record(Named(stand=command.stand))
    await notes.put(Note(id=command.stand, lines=[command.name]))


@stall.react(Left, Arrived)
async def noted(event: Left | Arrived, steps: Records[Step]) -> None:
    await steps.put(Step(id=type(event).__name__, place=event.place))


@stall.answer(Total)
async def total(query: Total, tills: Repository[Till]) -> tuple[int, list[str]]:
    till = await tills.get(query.till)
    return till.cents, till.said


@stall.answer(Shown)
async def shown(query: Shown, boards: View[Board]) -> int:
    return (await boards.get(query.till)).cents


@stall.answer(Listened)
async def listened(query: Listened, heard: View[Heard]) -> list[str]:
    found = await heard.find(query.till)
    return found.said if found is not None else []


@stall.answer(Steps)
async def all_steps(query: Steps, steps: Records[Step]) -> list[str]:
    return [f"{each.id} {each.place}" for each in await steps.page()]


@stall.answer(WhoStands)
async def who(query: WhoStands, stands: Repository[Stand], notes: Records[Note]) -> tuple[str, str, bool, list[str]]:
    stand, note = await stands.get(query.stand), await notes.get(query.stand)
    return stand.first, stand.last, stand.is_open, note.lines


market = System("market", contexts=[stall])
