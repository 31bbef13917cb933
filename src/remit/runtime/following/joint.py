"""Several subscriptions that follow one log together: reactions that work on one aggregate and need one order.

Each keeps its own checkpoints, parked keys and letters under its own name. So one may join or leave with any release,
and a release that does not know it leaves its rows alone. They share the order: message by message, and for one message
in order of declaration. A key that is parked for one of them waits for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from remit.errors import Conflict
from remit.log import MessageRecord, SubscriptionId, trace_of
from remit.runtime.events import BatchHandled, KeyReleased
from remit.runtime.failures import retry_after
from remit.runtime.following.dispatch import DISPATCHERS, Dispatcher
from remit.runtime.following.handling import BATCH_SECONDS, Handling
from remit.runtime.following.lane import Lane
from remit.runtime.following.parking import PASSING_SECONDS, Parking
from remit.runtime.following.states import State
from remit.runtime.following.troubles import Troubles
from remit.runtime.listeners import Listeners
from remit.runtime.plan import FollowPlan
from remit.runtime.ports import Ports
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.shared import Shared
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Advance, Park, ParkedKey, Settle, Store, Unit

BEHIND_SECONDS = 300.0
"""A key that waits for another subscription is looked at this often. Usually the process that frees the other key goes
on with it at once; not if a person freed it, or the process died then."""

Place = tuple[int, str]
"""Position and identity of the last message that a subscription has done."""


class _Member(NamedTuple):
    id: SubscriptionId
    dispatcher: Dispatcher
    parking: JointParking


@dataclass
class _Decided:
    """What one unit of work has done: how far each subscription has come, and what is put aside."""

    marks: dict[SubscriptionId, Place]
    parks: list[Park] = field(default_factory=list[Park])
    attempt: Attempt | None = None
    """The last one."""
    last: MessageRecord | None = None


class JointHandling(Handling):
    """Handles the messages of several subscriptions of one context that follow one log together."""

    def __init__(self, follows: Sequence[FollowPlan[Any]], shared: Shared, ports: Ports, listeners: Listeners) -> None:
        self._peers: list[JointParking] = []
        self._lanes: dict[int, Lane] = {}
        self._looks = 0
        self._failed = ""
        """The subscription that failed last."""
        super().__init__(follows[0], shared, ports, listeners)
        self._begins = {follow.id: follow.begins for follow in follows}
        self._members = [
            _Member(follow.id, dispatcher, self._joint(follow.id, dispatcher))
            for follow in follows
            for dispatcher in [DISPATCHERS[follow.__class__](follow, shared, listeners)]
        ]

    def _joint(self, id: SubscriptionId, dispatcher: Dispatcher) -> JointParking:
        return JointParking(
            id, self._store, dispatcher, self._shared, self._listeners, self._peers, self._has_reached
        )  # fmt: skip

    def _has_reached(self, record: MessageRecord) -> bool:
        """Whether all of them have come as far as this message."""
        lane = self._lanes.get(record.part)
        return lane is None or lane.pos >= record.pos

    def takes(self, id: SubscriptionId, record: MessageRecord) -> bool:
        return any(member.dispatcher.takes(record) for member in self._members if member.id == id)

    def start(self, troubles: Troubles) -> None:
        self._lanes.clear()
        for each in self._peers:
            each.start(troubles)

    async def look(self) -> None:
        self._looks += 1
        first = self._looks % len(self._peers)  # alternates which one begins with a key that is due for several
        for each in (*self._peers[first:], *self._peers[:first]):
            await each.look()

    async def stop(self, drain: float) -> None:
        await asyncio.gather(*(each.stop(drain) for each in self._peers))

    def reloaded(self, lane: Lane) -> None:
        self._lanes[lane.part] = lane
        for each in self._peers:
            each.forget(lane.part)

    # ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """As `Handling.do`. Repeats until all subscriptions have done at least the first message."""
        self._lanes[lane.part] = lane
        parked: dict[str, list[str]] = {}
        for member in self._members:
            for key in await member.parking.among(lane, records):
                parked.setdefault(key, []).append(member.id.name)
        while True:
            try:
                await self._do_some(lane, records, parked)
            except Exception:
                self._failed = lane.doing
                raise
            done, _ = lane.stored
            if done >= records[0].pos:
                return next(record for record in reversed(records) if record.pos <= done)

    async def _do_some(self, lane: Lane, records: Sequence[MessageRecord], parked: Mapping[str, Sequence[str]]) -> None:
        """One unit of work."""
        mine, stood = self._parts[lane.part], dict(lane.members)
        mine.begun, began = asyncio.get_running_loop().time(), self._listeners.ticks()
        decided = _Decided(dict(stood))
        async with contextlib.aclosing(self._dispatcher.unit(mine.taken)) as unit:
            for record, step in self._steps(records, decided, mine.begun):
                if not await self._step(lane, unit, decided, record, step, parked.get(record.key, ())):
                    break
            first, *others = self._moves(lane.part, stood, decided.marks)
            await self._commit(mine, unit, decided.attempt, decided.parks, first, others)
        self.leave(lane)
        mine.taken = None
        lane.members, lane.stored = decided.marks, min(decided.marks.values())
        if self._listeners.batch_handled is not None and decided.last is not None:
            seconds, now, trace = self._listeners.ticks() - began, self._shared.seconds(), trace_of(decided.last)
            for move in (first, *others):
                aside = sum(park.subscription == move.subscription for park in decided.parks)
                of, count = move.subscription, move.after - move.before - aside
                said = BatchHandled(now, trace, of.name, of.source, lane.part, move.after, count, seconds)
                self._listeners.batch_handled(said)

    def _steps(
        self, records: Sequence[MessageRecord], decided: _Decided, begun: float
    ) -> Iterator[tuple[MessageRecord, int]]:
        """Pairs of a message and a subscription that has not done it, in order, until the batch has taken 50 ms."""
        loop = asyncio.get_running_loop()
        for record in records:
            for step, member in enumerate(self._members):
                if decided.marks[member.id][0] < record.pos:
                    yield record, step
            decided.last = record
            if self._peers[0].ending or loop.time() - begun > BATCH_SECONDS:
                return

    async def _step(
        self, lane: Lane, unit: UnitOfWork, decided: _Decided, record: MessageRecord, step: int, parked: Sequence[str]
    ) -> bool:
        """Has one subscription do a message. Returns whether another step may follow in the same unit of work."""
        member, mine = self._members[step], self._parts[lane.part]
        alone = False
        if not member.dispatcher.takes(record):
            pass
        elif parked:
            is_own = member.id.name in parked
            decided.parks.append(
                member.parking.waits(record) if is_own else member.parking.behind(record, parked[0])
            )  # fmt: skip
        else:
            alone = record.pos <= mine.singly_until or member.dispatcher.is_alone(record)
            if alone and (decided.attempt is not None or decided.parks):
                return False
            lane.failing, lane.doing, mine.step = record, member.id.name, step
            attempt = member.dispatcher.attempt(record)
            if mine.rerun is not None and mine.rerun.origin == attempt.origin:
                attempt = mine.rerun
            decided.attempt = attempt
            await member.dispatcher.handle(unit, record, attempt)
        decided.marks[member.id] = record.pos, record.id
        decided.last = record
        return not alone

    def _moves(
        self, part: int, stood: Mapping[SubscriptionId, Place], marks: Mapping[SubscriptionId, Place]
    ) -> list[Advance]:
        """The checkpoints that move; first the one that has come farthest."""
        now = self._shared.seconds()
        moved = [id for id in marks if marks[id] != stood[id]]
        found = [Advance(id, part, *stood[id], *marks[id], now) for id in moved]
        return sorted(found, key=lambda advance: -advance.after)

    # ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def settle(self, lane: Lane, error: Exception) -> MessageRecord | None:
        """Finds which subscription fails at which message, retries it, and then parks the key for that subscription.
        The others put the message aside when it is their turn."""
        mine, record = self._parts[lane.part], lane.failing
        member = self._members[mine.step]
        if record is None or lane.members[member.id][0] >= record.pos:  # another process has moved the checkpoint
            return None
        alone = record.pos <= mine.singly_until or self._is_first(lane, record, mine.step)
        mine.singly_until = max(mine.singly_until, record.pos)
        if not alone or await self._try_again(mine, (record.pos, mine.step), error, lane.stirred):
            return None
        stood, place = dict(lane.members), (record.pos, record.id)
        move = Advance(member.id, lane.part, *stood[member.id], *place, self._shared.seconds())
        await self._park(member.parking, record, error, move)
        lane.members = {**stood, member.id: place}
        lane.stored = min(lane.members.values())
        return record if lane.stored[0] >= record.pos else None

    def _is_first(self, lane: Lane, record: MessageRecord, step: int) -> bool:
        """Whether this step was the first of its unit of work."""
        return all(
            lane.members[each.id][0] >= record.pos - (nth >= step or not each.dispatcher.takes(record))
            for nth, each in enumerate(self._members)
        )

    def trouble(self, error: Exception, failures: int) -> tuple[State, str] | None:
        shown = super().trouble(error, failures)
        if shown is None or not failures or not self._failed:
            return shown
        return shown[0], f"{self._failed}: {shown[1]}"


class JointParking(Parking):
    """The parked keys of one of several subscriptions that follow together. Letters of a key are handled in the order
    in which all of them would have handled the messages."""

    def __init__(
        self,
        place: SubscriptionId,
        store: Store,
        dispatcher: Dispatcher,
        shared: Shared,
        listeners: Listeners,
        peers: list[JointParking],
        has_reached: Callable[[MessageRecord], bool],
    ) -> None:
        """Adds itself to `peers`, which lists all of them. `has_reached` tells whether all have come to a message."""
        super().__init__(place, store, dispatcher, shared, listeners)
        peers.append(self)
        self._peers = peers
        self.drains = peers[0].drains  # shared: only one of them handles the letters of a key at a time
        self._has_reached = has_reached

    def behind(self, record: MessageRecord, other: str) -> Park:
        """Parks the key of a message because it is parked for another subscription."""
        self._note_parked(record)
        now = self._shared.seconds()
        return Park(self.place, record.key, record, now, _waits_for(other), now + BEHIND_SECONDS)

    async def _handle_letters(self, parked: ParkedKey, drain: Any) -> None:
        """Handles letters of all subscriptions, lowest first, each in its own transaction."""
        key = parked.key
        rows: dict[JointParking, ParkedKey] = {self: parked}
        begun: dict[JointParking, MessageRecord] = {}
        while (found := await self._first(key)) is not None and not self.ending:
            whose, record = found
            if not self._has_reached(record):  # one is behind, and may have to do an earlier message
                self._rest(self._unnoted, parked, PASSING_SECONDS)
                break
            if whose is not self and not begun:
                await self._wait(parked, whose)
                return
            drain.stirred, drain.handling = asyncio.get_running_loop().time(), True
            row = rows.get(whose) or ParkedKey(whose.place, key, record.part, 0.0, 0.0, 1, 0.0, "", 1)
            try:
                if not await whose.settle(record, row):
                    break
            finally:
                drain.handling = False
            rows[whose], begun[whose] = row._replace(attempts=1), record
        for whose, record in begun.items():
            if not await self._store.letters(whose.place, key, 1):
                now = self._shared.seconds()
                self._listeners.say(KeyReleased(now, trace_of(record), whose.place.name, key))

    async def settle(self, record: MessageRecord, parked: ParkedKey) -> bool:
        """Handles a letter of its own. Returns whether it is settled."""
        return await self._handle(record, parked)

    async def _first(self, key: str) -> tuple[JointParking, MessageRecord] | None:
        """The next letter of a key, and its subscription."""
        found: tuple[JointParking, MessageRecord] | None = None
        for each in self._peers:
            letters = await self._store.letters(each.place, key, 1)
            if letters and (found is None or letters[0].record.pos < found[1].pos):
                found = each, letters[0].record
        return found

    async def _wait(self, parked: ParkedKey, other: JointParking) -> None:
        """Waits: the next letter belongs to another subscription, which fails or is not due."""
        letters = await self._store.letters(self.place, parked.key, 1)
        if not letters:
            return
        now, rest = self._shared.seconds(), min(BEHIND_SECONDS, retry_after(parked.attempts))
        self._rest(self._resting, parked, rest)
        place = Settle(self.place, parked.key, letters[0].record.part, letters[0].record.pos)
        settle = place._replace(error=_waits_for(other.place.name), at=now, retry_at=now + rest)
        with contextlib.suppress(Conflict):  # settled by another process or a person
            await self._store.commit(Unit(settle=settle))


def _waits_for(other: str) -> str:
    return f"it waits for {other}, which follows together with it and has this key parked"
