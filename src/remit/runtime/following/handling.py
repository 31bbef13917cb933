"""The effect of a subscription: handles messages in units of work, and parks keys whose messages fail permanently.

Changes, recorded messages and the moved checkpoint commit in one transaction of the subscriber's store.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from remit.errors import CallError, Conflict, Diverged, StoreError, StoreUnavailable
from remit.log import Floors, MessageRecord, SubscriptionId, trace_of
from remit.runtime.events import BatchHandled, KeyParked
from remit.runtime.failures import ATTEMPTS, IN_A_ROW, LONGEST_SECONDS, Storm, Storming, backoff, told
from remit.runtime.following.canary import Canaries
from remit.runtime.following.dispatch import DISPATCHERS, Dispatcher
from remit.runtime.following.effect import Effect
from remit.runtime.following.folding import Folding
from remit.runtime.following.lane import Lane
from remit.runtime.following.parking import Parking
from remit.runtime.following.states import State
from remit.runtime.following.translating import Translating
from remit.runtime.following.troubles import Troubles
from remit.runtime.listeners import Listeners
from remit.runtime.plan import FoldPlan, FollowPlan, TranslationPlan
from remit.runtime.ports import Ports
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.shared import Shared
from remit.runtime.work.turns import Queue, Taken
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Advance, Park, Unit

BATCH = 100
"""The most messages handled in one transaction, unless they are folded."""
MOST = 1000
"""The most messages folded in one transaction."""
MOST_BYTES = 4 * 1024 * 1024
"""A transaction of more messages than `BATCH` has about so many bytes of payloads at most."""
SOON_SECONDS = 5.0
"""The longest pause after a failed call while no circuit breaker is open."""
TURNS_SECONDS = 10.0
"""How long the partitions of a projection take turns after two of them have written the same documents."""
BATCH_SECONDS = 0.05
"""A batch ends once it has taken this long."""

_DISPATCHERS: dict[type, type[Dispatcher]] = {**DISPATCHERS, FoldPlan: Folding, TranslationPlan: Translating}


@dataclass
class Part:
    """The state of handling one partition."""

    begun: float = 0.0
    """When the current or last handling began (loop time)."""
    taken: Taken | None = None
    """Where the handling before the last conflict failed to add aggregates."""
    rerun: Attempt | None = None
    """The attempt that the last conflict interrupted."""
    turn: tuple[str, str] | None = None
    """The aggregate of that conflict, while this partition has the turn to write it."""
    singly_until: int = 0
    """Up to this position messages are handled one by one, to find the one that failed in a batch."""
    most: int = BATCH
    """How many messages are read at a time."""
    in_turn: bool = False
    """Whether no other partition of the projection is being folded meanwhile."""
    step: int = 0
    """Which of the subscriptions that follow together is handling the message."""
    failing: tuple[int, int] = (0, 0)
    """The position of the last message that failed permanently, and the index of the subscription."""
    attempts: int = 0
    failing_since: float = 0.0
    """How often it was tried, and when the first attempt began (loop time)."""


class Handling(Effect):
    """Handles the messages of one subscription."""

    doing = "handling"

    def __init__(self, follow: FollowPlan[Any], shared: Shared, ports: Ports, listeners: Listeners) -> None:
        self._id = follow.id
        self._begins: dict[SubscriptionId, Literal["now"] | float | None] = {follow.id: follow.begins}
        self._folds = isinstance(follow, FoldPlan)
        self._is_own: bool = self._folds and follow.id.source == follow.id.context
        """Whether everything that it writes follows from the log in the same store."""
        self._store = shared.workplaces[follow.id.context].store
        self._shared = shared
        self._ports = ports
        self._listeners = listeners
        self._dispatcher = _DISPATCHERS[follow.__class__](follow, shared, listeners)
        self._parking = Parking(follow.id, self._store, self._dispatcher, shared, listeners)
        self._parts: defaultdict[int, Part] = defaultdict(Part)
        self._storm = Storm()
        self._canaries: Canaries | None = None
        """Of a read model that promises its freshness."""
        if isinstance(follow, FoldPlan) and follow.projection.freshness is not None:
            sources = shared.workplaces[follow.id.context].plan.folds_of(follow.projection)
            self._canaries = Canaries(self._store, follow.projection, [each.id for each in sources])
            shared.written[follow.projection.kind].append(self._canaries.begins)
        self._writes = shared.written[follow.projection.kind] if isinstance(follow, FoldPlan) else []
        self._troubles = Troubles(follow.id.name, listeners)
        self._queue = shared.queues[follow.projection.kind] if isinstance(follow, FoldPlan) else Queue()

    def start(self, troubles: Troubles) -> None:
        self._parking.start(troubles)
        self._troubles = troubles
        if self._canaries is not None:
            self._canaries.forget()

    async def prepare(self) -> None:
        if self._canaries is not None:
            await self._canaries.begin()

    def begins(self, id: SubscriptionId) -> Literal["now"] | float | None:
        return self._begins.get(id)

    def takes(self, id: SubscriptionId, record: MessageRecord) -> bool:
        return self._dispatcher.takes(record)

    async def missed(self, upto: Floors) -> None:
        """Notes the missed messages of a projection, which its documents will always lack. Reactions ignore them."""
        if self._folds:
            await self._store.note_missed(self._id, upto)

    async def look(self) -> None:
        await self._parking.look()
        if self._canaries is not None:
            await self._look_after(self._canaries)

    async def _look_after(self, canaries: Canaries) -> None:
        """Reports if writes of the model are lost. Then it lacks what the messages up to there have said."""
        before = canaries.lost
        await canaries.look()
        if canaries.lost is before:
            return
        if (lost := canaries.lost) is None:
            self._troubles.end("writes")
            return
        what = f"writes are lost: {lost.id!r}, as of position {lost.advance.after} of partition {lost.advance.part}"
        self._troubles.begin("writes", "wedged", f"{what}, is not there when it is read")
        with contextlib.suppress(Conflict):  # another one has noted as much
            await self._store.note_missed(self._id, lost.upto)

    async def stop(self, drain: float) -> None:
        await self._parking.stop(drain)

    # ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────

    def limit(self, lane: Lane) -> int:
        mine = self._parts[lane.part]
        return 1 if self._dispatcher.singly or lane.pos < mine.singly_until else mine.most

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """Handles messages in one unit of work, as long as their handlers have no effects outside of it."""
        if self._queue.until > asyncio.get_running_loop().time():
            async with self._queue.lock:
                self._parts[lane.part].in_turn = True
                try:
                    return await self._handle(lane, records)
                finally:
                    self._parts[lane.part].in_turn = False
        return await self._handle(lane, records)

    async def _handle(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        mine, stood = self._parts[lane.part], (lane.pos, lane.id)  # the lane may move while these are handled
        mine.begun, began = asyncio.get_running_loop().time(), self._listeners.ticks()
        parked = await self._parking.among(lane, records)
        async with contextlib.aclosing(self._dispatcher.unit(mine.taken)) as unit:
            if isinstance(self._dispatcher, Folding):
                parks, last, attempt = await self._fold(self._dispatcher, lane, unit, records, parked)
            else:
                try:
                    parks, last, attempt = await self._decide(lane, mine, unit, records, parked)
                except Conflict:  # of a statement: other transactions are in its way
                    mine.singly_until = records[-1].pos
                    raise
            await self._commit(mine, unit, attempt, parks, self._advance(lane, stood, last))
        self.leave(lane)
        mine.taken = None
        lane.stored = last.pos, last.id
        if self._listeners.batch_handled is not None:
            count, seconds = last.pos - stood[0] - len(parks), self._listeners.ticks() - began
            of, now = self._id, self._shared.seconds()
            self._listeners.batch_handled(
                BatchHandled(now, trace_of(last), of.name, of.source, last.part, last.pos, count, seconds)
            )
        return last

    async def _decide(
        self, lane: Lane, mine: Part, unit: UnitOfWork, records: Sequence[MessageRecord], parked: Collection[str]
    ) -> tuple[list[Park], MessageRecord, Attempt | None]:
        """Runs handlers for as many messages as one unit of work may serve. Returns the messages put aside, the last
        message, and the attempt at it."""
        loop = asyncio.get_running_loop()
        rerun = mine.rerun
        parks: list[Park] = []
        attempt: Attempt | None = None
        last = records[0]
        for record in records:
            if record.key in parked and record.type:  # a blank message has no ordering key
                parks.append(self._parking.waits(record))
            else:
                alone = self._dispatcher.is_alone(record)
                if alone and record is not records[0]:
                    break
                lane.failing = record
                attempt = self._dispatcher.attempt(record)
                if rerun is not None and rerun.origin == attempt.origin:
                    attempt = rerun
                await self._dispatcher.handle(unit, record, attempt)
                if alone:
                    return parks, record, attempt
            last = record
            if self._parking.ending or loop.time() - mine.begun > BATCH_SECONDS:
                break
        return parks, last, attempt

    async def _fold(
        self,
        folding: Folding,
        lane: Lane,
        unit: UnitOfWork,
        records: Sequence[MessageRecord],
        parked: Collection[str],
    ) -> tuple[list[Park], MessageRecord, Attempt | None]:
        """As `_decide`, for a projection: loads all documents at once."""
        mine, free = self._parts[lane.part], records
        if parked:
            records = records[:MOST]
            free = [record for record in records if record.key not in parked or not record.type]
        last = await folding.fold(unit, lane, free) if free else records[-1]
        if free and last is free[-1]:
            last = records[-1]
        mine.most = _most(mine.most, records, last)
        aside = (
            [each for each in records if each.key in parked and each.type and each.pos <= last.pos] if parked else []
        )
        return [self._parking.waits(each) for each in aside], last, unit.attempt if free else None

    async def _commit(
        self,
        mine: Part,
        unit: UnitOfWork,
        attempt: Attempt | None,
        parks: Sequence[Park],
        advance: Advance,
        further: Sequence[Advance] = (),
    ) -> None:
        rows = unit.unit()
        rows.parks, rows.advance, rows.further = parks, advance, further
        rows.repeatable = self._is_own and not parks
        turns = self._shared.turns
        if turns.taken and attempt is not None and unit.transaction is None and not self._folds:
            await turns.stand_aside(rows.changes, attempt, mine.turn)
        for writes in self._writes:
            writes(rows)
        canary = None if self._canaries is None else self._canaries.canary(rows)  # before a store changes the rows
        try:
            await unit.commit(rows)
        except Conflict:
            several = len(rows.changes) + len(rows.rows) > 1 or (unit.transaction is not None and attempt is not None)
            mine.taken, mine.rerun = await unit.taken_meanwhile(), attempt
            await unit.aclose()  # releases database locks that the holder of the turn may need
            if self._take_turns(mine):
                pass
            elif several:
                mine.singly_until = advance.after  # one by one, so that each gets its own turn
            elif attempt is not None and not self._folds:  # partitions of projections have a queue
                had, mine.turn = mine.turn, None
                mine.turn = await turns.take_first(rows.changes, attempt, had)
            raise
        if self._canaries is not None and canary is not None:
            self._canaries.note(canary)
        if unit.refused is not None:
            self._listeners.say(unit.refused)

    def _take_turns(self, mine: Part) -> bool:
        """After a conflict: whether the partitions of a projection take turns from now on. If they did already, another
        process has written the same documents."""
        if not self._folds or mine.in_turn:
            return False
        self._queue.until = asyncio.get_running_loop().time() + TURNS_SECONDS
        return True

    def _advance(self, lane: Lane, stood: tuple[int, str], last: MessageRecord) -> Advance:
        return Advance(self._id, lane.part, *stood, last.pos, last.id, self._shared.seconds())

    def leave(self, lane: Lane) -> None:
        mine = self._parts[lane.part]
        mine.rerun = None
        if mine.turn is not None:
            self._shared.turns.give_up(mine.turn)
            mine.turn = None

    def reloaded(self, lane: Lane) -> None:
        self._parking.forget(lane.part)

    # ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def settle(self, lane: Lane, error: Exception) -> MessageRecord | None:
        """Finds the failing message, retries it, and then parks its key. Raises `Storming`."""
        mine, stood, record = self._parts[lane.part], (lane.pos, lane.id), lane.failing
        if record is None or lane.pos >= record.pos:  # another process has moved the checkpoint
            return None
        if lane.pos + 1 < record.pos:
            mine.singly_until = record.pos
            return None
        mine.singly_until = max(mine.singly_until, record.pos)
        if await self._try_again(mine, (record.pos, 0), error, lane.stirred):
            return None
        await self._park(self._parking, record, error, self._advance(lane, stood, record))
        lane.stored = record.pos, record.id
        return record

    async def _try_again(self, mine: Part, step: tuple[int, int], error: Exception, now: float) -> bool:
        """Whether to retry in place; waits a little before that."""
        if mine.failing != step:
            mine.failing, mine.attempts, mine.failing_since = step, 0, mine.begun
        mine.attempts += 1
        if self._is_tried_again(mine, error, now):
            await asyncio.sleep(backoff(0, self._ports.random) / 10)
            return True
        return False

    async def _park(self, parking: Parking, record: MessageRecord, error: Exception, advance: Advance) -> None:
        """Parks the key of a message, and moves the checkpoint past it. Raises `Storming`."""
        async with self._storm.turn:
            now, counts = self._shared.seconds(), await self._counts(record)
            if counts and self._storm.raging(now):
                raise Storming(f"storm: many keys failed within a minute, last {told(error)}")
            await self._store.commit(Unit(parks=[parking.failed(record, error)], advance=advance))
            if counts:
                self._storm.parked(now)
        name = advance.subscription.name
        self._listeners.say(KeyParked(now, trace_of(record), name, record.key, told(error), error, 1))

    async def _counts(self, record: MessageRecord) -> bool:
        """Whether the key of a message that fails counts for a storm."""
        return True

    def _is_tried_again(self, mine: Part, error: Exception, now: float) -> bool:
        """Whether to retry in place before the key is parked."""
        if isinstance(error, CallError) and now - mine.failing_since >= LONGEST_SECONDS:
            return False
        return mine.attempts < ATTEMPTS and not isinstance(error, Diverged)

    def trouble(self, error: Exception, failures: int) -> tuple[State, str] | None:
        if not failures:
            return super().trouble(error, 0)
        if isinstance(error, StoreError):
            return "stalled", str(error)
        if isinstance(error, Storming):
            return "paused", str(error)
        return ("paused", told(error)) if failures >= IN_A_ROW else None

    async def pause(self, error: Exception, failures: int) -> None:
        if isinstance(error, CallError) and not isinstance(error, StoreUnavailable):
            # An open breaker ends the pause when it closes. If no breaker is open, nothing ends the pause early: too
            # few calls have failed, or the breaker has just closed.
            longest = LONGEST_SECONDS if self._shared.avoids() else SOON_SECONDS
            await self._shared.recovered.wait(backoff(failures - 1, self._ports.random, longest))
        else:
            await asyncio.sleep(backoff(failures - 1, self._ports.random))


def _most(most: int, records: Sequence[MessageRecord], last: MessageRecord) -> int:
    """How many messages are folded next: twice as many after as many as were asked for, fewer after a batch that has
    taken too long or was too large. So a model that is far behind catches up in large steps."""
    if last is not records[-1]:
        return max(BATCH, last.pos - records[0].pos + 1)
    if len(records) < most:
        return most
    size = sum([len(record.payload) for record in records])
    return min(MOST, 2 * most) if 2 * size <= MOST_BYTES else most if size <= MOST_BYTES else max(BATCH, most // 2)
