"""An aggregate belongs to one context."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of
from remit.errors import Findings


def check_aggregates(model: Model, findings: Findings) -> None:
    users: dict[type, str] = {}
    used = ((each, *found) for each in model.contexts for found in aggregates_of(each))
    for context, aggregate, handler in used:
        user = users.setdefault(aggregate, context.name)
        if user != context.name:
            findings.report(
                "aggregate.shared", handler.place,
                f"{aggregate.__name__} is used by context {user!r} and by {context.name!r}",
                expected="one context per aggregate",
                next=f"ask {user!r} by a command or query, or react to its integration events",
            )  # fmt: skip
