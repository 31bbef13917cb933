"""An event loop in its own thread, for code without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import wait
from typing import Any, TypeVar

from remit.errors import CallError
from remit.stores.forks import Origin, in_another_process

T = TypeVar("T")
LOOK_SECONDS = 1.0
"""The seconds between two checks whether the thread is alive."""


class LoopThread:
    """An event loop in a thread. It runs from construction until `close`."""

    def __init__(self) -> None:
        self._origin = Origin()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="remit", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs the coroutine in the thread and blocks until its outcome.

        Raises `CallError` in a process that was forked off after construction, and if the thread has ended.
        """
        if self.is_elsewhere:
            work.close()
            raise in_another_process()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while not wait([future], LOOK_SECONDS).done:
            if not self._thread.is_alive():
                raise CallError(
                    "the thread in which the system runs has ended", where="connect_sync",
                    next="find what ended it: a KeyboardInterrupt, or SystemExit in a task of a handler",
                )  # fmt: skip
        return future.result()

    @property
    def is_elsewhere(self) -> bool:
        """Whether this process was forked off after construction. The thread exists in the parent only."""
        return self._origin.is_elsewhere

    def close(self) -> None:
        """Ends the thread. Does nothing in a process that was forked off."""
        if self.is_elsewhere:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
