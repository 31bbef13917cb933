"""What nobody needs any more is deleted, a little at a time, so that no commit waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Protocol

from remit.log import Channel, Log
from remit.stores.port import Retention

_DAY = 86_400.0
BEAT_SECONDS = _DAY
"""How long a process that has gone leaves its last sign of life."""
OUTCOME_SECONDS = 7 * _DAY
"""How long a command is recognised when it is repeated, counted from the last time that it was."""
TOMBSTONE_SECONDS = 30 * _DAY
"""How long the note about a discarded letter stays."""
SUBSCRIBER_SECONDS = 30 * _DAY
"""How long a subscription that is not heard of any more keeps messages of the log."""
CHUNK = 1000
"""Rows deleted in one transaction."""
MESSAGES = 250
"""Messages deleted in one transaction: they are larger than other rows."""
PAUSE_SECONDS = 0.025
"""Between two such transactions: deleting never takes more than a small part of a processor, and is still faster than
logs grow."""


class _Trimmed(Log, Retention, Protocol):
    """A log that is trimmed."""


async def prune(store: Retention, now: float) -> bool:
    """Deletes one chunk of what is old at `now` (seconds since the epoch); says whether there may be more.

    Raises `StoreError`, `StoreUnavailable`, `OutcomeUnknown`.
    """
    gone = await store.prune(
        beats=now - BEAT_SECONDS, outcomes=now - OUTCOME_SECONDS, tombstones=now - TOMBSTONE_SECONDS, limit=CHUNK
    )
    return gone >= CHUNK


async def trim(store: _Trimmed, now: float, keep: timedelta) -> bool:
    """Deletes what is old of a log, one chunk of each partition; says whether there may be more.

    Only what was written more than `keep` ago, and what every subscription has handled that was heard of within
    `SUBSCRIBER_SECONDS`. Raises like `prune`.
    """
    subscribers = [each for each in await store.subscribers() if now - each.at < SUBSCRIBER_SECONDS]
    more = False
    for channel in Channel:
        positions = [each.positions for each in subscribers if each.channel == channel]
        for part, (head, _) in (await store.heads(channel)).items():
            upto = _handled(positions, part, head)
            gone = await store.trim(channel, part, upto=upto, before=now - keep.total_seconds(), limit=MESSAGES)
            if gone >= MESSAGES:
                more = True
                await asyncio.sleep(PAUSE_SECONDS)
    return more


def _handled(positions: Iterable[Mapping[int, int]], part: int, head: int) -> int:
    """How far everybody is in a partition."""
    return min((each.get(part, 0) for each in positions), default=head)
