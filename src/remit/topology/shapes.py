"""What the plan has to know of each context, read from its declarations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from remit.contexts import Context, ContextMap
from remit.contexts.annotations import asks_for_sql, is_kind, projected_by, sent_later
from remit.messages import Command, Message, Query, declared_context
from remit.topology.placement import COMPONENTS, Component, ContextShape

__all__ = ["shapes_of"]


def shapes_of(model: ContextMap) -> dict[str, ContextShape | None]:
    """The shape of every context of the system; None for one that is hosted elsewhere. The model has been checked."""
    shapes: dict[str, ContextShape | None] = dict.fromkeys(model.names)
    for context in model.contexts:
        shapes[context.name] = ContextShape(
            frozenset(part for part in COMPONENTS if _has(context, part)),
            frozenset(_reacts_to(model, context)),
            frozenset(_owned(model, (event for each in context.projections for event in projected_by(each)))),
            frozenset(_calls(model, context)),
            tuple(handler.name for handler in asks_for_sql(context)),
        )
    return shapes


def _has(context: Context[Any], part: Component) -> bool:
    roles = {handler.role for handler in context.handlers}
    match part:
        case "write":
            return bool(roles - {"query"} or context.publishers or context.outbox)
        case "read":
            return bool(roles & {"query"} or context.projections)
        case "edge":
            return bool(context.routes)


def _owned(model: ContextMap, messages: Iterator[Any]) -> Iterator[str]:
    for message in messages:
        owner = model.owners.get(message) or (is_kind(message, Message) and declared_context(message))
        if owner:
            yield owner


def _reacts_to(model: ContextMap, context: Context[Any]) -> Iterator[str]:
    yield from _owned(model, (handler.message for handler in context.handlers if handler.role == "reaction"))
    for sender in model.contexts:
        later = [command for command, _ in sent_later(sender)]
        later += [command for command in sender.outbox if is_kind(command, Command)]
        if context.name in _owned(model, iter(later)):
            yield sender.name


def _calls(model: ContextMap, context: Context[Any]) -> Iterator[tuple[Component, str]]:
    for route in context.routes:
        for owner in _owned(model, iter([route.message])):
            yield "edge", f"{owner}.{_answered_by(route.message)}"
    later = list(sent_later(context))
    for handler in context.handlers:
        part: Component = "read" if handler.role == "query" else "write"
        for message in (named for named in _mentioned(handler.function) if (named, handler) not in later):
            for owner in _owned(model, iter([message])):
                yield part, f"{owner}.{_answered_by(message)}"


def _answered_by(message: type) -> Component:
    return "write" if is_kind(message, Command) else "read"


def _mentioned(handler: Callable[..., Any]) -> Iterator[type]:
    """The commands and queries that a handler names in its body, or a function of its module that it uses."""
    waiting, seen = [handler], {handler}
    while waiting:
        function = waiting.pop()
        if not isinstance(function, FunctionType):
            continue
        for name in _names_in(function.__code__):
            named: Any = function.__globals__.get(name)
            if is_kind(named, Command, Query):
                yield named
            elif isinstance(named, FunctionType) and named.__module__ == function.__module__ and named not in seen:
                seen.add(named)
                waiting.append(named)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names_in(inner)
