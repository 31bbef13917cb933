"""Single rows looked up for many callers by one statement: while one is under way, the next ones gather."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from remit.stores.postgres.session import Session

__all__ = ["Lookups"]

_MOST = 256

_Asked = tuple[tuple[str, str], "asyncio.Future[Sequence[Any] | None]"]


class Lookups:
    """Rows by two texts each. `statement` takes two arrays and gives `nth` (from 1) and then the row's columns.

    The asking is done by a task of its own, so a caller that is cancelled interrupts nothing.
    """

    def __init__(self, session: Session, turn: asyncio.Lock, statement: str) -> None:
        self._session = session
        self._turn = turn
        self._statement = statement
        self._waiting: list[_Asked] = []
        self._worker: asyncio.Task[None] | None = None

    async def find(self, first: str, second: str) -> Sequence[Any] | None:
        """The row, or None. Raises `StoreError`, `StoreUnavailable`."""
        found: asyncio.Future[Sequence[Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(((first, second), found))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="lookups")
        return await found

    async def _work(self) -> None:
        try:
            while self._waiting:
                async with self._turn:
                    asked, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                    await self._look_up(asked)
        finally:
            self._worker = None
            for _, found in self._waiting:
                found.cancel()

    async def _look_up(self, asked: Sequence[_Asked]) -> None:
        firsts, seconds = zip(*[place for place, _ in asked], strict=True)
        try:
            rows = {row[0]: row[1:] for row in await self._session.fetch(self._statement, firsts, seconds)}
        except asyncio.CancelledError:
            for _, found in asked:
                found.cancel()
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, each caller gets it, with a traceback of its own
            for _, found in asked:
                with suppress(asyncio.InvalidStateError):
                    found.set_exception(error)
            return
        for nth, (_, found) in enumerate(asked, 1):
            with suppress(asyncio.InvalidStateError):  # nobody waits any more
                found.set_result(rows.get(nth))
