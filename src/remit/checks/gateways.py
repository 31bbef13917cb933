"""Notes a handler that asks for a gateway whose refusals its message does not declare."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import asked_by, is_kind, name_of
from remit.contexts.gateways import Gateway, refusals_of
from remit.errors import Findings
from remit.messages import reply_of


def check_gateways(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for handler in (each for each in context.handlers if each.role.is_called and each.fits):
            declared = reply_of(handler.message)[1]
            for asked in (each for each in asked_by(context, handler) if is_kind(each.subject, Gateway)):
                if missing := [each for each in refusals_of(asked.subject) if each not in declared]:
                    names, wanted = (" | ".join(map(name_of, some)) for some in (missing, (*declared, *missing)))
                    findings.note(
                        "gateway.undeclared", handler.place,
                        f"{handler.name} calls {name_of(asked.subject)}, which may refuse with {names}, and"
                        f" {name_of(handler.message)} does not declare that",
                        expected="each refusal of the gateway declared, or caught by the handler",
                        next=f"class {name_of(handler.message)}(...[<reply>, {wanted}])",
                    )  # fmt: skip
