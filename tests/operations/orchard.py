"""An orchard that counts apples: a projection and a row model that fold by a function that a test gives."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from remit import Command, Context, DomainEvent, Events, Page, Projection, Query, Row, System, View
from remit.hosting.opening import Places, opened
from remit.operations import Rebuild, Rebuilt, sources_of
from remit.topology.secret import Secret


class Counted(DomainEvent, key="box"):
    box: str
    apples: int


class Count(Command[None]):
    boxes: list[Counted]


class HowMany(Query[int]):
    box: str


class Both(Query[tuple[int, int]]):
    """Two boxes. Between them it waits, if so asked."""

    waits: bool


class Full(Query[Page[str]]):
    apples: int


async def nothing(waits: bool) -> None: ...


def orchard(  # noqa: C901  # one context with all its functions
    weight: Callable[[Counted], int],
    between: Callable[[bool], Awaitable[None]] = nothing,
    rebuild: Literal["at-start"] | None = None,
    objection: str | None = None,
) -> System:
    """The same system, with projections that fold by this function."""
    farm = Context("farm")

    @farm.project(rebuild=rebuild)
    class Box(Projection[str, Counted]):
        apples: int = 0

        @staticmethod
        def key(event: Counted) -> str:
            return event.box

        def evolve(self, event: Counted) -> None:
            self.apples += weight(event)

    @farm.check_rebuilt(Box)
    async def sound(new: View[Box], live: View[Box]) -> str | None:
        heavy = await new.get("b2"), await live.get("b2")
        return objection and f"{objection}: {heavy[0].apples} after {heavy[1].apples}"

    @farm.project
    class Crate(Row[str, Counted], indexes=[("apples",)]):
        box: str = ""
        apples: int = 0

        @staticmethod
        def key(event: Counted) -> str:
            return event.box

        def evolve(self, event: Counted) -> None:
            self.box, self.apples = event.box, self.apples + weight(event)

    @farm.handle(Count)
    async def count(command: Count, events: Events[Counted]) -> None:
        for each in command.boxes:
            events.publish(each)

    @farm.answer(HowMany)
    async def how_many(query: HowMany, boxes: View[Box]) -> int:
        return (await boxes.get(query.box)).apples

    @farm.answer(Both)
    async def both(query: Both, boxes: View[Box]) -> tuple[int, int]:
        one = await boxes.get("b1")
        await between(query.waits)
        return one.apples, (await boxes.get("b2")).apples

    @farm.answer(Full)
    async def full(query: Full, crates: View[Crate]) -> Page[str]:
        return (await crates.where(apples=query.apples).page()).map(lambda row: row.box)

    return System("orchard", contexts=[farm])


def once(event: Counted) -> int:
    return event.apples


def twice(event: Counted) -> int:
    return 2 * event.apples


async def lived(system: System, place: str, boxes: int = 3) -> None:
    async with system.connect(store=place) as app:
        await app.send(Count(boxes=[Counted(box=f"b{number}", apples=number) for number in range(boxes)]))
        await app.ask(HowMany(box="b1"), fresh=True)
        await app.ask(Full(apples=1), fresh=True)


async def rebuilt(system: System, place: str, name: str = "farm.Box", *, back: bool = False, **options: Any) -> Rebuilt:
    model = system.model()
    async with opened(Places({"default": Secret(place)}), sources_of(model, name)) as stores:
        work = Rebuild(model, name, stores, linger=0.0)
        return await (work.back(pause=0.0) if back else work.build(pause=0.0, **options))


async def apples(system: System, place: str, box: str = "b2") -> int:
    async with system.connect(store=place) as app:
        return await app.ask(HowMany(box=box), fresh=True)
