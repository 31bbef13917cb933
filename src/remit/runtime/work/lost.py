"""Errors for results that would be lost: events of an aggregate outside any repository, a refusal of a reaction."""

from __future__ import annotations

from typing import Any

from remit.domain import Aggregate, take_recorded
from remit.errors import NotAdded, RemitError
from remit.messages import Refusal
from remit.runtime.plan import HandlerPlan


def refuse_returned(handler: HandlerPlan, returned: object) -> None:
    """Raises `RemitError` if a reaction has returned a refusal: no caller receives it."""
    if isinstance(returned, Refusal):
        raise RemitError(
            f"{handler.name} returned the refusal {returned}, but a reaction has no caller that receives it",
            where=handler.name, expected="a reaction that returns nothing",
            next="raise the refusal, or record it as an event",
        ) from returned  # fmt: skip


def not_added(handler: HandlerPlan, aggregate: Aggregate[Any, Any]) -> NotAdded:
    """The error for events that were recorded on an aggregate that is in no repository."""
    events = ", ".join(type(event).__name__ for event in take_recorded(aggregate))
    name = type(aggregate).__name__
    return NotAdded(
        f"{handler.name} recorded {events} on {name} {aggregate.id!r}, which is in no repository", where=handler.name,
        expected="an aggregate that was loaded from a repository or added to one",
        next=f"ask for Repository[{name}] and add it: repository.add(...)",
    )  # fmt: skip
