"""Feeds of a simulation: one whose reads fail, one that gets messages only from a broker, and one that is held up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from remit.errors import Unavailable
from remit.log import Heads, MessageRecord
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.network import Queue
from remit.testing.simulation.cluster.nodes import Incarnation
from remit.transports import Feed, Push

__all__ = ["HeldFeed", "HostileFeed", "KeptFeed"]

_Bell = Callable[[Push | None], None]


class HostileFeed:
    """Reads take time and may fail. New messages are announced late, so that pushed ones come first."""

    def __init__(self, feed: Feed, incarnation: Incarnation, choices: Choices) -> None:
        self.source = feed.source
        self.channel = feed.channel
        self.standing = feed.standing
        self._feed = feed
        self._incarnation = incarnation
        self._choices = choices

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        await self._travel()
        records = await self._feed.read(part, after, limit)
        await self._travel()
        return records

    async def heads(self) -> Heads:
        await self._travel()
        heads = await self._feed.heads()
        await self._travel()
        return heads

    def watch(self, bell: _Bell) -> Callable[[], None]:
        """Announces regularly, because pushes may be lost."""
        beacon = self._incarnation.spawn(self._beacon(bell))

        def end() -> None:
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


class KeptFeed:
    """A source that returns nothing to its follower: the broker brings all messages, and keeps them until they are
    handled. Fresh answers use the source itself."""

    def __init__(self, feed: Feed, queue: Queue, incarnation: Incarnation) -> None:
        self.source = feed.source
        self.channel = feed.channel
        self.standing = feed.standing
        self._feed = feed
        self._queue = queue
        self._incarnation = incarnation

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        await self._feed.read(part, after, limit)
        return []

    async def heads(self) -> Heads:
        await self._feed.heads()
        return {}

    def watch(self, bell: _Bell) -> Callable[[], None]:
        ends = [self._feed.watch(bell), self._queue.listeners.add(self._incarnation, bell)]

        def end() -> None:
            for each in ends:
                each()

        return end


class HeldFeed:
    """A source that its follower cannot reach at times."""

    def __init__(self, feed: Feed, is_held: Callable[[], bool]) -> None:
        self.source = feed.source
        self.channel = feed.channel
        self.standing = feed.standing
        self._feed = feed
        self._is_held = is_held

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        self._reach()
        return await self._feed.read(part, after, limit)

    async def heads(self) -> Heads:
        self._reach()
        return await self._feed.heads()

    def watch(self, bell: _Bell) -> Callable[[], None]:
        return self._feed.watch(lambda pushed: bell(None if self._is_held() else pushed))

    def _reach(self) -> None:
        if self._is_held():
            raise Unavailable("simulated: the source is held up")
