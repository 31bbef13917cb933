"""What is old is told by no clock alone; on virtual time, with a minute between two looks."""

from __future__ import annotations

import asyncio

import pytest

from remit.runtime.store_time import StoreTime
from remit.stores import Store, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, virtually

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR


class Clock(LoopClock):
    """Goes as the loop does, and is wrong."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.wrong = wrong

    def seconds(self) -> float:
        return super().seconds() + self.wrong


async def lived(store: Store, seconds: float, *clocks: Clock) -> list[float]:
    """So much time passes for processes with these clocks: by how much each is wrong about what is old, at the worst
    and at the end."""
    times = [StoreTime(clock) for clock in clocks]
    worst, last = float("-inf"), 0.0
    for _ in range(int(seconds / MINUTE)):
        for time in times:
            last = await time.for_deleting("", store) - LoopClock().seconds()
            worst = max(worst, last)
        await asyncio.sleep(MINUTE)
    return [worst, last]


@pytest.mark.parametrize("wrong", [7 * DAY, 31 * DAY, 400 * DAY])
def test_beside_a_clock_that_is_right_one_that_is_ahead_is_not_believed(wrong: float) -> None:
    async def told() -> None:
        worst, _ = await lived(MemoryStore(), 3 * DAY, Clock(), Clock(wrong))
        assert worst <= HOUR

    virtually(told())


def test_who_is_alone_with_a_clock_that_is_ahead_is_believed_slowly() -> None:
    async def told() -> None:
        store = MemoryStore()
        assert await lived(store, HOUR, Clock()) == [0.0, 0.0]
        assert (await lived(store, HOUR, Clock(31 * DAY)))[0] <= DAY
        for _ in range(10):  # starting again and again makes nothing faster
            worst, _ = await lived(store, MINUTE, Clock(31 * DAY))
            assert worst <= DAY
        assert (await lived(store, 2 * DAY, Clock(31 * DAY)))[1] == 31 * DAY

    virtually(told())


def test_after_a_month_in_which_nobody_was_there_what_is_old_goes_within_two_days() -> None:
    async def told() -> None:
        store = MemoryStore()
        await lived(store, HOUR, Clock())
        await asyncio.sleep(31 * DAY)
        _, last = await lived(store, 2 * DAY, Clock())
        assert last == 0.0

    virtually(told())


@pytest.mark.parametrize("wrong", [-7 * DAY, -31 * DAY])
def test_a_clock_that_is_behind_delays_and_does_not_stop(wrong: float) -> None:
    async def told() -> None:
        store = MemoryStore()
        worst, last = await lived(store, 3 * DAY, Clock(), Clock(wrong))
        assert worst <= 0.0
        assert last <= wrong + HOUR
        _, last = await lived(store, 2 * DAY, Clock())
        assert last == 0.0, "when it is gone, what was delayed is made up for"

    virtually(told())


def test_a_clock_that_has_never_been_set_delays_nothing_for_others() -> None:
    async def told() -> None:
        store = MemoryStore()
        await lived(store, HOUR, Clock())
        never = StoreTime(Clock(-50 * 365 * DAY))
        await never.look("", store)
        assert abs(never.stamp() - LoopClock().seconds()) < 2 * MINUTE, "it writes by what the store knows"
        for _ in range(60):
            await never.for_deleting("", store)
            await asyncio.sleep(MINUTE)
        _, last = await lived(store, HOUR, Clock())
        assert last == 0.0

    virtually(told())


def test_clocks_that_nearly_agree_write_as_seldom_as_one() -> None:
    written = 0

    class Counting(MemoryStore):
        async def commit(self, unit: Unit) -> None:
            nonlocal written
            written += 1
            await super().commit(unit)

    async def told() -> None:
        await lived(Counting(), HOUR, Clock(), Clock(0.2), Clock(-0.3))
        assert written <= 70

    virtually(told())


def test_a_store_that_was_first_opened_before_the_clock_was_set_is_not_late_for_ever() -> None:
    async def told() -> None:
        store = MemoryStore()
        unset = Clock(-LoopClock().seconds())
        await lived(store, 2 * MINUTE, unset)
        assert (await lived(store, 2 * MINUTE, Clock()))[1] == pytest.approx(0.0, abs=MINUTE)

    virtually(told())
