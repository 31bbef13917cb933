"""A context with a row model: parcels that couriers carry."""

from __future__ import annotations

from datetime import UTC, datetime

from remit import AtLeast, Context, DomainEvent, Events, Page, Query, Row, System, Value, View
from remit.messages import Command

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)

parcels = Context("parcels")


class Assigned(DomainEvent, key="parcel"):
    parcel: str
    courier: str
    at: datetime = BEGUN


class Delivered(DomainEvent, key="parcel"):
    parcel: str


@parcels.project
class OpenParcel(Row[str, Assigned | Delivered], indexes=[("courier", "at"), ("at",)]):
    parcel: str = ""
    courier: str | None = None
    at: datetime = BEGUN
    moves: int = 0

    @staticmethod
    def key(event: Assigned | Delivered) -> str:
        return event.parcel

    def evolve(self, event: Assigned | Delivered) -> None:
        match event:
            case Assigned():
                self.parcel, self.courier, self.at = event.parcel, event.courier, event.at
                self.moves += 1
            case Delivered():
                self.remove()


@parcels.project
class Load(Row[str, Assigned], indexes=[("total",)]):
    """Written by all partitions at once."""

    total: int = 0

    @staticmethod
    def key(event: Assigned) -> str:
        return event.courier

    def evolve(self, event: Assigned) -> None:
        self.total += 1
        if event.parcel.endswith("0"):
            self.remove()


class TotalOf(Query[int]):
    courier: str


class Assign(Command[None]):
    assigned: list[Assigned]


class Deliver(Command[None]):
    parcels: list[str]


class Line(Value):
    parcel: str
    moves: int


class Carried(Query[Page[Line]]):
    courier: str
    since: datetime | None = None
    order: str = "at"
    limit: int = 100
    after: str | None = None


class Counted(Query[int]):
    courier: str


class Named(Query[list[str]]):
    parcels: list[str]


@parcels.handle(Assign)
async def assign(command: Assign, events: Events[Assigned]) -> None:
    for each in command.assigned:
        events.publish(each)


@parcels.handle(Deliver)
async def deliver(command: Deliver, events: Events[Delivered]) -> None:
    for each in command.parcels:
        events.publish(Delivered(parcel=each))


@parcels.answer(Carried)
async def carried(query: Carried, rows: View[OpenParcel]) -> Page[Line]:
    if query.since is None:
        found = rows.where(courier=query.courier)
    else:
        found = rows.where(courier=query.courier, at=AtLeast(query.since))
    page = await found.order(query.order).page(limit=query.limit, after=query.after)
    return page.map(lambda row: Line(parcel=row.parcel, moves=row.moves))


@parcels.answer(Counted)
async def counted(query: Counted, rows: View[OpenParcel]) -> int:
    return await rows.where(courier=query.courier).count()


@parcels.answer(TotalOf)
async def total_of(query: TotalOf, loads: View[Load]) -> int:
    return (await loads.get(query.courier)).total


@parcels.answer(Named)
async def named(query: Named, rows: View[OpenParcel]) -> list[str]:
    return list(await rows.find_all(query.parcels))


system = System("parcels", contexts=[parcels])
