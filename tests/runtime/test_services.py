"""What users provide: made once when a system starts, closed when it stops, and a failure that says which."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import pytest

from remit import Context, Query, System
from remit.errors import ServiceError
from remit.hosting.assembly import assemble


class Greeting(Query[str]): ...


class Line(Protocol):
    def say(self) -> str: ...


class Wire:
    """Notes what becomes of it."""

    def __init__(self, story: list[str], name: str = "wire") -> None:
        self.story, self.name = story, name
        story.append(f"{name} opened")

    def say(self) -> str:
        return f"by {self.name}"

    def close(self) -> None:
        self.story.append(f"{self.name} closed")


class OtherWire(Wire): ...


def plain(story: list[str]) -> Callable[[], Wire]:
    return lambda: Wire(story)


def awaited(story: list[str]) -> Any:
    async def make() -> Wire:
        return Wire(story)

    return make


def closing(story: list[str], name: str = "wire") -> Any:
    @contextmanager
    def make() -> Generator[Wire]:
        wire = Wire(story, name)
        yield wire
        wire.close()

    return make


def closing_later(story: list[str], name: str = "wire") -> Any:
    @asynccontextmanager
    async def make() -> AsyncGenerator[Wire]:
        wire = Wire(story, name)
        yield wire
        wire.close()

    return make


def greeter() -> Context[Any]:
    """A context whose answer needs a line."""
    desk = Context("desk")

    @desk.answer(Greeting)
    async def greet(query: Greeting, line: Line) -> str:
        return line.say()

    return desk


@pytest.mark.parametrize("make", [plain, awaited, closing, closing_later])
async def test_a_service_is_made_once_when_the_system_starts(make: Any) -> None:
    story: list[str] = []
    desk = greeter()
    desk.provide(Line, make(story))
    system = System("office", contexts=[desk])
    assemble(system.model(), store="memory:")  # all that `remit status` does
    assert story == []
    async with system.connect(store="memory:") as app:
        assert [await app.ask(Greeting()) for _ in range(2)] == ["by wire", "by wire"]
        assert story == ["wire opened"]
    assert story == ["wire opened", "wire closed"][: 2 if make in (closing, closing_later) else 1]


async def test_each_start_makes_its_own() -> None:
    story: list[str] = []
    desk = greeter()
    desk.provide(Line, closing(story))
    for _ in range(2):
        async with System("office", contexts=[desk]).connect(store="memory:") as app:
            await app.ask(Greeting())
    assert story == ["wire opened", "wire closed"] * 2


async def test_what_was_opened_last_is_closed_first() -> None:
    story: list[str] = []
    desk = greeter()
    desk.provide(Line, closing(story, "one"))
    desk.provide(Wire, closing_later(story, "two"))
    async with System("office", contexts=[desk]).connect(store="memory:"):
        pass
    assert story == ["one opened", "two opened", "two closed", "one closed"]


async def test_a_factory_that_fails_is_named_and_what_was_opened_is_closed() -> None:
    story: list[str] = []

    def broken() -> OtherWire:
        raise KeyError("TOKEN")

    desk = greeter()
    desk.provide(Line, closing(story))
    desk.provide(OtherWire, broken)
    with pytest.raises(ServiceError) as caught:
        async with System("office", contexts=[desk]).connect(store="memory:"):
            pytest.fail("it has started")
    assert caught.value.what == "making OtherWire failed: KeyError: 'TOKEN'"
    assert caught.value.where.startswith("desk.provide(OtherWire, ...) at ")
    assert "test_services.py:" in caught.value.where
    assert story == ["wire opened", "wire closed"]


async def test_what_merely_may_be_entered_is_given_as_it_is() -> None:
    desk = Context("desk")
    lock = threading.Lock()
    desk.provide(type(lock), lambda: lock)
    async with System("office", contexts=[desk]).connect(store="memory:"):
        assert not lock.locked()


async def test_a_factory_that_makes_something_else_is_named_at_start() -> None:
    desk = Context("desk")
    factory: Any = lambda: 5  # noqa: E731  # the mistake
    desk.provide(Wire, factory)
    with pytest.raises(ServiceError) as caught:
        async with System("office", contexts=[desk]).connect(store="memory:"):
            pytest.fail("it has started")
    assert caught.value.what == "what was made for Wire is of type int"
    assert caught.value.where.startswith("desk.provide(Wire, ...) at ")
