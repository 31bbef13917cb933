"""Group commit without a timer: while one batch is being written, the next one gathers."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from remit.errors import OutcomeUnknown
from remit.stores.port import Unit

__all__ = ["Commits"]

_MOST = 256
"""Units per batch: bounds how long one of them waits for the others."""
_FEW = 8
"""Units that are not worth two batches."""

T = TypeVar("T")
_Waiting = tuple[Unit, "asyncio.Future[None]"]


class Commits:
    """Takes units one by one and writes them together. `write` is never called twice at a time.

    Writing runs in a task of its own, so a caller that is cancelled interrupts nothing.
    """

    def __init__(
        self, write: Callable[[Sequence[Unit]], Awaitable[list[Exception | None]]], appended: Callable[[], None]
    ) -> None:
        self._write = write
        self._appended = appended
        self._waiting: list[_Waiting] = []
        self._turn = asyncio.Lock()
        self._worker: asyncio.Task[None] | None = None

    def add(self, unit: Unit) -> asyncio.Future[None]:
        """The outcome of writing the unit with the next batch."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, written))
        if self._worker is None:
            # It begins at the next turn of the loop: whoever else is ready now may have something to commit too.
            self._worker = asyncio.create_task(self._work(), name="commits")
        return written

    def withdraw(self, written: asyncio.Future[None]) -> bool:
        """Takes a unit back; False when it is being written already."""
        left = [waiting for waiting in self._waiting if waiting[1] is not written]
        withdrawn = len(left) < len(self._waiting)
        self._waiting = left
        return withdrawn

    async def between(self, function: Callable[[], Awaitable[T]]) -> T:
        """Runs something while nothing is being written."""
        async with self._turn:
            return await function()

    async def finished(self) -> None:
        """Returns when nothing waits and nothing is being written."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        try:
            # Of many that were ready at once, half. While the others are written, the callers of these go on: from then
            # on this process and the server work at the same time, instead of waiting for each other.
            most = min(max(_FEW, (len(self._waiting) + 1) // 2), _MOST)
            while self._waiting:
                async with self._turn:
                    batch, self._waiting = self._waiting[:most], self._waiting[most:]
                    await self._write_batch(batch)
                    most = _MOST
        finally:
            self._worker = None

    async def _write_batch(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self._write([unit for unit, _ in batch])
        except asyncio.CancelledError:
            unknown = OutcomeUnknown("the writing was cancelled", next="call again with the same key")
            self._settle(batch, [copy.copy(unknown) for _ in batch])
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, each caller gets it, with a traceback of its own
            outcomes = [copy.copy(error) for _ in batch]
        self._settle(batch, outcomes)

    def _settle(self, batch: Sequence[_Waiting], outcomes: Sequence[Exception | None]) -> None:
        appended = False
        for (unit, written), outcome in zip(batch, outcomes, strict=True):
            # What may have been appended wakes as well: nothing else would, until the next commit.
            if outcome is None or isinstance(outcome, OutcomeUnknown):
                appended = appended or bool(unit.entries)
            with suppress(asyncio.InvalidStateError):  # nobody waits any more
                if outcome is None:
                    written.set_result(None)
                else:
                    written.set_exception(outcome)
        if appended:
            self._appended()
