"""A handler that has found nothing under an identity does not overwrite what another message puts there meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from remit import Aggregate, Claim, Claims, Command, Context, Query, Record, Records, Refusal, Repository, System
from remit.errors import NotFound


class Count(Record[str]):
    n: int = 0


class Tally(Aggregate[str]):
    n: int = 0


class Owned(Refusal):
    by: str


class Name(Claim[str, Tally]):
    """One tally per name."""


class Write(Command[None]):
    """Stores 5 as the record and as the aggregate of this identity, and as the holder of the name."""

    id: str
    kind: str


class Change(Command[None]):
    """Stores n as the record of this identity."""

    id: str
    n: int


class Remove(Command[None]):
    id: str


class Try(Command[str, Owned]):
    """Looks, waits, and writes 1 more than it has seen."""

    id: str
    way: str


class Stored(Query[tuple[int | None, int | None]]):
    id: str


Way = Callable[["Library", str, Records[Count], Repository[Tally], Claims[Name]], Awaitable[str]]


class Library:
    """The system. The first run of a way waits between its look and its write."""

    def __init__(self) -> None:
        self.looked, self.go_on = asyncio.Event(), asyncio.Event()
        self.runs = 0
        context = Context("library")
        self.system = System("library", contexts=[context])
        declare(context, self)

    async def wait(self) -> None:
        self.looked.set()
        await self.go_on.wait()


async def find_and_put(library: Library, id: str, counts: Records[Count], tallies: object, names: object) -> str:
    found = await counts.find(id)
    await library.wait()
    await counts.put(Count(id=id, n=found.n + 1 if found else 1))
    return "put"


async def get_and_put(library: Library, id: str, counts: Records[Count], tallies: object, names: object) -> str:
    try:
        n = (await counts.get(id)).n
    except NotFound:
        n = 0
    await library.wait()
    await counts.put(Count(id=id, n=n + 1))
    return "put"


async def delete_and_put(library: Library, id: str, counts: Records[Count], tallies: object, names: object) -> str:
    n = 100 if await counts.delete(id) else 1
    await library.wait()
    await counts.put(Count(id=id, n=n))
    return "put"


async def page_and_put(library: Library, id: str, counts: Records[Count], tallies: object, names: object) -> str:
    found = {each.id: each.n for each in [*await counts.page(limit=1), *await counts.page(after="w", limit=1)]}
    await library.wait()
    await counts.put(Count(id=id, n=found.get(id, 0) + 1))
    return "put"


async def page_and_put_alike(library: Library, id: str, counts: Records[Count], tallies: object, names: object) -> str:
    """Puts what the other message puts, if there is nothing."""
    found = {each.id: each.n for each in await counts.page()}
    await library.wait()
    await counts.put(Count(id=id, n=found.get(id, 4) + 1))
    return "put"


async def get_and_put_unchanged(
    library: Library, id: str, counts: Records[Count], tallies: object, names: object
) -> str:
    found = await counts.get(id)
    await library.wait()
    await counts.put(found)
    return f"put {found.n}"


async def page_and_put_unchanged(
    library: Library, id: str, counts: Records[Count], tallies: object, names: object
) -> str:
    (found,) = await counts.page()
    await library.wait()
    await counts.put(found.replace(n=found.n))
    return f"put {found.n}"


async def page_elsewhere_and_put(
    library: Library, id: str, counts: Records[Count], tallies: object, names: object
) -> str:
    """Neither page reaches the identity."""
    await counts.put(Count(id="a"))
    await counts.page(limit=1)
    await counts.page(after=id)
    await counts.delete("a")
    await library.wait()
    await counts.put(Count(id=id, n=1))
    return "put"


async def find_and_delete(library: Library, id: str, counts: Records[Count], tallies: object, names: object) -> str:
    found = await counts.find(id)
    await library.wait()
    return f"{found} {await counts.find(id)} {await counts.delete(id)} {[each.id for each in await counts.page()]}"


async def find_and_obtain(library: Library, id: str, counts: object, tallies: Repository[Tally], names: object) -> str:
    found = await tallies.find(id)
    await library.wait()
    (await tallies.obtain(id)).n = found.n + 1 if found else 1
    return "obtained"


async def get_and_obtain(library: Library, id: str, counts: object, tallies: Repository[Tally], names: object) -> str:
    try:
        n = (await tallies.get(id)).n
    except NotFound:
        n = 0
    await library.wait()
    (await tallies.obtain(id)).n = n + 1
    return "obtained"


async def find_all_and_obtain(
    library: Library, id: str, counts: object, tallies: Repository[Tally], names: object
) -> str:
    found = (await tallies.find_all([id, "other"])).get(id)
    await library.wait()
    (await tallies.obtain(id)).n = found.n + 1 if found else 1
    return "obtained"


async def find_and_add(library: Library, id: str, counts: object, tallies: Repository[Tally], names: object) -> str:
    found = await tallies.find(id)
    await library.wait()
    if found is None:
        tallies.add(Tally(id=id, n=1))
    else:
        found.n += 1
    return "added"


async def find_and_take(
    library: Library, id: str, counts: object, tallies: Repository[Tally], names: Claims[Name]
) -> str:
    found = await names.find(id)
    await library.wait()
    if found is None:
        await names.take(id, by=await tallies.obtain("mine"), otherwise=Owned(by="unseen"))
    return "taken" if found is None else f"found {found.id}"


WAYS: dict[str, Way] = {
    way.__name__: way
    for way in (
        find_and_put, get_and_put, delete_and_put, page_and_put, page_and_put_alike,
        page_elsewhere_and_put, find_and_delete, find_and_obtain, get_and_obtain,
        find_all_and_obtain, find_and_add, find_and_take, get_and_put_unchanged, page_and_put_unchanged,
    )
}  # fmt: skip


def declare(context: Context, library: Library) -> None:
    @context.handle(Write)
    async def write(command: Write, counts: Records[Count], tallies: Repository[Tally], names: Claims[Name]) -> None:
        if command.kind == "record":
            await counts.put(Count(id=command.id, n=5))
            return
        tally = await tallies.obtain(command.id)
        tally.n = 5
        if command.kind == "claim":
            await names.take(command.id, by=tally, otherwise=Owned(by="?"))

    @context.handle(Change)
    async def change(command: Change, counts: Records[Count]) -> None:
        await counts.put(Count(id=command.id, n=command.n))

    @context.handle(Remove)
    async def remove(command: Remove, counts: Records[Count], tallies: Repository[Tally]) -> None:
        await counts.delete(command.id)
        if (tally := await tallies.find(command.id)) is not None:
            tallies.remove(tally)

    @context.handle(Try)
    async def attempt(command: Try, counts: Records[Count], tallies: Repository[Tally], names: Claims[Name]) -> str:
        library.runs += 1
        return await WAYS[command.way](library, command.id, counts, tallies, names)

    @context.answer(Stored)
    async def stored(
        query: Stored, counts: Records[Count], tallies: Repository[Tally]
    ) -> tuple[int | None, int | None]:
        count, tally = await counts.find(query.id), await tallies.find(query.id)
        return None if count is None else count.n, None if tally is None else tally.n


async def met(way: str, kind: str, store: str, *, revived: bool = False) -> tuple[str, object, int]:
    """Has another message write between the look and the write; the reply, what is stored then, and the runs."""
    library = Library()
    async with library.system.connect(store=store) as app:
        if revived:  # the rows of a removed record and a removed aggregate keep their versions
            await app.send(Write(id="x", kind="record"))
            await app.send(Write(id="x", kind="aggregate"))
            await app.send(Remove(id="x"))
        trying = asyncio.create_task(app.send(Try(id="x", way=way)))
        await library.looked.wait()
        await app.send(Write(id="x", kind=kind))
        library.go_on.set()
        return await trying, await app.ask(Stored(id="x")), library.runs


@pytest.mark.parametrize("revived", [False, True])
@pytest.mark.parametrize(
    ("way", "n"),
    [
        ("find_and_put", 6),
        ("get_and_put", 6),
        ("delete_and_put", 100),
        ("page_and_put", 6),
        ("page_and_put_alike", 6),
    ],
)
async def test_put_after_a_record_was_absent_runs_again(anywhere: str, way: str, n: int, *, revived: bool) -> None:
    assert await met(way, "record", anywhere, revived=revived) == ("put", (n, None), 2)


@pytest.mark.parametrize("way", ["get_and_put_unchanged", "page_and_put_unchanged"])
async def test_put_of_a_record_as_it_was_seen_runs_again_if_another_message_has_changed_it(
    anywhere: str, way: str
) -> None:
    library = Library()
    async with library.system.connect(store=anywhere) as app:
        await app.send(Change(id="x", n=3))
        trying = asyncio.create_task(app.send(Try(id="x", way=way)))
        await library.looked.wait()
        await app.send(Change(id="x", n=5))
        library.go_on.set()
        assert (await trying, library.runs) == ("put 5", 2)
        assert await app.ask(Stored(id="x")) == (5, None)


async def test_put_of_a_record_that_no_page_reached_replaces_what_is_stored(anywhere: str) -> None:
    assert await met("page_elsewhere_and_put", "record", anywhere) == ("put", (1, None), 1)


async def test_record_that_was_absent_stays_absent_for_the_run(anywhere: str) -> None:
    assert await met("find_and_delete", "record", anywhere) == ("None None False []", (5, None), 1)


@pytest.mark.parametrize("revived", [False, True])
@pytest.mark.parametrize(
    ("way", "reply"),
    [
        ("find_and_obtain", "obtained"),
        ("get_and_obtain", "obtained"),
        ("find_all_and_obtain", "obtained"),
        ("find_and_add", "added"),
    ],
)
async def test_aggregate_that_was_absent_is_not_overwritten(
    anywhere: str, way: str, reply: str, *, revived: bool
) -> None:
    assert await met(way, "aggregate", anywhere, revived=revived) == (reply, (None, 6), 2)


async def test_value_that_no_aggregate_had_is_found_when_the_handler_runs_again(anywhere: str) -> None:
    assert await met("find_and_take", "claim", anywhere) == ("found x", (None, 5), 2)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "find_and_delete" and not way.endswith("unchanged")])
async def test_what_stays_absent_is_written_in_one_run(way: str) -> None:
    library = Library()
    library.go_on.set()
    async with library.system.connect(store="memory:") as app:
        await app.send(Try(id="x", way=way))
        id = "mine" if way == "find_and_take" else "x"
        assert (await app.ask(Stored(id=id))) in [(1, None), (5, None), (None, 1), (None, 0)]
        await app.send(Remove(id=id))
        await app.send(Try(id="x", way=way))
        assert library.runs == 2
