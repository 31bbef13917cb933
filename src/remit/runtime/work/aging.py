"""Collects how old the read models are that an answer comes from."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from math import inf

from remit.errors import TooOld
from remit.runtime.plan import ProjectionPlan

Ages = Callable[[str], float]
"""Gives the age of a read model in seconds, by its kind; infinite if it is not known yet."""

aging: ContextVar[list[float] | None] = ContextVar("remit_aging", default=None)
"""The ages of what was read at this place, for the edge or the process that answers; None if nobody wants them."""


def no_age(kind: str) -> float:
    """Where no log is followed, as in a test of one handler, nothing is missing."""
    return 0.0


def note_age(ages: Ages, plan: ProjectionPlan, *, asks: bool) -> float:
    """Notes that a handler reads a model, and returns the age of it. Raises `TooOld` if the handler answers a query
    (`asks`), the model is older than it promises, and it declares that it is not read then."""
    age, promised = ages(plan.kind), plan.freshness
    if promised is not None and promised.refuse and asks and age > promised.critical:
        known = "it is not known how old it is" if age == inf else f"it is {age:.0f} s old"
        raise TooOld(
            f"{plan.type.__name__} is not read: {known}", where=plan.kind, expected=f"at most {promised.critical:g} s"
        )
    if (noted := aging.get()) is not None:
        noted.append(age)
    return age
