"""The circuit breaker: stops calls to an address that does not answer, and recovers by itself.

    closed --(half of at least 20 calls within 10 s failed, or 5 could not connect in a row)--> open
    open --(after a pause, by a timer)--> half open, with room for one call at a time
    half open --(two succeed)--> closed;  (one fails, is cancelled, or takes too long)--> open, with a longer pause

Recovery does not depend on traffic: unless it is closed, a timer is set or a probe is running, and a call in the
half-open state loses its place after a while. Only reachability counts: whether the other side takes calls, not what
it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random
from types import TracebackType
from typing import Literal

from remit.errors import BadMessage, OutcomeUnknown, Overloaded, RemitError, Unavailable
from remit.runtime.events import BreakerClosed, BreakerOpened
from remit.runtime.failures import backoff
from remit.runtime.listeners import Listeners

WINDOW_SECONDS = 10
CALLS = 20
"""With fewer calls within the window, the share of failures is ignored."""
SHARE = 0.5
IN_A_ROW = 5
PROBE_SECONDS = 5.0
"""The longest time for a call in the half-open state."""
SUCCESSES = 2
LONGEST_SECONDS = 5.0
"""The longest pause between two probes. Probes are cheap, and a recovered address should be used soon."""


class Breaker:
    """The breaker of one address. `probe` asks the other side for a sign of life and raises if there is none."""

    def __init__(
        self, address: str, probe: Callable[[], Awaitable[None]], random: Random, listeners: Listeners
    ) -> None:
        self.address = address
        self.state: Literal["closed", "open", "half-open"] = "closed"
        self.error = ""
        """The last failure."""
        self.until = 0.0
        """While it is open: the loop time of the next probe."""
        self.epoch = 0
        """How often it has left or entered the closed state."""
        self._probe = probe
        self._random = random
        self._listeners = listeners
        self._window = _Window()
        self._in_a_row = 0
        self._openings = 0
        self._successes = 0
        self._place: Permit | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # cached: get_running_loop() makes a system call
        self._timer: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None

    def enter(self, when: float) -> Permit:
        """Admits a call that ends by the loop time `when`. The permit is a context manager around the call.

        Raises `Unavailable` at once if the breaker is open, or half open with a call under way.
        """
        if self.state == "closed":
            return Permit(self)
        now = self._now()
        if self.state == "open" and now >= self.until:
            self._half_open()
        if self.state == "half-open" and self._place is None:
            return self._take_place(min(when, now + PROBE_SECONDS))
        raise Unavailable(
            f"not called, because it did not answer: {self.error}", where=self.address,
            expected="a service that answers",
            next=f"it is probed automatically within {max(0.0, self.until - now):.1f} s; try again later",
        )  # fmt: skip

    def close(self) -> None:
        """Ends timer and probe."""
        if self._timer is not None:
            self._timer.cancel()
        self._end_probe()

    def _end_probe(self) -> None:
        if self._probing is not None and self._probing is not asyncio.current_task():
            self._probing.cancel()
        self._probing = None

    def _take_place(self, until: float) -> Permit:
        permit = self._place = Permit(self)
        self._arm(until, lambda: self._expire(permit))
        return permit

    def _expire(self, permit: Permit) -> None:
        if self._place is permit:
            self._open("it took too long")

    def settle(self, permit: Permit, error: BaseException | None) -> None:
        """A call has ended. A permit from before the last change of state is ignored."""
        if self._place is permit:
            if error is None:
                self._succeeded()
            elif isinstance(error, BadMessage):
                self._start_probe()  # it was never sent, so it tells nothing: probe instead
            else:
                self._open(_text(error))
        elif self.state == "closed" and permit.epoch == self.epoch:
            self._count(error)

    def _count(self, error: BaseException | None) -> None:
        if error is None:
            self._in_a_row = 0
        elif not isinstance(error, (Unavailable, OutcomeUnknown)):
            return  # cancelled by its caller, or never sent: it tells nothing
        elif isinstance(error, Unavailable) and not isinstance(error, Overloaded):
            self._in_a_row += 1
        self._window.add(self._now(), failed=error is not None)
        if error is not None and (self._in_a_row >= IN_A_ROW or self._window.is_bad()):
            self.epoch += 1
            self._open(_text(error))
            self._listeners.say(BreakerOpened(self._listeners.seconds(), "", self.address, self.error, error))

    def _open(self, why: str) -> None:
        self.state, self.error, self._place = "open", why, None
        self.until = self._now() + backoff(self._openings, self._random, LONGEST_SECONDS)
        self._openings += 1
        self._end_probe()
        self._arm(self.until, self._wake)

    def _wake(self) -> None:
        if self.state == "open":
            self._half_open()
            self._start_probe()

    def _half_open(self) -> None:
        self.state, self._successes = "half-open", 0

    def _succeeded(self) -> None:
        self._place = None
        self._successes += 1
        if self._successes < SUCCESSES:
            self._start_probe()
            return
        self.state, self.error, self._openings, self._in_a_row = "closed", "", 0, 0
        self._window = _Window()
        self.epoch += 1
        if self._timer is not None:
            self._timer.cancel()
        self._listeners.say(BreakerClosed(self._listeners.seconds(), "", self.address))

    def _start_probe(self) -> None:
        permit = self._take_place(self._now() + PROBE_SECONDS)
        self._probing = asyncio.create_task(self._send_probe(permit), name=f"probe of {self.address}")

    async def _send_probe(self, permit: Permit) -> None:
        # The permit has recorded the error.
        with contextlib.suppress(Exception), permit:
            await self._probe()

    def _now(self) -> float:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()

    def _arm(self, when: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, then)


class Permit:
    """The context manager around an admitted call. Reports the call's end to the breaker."""

    __slots__ = ("_breaker", "epoch")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self.epoch = breaker.epoch

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._breaker.settle(self, error)


class _Window:
    """Calls and failures of the last 10 seconds, counted per second."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque(maxlen=WINDOW_SECONDS)

    def add(self, now: float, *, failed: bool) -> None:
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0])
        self._seconds[-1][1] += 1
        self._seconds[-1][2] += failed

    def is_bad(self) -> bool:
        """Whether enough calls have failed within the window that ends with the last addition."""
        since = self._seconds[-1][0] - WINDOW_SECONDS
        calls = sum(each[1] for each in self._seconds if each[0] > since)
        failures = sum(each[2] for each in self._seconds if each[0] > since)
        return calls >= CALLS and failures >= SHARE * calls


def _text(error: BaseException) -> str:
    return error.what if isinstance(error, RemitError) else type(error).__name__
