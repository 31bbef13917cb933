"""The way between contexts at its worst: a relay, failing reads, a broker that loses, doubles, reorders and delays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial

from remit.errors import RemitError, Unavailable
from remit.log import Channel, Checkpoint, Heads, Record, SubscriptionId
from remit.stores import Advance, Store, Unit
from remit.testing.simulation.choices import Choices
from remit.testing.simulation.nodes import Incarnation
from remit.transports import Push, Standing
from remit.transports.in_process import StoreFeed

__all__ = ["Broker", "HostileFeed", "Queue", "Relay"]

_Bell = Callable[[Push | None], None]


@dataclass
class Queue:
    """What the broker holds for one subscription, and who listens for it now."""

    unconfirmed: dict[tuple[int, int], Record] = field(default_factory=dict[tuple[int, int], Record])
    bells: list[tuple[Incarnation, _Bell]] = field(default_factory=list[tuple[Incarnation, _Bell]])


class Broker:
    """Outlives every process. With pull it may lose messages for good; without, it delivers until `done` is called."""

    def __init__(self, choices: Choices, *, pull: bool) -> None:
        self.pull = pull
        self._choices = choices
        self._queues: dict[tuple[str, str], Queue] = {}

    def queue(self, subscription: str, source: str) -> Queue:
        """The durable queue of a subscription."""
        return self._queues.setdefault((subscription, source), Queue())

    async def publish(self, source: str, record: Record) -> None:
        """Confirmed when it returns; otherwise taken or not."""
        choices = self._choices
        await asyncio.sleep(choices.delay("publish", 0.05))
        if choices.chance("publish refused", 60):
            raise Unavailable("simulated: the broker is not there")
        for (_, of), queue in self._queues.items():
            if of == source:
                queue.unconfirmed[record.part, record.pos] = record
                self._deliver(queue, record)
        await asyncio.sleep(choices.delay("confirm", 0.05))
        if choices.chance("confirm lost", 60):
            raise Unavailable("simulated: the confirm was lost")

    def _deliver(self, queue: Queue, record: Record) -> None:
        """Once, twice, much later, or never; to any process that listens."""
        choices, loop = self._choices, asyncio.get_running_loop()
        copies = 0 if choices.chance("push lost", 150) else 1 + choices.chance("push doubled", 100)
        delays = [choices.delay("push", 1.0) for _ in range(copies)]
        if choices.chance("push much later", 40):
            delays.append(10.0 + choices.delay("push", 10.0))
        listening = [bell for bell in queue.bells if not bell[0].dead]
        for delay in delays:
            if listening:
                incarnation, bell = listening[choices.draw("listener", len(listening))]
                done = partial(self._done, queue, record)
                loop.call_later(delay, bell, Push(record, done), context=incarnation.context)
        if not self.pull:
            loop.call_later(1.0 + choices.delay("redelivery", 2.0), self._again, queue, record, context=Context())

    def _again(self, queue: Queue, record: Record) -> None:
        if (record.part, record.pos) in queue.unconfirmed:
            self._deliver(queue, record)

    def _done(self, queue: Queue, record: Record) -> None:
        if not self._choices.chance("done lost", 50):
            queue.unconfirmed.pop((record.part, record.pos), None)


class HostileFeed:
    """The feed of one subscription on one channel of another context."""

    def __init__(
        self,
        queue: Queue,
        source: str,
        channel: Channel,
        log: Store,
        incarnation: Incarnation,
        broker: Broker,
        choices: Choices,
    ) -> None:
        self.source = source
        self.channel = channel
        self._log = log
        self._incarnation = incarnation
        self._broker = broker
        self._choices = choices
        self._queue = queue

    async def read(self, part: int, after: int, limit: int) -> Sequence[Record]:
        await self._travel()
        records = await self._log.read(self.channel, part, after, limit) if self._broker.pull else []
        await self._travel()
        return records

    async def heads(self) -> Heads:
        await self._travel()
        heads: Heads = {}
        if self._broker.pull:
            heads = await self._log.heads(self.channel)
        await self._travel()
        return heads

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        return await StoreFeed(self.source, self.channel, self._log).standing(subscription, at, positions)

    def watch(self, bell: _Bell) -> Callable[[], None]:
        """Pushes from the broker, and a beacon each second, since pushes may be lost."""
        listener = (self._incarnation, bell)
        self._queue.bells.append(listener)
        beacon = self._incarnation.spawn(self._beacon(bell))

        def end() -> None:
            self._queue.bells.remove(listener)
            beacon.cancel()

        return end

    async def _beacon(self, bell: _Bell) -> None:
        while True:
            await asyncio.sleep(1.0 + self._choices.delay("beacon", 1.0))
            bell(None)

    async def _travel(self) -> None:
        await asyncio.sleep(self._choices.delay("travel", 0.05))
        if self._choices.chance("read failed", 20):
            raise Unavailable("simulated: the source cannot be reached")


class Relay:
    """Brings what a context has published to the broker. Its cursor is a checkpoint in the context's own store."""

    def __init__(self, source: str, store: Store, broker: Broker) -> None:
        self._source = source
        self._store = store
        self._broker = broker

    async def run(self) -> None:
        """Runs for ever; after a failure it begins again at its cursor."""
        bell = asyncio.Event()
        self._store.watch(bell.set)
        while True:
            bell.clear()
            with suppress(RemitError):
                await self._forward_all()
            with suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), 1.0)

    async def _forward_all(self) -> None:
        cursors = await self._store.checkpoints(SubscriptionId("relay", self._source, Channel.PUBLISHED))
        for part in await self._store.heads(Channel.PUBLISHED):
            cursor = cursors.get(part, Checkpoint(0, "", 0.0))
            for record in await self._store.read(Channel.PUBLISHED, part, cursor.pos, 20):
                await self._forward(cursor, record)
                cursor = Checkpoint(record.pos, record.id, 0.0)

    async def _forward(self, cursor: Checkpoint, record: Record) -> None:
        await self._broker.publish(self._source, record)
        await self._advance(cursor, record)

    async def _advance(self, cursor: Checkpoint, record: Record) -> None:
        relay = SubscriptionId("relay", self._source, Channel.PUBLISHED)
        move = Advance(relay, record.part, cursor.pos, cursor.id, record.pos, record.id, record.at)
        await self._store.commit(Unit(advance=move))
