"""What a log offers to whoever follows it, be it in a store or read from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from remit.log.record import Channel, Floors, Heads, MessageRecord


class Subscriber(NamedTuple):
    """A subscription that follows a channel of this log, wherever it runs, and what it reported last."""

    name: str
    channel: Channel
    positions: Mapping[int, int]
    """The last message handled, by partition. Of a partition that is missing here, none."""
    at: float
    """When it reported (seconds since the epoch)."""


class Log(Protocol):
    """The log of one context. Methods raise `StoreUnavailable` (try again), `StoreError` (cannot be used as it is)."""

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls `wake`, on the loop, after each commit that appended to the log; the result ends it."""
        ...

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        """At most `limit` messages of a partition after a position, in order."""
        ...

    async def heads(self, channel: Channel) -> Heads:
        """The last position of each partition that has any, with its time (seconds since the epoch)."""
        ...

    async def floors(self, channel: Channel) -> Floors:
        """Where the log begins, by partition: the last message that was deleted. Nothing where none was."""
        ...

    async def report(self, subscription: str, channel: Channel, positions: Mapping[int, int], at: float) -> None:
        """Writes down how far a subscription of this log has come, in place of what it reported before."""
        ...

    async def subscribers(self) -> Sequence[Subscriber]:
        """The subscriptions that have reported, by name and channel."""
        ...
