"""Logs: who is no longer waited for, and how a subscription goes on that cannot by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from remit.errors import RemitError
from remit.log import Channel, Checkpoint, Subscriber, SubscriptionId
from remit.runtime.following.history import settled
from remit.stores import Store


class UnknownSubscriber(RemitError):
    """No subscription of this name has reported to the log."""

    code = "log.unknown"


class Intact(RemitError):
    """The subscription needs nobody: there is nothing to accept."""

    code = "log.intact"


class Moved(NamedTuple):
    """A partition in which a subscription goes on elsewhere: the positions that it had handled, and counts as handled
    now."""

    part: int
    before: int
    after: int


class Missed(NamedTuple):
    """A partition of which a projection misses what was deleted up to a position."""

    part: int
    upto: int


async def forget(store: Store, source: str, subscription: str) -> None:
    """Keeps the log of `source`, whose store it is, no longer for a subscription. One that still runs reports again.

    Raises `UnknownSubscriber`, `StoreError`, `StoreUnavailable`.
    """
    if not await store.forget(subscription):
        raise _unknown("this log has not heard of it", await store.subscribers(), subscription, source)


async def go_on(
    consumer: Store, subscription: str, log: Store, source: str, *, begin: str | float, now: float
) -> list[Moved]:
    """Moves the checkpoints of a subscription in its store, `consumer`, where the log of `source` does not fit them.

    It goes on at the `floor` or the `head` of the log, or with what was written after `begin`; times are seconds since
    the epoch. A process that runs it goes on at once. What a projection skips by that it misses from now on.

    Raises `Intact` when it can go on by itself, `UnknownSubscriber` when there is none; `StoreError`,
    `StoreUnavailable`.
    """
    known = {row.channel for row in await log.subscribers() if row.name == subscription}
    moved: list[Moved] = []
    for channel in Channel:
        id = SubscriptionId(subscription, source, channel)
        stands = await consumer.checkpoints(id)
        if stands or channel in known:
            places = await settled(log, source, channel, stands, begin, now)
            passed = {part: to for part, to in places.items() if to.pos > _pos(stands, part)}
            await consumer.note_missed(id, passed)
            await consumer.place(id, places)
            moved += [Moved(part, _pos(stands, part), to.pos) for part, to in sorted(places.items())]
    if not moved and not known and not await _is_here(consumer, subscription, source):
        raise _unknown("nothing of this name has followed this log", await log.subscribers(), subscription, source)
    if not moved:
        raise _intact("it can go on by itself", "a subscription that is lost-source or regressed", subscription, source)
    return moved


async def accept_incomplete(consumer: Store, subscription: str, source: str, *, now: float) -> list[Missed]:
    """Takes the documents of a projection for complete, whatever it has missed; says what that was.

    Raises `Intact` when it has missed nothing, `UnknownSubscriber` when there is none; `StoreError`,
    `StoreUnavailable`.
    """
    found: list[Missed] = []
    for channel in Channel:
        accepted = await consumer.accept_missed(SubscriptionId(subscription, source, channel), now)
        found += [Missed(part, upto) for part, upto in accepted.items()]
    if not found and not await _is_here(consumer, subscription, source):
        raise _unknown("nothing of this name has followed this log", [], subscription, source)
    if not found:
        raise _intact("it has missed nothing", "a projection that remit status notes as incomplete",
                      subscription, source)  # fmt: skip
    return found


async def _is_here(consumer: Store, subscription: str, source: str) -> bool:
    return any([await consumer.checkpoints(SubscriptionId(subscription, source, channel)) for channel in Channel])


def _unknown(what: str, heard: Iterable[Subscriber], subscription: str, source: str) -> UnknownSubscriber:
    names = ", ".join(dict.fromkeys(row.name for row in heard))
    return UnknownSubscriber(
        what, where=f"{subscription} from {source}",
        expected=f"one that has reported: {names or 'none so far'}",
        next="remit log subscribers",
    )  # fmt: skip


def _pos(stands: Mapping[int, Checkpoint], part: int) -> int:
    return stands[part].pos if part in stands else 0


def _intact(what: str, expected: str, subscription: str, source: str) -> Intact:
    return Intact(what, where=f"{subscription} from {source}", expected=expected, next="remit status")
