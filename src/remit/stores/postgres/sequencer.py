"""Moves staged messages of users' transactions to the log; see `migrations/0004_staging.sql`.

Every process that has the store open does this. A transaction-level lock lets one at a time, so a process that dies or
hangs blocks nothing. A user's transaction cannot notify, so this polls: soon after a message came or was staged in this
process, otherwise once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from remit.errors import RemitError
from remit.stores.postgres.failures import is_of_all

MOST = 500
"""The most messages moved in one transaction; fewer if they are large (about 16 MiB)."""
SEQUENCE = "SELECT moved, last, lowest, next FROM remit_sequence($1, $2)"
_SHORTEST_SECONDS = 0.01
_LONGEST_SECONDS = 1.0
_WHOLE_SECONDS = 60.0


class Front:
    """The number below which no message is or can be staged any more: dead rows there need not be scanned.

    Once a minute all rows are scanned anyway, because a restored database draws its numbers again.
    """

    def __init__(self) -> None:
        self.above = 0
        self.more = False
        """Whether the last call has left messages behind."""
        self._last = self._next = 0
        """Where the front will be once no transaction below it is open."""
        self._whole = 0.0

    def values(self) -> tuple[int, int]:
        """The parameters of `SEQUENCE`."""
        if (now := time.monotonic()) - self._whole > _WHOLE_SECONDS:
            self.above, self._whole = 0, now
        return MOST, self.above

    def saw(self, moved: int, last: int | None, lowest: int, next: int | None) -> None:
        """Takes the result of `SEQUENCE`."""
        self.more = moved == MOST or not lowest
        if self._next and lowest >= self._next and not self.more:
            self.above, self._next = max(self.above, self._last), 0
        if last is not None and next is not None and not self._next:
            self._last, self._next = last, next


class Sequencer:
    """Calls `move` repeatedly. `move` returns how many messages it has moved."""

    def __init__(self, move: Callable[[], Awaitable[int]]) -> None:
        self.trouble: RemitError | None = None
        """Why it cannot move messages, unless the server is away, which other work reports."""
        self._move = move
        self._stirred = asyncio.Event()
        self._over = False
        self._task = asyncio.create_task(self._work(), name="sequencer")

    def stir(self) -> None:
        """A message is being staged and will be committed soon: looks earlier."""
        self._stirred.set()

    async def close(self) -> None:
        """Ends after the current move."""
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
                await asyncio.sleep(pause)  # the message is visible only after its transaction commits

    async def _some(self) -> int:
        try:
            moved = await self._move()
        except RemitError as error:  # staged messages stay
            cause = error.__cause__
            self.trouble = error if isinstance(cause, Exception) and not is_of_all(cause) else None
            return 0
        self.trouble = None
        return moved
