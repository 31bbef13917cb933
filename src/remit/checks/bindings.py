"""A function is bound to a message of a kind that its role takes."""

from __future__ import annotations

from typing import Any

from remit.contexts import PUBLISHER, TOGETHER, Model
from remit.contexts.annotations import is_kind, name_of
from remit.errors import Findings
from remit.messages import Command, DomainEvent, IntegrationEvent, Query

_DECORATORS = (((Command,), "handle"), ((Query,), "answer"), ((DomainEvent, IntegrationEvent), "react"))


def check_bindings(model: Model, findings: Findings) -> None:
    for context, bound in ((each, bound) for each in model.contexts for bound in each.functions if not bound.fits):
        place, name = bound.place, name_of(bound.message)
        if bound.role is PUBLISHER:
            findings.report(
                "publisher.source", place, f"a publisher is bound to {name}, which is not a domain event",
                expected=f"a domain event of {context.name!r}", next=f"@{context.name}.publish(<DomainEvent>)",
            )  # fmt: skip
        elif bound.role is TOGETHER and is_kind(bound.message, IntegrationEvent):
            findings.report(
                "reaction.together", place,
                f"{name} is an integration event, whose transaction has ended, so together=True is impossible",
                expected=bound.role.told, next=f"@{context.name}.react({name})",
            )  # fmt: skip
        else:
            findings.report(
                "handler.kind",
                place,
                f"{name} cannot be bound as a {bound.role.name}",
                expected=bound.role.told,
                next=_fitting(context.name, bound.message),
            )


def _fitting(context: str, message: Any) -> str:
    """The decorator for this kind of message."""
    for kinds, decorator in _DECORATORS:
        if is_kind(message, *kinds):
            return f"@{context}.{decorator}({name_of(message)})"
    return "bind it to a message: a command, a query or an event"
