"""Moves to the log what others have staged in transactions of their own: see `migrations/0004_staging.sql`.

Every process that has the store open does it; a lock of the transaction lets one at a time, so one that dies or hangs
harms nothing. Nobody can ring from inside a transaction that is not ours, so it is looked for: soon after something
came or was staged in this process, once a second when nothing does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from remit.errors import RemitError
from remit.stores.postgres.failures import is_of_all

MOST = 500
"""Messages moved by one transaction, unless they are large: then some 16 MiB of them."""
SEQUENCE = "SELECT moved, last, lowest, next FROM remit_sequence($1, $2)"
_SHORTEST_SECONDS = 0.01
_LONGEST_SECONDS = 1.0
_WHOLE_SECONDS = 60.0


class Front:
    """Up to which number nothing is staged any more nor can be: what was deleted there need not be walked through.

    Every minute all is looked at anyway: a restored database draws its numbers again.
    """

    def __init__(self) -> None:
        self.above = 0
        self.more = False
        """The last call has left something behind."""
        self._last = self._next = 0
        """Where the front will be as soon as no transaction is open below that one."""
        self._whole = 0.0

    def values(self) -> tuple[int, int]:
        """What `SEQUENCE` takes."""
        if (now := time.monotonic()) - self._whole > _WHOLE_SECONDS:
            self.above, self._whole = 0, now
        return MOST, self.above

    def saw(self, moved: int, last: int | None, lowest: int, next: int | None) -> None:
        """What it has given back."""
        self.more = moved == MOST or not lowest
        if self._next and lowest >= self._next and not self.more:
            self.above, self._next = max(self.above, self._last), 0
        if last is not None and next is not None and not self._next:
            self._last, self._next = last, next


class Sequencer:
    """Calls `move` again and again. It says how many messages it has moved."""

    def __init__(self, move: Callable[[], Awaitable[int]]) -> None:
        self.trouble: RemitError | None = None
        """Why it moves nothing, where that is no outage, of which everybody speaks."""
        self._move = move
        self._stirred = asyncio.Event()
        self._over = False
        self._task = asyncio.create_task(self._work(), name="sequencer")

    def stir(self) -> None:
        """Something is being staged, and will be committed soon."""
        self._stirred.set()

    async def close(self) -> None:
        """Ends when what is being moved is moved."""
        self._over = True
        self._stirred.set()
        await self._task

    async def _work(self) -> None:
        pause = _LONGEST_SECONDS
        while not self._over:
            moved = await self._some()
            if moved:
                pause = _SHORTEST_SECONDS
                continue
            try:
                await asyncio.wait_for(self._stirred.wait(), pause)
            except TimeoutError:
                pause = min(2 * pause, _LONGEST_SECONDS)
            else:
                self._stirred.clear()
                pause = _SHORTEST_SECONDS
                await asyncio.sleep(pause)  # nothing is seen before the transaction that has stirred is over

    async def _some(self) -> int:
        try:
            moved = await self._move()
        except RemitError as error:  # what is staged stays
            cause = error.__cause__
            self.trouble = error if isinstance(cause, Exception) and not is_of_all(cause) else None
            return 0
        self.trouble = None
        return moved
