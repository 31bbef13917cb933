"""Which processes live, by the signs of life in the stores. Looks again if one look cannot tell.

A sign of life carries the time of the clock of its process, which may be wrong. So a process whose sign is old, or from
the future, may live; but only a living process gives a new sign. A subscription that one replica gives up is soon taken
by another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from remit.log import SubscriptionId
from remit.runtime.machine import SystemMachine
from remit.runtime.upkeep.signs import Sign, read_signs
from remit.stores.port import Members

ALIVE_SECONDS = 15.0
"""A sign of life that is older than so many seconds (three beats), or as far in the future, proves nothing."""
LOOK_SECONDS = 0.5
"""The seconds between two looks."""
NEWS_SECONDS = 1.0
"""When a trouble ends, a living process gives an extra sign of life within so many seconds."""
PATIENCE_SECONDS = 6.0
"""The most seconds for all looks. Within them, every living process gives a sign, also one that takes over."""


class Voice(NamedTuple):
    """One process, as a store knows it."""

    signs: Sequence[Sign]
    age: float
    """The seconds since its last sign of life, if its clock is right."""
    has_moved: bool
    """Whether it has given another sign since the first look."""

    @property
    def lives(self) -> bool:
        """Whether it is known to live so far."""
        return self.has_moved or abs(self.age) <= ALIVE_SECONDS

    @property
    def wrong_clock(self) -> str:
        """A note on the clock of a living process, if it differs by more than `ALIVE_SECONDS`."""
        if abs(self.age) <= ALIVE_SECONDS:
            return ""
        return f"the clock of its process is {abs(self.age):.0f} s {'behind' if self.age > 0 else 'ahead'}"


class Observer:
    """Looks at stores, by context, for a few seconds at most. `now` is in seconds since the epoch."""

    def __init__(self, stores: Mapping[str, Members], now: float) -> None:
        self._stores = stores
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._first: dict[str, dict[str, float]] = {}
        self._positions: dict[tuple[SubscriptionId, int], int] = {}
        self._machine = SystemMachine()

    @property
    def now(self) -> float:
        """The current time in seconds since the epoch."""
        return self._now + self._loop.time() - self._begun

    @property
    def patient(self) -> bool:
        """Whether another look makes sense. A process that has given no sign until then is silent."""
        return self._loop.time() - self._begun < PATIENCE_SECONDS

    @property
    def too_soon(self) -> bool:
        """Whether a reported trouble may have ended while the next sign of life is still on its way."""
        return self._loop.time() - self._begun < NEWS_SECONDS

    def has_moved(self, id: SubscriptionId, part: int, pos: int) -> bool:
        """Whether the checkpoint of a partition has changed since the first look."""
        return self._positions.setdefault((id, part), pos) != pos

    async def voices(self, context: str) -> list[Voice]:
        """All processes that have given signs of life in the store of a context, without those of this machine that
        have ended: a killed process leaves its last sign. Raises `StoreError` and `StoreUnavailable`."""
        beats = {
            process: beat
            for process, beat in (await self._stores[context].beats()).items()
            if not self._machine.is_gone(process)
        }
        first = self._first.setdefault(context, {process: at for process, (at, _) in beats.items()})
        return [
            Voice(read_signs(body), self.now - at, first.get(process) != at) for process, (at, body) in beats.items()
        ]


def _speaks_of(voice: Voice, subscription: str | None) -> bool:
    return subscription is None or any(sign.name == subscription for sign in voice.signs)


async def is_alive(store: Members, now: float, subscription: str | None = None) -> bool:
    """Whether a process gives signs of life in this store (for the subscription, if one is named). `now` is in seconds
    since the epoch. Takes up to 6 s if signs are old."""
    observer = Observer({"": store}, now)
    while voices := [each for each in await observer.voices("") if _speaks_of(each, subscription)]:
        if any(voice.lives for voice in voices):
            return True
        if not observer.patient:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return False
