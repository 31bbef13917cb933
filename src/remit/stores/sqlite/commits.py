"""Group commit without a timer: while one batch is being written, the next one gathers."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from remit.errors import OutcomeUnknown
from remit.stores.outliving import Pending, settle
from remit.stores.port import Unit
from remit.stores.sqlite.lane import Lane

__all__ = ["Commits"]

_MOST = 256
"""Units per transaction: bounds how long one of them waits for the others."""

T = TypeVar("T")


class Commits:
    """Takes units one by one and writes them together. Used on the loop only."""

    def __init__(
        self, lane: Lane, write: Callable[[Sequence[Unit]], list[Exception | None]], appended: Callable[[], None]
    ) -> None:
        self._lane = lane
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
            # Not at once: whoever else is ready to run now may have something to commit too.
            asyncio.get_running_loop().call_soon(self._next)
        return pending

    def withdraw(self, pending: Pending) -> bool:
        """Takes a unit back; False when it is being written already."""
        waiting = pending in self._waiting
        if waiting:
            self._waiting.remove(pending)
        return waiting

    def run(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs something else on the lane."""
        self._running += 1
        running = asyncio.ensure_future(self._lane.run(function))
        running.add_done_callback(self._ended)
        return running

    def _ended(self, _: asyncio.Future[Any]) -> None:
        self._running -= 1

    @property
    def resting(self) -> bool:
        """Whether nothing runs on the lane: then its connection may be used by the loop."""
        return not self._running

    async def finished(self) -> None:
        """Returns when nothing waits and nothing is being written."""
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
        if settle(batch, _outcomes(running, len(batch))):
            self._appended()
        self._next()


def _outcomes(running: asyncio.Future[list[Exception | None]], units: int) -> list[Exception | None]:
    if running.cancelled():
        error: BaseException = OutcomeUnknown("the writing was cancelled", next="call again with the same key")
    elif (raised := running.exception()) is None:
        return running.result()
    else:
        error = raised
    # One error each: an exception that several tasks raise would gather the traceback of all of them.
    return [copy.copy(error) if isinstance(error, Exception) else OutcomeUnknown(str(error)) for _ in range(units)]
