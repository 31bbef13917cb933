"""The port of a log for its followers, whether the log is in a store or read remotely."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from remit.log.record import Channel, Floors, Heads, MessageRecord


class Subscriber(NamedTuple):
    """A subscription to a channel of this log, in any process, and its last report."""

    name: str
    channel: Channel
    positions: Mapping[int, int]
    """The position of the last message handled, by partition. A partition without any is missing."""
    at: float
    """When it reported (seconds since the epoch)."""


class Log(Protocol):
    """The log of one context. Methods raise `StoreUnavailable` (try again) and `StoreError` (the store is unusable)."""

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls `wake`, on the loop, after each commit that appended to the log. Call the result to stop it."""
        ...

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        """At most `limit` messages of a partition after a position, in order."""
        ...

    async def heads(self, channel: Channel) -> Heads:
        """The last position of each partition that has messages, with its time (seconds since the epoch)."""
        ...

    async def floors(self, channel: Channel) -> Floors:
        """The last deleted message, by partition; a partition without deleted messages is missing."""
        ...

    async def report(self, subscription: str, channel: Channel, positions: Mapping[int, int], at: float) -> None:
        """Stores how far a subscription to this log has come, in place of its last report."""
        ...

    async def subscribers(self) -> Sequence[Subscriber]:
        """The subscriptions that have reported, by name and channel."""
        ...
