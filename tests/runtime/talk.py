"""A context that notes what is said in it, over stores and feeds that can be made difficult."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec

from remit import Aggregate, Command, Context, DomainEvent, Repository, System
from remit.errors import Unavailable
from remit.log import Channel, Heads, MessageRecord
from remit.observability import StateChanged, line_of
from remit.runtime import Host, LoopWatch, Ports, RuntimeEvent, SystemClock
from remit.runtime.following.follower import Follower
from remit.stores import Store, partition_of
from remit.stores.memory.store import MemoryStore
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.loop import SimLoop
from remit.transports import Feed, Push
from remit.transports.store_feed import StoreFeed

ADA, ZOE = "ada", "zoe"
PART = {name: partition_of(name, 2) for name in (ADA, ZOE)}
assert PART[ADA] != PART[ZOE]


class Say(Command[None]):
    who: str


class Said(DomainEvent):
    who: str


class Speaker(Aggregate[str, Said]):
    times: int = 0


class Note(Aggregate[str]):
    times: int = 0


class SlowFeed(StoreFeed):
    """Can be made to hold back the heads it has looked up, and to fail."""

    def __init__(self, log: Store) -> None:
        super().__init__("talk", Channel.PRIVATE, log)
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.away = 0
        self.lost = 0
        """How many questions get no answer, ever."""

    async def heads(self) -> Heads:
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        await self._answer()
        found = await super().heads()
        await self.go_on.wait()
        return found

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        await self._answer()
        return await super().read(part, after, limit)

    async def _answer(self) -> None:
        if self.lost:
            self.lost -= 1
            await asyncio.Event().wait()


class LoopClock(SystemClock):
    """Goes with the event loop, be its time virtual or not."""

    def seconds(self) -> float:
        return 1_700_000_000.0 + asyncio.get_running_loop().time()

    def ticks(self) -> float:
        return asyncio.get_running_loop().time()


def plainly(wait: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
    return wait()


@dataclass
class Talk:
    """A context that notes what is said in it, and may be held up while it does."""

    store: MemoryStore = field(default_factory=lambda: MemoryStore(partitions=2))
    entered: list[str] = field(default_factory=list[str])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    said: list[str] = field(default_factory=list[str])
    told: list[str] = field(default_factory=list[str])
    """The same, with what was said."""
    states: list[str] = field(default_factory=list[str])
    """Of what notes, one after another, with what keeps it."""
    failing: list[Exception] = field(default_factory=list[Exception])
    """What noting raises, once each, before it works."""
    wrap: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]] = plainly
    """How noting waits for its gate."""
    source: MemoryStore | None = None
    """Whose log is followed, if it is not the context's own."""
    watch: LoopWatch | None = None
    away: int = 0
    """How often the source cannot be read at first."""

    def model(self) -> System:
        talk = Context("talk")

        @talk.handle(Say)
        async def say(command: Say, speakers: Repository[Speaker]) -> None:
            speaker = await speakers.obtain(command.who)
            speaker.times += 1
            speaker.record(Said(who=command.who))

        @talk.react(Said)
        async def note(event: Said, notes: Repository[Note]) -> None:
            self.entered.append(event.who)
            if self.failing:
                raise self.failing.pop(0)
            await self.wrap(self.gates[event.who].wait)
            (await notes.obtain(event.who)).times += 1

        return System("talk", contexts=[talk])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[tuple[Host, Follower, SlowFeed], None]:
        self.gates = {ADA: asyncio.Event(), ZOE: asyncio.Event()}
        model, feed = self.model().model(), SlowFeed(self.source or self.store)
        clock = LoopClock() if self.watch is None else SystemClock()  # what watches the loop has a thread of its own
        ports = Ports(clock, watch=self.watch)
        feed.away = self.away

        def hear(event: RuntimeEvent) -> None:
            if isinstance(event, StateChanged) and event.where == "talk.note":
                self.states.append(f"{event.after}: {event.note}")
            if (line := line_of(event)) is not None:
                self.said.append(line.word)
                self.told.append(f"{line.word}: {line.what}")

        def feeds(*_: object) -> Feed:
            return feed

        runtime = Host(model, {"talk": self.store}, ports, listeners=[hear], feeds=feeds)
        await runtime.start()
        try:
            yield runtime, runtime.subscriptions[0], feed
        finally:
            await runtime.stop()


def virtually(story: Coroutine[Any, Any, None]) -> None:
    """Runs a story on virtual time: it waits for nothing, so an hour takes no longer than what happens in it."""
    loop = SimLoop(Choices(1), lambda _: False)
    try:
        loop.run_until_complete(story)
        assert loop.unhandled() == []
    finally:
        loop.bury()


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Gives way until a condition holds. Fails when it has not come to hold in so many seconds."""
    latest = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < latest, f"what is waited for has not come in {seconds:.0f} s"
        await asyncio.sleep(0.001)


async def until_parked(store: Store, keys: int, seconds: float = 15.0) -> None:
    """The same until so many keys are parked."""
    latest = time.monotonic() + seconds
    while (parked := len(await store.parked())) != keys:
        assert time.monotonic() < latest, f"{parked} keys are parked after {seconds:.0f} s, not {keys}"
        await asyncio.sleep(0.001)


P = ParamSpec("P")


def on_virtual_time(story: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test without waiting for anything."""

    @wraps(story)
    def test(*args: P.args, **kwargs: P.kwargs) -> None:
        virtually(story(*args, **kwargs))

    return test


def now() -> float:
    return asyncio.get_running_loop().time()


class Ear:
    """A bell, and when it was rung."""

    def __init__(self) -> None:
        self.rung: list[float] = []

    def __call__(self, push: Push | None) -> None:
        self.rung.append(now())
