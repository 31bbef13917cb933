"""Every command and query has one handler: those of the modules in play, of the routes, of what is sent for later.

Those of contexts elsewhere are handled there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from remit.contexts import Handler, Model
from remit.contexts.annotations import is_kind, name_of, sent_later
from remit.contexts.declarations import where
from remit.errors import Findings
from remit.messages import Command, Message, Query, declared_context


def check_handled(model: Model, findings: Findings) -> None:
    handled = _handled_once(model, findings)
    reported: set[Any] = set()
    for context, message, place, why in _expected(model):
        if message in handled or message in reported or model.owner_of(message) in model.elsewhere:
            continue
        reported.add(message)
        verb = "answer" if is_kind(message, Query) else "handle"
        findings.report(
            "handler.missing", place, f"{name_of(message)} {why} and has no handler",
            expected="one handler per command or query", next=f"@{context}.{verb}({name_of(message)})",
        )  # fmt: skip


def _handled_once(model: Model, findings: Findings) -> dict[Any, Handler]:
    handled: dict[Any, Handler] = {}
    for handler in (handler for context in model.contexts for handler in context.handlers if handler.role.is_called):
        first = handled.setdefault(handler.message, handler)
        if first is not handler:
            findings.report(
                "handler.doubled", handler.place,
                f"{name_of(handler.message)} has two handlers: {first.name} ({first.place}) and {handler.name}",
                expected="one handler per command or query", next="remove one of them",
            )  # fmt: skip
    return handled


def _expected(model: Model) -> Iterator[tuple[str, Any, str, str]]:
    """Every command and query that needs a handler: its context, itself, the place that needs it, and why."""
    hosted = {context.name for context in model.contexts}
    for edge in model.edges:
        for route in edge.routes:
            responsible = model.owner_of(route.message) or edge.context
            if responsible in hosted:
                yield responsible, route.message, f"{route.method} {route.path}", "has a route"
    for context in model.contexts:
        for command, handler in sent_later(context):
            yield context.name, command, handler.place, f"is sent for later by {handler.name}"
        for command in context.outbox:
            if is_kind(command, Command):
                yield context.name, command, repr(context), "is in the outbox"
    names = {context.name for context in model.contexts}
    for message in _published_language(model):
        owner = declared_context(message)
        if owner in names:
            yield owner, message, where(message), f"belongs to context {owner!r}"


def _published_language(model: Model) -> Iterator[type[Message]]:
    """The commands and queries of every module that a known message comes from; bases of others left out."""
    for module in sorted({message.__module__ for message in model.owners}):
        for message in list(vars(sys.modules[module]).values()) if module in sys.modules else ():
            if is_kind(message, Command, Query) and message.__module__ == module and not message.__subclasses__():
                yield message
