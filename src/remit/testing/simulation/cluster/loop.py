"""An event loop with virtual time: it never waits, runs ready callbacks in a drawn order, and drops those of crashed
processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from heapq import heappop
from typing import TYPE_CHECKING, Any

from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.points import Points, WatchedTask

__all__ = ["Livelock", "OutsideWorld", "SimLoop", "Standstill"]

_WINDOW = 8
"""The next callback is drawn from this many ready ones."""


class OutsideWorld(BaseException):
    """Simulated code used a thread or another process."""


class Standstill(BaseException):
    """Nothing is ready and no timer is set: the simulated system will never move again."""


class Livelock(BaseException):
    """The budget of steps is spent: the simulated system makes no progress."""


class _Task(asyncio.Task[Any]):
    """A task with a hash that is the same in every run. Tasks of the standard library hash by address, which determines
    the order in which task groups cancel them."""

    def __init__(self, work: Any, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self._number


class SimLoop(asyncio.BaseEventLoop):
    """Runs until its budget of steps is spent. `buried` tells whether the process of a context has crashed.

    With `points`, `struck` is called between two steps when a task has reached the point of the strike.
    """

    if TYPE_CHECKING:  # attributes of the base class that its stub lacks
        _ready: deque[asyncio.Handle]
        _scheduled: list[asyncio.TimerHandle]

    def __init__(
        self,
        choices: Choices,
        buried: Callable[[Context], bool],
        *,
        points: Points | None = None,
        struck: Callable[[WatchedTask], None] | None = None,
        budget: int = 2_000_000,
    ) -> None:
        super().__init__()
        self._points = points
        self._struck = struck
        self.now = 0.0
        self.steps = 0
        self._budget = budget
        self._choices = choices
        self._buried = buried
        # Kept until the end: a collected coroutine would run its `finally` blocks at any time.
        self._graves: list[asyncio.Handle] = []
        self._tasks: list[tuple[asyncio.Task[Any], Context]] = []
        self._complaints: list[BaseException] = []
        self.set_task_factory(self._keep)
        self.set_exception_handler(lambda _, told: self._complaints.append(told.get("exception") or Standstill(told)))

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]  # whatever it is given, it runs nothing
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        raise OutsideWorld("a thread was asked for; simulated code stays on the loop")

    def _keep(self, loop: Any, coro: Any, **options: Any) -> Any:
        context = options["context"] = options.get("context") or copy_context()
        watched = coro if self._points is None else self._points.of(coro)
        task = _Task(watched, len(self._tasks), loop=loop, **options)
        if isinstance(watched, WatchedTask):
            watched.task, watched.context = task, context
        self._tasks.append((task, context))
        return task

    def _process_events(self, event_list: Any) -> None:
        """Does nothing: there is no selector."""

    def _write_to_self(self) -> None:
        """Does nothing: there is no other thread."""

    def _run_once(self) -> None:
        ready, timers = self._ready, self._scheduled
        while timers and timers[0].cancelled():
            heappop(timers)
        if not ready:
            if not timers:
                raise Standstill(f"after {self.now:.3f} s")
            self.now = max(self.now, timers[0].when())
        while timers and timers[0].when() <= self.now:
            ready.append(heappop(timers))
        at = self._choices.draw("next", min(len(ready), _WINDOW)) if len(ready) > 1 else 0
        handle = ready[at]
        del ready[at]
        self._run(handle)

    def _run(self, handle: Any) -> None:
        if handle.cancelled():
            return
        if self._buried(handle._context):  # noqa: SLF001  # before 3.12 a handle's context has no public accessor
            self._graves.append(handle)
            return
        self.steps += 1
        if self.steps > self._budget:
            raise Livelock(f"{self.steps} steps in {self.now:.3f} s")
        handle._run()  # noqa: SLF001  # as the loop of the standard library does
        if self._points is not None and self._struck is not None and (due := self._points.take()):
            self._struck(due)

    def unhandled(self) -> list[BaseException]:
        """Errors of tasks, futures and callbacks that no code has retrieved, except those of crashed processes."""
        ended = [task for task, context in self._tasks if task.done() and not self._buried(context)]
        ended = [task for task in ended if getattr(task, "_log_traceback", False)]
        return [*self._complaints, *(error for task in ended if (error := task.exception()) is not None)]

    def bury(self) -> None:
        """Closes all pending tasks without running them further, then closes the loop."""
        self.unhandled()
        pending: list[Any] = [task for task, _ in self._tasks if not task.done()]
        for task, _ in self._tasks:
            task._log_traceback = False  # noqa: SLF001  # already collected by `unhandled`
        for task in pending:
            task._log_destroy_pending = False  # noqa: SLF001  # closing it here is intended
            with contextlib.suppress(BaseException):
                task.get_coro().close()
        self._graves.clear()
        self._tasks.clear()
        self._ready.clear()
        self._scheduled.clear()
        self.close()
