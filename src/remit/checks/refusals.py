"""A refusal is declared behind the reply, and a handler returns only refusals that its message declares."""

from __future__ import annotations

from typing import Any

from remit.contexts import Handler, Model
from remit.contexts.annotations import hints_of, is_kind, name_of
from remit.contexts.declarations import where
from remit.errors import Findings
from remit.messages import Command, Query, Refusal, reply_of, union_members


def check_refusals(model: Model, findings: Findings) -> None:
    for message in model.owners:
        if is_kind(message, Command, Query):
            _check_reply(message, findings)
    for bound in (bound for context in model.contexts for bound in context.handlers if bound.fits):
        _check_returned(bound, findings)


def _check_reply(message: type[Any], findings: Findings) -> None:
    """With a refusal as the reply, a returned refusal would be ambiguous: a reply, or a refusal to be raised."""
    reply, refusals = reply_of(message)
    base = "Command" if is_kind(message, Command) else "Query"
    for found in _refusals_in(reply):
        declared = " | ".join(name_of(each) for each in (found, *refusals))
        findings.report(
            "refusal.reply", where(message), f"{message.__name__} declares the refusal {found.__name__} as its reply",
            expected="a reply that is not a refusal, and the refusals behind it",
            next=f"class {message.__name__}({base}[<reply>, {declared}])",
        )  # fmt: skip


def _check_returned(bound: Handler, findings: Findings) -> None:
    declared = reply_of(bound.message)[1] if bound.role.is_called else ()
    for found in _refusals_in(hints_of(bound.method or bound.function).get("return")):
        if found in declared:
            continue
        if not bound.role.is_called:
            findings.report(
                "refusal.undeclared", bound.place,
                f"{bound.name} returns the refusal {found.__name__}, and no caller receives the reply of a reaction",
                expected="a reaction that returns None",
                next="return None, and record an event if others have to know; an error would park the key",
            )  # fmt: skip
        else:
            findings.report(
                "refusal.undeclared", bound.place,
                f"{bound.name} returns the refusal {found.__name__}, which {bound.message.__name__} does not declare",
                expected=", ".join(map(name_of, declared)) or "no refusal",
                next=f"declare it behind the reply: [<reply>, {' | '.join(map(name_of, (*declared, found)))}]",
            )  # fmt: skip


def _refusals_in(declared: Any) -> list[type[Refusal]]:
    return [each for each in union_members(declared) if is_kind(each, Refusal)]
