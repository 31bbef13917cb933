"""A context that notes what is said in it, over stores and feeds that can be made difficult."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from remit import Aggregate, Command, Context, DomainEvent, Repository, System, Unavailable
from remit.runtime import Ports, Runtime, Signal, compile_system
from remit.runtime.subscription import Subscription
from remit.stores import PRIVATE, Store, partition_of
from remit.stores.memory import MemoryStore
from remit.transports import Feed, StoreFeed

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
        super().__init__("talk", PRIVATE, log)
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.away = 0

    async def heads(self) -> Mapping[int, tuple[int, float]]:
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        found = await super().heads()
        await self.go_on.wait()
        return found


@dataclass
class Talk:
    """A context that notes what is said in it, and may be held up while it does."""

    store: MemoryStore = field(default_factory=lambda: MemoryStore(partitions=2))
    entered: list[str] = field(default_factory=list[str])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    said: list[str] = field(default_factory=list[str])
    failing: list[Exception] = field(default_factory=list[Exception])
    """What noting raises, once each, before it works."""

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
            await self.gates[event.who].wait()
            (await notes.obtain(event.who)).times += 1

        return System("talk", contexts=[talk])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[tuple[Runtime, Subscription, SlowFeed], None]:
        self.gates = {ADA: asyncio.Event(), ZOE: asyncio.Event()}
        model, feed, ports = self.model(), SlowFeed(self.store), Ports()
        model.check().settle()
        plans = compile_system(model, ports)

        def hear(signal: Signal) -> None:
            self.said.append(signal.kind)

        def feeds(*_: object) -> Feed:
            return feed

        runtime = Runtime(model, plans, {"talk": self.store}, ports, listener=hear, feeds=feeds)
        await runtime.start()
        try:
            yield runtime, runtime.subscriptions[0], feed
        finally:
            await runtime.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Gives way until a condition holds; the test's time limit bounds it."""
    while not condition():  # noqa: ASYNC110  # the runtime's own states have no event to wait for
        await asyncio.sleep(0.001)
