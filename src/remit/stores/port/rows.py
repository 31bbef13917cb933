"""What a unit of work consists of: rows, which the store writes together or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

from remit.log import Channel, Record, SubscriptionId

__all__ = ["Advance", "Change", "Claim", "Discard", "Entry", "Park", "Settle", "Unit", "partition_of"]


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: stable over processes, versions and machines (CRC-32 modulo the number of partitions)."""
    return crc32(key.encode()) % partitions


class Entry(NamedTuple):
    """A message to be appended to the log. The store assigns its position."""

    channel: Channel
    key: str
    id: str
    type: str
    version: int
    at: float
    """Seconds since the epoch."""
    headers: str
    """JSON object."""
    payload: bytes


class Change(NamedTuple):
    """State to be written. `expected` is the version it was loaded with, 0 when it is new."""

    kind: str
    id: str
    expected: int
    body: bytes


class Advance(NamedTuple):
    """A checkpoint moved by compare-and-swap from one message to another."""

    subscription: SubscriptionId
    part: int
    before: int
    before_id: str
    after: int
    after_id: str
    at: float


class Claim(NamedTuple):
    """An idempotency key taken by a command, with the outcome a repeated call will get."""

    caller: str
    """The type of the command, and who gave the key: a key means something among those of one type and one caller."""
    key: str
    fingerprint: bytes
    outcome: bytes
    at: float


class Park(NamedTuple):
    """A message put aside: it failed and parks its key, or its key is parked and has to be until all is written.

    What was handled and not put aside needs no such check. A key is parked in the unit that moves the checkpoint past
    its message, so whoever moved it from where it stood before it looked (`Store.parked_among`) has seen every parked
    key, but for those that were freed meanwhile.
    """

    subscription: SubscriptionId
    key: str
    record: Record
    at: float
    error: str
    """Why; empty for a message that only waits behind a parked one."""
    retry_at: float


class Settle(NamedTuple):
    """The lowest letter of a parked key has been handled (or failed again, with `error`)."""

    subscription: SubscriptionId
    key: str
    part: int
    pos: int
    error: str = ""
    at: float = 0.0
    """When it failed again, and when it is tried next (seconds since the epoch)."""
    retry_at: float = 0.0


class Discard(NamedTuple):
    """A letter thrown away by a person; a tombstone with the reason stays."""

    subscription: SubscriptionId
    key: str
    part: int
    pos: int
    reason: str
    at: float


@dataclass(slots=True)
class Unit:
    """The rows of one unit of work, written together or not at all."""

    changes: Sequence[Change] = ()
    entries: Sequence[Entry] = ()
    claim: Claim | None = None
    """The key of a command that somebody may repeat; without one, nobody can."""
    advance: Advance | None = None
    parks: Sequence[Park] = ()
    settle: Settle | None = None
    discard: Discard | None = None
