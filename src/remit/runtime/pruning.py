"""What nobody needs any more is deleted, a little at a time, so that no commit waits for it."""

from __future__ import annotations

from remit.stores import Store

__all__ = ["CHUNK", "RENEW_SECONDS", "prune"]

_DAY = 86_400.0
BEAT_SECONDS = _DAY
"""How long a process that has gone leaves its last sign of life."""
OUTCOME_SECONDS = 7 * _DAY
"""How long a command is recognised when it is repeated, counted from the last time that it was."""
TOMBSTONE_SECONDS = 30 * _DAY
"""How long the note about a discarded letter stays."""
RENEW_SECONDS = _DAY
"""An outcome older than that is kept anew when the command is repeated. A parked key is tried every six hours, so the
calls its handler makes stay recognised for as long as it is parked."""
CHUNK = 1000
"""Rows deleted in one transaction."""


async def prune(store: Store, now: float) -> bool:
    """Deletes one chunk of what is old at `now` (seconds since the epoch); says whether there may be more.

    Raises `StoreError`, `StoreUnavailable`, `OutcomeUnknown`.
    """
    gone = await store.prune(
        beats=now - BEAT_SECONDS, outcomes=now - OUTCOME_SECONDS, tombstones=now - TOMBSTONE_SECONDS, limit=CHUNK
    )
    return gone >= CHUNK
