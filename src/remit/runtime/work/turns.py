"""Turns: who has met a conflict writes its aggregate before others of this process do, so that everybody gets on.

Without them, a handler that takes longer than the pause between two quick writes of others would never commit. They
order work and promise nothing: what is written is decided by versions. So a wait for a turn is bounded, and who has
waited in vain goes on without it: one that calls another process, which calls back, cannot wait for itself for ever.
Processes do not know of one another's turns.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping

from remit.runtime.work.attempts import Attempt
from remit.stores import Change

PATIENCE_SECONDS = 5.0
"""The longest wait for others' turns."""

Place = tuple[str, str]
"""Kind and identity of an aggregate."""
Taken = Mapping[Place, int | None]
"""What was added in vain, by its place: None where another one is there; where it was removed, the version that its
removal has left."""


class Pulse:
    """Wakes whoever is waiting at this moment; who comes later waits for the next time."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """It happens."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Returns when it happens, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._next.wait()


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
        """Waits for the turn at the first aggregate that was to be written, and gives its place. None when it goes on
        without: after the longest wait, or because who has the turn waits for this very attempt. The turn that was
        `mine` so far is given up if it was at another one."""
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
        """Gives the turn to the next one who waits for it."""
        turn = self.taken[place]
        turn.given_up.ring()
        while turn.queue:
            turn.owner, waiting = turn.queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        del self.taken[place]

    async def stand_aside(self, changes: Iterable[Change], attempt: Attempt, mine: Place | None) -> None:
        """Lets those write first whose turn it is. One turn may be `mine`."""
        for change in changes:
            place = (change.kind, change.id)
            turn = self.taken.get(place) if place != mine else None
            if turn is not None and not attempt.is_within(turn.owner):
                await turn.given_up.wait(PATIENCE_SECONDS)
