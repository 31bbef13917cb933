"""A context with a base class for its domain events binds functions only to domain events of this class."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import announced_by, is_kind
from remit.errors import Findings
from remit.messages import DomainEvent


def check_own_events(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        base = context.events
        if base is None:
            continue
        used = [(bound.message, bound.place) for bound in context.functions if bound.fits]
        used += [(event, handler.place) for event, handler in announced_by(context)]
        for event, place in used:
            if is_kind(event, DomainEvent) and not is_kind(event, base):
                findings.report(
                    "event.foreign", place, f"{event.__name__} is not a domain event of context {context.name!r}",
                    expected=f"a subclass of {base.__name__}, or an integration event",
                    next=f"react to the integration event that its owner publishes, or derive it from {base.__name__}",
                )  # fmt: skip
