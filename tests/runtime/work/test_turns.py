"""Everybody gets on: slow handlers among quick ones, and nobody waits for themselves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Repository, Sender, System
from remit.errors import StoreUnavailable
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime import Host, Ports
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.turns import PATIENCE_SECONDS, Place, Turns
from remit.stores import Change, Store, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, until, virtually

PLACE = ("a.X", "x")
CHANGES = [Change(*PLACE, 1, b"{}")]


class Quick(Command[int]):
    pass


class Slow(Command[int]):
    pass


class Outer(Command[int]):
    pass


class Inner(Command[int]):
    pass


class Kick(Command[None]):
    pass


class Kicked(DomainEvent):
    pass


class X(Aggregate[str]):
    n: int = 0


class Y(Aggregate[str, Kicked]):
    n: int = 0


@asynccontextmanager
async def running(context: Context, store: Store) -> AsyncGenerator[Host]:
    """A system of one context, whose time goes with the loop."""
    model, ports = System("s", contexts=[context]).model(), Ports(LoopClock())
    runtime = Host(model, {context.name: store}, ports)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


def make() -> tuple[System, list[str]]:
    context, runs = Context("a"), list[str]()

    @context.handle(Quick)
    async def quick(command: Quick, stored: Repository[X]) -> int:
        x = await stored.obtain("x")
        x.n += 1
        return x.n

    @context.handle(Slow)
    async def slow(command: Slow, stored: Repository[X]) -> int:
        runs.append("slow")
        x = await stored.obtain("x")
        await asyncio.sleep(0.02)
        x.n += 1
        return x.n

    @context.handle(Kick)
    async def kick(command: Kick, stored: Repository[Y]) -> None:
        y = await stored.obtain("y")
        y.n += 1
        y.record(Kicked())

    @context.react(Kicked)
    async def follow(event: Kicked, stored: Repository[X]) -> None:
        runs.append("reaction")
        x = await stored.obtain("x")
        await asyncio.sleep(0.02)
        x.n += 1

    return System("s", contexts=[context]), runs


async def test_slow_handlers_commit_among_quick_ones() -> None:
    """While others write the aggregate every few milliseconds, a handler of 20 ms has its turn after a conflict."""
    system, runs = make()
    async with system.connect(store="memory:") as app:
        done = asyncio.Event()

        async def load() -> None:
            while not done.is_set():
                await app.send(Quick())
                await asyncio.sleep(0.003)

        busy = [asyncio.create_task(load()) for _ in range(3)]
        await app.send(Quick())
        await app.send(Kick())
        for _ in range(5):
            await app.send(Slow(), deadline=5.0)
        await until(lambda: "reaction" in runs)
        await app.send(Slow(), deadline=5.0)
        done.set()
        await asyncio.gather(*busy)
    assert len(runs) <= 3 * 7, "each runs again a few times at most"


async def test_rerun_does_not_wait_for_its_own_turn() -> None:
    """It calls a handler that conflicts at the same aggregate."""
    context, runs = Context("a"), Counter[str]()

    async def disturbed(stored: Repository[X], who: str) -> X:
        runs[who] += 1
        x = await stored.obtain("x")
        if runs[who] == 1:
            await disturb(store)
        return x

    @context.handle(Inner)
    async def inner(command: Inner, stored: Repository[X]) -> int:
        x = await disturbed(stored, "inner")
        x.n += 100
        return x.n

    @context.handle(Outer)
    async def outer(command: Outer, stored: Repository[X], sender: Sender) -> int:
        x = await disturbed(stored, "outer")
        if runs["outer"] > 1:
            await sender.send(Inner())
        x.n += 1000
        return x.n

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        assert isinstance(app, Host)
        store = app.stores["a"]
        assert await asyncio.wait_for(app.send(Outer()), PATIENCE_SECONDS) == 1100
    assert runs["inner"] == 2


async def disturb(store: Store) -> None:
    """Another process writes the aggregate."""
    version, body = await store.load(*PLACE) or (0, b'{"id":"x"}')
    await store.commit(Unit([Change(*PLACE, version, body)]))


def test_reaction_gives_up_its_turn_while_its_source_is_away() -> None:
    """It has met a conflict, and cannot read its message again for a while: others write the aggregate meanwhile."""

    class Source(MemoryStore):
        away = False

        async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
            if self.away:
                raise StoreUnavailable("away")
            return await super().read(channel, part, after, limit)

    async def story() -> None:
        context, store, loop = Context("a"), Source(partitions=1), asyncio.get_running_loop()

        @context.handle(Quick)
        async def quick(command: Quick, stored: Repository[X]) -> int:
            (await stored.obtain("x")).n += 1
            return 1

        @context.handle(Kick)
        async def kick(command: Kick, stored: Repository[Y]) -> None:
            (await stored.obtain("y")).record(Kicked())

        @context.react(Kicked)
        async def follow(event: Kicked, stored: Repository[X]) -> None:
            x = await stored.obtain("x")
            if x.n == 0:
                store.away = True
                await disturb(store)
            x.n += 10

        async with running(context, store) as app:
            await app.send(Kick())
            await asyncio.sleep(1.0)
            assert store.away
            begun = loop.time()
            await app.send(Quick())
            assert loop.time() - begun < 0.1
            store.away = False
            await asyncio.sleep(60.0)
            assert await store.load(*PLACE) == (3, b'{"id":"x","n":11}')

    virtually(story())


def test_letter_stays_one_attempt_over_several_conflicts() -> None:
    """What its first run has called stays, and the third one cannot decide otherwise in silence."""

    async def story() -> None:
        context, store, runs = Context("a"), MemoryStore(partitions=1), list[int]()

        @context.handle(Quick)
        async def quick(command: Quick) -> int:
            return len(runs)

        @context.handle(Kick)
        async def kick(command: Kick, stored: Repository[Y]) -> None:
            (await stored.obtain("y")).record(Kicked())

        @context.react(Kicked)
        async def follow(event: Kicked, stored: Repository[X], sender: Sender) -> None:
            if broken:
                raise ValueError
            runs.append(len(runs) + 1)
            x = await stored.obtain("x")
            if len(runs) < 3:
                await sender.send(Quick())
                await disturb(store)
            x.n += 10

        broken = True
        async with running(context, store) as app:
            (follows,) = app.subscriptions
            place = SubscriptionId(follows.name, "a", Channel.PRIVATE)
            await app.send(Kick())
            await asyncio.sleep(10.0)
            assert await store.count_parked(place) == 1
            broken = False
            await store.retry(follows.name, None, LoopClock().seconds())
            await asyncio.sleep(2.0)
            (parked,) = await store.parked()
            assert (runs, parked.error.partition(":")[0]) == ([1, 2, 3], "Diverged")

    virtually(story())


def test_turn_is_waited_for_in_order_and_not_for_ever() -> None:
    async def story() -> None:
        turns, loop = Turns(), asyncio.get_running_loop()
        first, second, third = (Attempt(str(n), "", "", 0.0, "a", 9e9) for n in range(3))
        assert await turns.take_first(CHANGES, first, None) == PLACE
        waits: list[asyncio.Task[Place | None]] = []
        for each in (second, third):
            waits.append(asyncio.create_task(turns.take_first(CHANGES, each, None)))
            await asyncio.sleep(0.1)
        aside = asyncio.create_task(turns.stand_aside(CHANGES, Attempt("4", "", "", 0.0, "a", 9e9), None))
        await asyncio.sleep(1.0)
        assert not any(task.done() for task in (*waits, aside))
        turns.give_up(PLACE)
        await asyncio.sleep(0.1)
        assert [task.done() for task in (*waits, aside)] == [True, False, True]
        await asyncio.sleep(PATIENCE_SECONDS)
        assert await waits[1] is None, "it goes on without"
        begun = loop.time()
        await turns.stand_aside(CHANGES, first, None)
        assert loop.time() - begun == pytest.approx(PATIENCE_SECONDS)
        await turns.stand_aside(CHANGES, second, PLACE)
        inner = Attempt("5", "", "", 0.0, "a", 9e9)
        inner.outer = second
        assert await turns.take_first(CHANGES, inner, None) is None, "it is called by who has the turn"
        turns.give_up(PLACE)
        assert not turns.taken

    virtually(story())


def test_turn_of_who_is_cancelled_goes_to_the_next_one() -> None:
    async def story() -> None:
        turns = Turns()
        first, second, third = (Attempt(str(n), "", "", 0.0, "a", 9e9) for n in range(3))
        await turns.take_first(CHANGES, first, None)
        given = asyncio.create_task(turns.take_first(CHANGES, second, None))
        await asyncio.sleep(0.1)
        last = asyncio.create_task(turns.take_first(CHANGES, third, None))
        await asyncio.sleep(0.1)
        turns.give_up(PLACE)
        given.cancel()  # at the moment in which it was given the turn
        assert await last == PLACE
        turns.give_up(PLACE)
        assert not turns.taken

    virtually(story())


def test_turn_moves_to_where_the_conflict_is() -> None:
    async def story() -> None:
        turns, attempt = Turns(), Attempt("1", "", "", 0.0, "a", 9e9)
        mine = await turns.take_first(CHANGES, attempt, None)
        assert await turns.take_first(CHANGES, attempt, mine) == mine
        assert await turns.take_first([Change("a.X", "y", 1, b"{}")], attempt, mine) == ("a.X", "y")
        assert list(turns.taken) == [("a.X", "y")]

    virtually(story())
