"""What stores in databases share: how rows are made and read, and the methods that are the same in all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from remit.log import Channel, Checkpoint, Floors, Head, MessageRecord, Subscriber, SubscriptionId
from remit.stores.notes import NotesInRows
from remit.stores.port import Discard, Letter, Park, ParkedKey, Settle

Row = Sequence[Any]
Key = tuple[str, str, int, int, str]
"""Subscription, source, channel and partition, and the parked key."""

_positions = msgspec.json.Decoder(dict[int, int])


def quoted(name: str) -> str:
    """A name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


# Named tuples have a constructor written in Python; this one is not.
as_records: Callable[[Iterable[Row]], Iterable[MessageRecord]] = partial(
    map, partial(tuple[Any, ...].__new__, MessageRecord)
)
"""Messages from rows whose payload is bytes."""


def record_of(row: Row) -> MessageRecord:
    """A message from a row whose payload is text."""
    return MessageRecord._make((*row[:9], row[9].encode()))


def heads_of(rows: Iterable[Row]) -> dict[int, Head]:
    """Heads from rows of partition, position and time."""
    return {part: Head(pos, at) for part, pos, at in rows}


def checkpoints_of(rows: Iterable[Row]) -> dict[int, Checkpoint]:
    """Checkpoints or floors from rows of partition, position, identity and time."""
    return {part: Checkpoint(pos, id, at) for part, pos, id, at in rows}


def states_at(rows: Iterable[Row]) -> tuple[list[Any], dict[int, Checkpoint]]:
    """The states, in order, and the last messages by partition, from rows of both: identity, version or position, body,
    partition and time. The body of a message is missing."""
    states: list[Any] = []
    heads: dict[int, Checkpoint] = {}
    for id, number, body, part, at in rows:
        if body is None:
            heads[part] = Checkpoint(number, id, at)
        else:
            states.append((id, number, body))
    states.sort()  # no statement says in which order a union comes
    return states, heads


def positions_text(positions: Mapping[int, int]) -> str:
    """Positions by partition as JSON, as they are stored."""
    return msgspec.json.encode(positions).decode()


def subscriber_of(row: Row) -> Subscriber:
    """A subscriber from its row."""
    name, channel, positions, at = row
    return Subscriber(name, Channel(channel), _positions.decode(positions), at)


def key_row(letter: Park | Settle | Discard, part: int) -> Key:
    """The row of the parked key that a letter belongs to."""
    name, source, channel = letter.subscription
    return name, source, channel, part, letter.key


def letter_place(letter: Settle | Discard) -> tuple[str, str, int, str, int, int]:
    """The primary key of a letter."""
    name, source, channel = letter.subscription
    return name, source, channel, letter.key, letter.part, letter.pos


def letter_row(park: Park) -> tuple[object, ...]:
    """The row of a letter."""
    record = park.record
    message = (record.part, record.pos, record.id, record.prev, record.type, record.version, record.at)
    return *park.subscription, park.key, *message, record.headers, str(record.payload, "utf-8"), park.at


class Statements(Protocol):
    """The SQL of an adapter: a module whose statements are declared as `str`. `InTables` passes their values."""

    CHECKPOINTS: str
    KEEP: str
    LONGEST: str
    COUNT: str
    PARKING: str
    DUE: str
    LETTERS: str
    BEAT: str
    LAST_BEAT: str
    BEATS: str
    LEASE: str
    LEASES: str
    FLOORS: str
    REPORT: str
    SUBSCRIBERS: str
    FORGET: str
    ERASE_CHECKPOINTS: str
    ERASE_PARKED: str
    ERASE_LETTERS: str


class InTables(NotesInRows, Protocol):
    """Methods of a store in a database that are on no hot path and the same for all databases."""

    sql: Statements

    async def _rows(self, sql: str, *values: Any) -> Sequence[Row]:
        """The rows of a query."""
        ...

    async def _execute(self, sql: str, *values: Any) -> int:
        """Runs a statement in a transaction of its own. Returns the number of rows, if the statement tells."""
        ...

    async def checkpoints(self, subscription: SubscriptionId) -> Mapping[int, Checkpoint]:
        return checkpoints_of(await self._rows(self.sql.CHECKPOINTS, *subscription))

    async def keep(self, caller: str, key: str, at: float) -> None:
        await self._execute(self.sql.KEEP, at, caller, key)

    async def parked(
        self, name: str | None = None, *, key: str | None = None, limit: int = 1000
    ) -> Sequence[ParkedKey]:
        return list(map(_parked_of, await self._rows(self.sql.LONGEST, name, key, limit)))

    async def count_parked(self, subscription: SubscriptionId) -> int:
        return int((await self._rows(self.sql.COUNT, *subscription))[0][0])

    async def parking(self) -> Sequence[SubscriptionId]:
        return sorted(map(_subscription_of, await self._rows(self.sql.PARKING)))

    async def due(
        self, subscription: SubscriptionId, *, at: float, tried_after: float, limit: int
    ) -> Sequence[ParkedKey]:
        return list(map(_parked_of, await self._rows(self.sql.DUE, *subscription, at, tried_after, limit)))

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        rows = await self._rows(self.sql.LETTERS, *subscription, key, limit)
        return [Letter(record_of(row), row[10]) for row in rows]

    async def beat(self, process: str, at: float, body: str) -> None:
        if body:
            await self._execute(self.sql.BEAT, process, at, body)
        else:
            await self._execute(self.sql.LAST_BEAT, process)

    async def beats(self) -> Mapping[str, tuple[float, str]]:
        return {process: (at, body) for process, at, body in await self._rows(self.sql.BEATS)}

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        await self._execute(self.sql.LEASE, owner, until, msgspec.json.encode(list(names)).decode(), now)

    async def leases(self) -> Mapping[str, tuple[str, float]]:
        return {name: (owner, until) for name, owner, until in await self._rows(self.sql.LEASES)}

    async def floors(self, channel: Channel) -> Floors:
        return checkpoints_of(await self._rows(self.sql.FLOORS, channel))

    async def report(self, subscription: str, channel: Channel, positions: Mapping[int, int], at: float) -> None:
        await self._execute(self.sql.REPORT, subscription, channel, positions_text(positions), at)

    async def subscribers(self) -> Sequence[Subscriber]:
        return list(map(subscriber_of, await self._rows(self.sql.SUBSCRIBERS)))

    async def forget(self, subscription: str) -> int:
        return await self._execute(self.sql.FORGET, subscription)

    async def erase(self, subscription: SubscriptionId) -> None:
        for sql in (self.sql.ERASE_CHECKPOINTS, self.sql.ERASE_PARKED, self.sql.ERASE_LETTERS):
            await self._execute(sql, *subscription)


def _subscription_of(row: Row) -> SubscriptionId:
    """A subscription from the beginning of a row."""
    return SubscriptionId(row[0], row[1], Channel(row[2]))


def _parked_of(row: Row) -> ParkedKey:
    """A parked key from its row."""
    return ParkedKey(_subscription_of(row), *row[3:])
