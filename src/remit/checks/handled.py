"""Every command and query has one handler: those in the loaded modules, those of routes, and those sent for later.

Messages of contexts that other processes host are handled there.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

from remit.contexts import Handler, Model
from remit.contexts.annotations import first_parameter, is_kind, name_of, sent_later
from remit.contexts.declarations import line_of, where
from remit.errors import Findings
from remit.messages import Command, Message, Query, declared_context

Expected = tuple[Any, Sequence[str], str | type, str]
"""A command or query that needs a handler; the contexts that may own it, if it does not say so; the place that needs
it; and the reason."""


def check_handled(model: Model, findings: Findings) -> None:
    handled = _handled_once(model, findings)
    reported: set[Any] = set()
    for message, owners, place, why in _expected(model):
        if message in handled or message in reported or model.owner_of(message) in model.elsewhere:
            continue
        reported.add(message)
        findings.report(
            "handler.missing", place if isinstance(place, str) else line_of(place),
            f"{name_of(message)} {why} and has no handler",
            expected="one handler per command or query", next=_what_to_type(model, message, owners),
        )  # fmt: skip


def _what_to_type(model: Model, message: Any, owners: Sequence[str]) -> str:
    """Names the decorator in the owning context, and a function that takes the message and lacks the decorator."""
    owner = model.owner_of(message)
    if owner is not None and owner not in model.names:
        return f"add its context {owner!r} to System({model.name!r}, contexts=[...])"
    names = [owner] if owner is not None else owners
    decorator = f"@{names[0] if len(names) == 1 else '<its context>'}.{_verb(message)}({name_of(message)})"
    likely = next((function for function in _functions_in(model) if _takes(function, message)), None)
    if likely is not None:
        return f"{decorator} above {likely.__name__} ({where(likely)})"
    if owner is None and model.elsewhere:
        names = " or ".join(f'"{name}"' for name in model.elsewhere)
        return f"{decorator}; or, if another service handles it, in {message.__module__}: __context__ = {names}"
    return decorator


def _verb(message: Any) -> str:
    return "answer" if is_kind(message, Query) else "handle"


def _functions_in(model: Model) -> Iterator[FunctionType]:
    for module in (module for home in model.homes for module in home.modules):
        for value in list(vars(module).values()):
            if inspect.iscoroutinefunction(value) and isinstance(value, FunctionType):
                yield value


def _takes(function: FunctionType, message: Any) -> bool:
    first = first_parameter(function)
    return first is not None and first[1] is message


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


def _expected(model: Model) -> Iterator[Expected]:
    hosted = {context.name for context in model.contexts}
    for edge in model.edges:
        for route in edge.routes:
            responsible = model.owner_of(route.message) or edge.context
            if responsible in hosted:
                yield route.message, [responsible], f"{route.method} {route.path}", "has a route"
    for context in model.contexts:
        for command, handler in sent_later(context):
            yield command, model.names, handler.place, f"is sent for later by {handler.name}"
        for command in context.outbox:
            if is_kind(command, Command):
                yield command, model.names, repr(context), "is in the outbox"
    yield from _declared(model)


def _declared(model: Model) -> Iterator[Expected]:
    """The commands and queries of the contexts, whether they are used or not."""
    names = {context.name for context in model.contexts}
    for message in _published_language(model):
        owner = declared_context(message)
        if owner in names:
            yield message, [owner], message, f"belongs to context {owner!r}"
    for home in model.homes:
        at_home = [context.name for context in home.contexts]
        for message in (each for module in home.modules for each in _messages_in(module)):
            if declared_context(message) is None:
                yield message, at_home, message, f"is defined in {message.__module__}"


def _published_language(model: Model) -> Iterator[type[Message]]:
    """The commands and queries of every module that defines a known message."""
    for name in sorted({message.__module__ for message in model.owners}):
        if (module := sys.modules.get(name)) is not None:
            yield from _messages_in(module)


def _messages_in(module: ModuleType) -> Iterator[type[Message]]:
    """The commands and queries that a module defines, without base classes."""
    for message in list(vars(module).values()):
        if is_kind(message, Command, Query) and message.__module__ == module.__name__ and not message.__subclasses__():
            yield message
