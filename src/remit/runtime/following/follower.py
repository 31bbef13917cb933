"""The engine that follows a log: read after the checkpoint, have the messages done, move the checkpoint.

A follower follows one channel of one source. For each partition with new messages, a worker runs until none is left:
partitions in parallel, each strictly in order. An effect does the messages and moves the checkpoint by
compare-and-swap. A duplicate, a gap, or a second process at work on the same partition shows as a message that does not
fit, and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from remit.errors import Conflict, OutcomeUnknown, RemitError, StoreError
from remit.log import MessageRecord, SubscriptionId, trace_of
from remit.runtime.events import Retrying, SubscriptionBegun
from remit.runtime.failures import backoff, is_transient, told
from remit.runtime.following.effect import HANDLER_SECONDS, STALL_SECONDS, Effect
from remit.runtime.following.ending import DRAIN_SECONDS, end
from remit.runtime.following.history import REPORT_SECONDS, Break, History, Stands, beyond, misfit
from remit.runtime.following.lane import Lane
from remit.runtime.following.states import BROKEN, LOST, severity
from remit.runtime.following.troubles import SILENT_SECONDS, Troubles
from remit.runtime.listeners import Listeners
from remit.runtime.ports import Ports
from remit.runtime.work.deadlines import ask_to_end, begin_handling
from remit.stores import Store
from remit.transports import Feed, Push


def always() -> bool:
    """For a follower that no other process can run: it is always held."""
    return True


class Follower:
    """Follows one channel of one source for one context; its effect does the messages."""

    def __init__(
        self,
        id: SubscriptionId,
        store: Store,
        feed: Feed,
        effect: Effect,
        ports: Ports,
        listeners: Listeners,
        stamp: Callable[[], float],
        held: Callable[[], bool] = always,
        also: Sequence[SubscriptionId] = (),
    ) -> None:
        """`store` holds the checkpoints. `stamp` gives the time for rows that are deleted by age. `held` tells whether
        this process still holds the lease. `also` are further subscriptions of the same context to the same log that
        follow together with it; each has its own checkpoints."""
        self.id = id
        self.ids = (id, *also)
        """All subscriptions that it runs: usually one."""
        self.name = id.name
        """`<context>.<name>`: the context whose store holds its checkpoints, and their name."""
        self._held = held
        self.handled = 0
        """Messages handled since it was created."""
        self._store = store
        self._feed = feed
        self._effect = effect
        self._ports = ports
        self._listeners = listeners
        self._troubles = Troubles(self.name, listeners, effect.doing, phase="starting")
        self._histories = {each: History(each, store, feed, stamp) for each in self.ids}
        self._lanes: dict[int, Lane] = {}
        self._bell = asyncio.Event()
        self._failures = 0
        self._stopping = self._prepared = self._compared = False
        self._expected: float | None = None
        """Until when a source not seen yet may still be starting (loop time)."""
        self._unseen_since = inf
        """When it was started, until it has seen its source (loop time)."""
        self._tasks: list[asyncio.Task[None]] = []
        self._unwatch: Callable[[], None] | None = None

    @property
    def state(self) -> str:
        """A `State`, or a `Phase` other than running."""
        return self._troubles.state

    @property
    def note(self) -> str:
        """What keeps it from going on, unless it is running."""
        return self._troubles.worst[1]

    def position(self, part: int) -> int:
        """The position of the last message done in a partition."""
        return self._lane(part).pos

    # ── starting, stopping, waking ──────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Loads the checkpoints and begins. If the source is away, it waits until it is back."""
        self._stopping = self._prepared = self._compared = False
        self._unseen_since = asyncio.get_running_loop().time()
        self._expect()
        self._lanes.clear()
        self._troubles.clear()
        self._effect.start(self._troubles)
        await self._reload()
        self._troubles.enter("running")
        try:
            await self._compare()
        except RemitError as error:
            self._trouble("source", error, 0)
        self._unwatch = self._feed.watch(self.ring)
        self._tasks = [
            asyncio.create_task(self._look_after(), name=f"follower {self.name}"),
            asyncio.create_task(self._report(), name=f"{self.name} reports"),
        ]

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Waits up to `drain` seconds for running messages to be committed, then cancels them. Idempotent."""
        self._stopping = True
        self._bell.set()
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        lanes = [(lane.worker, lane.busy) for lane in self._lanes.values() if lane.worker is not None]
        tasks = [*self._tasks, *(worker for worker, _ in lanes)]
        busy = [worker for worker, is_busy in lanes if is_busy]
        await asyncio.gather(end(tasks, busy, drain), self._effect.stop(drain))
        self._troubles.enter("stopped")

    async def stand_by(self, *, lost: bool = False) -> None:
        """Stops until it is started again, because another process is to run it. Waits until running messages have
        ended, up to their time limit. With `lost`, the other process runs it already: cancels them at once."""
        self._expect()
        await self.stop(drain=0.0 if lost else HANDLER_SECONDS + DRAIN_SECONDS)
        self._troubles.clear()
        self._troubles.enter("standby")

    def left_alone(self, is_alone: bool) -> None:  # whether it is
        """While it stands by for processes of another release: whether none of them has run it for a while."""
        if is_alone:
            what = f"no running process has the code that has made the live version of {self.name}"
            advice = f"remit rebuild SYSTEM {self.name} makes one with this code; --back returns to the one before"
            self._troubles.begin("alone", "silent", f"{what}: {advice}")
        else:
            self._troubles.end("alone")

    def _expect(self) -> None:
        """Sets the grace period for silent sources, once for a process. A follower taken over later gets none."""
        if self._expected is None:
            self._expected = asyncio.get_running_loop().time() + SILENT_SECONDS

    def ring(self, push: Push | None = None) -> None:
        """Something may be new. A pushed message is kept if it can be the next or a later one."""
        if push is None:
            self._bell.set()
        elif (lane := self._lane(push.record.part)).take(push):
            self._start_worker(lane)

    async def _look_after(self) -> None:
        try:
            while not self._stopping:
                self._bell.clear()
                if await self._look():
                    await self._bell.wait()
                else:
                    await asyncio.sleep(backoff(1, self._ports.random))
        except asyncio.CancelledError:
            if asyncio.current_task() in self._tasks:  # otherwise this task was abandoned, and another runs now
                self._stopping = True  # cancelled without `stop`: a loop that ends cancels all tasks
            raise

    async def _look(self) -> bool:
        """Starts workers for partitions with new messages. Returns whether the source could be read."""
        stood = {part: lane.pos for part, lane in self._lanes.items()}
        try:
            async with asyncio.timeout(STALL_SECONDS):
                if not (self._prepared and self._compared):
                    await self._begin()
                heads = await self._feed.heads()
        except Exception as error:  # noqa: BLE001  # this loop must not end, whatever a feed raises
            self._trouble("source", error, 0)
            return False
        self._expected, self._unseen_since = 0.0, inf
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
        return True

    async def _begin(self) -> None:
        if not self._prepared:
            await self._effect.prepare()
            self._prepared = True
        if not self._compared:
            await self._compare()

    def _start_worker(self, lane: Lane) -> None:
        if lane.worker is None and self._goes_on():
            lane.stirred = asyncio.get_running_loop().time()
            lane.worker = begin_handling(self._work(lane), f"{self.name} partition {lane.part}")

    def _goes_on(self) -> bool:
        return not self._stopping and self._troubles.state not in BROKEN and self._held()

    def _lane(self, part: int) -> Lane:
        lane = self._lanes.get(part)
        if lane is None:
            members = dict.fromkeys(self.ids, (0, "")) if len(self.ids) > 1 else {}
            lane = self._lanes[part] = Lane(part, members=members)
        return lane

    # ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, lane: Lane) -> None:
        """Follows one partition until nothing is left."""
        failure: Exception | None = None
        try:
            while self._goes_on():
                try:
                    if failure is not None:
                        await self._failed(lane, failure)
                        failure = None
                    if not await self._follow(lane):
                        return
                except Exception as error:  # noqa: BLE001  # effects may raise anything; each error is classified
                    failure = error
        finally:
            lane.worker = None
            self._effect.leave(lane)
            if lane.is_behind():
                self._bell.set()

    async def _follow(self, lane: Lane) -> bool:
        """Has some of the next messages done. Returns False if nothing is left."""
        records = await self._next(lane)
        if not self._goes_on():  # it may have been stopped while reading
            return True
        found = misfit(lane.pos, lane.id, records[0]) if records else None
        if records and found is None:
            await self._do(lane, records)
        elif (records or lane.pushed or lane.head > lane.pos) and await self._was_moved(lane):
            return True
        elif found is None:
            self._reached(lane)
            return False
        elif self._compared and not (self._effect.may_miss and found.state == LOST):
            self._break(found)
        else:
            await self._compare()
        return True

    async def _next(self, lane: Lane) -> Sequence[MessageRecord]:
        """The next messages, pushed or read. Reads only if the log is known to have more: it may be remote."""
        lane.failing = None
        limit = self._effect.limit(lane)
        return lane.in_a_row(limit) or (await self._feed.read(lane.part, lane.pos, limit) if lane.is_behind() else [])

    async def _do(self, lane: Lane, records: Sequence[MessageRecord]) -> None:
        lane.busy = True
        try:
            last = await self._effect.do(lane, records)
        finally:
            lane.busy = False
        lane.advance(last)
        self._recovered(lane)
        self.handled += last.pos - records[0].pos + 1

    def _reached(self, lane: Lane) -> None:
        """The end of what can be read."""
        if lane.head > lane.pos:  # the messages up to the head were deleted, or the log was restored
            self._compared = False
        if lane.failures:  # another process has done what failed here
            self._recovered(lane)

    def _recovered(self, lane: Lane) -> None:
        lane.failures = lane.conflicts = self._failures = 0
        self._troubles.end(lane.part)

    # ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _failed(self, lane: Lane, error: Exception) -> None:
        """After a conflict: loads what another process has done. Transient: waits. Permanent: asks the effect."""
        if isinstance(error, Conflict):
            await self._reload(lane.part)
            lane.conflicts += 1
            await asyncio.sleep(self._ports.random.random() * min(0.002 * 2.0 ** min(lane.conflicts, 8), 0.25))
            return
        self._effect.leave(lane)
        lane.stirred = asyncio.get_running_loop().time()
        if isinstance(error, OutcomeUnknown):  # the checkpoint may have moved
            with contextlib.suppress(RemitError):
                await self._reload(lane.part)
        if isinstance(error, StoreError) or is_transient(error) or lane.failing is None:
            await self._wait(lane, error)
        elif aside := await self._effect.settle(lane, error):
            lane.advance(aside)
            self._recovered(lane)

    async def _wait(self, lane: Lane, error: Exception) -> None:
        lane.failures += 1
        self._failures += 1
        self._trouble(lane.part, error, max(self._failures, lane.failures))
        await self._effect.pause(error, lane.failures)

    def _trouble(self, cause: int | str, error: Exception, failures: int) -> None:
        shown = self._effect.trouble(error, failures)
        if shown is None:
            lane = self._lanes.get(cause) if isinstance(cause, int) else None
            trace = "" if lane is None or lane.failing is None else trace_of(lane.failing)
            name = self.name if lane is None else lane.doing or self.name
            row = max(failures, sum(each.failures for each in self._lanes.values()))
            self._listeners.say(Retrying(self._listeners.seconds(), trace, name, told(error), error, row))
        elif shown[0] != "source-silent":
            self._troubles.begin(cause, *shown)
        elif (now := asyncio.get_running_loop().time()) >= (self._expected or 0.0):
            self._troubles.begin(cause, *shown, lasts=now - self._unseen_since >= SILENT_SECONDS)

    async def _reload(self, only: int | None = None) -> None:
        """Loads stored checkpoints: all of them, or that of one partition while other workers run."""
        stored = await self._store.checkpoints(self.id)
        others = {each: await self._store.checkpoints(each) for each in self.ids[1:]}
        parts = {*stored, *(part for each in others.values() for part in each)} if others else stored
        for part in parts if only is None else [only]:
            lane = self._lane(part)
            lane.pos, lane.id = lane.stored = stored[part][:2] if part in stored else (0, "")
            if others:
                found = {each: of[part][:2] if part in of else (0, "") for each, of in others.items()}
                lane.members = {self.id: lane.stored, **found}
                lane.pos, lane.id = lane.stored = min(lane.members.values())
            self._effect.reloaded(lane)

    # ── the source's history ────────────────────────────────────────────────────────────────────────────────────────

    async def _compare(self) -> None:
        """Checks that the source's log is still the same. One restored from a backup may have other or fewer
        messages."""
        histories = self._histories.items()
        if new := [history for id, history in histories if not self._stands(id)]:
            for history in new:
                with contextlib.suppress(Conflict):  # another process begins it concurrently
                    of = history.id
                    takes = None if self._effect.may_miss else partial(self._effect.takes, of)
                    waiting = await history.begin(self._effect.begins(of), self._effect.missed, takes)
                    if waiting.messages:
                        now = self._listeners.seconds()
                        self._listeners.say(SubscriptionBegun(now, "", of.name, of.source, *waiting))
            await self._reload()
        for id, history in histories if self._effect.may_miss else ():
            for part in await history.go_on(self._stands(id)):
                await self._reload(part)
        found = [await history.compare(self._stands(id)) for id, history in histories]
        self._compared = True
        for each in found:
            if each is not None:
                self._break(each)

    async def _was_moved(self, lane: Lane) -> bool:
        """The next message is missing or does not fit: returns whether another process has moved the checkpoint."""
        stood = lane.pos, lane.id, lane.members
        await self._reload(lane.part)
        return (lane.pos, lane.id, lane.members) != stood

    def _break(self, found: Break) -> None:
        """Stops: the source's log is another one, or messages were deleted that were not handled."""
        self._troubles.begin("history", *found)

    async def _mended(self) -> None:
        """Continues if a person has moved the checkpoints."""
        stood = [self._stands(id) for id in self.ids]
        await self._reload()
        if [self._stands(id) for id in self.ids] != stood:
            self._troubles.end("history")
            self._compared = False
            self._bell.set()

    def _stands(self, id: SubscriptionId) -> Stands:
        stored = {part: lane.members.get(id, lane.stored) for part, lane in self._lanes.items()}
        return {part: place for part, place in stored.items() if place[0]}

    async def _report(self) -> None:
        """Reports its progress to the source, also while broken: unhandled messages must not be deleted."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if self._compared:
                for id, history in self._histories.items():
                    with contextlib.suppress(RemitError):
                        await history.report(self._stands(id))

    # ── housekeeping ────────────────────────────────────────────────────────────────────────────────────────────────

    def hindered(self, error: RemitError | None) -> None:
        """Notes that renewing the lease fails, so that nothing can be done; None: it works again."""
        if error is None:
            self._troubles.end("lease")
        else:
            self._troubles.begin("lease", severity(error), told(error))

    def source_is_silent(self, silence: str) -> None:
        """Notes why the process of its source counts as silent, although the log can be read without it; empty if it
        is not silent."""
        if not silence:
            self._troubles.end("life")
        elif self._troubles.phase == "running":
            self._troubles.begin("life", "source-silent", silence, lasts=True)

    async def housekeeping(self, reload: bool) -> None:
        """Does due work beside the messages. `reload` is true if another process has written to the store."""
        if self._stopping or self._troubles.phase != "running" or not self._held():
            return
        if reload:
            self._bell.set()
        try:
            if self.state in BROKEN:
                await self._mended()
            await self._effect.look()
        except RemitError as error:
            self._troubles.begin("store", severity(error), str(error))
        else:
            self._troubles.end("store")

    def give_up_on_the_stuck(self) -> None:
        """Cancels workers that neither move on nor fail. Each starts again once it has ended."""
        now = asyncio.get_running_loop().time()
        for lane in self._lanes.values():
            if lane.worker is not None and now - lane.stirred > STALL_SECONDS:
                lane.stirred = now
                lane.failures += 1
                at = f", at {lane.failing.type} {lane.failing.id}" if lane.failing is not None else ""
                at += f" in {lane.doing}" if lane.doing else ""
                what = f"partition {lane.part}: no message handled for more than {STALL_SECONDS:.0f} s{at}"
                self._troubles.begin(lane.part, "stalled", what)
                ask_to_end(lane.worker)
