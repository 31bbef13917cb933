"""A read model is made anew from the log beside the live one, and takes its place."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from remit import Command, Context, DomainEvent, Events, Page, Projection, Query, Row, System, View
from remit.hosting.opening import Places, opened
from remit.operations import CannotRebuild, Rebuild, Rebuilt, sources_of
from remit.stores import Change, Unit
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


def orchard(
    weight: Callable[[Counted], int], between: Callable[[bool], Awaitable[None]] = nothing, **declared: Any
) -> System:
    """The same system, with projections that fold by this function."""
    farm = Context("farm", **declared)

    @farm.project
    class Box(Projection[str, Counted]):
        apples: int = 0

        @staticmethod
        def key(event: Counted) -> str:
            return event.box

        def evolve(self, event: Counted) -> None:
            self.apples += weight(event)

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


def fails(event: Counted) -> int:
    if event.box == "b1":
        raise ValueError("a rotten apple")
    return event.apples


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/{{context}}.db"
        return
    server, schema = request.getfixturevalue("server"), f"remit_test_{uuid.uuid4().hex}"
    yield f"{server}{'&' if '?' in server else '?'}schema={schema}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await connection.close()


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


async def weighed(app: Any) -> tuple[int, list[str]]:
    return await app.ask(HowMany(box="b2")), (await app.ask(Full(apples=4))).items


async def test_documents_are_folded_anew_and_served_then(place: str) -> None:
    await lived(orchard(once), place)
    changed = orchard(twice)
    assert await apples(changed, place) == 2
    done = await rebuilt(changed, place)
    assert (done.version, done.live, done.handled) == (2, 2, 3)
    assert await apples(changed, place) == 4
    await lived(changed, place)
    assert await apples(changed, place) == 8


async def test_rows_are_folded_anew_into_a_table_of_their_own(place: str) -> None:
    await lived(orchard(once), place)
    changed = orchard(twice)
    await rebuilt(changed, place, "farm.Crate")
    async with changed.connect(store=place) as app:
        assert (await app.ask(Full(apples=4))).items == ["b2"]
        assert (await app.ask(Full(apples=2))).items == ["b1"]


async def test_going_back_lets_the_old_version_catch_up_first(place: str) -> None:
    await lived(orchard(once), place)
    changed = orchard(twice)
    await rebuilt(changed, place)
    await lived(changed, place)
    assert await apples(changed, place) == 8
    assert (await rebuilt(orchard(once), place, back=True)).live == 1
    assert await apples(orchard(once), place) == 4


async def test_a_service_that_runs_goes_on_with_the_new_version(place: str) -> None:
    changed = orchard(twice)
    await lived(orchard(once), place)
    async with changed.connect(store=place) as app:
        assert await app.ask(HowMany(box="b2"), fresh=True) == 2
        await rebuilt(changed, place)
        await rebuilt(changed, place, "farm.Crate")
        async with asyncio.timeout(20):
            while await weighed(app) != (4, ["b2"]):  # noqa: ASYNC110  # a switch rings no bell
                await asyncio.sleep(0.01)
        await app.send(Count(boxes=[Counted(box="b2", apples=1)]))
        assert await app.ask(HowMany(box="b2"), fresh=True) == 6
        assert (await app.ask(Full(apples=6), fresh=True)).items == ["b2"]


async def test_an_interrupted_rebuild_goes_on_where_it_stopped(place: str) -> None:
    await lived(orchard(once), place, boxes=500)
    changed = orchard(twice)

    def stop(done: Rebuilt) -> None:
        if done.handled:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuilt(changed, place, step=stop)
    assert await apples(changed, place) == 2
    done = await rebuilt(changed, place)
    assert done.version == 2
    assert await apples(changed, place, "b499") == 998


async def test_a_new_version_with_parked_keys_is_not_switched_to(place: str) -> None:
    await lived(orchard(once), place)
    with pytest.raises(CannotRebuild, match="1 keys of the new version are parked"):
        await rebuilt(orchard(fails), place)
    assert await apples(orchard(once), place) == 2
    assert (await rebuilt(orchard(twice), place, anew=True)).version == 3
    assert await apples(orchard(twice), place) == 4


async def test_what_is_no_read_model_is_refused(place: str) -> None:
    with pytest.raises(CannotRebuild, match=r"no read model 'farm\.Boxes'"):
        await rebuilt(orchard(once), place, "farm.Boxes")


async def test_a_query_reads_one_version_to_its_end(place: str) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def between(waits: bool) -> None:
        if waits:
            begun.set()
            await goes_on.wait()

    await lived(orchard(once), place)
    changed = orchard(twice, between=between)
    async with changed.connect(store=place) as app:
        held = asyncio.ensure_future(app.ask(Both(waits=True), deadline=30))
        await begun.wait()
        await rebuilt(changed, place)
        async with asyncio.timeout(20):
            while await app.ask(Both(waits=False)) != (2, 4):  # noqa: ASYNC110  # a switch rings no bell
                await asyncio.sleep(0.01)
        goes_on.set()
        assert await held == (1, 2)


async def test_a_rebuild_by_equal_code_that_differs_is_not_switched_to(place: str) -> None:
    system = orchard(once)
    await lived(system, place)
    await rebuilt(system, place)
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        (version, _), body = (await stores["farm"].load("farm.Box@2", "b2") or (0, b"")), b'{"apples":7}'
        await stores["farm"].commit(Unit([Change("farm.Box@2", "b2", version, body)]))
    with pytest.raises(CannotRebuild, match="version 3 differs from the live one: 'b2' differs"):
        await rebuilt(system, place)
    assert await apples(system, place) == 7
    done = await rebuilt(system, place, changed=True)
    assert (done.live, done.documents, done.before) == (3, 3, 3)
    assert await apples(system, place) == 2


async def test_without_an_old_version_there_is_no_way_back(place: str) -> None:
    await lived(orchard(once), place)
    with pytest.raises(CannotRebuild, match="no version to go back to"):
        await rebuilt(orchard(once), place, back=True)
