"""Several runtimes over one store, in one process and on virtual time: who does what, and who knows what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Query, Repository, System
from remit.errors import Stale
from remit.log import Channel, MessageRecord
from remit.runtime import Host, Ports
from remit.runtime.following.ending import DRAIN_SECONDS
from remit.runtime.upkeep.leases import LEASE_SECONDS, LOOK_SECONDS, SETTLED_SECONDS
from remit.stores import Advance, Unit, partition_of
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, on_virtual_time


class Ring(Command[None]):
    door: str


class Rung(DomainEvent):
    door: str


class Door(Aggregate[str, Rung]):
    times: int = 0


class HowOften(Query[int]):
    door: str


class Watered(DomainEvent):
    bed: str


class House:
    """A house whose processes answer the doors. `answered` has each time that somebody did."""

    def __init__(self) -> None:
        self.stores = {"house": shared(MemoryStore(partitions=1))}
        self.seconds = 0.0
        """How long it takes to answer the door, before and after it is done."""
        self.answered: list[str] = []
        self.failing = False
        self.two = False
        """Whether two subscriptions answer."""

    def model(self) -> System:
        return System("house", contexts=[self._garden() if name == "garden" else self._house() for name in self.stores])

    def _garden(self) -> Context[Any]:
        garden = Context("garden")

        @garden.react(Watered)
        async def grow(_: Watered) -> None:
            """Nothing is watered."""

        return garden

    def _house(self) -> Context[Any]:
        context = Context("house")

        if self.two:

            @context.react(Rung)
            async def bark(event: Rung) -> None:
                """The dog."""
                await asyncio.sleep(self.seconds)
                self.answered.append(f"dog at {event.door}")
                await asyncio.sleep(self.seconds)

        @context.react(Rung)
        async def answer(event: Rung) -> None:
            if self.failing:
                raise ValueError
            await asyncio.sleep(self.seconds)
            self.answered.append(event.door)
            await asyncio.sleep(self.seconds)

        @context.handle(Ring)
        async def ring(command: Ring, doors: Repository[Door]) -> None:
            door = await doors.obtain(command.door)
            door.times += 1
            door.record(Rung(door=command.door))

        @context.answer(HowOften)
        async def how_often(query: HowOften, doors: Repository[Door]) -> int:
            return (await doors.get(query.door)).times

        return context

    def process(self) -> Host:
        model, ports = self.model().model(), Ports(LoopClock())
        return Host(model, self.stores, ports)

    @asynccontextmanager
    async def processes(self, count: int) -> AsyncGenerator[list[Host]]:
        async with AsyncExitStack() as stack:
            running: list[Host] = []
            for _ in range(count):
                running.append(self.process())
                await running[-1].start()
                stack.push_async_callback(running[-1].stop)
            yield running


def shared(store: MemoryStore) -> MemoryStore:
    """As one that processes share."""
    store.technology = replace(store.technology, shared_between_processes=True)
    return store


def states(runtime: Host) -> list[str]:
    return [each.state for each in runtime.subscriptions]


@on_virtual_time
async def test_a_process_that_runs_nothing_answers_as_fresh_as_the_one_that_does() -> None:
    house = House()
    async with house.processes(2) as (one, two):
        assert (states(one), states(two)) == (["running"], ["standby"])
        await two.send(Ring(door="front"))
        one.subscriptions[0].ring()
        assert await two.ask(HowOften(door="front"), fresh=True) == 1
        assert house.answered == ["front"]


@on_virtual_time
async def test_a_process_that_runs_nothing_hears_that_a_subscription_is_broken() -> None:
    house = House()
    store = house.stores["house"]
    async with house.processes(1) as (before,):
        await before.send(Ring(door="front"))
        assert await before.ask(HowOften(door="front"), fresh=True) == 1
        id = before.subscriptions[0].id
    (stood,) = (await store.checkpoints(id)).values()
    other = Advance(
        id,
        0,
        stood.pos,
        stood.id,
        stood.pos,
        "of another history",
        1.0,
    )
    await store.commit(Unit(advance=other))
    async with house.processes(2) as (one, two):
        await two.send(Ring(door="front"))
        assert (states(one), states(two)) == (["regressed"], ["standby"])
        for process in (one, two):
            with pytest.raises(Stale):
                await process.ask(HowOften(door="front"), fresh=True)


@on_virtual_time
async def test_letters_are_handled_by_the_process_that_runs_the_subscription() -> None:
    house = House()
    async with house.processes(3) as (one, _, three):
        house.failing = True
        await one.send(Ring(door="front"))
        await asyncio.sleep(5.0)
        house.failing = False
        await three.stores["house"].retry(one.subscriptions[0].name, None, LoopClock().seconds())
        await asyncio.sleep(2.0)
        assert house.answered == ["front"]


@on_virtual_time
async def test_what_is_being_done_is_committed_before_a_process_ends() -> None:
    house = House()
    house.seconds = DRAIN_SECONDS / 3
    async with house.processes(2) as (one, two):
        await one.send(Ring(door="front"))
        await asyncio.sleep(house.seconds * 1.5)
        assert house.answered == ["front"], "the door is opened, and nothing committed"
        await one.stop()
        await asyncio.sleep(LOOK_SECONDS + 2 * DRAIN_SECONDS)
        assert states(two) == ["running"]
        assert house.answered == ["front"]


class SlowToRead(MemoryStore):
    """Reads each partition a second later than the one before it."""

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        await asyncio.sleep(float(part))
        return await super().read(channel, part, after, limit)


@on_virtual_time
async def test_nothing_is_begun_any_more_while_a_process_ends() -> None:
    house = House()
    house.stores["house"] = shared(SlowToRead(partitions=2))
    house.seconds = 2.0
    doors = {partition_of(door, 2): door for door in ("front", "back", "side", "top")}
    async with house.processes(1) as (one,):
        for door in doors.values():
            await one.send(Ring(door=door))
        await asyncio.sleep(0.5)
        assert house.answered == [], "one is being answered, the other being read"
        await one.stop()
        assert house.answered == [doors[0]]
    async with house.processes(1):
        await asyncio.sleep(30.0)
    assert sorted(house.answered) == sorted(doors.values())


@on_virtual_time
async def test_share_is_given_up_when_what_is_being_done_has_come_to_its_end() -> None:
    house = House()
    house.two, house.seconds = True, 2 * DRAIN_SECONDS
    async with house.processes(1) as (one,):
        await asyncio.sleep(SETTLED_SECONDS)
        for number in range(5):
            await one.send(Ring(door=f"{number}"))
        async with house.processes(1) as (two,):
            await asyncio.sleep(15 * house.seconds)
            assert sorted(states(one) + states(two)) == ["running", "running", "standby", "standby"]
        assert sorted(house.answered) == sorted([str(n) for n in range(5)] + [f"dog at {n}" for n in range(5)])


@on_virtual_time
async def test_what_takes_too_long_is_done_again_by_another() -> None:
    house = House()
    house.seconds = 2 * DRAIN_SECONDS
    async with house.processes(2) as (one, _):
        await one.send(Ring(door="front"))
        await asyncio.sleep(1.0)
        begun = asyncio.get_running_loop().time()
        await one.stop()
        assert asyncio.get_running_loop().time() - begun < DRAIN_SECONDS + 1.0
        house.seconds = 0.0
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert house.answered == ["front"]


class Wedged(MemoryStore):
    """Answers nothing for a while."""

    def __init__(self) -> None:
        super().__init__(partitions=1)
        self.answers = asyncio.Event()
        self.answers.set()

    async def _pass(self) -> None:
        await self.answers.wait()

    async def leases(self) -> Any:
        await self._pass()
        return await super().leases()

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        await self._pass()
        await super().lease(owner, names, now=now, until=until)

    async def beat(self, process: str, at: float, body: str) -> None:
        await self._pass()
        await super().beat(process, at, body)

    async def due(self, *place: Any, **options: Any) -> Any:
        await self._pass()
        return await super().due(*place, **options)


@on_virtual_time
async def test_a_store_that_does_not_answer_holds_up_no_other() -> None:
    house, wedged = House(), Wedged()
    house.stores["garden"] = shared(wedged)
    one = house.process()
    await one.start()
    wedged.answers.clear()
    await asyncio.sleep(5 * LEASE_SECONDS)
    now, store = LoopClock().seconds(), house.stores["house"]
    assert [until > now for _, until in (await store.leases()).values()] == [True], "it is renewed"
    assert [now - at < LEASE_SECONDS for at, _ in (await store.beats()).values()] == [True], "it is heard of"
    wedged.answers.set()
    await one.stop()
