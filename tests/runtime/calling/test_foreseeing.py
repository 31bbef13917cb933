"""What a command is likely to load first is looked up with its outcome, where a store is a round trip away; and it is
never believed for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NewType

import pytest

from remit import Aggregate, Command, Context, Repository, Sender, System
from remit.hosting.assembly import assemble
from remit.runtime import Host
from remit.stores.memory.store import MemoryStore

Name = NewType("Name", str)
A = Name("a")


class Count(Command[int]):
    """Adds one to the number under a name; what `before` says is done first."""

    before: str
    name: Name


class Number(Aggregate[Name]):
    count: int = 0


def program(told: list[str], waiting: asyncio.Event, written: asyncio.Event) -> System:
    numbers_of = Context("numbers", kind="core")

    @numbers_of.handle(Count)
    async def count(command: Count, numbers: Repository[Number], sender: Sender) -> int:
        told.append("run")
        if command.before == "wait":
            waiting.set()
            await written.wait()
        if command.before == "send":
            await sender.send(Count(before="", name=command.name))
        if command.before == "load":
            await numbers.find(Name("another"))
        number = await numbers.obtain(command.name)
        number.count += 1
        return number.count

    return System("counting", contexts=[numbers_of])


@pytest.fixture
def events() -> tuple[asyncio.Event, asyncio.Event]:
    return asyncio.Event(), asyncio.Event()


@pytest.fixture
def told() -> list[str]:
    """What handler and store were asked for."""
    return []


@pytest.fixture
async def app(
    events: tuple[asyncio.Event, asyncio.Event], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Host]:
    load, recall = MemoryStore.load, MemoryStore.recall

    async def loading(store: MemoryStore, kind: str, id: str) -> tuple[int, bytes] | None:
        told.append(f"load {id}")
        return await load(store, kind, id)

    async def recalling(store: MemoryStore, caller: str, key: str, kind: str, id: str) -> object:
        told.append("recall")
        return await recall(store, caller, key, kind, id)

    runtime = assemble(program(told, *events).model(), store="memory:")
    store = runtime.stores["numbers"]
    store.technology = replace(store.technology, apart=True)
    await runtime.start()
    monkeypatch.setattr(MemoryStore, "load", loading)
    monkeypatch.setattr(MemoryStore, "recall", recalling)
    yield runtime
    await runtime.stop()


async def test_it_is_looked_up_with_the_outcome(app: Host, told: list[str]) -> None:
    assert await app.send(Count(before="", name=A), key="first") == 1
    assert told == ["recall", "load a", "run"], "the store looks it up, and nobody asks again"
    assert await app.send(Count(before="", name=A), key="first") == 1, "a repetition is told the outcome"


@pytest.mark.parametrize(
    ("before", "asked"), [("send", ["recall", "load a", "run", "load a"]), ("load", ["load another", "load a"])]
)
async def test_what_the_handler_did_first_is_seen(app: Host, told: list[str], before: str, asked: list[str]) -> None:
    await app.send(Count(before="", name=A), key="first")
    told.clear()
    assert await app.send(Count(before=before, name=A), key="second") == 2 + (before == "send")
    assert told == ["recall", "load a", "run", *asked], "nothing old was decided upon, so nothing was done again"


async def test_what_happened_while_the_handler_waited_is_seen(
    app: Host, told: list[str], events: tuple[asyncio.Event, asyncio.Event]
) -> None:
    waiting, written = events
    await app.send(Count(before="", name=A), key="first")
    slow = asyncio.create_task(app.send(Count(before="wait", name=A), key="second"))
    await waiting.wait()
    assert await app.send(Count(before="", name=A), key="third") == 2
    told.clear()
    written.set()
    assert await slow == 3
    assert told == ["load a"], "nothing old was decided upon, so nothing was done again"
