"""Checks that a source's log is still the one that a subscription has followed, and that no message is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

from remit.errors import RemitError
from remit.log import Channel, Checkpoint, Floors, Log, MessageRecord, SubscriptionId
from remit.runtime.following.beginning import beginning
from remit.runtime.following.states import LOST, State
from remit.stores import Advance, Store, Unit
from remit.transports import Feed
from remit.transports.store_feed import StoreFeed

REPORT_SECONDS = 10.0
"""Between two progress reports, if the subscription moves."""
REPEAT_SECONDS = 600.0
"""Between two progress reports, if it does not move."""
COUNTED = 1000
"""The most messages of a partition that are counted when a subscription begins."""

Stands = Mapping[int, tuple[int, str]]
"""Position and identity of the last message handled, by partition."""


class Break(NamedTuple):
    """Why a subscription cannot go on: the resulting state, and what was found."""

    state: State
    what: str


class Waiting(NamedTuple):
    """The messages that a new subscription will handle."""

    messages: int = 0
    """How many of the next `COUNTED` messages of each partition it handles."""
    more: bool = False
    """Whether further messages were not counted."""


class History:
    """What one subscription knows of its source's log, and what it reports to the source."""

    def __init__(self, id: SubscriptionId, store: Store, feed: Feed, stamp: Callable[[], float]) -> None:
        self.id = id
        self._store = store
        self._feed = feed
        self._stamp = stamp
        self._told: Mapping[int, int] = {}
        self._told_at = -REPEAT_SECONDS

    async def begin(
        self,
        begins: Literal["now"] | float | None,
        missed: Callable[[Floors], Awaitable[None]],
        takes: Callable[[MessageRecord], bool] | None,
    ) -> Waiting:
        """Begins a subscription that has never run: at the floor of the log, or where it is declared to begin. Calls
        `missed` with the messages that were already deleted. Returns how many of the next messages it `takes`; none if
        `takes` is None.

        Raises `Conflict` if another process begins it concurrently, and the errors of store and feed.
        """
        id = self.id
        if await self._store.checkpoints(id):
            return Waiting()
        standing = await self._feed.standing(id.name, self._stamp())
        found: Mapping[int, Checkpoint]
        if begins is None:
            at = self._stamp()
            found = {part: floor._replace(at=at) for part, floor in standing.floors.items() if not standing.known}
            await missed(found)  # before the checkpoints: after a crash in between, it begins again
        else:
            found = await beginning(id, self._store, self._feed, standing, begins, self._stamp())
        at = self._stamp()
        for part, place in found.items():
            move = Advance(id, part, 0, "", place.pos, place.id, at)
            await self._store.commit(Unit(advance=move))
        return await self._waiting(found, takes) if takes is not None else Waiting()

    async def _waiting(self, found: Floors, takes: Callable[[MessageRecord], bool]) -> Waiting:
        waiting = Waiting()
        with suppress(RemitError):  # it begins even if the number cannot be told
            for part, head in (await self._feed.heads()).items():
                first = found[part].pos if part in found else 0
                records = await self._feed.read(part, first, COUNTED) if head.pos > first else ()
                messages = waiting.messages + sum(map(takes, records))
                waiting = Waiting(messages, waiting.more or (bool(records) and records[-1].pos < head.pos))
        return waiting

    async def go_on(self, stands: Stands) -> list[int]:
        """Moves checkpoints that lie before the log's floor to the floor. Returns their partitions.

        Raises `Conflict` if another process moves one, and the errors of store and feed.
        """
        id, at = self.id, self._stamp()
        floors = (await self._feed.standing(id.name, at)).floors
        behind = [part for part, floor in floors.items() if stands.get(part, (0, ""))[0] < floor.pos]
        for part in behind:
            stand, floor = stands.get(part, (0, "")), floors[part]
            await self._store.commit(Unit(advance=Advance(id, part, *stand, floor.pos, floor.id, at)))
        return behind

    async def compare(self, stands: Stands) -> Break | None:
        """Compares the checkpoints with the log, and reports them to the source."""
        floors = await self._report(stands)
        async for _, found in breaks(self._feed, stands, floors):
            return found
        return None

    async def report(self, stands: Stands) -> None:
        """Reports the checkpoints to the source, if it is time. Raises as the feed does."""
        waited = asyncio.get_running_loop().time() - self._told_at
        if waited >= (REPORT_SECONDS if _positions(stands) != self._told else REPEAT_SECONDS):
            await self._report(stands)

    async def _report(self, stands: Stands) -> Floors:
        positions = _positions(stands)
        standing = await self._feed.standing(self.id.name, self._stamp(), positions)
        self._told, self._told_at = positions, asyncio.get_running_loop().time()
        return standing.floors


async def breaks(feed: Feed, stands: Stands, floors: Floors) -> AsyncGenerator[tuple[int, Break]]:
    """The partitions in which a subscription cannot go on from where it stands. Raises as the feed does."""
    for part in {**floors, **stands}:
        pos, id = stands.get(part, (0, ""))
        floor, floor_id, _ = floors.get(part, (0, "", 0.0))
        if pos < floor:
            yield part, lost(part, pos, floor + 1)
        elif (there := floor_id if pos == floor else await _identity(feed, part, pos)) not in (id, None):
            what = f"partition {part}: message {pos} is {there!r}, the checkpoint says {id!r}"
            yield part, Break("regressed", what)
        elif there is None and (heads := await feed.heads()):  # a feed that only pushes has no heads
            head = heads.get(part, (0, 0.0))[0]
            if head < pos:
                yield part, beyond(part, pos, head)


async def _identity(feed: Feed, part: int, pos: int) -> str | None:
    """The identity of the message at a position, or None."""
    return next((record.id for record in await feed.read(part, pos - 1, 1) if record.pos == pos), None)


def _positions(stands: Stands) -> dict[int, int]:
    return {part: pos for part, (pos, _) in stands.items()}


def lost(part: int, pos: int, first: int) -> Break:
    """Messages were deleted that the subscription has not handled."""
    what = f"partition {part}: the source's log begins with message {first}, the checkpoint stands at {pos}"
    return Break(LOST, what)


def beyond(part: int, pos: int, head: int) -> Break:
    """The subscription has handled more than the log holds."""
    return Break("regressed", f"partition {part}: the log ends at {head}, the checkpoint stood at {pos}")


def misfit(pos: int, id: str, record: MessageRecord) -> Break | None:
    """Checks that the next message names the last handled one as its predecessor; otherwise the log is another one."""
    if record.pos > pos + 1:
        return lost(record.part, pos, record.pos)
    if (record.pos, record.prev) == (pos + 1, id):
        return None
    what = f"message {record.pos} follows {record.prev!r}, the checkpoint stands on {id!r}"
    return Break("regressed", f"partition {record.part}: {what}")


async def settled(
    store: Log, source: str, channel: Channel, stands: Mapping[int, Checkpoint], begin: str | float, now: float
) -> dict[int, Checkpoint]:
    """Where a person lets a broken subscription go on, in each partition where it cannot go on: at the `floor` or the
    `head` of the log, or with what was written after a time. Times are seconds since the epoch."""
    floors = await store.floors(channel)
    at = {part: (checkpoint.pos, checkpoint.id) for part, checkpoint in stands.items()}
    found: dict[int, Checkpoint] = {}
    async for part, _ in breaks(StoreFeed(source, channel, store), at, floors):
        floor = floors.get(part, Checkpoint(0, "", 0.0))
        head = (await store.heads(channel)).get(part, (0, 0.0))[0]
        pos = floor.pos if begin == "floor" else head
        if isinstance(begin, float):
            pos = await _written_by(store, channel, part, floor.pos, head, begin)
        id = floor.id if pos == floor.pos else (await store.read(channel, part, pos - 1, 1))[0].id
        found[part] = Checkpoint(pos, id, now)
    return found


async def _written_by(store: Log, channel: Channel, part: int, low: int, high: int, at: float) -> int:
    """The last position in a range written by a time. A binary search, because times rise with positions."""
    while low < high:
        middle = (low + high + 1) // 2
        (record,) = await store.read(channel, part, middle - 1, 1)
        low, high = (middle, high) if record.at <= at else (low, middle - 1)
    return low
