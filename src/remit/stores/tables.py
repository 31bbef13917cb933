"""What stands in the tables of a database, column by column: the same in each of them, whatever their SQL says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from remit.log import Channel, Checkpoint, Head, Record, Subscriber, SubscriptionId
from remit.stores.port import Discard, Park, Parked, Settle

Row = Sequence[Any]
Key = tuple[str, str, int, int, str]
"""Subscription, source, channel and partition, and the key that is parked there."""

_positions = msgspec.json.Decoder(dict[int, int])


def quoted(name: str) -> str:
    """A name as SQL text."""
    return '"' + name.replace('"', '""') + '"'


def record_of(row: Row) -> Record:
    """A message, from a row whose payload is text."""
    return Record._make((*row[:9], row[9].encode()))


def heads_of(rows: Iterable[Row]) -> dict[int, Head]:
    """Heads, from rows of partition, position and time."""
    return {part: Head(pos, at) for part, pos, at in rows}


def checkpoints_of(rows: Iterable[Row]) -> dict[int, Checkpoint]:
    """Checkpoints or floors, from rows of partition, position, identity and time."""
    return {part: Checkpoint(pos, id, at) for part, pos, id, at in rows}


def subscription_of(row: Row) -> SubscriptionId:
    """A subscription, from a row that begins with it."""
    return SubscriptionId(row[0], row[1], Channel(row[2]))


def positions_text(positions: Mapping[int, int]) -> str:
    """Positions by partition, as they are kept: as JSON."""
    return msgspec.json.encode(positions).decode()


def subscriber_of(row: Row) -> Subscriber:
    """A subscriber, from its row."""
    name, channel, positions, at = row
    return Subscriber(name, Channel(channel), _positions.decode(positions), at)


def parked_of(row: Row) -> Parked:
    """A parked key, from its row."""
    return Parked(subscription_of(row), *row[3:])


def key_row(letter: Park | Settle | Discard, part: int) -> Key:
    """Where the key of a letter is parked."""
    name, source, channel = letter.subscription
    return name, source, channel, part, letter.key


def letter_place(letter: Settle | Discard) -> tuple[str, str, int, str, int, int]:
    """Where a letter stands among those of its key."""
    name, source, channel = letter.subscription
    return name, source, channel, letter.key, letter.part, letter.pos


def letter_row(park: Park) -> tuple[object, ...]:
    """The row of a letter."""
    record = park.record
    message = (record.part, record.pos, record.id, record.prev, record.type, record.version, record.at)
    return *park.subscription, park.key, *message, record.headers, str(record.payload, "utf-8"), park.at
