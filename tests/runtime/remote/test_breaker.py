"""The breaker: it opens on what it should, and from every state it is closed again in time, without any traffic."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadMessage, OutcomeUnknown, Overloaded, Unavailable
from remit.runtime.remote.breaker import LONGEST_SECONDS, PROBE_SECONDS, Breaker
from tests.runtime.heard import Heard
from tests.runtime.talk import now, virtually

ADDRESS = "billing.write"
WAY_BACK = LONGEST_SECONDS + 2 * PROBE_SECONDS

Mood = Literal["well", "unreachable", "silent", "hanging", "busy", "broken"]


@dataclass
class Other:
    """The other side, in a mood that changes."""

    mood: Mood = "well"
    probes: list[float] = field(default_factory=list[float])
    said: Heard = field(default_factory=Heard)

    def breaker(self, seed: int = 0) -> Breaker:
        return Breaker(ADDRESS, self.probe, Random(seed), self.said.listeners())

    async def probe(self) -> None:
        self.probes.append(now())
        await self.answer()

    async def answer(self) -> None:
        mood = self.mood
        if mood == "hanging":
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        if mood == "unreachable":
            raise Unavailable("nobody there")
        if mood == "silent":
            raise OutcomeUnknown("no answer")
        if mood == "busy":
            raise Overloaded("too much")
        if mood == "broken":
            raise ZeroDivisionError

    async def call(self, breaker: Breaker, seconds: float = 60.0) -> str:
        """How a call through the breaker ends: "ok", "refused" by the breaker, or the name of the error."""
        try:
            permit = breaker.enter(now() + seconds)
        except Unavailable:
            return "refused"
        try:
            async with asyncio.timeout(seconds):
                with permit:
                    await self.answer()
        except Exception as error:  # noqa: BLE001  # however it ends is the answer
            return type(error).__name__
        return "ok"


def state_of(breaker: Breaker) -> str:
    return breaker.state  # a call, because it changes behind the checkers' back


async def open_it(other: Other, breaker: Breaker) -> None:
    """Opens the breaker by calls that do not connect."""
    other.mood = "unreachable"
    for _ in range(5):
        await other.call(breaker)
    assert state_of(breaker) == "open"


def test_five_calls_in_a_row_that_do_not_connect_open_it() -> None:
    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        for mood in ("unreachable",) * 4 + ("well",) + ("unreachable",) * 4:
            other.mood = mood
            await other.call(breaker)
        assert state_of(breaker) == "closed"
        other.mood = "unreachable"
        assert await other.call(breaker) == "Unavailable"
        assert state_of(breaker) == "open"
        assert other.said.words == ["breaker-opened"]
        with pytest.raises(Unavailable) as refused:
            breaker.enter(now() + 1)
        assert "nobody there" in refused.value.what
        breaker.close()

    virtually(story())


@pytest.mark.parametrize("mood", ["silent", "busy"])
def test_half_of_twenty_calls_that_fail_open_it(mood: Mood) -> None:
    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        for turn in range(19):
            other.mood = mood if turn % 2 else "well"
            await other.call(breaker)
        assert state_of(breaker) == "closed"
        other.mood = mood
        await other.call(breaker)
        assert state_of(breaker) == "open"
        breaker.close()

    virtually(story())


def test_failures_of_long_ago_do_not_count() -> None:
    async def story() -> None:
        other = Other("silent")
        breaker = other.breaker()
        for _ in range(19):
            await other.call(breaker)
        await asyncio.sleep(11)
        for _ in range(19):
            await other.call(breaker)
        assert state_of(breaker) == "closed"
        await other.call(breaker)
        assert state_of(breaker) == "open"
        breaker.close()

    virtually(story())


def test_what_says_nothing_about_the_other_side_does_not_count() -> None:
    """Calls that their callers give up, and messages that were never sent."""

    async def story() -> None:
        other = Other("hanging")
        breaker = other.breaker()
        for _ in range(50):
            assert await other.call(breaker, 0.01) == "TimeoutError"
            with pytest.raises(BadMessage), breaker.enter(now() + 1):
                raise BadMessage("too large")
        assert state_of(breaker) == "closed"

    virtually(story())


def test_it_closes_after_two_probes_without_traffic() -> None:
    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        await open_it(other, breaker)
        other.mood = "well"
        await asyncio.sleep(0.3 + 0.02 + 0.001)
        assert state_of(breaker) == "closed"
        assert len(other.probes) == 2
        assert other.said.words == ["breaker-opened", "breaker-closed"]
        assert await other.call(breaker) == "ok"

    virtually(story())


def test_pauses_grow_to_five_seconds_and_stay_there() -> None:
    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        await open_it(other, breaker)
        await asyncio.sleep(600)
        gaps = [later - earlier for earlier, later in zip(other.probes, other.probes[1:], strict=False)]
        assert gaps[0] < 1.0
        assert all(2.5 <= gap <= 5.1 for gap in gaps[8:])
        assert len(gaps) > 100
        breaker.close()

    virtually(story())


def test_half_open_has_room_for_one_call() -> None:
    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        await open_it(other, breaker)
        other.mood = "hanging"
        await asyncio.sleep(0.31)
        assert state_of(breaker) == "half-open"
        assert {await other.call(breaker) for _ in range(10)} == {"refused"}
        breaker.close()

    virtually(story())


def test_a_call_that_holds_the_place_and_is_cancelled_gives_it_back() -> None:
    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        await open_it(other, breaker)
        other.mood = "hanging"
        breaker.until = now()  # a call comes before the timer
        call = asyncio.create_task(other.call(breaker))
        await asyncio.sleep(0)
        assert state_of(breaker) == "half-open"
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert state_of(breaker) == "open"
        other.mood = "well"
        await asyncio.sleep(1)
        assert state_of(breaker) == "closed"

    virtually(story())


def test_a_message_that_was_never_sent_takes_nobodys_place() -> None:
    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        await open_it(other, breaker)
        other.mood = "well"
        breaker.until = now()  # a call comes before the timer
        with pytest.raises(BadMessage), breaker.enter(now() + 1):
            raise BadMessage("too large")
        assert state_of(breaker) == "half-open"
        await asyncio.sleep(0.03)
        assert state_of(breaker) == "closed"

    virtually(story())


def test_a_call_that_holds_the_place_for_ever_loses_it() -> None:
    """And what it says in the end is not listened to."""

    async def story() -> None:
        other = Other()
        breaker = other.breaker()
        await open_it(other, breaker)
        breaker.until = now()
        permit = breaker.enter(now() + 3600)
        assert state_of(breaker) == "half-open"
        other.mood = "well"
        await asyncio.sleep(PROBE_SECONDS + 0.01)
        assert state_of(breaker) == "open"
        await asyncio.sleep(1)
        assert state_of(breaker) == "closed"
        for _ in range(40):
            with pytest.raises(Unavailable), permit:
                raise Unavailable("long ago")
        assert state_of(breaker) == "closed"

    virtually(story())


Step = tuple[Mood, Literal["call", "cancel", "wait", "burst", "leave"], float]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["well", "unreachable", "silent", "hanging", "busy", "broken"]),
        st.sampled_from(["call", "cancel", "wait", "burst", "leave"]),
        st.floats(0, 40),
    ),
    max_size=30,
)


@given(STEPS, st.integers(0, 2**32))
def test_from_every_state_it_is_closed_in_time_once_the_other_side_is_well(steps: list[Step], seed: int) -> None:
    """Whatever has been called, cancelled, left hanging before; and nobody calls from then on."""

    async def story() -> None:
        other = Other()
        breaker = other.breaker(seed)
        pending: list[asyncio.Task[str]] = []
        for mood, deed, seconds in steps:
            other.mood = mood
            if deed == "wait":
                await asyncio.sleep(seconds)
                continue
            tasks = [asyncio.create_task(other.call(breaker, 1 + seconds)) for _ in range(25 if deed == "burst" else 1)]
            pending += tasks
            if deed != "leave":
                await asyncio.sleep(min(seconds, 0.02))
            if deed == "cancel":
                tasks[0].cancel()
        other.mood = "well"
        await asyncio.sleep(WAY_BACK)
        assert state_of(breaker) == "closed"
        await asyncio.gather(*pending, return_exceptions=True)
        breaker.close()

    virtually(story())
