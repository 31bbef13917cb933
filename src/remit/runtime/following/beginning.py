"""Where a subscription begins that is declared to begin now, or after a time.

The first process to start it decides, and writes the place as one row into the store of the subscription's context.
A process that starts it later, or after a crash before the checkpoints were written, reads that row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from remit.errors import Conflict, Unavailable
from remit.log import Checkpoint, SubscriptionId
from remit.stores import Change, Store, Unit
from remit.transports import Feed
from remit.transports.port import Standing

_KIND = " begins"
"""The kind of these rows. The blank keeps it apart from class names."""
_places = msgspec.json.Decoder(dict[int, tuple[int, str]])


async def beginning(
    id: SubscriptionId, store: Store, feed: Feed, standing: Standing, begins: Literal["now"] | float, now: float
) -> Mapping[int, Checkpoint]:
    """The message after which the subscription begins, by partition; none for a partition that was empty. `now` and
    `begins` are seconds since the epoch.

    If the source knows the subscription but this store has no row, the store was lost: then it handles everything.
    Raises `Unavailable` while the declared time has not come, and the errors of store and feed.
    """
    row = await store.load(_KIND, id.label)
    if row is None and standing.known:
        return {}
    if row is None:
        if begins != "now" and begins > now:
            at = datetime.fromtimestamp(begins, UTC).isoformat()
            raise Unavailable(f"the subscription begins at {at}", where=id.name, expected="that time", next="wait")
        places = await _places_of(feed, standing, begins)
        body = msgspec.json.encode({part: place[:2] for part, place in places.items()})
        try:
            await store.commit(Unit([Change(_KIND, id.label, 0, body)]))
        except Conflict:  # another process has decided it concurrently
            row = await store.load(_KIND, id.label)
        else:
            return places
    assert row is not None  # noqa: S101  # it is never deleted
    return {part: Checkpoint(*place, now) for part, place in _places.decode(row[1]).items() if place[0]}


async def _places_of(feed: Feed, standing: Standing, begins: Literal["now"] | float) -> dict[int, Checkpoint]:
    found: dict[int, Checkpoint] = {}
    for part, head in (await feed.heads()).items():
        floor = standing.floors.get(part, Checkpoint(0, "", 0.0))
        found[part] = await _place_of(feed, part, floor, head.pos, begins)
    return {part: place for part, place in found.items() if place.pos}


async def _place_of(feed: Feed, part: int, floor: Checkpoint, head: int, begins: Literal["now"] | float) -> Checkpoint:
    """The last message that is not handled. A binary search, because times rise with positions."""
    low, high = floor, head
    while low.pos < high:
        middle = high if begins == "now" else (low.pos + high + 1) // 2
        (record, *_) = await feed.read(part, middle - 1, 1)  # a later one, if that one was deleted meanwhile
        if begins == "now" or record.at <= begins:
            low = Checkpoint(record.pos, record.id, record.at)
        else:
            high = middle - 1
    return low
