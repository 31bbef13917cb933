"""The one loop: read after the checkpoint, handle a batch, commit.

A subscription follows one channel of one source. For each of its partitions that has something new, a worker runs
until there is nothing left; partitions run side by side, a partition strictly in order. Effects, outgoing messages and
the moved checkpoint commit in one transaction of the consumer's store, by compare-and-swap: a duplicate, a gap, or a
second process working on the same partition shows as a message that does not fit, and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from remit.errors import CallError, Conflict, Diverged, RemitError, StoreError, StoreUnavailable
from remit.runtime.calling.calls import Calls
from remit.runtime.failures import ATTEMPTS, IN_A_ROW, LONGEST_SECONDS, Storm, backoff, is_transient, severity, told
from remit.runtime.following.follower import DRAIN_SECONDS, always, end
from remit.runtime.following.handling import HANDLER_SECONDS, Handling
from remit.runtime.following.history import BROKEN, Break, History, beyond, misfit
from remit.runtime.following.lane import Lane
from remit.runtime.following.parking import Parking
from remit.runtime.following.reports import REPORT_SECONDS
from remit.runtime.following.troubles import Troubles
from remit.runtime.plan import ContextPlan, FollowPlan
from remit.runtime.ports import Ports
from remit.runtime.signals import Listener, Signal
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Advance, Checkpoint, Park, Record, Store, Unit
from remit.transports import Feed, Push

__all__ = ["STALL_SECONDS", "Subscription"]

BATCH = 100
"""Messages handled in one transaction at most."""
BATCH_SECONDS = 0.05
"""A batch ends when its handlers have taken so long."""
STALL_SECONDS = 3 * HANDLER_SECONDS
"""What has neither moved on nor failed for so long is stalled: given up, and tried again."""


class Subscription:
    """Follows one channel of one source for one context."""

    def __init__(
        self,
        follow: FollowPlan,
        plan: ContextPlan,
        store: Store,
        feed: Feed,
        calls: Calls,
        ports: Ports,
        listener: Listener,
    ) -> None:
        self.follow = follow
        self.name = follow.name
        self.held: Callable[[], bool] = always
        """Whether this process may go on with it."""
        self.handled = 0
        self._store = store
        self._feed = feed
        self._calls = calls
        self._ports = ports
        self._say = listener
        self._phase = "starting"
        self._troubles = Troubles(follow.name, listener)
        self._history = History(follow, store, feed, calls.stamp)
        self._handling = Handling(follow, plan, store, calls, listener)
        self._parking = Parking(follow, store, self._handling, calls, listener, lambda: self._troubles.end("letters"))
        self._lanes: dict[int, Lane] = {}
        self._bell = asyncio.Event()
        self._storm = Storm()
        self._failures = 0
        self._stopping = False
        self._compared = False
        self._main: asyncio.Task[None] | None = None
        self._reporter: asyncio.Task[None] | None = None
        self._unwatch: Any = None

    @property
    def state(self) -> str:
        """starting, standby (another process runs it), running, stopped; or the worst of its troubles: stalled, paused,
        source-silent, regressed, lost-source."""
        return self._troubles.worst[0] if self._phase == "running" else self._phase

    @property
    def note(self) -> str:
        """What keeps it, when it is not running."""
        return self._troubles.worst[1]

    # ── starting, stopping, waking ──────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Takes up the stored checkpoints and begins. A source that is away keeps it waiting until it is back."""
        self._stopping = self._compared = self._parking.ending = False
        self._lanes.clear()
        self._troubles = Troubles(self.name, self._say)
        await self._reload()
        self._phase = "running"
        try:
            await self._compare()
        except RemitError as error:
            self._troubles.begin("source", severity(error, "source-silent"), told(error))
        self._unwatch = self._feed.watch(self.ring)
        self._main = asyncio.create_task(self._look_after(), name=f"subscription {self.name}")
        self._reporter = asyncio.create_task(self._report(), name=f"{self.name} reports")

    async def _compare(self) -> None:
        """A source restored from a backup may have other messages under the same positions, and an old one fewer."""
        if not self._stands():
            with contextlib.suppress(Conflict):  # another process begins it at this moment
                await self._history.begin()
            await self._reload()
        found = await self._history.compare(self._stands())
        self._compared = True
        if found is not None:
            self._break(found)

    def _stands(self) -> dict[int, tuple[int, str]]:
        return {part: (lane.pos, lane.id) for part, lane in self._lanes.items() if lane.pos}

    async def _report(self) -> None:
        """Tells the source how far it is, also while it cannot go on: what it has not handled must not be deleted."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if self._compared:
                with contextlib.suppress(RemitError):
                    await self._history.report(self._stands())

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Lets running batches commit, for so many seconds, then ends."""
        self._stopping = self._parking.ending = True
        self._bell.set()
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        tasks = [self._main, self._reporter, *self._parking.drains, *(lane.worker for lane in self._lanes.values())]
        await self._drain(drain)
        await end(tasks)
        self._phase = "stopped"

    async def _drain(self, seconds: float) -> None:
        """Waits for what is being handled to be committed: what it has done to the world would be done again."""
        handling = [lane.worker for lane in self._lanes.values() if lane.worker is not None and lane.handling]
        handling += self._parking.handling
        if handling and seconds:
            await asyncio.wait(handling, timeout=seconds)

    async def stand_by(self, *, lost: bool = False) -> None:
        """Ends, and leaves it to another process, until it is started again: at once when that has it already and does
        the same (`lost`), and otherwise when what is being handled has come to its end, however long that takes."""
        await self.stop(drain=0.0 if lost else HANDLER_SECONDS + DRAIN_SECONDS)
        self._phase = "standby"

    def ring(self, push: Push | None = None) -> None:
        """Something may be new; a pushed message is kept if it can be the next or a later one."""
        if push is None:
            self._bell.set()
        elif (lane := self._lane(push.record.part)).take(push):
            self._start_worker(lane)

    async def _look_after(self) -> None:
        while not self._stopping:
            self._bell.clear()
            stood = {part: lane.pos for part, lane in self._lanes.items()}
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    if not self._compared:
                        await self._compare()
                    heads = await self._feed.heads()
            except Exception as error:  # noqa: BLE001  # whatever a feed raises, this loop must not end
                self._troubles.begin("source", severity(error, "source-silent"), told(error))
                await asyncio.sleep(backoff(1, self._ports.random))
                continue
            self._troubles.end("source")
            for part, (pos, _) in heads.items():
                lane = self._lane(part)
                lane.head = pos
                if pos > lane.pos:
                    self._start_worker(lane)
            for part, before in stood.items() if heads else ():
                pos = heads[part][0] if part in heads else 0
                if pos < before:
                    self._break(beyond(part, before, pos))
            await self._bell.wait()

    def _start_worker(self, lane: Lane) -> None:
        if lane.worker is None and self._goes_on():
            lane.stirred = asyncio.get_running_loop().time()
            lane.worker = asyncio.create_task(self._work(lane), name=f"{self.name} partition {lane.part}")

    def _goes_on(self) -> bool:
        return not self._stopping and self.state not in BROKEN and self.held()

    def _lane(self, part: int) -> Lane:
        lane = self._lanes.get(part)
        if lane is None:
            lane = self._lanes[part] = Lane(part)
        return lane

    # ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, lane: Lane) -> None:
        """Read after the checkpoint, handle, commit; until nothing is left."""
        failure: Exception | None = None
        try:
            while self._goes_on():
                try:
                    if failure is not None:
                        await self._failed(lane, failure)
                        failure = None
                    if not await self._handle_next(lane):
                        return
                except Exception as error:  # noqa: BLE001  # handlers raise anything; each is classified
                    failure = error
                    if not isinstance(error, Conflict):
                        self._let_others(lane)
        finally:
            lane.worker = None
            self._let_others(lane)
            if lane.is_behind():
                self._bell.set()

    async def _handle_next(self, lane: Lane) -> bool:
        """False when nothing is left."""
        records = await self._next(lane)
        if not self._goes_on():  # reading has taken time, and nobody waits for what begins now
            return True
        if not records and (lane.pushed or lane.head > lane.pos) and await self._was_moved(lane):
            return True
        if not records:
            self._reached(lane)
            return False
        if self._fits(lane, records[0]):
            await self._handle(lane, records)
        elif not await self._was_moved(lane):
            await self._look_into(lane, records[0])
        return True

    def _reached(self, lane: Lane) -> None:
        """Nothing more is to be had."""
        if lane.head > lane.pos:  # what is to come was deleted; or the log was restored
            self._compared = False
        if lane.failures:  # another process has handled what failed here
            self._recovered(lane)

    async def _next(self, lane: Lane) -> Sequence[Record]:
        """The next messages, pushed or read. A log that is not known to have more is not asked: it may be far away."""
        lane.failing = None
        limit = 1 if self.follow.commands or lane.pos < lane.singly_until else BATCH
        return lane.in_a_row(limit) or (await self._feed.read(lane.part, lane.pos, limit) if lane.is_behind() else [])

    async def _was_moved(self, lane: Lane) -> bool:
        """The next message is nowhere: whether another process has handled it. It may be deleted since."""
        stood = lane.pos
        await self._reload(lane.part)
        return lane.pos != stood

    def _fits(self, lane: Lane, record: Record) -> bool:
        return misfit(lane.pos, lane.id, record) is None

    async def _look_into(self, lane: Lane, record: Record) -> None:
        """What comes next does not follow on the last message that was handled."""
        if not self._compared:
            await self._compare()
        elif (found := misfit(lane.pos, lane.id, record)) is not None:
            self._break(found)

    async def _handle(self, lane: Lane, records: Sequence[Record]) -> None:
        lane.handling = True
        try:
            await self._handle_some(lane, records)
        finally:
            lane.handling = False

    async def _handle_some(self, lane: Lane, records: Sequence[Record]) -> None:
        stood = (lane.pos, lane.id)  # the lane may be moved on while these are handled
        lane.begun = asyncio.get_running_loop().time()
        parked = await self._parking.among(lane, records)
        try:
            async with contextlib.aclosing(self._handling.unit(lane.taken)) as unit:
                parks, last, attempt = await self._decide(lane, unit, records, parked)
                await self._commit(lane, unit, attempt, parks, self._advance(lane.part, stood, last))
        except Conflict:
            raise
        except BaseException:
            self._let_others(lane)
            raise
        self._let_others(lane)
        self._advanced(lane, last, last.pos - records[0].pos + 1)

    async def _commit(
        self, lane: Lane, unit: UnitOfWork, attempt: Attempt | None, parks: Sequence[Park], advance: Advance
    ) -> None:
        rows = unit.unit()
        rows.parks, rows.advance = parks, advance
        turns = self._calls.turns
        if turns.taken and attempt is not None and unit.transaction is None:
            await turns.stand_aside(rows.changes, attempt, lane.turn)
        try:
            await unit.commit(rows)
        except Conflict:
            lane.taken, lane.rerun = await unit.taken_meanwhile(), attempt
            await unit.aclose()  # what its statements have locked, others may need whose turn it is
            if len(rows.changes) > 1:
                lane.singly_until = advance.after  # each has its own turn
            elif attempt is not None:
                mine, lane.turn = lane.turn, None
                lane.turn = await turns.take_first(rows.changes, attempt, mine)
            raise

    def _let_others(self, lane: Lane) -> None:
        """What this lane was to do first is done, or given up."""
        lane.rerun = None
        if lane.turn is not None:
            self._calls.turns.give_up(lane.turn)
            lane.turn = None

    async def _decide(
        self, lane: Lane, unit: UnitOfWork, records: Sequence[Record], parked: Collection[str]
    ) -> tuple[list[Park], Record, Attempt | None]:
        """Lets handlers decide about messages, as many as one unit of work may serve: what is put aside, the last of
        them, and the attempt at it."""
        loop = asyncio.get_running_loop()
        rerun = lane.rerun
        parks: list[Park] = []
        attempt: Attempt | None = None
        last = records[0]
        for record in records:
            if record.key in parked:
                parks.append(self._parking.waits(record))
            else:
                alone = self._handling.is_alone(record)
                if alone and record is not records[0]:
                    break
                lane.failing = record
                attempt = self._handling.attempt(record)
                if rerun is not None and rerun.origin == attempt.origin:
                    attempt = rerun
                await self._handling.handle(unit, record, attempt)
                if alone:
                    return parks, record, attempt
            last = record
            if self._stopping or loop.time() - lane.begun > BATCH_SECONDS:
                break
        return parks, last, attempt

    def _advance(self, part: int, stood: tuple[int, str], last: Record) -> Advance:
        place = (self.follow.name, self.follow.source, self.follow.channel, part)
        return Advance(*place, *stood, last.pos, last.id, self._calls.seconds())

    def _advanced(self, lane: Lane, last: Record, count: int) -> None:
        for pos in [pos for pos in lane.pushed if pos <= last.pos]:
            lane.pushed.pop(pos).done()
        lane.pos, lane.id, lane.taken = last.pos, last.id, frozenset()
        lane.stirred = asyncio.get_running_loop().time()
        self._recovered(lane)
        self.handled += count

    def _recovered(self, lane: Lane) -> None:
        lane.attempts = lane.failures = lane.conflicts = self._failures = 0
        self._troubles.end(lane.part)

    # ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _failed(self, lane: Lane, error: Exception) -> None:
        """Transient: wait and try again. Permanent: find the message, try it again, then park its key."""
        if isinstance(error, Conflict):
            await self._reload(lane.part)
            lane.conflicts += 1
            await asyncio.sleep(self._ports.random.random() * min(0.002 * 2.0 ** min(lane.conflicts, 8), 0.25))
            return
        lane.stirred = asyncio.get_running_loop().time()
        record = lane.failing
        if isinstance(error, StoreError) or is_transient(error) or record is None:
            await self._wait(lane, error)
            return
        stood = (lane.pos, lane.id)
        if lane.pos >= record.pos:  # moved on by another process, meanwhile
            return
        if lane.pos + 1 < record.pos:
            lane.singly_until = record.pos
            return
        lane.singly_until = max(lane.singly_until, record.pos)
        lane.attempts += 1
        if lane.attempts == 1:
            lane.failing_since = lane.begun
        if self._is_tried_again(lane, error):
            await asyncio.sleep(backoff(0, self._ports.random) / 10)
            return
        async with self._storm.turn:
            now = self._calls.seconds()
            if not (raging := self._storm.raging(now)):
                park = self._parking.failed(record, error)
                await self._store.commit(Unit(parks=[park], advance=self._advance(lane.part, stood, record)))
                self._storm.parked(now)
        if raging:
            await self._wait(lane, error, f"storm: many keys failed within a minute, last {told(error)}")
            return
        self._say(Signal("parked", self.name, f"key {record.key!r}: {told(error)}", error))
        lane.parked = True
        lane.free.discard(record.key)
        self._advanced(lane, record, 0)

    def _is_tried_again(self, lane: Lane, error: Exception) -> bool:
        """Whether another attempt is made in place, before the key is parked."""
        if isinstance(error, CallError) and lane.stirred - lane.failing_since >= LONGEST_SECONDS:
            return False
        return lane.attempts < ATTEMPTS and not isinstance(error, Diverged)

    async def _wait(self, lane: Lane, error: Exception, storm: str = "") -> None:
        lane.failures += 1
        self._failures += 1
        if isinstance(error, StoreError):
            self._troubles.begin(lane.part, "stalled", str(error))
        elif storm or max(self._failures, lane.failures) >= IN_A_ROW:
            self._troubles.begin(lane.part, "paused", storm or told(error))
        else:
            self._say(Signal("retrying", self.name, told(error), error))
        pause = backoff(lane.failures - 1, self._ports.random)
        if isinstance(error, CallError) and not isinstance(error, StoreUnavailable):
            await self._calls.recovered.wait(pause)  # whoever was called may be back before it is over
        else:
            await asyncio.sleep(pause)

    def _break(self, found: Break) -> None:
        """The source's log is not the one the checkpoint was made on, or not all of it: stop, loudly."""
        self._troubles.begin("history", *found)

    async def _mended(self) -> None:
        """Goes on where a person has put the checkpoints, if somebody has."""
        stood = self._stands()
        await self._reload()
        if self._stands() != stood:
            self._troubles.end("history")
            self._compared = False
            self._bell.set()

    # ── looking after it ────────────────────────────────────────────────────────────────────────────────────────────

    def hindered(self, error: RemitError | None) -> None:
        """The store takes no writes, so nothing can be handled, whether there is something or not; None: it does."""
        self._troubles.note("lease", error)

    async def housekeeping(self, reload: bool) -> None:
        """Sees to parked keys that are due. `reload` when another process has written to the store."""
        if self._stopping or self._phase != "running" or not self.held():
            return
        if reload:
            self._bell.set()
        try:
            if self.state in BROKEN:
                await self._mended()
            await self._parking.look()
        except RemitError as error:
            self._troubles.begin("store", severity(error), str(error))
        else:
            self._troubles.end("store")

    def give_up_on_the_stuck(self) -> None:
        """Cancels what neither moves on nor fails. What was cancelled is tried again as soon as it has ended."""
        now = asyncio.get_running_loop().time()
        for lane in self._lanes.values():
            if lane.worker is not None and now - lane.stirred > STALL_SECONDS:
                lane.stirred = now
                lane.failures += 1
                at = f", at {lane.failing.type} {lane.failing.id}" if lane.failing is not None else ""
                what = f"partition {lane.part}: no message handled for more than {STALL_SECONDS:.0f} s{at}"
                self._troubles.begin(lane.part, "stalled", what)
                lane.worker.cancel()
        if self._parking.gave_up(now - STALL_SECONDS):
            self._troubles.begin("letters", "stalled", f"no letter handled for more than {STALL_SECONDS:.0f} s")

    async def _reload(self, only: int | None = None) -> None:
        """Takes up stored checkpoints: all, or that of the partition whose worker asks; others are being handled."""
        follow = self.follow
        stored = await self._store.checkpoints(follow.name, follow.source, follow.channel)
        for part, checkpoint in stored.items():
            if only in (None, part):
                self._take(part, checkpoint)

    def _take(self, part: int, checkpoint: Checkpoint) -> None:
        lane = self._lane(part)
        if (lane.pos, lane.id) != (checkpoint.pos, checkpoint.id):
            lane.pos, lane.id = checkpoint.pos, checkpoint.id
            lane.attempts = 0
        lane.parked, lane.free = True, set()  # somebody else may have parked some: asked from here on

    # ── watching ────────────────────────────────────────────────────────────────────────────────────────────────────

    def position(self, part: int) -> int:
        """The position of the last message handled in a partition."""
        return self._lane(part).pos
