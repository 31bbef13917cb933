"""Parked keys: which there are, and how a person settles them.

Needs no code of the system: the stores know their parked keys. Whoever runs the subscription handles what is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from remit.errors import Conflict, RemitError
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime.failures import storable
from remit.stores import Discard, Letter, ParkedKey, Store, Unit
from remit.stores.port import Checkpoints, ParkedKeys


class NotParked(RemitError):
    """Nothing is parked under this subscription and key."""

    code = "parked.none"


class SeveralSources(RemitError):
    """The key is parked for several sources of the subscription."""

    code = "parked.ambiguous"


class LetterChanged(RemitError):
    """Somebody else settled the letter meanwhile."""

    code = "parked.changed"


class NoReason(RemitError):
    """A letter is thrown away for a reason, which stays."""

    code = "parked.reason"


class KeyLetters(NamedTuple):
    """A parked key, and the first of its letters: the messages that wait, in order."""

    row: ParkedKey
    letters: Sequence[Letter]


class Discarded(NamedTuple):
    """What was thrown away, and how many letters of the key were behind it."""

    record: MessageRecord
    behind: int


async def parked_keys(stores: Iterable[ParkedKeys], subscription: str | None = None, *, limit: int) -> list[ParkedKey]:
    """At most `limit` parked keys of these stores, longest parked first. Raises `StoreError`, `StoreUnavailable`."""
    rows = [row for store in stores for row in await store.parked(subscription, limit=limit)]
    return sorted(rows, key=lambda row: row.since)[:limit]


async def require_handled(store: Checkpoints, subscription: str, sources: Iterable[str]) -> None:
    """Raises `NotParked` for a subscription that has handled nothing of these contexts, as one that there never was.

    Raises `StoreError`, `StoreUnavailable`.
    """
    ids = [SubscriptionId(subscription, source, channel) for source in sources for channel in Channel]
    if not any([await store.checkpoints(id) for id in ids]):
        raise NotParked(
            "nothing is parked there, and it has handled nothing so far", where=subscription,
            expected="the name of a subscription", next="remit status SYSTEM shows them",
        )  # fmt: skip


async def keys_with_letters(
    stores: Iterable[ParkedKeys], key: str, subscription: str | None = None, *, limit: int
) -> list[KeyLetters]:
    """A key wherever it is parked, with at most `limit` letters each. Raises `NotParked`, and as `parked_keys`."""
    found = [
        KeyLetters(row, await store.letters(row.subscription, key, limit))
        for store in stores
        for row in await store.parked(subscription, key=key)
    ]
    if not found:
        raise _not_parked(subscription, key)
    return found


async def retry(store: ParkedKeys, subscription: str, key: str | None = None) -> int:
    """Makes a parked key due now, or every one of the subscription; says how many are.

    Raises `NotParked`, `StoreError`, `StoreUnavailable`.
    """
    due = await store.retry(subscription, key, 0.0)  # now, whatever the clocks say
    if not due:
        raise _not_parked(subscription, key)
    return due


async def discard(
    store: Store, subscription: str, key: str, *, reason: str, now: float, source: str | None = None
) -> Discarded:
    """Throws away the first letter of a parked key, and keeps a note with the reason. Those behind it become due.

    `now` is seconds since the epoch. `source` says which, where the key is parked for several. Raises `NoReason`,
    `NotParked`, `SeveralSources`, `LetterChanged`, `StoreError`, `StoreUnavailable`.
    """
    if not reason.strip():
        raise NoReason("the reason is empty", where=f"{subscription} key {key!r}",
                       expected="why it is thrown away, for whoever asks later", next="--reason TEXT")  # fmt: skip
    row = _only(await store.parked(subscription, key=key), subscription, key, source)
    letters = await store.letters(row.subscription, key, 1)
    if not letters:  # somebody else has settled the last one in between
        raise _not_parked(subscription, key)
    record = letters[0].record
    try:
        await store.commit(Unit(discard=Discard(row.subscription, key, record.part, record.pos, storable(reason), now)))
    except Conflict:
        raise LetterChanged(
            "somebody else settled the letter meanwhile", where=f"{subscription} key {key!r}",
            expected="the letter as it was", next=f"remit parked show {key}",
        ) from None  # fmt: skip
    return Discarded(record, row.letters - 1)


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


def _not_parked(subscription: str | None, key: str | None) -> NotParked:
    where = " ".join(([subscription] if subscription else []) + ([f"key {key!r}"] if key is not None else []))
    return NotParked(
        "nothing is parked there", where=where, expected="a parked key", next="remit parked list shows them"
    )
