"""An outbox contains integration events, and commands that are sent for later."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import is_kind
from remit.errors import Findings
from remit.messages import Command, IntegrationEvent


def check_outbox(model: Model, findings: Findings) -> None:
    for context, message in ((each, message) for each in model.contexts for message in each.outbox):
        if not is_kind(message, IntegrationEvent, Command):
            findings.report(
                "outbox.kind", repr(context), f"{getattr(message, '__name__', message)} cannot be in the outbox",
                expected="integration events of the context, and commands that it sends for later",
                next="publish an integration event instead, or remove it from Context(outbox=[...])",
            )  # fmt: skip
