"""Parked keys of a subscription: which messages wait behind one, and how their letters are handled when it is time.

However many keys are parked, a batch asks for its own only, and a look finds those that are due. None is remembered but
what is not parked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence

from remit.errors import Conflict, RemitError
from remit.runtime.calls import Calls
from remit.runtime.failures import is_transient, next_try, told
from remit.runtime.handling import Handling
from remit.runtime.lane import Lane
from remit.runtime.plan import FollowPlan
from remit.runtime.signals import Listener, Signal
from remit.runtime.turns import Place
from remit.stores import Park, Parked, Record, Settle, Store, Unit

__all__ = ["Parking"]

KEYS = 100
"""Parked keys that are looked up at a time."""
REMEMBERED = 10_000
"""Keys of a partition that are known not to be parked, and keys that rest; with more, it begins anew."""
AHEAD_SECONDS = 60.0
"""A key that failed so far in the future is tried now: the clock of who said when was ahead."""
PASSING_SECONDS = 5.0
"""Until the next try of a letter whose failure may pass by itself."""


class Parking:
    """The parked keys of one subscription."""

    def __init__(
        self,
        follow: FollowPlan,
        store: Store,
        handling: Handling,
        calls: Calls,
        listener: Listener,
        handled: Callable[[], None],
    ) -> None:
        """`handled` is told whenever the letters of a key have been seen to."""
        self._follow = follow
        self._store = store
        self._handling = handling
        self._calls = calls
        self._say = listener
        self._handled = handled
        self._place = (follow.name, follow.source, follow.channel)
        self._stirred = 0.0
        self._resting: dict[tuple[str, float], float] = {}
        """Until when (loop time) a key that is parked since then is not tried again by this process, whatever others'
        clocks say."""
        self.drainer: asyncio.Task[None] | None = None
        """Handles letters, while there are some to be handled."""
        self.handling = False
        """Whether it is in the middle of one."""
        self.ending = False
        """No letter is begun any more."""

    async def among(self, lane: Lane, records: Sequence[Record]) -> Collection[str]:
        """The keys of these messages that are parked, which were read after the lane's checkpoint.

        One that is parked later was so by who moved the checkpoint, and one that is freed meanwhile takes no letter:
        both are a conflict when the batch commits, and it is handled again.
        """
        asked = {record.key for record in records} - lane.free if lane.parked else ()
        if not asked:
            return ()
        stood = lane.pos
        found = await self._store.parked_among(*self._place, lane.part, asked)
        if lane.pos == stood:
            lane.parked = found is not None
            if len(lane.free) > REMEMBERED:
                lane.free.clear()
            lane.free |= asked.difference(found or ())
        return found or ()

    def waits(self, record: Record) -> Park:
        """Puts a message aside behind a parked key."""
        return Park(*self._place, record.key, record, self._calls.seconds(), "", 0.0)

    def failed(self, record: Record, error: Exception) -> Park:
        """Parks the key of a message."""
        now = self._calls.seconds()
        return Park(*self._place, record.key, record, now, told(error), next_try(error, now, 0))

    async def look(self) -> None:
        """Begins to handle the letters of keys that are due, unless that is being done. Raises as the store does."""
        if self.drainer is None and (due := await self._due()):
            self._stirred = asyncio.get_running_loop().time()
            self.drainer = asyncio.create_task(self._drain_all(due), name=f"{self._follow.name} letters")

    async def _due(self) -> Sequence[Parked]:
        now, here = self._calls.seconds(), asyncio.get_running_loop().time()
        rows = await self._store.due(*self._place, at=now, tried_after=now + AHEAD_SECONDS, limit=KEYS)
        # Two processes whose clocks are a day apart find what the other one has tried long due, or tried in the future:
        # without a rest they would try it in turns. Somebody who wants it tried now sets 0.
        return [row for row in rows if not row.retry_at or self._resting.get((row.key, row.since), 0.0) <= here]

    def gave_up(self, since: float) -> bool:
        """Cancels the handling of letters if it has neither moved on nor failed since then (loop time). Says if so."""
        if self.drainer is None or self._stirred >= since:
            return False
        self._stirred = asyncio.get_running_loop().time()
        self.drainer.cancel()
        return True

    async def _drain_all(self, due: Sequence[Parked]) -> None:
        try:
            while due:
                for row in due:
                    await self._drain(row)
                    if self.ending:
                        return
                    self._handled()
                due = await self._due() if len(due) >= KEYS else ()  # what is left may wait for the next look
        except RemitError as error:
            self._say(Signal("retrying", self._follow.name, f"letters: {told(error)}", error))
        finally:
            self.drainer = None

    async def _drain(self, parked: Parked) -> None:
        """Handles the letters of a parked key, lowest first, each in its own transaction."""
        while letters := await self._store.letters(*self._place, parked.key, 1):
            if self.ending:
                return
            self._stirred = asyncio.get_running_loop().time()
            self.handling = True
            try:
                if not await self._handle(letters[0].record, parked):
                    return
            finally:
                self.handling = False
        self._say(Signal("released", self._follow.name, f"key {parked.key!r}"))

    async def _handle(self, record: Record, parked: Parked) -> bool:
        """Handles a letter; says whether it is settled."""
        place = Settle(*self._place, parked.key, record.part, record.pos)
        attempt, turns = self._handling.attempt(record), self._calls.turns
        turn: Place | None = None
        taken: frozenset[Place] = frozenset()
        try:
            while True:
                rows = Unit()
                async with contextlib.aclosing(self._handling.unit(taken)) as unit:
                    try:
                        await self._handling.handle(unit, record, attempt)
                        rows = unit.unit()
                        rows.settle = place
                        if turns.taken and unit.transaction is None:
                            await turns.stand_aside(rows.changes, attempt, turn)
                        await unit.commit(rows)
                    except Conflict:
                        taken = await unit.taken_meanwhile()
                        await unit.aclose()  # what its statements have locked, others may need whose turn it is
                        if not await self._waits(record, parked):
                            return False
                        mine, turn = turn, None
                        turn = await turns.take_first(rows.changes, attempt, mine)
                    else:
                        return True
        except Exception as error:  # noqa: BLE001  # handlers raise anything; each is classified
            await self._failed_again(place, parked, error)
            return False
        finally:
            if turn is not None:
                turns.give_up(turn)

    async def _waits(self, record: Record, parked: Parked) -> bool:
        """Whether a letter is still the first one of its key: somebody else may have settled it."""
        return [each.record.id for each in await self._store.letters(*self._place, parked.key, 1)] == [record.id]

    async def _failed_again(self, place: Settle, parked: Parked, error: Exception) -> None:
        now = self._calls.seconds()
        rest = PASSING_SECONDS if is_transient(error) else next_try(error, now, parked.attempts) - now
        if len(self._resting) >= REMEMBERED:
            self._resting.clear()
        self._resting[parked.key, parked.since] = asyncio.get_running_loop().time() + rest
        retry_at = now + rest
        with contextlib.suppress(Conflict):  # somebody else has settled it meanwhile
            await self._store.commit(Unit(settle=place._replace(error=told(error), at=now, retry_at=retry_at)))
