"""Feeds of sources in other processes: one reads the log by calls, the other is also notified by an event channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from remit.errors import RemitError, Unavailable
from remit.log import Channel, Head, Heads, MessageRecord
from remit.messages.component import Component
from remit.runtime.failures import backoff
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.wire import KnownHeads, ProgressReport, Span, heard, length_of
from remit.transports import CallResponse, EventChannel, Feed, Push, Standing

WAIT_SECONDS = 5.0
"""How long a long-poll waits at the source. If one gets no answer, the source counts as silent. With the time for an
answer and for a second poll, that is reported within 15 s."""
NEWS_SECONDS = 3.0
"""The time that a long-poll may take beyond its wait. After that the source counts as silent."""
SOON_SECONDS = 0.2
"""After an empty answer that comes sooner than this, the next poll is delayed."""

LOSS_SECONDS = 0.5
"""With pushed messages: how long the feed waits for the push before it takes a message as lost and reads it."""

T = TypeVar("T")
Bell = Callable[[Push | None], None]


class RemoteFeed:
    """Reads one channel of a log that another process has open, in the name of the context `reader`. Long-polls the
    source for new positions. `types` are those that the context follows there, as the grants name them: the source
    refuses a reader who follows more than it may read. Messages of other types may come blank.

    With `pushed`, messages also arrive by an event channel; then polling only detects lost messages.
    """

    def __init__(
        self,
        source: str,
        channel: Channel,
        reader: str,
        remote: RemoteCalls,
        ports: Ports,
        *,
        pushed: bool = False,
        types: Sequence[str] | None = None,
    ) -> None:
        self.source = source
        self.channel = channel
        self._patience = LOSS_SECONDS if pushed else 0.0
        self._reader = reader
        self._remote = remote
        self._address = Component(source, "log").address
        self._ports = ports
        self._types = types

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        return await self._heard(
            self._whole(Span(self.channel, part, after, limit, types=self._types)), list[MessageRecord]
        )

    async def heads(self) -> Heads:
        return await self._heads({}, 0.0)

    async def _heads(self, known: Mapping[int, int], wait_seconds: float) -> Heads:
        """Returns the heads once one is beyond `known`, or after `wait_seconds`."""
        question = KnownHeads(self.channel, known, wait_seconds)
        asking = self._remote.ask_log(self.source, "heads", question, self._reader, NEWS_SECONDS + wait_seconds)
        return await self._heard(asking, dict[int, Head])

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        report = ProgressReport(self.channel, subscription, positions)
        return await self._heard(self._remote.ask_log(self.source, "standing", report, self._reader), Standing)

    async def _whole(self, span: Span) -> CallResponse:
        """A complete response: a single message larger than the channel's limit is fetched in pieces."""
        answer = await self._remote.ask_log(self.source, "read", span, self._reader)
        body, length = answer.body, length_of(answer)
        while len(body) < length:
            rest = msgspec.structs.replace(span, begin=len(body))
            piece = await self._remote.ask_log(self.source, "read", rest, self._reader)
            if not piece.body or length_of(piece) != length:
                raise Unavailable(
                    "the pieces of a message do not fit together", where=self._address,
                    expected=f"{length} bytes in all", next="run the same release in both services, if this stays",
                )  # fmt: skip
            body += piece.body
        return answer._replace(body=body)

    async def _heard(self, asking: Awaitable[CallResponse], kind: type[T]) -> T:
        try:
            return heard(await asking, kind, self._address)
        except Unavailable:
            raise
        except RemitError as error:  # for a follower any error means that the source cannot be read now
            raise Unavailable(error.what, where=self._address, expected=error.expected, next=error.next) from error

    def watch(self, bell: Bell) -> Callable[[], None]:
        """Calls `bell` when the source has something new, when a poll fails, and when polling works again."""
        task = asyncio.create_task(self._ask(bell), name=f"watching {self.source} {self.channel}")
        return lambda: _cancel(task)

    async def _ask(self, bell: Bell) -> None:
        loop = asyncio.get_running_loop()
        known: Mapping[int, int] = {}
        failures = 0
        while True:
            asked = loop.time()
            try:
                heads = await self._heads(known, WAIT_SECONDS)
            except RemitError:
                bell(None)  # the follower then reads, and reports the error
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
            elif loop.time() - asked < SOON_SECONDS:  # the source is stopping and answers polls at once
                await asyncio.sleep(backoff(0, self._ports.random))
            failures = 0


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _known(push: Push | None) -> Push | None:
    return push if push is not None and push.record.pos > 1 else None


class PushedFeed:
    """Wraps a feed with an event channel that pushes messages.

    A pushed message is checked against its predecessor. The first message of a partition has none, so it could be from
    another log: it serves only as a notification.
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
        """Calls `bell` on notifications of either."""
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
