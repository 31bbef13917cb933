"""Notes a command that is sent for later and declares refusals, because nothing receives them."""

from __future__ import annotations

from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import is_kind, name_of, sent_later
from remit.errors import Findings
from remit.messages import Command, reply_of


def check_unheard(model: Model, findings: Findings) -> None:
    told: set[Any] = set()
    for context in model.contexts:
        for command, handler in sent_later(context):
            if command in told or not is_kind(command, Command):
                continue
            told.add(command)
            refusals = reply_of(command)[1]
            if refusals:
                names = " or ".join(map(name_of, refusals))
                findings.note(
                    "later.unheard", handler.place,
                    f"{handler.name} sends {command.__name__} for later, and nothing receives its refusals:"
                    f" {names}",
                    expected="a command without refusals, whose handler records the outcome as an event",
                    next="Command[<reply>] without refusals; remit status shows commands that were refused",
                )  # fmt: skip
