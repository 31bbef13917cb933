"""The parked keys of a subscription: which messages wait behind one, and handling their letters when they are due.

The cost does not grow with the number of parked keys: a batch asks for its own keys only, and a look for due ones. Only
keys known not to be parked are cached.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from remit.errors import Conflict
from remit.log import MessageRecord, SubscriptionId, trace_of
from remit.runtime.events import KeyParked, KeyReleased, Retrying
from remit.runtime.failures import is_transient, next_try, told
from remit.runtime.following.dispatch import Dispatcher
from remit.runtime.following.effect import STALL_SECONDS
from remit.runtime.following.ending import end
from remit.runtime.following.lane import Lane
from remit.runtime.following.troubles import Troubles
from remit.runtime.listeners import Listeners
from remit.runtime.work.deadlines import ask_to_end, begin_handling
from remit.runtime.work.shared import Shared
from remit.runtime.work.turns import Place, Taken
from remit.stores import Park, ParkedKey, Settle, Store, Unit

KEYS = 100
"""Parked keys looked up at a time."""
SIDE_BY_SIDE = 8
"""Keys whose letters are handled in parallel. A slow one delays others only if all of these are slow."""
REMEMBERED = 10_000
"""The largest number of cached keys: of a partition, or resting. With more, the cache is emptied."""
AHEAD_SECONDS = 60.0
"""A key whose last failure lies this far in the future is retried now: the clock that wrote it was ahead."""
PASSING_SECONDS = 5.0
"""Pause before a letter is retried after a transient failure."""


@dataclass(slots=True)
class _Drain:
    """The handling of the letters of one key."""

    stirred: float
    """When it last began with a letter (loop time)."""
    task: asyncio.Task[None] | None = None
    handling: bool = False
    """Whether it is handling a letter."""


class Parking:
    """The parked keys of one subscription."""

    def __init__(
        self, place: SubscriptionId, store: Store, dispatcher: Dispatcher, shared: Shared, listeners: Listeners
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._shared = shared
        self._listeners = listeners
        self._troubles = Troubles(place.name, listeners)
        self.place = place
        self._resting: dict[tuple[str, float], float] = {}
        """Until when (loop time) this process does not retry a key, by key and time of parking. Protects against other
        processes' clocks."""
        self._unnoted: dict[tuple[str, float], float] = {}
        """The same for failures that could not be stored; holds even if the key is due at once."""
        self._due: deque[ParkedKey] = deque()
        self._more = False
        """Whether more keys may be due."""
        self._failures = 0
        """How often in a row letters could not be handled, for a cause beside their handler."""
        self.drains: dict[str, _Drain] = {}
        """The keys whose letters are being handled."""
        self._free: dict[int, set[str] | None] = {}
        """Keys of each partition that are known not to be parked; None if no key of it is. Only a process that moves
        the checkpoint can have parked one since."""
        self.ending = False
        """Whether it is stopping: nothing new is begun."""

    def start(self, troubles: Troubles) -> None:
        """Begins anew. Reports problems with letters to `troubles`."""
        self._troubles = troubles
        self.ending = False

    async def stop(self, seconds: float) -> None:
        """Begins nothing new, and waits up to `seconds` for letters that are being handled."""
        self.ending = True
        drains = [(drain.task, drain.handling) for drain in self.drains.values() if drain.task is not None]
        await end([task for task, _ in drains], [task for task, handling in drains if handling], seconds)

    def forget(self, part: int) -> None:
        """Drops the cached keys of a partition: another process may have parked some."""
        self._free.pop(part, None)

    async def among(self, lane: Lane, records: Sequence[MessageRecord]) -> Collection[str]:
        """Which keys of these messages are parked. The messages were read after the lane's checkpoint.

        A key parked since then was parked by a process that moved the checkpoint, and a freed key takes no letter. Both
        make the commit of the batch conflict, and the batch is handled again.
        """
        free = self._free.setdefault(lane.part, set())
        if free is None or not (asked := {record.key for record in records} - free):
            return ()
        stood = lane.pos
        found = await self._store.parked_among(self.place, lane.part, asked)
        if lane.pos == stood and found is None:
            self._free[lane.part] = None
        elif lane.pos == stood:
            if len(free) > REMEMBERED:
                free.clear()
            free |= asked.difference(found or ())
        return found or ()

    def waits(self, record: MessageRecord) -> Park:
        """Puts a message aside behind a parked key."""
        return Park(self.place, record.key, record, self._shared.seconds(), "", 0.0)

    def failed(self, record: MessageRecord, error: Exception) -> Park:
        """Parks the key of a message."""
        self._note_parked(record)
        now = self._shared.seconds()
        return Park(self.place, record.key, record, now, told(error), next_try(error, now, 0))

    def _note_parked(self, record: MessageRecord) -> None:
        if free := self._free.get(record.part):
            free.discard(record.key)
        else:
            self.forget(record.part)

    async def look(self) -> None:
        """Begins to handle the letters of due keys, several in parallel. Raises as the store does."""
        self._give_up_on_the_stuck()
        if len(self.drains) < SIDE_BY_SIDE:
            await self._look_up()

    async def _look_up(self) -> None:
        now, here = self._shared.seconds(), asyncio.get_running_loop().time()
        rows = await self._store.due(self.place, at=now, tried_after=now + AHEAD_SECONDS, limit=KEYS)
        self._due, self._more = deque(row for row in rows if self._is_tried(row, here)), len(rows) >= KEYS
        self._begin()

    def _is_tried(self, row: ParkedKey, here: float) -> bool:
        """Whether a due key is to be tried. Processes whose clocks are a day apart see each other's retry times as long
        past or in the future; without a rest they would retry it in turns. A person who wants a retry now sets 0."""
        place = (row.key, row.since)
        rests = self._unnoted.get(place, 0.0) > here or (row.retry_at and self._resting.get(place, 0.0) > here)
        return not rests and row.key not in self.drains

    def _begin(self) -> None:
        while self._due and len(self.drains) < SIDE_BY_SIDE and not self.ending:
            row = self._due.popleft()
            if row.key not in self.drains:
                drain = self.drains[row.key] = _Drain(asyncio.get_running_loop().time())
                drain.task = begin_handling(self._drain(row, drain), f"{self.place.name} letters")

    def _give_up_on_the_stuck(self) -> None:
        """Cancels the handling of letters that neither moves on nor fails."""
        now = asyncio.get_running_loop().time()
        for drain in self.drains.values():
            if drain.task is not None and now - drain.stirred > STALL_SECONDS:
                drain.stirred = now
                self._troubles.begin("letters", "stalled", f"no letter handled for more than {STALL_SECONDS:.0f} s")
                ask_to_end(drain.task)

    async def _drain(self, row: ParkedKey, drain: _Drain) -> None:
        """Handles the letters of a key. A failure does not affect other keys."""
        try:
            await self._handle_letters(row, drain)
            self._failures = 0
            self._troubles.end("letters")
        except Exception as error:  # noqa: BLE001  # the store is away, or a bug: other keys go on
            self._rest(self._unnoted, row, PASSING_SECONDS)
            self._failures += 1
            now, what = self._shared.seconds(), f"letters: {told(error)}"
            self._listeners.say(Retrying(now, "", self.place.name, what, error, self._failures))
        finally:
            del self.drains[row.key]
            self._begin()
        if self._more and not self._due and not self.ending:
            self._more = False  # only one drain looks again; the rest waits for the next look
            with contextlib.suppress(Exception):
                await self._look_up()

    async def _handle_letters(self, parked: ParkedKey, drain: _Drain) -> None:
        """Lowest first, each in its own transaction."""
        handled: MessageRecord | None = None
        while letters := await self._store.letters(self.place, parked.key, 1):
            if self.ending:
                return
            drain.stirred = asyncio.get_running_loop().time()
            drain.handling = True
            try:
                if not await self._handle(letters[0].record, parked):
                    return
            finally:
                drain.handling = False
            handled, parked = letters[0].record, parked._replace(attempts=1)
        if handled is not None:
            now, cause = self._shared.seconds(), trace_of(handled)
            self._listeners.say(KeyReleased(now, cause, self.place.name, parked.key))

    def _rest(self, resting: dict[tuple[str, float], float], parked: ParkedKey, seconds: float) -> None:
        if len(resting) >= REMEMBERED:
            resting.clear()
        resting[parked.key, parked.since] = asyncio.get_running_loop().time() + seconds

    async def _handle(self, record: MessageRecord, parked: ParkedKey) -> bool:
        """Handles a letter. Returns whether it is settled."""
        place = Settle(self.place, parked.key, record.part, record.pos)
        attempt, turns = self._dispatcher.attempt(record), self._shared.turns
        turn: Place | None = None
        taken: Taken | None = None
        try:
            while True:
                rows = Unit()
                async with contextlib.aclosing(self._dispatcher.unit(taken)) as unit:
                    try:
                        await self._dispatcher.handle(unit, record, attempt)
                        rows = unit.unit()
                        rows.settle = place
                        if turns.taken and unit.transaction is None:
                            await turns.stand_aside(rows.changes, attempt, turn)
                        await unit.commit(rows)
                    except Conflict:
                        taken = await unit.taken_meanwhile()
                        await unit.aclose()  # releases database locks that the holder of the turn may need
                        if not await self._waits(record, parked):
                            return False
                        mine, turn = turn, None
                        turn = await turns.take_first(rows.changes, attempt, mine)
                    else:
                        if unit.refused is not None:
                            self._listeners.say(unit.refused)
                        return True
        except Exception as error:  # noqa: BLE001  # handlers may raise anything; each error is classified
            await self._failed_again(record, place, parked, error)
            return False
        finally:
            if turn is not None:
                turns.give_up(turn)

    async def _waits(self, record: MessageRecord, parked: ParkedKey) -> bool:
        """Whether a letter is still the first of its key: another process or a person may have settled it."""
        return [each.record.id for each in await self._store.letters(self.place, parked.key, 1)] == [record.id]

    async def _failed_again(self, record: MessageRecord, place: Settle, parked: ParkedKey, error: Exception) -> None:
        now = self._shared.seconds()
        rest = PASSING_SECONDS if is_transient(error) else next_try(error, now, parked.attempts) - now
        self._rest(self._resting, parked, rest)
        retry_at = now + rest
        name, what, attempts = self.place.name, told(error), parked.attempts + 1
        with contextlib.suppress(Conflict):  # settled by another process or a person
            await self._store.commit(Unit(settle=place._replace(error=what, at=now, retry_at=retry_at)))
            self._listeners.say(KeyParked(now, trace_of(record), name, parked.key, what, error, attempts))
