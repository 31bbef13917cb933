"""Group commit without a timer, off the event loop: while one batch is written, the next one gathers."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from remit.stores.outliving import Pending, failure_of, settle
from remit.stores.port import Unit

_MOST = 256
"""Units per transaction. Bounds how long one unit waits for the others."""

T = TypeVar("T")


class SerialExecutor(Protocol):
    """Runs functions one at a time, in the order they were given.

    A simulated executor may also lose the result of a function that ran (`OutcomeUnknown`), or refuse to run it
    (`StoreUnavailable`).
    """

    def run(self, function: Callable[[], T]) -> Awaitable[T]:
        """Runs the function and returns its result, or raises its exception."""
        ...


class ThreadExecutor:
    """One daemon thread, and one callback on the loop per function.

    `ThreadPoolExecutor` with one worker is a tenth slower where a caller makes one commit after another, and keeps the
    program from ending while a disk hangs.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs the function on the thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(partial(_run, loop, future, function))
        return future

    def stop(self) -> None:
        """Ends the thread when all given functions have run."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _run(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], function: Callable[[], T]) -> None:
    try:
        deliver = partial(_succeed, future, function())
    except BaseException as error:  # noqa: BLE001  # passed on to the caller in the other thread
        deliver = partial(_fail, future, error)
    # The loop is closed if the program ended without closing the store: then no caller waits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(deliver)


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


class Commits:
    """Takes units one by one and writes them together. Used on the loop only."""

    def __init__(
        self,
        executor: SerialExecutor,
        write: Callable[[Sequence[Unit]], list[Exception | None]],
        appended: Callable[[], None],
    ) -> None:
        self._executor = executor
        self._write = write
        self._appended = appended
        self._waiting: list[Pending] = []
        self._running = 0
        self._busy = False
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, unit: Unit) -> Pending:
        """Writes the unit with the next batch."""
        pending = Pending(unit)
        self._waiting.append(pending)
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Not at once: other tasks that are ready to run may commit something too.
            asyncio.get_running_loop().call_soon(self._next)
        return pending

    def withdraw(self, pending: Pending) -> bool:
        """Takes a unit back. Returns False if it is being written already."""
        waiting = pending in self._waiting
        if waiting:
            self._waiting.remove(pending)
        return waiting

    def run(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs another function on the executor."""
        self._running += 1
        running = asyncio.ensure_future(self._executor.run(function))
        running.add_done_callback(self._ended)
        return running

    def _ended(self, _: asyncio.Future[Any]) -> None:
        self._running -= 1

    @property
    def resting(self) -> bool:
        """Whether nothing runs on the executor, so that the loop may use its connection."""
        return not self._running

    async def finished(self) -> None:
        """Returns when all units are written."""
        await self._idle.wait()

    def _next(self) -> None:
        batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        if not batch:
            self._busy = False
            self._idle.set()
            return
        units = [pending.unit for pending in batch]
        self.run(partial(self._write, units)).add_done_callback(partial(self._settle, batch))

    def _settle(self, batch: list[Pending], running: asyncio.Future[list[Exception | None]]) -> None:
        error = failure_of(running)
        # A copy for each: an exception raised by several tasks would collect the tracebacks of all.
        if settle(batch, running.result() if error is None else [copy.copy(error) for _ in batch]):
            self._appended()
        self._next()
