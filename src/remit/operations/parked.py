"""Parked keys: which exist, and how a person settles them.

Needs no code of the system: the stores know their parked keys. The process that runs the subscription handles keys that
are due. The name of a read model means its live version, which may also be named by its number. So may other versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from remit.errors import Conflict, RemitError, nearest
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime.failures import storable
from remit.runtime.upkeep.signs import read_signs
from remit.stores import Discard, Letter, ParkedKey, Store, Unit, by_live_names, meant


class NotParked(RemitError):
    """Nothing is parked under this subscription and key."""

    code = "parked.none"


class SeveralSources(RemitError):
    """The key is parked for several sources of the subscription; `source` must name one."""

    code = "parked.ambiguous"


class LetterChanged(RemitError):
    """Another person or process settled the letter in the meantime."""

    code = "parked.changed"


class NoReason(RemitError):
    """The reason for discarding a letter is empty."""

    code = "parked.reason"


class KeyLetters(NamedTuple):
    """A parked key, and its first letters: the waiting messages, in order."""

    row: ParkedKey
    letters: Sequence[Letter]


class Discarded(NamedTuple):
    """The discarded message, and the number of letters of its key that were behind it."""

    record: MessageRecord
    behind: int


async def parked_keys(stores: Iterable[Store], subscription: str | None = None, *, limit: int) -> list[ParkedKey]:
    """At most `limit` parked keys of these stores, longest parked first. Raises `StoreError` and `StoreUnavailable`."""
    rows: list[ParkedKey] = []
    for store in stores:
        live, name = await _named(store, subscription)
        rows += await live.parked(name, limit=limit)
    return sorted(rows, key=lambda row: row.since)[:limit]


async def require_handled(store: Store, subscription: str, sources: Iterable[str]) -> None:
    """Raises `NotParked` if a subscription has handled nothing from these contexts, so that its name may be wrong.

    Also raises `StoreError` and `StoreUnavailable`.
    """
    store, subscription = await _of(store, subscription)
    ids = [SubscriptionId(subscription, source, channel) for source in sources for channel in Channel]
    if not any([await store.checkpoints(id) for id in ids]):
        near = await _near(store, subscription)
        raise NotParked(
            "nothing is parked there, and the subscription has handled nothing so far", where=subscription,
            expected="the name of a subscription",
            next=f"did you mean {near}?" if near else "remit status SYSTEM shows the subscriptions",
        )  # fmt: skip


async def keys_with_letters(
    stores: Iterable[Store], key: str, subscription: str | None = None, *, limit: int
) -> list[KeyLetters]:
    """A key, wherever it is parked, each time with at most `limit` letters.

    Raises `NotParked`, `StoreError` and `StoreUnavailable`.
    """
    found: list[KeyLetters] = []
    for store in stores:
        live, name = await _named(store, subscription)
        rows = await live.parked(name, key=key)
        found += [KeyLetters(row, await live.letters(row.subscription, key, limit)) for row in rows]
    if not found:
        raise _not_parked(subscription, key)
    return found


async def retry(store: Store, subscription: str, key: str | None = None) -> int:
    """Makes a parked key due now, or all parked keys of the subscription. Returns how many are due.

    Raises `NotParked`, `StoreError` and `StoreUnavailable`.
    """
    store, subscription = await _of(store, subscription)
    due = await store.retry(subscription, key, 0.0)  # 0 is in the past for every clock
    if not due:
        raise _not_parked(subscription, key, await _near(store, subscription))
    return due


async def discard(
    store: Store, subscription: str, key: str, *, reason: str, now: float, source: str | None = None
) -> Discarded:
    """Discards the first letter of a parked key, and keeps a note with the reason. The letters behind it become due.

    `now` is in seconds since the epoch. `source` is needed if the key is parked for several sources. Raises `NoReason`,
    `NotParked`, `SeveralSources`, `LetterChanged`, `StoreError` and `StoreUnavailable`.
    """
    if not reason.strip():
        raise NoReason("the reason is empty", where=f"{subscription} key {key!r}",
                       expected="a text that says why the letter is discarded", next="--reason TEXT")  # fmt: skip
    store, subscription = await _of(store, subscription)
    rows = await store.parked(subscription, key=key)
    if not rows:
        raise _not_parked(subscription, key, await _near(store, subscription))
    row = _only(rows, subscription, key, source)
    letters = await store.letters(row.subscription, key, 1)
    if not letters:  # the last one was settled in between
        raise _not_parked(subscription, key)
    record = letters[0].record
    try:
        await store.commit(Unit(discard=Discard(row.subscription, key, record.part, record.pos, storable(reason), now)))
    except Conflict:
        raise LetterChanged(
            "the letter was settled by someone else in the meantime", where=f"{subscription} key {key!r}",
            expected="an unchanged letter", next=f"remit parked show {key}",
        ) from None  # fmt: skip
    return Discarded(record, row.letters - 1)


async def _of(store: Store, subscription: str) -> tuple[Store, str]:
    """The store by live names, and the subscription that is meant."""
    return await by_live_names(store), await meant(store, subscription)


async def _named(store: Store, subscription: str | None) -> tuple[Store, str | None]:
    return (await by_live_names(store), None) if subscription is None else await _of(store, subscription)


def _only(rows: Sequence[ParkedKey], subscription: str, key: str, source: str | None) -> ParkedKey:
    found = [row for row in rows if source in (None, row.subscription.source)]
    if not found:
        raise _not_parked(subscription, key)
    if len(found) > 1:
        sources = ", ".join(row.subscription.source for row in found)
        raise SeveralSources(
            "the key is parked for several sources", where=f"{subscription} key {key!r}",
            expected=f"one of: {sources}", next=f"--source {found[0].subscription.source}",
        )  # fmt: skip
    return found[0]


async def _near(store: Store, subscription: str) -> str | None:
    """The subscription that was probably meant: one with parked keys, or else one that a process has run. None if none
    is near, or if there is one of this name."""
    parking = {id.name for id in await store.parking()}
    run = {sign.name for _, signs in (await store.beats()).values() for sign in read_signs(signs)}
    if subscription in parking | run:
        return None
    return nearest(subscription, sorted(parking)) or nearest(subscription, sorted(run))


def _not_parked(subscription: str | None, key: str | None, near: str | None = None) -> NotParked:
    where = " ".join(([subscription] if subscription else []) + ([f"key {key!r}"] if key is not None else []))
    return NotParked(
        "nothing is parked there", where=where, expected="a parked key",
        next=f"did you mean {near}?" if near else "remit parked list shows the parked keys",
    )  # fmt: skip
