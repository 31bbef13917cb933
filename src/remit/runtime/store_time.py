"""What time it is by what the stores know, for whatever is deleted by its age: no clock is believed at once.

Each store keeps a mark: how late it is, as all agree who have it open. It goes on as time passes, measured by a clock
that nobody can set. Where a clock is behind the mark, the mark goes back, so that nothing is deleted too early. Where
one is ahead, the mark follows slowly: after a month in which nobody was there it takes a day, and who has another time
takes it back meanwhile. Of two processes that do not agree, the one whose clock is behind is believed.

The mark is a note of the store's (`Notes.agreed_time`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple, Protocol

from remit.errors import Conflict, OutcomeUnknown
from remit.log import Channel, Log
from remit.runtime.ports import SystemClock
from remit.stores.port import Notes

LOOK_SECONDS = 59.0
"""Between two looks at a store's mark."""
TRIES = 3
"""So often a look tries to move the mark while others do. Then it is left to the next one, and nothing is deleted."""
FOLLOW = 24.0
"""How much faster than time itself a mark follows a clock that is ahead: a day in an hour."""
SKEW_SECONDS = 60.0
"""Clocks that differ by less agree."""
NO_CLOCK_SECONDS = 60 * 86_400.0
"""A clock that is so far behind the mark is none: a machine that has never heard the time must not keep everything."""


EARLIEST = 1_600_000_000.0
"""What is before that, in 2020, is no time: a clock that nobody has set yet."""


class _Timed(Log, Notes, Protocol):
    """What keeps a mark, and a log to begin it with."""


class _Mark(NamedTuple):
    agreed: float
    """Seconds since the epoch."""
    since: float
    """When this process saw it first, and when it looked last (loop time)."""
    looked: float


class StoreTime:
    """The time of a process and its stores."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._marks: dict[str, _Mark] = {}
        self._latest = float("-inf")
        """The latest that some store has known, less the loop time at which it did."""
        self._behind = 0.0
        """By how much the clock is behind that."""

    def stamp(self) -> float:
        """The time of what is being written now, if it is deleted by its age. By a clock that is behind it would be old
        at once."""
        return self._clock.seconds() + self._behind

    async def for_deleting(self, name: str, store: _Timed) -> float:
        """The time by which what is old may be deleted from a store; moves its mark on. Raises as the store does."""
        await self.look(name, store)
        mark = self._marks.get(name)
        return 0.0 if mark is None else min(self._clock.seconds(), mark.agreed + _now() - mark.since)

    async def look(self, name: str, store: _Timed) -> None:
        """Looks at a store's mark, at most once a minute, and moves it on. Raises as the store does."""
        mark = self._marks.get(name)
        if mark is not None and _now() - mark.looked < LOOK_SECONDS:
            return
        for _ in range(TRIES):
            # Another process has moved it at this moment, or nobody can say whether this one has.
            with contextlib.suppress(Conflict, OutcomeUnknown):
                await self._move(name, store, mark)
                return

    async def _move(self, name: str, store: _Timed, mark: _Mark | None) -> None:
        stored = await store.agreed_time()
        here, own = _now(), self._clock.seconds()
        before = await _newest(store, own) if stored is None else stored.at
        passed = here - mark.since if mark is not None and mark.agreed == before else 0.0
        agreed = _moved(before, passed, own)
        if stored is None or agreed != before:
            await store.agree(stored, agreed)
        since = here if mark is None or agreed != mark.agreed else mark.since
        self._marks[name] = _Mark(agreed, since, here)
        self._latest = max(self._latest, before - here)
        behind = self._latest + here - own
        self._behind = behind if behind > SKEW_SECONDS else 0.0


def _moved(mark: float, passed: float, own: float) -> float:
    """Where a mark is to stand, so many seconds after it was put where it is."""
    if mark < EARLIEST <= own:
        return own
    if own < mark - NO_CLOCK_SECONDS:
        return mark + passed
    if own < mark - SKEW_SECONDS:
        return own
    return max(mark, min(own, mark + FOLLOW * passed))


async def _newest(store: _Timed, own: float) -> float:
    """The time of a store without a mark: that of its last message, unless the clock is behind it."""
    heads = [head for channel in Channel for head in (await store.heads(channel)).values()]
    return min(own, max((at for _, at in heads), default=own))


def _now() -> float:
    return asyncio.get_running_loop().time()
