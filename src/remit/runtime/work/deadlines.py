"""One shared timer for all call deadlines.

`asyncio.timeout` arms a timer per call, although calls nearly always end long before their deadline. This timer wakes
at the earliest deadline it knows, cancels what has expired, and sleeps until the next. Entering and leaving a call is
one write to a dictionary. A task that swallows its cancellation is cancelled again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from remit.errors import DeadlineExceeded

NEVER = float("inf")
AGAIN_SECONDS = 0.1
"""How soon a task that swallowed its cancellation is cancelled again."""


LONGEST_SECONDS = 7 * 86_400.0
"""A longer deadline is cut to 7 days: on the wire it is a number of milliseconds."""


_asked_to_end: WeakKeyDictionary[asyncio.Task[Any], bool] = WeakKeyDictionary()
"""For each task that handles messages: whether it was asked to end. `Task.cancelling` cannot tell: before Python 3.13,
a task group that fails leaves a cancellation of its own in that count."""


def begin_handling(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Begins a task that handles messages. Only `ask_to_end` ends it; any other cancellation is a handler's failure."""
    task = asyncio.create_task(work, name=name)
    _asked_to_end[task] = False
    return task


def ask_to_end(task: asyncio.Task[Any]) -> None:
    """Cancels a task that handles messages, and records that it was asked to end."""
    _asked_to_end[task] = True
    task.cancel()


def seconds_of(deadline: float, where: str) -> float:
    """The seconds that a call may take: `deadline`, at most 7 days. Raises `DeadlineExceeded` unless it is above 0.
    `where` is the message of the call."""
    if not deadline > 0.0:
        raise DeadlineExceeded(
            f"the call was not made: its deadline is {deadline:g} s", where=where,
            expected="a deadline above 0 s",
            next="pass a longer deadline; if it was computed from the time left, that time is over",
        )  # fmt: skip
    return min(deadline, LONGEST_SECONDS)


class Limit(msgspec.Struct, eq=False):
    """A running call and the loop time at which it has to end. A struct, because creating one takes half the time."""

    task: asyncio.Task[Any]
    when: float
    cancelling: int
    """`Task.cancelling` when the call began."""
    asked: int = 0
    """How often this limit has cancelled the task."""

    def ask(self) -> None:
        """Cancels the task."""
        if not self.asked:  # earlier cancellations were swallowed; some task groups leave them in the count
            self.cancelling = self.task.cancelling()
        self.asked += 1
        self.task.cancel()

    def refuse_late(self) -> None:
        """Raises `CancelledError` if the deadline has passed; the handler may have swallowed its cancellation."""
        if self.asked:
            raise asyncio.CancelledError

    def refuse_ended(self) -> None:
        """As `refuse_late`, and also if the task was asked to end: what a handler decides then may follow from that."""
        self.refuse_late()
        if self.task.cancelling() and _asked_to_end.get(self.task):  # the first test is quick, and nearly always false
            raise asyncio.CancelledError

    def owns_cancellation(self) -> bool:
        """Called on `CancelledError`: True if this limit alone asked for it."""
        asked, self.asked = self.asked, 0
        for _ in range(asked):
            self.task.uncancel()
        return asked > 0 and not self.is_asked_to_end()

    def is_asked_to_end(self) -> bool:
        """Whether other code than this limit has cancelled the task since the call began. A `CancelledError` that a
        handler raises of its own accord, for example of another task, is a failure of the handler.

        Any code may cancel a caller's task, and only the count tells of it. Before Python 3.13, a task group that
        failed in the handler raises the count too. The two cannot be told apart then, so both count as the caller's
        wish, which must not be lost.
        """
        return self.task.cancelling() > self.cancelling and _asked_to_end.get(self.task, True)


class Deadlines:
    """The running limits of one event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # cached: get_running_loop() makes a system call
        self._running: dict[Limit, None] = {}  # ordered, so that a simulated run repeats exactly
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = NEVER

    def enter(self, seconds: float, outer: float = NEVER) -> Limit:
        """Starts a limit for the current task: `seconds` from now, or earlier at the loop time `outer`."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if outer < when:
            when = outer
        task: Any = asyncio.current_task(loop)  # never None: the caller awaits
        limit = Limit(task, when, task.cancelling())
        self._running[limit] = None
        if when < self._wake_at:
            self._arm(loop, when)
        return limit

    def leave(self, limit: Limit) -> None:
        """Ends a limit, and takes back a cancellation that was not yet delivered."""
        del self._running[limit]
        if limit.asked:
            limit.owns_cancellation()

    def _arm(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wake_at = when
        self._timer = loop.call_at(when, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        following = NEVER
        for limit in self._running:
            if limit.when > now:
                following = min(following, limit.when)
                continue
            following = min(following, now + AGAIN_SECONDS)
            limit.ask()
        self._timer, self._wake_at = None, NEVER
        if following < NEVER:
            self._arm(loop, following)

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop, self._timer, self._wake_at = None, None, NEVER
