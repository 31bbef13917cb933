"""Who lives: the signs of life in the stores, looked at again where one look cannot tell.

A sign of life carries the time of the clock of its process, which may be wrong. What is old, or from the future, may
therefore be of the living; but of the living alone it changes. What one replica gives up, another takes soon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from remit.log import SubscriptionId
from remit.runtime.upkeep.signs import Sign, read_signs
from remit.stores.port import Members

ALIVE_SECONDS = 15.0
"""A sign of life that is older (three beats), or as far in the future, proves nothing."""
LOOK_SECONDS = 0.5
"""Between two looks."""
NEWS_SECONDS = 1.0
"""Who lives says within this time that a state has ended, in a sign of life that comes before its turn."""
PATIENCE_SECONDS = 6.0
"""How long is looked at most: who lives gives a sign within this time, also who takes up what another left."""


class Voice(NamedTuple):
    """One process, as a store knows it."""

    signs: Sequence[Sign]
    age: float
    """Seconds since it was heard, if its clock is right."""
    has_moved: bool
    """Whether it has given another sign since the first look."""

    @property
    def lives(self) -> bool:
        """As far as can be seen by now."""
        return self.has_moved or abs(self.age) <= ALIVE_SECONDS

    @property
    def wrong_clock(self) -> str:
        """By how much the clock of a living process differs, where that is worth a note."""
        if abs(self.age) <= ALIVE_SECONDS:
            return ""
        return f"the clock of its process is {abs(self.age):.0f} s {'behind' if self.age > 0 else 'ahead'}"


class Observer:
    """Looks at stores, by context, for a few seconds at most. `now` is seconds since the epoch."""

    def __init__(self, stores: Mapping[str, Members], now: float) -> None:
        self._stores = stores
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._first: dict[str, dict[str, float]] = {}
        self._positions: dict[tuple[SubscriptionId, int], int] = {}

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now + self._loop.time() - self._begun

    @property
    def patient(self) -> bool:
        """Whether there is sense in another look: who has given no sign in all this time is silent."""
        return self._loop.time() - self._begun < PATIENCE_SECONDS

    @property
    def too_soon(self) -> bool:
        """Whether what a process has said may have ended, and its next sign of life be on its way."""
        return self._loop.time() - self._begun < NEWS_SECONDS

    def has_moved(self, id: SubscriptionId, part: int, pos: int) -> bool:
        """Whether the checkpoint of a partition is another one than at the first look."""
        return self._positions.setdefault((id, part), pos) != pos

    async def voices(self, context: str) -> list[Voice]:
        """All processes that have given signs of life in a context's store. Raises `StoreError`, `StoreUnavailable`."""
        beats = await self._stores[context].beats()
        first = self._first.setdefault(context, {process: at for process, (at, _) in beats.items()})
        return [
            Voice(read_signs(body), self.now - at, first.get(process) != at) for process, (at, body) in beats.items()
        ]


def _speaks_of(voice: Voice, subscription: str | None) -> bool:
    return subscription is None or any(sign.name == subscription for sign in voice.signs)


async def is_alive(store: Members, now: float, subscription: str | None = None) -> bool:
    """Whether some process gives signs of life in this store, of a subscription if one is named; `now` is seconds since
    the epoch."""
    observer = Observer({"": store}, now)
    while voices := [each for each in await observer.voices("") if _speaks_of(each, subscription)]:
        if any(voice.lives for voice in voices):
            return True
        if not observer.patient:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return False
