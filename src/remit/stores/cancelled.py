"""Whether a unit was written although its commit was cancelled: a mark on the cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remit.stores.port import Unit

if TYPE_CHECKING:  # importing asyncio takes half of the time that importing remit does
    from asyncio import CancelledError

_WRITTEN = "remit_written"


def note_written(cancelled: CancelledError, unit: Unit) -> None:
    """For stores: marks a cancellation raised by `Store.commit`, to tell that this unit was written."""
    vars(cancelled)[_WRITTEN] = unit


def was_written(cancelled: CancelledError, unit: Unit) -> bool:
    """Whether `Store.commit` has written this unit although it raised this cancellation.

    The answer is about this unit only: a cancellation passes through callers that may have committed others.
    """
    return vars(cancelled).get(_WRITTEN) is unit
