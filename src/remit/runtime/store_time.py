"""The time by which old rows are deleted: agreed among the processes of a store, so that no single clock decides.

Each store keeps a mark: the time that all processes agree on. A process advances it by a monotonic clock. If a wall
clock is behind the mark, the mark goes back, so that nothing is deleted too early. If a clock is ahead, the mark
follows slowly: to catch up a month takes a bit more than a day, and a process with an earlier time moves it back
meanwhile. Of two processes that disagree, the one with the earlier clock wins.

The mark is stored by `Notes.agree`.
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
"""Time between two looks at a store's mark."""
TRIES = 3
"""How often one look tries to move the mark against other processes. After that the mark stays until the next look."""
FOLLOW = 24.0
"""A mark that is behind a clock advances this many times faster than time: a day in an hour."""
SKEW_SECONDS = 60.0
"""Clocks that differ by less are taken to agree."""
NO_CLOCK_SECONDS = 60 * 86_400.0
"""A clock this far behind the mark was never set: it must not keep rows from being deleted."""


EARLIEST = 1_600_000_000.0
"""A time before this (in 2020) comes from a clock that was never set."""


class _Timed(Log, Notes, Protocol):
    """A store with a mark and a log; the log gives the first mark."""


class _Mark(NamedTuple):
    agreed: float
    """Seconds since the epoch."""
    since: float
    """When this process first saw this value (loop time)."""
    looked: float
    """When it looked last (loop time)."""


class StoreTime:
    """The agreed time of the stores of a process."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._marks: dict[str, _Mark] = {}
        self._latest = float("-inf")
        """The largest difference between a store's time and the loop time."""
        self._behind = 0.0
        """How many seconds the wall clock is behind that."""

    def stamp(self) -> float:
        """The time to write into rows that are deleted by age (seconds since the epoch). A clock that is behind the
        stores is corrected: its rows would be old at once."""
        return self._clock.seconds() + self._behind

    async def for_deleting(self, name: str, store: _Timed) -> float:
        """The time by which old rows may be deleted from a store; advances its mark. Raises as the store does."""
        await self.look(name, store)
        mark = self._marks.get(name)
        return 0.0 if mark is None else min(self._clock.seconds(), mark.agreed + _now() - mark.since)

    async def look(self, name: str, store: _Timed) -> None:
        """Looks at a store's mark, at most every 59 s, and advances it. Raises as the store does."""
        mark = self._marks.get(name)
        if mark is not None and _now() - mark.looked < LOOK_SECONDS:
            return
        for _ in range(TRIES):
            # Another process moved it just now, or the outcome of our own write is unknown.
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
    """The new value of a mark that has stood for `passed` seconds; `own` is this process's clock."""
    if mark < EARLIEST <= own:
        return own
    if own < mark - NO_CLOCK_SECONDS:
        return mark + passed
    if own < mark - SKEW_SECONDS:
        return own
    return max(mark, min(own, mark + FOLLOW * passed))


async def _newest(store: _Timed, own: float) -> float:
    """The first mark of a store: the time of its last message, or this clock if that is earlier."""
    heads = [head for channel in Channel for head in (await store.heads(channel)).values()]
    return min(own, max((at for _, at in heads), default=own))


def _now() -> float:
    return asyncio.get_running_loop().time()
