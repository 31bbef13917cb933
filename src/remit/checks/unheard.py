"""Notes a command that is sent for later, if its handler does not return the refusals that the command declares.

No caller waits for the reply. A handler that returns a refusal may record an event first, which others follow. A raised
refusal leaves nothing behind.
"""

from __future__ import annotations

from typing import Any

from remit.contexts import COMMAND, Model
from remit.contexts.annotations import hints_of, is_kind, name_of, sent_later
from remit.errors import Findings
from remit.messages import Command, reply_of, union_members


def check_unheard(model: Model, findings: Findings) -> None:
    returned = _returned(model)
    told: set[Any] = set()
    for context in model.contexts:
        for command, handler in sent_later(context):
            if command in told or not is_kind(command, Command) or model.owner_of(command) in model.elsewhere:
                continue
            told.add(command)
            if raised := [each for each in reply_of(command)[1] if each not in returned.get(command, ())]:
                names = " or ".join(map(name_of, raised))
                findings.note(
                    "later.unheard", handler.place,
                    f"{handler.name} sends {command.__name__} for later, and nothing receives its refusals:"
                    f" {names}",
                    expected=f"a handler of {command.__name__} that records an event, and then returns the refusal",
                    next=f"return {names} instead of raising it, and name it in the handler's return annotation;"
                    " remit status shows commands that were refused",
                )  # fmt: skip


def _returned(model: Model) -> dict[Any, tuple[Any, ...]]:
    """What the handler of each command returns by its annotation."""
    return {
        handler.message: union_members(hints_of(handler.function).get("return"))
        for context in model.contexts
        for handler in context.handlers
        if handler.role is COMMAND
    }
