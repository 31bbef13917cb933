"""What a function is bound to is a message of a kind that its role takes."""

from __future__ import annotations

from remit.contexts import PUBLISHER, TOGETHER, Handler, Model
from remit.contexts.annotations import is_kind, name_of
from remit.errors import Findings
from remit.messages import IntegrationEvent


def check_bindings(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for bound in context.functions:
            if not bound.fits:
                _report(bound, context.name, findings)


def _report(bound: Handler, context: str, findings: Findings) -> None:
    place, name = bound.place, name_of(bound.message)
    if bound.role is PUBLISHER:
        findings.report(
            "publisher.source", place, f"{name} cannot be published from: it is no domain event",
            expected=f"a domain event of {context!r}",
        )  # fmt: skip
    elif bound.role is TOGETHER and is_kind(bound.message, IntegrationEvent):
        findings.report(
            "reaction.together", place, f"{name} is an integration event: it comes from a transaction that is over",
            expected=bound.role.told, next=f"@context.react({name})",
        )  # fmt: skip
    else:
        findings.report(
            "handler.kind", place, f"{name} cannot be bound as a {bound.role.name}", expected=bound.role.told
        )
