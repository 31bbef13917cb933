"""The port for events: pushes the messages of a log to other processes.

A push is a notification with a payload. Subscribers detect what the channel loses, duplicates or reorders, and read it
from the source's log.
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
    """Whether a confirmed message survives a crash of the broker's process."""
    fenced: bool
    """Whether publishing a message again leaves no second copy, even by a process that was believed dead."""
    max_bytes: int
    """The largest payload."""


class EventChannel(Protocol):
    """Carries the messages of contexts' logs to listeners."""

    @property
    def capabilities(self) -> EventCapabilities:
        """As far as known: a broker that is away has not yet told its limits."""
        ...

    async def open(self) -> None:
        """Connects. Returns even if the broker is away; the channel goes on trying. Raises `ChannelError` if trying
        again does not help (wrong credentials, a server that is too old)."""
        ...

    async def close(self) -> None:
        """Disconnects. Idempotent."""
        ...

    async def prepare(self, source: str, channel: Channel) -> None:
        """Creates what publishing needs (a stream), and checks its settings at the broker. Raises `Unavailable`,
        `ChannelError`."""
        ...

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        """Publishes messages of one partition, in order. Returns how many of them, counted from the first, are
        confirmed.

        Fewer than all means a failure, or that all would have taken more than some seconds: the caller begins again
        after the last confirmed one. A call that does not return within 90 s counts as stuck. A message that is too
        large (a payload above `max_bytes`, or a key or headers of any size) travels as a notification without it.
        Raises `Unavailable`; `ChannelError` if the broker refuses this user.
        """
        ...

    async def listen(self, source: str, channel: Channel, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        """Calls `bell`, on the loop, for each message that arrives, and with None after a time in which messages may
        have been lost. Call the result to stop it."""
        ...
