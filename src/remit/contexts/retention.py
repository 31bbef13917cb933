"""What happens to the old messages of a context, as it is declared."""

from __future__ import annotations

from typing import Any, Literal

from remit.contexts.annotations import is_kind, projected_by, projections_of, sourced_of
from remit.contexts.context import Context
from remit.messages import DomainEvent

Kept = Literal["deleted", "archived", "kept"]
"""Deleted by age; or they leave the log only for an archive; or they stay."""


def private_retention(context: Context[Any]) -> Kept:
    """For the domain events. Among them are the streams of event-sourced aggregates, which stay."""
    if sourced_of(context):
        return "kept"
    if context.archive is None:
        followed = (event for projection in projections_of(context) for event in projected_by(projection))
        return "archived" if any(is_kind(event, DomainEvent) for event in followed) else "deleted"
    return "archived" if context.archive else "deleted"


def published_retention(context: Context[Any]) -> Kept:
    """For the integration events."""
    return "archived" if context.archive else "deleted"
