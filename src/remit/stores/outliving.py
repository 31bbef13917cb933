"""Commits that outlive their cancelled callers: a cancelled caller still waits for the outcome of its commit, and gets
it together with the cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from remit.errors import OutcomeUnknown
from remit.stores.cancelled import note_written
from remit.stores.port import Unit

PATIENCE = 5.0
"""How many seconds a cancelled caller waits for the outcome."""


class Pending:
    """A unit that is being committed, and the one caller that waits for it."""

    __slots__ = ("_cancelled", "_error", "_loop", "_over", "_waiter", "size", "unit")

    def __init__(self, unit: Unit, size: int = 0) -> None:
        self.unit = unit
        self.size = size
        """The bytes that it writes."""
        self._loop = asyncio.get_running_loop()
        # Awaited directly: a shield would cost as much as all the rest of a command's waiting.
        self._waiter: asyncio.Future[None] = self._loop.create_future()
        self._over = False
        self._error: Exception | None = None
        self._cancelled = False

    def settle(self, error: Exception | None) -> None:
        """Sets the outcome: None if the unit is written, otherwise the error."""
        self._over, self._error = True, error
        if self._waiter.done():
            return  # cancelled just now
        if error is None or self._cancelled:
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(error)

    async def outcome(self, where: str, withdraw: Callable[[Pending], bool] | None = None) -> None:
        """Waits for the outcome, and raises the error of the unit. A cancelled caller waits too, unless `withdraw`
        takes the unit back; `was_written` then tells whether the unit is written. Raises `OutcomeUnknown` if the
        outcome is unknown, or not known within 5 s."""
        try:
            await self._waiter
        except asyncio.CancelledError as cancelled:
            self._cancelled = True
            if not self._waiter.cancelled():
                self._waiter.exception()  # marks it as retrieved
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
        """Waits for the outcome through further cancellations. Raises `OutcomeUnknown` after 5 s."""
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
    """The error of a write, or None."""
    if writing.cancelled():
        return OutcomeUnknown("the writing was cancelled", next="call again with the same key")
    error = writing.exception()
    return error if error is None or isinstance(error, Exception) else OutcomeUnknown(str(error))


def settle(batch: Sequence[Pending], outcomes: Sequence[Exception | None]) -> bool:
    """Sets the outcomes of several units. Returns whether they may have appended to the log."""
    appended = False
    for pending, outcome in zip(batch, outcomes, strict=True):
        # An unknown outcome counts: otherwise nothing would wake the followers until the next commit.
        if outcome is None or isinstance(outcome, OutcomeUnknown):
            appended = appended or bool(pending.unit.entries)
        pending.settle(outcome)
    return appended
