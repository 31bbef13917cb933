"""A function is bound to a message of a kind that its role takes."""

from __future__ import annotations

from remit.contexts import PUBLISHER, TOGETHER, Model
from remit.contexts.annotations import is_kind, name_of
from remit.errors import Findings
from remit.messages import IntegrationEvent


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
                next="use the decorator for this kind of message: handle, answer, react or publish",
            )
