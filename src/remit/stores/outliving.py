"""A cancelled commit is not an aborted one: who waits for it hears of the cancellation when the outcome is known, and
of the outcome with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from remit.errors import OutcomeUnknown
from remit.stores.port import Unit, note_written

PATIENCE = 5.0
"""Seconds a cancelled caller waits for the outcome of its commit."""


class Pending:
    """A unit on its way into a store, and the one caller who waits for it."""

    __slots__ = ("_cancelled", "_error", "_loop", "_over", "_waiter", "size", "unit")

    def __init__(self, unit: Unit, size: int = 0) -> None:
        self.unit = unit
        self.size = size
        """Bytes that it writes."""
        self._loop = asyncio.get_running_loop()
        # Awaited as it is: a shield around it would cost as much as the rest of what a command waits for.
        self._waiter: asyncio.Future[None] = self._loop.create_future()
        self._over = False
        self._error: Exception | None = None
        self._cancelled = False

    def settle(self, error: Exception | None) -> None:
        """The outcome is known: the unit is written, or why not."""
        self._over, self._error = True, error
        if self._waiter.done():
            return  # cancelled a moment ago
        if error is None or self._cancelled:
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(error)

    async def outcome(self, where: str, withdraw: Callable[[Pending], bool] | None = None) -> None:
        """Waits for it, and raises what the unit ended with. A cancellation waits as well, unless the unit can be
        withdrawn; `was_written` then tells of it whether the unit is written. Raises `OutcomeUnknown` where that is not
        known, or not after 5 s."""
        try:
            await self._waiter
        except asyncio.CancelledError as cancelled:
            self._cancelled = True
            if not self._waiter.cancelled():
                self._waiter.exception()  # known, but nobody hears of it any more
            if withdraw is None or not withdraw(self):
                await self._known(where)
                self._tell(cancelled)
            raise

    def _tell(self, cancelled: asyncio.CancelledError) -> None:
        if isinstance(self._error, OutcomeUnknown):
            raise self._error
        if self._error is None:
            note_written(cancelled, self.unit)

    async def _known(self, where: str) -> None:
        """Waits for the outcome, however often the caller is cancelled. Raises `OutcomeUnknown` after 5 s."""
        latest = self._loop.time() + PATIENCE
        while not self._over:
            if (left := latest - self._loop.time()) <= 0:
                raise OutcomeUnknown(
                    f"the call was cancelled while its commit took more than {PATIENCE:g} s", where=where,
                    expected="a commit within that time", next="call again with the same key; see what keeps the store",
                )  # fmt: skip
            self._waiter = self._loop.create_future()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._waiter], timeout=left)


def failure_of(writing: asyncio.Future[Any]) -> Exception | None:
    """What the writing has ended with, where that is no result."""
    if writing.cancelled():
        return OutcomeUnknown("the writing was cancelled", next="call again with the same key")
    error = writing.exception()
    return error if error is None or isinstance(error, Exception) else OutcomeUnknown(str(error))


def settle(batch: Sequence[Pending], outcomes: Sequence[Exception | None]) -> bool:
    """The outcomes of some units are known. Says whether they have appended to the log."""
    appended = False
    for pending, outcome in zip(batch, outcomes, strict=True):
        # What may have been appended counts as well: nothing else would wake those who follow, until the next commit.
        if outcome is None or isinstance(outcome, OutcomeUnknown):
            appended = appended or bool(pending.unit.entries)
        pending.settle(outcome)
    return appended
