"""Processes share the subscriptions of a store: each runs in one of them, and none is left alone for long.

All on virtual time, over one store in memory. `test_taking_part.py` looks at real processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from functools import wraps
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import RemitError, StoreUnavailable
from remit.log import Channel, SubscriptionId
from remit.runtime import Ports, SystemClock
from remit.runtime.upkeep.leases import LEASE_SECONDS, LEFT_SECONDS, LOOK_SECONDS, SETTLED_SECONDS, Leases, surplus
from remit.runtime.upkeep.signs import Sign, write_signs
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, virtually

NAMES = [f"mail.reaction{number} desk 1" for number in range(5)]
ALL = {name.split()[0] for name in NAMES}
SOON = 2 * LOOK_SECONDS


class Clock(LoopClock):
    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def seconds(self) -> float:
        return super().seconds() + self.ahead


class Machine:
    """Where all processes of a test run, or all but some."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    def name(self, id: str) -> str:
        return id

    def left(self, name: str) -> None:
        """What is left is not asked for again."""

    def is_gone(self, name: str) -> bool:
        return name in self.gone


class Subscription:
    """Notes whether it runs."""

    def __init__(self, name: str, log: list[str], leases: Leases) -> None:
        self.name, source, channel = name.split()
        self.id = SubscriptionId(self.name, source, Channel(int(channel)))
        self.ids = (self.id,)
        self.held = leases.held(self.id)
        self.runs = False
        self.handling = 0.0
        """Seconds that it needs for what it handles when it is told to end."""
        self.rung = 0
        self.lost = False
        self._log = log

    async def start(self) -> None:
        self._log.append(f"start {self.name}")
        self.runs, self.lost = True, False

    async def stop(self) -> None:
        if self.runs:
            await asyncio.sleep(self.handling)
        self.runs = False

    async def stand_by(self, *, lost: bool = False) -> None:
        if not lost:
            await self.stop()
        self.runs, self.lost = False, lost

    def ring(self) -> None:
        self.rung += 1

    def hindered(self, error: RemitError | None) -> None:
        """Who renews has said whether it can."""


class Store(MemoryStore):
    """Counts what it is asked about leases, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.away = False

    async def leases(self) -> Any:
        self._answer()
        return await super().leases()

    async def beats(self) -> Any:
        self._answer()
        return await super().beats()

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        self._answer()
        await super().lease(owner, names, now=now, until=until)

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")


class Process:
    """One that takes part, and gives signs of life as a process does."""

    def __init__(self, name: str, store: Store, clock: SystemClock | None = None, names: Collection[str] = NAMES):
        self.name = name
        self.log: list[str] = []
        self.store = store
        self.clock = clock or LoopClock()
        self.machine = Machine()
        self.leases = Leases(store, Ports(self.clock, machine=self.machine))
        self.subscriptions = [Subscription(each, self.log, self.leases) for each in names]
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> Process:
        self._beating = asyncio.create_task(self._beat())
        await self.leases.start(self.name, cast("Any", self.subscriptions))
        return self

    async def _beat(self) -> None:
        born = asyncio.get_running_loop().time()
        while True:
            settled = asyncio.get_running_loop().time() - born >= SETTLED_SECONDS
            signs = [Sign(*s.id, "running", settled=settled) for s in self.subscriptions]
            await self.store.beat(self.name, self.clock.seconds(), write_signs(signs))
            await asyncio.sleep(5.0)

    async def stop(self) -> None:
        self._end()
        await self.store.beat(self.name, 0.0, "")
        await self.leases.stop()

    def kill(self) -> None:
        """Nothing of it runs again."""
        self._end()
        assert self.leases._task is not None
        self.leases._task.cancel()

    def _end(self) -> None:
        assert self._beating is not None
        self._beating.cancel()

    def running(self) -> set[str]:
        return {s.name for s in self.subscriptions if s.runs}


def on_virtual_time(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(story)
    def test(**arguments: Any) -> None:
        virtually(story(**arguments))

    return test


@on_virtual_time
async def test_one_that_is_alone_runs_everything_at_once() -> None:
    one = await Process("one", Store()).start()
    assert one.running() == ALL


@on_virtual_time
async def test_a_start_asks_little() -> None:
    store = Store()
    await Process("one", store).start()
    assert store.asked == 3, "who holds what, all of it, and what became of that"
    await Process("two", store).start()
    assert store.asked == 4, "nothing is free"


@on_virtual_time
async def test_one_that_lives_on_gets_its_share() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    await asyncio.sleep(40)
    assert sorted([len(one.running()), len(two.running())]) == [2, 3]
    assert one.running() | two.running() == ALL
    before = one.running(), two.running()
    one.log.clear()
    two.log.clear()
    await asyncio.sleep(60)
    assert (one.running(), two.running()) == before
    assert one.log + two.log == [], "nothing moves without a reason"


@on_virtual_time
async def test_four_settle_on_equal_shares() -> None:
    store, names = Store(), [f"mail.reaction{number} desk 1" for number in range(8)]
    processes = [await Process(name, store, names=names).start() for name in ("a", "b", "c", "d")]
    await asyncio.sleep(150)
    assert [len(each.running()) for each in processes] == [2, 2, 2, 2]


@on_virtual_time
async def test_a_short_script_takes_nothing_away() -> None:
    store = Store()
    service = await Process("service", store).start()
    for _ in range(20):
        script = await Process("script", store).start()
        await asyncio.sleep(SETTLED_SECONDS - 1.0)
        assert script.running() == set()
        await script.stop()
    assert service.running() == ALL
    assert len(service.log) == len(ALL), "each was started once"


@on_virtual_time
async def test_what_one_gives_up_at_its_end_is_taken_soon() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    await one.stop()
    await asyncio.sleep(SOON)
    assert two.running() == ALL


@on_virtual_time
async def test_what_is_given_up_is_taken_at_once_by_one_that_is_told_of_a_change() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    await one.stop()
    two.leases.look_soon()
    await asyncio.sleep(0.001)
    assert two.running() == ALL


@on_virtual_time
async def test_what_a_dead_one_ran_is_taken_when_its_leases_are_over() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    one.kill()
    await asyncio.sleep(LEASE_SECONDS - 4.0)
    assert two.running() == set()
    await asyncio.sleep(4.0 + SOON)
    assert two.running() == ALL


@on_virtual_time
async def test_what_one_ran_that_is_seen_to_be_dead_is_taken_at_once() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    one.kill()
    two.machine.gone.add("one")
    await asyncio.sleep(SOON)
    assert two.running() == ALL
    three = Process("three", store)
    two.kill()
    three.machine.gone.add("two")
    await three.start()
    assert three.running() == ALL


@on_virtual_time
async def test_of_two_that_see_a_dead_one_each_runs_its_own() -> None:
    store = Store()
    dead = await Process("dead", store).start()
    dead.kill()
    pair = [Process(name, store) for name in ("one", "two")]
    for each in pair:
        each.machine.gone.add("dead")
    await asyncio.gather(*(each.start() for each in pair))
    assert not pair[0].running() & pair[1].running()
    assert pair[0].running() | pair[1].running() == ALL


@on_virtual_time
async def test_what_is_given_up_is_taken_back_when_nobody_takes_it() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    two.kill()  # and yet it goes on saying that it lives, and has a share
    two._beating = asyncio.create_task(two._beat())
    longest = alone = 0.0
    for _ in range(400):
        await asyncio.sleep(0.1)
        alone = 0.0 if one.running() == ALL else alone + 0.1
        longest = max(longest, alone)
    assert 0.0 < longest <= LEFT_SECONDS + SOON


@on_virtual_time
async def test_what_is_handled_is_finished_before_another_begins_it() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    slow = one.subscriptions[0]
    slow.handling = 4.0
    ending = asyncio.create_task(one.stop())
    await asyncio.sleep(SOON)
    assert two.running() == ALL - {slow.name}, "what has ended is left at once"
    await ending
    assert not slow.runs
    await asyncio.sleep(SOON)
    assert two.running() == ALL


@on_virtual_time
async def test_one_that_takes_longer_to_end_than_a_lease_keeps_it() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    slow = one.subscriptions[0]
    slow.handling = 3 * LEASE_SECONDS
    ending = asyncio.create_task(one.stop())
    while not ending.done():
        assert not (slow.runs and slow.name in two.running())
        await asyncio.sleep(0.1)
    await asyncio.sleep(SOON)
    assert two.running() == ALL


@on_virtual_time
async def test_one_that_was_asleep_handles_nothing_before_it_has_looked() -> None:
    store = Store()
    one, two = await Process("one", store).start(), await Process("two", store).start()
    one.kill()
    await asyncio.sleep(LEASE_SECONDS + SOON)
    assert two.running() == ALL
    assert one.running() == ALL, "it is stopped, and does not know yet"
    assert not any(each.held() for each in one.subscriptions)
    one.leases._task = asyncio.create_task(one.leases._keep())  # it wakes
    await asyncio.sleep(0.001)
    assert one.running() == set()
    assert all(each.lost for each in one.subscriptions), "what it was handling is another's"


@on_virtual_time
async def test_one_that_was_asleep_and_has_lost_nothing_goes_on() -> None:
    one = await Process("one", Store()).start()
    one.kill()
    await asyncio.sleep(LEASE_SECONDS + 1.0)
    assert not one.subscriptions[0].held()
    one.leases._task = asyncio.create_task(one.leases._keep())  # it wakes
    await asyncio.sleep(0.001)
    assert one.running() == ALL
    assert one.subscriptions[0].held()
    assert one.subscriptions[0].rung
    assert len(one.log) == len(ALL), "nothing was started anew"


@on_virtual_time
async def test_one_whose_store_is_away_handles_nothing_until_it_can_renew() -> None:
    store = Store()
    one = await Process("one", store).start()
    store.away = True
    await asyncio.sleep(LEASE_SECONDS + 1.0)
    assert not one.subscriptions[0].held()
    store.away = False
    await asyncio.sleep(SOON)
    assert one.subscriptions[0].held()


@on_virtual_time
async def test_an_idle_process_asks_little() -> None:
    store = Store()
    await Process("one", store).start()
    store.asked = 0
    await asyncio.sleep(100)
    assert store.asked <= 110, "about one a second"
    await Process("two", store, names=NAMES[:1]).start()
    await asyncio.sleep(60)
    store.asked = 0
    await asyncio.sleep(100)
    assert store.asked <= 350, "and as much again for each look of those who stand by"


@given(st.sets(st.sampled_from("abcdefgh"), min_size=1), st.data(), st.integers(1, 4))
def test_what_is_given_up_is_more_than_a_share(names: set[str], data: st.DataObject, members: int) -> None:
    mine = data.draw(st.sets(st.sampled_from(sorted(names))))
    given_up = surplus(names, mine, members)
    if given_up is None:
        assert len(mine) * members < len(names) + members
    else:
        assert given_up in mine
        assert (len(mine) - 1) * members >= len(names), "what is left is a whole share"


@pytest.mark.parametrize("hour", [3600.0, -3600.0], ids=["ahead", "behind"])
@on_virtual_time
async def test_a_clock_that_is_an_hour_wrong_leaves_nothing_alone(hour: float) -> None:
    store = Store()
    two = await Process("two", store, Clock(hour)).start()
    one = await Process("one", store).start()
    for _ in range(300):
        await asyncio.sleep(0.1)
        assert one.running() | two.running() == ALL
    assert not one.running() & two.running()
    before = one.running(), two.running()
    await asyncio.sleep(60)
    assert (one.running(), two.running()) == before, "nothing moves without a reason"
    two.kill()
    await asyncio.sleep(20)
    assert one.running() == ALL, "what the other ran is taken over when it is dead"
    await asyncio.sleep(60)
    assert one.running() == ALL, "and kept"
