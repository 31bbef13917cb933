"""Feeds of sources in other processes: one that reads the log by calls, and one that is rung by pushed events too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from remit.errors import RemitError
from remit.log import Channel, Heads, Record
from remit.runtime.failures import backoff
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.wire import Known, Report, Span
from remit.transports import EventChannel, Feed, Push, Standing

WAIT_SECONDS = 5.0
"""How long a question for news waits at the source. No answer to it: the source cannot be seen. With the time that an
answer may take, and a second question, that is said within 15 s."""
SOON_SECONDS = 0.2
"""An answer without news that comes sooner is not worth asking for again at once."""

LOSS_SECONDS = 0.5
"""Where messages are pushed as well: how long news is left to the push, before it counts as lost and is read."""

Bell = Callable[[Push | None], None]


class RemoteFeed:
    """Reads one channel of a log that another process has open. Its bell is a question that waits there for news.

    `pushed` says that messages are pushed as well: it is in no hurry then, and looks for what was lost.
    """

    def __init__(
        self, source: str, channel: Channel, remote: RemoteCalls, ports: Ports, *, pushed: bool = False
    ) -> None:
        self.source = source
        self.channel = channel
        self._patience = LOSS_SECONDS if pushed else 0.0
        self._remote = remote
        self._ports = ports

    async def read(self, part: int, after: int, limit: int) -> Sequence[Record]:
        return await self._remote.read(self.source, Span(self.channel, part, after, limit))

    async def heads(self) -> Heads:
        return await self._remote.heads(self.source, Known(self.channel, {}, 0.0))

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        return await self._remote.standing(self.source, Report(self.channel, subscription, positions))

    def watch(self, bell: Bell) -> Callable[[], None]:
        """Rings when the source has something new, when it is lost from sight, and when it is seen again."""
        task = asyncio.create_task(self._ask(bell), name=f"watching {self.source} {self.channel}")
        return lambda: _cancel(task)

    async def _ask(self, bell: Bell) -> None:
        loop = asyncio.get_running_loop()
        known: dict[int, int] = {}
        failures = 0
        while True:
            asked = loop.time()
            try:
                heads = await self._remote.heads(self.source, Known(self.channel, known, WAIT_SECONDS))
            except RemitError:
                bell(None)  # whoever is rung asks, and says what is wrong
                await asyncio.sleep(backoff(failures, self._ports.random))
                failures += 1
                known = {}
                continue
            positions = {part: pos for part, (pos, _) in heads.items()}
            if positions != known or failures:
                if not failures:
                    await asyncio.sleep(self._patience)
                known = positions
                bell(None)
            elif loop.time() - asked < SOON_SECONDS:  # it is about to end, and lets nobody wait
                await asyncio.sleep(backoff(0, self._ports.random))
            failures = 0


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _known(push: Push | None) -> Push | None:
    return push if push is not None and push.record.pos > 1 else None


class PushedFeed:
    """Another feed, rung by an event channel as well, which brings the messages with it.

    A pushed message is known by the one before it. The first of a partition, which has none, could be anybody's: it is
    only a bell.
    """

    def __init__(self, feed: Feed, events: EventChannel, ports: Ports) -> None:
        self.source = feed.source
        self.channel = feed.channel
        self.read = feed.read
        self.heads = feed.heads
        self.standing = feed.standing
        self._feed = feed
        self._events = events
        self._ports = ports

    def watch(self, bell: Bell) -> Callable[[], None]:
        """Rings when either of them does."""
        unwatch = self._feed.watch(bell)
        task = asyncio.create_task(self._listen(bell), name=f"listening to {self.source} {self.channel}")

        def end() -> None:
            unwatch()
            _cancel(task)

        return end

    async def _listen(self, bell: Bell) -> None:
        failures = 0
        while True:
            try:
                end = await self._events.listen(self.source, self.channel, lambda push: bell(_known(push)))
            except RemitError:
                await asyncio.sleep(backoff(failures, self._ports.random))
                failures += 1
                continue
            try:
                await asyncio.Event().wait()  # until it is cancelled
            finally:
                end()
