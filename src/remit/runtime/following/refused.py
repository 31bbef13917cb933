"""Refused commands that were sent for later, and foreign messages that came too late. Nobody waits for an answer, so
the store keeps the latest.

There is a row of state for each source and partition, written in the unit of work that moves the checkpoint past the
message. So each is noted once, and without contention: one process at a time handles a partition.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from remit.log import MessageRecord, SubscriptionId, origin_of
from remit.messages import Refusal
from remit.runtime.failures import storable
from remit.stores import Change
from remit.stores.port import States

KEPT = 5
"""The number kept for each partition."""
KIND = "remit:refused"
"""No class has such a name."""
IGNORED = "remit:ignored"
"""Of foreign messages that came after a newer one."""


class RefusedLater(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was sent for later and refused."""

    type: str
    """Its wire name."""
    message: str
    """Its identity."""
    key: str
    """Its ordering key."""
    refusal: str
    """The refusal with its fields, cut to 500 characters."""
    cause: str
    """The key of the call that caused it."""
    at: float
    """When it was refused (seconds since the epoch)."""


class Refusals(msgspec.Struct, frozen=True):
    """The refusals of one or several partitions."""

    count: int = 0
    """The total number of refusals."""
    latest: list[RefusedLater] = []
    """The latest refusals, newest first."""


_read = msgspec.json.Decoder(Refusals).decode


async def noted(
    store: States, id: SubscriptionId, record: MessageRecord, refusal: Refusal | str, at: float, *, kind: str = KIND
) -> Change:
    """The row with one more refusal. Raises as the store does."""
    place = _place(id, record.part)
    row = await store.load(kind, place)
    version, before = (0, Refusals()) if row is None else (row[0], _restored(row[1]))
    newest = RefusedLater(
        type=record.type, message=record.id, key=record.key, refusal=_text(refusal), cause=origin_of(record), at=at
    )
    after = Refusals(before.count + 1, [newest, *before.latest[: KEPT - 1]])
    return Change(kind, place, version, msgspec.json.encode(after))


async def refusals(
    store: States, id: SubscriptionId, parts: Collection[int], since: float, *, kind: str = KIND
) -> Refusals:
    """The kept refusals of a subscription in these partitions, without those before `since` (seconds since the epoch).
    Raises as the store does."""
    count, latest = 0, list[RefusedLater]()
    for part in parts:
        row = await store.load(kind, _place(id, part))
        if row is not None:
            found = _restored(row[1])
            count += found.count
            latest += [each for each in found.latest if each.at >= since]
    return Refusals(count, sorted(latest, key=lambda each: each.at, reverse=True))


def _text(refusal: Refusal | str) -> str:
    try:
        return storable(str(refusal))
    except Exception as failed:  # noqa: BLE001  # the text of a refusal may be the user's code
        return f"{type(refusal).__name__}, which has no text: {type(failed).__name__} was raised for it"


def _place(id: SubscriptionId, part: int) -> str:
    return f"{id.name} {id.source} {part}"


def _restored(body: bytes) -> Refusals:
    try:
        return _read(body)
    except msgspec.DecodeError:  # written by another release in another form: start anew
        return Refusals()
