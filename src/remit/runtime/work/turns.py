"""Turns: after a conflict, a handler writes its aggregate before other handlers of this process do.

Without turns, a handler that takes longer than the pause between two quick writers would never commit. Turns order
work and guarantee nothing: versions decide what is written. So waiting for a turn is bounded, and a handler that has
waited in vain goes on without it: one that calls another process, which calls back, must not wait for itself for ever.
Processes do not know each other's turns.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping

from remit.runtime.work.attempts import Attempt
from remit.stores import Change

PATIENCE_SECONDS = 5.0
"""The longest wait for a turn."""

Place = tuple[str, str]
"""Kind and identity of an aggregate."""
Taken = Mapping[Place, int | None]
"""Places where adding an aggregate failed: None if another aggregate is there; otherwise the version left by a
removal."""


class Pulse:
    """Wakes every task that waits at this moment. A task that comes later waits for the next ring."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Wakes the waiting tasks."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Returns at the next ring, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._next.wait()


class Queue:
    """The partitions of one projection, of all its sources: one after another is folded, while they write the same
    documents."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.until = 0.0
        """Until when (loop time) they are folded one after another."""


class _Turn:
    __slots__ = ("given_up", "owner", "queue")

    def __init__(self, owner: Attempt) -> None:
        self.owner = owner
        self.queue: deque[tuple[Attempt, asyncio.Future[None]]] = deque()
        self.given_up = Pulse()


class Turns:
    """The turns of one process."""

    def __init__(self) -> None:
        self.taken: dict[Place, _Turn] = {}

    async def take_first(self, changes: Iterable[Change], attempt: Attempt, mine: Place | None) -> Place | None:
        """Waits for the turn at the first aggregate that was to be written, and returns its place. Returns None if the
        work goes on without a turn: after 5 s, or because the holder of the turn waits for this very attempt. Gives up
        the turn `mine` if it is at another place."""
        place = next(((change.kind, change.id) for change in changes), mine)
        if place == mine:
            return mine
        if mine is not None:
            self.give_up(mine)
        return place if place is not None and await self._take(place, attempt) else None

    async def _take(self, place: Place, attempt: Attempt) -> bool:
        turn = self.taken.get(place)
        if turn is None:
            self.taken[place] = _Turn(attempt)
            return True
        if attempt.is_within(turn.owner):
            return False
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turn.queue.append((attempt, waiting))
        try:
            done, _ = await asyncio.wait([waiting], timeout=PATIENCE_SECONDS)
            if done:
                return True
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.give_up(place)
            raise
        finally:
            waiting.cancel()
        return False

    def give_up(self, place: Place) -> None:
        """Passes the turn to the next one in the queue."""
        turn = self.taken[place]
        turn.given_up.ring()
        while turn.queue:
            turn.owner, waiting = turn.queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        del self.taken[place]

    async def stand_aside(self, changes: Iterable[Change], attempt: Attempt, mine: Place | None) -> None:
        """Waits, at most 5 s for each place, while another attempt holds the turn. `mine` is the caller's own turn."""
        for change in changes:
            place = (change.kind, change.id)
            turn = self.taken.get(place) if place != mine else None
            if turn is not None and not attempt.is_within(turn.owner):
                await turn.given_up.wait(PATIENCE_SECONDS)
