"""A subscription beside another process on the same store, and on a feed that is slow or away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from remit import Aggregate, Command, Context, DomainEvent, Repository, System, Unavailable
from remit.runtime import Ports, Runtime, Signal, compile_system
from remit.runtime.subscription import Subscription
from remit.stores import PRIVATE, Advance, Store, Unit, partition_of
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
            await self.gates[event.who].wait()
            (await notes.obtain(event.who)).times += 1

        return System("talk", contexts=[talk])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[tuple[Runtime, Subscription, SlowFeed], None]:
        self.gates = {ADA: asyncio.Event(), ZOE: asyncio.Event()}
        model, feed = self.model(), SlowFeed(self.store)
        plans = compile_system(model, {}, model.check())

        def hear(signal: Signal) -> None:
            self.said.append(signal.kind)

        def feeds(*_: object) -> Feed:
            return feed

        runtime = Runtime(model, plans, {"talk": self.store}, Ports(), listener=hear, feeds=feeds)
        await runtime.start()
        try:
            yield runtime, runtime.subscriptions[0], feed
        finally:
            await runtime.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Gives way until a condition holds; the test's time limit bounds it."""
    while not condition():  # noqa: ASYNC110  # the runtime's own states have no event to wait for
        await asyncio.sleep(0.001)


async def test_a_conflict_in_one_partition_does_not_move_another_that_is_being_handled() -> None:
    talk = Talk()
    async with talk.running() as (runtime, subscription, _):
        await runtime.send(Say(who=ADA))
        await runtime.send(Say(who=ZOE))
        await until(lambda: sorted(talk.entered) == [ADA, ZOE])
        for part in PART.values():
            (record,) = await talk.store.read(PRIVATE, part, 0, 1)
            rival = Advance("talk.note", "talk", PRIVATE, part, 0, "", 1, record.id, 0.0, frozenset())
            await talk.store.commit(Unit(advance=rival))
        talk.gates[ZOE].set()
        await until(lambda: subscription.position(PART[ZOE]) == 1)
        talk.gates[ADA].set()
        await until(lambda: all(lane.worker is None for lane in subscription._lanes.values()))
        assert await talk.store.load("talk.Note", ADA) is None, "handled although a rival had handled it"
        assert subscription.state == "running"


async def test_heads_that_arrive_late_are_no_other_history() -> None:
    talk = Talk()
    async with talk.running() as (runtime, subscription, feed):
        await runtime.send(Say(who=ADA))
        await until(lambda: talk.entered == [ADA])
        feed.go_on.clear()
        subscription.ring()
        await asyncio.sleep(0)  # the heads are looked up, and held back
        await runtime.send(Say(who=ADA))
        talk.gates[ADA].set()
        await until(lambda: subscription.position(PART[ADA]) == 2)
        feed.go_on.set()
        await until(lambda: subscription._lanes[PART[ADA]].worker is None)
        await runtime.send(Say(who=ADA))
        await until(lambda: subscription.position(PART[ADA]) == 3 or subscription.state == "regressed")
        assert subscription.state == "running"


async def test_a_subscription_runs_again_when_its_source_is_back_although_nothing_is_new() -> None:
    talk = Talk()
    async with talk.running() as (_, subscription, feed):
        feed.away = 1
        subscription.ring()
        await until(lambda: subscription.state == "paused")
        await until(lambda: feed.away == 0 and subscription.state == "running")
        assert talk.said == ["paused", "resumed"]
