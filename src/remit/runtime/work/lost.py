"""What a handler makes and nobody would get: events of an aggregate that no repository has, a reaction's refusal."""

from __future__ import annotations

from typing import Any

from remit.domain import Aggregate, take_recorded
from remit.errors import NotAdded, RemitError
from remit.messages import Refusal
from remit.runtime.plan import HandlerPlan


def refuse_returned(handler: HandlerPlan, returned: object) -> None:
    """Raises `RemitError` where a reaction has returned a refusal: nobody waits for what it returns."""
    if isinstance(returned, Refusal):
        raise RemitError(
            f"{handler.name} returned the refusal {returned}, and nobody waits for a reaction's reply",
            where=handler.name, expected="a reaction that returns nothing",
            next="raise the refusal, or record it as an event",
        ) from returned  # fmt: skip


def not_added(handler: HandlerPlan, aggregate: Aggregate[Any, Any]) -> NotAdded:
    """The error about events that an aggregate has recorded which no repository has."""
    events = ", ".join(type(event).__name__ for event in take_recorded(aggregate))
    name = type(aggregate).__name__
    return NotAdded(
        f"{handler.name} recorded {events} on {name} {aggregate.id!r}, which no repository has", where=handler.name,
        expected="an aggregate that was loaded from a repository or added to one",
        next=f"ask for Repository[{name}] and add it: repository.add(...)",
    )  # fmt: skip
