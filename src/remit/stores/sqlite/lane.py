"""Where the writes of a store run: off the event loop, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Protocol, TypeVar

__all__ = ["Lane", "ThreadLane"]

T = TypeVar("T")


class Lane(Protocol):
    """Runs functions one at a time, in the order they were given.

    A simulated lane may also lose the reply of a function that ran (`OutcomeUnknown`) or refuse to run it
    (`StoreUnavailable`).
    """

    def run(self, function: Callable[[], T]) -> Awaitable[T]:
        """Runs the function and gives its result, or raises what it raised."""
        ...


class ThreadLane:
    """One daemon thread, and one way back to the loop per function.

    An executor with one worker does the same, a tenth slower where one caller commits after another, and keeps the
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
        """Ends the thread when everything given to it has run."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _run(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], function: Callable[[], T]) -> None:
    try:
        deliver = partial(_succeed, future, function())
    except BaseException as error:  # noqa: BLE001  the caller is in another thread: it goes there whatever it is
        deliver = partial(_fail, future, error)
    # The loop is closed when the program ended without closing the store: nobody is left to be told.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(deliver)


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
