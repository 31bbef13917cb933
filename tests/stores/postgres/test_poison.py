"""A message whose values the store does not take parks its key: its partition goes on, and so does everybody else."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Query, Repository, System
from remit.hosting.assembly import assemble
from remit.stores import partition_of

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


class Tell(Command[None]):
    key: str
    text: str


class Told(DomainEvent):
    key: str
    text: str


class Letter(Aggregate[str, Told]):
    text: str = ""


class Note(Aggregate[str]):
    count: int = 0


class Count(Query[int]):
    text: str


class Desk(System):
    """Notes texts, each in an aggregate that has it as its identity. A reaction raises those that begin with `!`."""

    def __init__(self, context: Context[Any]) -> None:
        super().__init__("desk", contexts=[context])
        self.schema = context.name

        @context.handle(Tell)
        async def tell(command: Tell, letters: Repository[Letter]) -> None:
            letter = await letters.obtain(command.key)
            letter.text = command.text
            letter.record(Told(key=command.key, text=command.text))

        @context.react(Told)
        async def note(event: Told, notes: Repository[Note]) -> None:
            if event.text.startswith("!"):
                raise ValueError(event.text)
            (await notes.obtain(event.text)).count += 1

        @context.answer(Count)
        async def count(query: Count, notes: Repository[Note]) -> int:
            found = await notes.find(query.text)
            return found.count if found else 0


@pytest.fixture
async def desk(connection: Connection) -> AsyncIterator[Desk]:
    desk = Desk(Context(f"desk_{uuid4().hex[:12]}"))
    yield desk
    await connection.execute(f"DROP SCHEMA IF EXISTS {desk.schema} CASCADE")


LONG = random.Random(5).randbytes(3000).hex()


@pytest.mark.parametrize("text", ["a\0b", LONG, "!a\0b"], ids=["NUL", "long", "NUL in what is raised"])
async def test_a_message_that_cannot_be_written_parks_its_key(desk: Desk, server: str, text: str) -> None:
    same = next(key for key in map(str, range(1000)) if partition_of(key, 16) == partition_of("evil", 16))
    app = assemble(desk.model(), store=server)
    await app.start()
    try:
        await app.send(Tell(key="evil", text=text))
        await app.send(Tell(key=same, text="ada"))
        store = app.stores[desk.schema]
        while not (parked := await store.parked()):
            pass
        assert [row.key for row in parked] == ["evil"]
        assert "\0" not in parked[0].error
        while await app.ask(Count(text="ada")) != 1:
            pass
    finally:
        await app.stop()
