"""The one way of writing the rows of a unit, and what a cancelled caller learns of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from remit.stores.port.rows import Unit

if TYPE_CHECKING:  # it takes half of the time that importing remit does
    from asyncio import CancelledError

__all__ = ["Committing", "note_written", "was_written"]


class Committing(Protocol):
    """Writes units of work."""

    async def commit(self, unit: Unit) -> None:
        """Writes everything or nothing.

        Raises `Conflict` (a version, checkpoint or idempotency key is not as expected, a letter waits behind a key that
        is not parked; nothing written),
        `TooLarge` (see `require_fit`; nothing written), `Unstorable` (a value that it cannot hold; nothing written),
        `StoreUnavailable` (nothing written), `OutcomeUnknown` (written or not). What one unit holds fails no other.

        When the caller is cancelled, a unit that still waits for its turn is withdrawn at once, and nothing of it is
        written. One that is being written is waited for. Either way `CancelledError` comes out, and it means that
        nothing was written, unless `was_written` says of it that the unit was. Where the outcome is not known in the
        end, or not within a bounded time, `OutcomeUnknown` comes out in its place; `Task.cancelling` still tells of
        the cancellation.
        """
        ...


_WRITTEN = "remit_written"


def note_written(cancelled: CancelledError, unit: Unit) -> None:
    """For stores: notes at a cancellation that this unit was written when it came out of its `Store.commit`."""
    vars(cancelled)[_WRITTEN] = unit


def was_written(cancelled: CancelledError, unit: Unit) -> bool:
    """Whether a unit was written whose `Store.commit` has ended with this cancellation.

    It is about this very unit: a cancellation goes on, through the callers of whoever has committed one.
    """
    return vars(cancelled).get(_WRITTEN) is unit
