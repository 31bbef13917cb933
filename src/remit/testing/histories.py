"""Event-sourced aggregates in tests: given by events, and compared with what their events make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.contexts.annotations import is_kind
from remit.domain import EventSourced, not_folded, recorded_by
from remit.messages import DomainEvent
from remit.testing.compiled import carried


def lived(state: Sequence[Any]) -> tuple[list[Any], list[DomainEvent]]:
    """The given state, in which the events behind an event-sourced aggregate have changed it; and these events.

    They are the events that the aggregate declares. Raises what `evolve` raises.
    """
    made: list[Any] = []
    applied: list[DomainEvent] = []
    last: Any = None
    for each in state:
        if is_kind(each.__class__, EventSourced):
            last = carried(each)
            made.append(last)
            continue
        made.append(each)
        if last is not None and isinstance(each, DomainEvent) and isinstance(each, recorded_by(last.__class__)):
            last.evolve(carried(each))
            applied.append(each)
    return made, applied


def require_folded(before: Any, after: Any, events: Sequence[Any]) -> None:
    """Raises `NotFolded` if an event-sourced aggregate was changed by anything but these events."""
    if not is_kind(after.__class__, EventSourced):
        return
    folded = carried(before)
    for event in events:
        folded.evolve(carried(event))
    if folded != after:
        raise not_folded(after, folded, type(after).__name__)
