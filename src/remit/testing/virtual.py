"""A clock that the test moves, an event loop that runs by it, and predictable identities.

Nothing on this loop waits for real time. While something is ready it runs, and no time passes. When everything waits
for timers, the clock jumps to the next one. If a test moves the clock, all timers in between become due, and each fires
once, in order of their times, as on a machine that was suspended.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, Unpack

from remit.runtime import SystemClock
from remit.testing.mistakes import KitError

__all__ = ["MovableClock", "VirtualLoop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
"""The default start time of a clock."""
LEAST_SECONDS = 1e-6
"""The least that a clock moves, other than 0."""
LONELY_JUMPS = 200_000
"""After this many jumps of the clock while the test waits, nothing is expected to happen any more."""
OUTSIDE_SECONDS = 0.05
"""How long threads and sockets may be silent, in real time, before nothing is expected of them."""


class MovableClock(SystemClock):
    """A clock that stands still until the test moves it. Implements `Clock`.

    `start` is the time that it shows first; the default is noon of 1 January 2026, UTC. Raises `KitError` for a time
    without a time zone.
    """

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise KitError(
                f"the clock cannot start at {start}", where="MovableClock", expected="a time with a time zone",
                next="datetime(..., tzinfo=UTC)",
            )  # fmt: skip
        self._start = start.timestamp()
        self.elapsed = 0.0
        """Seconds since the start."""

    def __repr__(self) -> str:
        return f"MovableClock({self.now().isoformat()})"

    def now(self) -> datetime:
        """The time that it shows, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def move(
        self,
        by: timedelta = timedelta(),
        /,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> None:
        """Moves the clock forward, at once. Tasks whose timers become due run when the test next waits for something.

        Raises `KitError` for a move backward, for one of less than a microsecond, and for one beyond the year 9999.
        """
        passed = by.total_seconds() + days * 86_400 + hours * 3600 + minutes * 60 + seconds
        if passed < 0:
            raise _not_moved(f"go back by {-passed:g} s")
        if 0 < passed < LEAST_SECONDS:
            raise _not_moved(f"move by {passed:g} s: it shows microseconds")
        try:
            passed = timedelta(seconds=passed).total_seconds()
            datetime.fromtimestamp(self._start + self.elapsed + passed, UTC)
        except (ValueError, OverflowError):
            raise _not_moved(f"move by {passed:g} s: it shows no time after the year 9999") from None
        self.elapsed += passed

    def seconds(self) -> float:
        """The time that it shows, in seconds since the epoch."""
        return self._start + self.elapsed

    def ticks(self) -> float:
        """Seconds since the start."""
        return self.elapsed


def _not_moved(what: str) -> KitError:
    return KitError(
        f"the clock cannot {what}",
        where="MovableClock.move",
        expected="0, or a microsecond or more, until the year 9999",
    )


class CountedIds:
    """Predictable identities: numbers of 32 digits, "0…01" first."""

    def __init__(self) -> None:
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"{self._count:032d}"


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that runs by a `MovableClock`. While threads or sockets are in use, real time passes as well."""

    def __init__(self, clock: MovableClock | None = None) -> None:
        self.clock = MovableClock() if clock is None else clock
        self._threads = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._jumps = 0
        super().__init__(_Patience(self))

    def time(self) -> float:
        """Seconds since the start of the clock."""
        return self.clock.elapsed

    async def idle(self) -> None:
        """Returns when nothing is ready to run: everything else waits for a timer, or for ever."""
        waiting: asyncio.Future[None] = self.create_future()
        self._waiting.append(waiting)
        await waiting

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As in every loop. The clock does not jump while a function runs."""
        running = super().run_in_executor(executor, func, *args)
        self._threads += 1
        running.add_done_callback(self._thread_ended)
        return running

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """As in every loop. The clock does not jump meanwhile."""
        self._threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._threads -= 1

    def _thread_ended(self, _: object) -> None:
        self._threads -= 1

    def nothing_ready(self, seconds: float | None, *, has_sockets: bool, real: selectors.BaseSelector) -> list[Any]:
        """Called by the selector if nothing is ready. The next timer is due in `seconds`; None without a timer."""
        if self._threads or has_sockets:
            began = time.monotonic()
            found = real.select(min(OUTSIDE_SECONDS, OUTSIDE_SECONDS if seconds is None else seconds))
            self.clock.elapsed += time.monotonic() - began
            if found or self._threads or not self._waiting:
                return found
        if self._waiting:
            waiting, self._waiting, self._jumps = self._waiting, [], 0
            for each in waiting:
                if not each.done():
                    each.set_result(None)
            return []
        self._jump(seconds)
        return []

    def _jump(self, seconds: float | None) -> None:
        self._jumps += 1
        if seconds is None or self._jumps > LONELY_JUMPS:
            self._jumps = 0
            raise KitError(
                f"the test waits for something that never happens; the clock shows {self.clock.now().isoformat()}",
                where="VirtualLoop", expected="something that is ready, or a timer that will be due",
            )  # fmt: skip
        self.clock.elapsed += seconds


class _Patience(selectors.BaseSelector):
    """A selector that asks the loop what to do instead of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._real.select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        has_sockets = len(self._real.get_map()) > 1  # one is the loop's own, for wake-ups by threads
        return self._loop.nothing_ready(timeout, has_sockets=has_sockets, real=self._real)
