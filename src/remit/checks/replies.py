"""A command or a query declares its reply: `Command[None]` if there is none."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import is_kind
from remit.contexts.declarations import line_of
from remit.errors import Findings
from remit.messages import Command, Query, parameter_of


def check_replies(model: Model, findings: Findings) -> None:
    for message in model.owners:
        for kind in (Command, Query):
            if is_kind(message, kind) and not parameter_of(message, kind):
                name, reply = message.__name__, "None" if kind is Command else "<reply>"
                findings.report(
                    "message.no-reply", line_of(message), f"{name} does not declare its reply",
                    expected=f"{kind.__name__}[Reply], or {kind.__name__}[Reply, OneRefusal | OtherRefusal]",
                    next=f"class {name}({kind.__name__}[{reply}])",
                )  # fmt: skip
