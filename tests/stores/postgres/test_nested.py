"""Handlers with statements of their own that call such handlers: however many at once, none waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Query, Repository, Sender, Sql, System
from remit.errors import CallError
from remit.runtime import Host
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.turns import PATIENCE_SECONDS
from remit.stores import Change, nesting
from remit.stores.nesting import Nested
from remit.stores.postgres.transactions import MOST

Connection = Any  # asyncpg.Connection takes its parameter in stubs only
MANY = 40
SECONDS = 8.0


class Nest(Command[int]):
    """Answers how many handlers there were. It calls `NestOdd`, of another context, which calls it."""

    depth: int


class NestOdd(Command[int]):
    depth: int


class Count(Query[int]): ...


class Begin(Command[None]):
    id: str


class Begun(DomainEvent):
    id: str


class Work(Aggregate[str, Begun]): ...


class Found(Aggregate[str]):
    nested: int = 0


class Find(Command[None]):
    id: str


class Look(Command[int]): ...


class Done(Query[list[int]]):
    ids: list[str]


even, odd, work = Context("even"), Context("odd"), Context("work")


@even.handle(Nest)
async def nest(command: Nest, sql: Sql, sender: Sender) -> int:
    await sql.fetch("SELECT 1")
    inner = await sender.send(NestOdd(depth=command.depth - 1)) if command.depth else 0
    return 1 + inner


@odd.handle(NestOdd)
async def nest_odd(command: NestOdd, sql: Sql, sender: Sender) -> int:
    await sql.fetch("SELECT 1")
    inner = await sender.send(Nest(depth=command.depth - 1)) if command.depth else 0
    return 1 + inner


@even.answer(Count)
async def count(query: Count, sql: Sql) -> int:
    """How many connections the stores of this test have for statements."""
    mine = "'remit ' || rtrim(current_schema(), 'even') || '% sql'"
    rows = await sql.fetch(f"SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE {mine}")
    return int(rows[0]["n"])


@work.handle(Begin)
async def begin(command: Begin, works: Repository[Work]) -> None:
    (await works.obtain(command.id)).record(Begun(id=command.id))


@work.react(Begun)
async def on_begun(event: Begun, sql: Sql, sender: Sender, all_found: Repository[Found]) -> None:
    await sql.fetch("SELECT 1")
    (await all_found.obtain(event.id)).nested = await sender.send(Look())


@work.handle(Find)
async def find(command: Find, sql: Sql, all_found: Repository[Found]) -> None:
    await sql.fetch("SELECT 1")
    (await all_found.obtain(command.id)).nested = 1


@work.handle(Look)
async def look(command: Look, sql: Sql) -> int:
    return int((await sql.fetch("SELECT 2 AS n"))[0]["n"])


@work.answer(Done)
async def done(query: Done, all_found: Repository[Found]) -> list[int]:
    return [found.nested for id in query.ids if (found := await all_found.find(id))]


system = System("nested", contexts=[even, odd, work])


@pytest.fixture
async def app(connection: Connection, server: str, schema: str) -> AsyncIterator[Sender]:
    async with system.connect(store=f"{server}?schema={schema}_{{context}}") as app:
        yield app
    for context in ("even", "odd", "work"):
        await connection.execute(f"DROP SCHEMA {schema}_{context} CASCADE")


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_commands_that_nest_all_come_to_an_end(app: Sender, depth: int) -> None:
    """They go to and fro between two contexts, which each call the other."""
    sent = (
        app.send(kind(depth=depth), key=f"{kind.__name__} {n}", deadline=SECONDS)
        for n in range(MANY // 2)
        for kind in (Nest, NestOdd)
    )
    assert await asyncio.gather(*sent) == [depth + 1] * MANY
    assert 2 < await app.ask(Count()) <= 2 * sum(MOST), "two stores"


async def test_reactions_that_nest_all_come_to_an_end(app: Sender) -> None:
    ids = [f"w{n}" for n in range(MANY)]
    await asyncio.gather(*(app.send(Begin(id=id)) for id in ids))
    assert await app.ask(Done(ids=ids), fresh=True, deadline=SECONDS) == [2] * MANY


async def test_whoever_has_locked_rows_waits_for_nobodys_turn(app: Sender) -> None:
    """Who has the turn may wait for these very rows."""
    assert isinstance(app, Host)
    for id in ("w1", "w2"):
        change = Change("work.Found", id, 0, b"")
        assert await app.shared.turns.take_first([change], Attempt(id, id, "", 0.0, "work", SECONDS), None)
    await app.send(Find(id="w1"), deadline=PATIENCE_SECONDS / 2)
    await app.send(Begin(id="w2"))
    assert await app.ask(Done(ids=["w1", "w2"]), fresh=True, deadline=PATIENCE_SECONDS / 2) == [1, 2]


async def test_handlers_that_nest_deeper_are_refused(app: Sender, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CallError):
        await app.send(Nest(depth=len(MOST)))
    assert "wait for each other's calls, and this is one more" in caplog.text


async def test_one_call_after_the_other_is_of_the_same_level() -> None:
    outer = Nested.here()
    for _ in range(3):
        inner = Nested.here()
        assert (outer.level, inner.level, inner.outer, nesting.depth()) == (0, 1, outer, 2)
        inner.over = True
    outer.over = True
    assert nesting.depth() == 0
    assert Nested.here().outer is None, "nothing is kept of what is over"


async def test_branches_know_their_callers_and_not_each_other() -> None:
    outer = Nested.here()

    async def branch() -> Nested:
        return Nested.here()

    branches = await asyncio.gather(branch(), branch())
    assert [branch.outer for branch in branches] == [outer, outer]
    assert nesting.depth() == 1


async def test_a_call_from_another_process_begins_where_its_caller_is() -> None:
    Nested.here()
    before = nesting.arrived(2)
    assert Nested.here().level == 2
    nesting.left(before)
    before = nesting.arrived(0)
    assert Nested.here().level == 0, "whatever runs in the task that has brought it"
    nesting.left(before)
    assert nesting.depth() == 1
