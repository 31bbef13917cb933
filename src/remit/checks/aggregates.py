"""An aggregate, a record or a claim is used by one context only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import Context, Handler, Model
from remit.contexts.annotations import aggregates_of, claims_by, records_of
from remit.errors import Findings


def check_aggregates(model: Model, findings: Findings) -> None:
    users: dict[type, str] = {}
    for context, (kept, handler) in ((each, found) for each in model.contexts for found in _kept(each)):
        user = users.setdefault(kept, context.name)
        if user != context.name:
            findings.report(
                "aggregate.shared", handler.place,
                f"{kept.__name__} is used by context {user!r} and by context {context.name!r}",
                expected="one context per aggregate, record or claim",
                next=f"send {user!r} a command or ask it a query, or react to its integration events",
            )  # fmt: skip


def _kept(context: Context[Any]) -> Iterator[tuple[type, Handler]]:
    yield from aggregates_of(context)
    yield from records_of(context)
    yield from claims_by(context)
