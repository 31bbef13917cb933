"""Deletes old rows in small chunks, so that commits hardly wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from remit.contexts import Context, Model
from remit.contexts.retention import Kept, private_retention, published_retention
from remit.log import Channel, Log, MessageRecord, place_of
from remit.runtime.work.heads import head_of
from remit.stores.port import Retention, States

_DAY = 86_400.0
BEAT_SECONDS = _DAY
"""How long the last sign of life of an ended process stays."""
OUTCOME_SECONDS = 7 * _DAY
"""How long a repeated command is recognised, counted from its last repetition."""
TOMBSTONE_SECONDS = 30 * _DAY
"""How long the tombstone of a discarded letter stays."""
SUBSCRIBER_SECONDS = 30 * _DAY
"""How long a subscription that no longer reports its progress keeps messages in the log."""
CHUNK = 1000
"""Rows deleted in one transaction."""
MESSAGES = 250
"""Messages deleted in one transaction: they are larger than other rows."""
PAUSE_SECONDS = 0.025
"""Pause between two such transactions. It limits deletion to a small part of a processor; logs still shrink faster than
they grow."""


class _Trimmed(Log, Retention, States, Protocol):
    """A log that can be trimmed, beside the states of its context."""


async def prune(store: Retention, now: float) -> bool:
    """Deletes one chunk of rows that are old at `now` (seconds since the epoch). Returns whether there may be more.

    Raises `StoreError`, `StoreUnavailable`, `OutcomeUnknown`.
    """
    gone = await store.prune(
        beats=now - BEAT_SECONDS, outcomes=now - OUTCOME_SECONDS, tombstones=now - TOMBSTONE_SECONDS, limit=CHUNK
    )
    return gone >= CHUNK


def trimmed_of(model: Model) -> dict[str, Collection[Channel]]:
    """The channels of each context whose old messages are deleted by age."""
    return {
        each.name: tuple(channel for channel in Channel if retention_of(each, channel) == "deleted")
        for each in model.contexts
    }


def retention_of(context: Context[Any], channel: Channel) -> Kept:
    """What happens to the old messages of a channel: they are deleted by age; or they leave the log only for an
    archive; or they stay."""
    return private_retention(context) if channel is Channel.PRIVATE else published_retention(context)


async def trim(store: _Trimmed, now: float, keep: timedelta, channels: Collection[Channel] = tuple(Channel)) -> bool:
    """Deletes one chunk of old messages of each partition of these channels. Returns whether there may be more.

    A message is old if it was written more than `keep` ago and is handled by every subscription that has reported
    within `SUBSCRIBER_SECONDS`. Events of which an aggregate is still made stay, and what is behind them. Raises like
    `prune`.
    """
    more, before = False, now - keep.total_seconds()
    for channel in channels:
        for part, upto in (await handled(store, channel, now)).items():
            if (held := await held_in(store, channel, part, before)) is not None:
                upto = min(upto, held.pos - 1)
            gone = await store.trim(channel, part, upto=upto, before=before, limit=MESSAGES)
            if gone >= MESSAGES:
                more = True
                await asyncio.sleep(PAUSE_SECONDS)
    return more


async def held_in(store: _Trimmed, channel: Channel, part: int, before: float) -> MessageRecord | None:
    """`held_among` the next messages that may be deleted from a partition: the first `MESSAGES`, if the first one was
    written before that time (seconds since the epoch). Raises as the store does."""
    if channel is not Channel.PRIVATE:
        return None  # streams are in the private one
    first = await store.read(channel, part, 0, 1)
    if not first or first[0].at >= before:
        return None
    return await held_among(store, await store.read(channel, part, 0, MESSAGES))


async def held_among(store: States, records: Iterable[MessageRecord]) -> MessageRecord | None:
    """The first of these messages that is an event of which an aggregate is still made: its row is the head of that
    life of the stream. That row may be older than the release, which may keep the aggregate as state. Raises as the
    store does."""
    placed = [(record, place) for record in records if (place := place_of(record)) is not None]
    ids: dict[str, set[str]] = {}
    for _, place in placed:
        kind, _, id = place.stream.partition("/")
        ids.setdefault(kind, set()).add(id)
    rows = {kind: await store.load_all(kind, some) for kind, some in ids.items()}
    for record, place in placed:
        kind, _, id = place.stream.partition("/")
        _, body = rows[kind].get(id, (0, b""))
        if body and (head := head_of(body)) is not None and (head.life == place.life and place.seq <= head.events):
            return record
    return None


async def handled(store: Log, channel: Channel, now: float) -> dict[int, int]:
    """The position up to which all subscriptions have handled each partition; subscriptions that have not reported for
    `SUBSCRIBER_SECONDS` do not count."""
    heard = [each for each in await store.subscribers() if now - each.at < SUBSCRIBER_SECONDS]
    positions = [each.positions for each in heard if each.channel == channel]
    return {part: _handled(positions, part, head) for part, (head, _) in (await store.heads(channel)).items()}


def _handled(positions: Iterable[Mapping[int, int]], part: int, head: int) -> int:
    """The lowest position that all subscriptions have reached in a partition; its head if there are none."""
    return min((each.get(part, 0) for each in positions), default=head)
