"""Logs: forgetting a subscriber, and letting a subscription continue that cannot continue by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from remit.errors import RemitError
from remit.log import Channel, Checkpoint, Subscriber, SubscriptionId
from remit.runtime.following.history import settled
from remit.stores import Store, by_live_names, meant

_NEVER_FOLLOWED = "no subscription of this name has followed this log"


class UnknownSubscriber(RemitError):
    """No subscription of this name has reported to the log."""

    code = "log.unknown"


class Intact(RemitError):
    """The subscription can continue by itself: there is nothing to accept."""

    code = "log.intact"


class Moved(NamedTuple):
    """A partition in which a subscription was moved: the position that it had handled, and the position that counts as
    handled now."""

    part: int
    before: int
    after: int


class Missed(NamedTuple):
    """A partition of which a projection misses the messages that were deleted up to a position."""

    part: int
    upto: int


async def forget(store: Store, source: str, subscription: str) -> None:
    """Stops keeping the log of `source` for a subscription. `store` is the store of `source`. A subscription that still
    runs reports again.

    Raises `UnknownSubscriber`, `StoreError` and `StoreUnavailable`.
    """
    if not await store.forget(subscription):
        raise _unknown("it has not reported to this log", await store.subscribers(), subscription, source)


async def go_on(
    consumer: Store, subscription: str, log: Store, source: str, *, begin: str | float, now: float
) -> list[Moved]:
    """Moves the checkpoints of a subscription, in its store `consumer`, where they do not fit the log of `source`.

    `begin` is `floor` or `head` of the log, or a time: then it continues with messages written after it. Times are in
    seconds since the epoch. A process that runs the subscription continues at once. Messages that a projection skips
    count as missed from now on.

    Raises `Intact` if it can continue by itself, `UnknownSubscriber` if there is no such subscription, `StoreError` and
    `StoreUnavailable`.
    """
    consumer, subscription = await by_live_names(consumer), await meant(consumer, subscription)
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
        raise _unknown(_NEVER_FOLLOWED, await log.subscribers(), subscription, source)
    if not moved:
        raise _intact("it can go on by itself", "a subscription that is lost-source or regressed", subscription, source)
    return moved


async def accept_incomplete(consumer: Store, subscription: str, source: str, *, now: float) -> list[Missed]:
    """Counts the documents of a projection as complete, whatever it has missed. Returns what it had missed.

    Raises `Intact` if it has missed nothing, `UnknownSubscriber` if there is no such subscription, `StoreError` and
    `StoreUnavailable`.
    """
    consumer, subscription = await by_live_names(consumer), await meant(consumer, subscription)
    found: list[Missed] = []
    for channel in Channel:
        accepted = await consumer.accept_missed(SubscriptionId(subscription, source, channel), now)
        found += [Missed(part, upto) for part, upto in accepted.items()]
    if not found and not await _is_here(consumer, subscription, source):
        raise _unknown(_NEVER_FOLLOWED, [], subscription, source)
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
        expected=f"a subscription that has reported: {names or 'none so far'}",
        next="remit log subscribers",
    )  # fmt: skip


def _pos(stands: Mapping[int, Checkpoint], part: int) -> int:
    return stands[part].pos if part in stands else 0


def _intact(what: str, expected: str, subscription: str, source: str) -> Intact:
    return Intact(what, where=f"{subscription} from {source}", expected=expected, next="remit status")
