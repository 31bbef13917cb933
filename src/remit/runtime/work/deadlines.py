"""Deadlines for a price that every call can pay.

`asyncio.timeout` arms a timer per call. Calls nearly always end long before their deadline, so here one timer serves
all of them: it wakes at the earliest deadline it knows of, cancels what has expired, and sleeps until the next.
Entering and leaving a call is a write to a dictionary. What swallows its cancellation is cancelled again.
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
"""Until what has swallowed its cancellation is cancelled again."""


LONGEST_SECONDS = 7 * 86_400.0
"""What is longer is no deadline; on the wire it is a number of milliseconds."""


_asked_to_end: WeakKeyDictionary[asyncio.Task[Any], bool] = WeakKeyDictionary()
"""Of each task that handles messages, whether it was asked to end. How often it was cancelled does not say so: before
Python 3.13, a task group that fails leaves a cancellation of its own behind."""


def begin_handling(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Begins a task that handles messages. It is `ask_to_end` that ends it: any other cancellation is a handler's."""
    task = asyncio.create_task(work, name=name)
    _asked_to_end[task] = False
    return task


def ask_to_end(task: asyncio.Task[Any]) -> None:
    """Cancels a task, and remembers it."""
    _asked_to_end[task] = True
    task.cancel()


def seconds_of(deadline: float) -> float:
    """The seconds that a caller gives to a call. Raises `DeadlineExceeded` where there are none."""
    if not deadline > 0.0:
        raise DeadlineExceeded(
            f"the deadline had passed before the call: {deadline} s", expected="a number of seconds above 0",
            next="give the call some time",
        )  # fmt: skip
    return min(deadline, LONGEST_SECONDS)


class Limit(msgspec.Struct, eq=False):
    """A running call and the loop time at which it has to end. A struct, which is made in half of the time."""

    task: asyncio.Task[Any]
    when: float
    cancelling: int
    """How often the task had been cancelled when the call began."""
    asked: int = 0
    """How often it has asked the task to end."""

    def ask(self) -> None:
        """Asks the task to end."""
        if not self.asked:  # what was asked before it has been swallowed: some task groups leave that behind
            self.cancelling = self.task.cancelling()
        self.asked += 1
        self.task.cancel()

    def refuse_late(self) -> None:
        """Raises `CancelledError` when the deadline has passed: a handler may swallow its cancellation."""
        if self.asked:
            raise asyncio.CancelledError

    def refuse_ended(self) -> None:
        """The same, and when the task was asked to end: what a handler decides then may come of that."""
        self.refuse_late()
        if self.task.cancelling() and _asked_to_end.get(self.task):  # the first is quick, and nearly never true
            raise asyncio.CancelledError

    def owns_cancellation(self) -> bool:
        """Called on `CancelledError`: True when this limit, and nobody else, asked for it."""
        asked, self.asked = self.asked, 0
        for _ in range(asked):
            self.task.uncancel()
        return asked > 0 and not self.is_asked_to_end()

    def is_asked_to_end(self) -> bool:
        """Whether somebody else has cancelled the task since the call began. A handler may raise `CancelledError` of
        something else that was cancelled: that is its failure.

        A caller's task may be cancelled by whoever it is, and only the count tells of it. Before Python 3.13 a task
        group that has failed in the handler is counted too: what cannot be told from a caller's wish is taken for it,
        since nobody may lose that.
        """
        return self.task.cancelling() > self.cancelling and _asked_to_end.get(self.task, True)


class Deadlines:
    """All running limits of one event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # kept: to ask for the running one is a system call
        self._running: dict[Limit, None] = {}  # in order of entering: a simulated run must repeat exactly
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = NEVER

    def enter(self, seconds: float, outer: float = NEVER) -> Limit:
        """Starts a limit for the current task: so many seconds from now, or earlier at the loop time `outer`."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if outer < when:
            when = outer
        task: Any = asyncio.current_task(loop)  # there is one: whoever calls this awaits something
        limit = Limit(task, when, task.cancelling())
        self._running[limit] = None
        if when < self._wake_at:
            self._arm(loop, when)
        return limit

    def leave(self, limit: Limit) -> None:
        """Ends a limit. What it has asked of the task, and nobody has heard of, is taken back."""
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
