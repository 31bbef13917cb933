"""A subscription that has not begun yet does not keep answers from being fresh; one that has begun does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Projection,
    Query,
    Repository,
    System,
    View,
)
from remit.errors import DeadlineExceeded
from remit.log import Channel
from remit.runtime import Host, Ports
from remit.stores import Store
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Side
from tests.runtime.talk import LoopClock, on_virtual_time

BEGAN = 1_700_000_000.0
"""When the loop's time is 0 (seconds since the epoch)."""


class Write(Command[None]):
    book: str


class Written(DomainEvent):
    book: str


class Published(IntegrationEvent, version=1, key="book"):
    book: str


class Lines(Query[int]):
    book: str


class Counted(Query[int]):
    pass


class Book(Aggregate[str, Written]):
    lines: int = 0


class Reader(Aggregate[str]):
    seen: int = 0


class Count(Projection[str, Written]):
    lines: int = 0

    @staticmethod
    def key(event: Written) -> str:
        return "all"

    def evolve(self, event: Written) -> None:
        self.lines += 1


def shelf() -> Context[Any]:
    """A book that can be written and read."""
    context = Context("shelf")

    @context.handle(Write)
    async def write(command: Write, books: Repository[Book]) -> None:
        book = await books.obtain(command.book)
        book.lines += 1
        book.record(Written(book=command.book))

    @context.answer(Lines)
    async def lines(query: Lines, books: Repository[Book]) -> int:
        return (await books.get(query.book)).lines

    @context.publish(Written)
    def publish(event: Written) -> Published:
        return Published(book=event.book)

    return context


def soon(seconds: float) -> datetime:
    """A time on the clock of the loop."""
    return datetime.fromtimestamp(BEGAN + asyncio.get_running_loop().time() + seconds, UTC)


def reading(begins: datetime | None) -> System:
    """The book, with a reaction that begins at a time."""
    context = shelf()

    @context.react(Written, begins=begins)
    async def read(event: Written, readers: Repository[Reader]) -> None:
        await asyncio.sleep(1)
        (await readers.obtain("r")).seen += 1

    @context.answer(Counted)
    async def counted(query: Counted, readers: Repository[Reader]) -> int:
        reader = await readers.find("r")
        return reader.seen if reader else 0

    return System("s", contexts=[context])


@asynccontextmanager
async def started(system: System, store: Store | None = None) -> AsyncGenerator[Host]:
    host = Host(system.model(), {"shelf": store or MemoryStore()}, Ports(LoopClock(), watch=None))
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


@on_virtual_time
async def test_a_reaction_that_has_not_begun_is_not_waited_for() -> None:
    async with started(reading(soon(365 * 86_400.0))) as host:
        await host.send(Write(book="a"))
        assert await host.ask(Lines(book="a"), fresh=True, deadline=3.0) == 1
        assert await host.ask(Counted(), fresh=True, deadline=3.0) == 0


@on_virtual_time
async def test_a_reaction_is_waited_for_once_it_has_begun() -> None:
    async with started(reading(soon(60.0))) as host:
        await host.send(Write(book="a"))
        await asyncio.sleep(60.1)
        await host.send(Write(book="a"))
        await host.send(Write(book="b"))
        assert await host.ask(Counted(), fresh=True, deadline=30.0) == 2


@on_virtual_time
async def test_a_projection_that_has_not_begun_is_not_waited_for() -> None:
    context = shelf()
    context.project(begins=soon(365 * 86_400.0))(Count)

    @context.answer(Counted)
    async def counted(query: Counted, counts: View[Count]) -> int:
        found = await counts.find("all")
        return found.lines if found else 0

    async with started(System("s", contexts=[context])) as host:
        await host.send(Write(book="a"))
        assert await host.ask(Counted(), fresh=True, deadline=3.0) == 0


@on_virtual_time
async def test_a_reaction_that_its_source_knows_is_waited_for_whatever_beginning_is_declared_later() -> None:
    """It began before anything was written, so it has no checkpoint."""
    store = MemoryStore()
    async with started(reading(None), store):
        await asyncio.sleep(1)
    async with started(reading(soon(3600.0)), store) as host:
        await host.send(Write(book="a"))
        with pytest.raises(DeadlineExceeded, match=r"shelf\.read has not handled"):
            await host.ask(Counted(), fresh=True, deadline=0.5)
        assert await host.ask(Counted(), fresh=True, deadline=30.0) == 1


@pytest.mark.parametrize("asked_from", ["shelf", "club"])
@on_virtual_time
async def test_a_reaction_in_another_process_that_has_not_begun_is_not_waited_for(asked_from: str) -> None:
    club = Context("club")
    heard: list[str] = []

    @club.react(Published, begins=datetime.now(UTC) + timedelta(days=365))
    async def hear(event: Published) -> None:
        heard.append(event.book)

    @club.answer(Counted)
    async def counted(query: Counted) -> int:
        return len(heard)

    exchange, system = Exchange(), System("s", contexts=[shelf(), club])
    sides = {name: Side(system, name, InProcessCalls(exchange)) for name in ("shelf", "club")}
    await asyncio.gather(*(side.start() for side in sides.values()))
    try:
        await sides["shelf"].host.send(Write(book="a"))
        assert await sides[asked_from].host.ask(Counted(), fresh=True, deadline=3.0) == 0
        assert await sides["shelf"].host.stores["shelf"].heads(Channel.PUBLISHED)
        await asyncio.sleep(30)
        assert heard == []
    finally:
        for side in sides.values():
            await side.stop()
