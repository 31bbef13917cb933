"""A command that is sent for later declares no refusal, or it is noted: nobody waits for the answer."""

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
                    f"{handler.name} sends {command.__name__} for later, and nobody is told when it is refused:"
                    f" {names}",
                    expected="a command without refusals, whose handler records what comes of it as an event",
                    next="Command[<reply>] instead, or look at remit status, which shows what was refused",
                )  # fmt: skip
