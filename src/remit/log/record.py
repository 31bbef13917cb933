"""The records of a log: two channels, each in partitions; in a partition, messages at consecutive positions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, NamedTuple

ChannelName = Literal["private", "published"]


class Channel(IntEnum):
    """A channel of a context's log. Stored and sent as these numbers."""

    PRIVATE = 0
    """Domain events."""
    PUBLISHED = 1
    """Integration events, and commands sent for later."""

    @property
    def called(self) -> ChannelName:
        """The channel's name, as people and brokers see it."""
        return "published" if self is Channel.PUBLISHED else "private"


class MessageRecord(NamedTuple):
    """A message in a log: its position in its partition, and the id of its predecessor there ("" for the first)."""

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


def blank(record: MessageRecord) -> MessageRecord:
    """The place of a message, for a reader who may not read the message: positions, identities and times go on. No
    subscription follows a message without a type."""
    return record._replace(key="", type="", version=0, headers="{}", payload=b"")


class Checkpoint(NamedTuple):
    """A place in one partition: a message, and when the place was stored (seconds since the epoch)."""

    pos: int
    id: str
    at: float


class Head(NamedTuple):
    """The end of a partition: the last position, and the time of its message (seconds since the epoch)."""

    pos: int
    at: float


Heads = Mapping[int, Head]
"""The heads of a channel, by partition. A partition without messages is missing."""
Floors = Mapping[int, Checkpoint]
"""The floors of a channel, by partition: the last deleted message, with `at` as its time. A partition without deleted
messages is missing."""


class SubscriptionId(NamedTuple):
    """A subscription or a relay, and the channel that it follows. Stored and sent as these three."""

    name: str
    """`<context>.<name>`."""
    source: str
    """The context whose log it follows."""
    channel: Channel

    @property
    def context(self) -> str:
        """The context that it belongs to; the store of that context holds its checkpoints."""
        return context_of(self.name)

    @property
    def label(self) -> str:
        """The three as one text, for leases and fresh answers."""
        return f"{self.name} {self.source} {self.channel:d}"


def context_of(name: str) -> str:
    """The context in the full name of a subscription."""
    return name.partition(".")[0]
