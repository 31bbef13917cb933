"""The event port: how messages of a log reach other processes without being asked for.

A bell with a payload: whatever the channel loses, doubles or reorders, subscribers notice and read the source's log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from remit.log import Channel, MessageRecord
from remit.transports.port import Push


@dataclass(frozen=True)
class EventCapabilities:
    """What an event channel can do, as data."""

    durable: bool
    """Whether a confirmed message outlives a crash of the broker's process."""
    fenced: bool
    """Whether publishing a message again, also by a process that was believed dead, leaves no second copy."""
    max_bytes: int
    """The largest payload."""


class EventChannel(Protocol):
    """Carries the messages of contexts' logs to whoever listens."""

    @property
    def capabilities(self) -> EventCapabilities:
        """As far as it is known: a broker that is away has not yet said what it carries."""
        ...

    async def open(self) -> None:
        """Connects, and returns also while the broker is away: the channel goes on trying. Raises `ChannelError` for
        what trying again cannot mend (wrong credentials, a server that is too old)."""
        ...

    async def close(self) -> None:
        """Disconnects. Idempotent."""
        ...

    async def prepare(self, source: str, channel: Channel) -> None:
        """Makes what publishing needs (a stream), and checks that the broker took its settings. Raises `Unavailable`,
        `ChannelError`."""
        ...

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        """Publishes messages of one partition, in order; says how many of them, counted from the first, are confirmed.

        Fewer than all means trouble, or that all would have taken more than some seconds: the caller begins again after
        the last confirmed one, and takes who returns nothing for 90 seconds for stuck. What is too large, a
        payload above `max_bytes` or a key or headers of any size, travels as a bell without it. Raises `Unavailable`,
        `ChannelError` when the broker refuses us.
        """
        ...

    async def listen(self, source: str, channel: Channel, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        """Calls `bell`, on the loop, for each message that arrives; None after a time in which some may have been lost.
        The result ends it."""
        ...
