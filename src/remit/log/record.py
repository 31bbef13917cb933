"""A log has two channels, each in partitions, in every partition messages at dense positions; and followers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, NamedTuple

ChannelName = Literal["private", "published"]


class Channel(IntEnum):
    """Which messages of a context's log. Stored and sent as these numbers."""

    PRIVATE = 0
    """Domain events."""
    PUBLISHED = 1
    """Integration events, and commands sent for later."""

    @property
    def called(self) -> ChannelName:
        """The channel in words, as people and brokers see it."""
        return "published" if self is Channel.PUBLISHED else "private"


class MessageRecord(NamedTuple):
    """A message in a log: dense position in its partition, and the id of its predecessor there ("" for the first)."""

    part: int
    pos: int
    id: str
    prev: str
    key: str
    type: str
    version: int
    at: float
    """Seconds since the epoch."""
    headers: str
    """JSON object."""
    payload: bytes


class Checkpoint(NamedTuple):
    """A place in one partition: a message, and when the place was taken (seconds since the epoch)."""

    pos: int
    id: str
    at: float


class Head(NamedTuple):
    """Where one partition ends: the last position, and the time of its message (seconds since the epoch)."""

    pos: int
    at: float


Heads = Mapping[int, Head]
"""Where a channel ends, by partition. A partition without any message is missing."""
Floors = Mapping[int, Checkpoint]
"""Where a channel begins, by partition: the last message that was deleted, `at` being its own time. Nothing where none
was."""


class SubscriptionId(NamedTuple):
    """A subscription or a relay, and the channel whose messages it follows. Stored and sent as these three."""

    name: str
    """`<context>.<name>`."""
    source: str
    """The context whose log it is."""
    channel: Channel

    @property
    def context(self) -> str:
        """Whose subscription it is: its checkpoints stand in the store of this context."""
        return context_of(self.name)

    @property
    def label(self) -> str:
        """The three as one text: what it is called in leases, and where heads are told."""
        return f"{self.name} {self.source} {self.channel:d}"


def context_of(name: str) -> str:
    """The context of a subscription, from its full name."""
    return name.partition(".")[0]
