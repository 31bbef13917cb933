"""Group commit without a timer: while one batch is written, the next one gathers."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate
from typing import TypeVar

from remit.errors import OutcomeUnknown
from remit.stores.outliving import Pending, settle
from remit.stores.port import Unit

_MOST = 256
"""Units per batch. Bounds how long one unit waits for the others."""
_FEW = 8
"""Up to this many units are not split into two batches."""
_MOST_BYTES = 16 * 1024 * 1024
"""The most bytes of a batch of several units: a batch is one message to the server, and its columns are single
values."""

T = TypeVar("T")


class Commits:
    """Takes units one by one and writes them together. `write` is never called concurrently.

    Writing runs in a task of its own, so a cancelled caller interrupts nothing.
    """

    def __init__(
        self, write: Callable[[Sequence[Unit]], Awaitable[list[Exception | None]]], appended: Callable[[], None]
    ) -> None:
        self._write = write
        self._appended = appended
        self._waiting: list[Pending] = []
        self._bytes = 0
        """The bytes of the waiting units."""
        self._turn = asyncio.Lock()
        self._worker: asyncio.Task[None] | None = None

    def add(self, unit: Unit, size: int = 0) -> Pending:
        """Writes a unit of `size` bytes with the next batch."""
        pending = Pending(unit, size)
        self._waiting.append(pending)
        self._bytes += size
        if self._worker is None:
            # The task starts in the next iteration of the loop: other tasks may commit something until then.
            self._worker = asyncio.create_task(self._work(), name="commits")
        return pending

    def withdraw(self, pending: Pending) -> bool:
        """Takes a unit back. Returns False if it is being written already."""
        waiting = pending in self._waiting
        if waiting:
            self._waiting.remove(pending)
            self._bytes -= pending.size
        return waiting

    async def between(self, function: Callable[[], Awaitable[T]]) -> T:
        """Runs a function while nothing is being written."""
        async with self._turn:
            return await function()

    async def finished(self) -> None:
        """Returns when all units are written."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        try:
            # Of many units that are ready at once, write half. While the other half is written, the callers of the
            # first half go on: then this process and the server work in parallel instead of waiting for each other.
            most = min(max(_FEW, (len(self._waiting) + 1) // 2), _MOST)
            while self._waiting:
                async with self._turn:
                    await self._write_batch(self._next(most))
                    most = _MOST
        finally:
            self._worker = None

    def _next(self, most: int) -> list[Pending]:
        """Takes the next batch from the waiting units."""
        if self._bytes > _MOST_BYTES:
            upto = accumulate(pending.size for pending in self._waiting[:most])
            most = max(1, sum(size <= _MOST_BYTES for size in upto))
        batch, self._waiting = self._waiting[:most], self._waiting[most:]
        self._bytes -= sum(pending.size for pending in batch)
        return batch

    async def _write_batch(self, batch: Sequence[Pending]) -> None:
        try:
            outcomes = await self._write([pending.unit for pending in batch])
        except asyncio.CancelledError:
            unknown = OutcomeUnknown("the writing was cancelled", next="call again with the same key")
            self._settle(batch, [copy.copy(unknown) for _ in batch])
            raise
        except Exception as error:  # noqa: BLE001  # each caller gets a copy, with a traceback of its own
            outcomes = [copy.copy(error) for _ in batch]
        self._settle(batch, outcomes)

    def _settle(self, batch: Sequence[Pending], outcomes: Sequence[Exception | None]) -> None:
        if settle(batch, outcomes):
            self._appended()
