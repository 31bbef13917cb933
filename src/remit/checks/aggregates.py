"""An aggregate belongs to one context, and so does a record or a claim."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of, claims_by, records_of
from remit.errors import Findings


def check_aggregates(model: Model, findings: Findings) -> None:
    users: dict[type, str] = {}
    kinds = (aggregates_of, records_of, claims_by)
    used = ((each, *found) for each in model.contexts for kind in kinds for found in kind(each))
    for context, aggregate, handler in used:
        user = users.setdefault(aggregate, context.name)
        if user != context.name:
            findings.report(
                "aggregate.shared", handler.place,
                f"{aggregate.__name__} is used by context {user!r} and by {context.name!r}",
                expected="one context per aggregate, record or claim",
                next=f"ask {user!r} by a command or query, or react to its integration events",
            )  # fmt: skip
