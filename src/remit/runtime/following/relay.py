"""The relay: brings the messages of a context's log to the event channel.

It is one more subscription of the context's log, whose handler publishes; its checkpoint stands in the context's own
store, and moves by compare-and-swap over what the channel has confirmed. Partitions go side by side, each in order. A
relay that dies, or runs twice, publishes messages again: the channel refuses what it has, or whoever listens does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from remit.errors import ChannelError, Conflict, OutcomeUnknown, RemitError, StoreError, Unavailable
from remit.runtime.failures import backoff, storable, told
from remit.runtime.following.follower import always
from remit.runtime.following.reports import Reports
from remit.runtime.plan import FollowPlan
from remit.runtime.ports import Ports
from remit.runtime.signals import Listener, Signal
from remit.stores import Advance, Store, Unit
from remit.transports import EventChannel
from remit.transports.in_process import StoreFeed

__all__ = ["Relay"]

PAGE = 500
"""Messages published between two moves of a checkpoint, at most."""
LONGEST = 4
"""Failures after which the pause grows no longer (some 3 s): to ask a channel that has no connection costs nothing."""
WHOLE = -1
"""Stands for all partitions, where something is wrong with the channel or the store itself."""


@dataclass
class _Lane:
    """What is known about one partition."""

    head: int = 0
    """Where the log was seen to end."""
    pos: int = 0
    id: str = ""
    """The last message published."""
    noted_pos: int = 0
    noted_id: str = ""
    """Where the checkpoint stands."""
    noting: asyncio.Task[None] | None = None
    """Moves it, while the next messages are published."""
    worker: asyncio.Task[None] | None = None


class Relay:
    """Publishes one channel of a context's log. `follow` names both, and the checkpoint: `billing.relay:nats`."""

    def __init__(
        self,
        follow: FollowPlan,
        store: Store,
        events: EventChannel,
        ports: Ports,
        listener: Listener,
    ) -> None:
        self.name = follow.name
        self.follow = follow
        self.source = follow.source
        self.channel = follow.channel
        self.held: Callable[[], bool] = always
        """Whether this process may go on with it."""
        self.state = "starting"
        self.note = ""
        self.published = 0
        """Messages confirmed since the start."""
        self._store = store
        self._own = StoreFeed(follow.source, follow.channel, store)
        self._events = events
        self._ports = ports
        self._say = listener
        self._lanes: dict[int, _Lane] = {}
        self._failing: set[int] = set()
        self._reports = Reports()
        self._bell = asyncio.Event()
        self._stopping = False
        self._prepared = False
        self._main: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None

    # ── starting, stopping, waking ──────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Begins. A channel that cannot be used now keeps it paused, or stalled, until it can. Raises nothing."""
        self._stopping = self._prepared = False
        self._lanes.clear()
        self._failing.clear()
        self.state = "running"
        self._unwatch = self._store.watch(self.ring)
        self._main = asyncio.create_task(self._look_after(), name=self.name)

    async def stop(self) -> None:
        """Ends. What was published and not yet noted will be published again. Idempotent."""
        self._stopping = True
        self._prepared = False
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        lanes = self._lanes.values()
        ending = [task for task in [self._main, *(lane.worker for lane in lanes)] if task is not None]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await asyncio.gather(*(lane.noting for lane in lanes if lane.noting is not None), return_exceptions=True)
        self.state = "stopped"

    async def stand_by(self, *, lost: bool = False) -> None:
        """Ends, and leaves it to another process, until it is started again. With `lost` another has it already, which
        is all the same here."""
        await self.stop()
        self.state = "standby"

    def give_up_on_the_stuck(self) -> None:
        """Nothing here waits without an end: the channel and the store both say when they cannot."""

    def ring(self) -> None:
        """Something may be new."""
        self._bell.set()

    def hindered(self, error: RemitError | None) -> None:
        """What it reads and notes fails in the same way, and is said then."""

    async def housekeeping(self, reload: bool) -> None:
        """Says how far it is, so that what it has not published stays. `reload` when another process has written."""
        if reload:
            self._bell.set()
        positions = {part: lane.noted_pos for part, lane in self._lanes.items()}
        if self._prepared and self._reports.due(positions):
            with suppress(RemitError):  # it is said again
                await self._own.standing(self.name, self._ports.clock.seconds(), positions)
                self._reports.told(positions)

    async def _look_after(self) -> None:
        """Finds the partitions that have something new."""
        failures = 0
        while not self._stopping:
            self._bell.clear()
            try:
                if not self._prepared:
                    await self._events.prepare(self.source, self.channel)
                    await self._reload()
                    self._prepared = True
                heads = await self._store.heads(self.channel)
            except Exception as error:  # noqa: BLE001  # whatever it is, the relay goes on
                await self._wait(WHOLE, failures, error)
                failures += 1
                continue
            failures = 0
            self._recovered(WHOLE)
            for part, (pos, _) in heads.items():
                lane = self._lanes.setdefault(part, _Lane())
                lane.head = pos
                if pos > lane.pos and lane.worker is None and self.held():
                    lane.worker = asyncio.create_task(self._work(part, lane), name=f"{self.name} partition {part}")
            await self._bell.wait()

    # ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, part: int, lane: _Lane) -> None:
        """Read after the checkpoint, publish, move the checkpoint; until nothing is left."""
        failures = 0
        try:
            while not self._stopping and self.held():
                try:
                    if not await self._publish(part, lane):
                        self._recovered(part)  # another process may have published what failed here
                        return
                except Conflict:  # another process works on the partition too
                    await self._reload(part)
                except Exception as error:  # noqa: BLE001  # whatever it is, the relay goes on
                    await self._wait(part, failures, error)
                    failures += 1
                else:
                    failures = 0
                    self._recovered(part)
        finally:
            lane.worker = None
            if lane.pos < lane.head:
                self._bell.set()

    async def _publish(self, part: int, lane: _Lane) -> bool:
        """Publishes what comes next; says whether there is more to do."""
        records = await self._store.read(self.channel, part, lane.pos, PAGE) if lane.pos < lane.head else []
        if records:
            count = await self._events.publish(self.source, self.channel, records)
            if count == 0:
                raise Unavailable("the channel confirmed nothing", where=f"{self.source}, partition {part}")
            lane.pos, lane.id = records[count - 1].pos, records[count - 1].id
            self.published += count
        if lane.noting is not None and (lane.noting.done() or not records):
            noting, lane.noting = lane.noting, None
            await noting
        if lane.noting is None and lane.noted_pos != lane.pos:
            lane.noting = asyncio.create_task(self._note(part, lane), name=f"{self.name} checkpoint {part}")
        return lane.noting is not None

    async def _note(self, part: int, lane: _Lane) -> None:
        """Moves the checkpoint over what is published now."""
        pos, id = lane.pos, lane.id
        moved = Advance(
            self.name, self.source, self.channel, part, lane.noted_pos, lane.noted_id, pos, id,
            self._ports.clock.seconds(),
        )  # fmt: skip
        await self._store.commit(Unit(advance=moved))
        lane.noted_pos, lane.noted_id = pos, id

    async def _reload(self, only: int | None = None) -> None:
        """Takes up stored checkpoints: all, or that of one partition; others are being worked on."""
        stored = await self._store.checkpoints(self.name, self.source, self.channel)
        for part, checkpoint in stored.items():
            if only in (None, part):
                lane = self._lanes.setdefault(part, _Lane())
                lane.pos, lane.id = lane.noted_pos, lane.noted_id = checkpoint.pos, checkpoint.id

    # ── trouble ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _wait(self, part: int, failures: int, error: Exception) -> None:
        if isinstance(error, OutcomeUnknown):  # the checkpoint has moved or not
            with suppress(RemitError):
                await self._reload(part)
        what = storable(error.what) if isinstance(error, RemitError) else told(error)
        self._failing.add(part)
        state = "stalled" if isinstance(error, (ChannelError, StoreError)) else "paused"
        if (self.state, self.note) != (state, what):
            self._say(Signal(state, self.name, what))
        self.state, self.note = state, what
        await asyncio.sleep(backoff(min(failures, LONGEST), self._ports.random))

    def _recovered(self, part: int) -> None:
        if part in self._failing:
            self._failing.remove(part)
        if self.state != "running" and not self._failing:
            self._say(Signal("resumed", self.name, "publishing again"))
            self.state, self.note = "running", ""
