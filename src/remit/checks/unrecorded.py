"""Notes a domain event that is followed and that no aggregate of its context declares to record.

Says nothing about a context in which an aggregate does not declare its events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import Context, Model
from remit.contexts.annotations import (
    aggregates_of,
    announced_by,
    events_named,
    is_kind,
    projections_of,
    recorded_by,
)
from remit.contexts.declarations import where
from remit.domain import Projection
from remit.errors import Findings
from remit.messages import DomainEvent, Message


def check_unrecorded(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        aggregates = dict.fromkeys(aggregate for aggregate, _ in aggregates_of(context))
        recorded = [event for aggregate in aggregates for event in recorded_by(aggregate)]
        recorded += [event for event, _ in announced_by(context)]
        if not aggregates or not all(map(recorded_by, aggregates)):
            continue
        told: set[Any] = set()
        for event, who, place in _followed(context):
            if event in told or not is_kind(event, DomainEvent) or _is_among(event, recorded):
                continue
            told.add(event)
            says = " | ".join(dict.fromkeys(each.__name__ for each in recorded))
            findings.note(
                "event.unrecorded", place,
                f"{who} follows {event.__name__}, which no aggregate of {context.name!r} declares to record",
                expected=f"one of the events that aggregates of {context.name!r} record: {says}",
                next=f"Aggregate[<id>, {event.__name__}], or nothing if an older release recorded it",
            )  # fmt: skip


def _is_among(event: type[Message], recorded: list[type[Message]]) -> bool:
    """Whether the event, a base or a subclass of it is recorded. A base class stands for all its subclasses."""
    return any(is_kind(each, event) or is_kind(event, each) for each in recorded)


def _followed(context: Context[Any]) -> Iterator[tuple[type[Message], str, str]]:
    for bound in context.functions:
        if bound.fits:
            yield bound.named or bound.message, bound.name, bound.place
    for projection in projections_of(context):
        for event in events_named(projection, Projection):
            yield event, projection.__name__, where(projection)
