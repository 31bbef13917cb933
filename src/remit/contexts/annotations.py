"""What declarations say by their annotations: which events are published and projected, which aggregates are used."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin, get_type_hints

from remit.contexts.context import Context
from remit.contexts.declarations import Handler, Later
from remit.contexts.ports import Repository, Sql
from remit.domain import Aggregate, Projection
from remit.messages import IntegrationEvent, Message, parameter_of

__all__ = [
    "aggregates_of",
    "asks_for_sql",
    "first_parameter",
    "hints_of",
    "is_kind",
    "projected_by",
    "published_by",
    "recorded_by",
    "sent_later",
    "union_members",
    "unresolved",
]


def is_kind(declared: Any, *kinds: type) -> bool:
    """Whether something declared is a class of one of these kinds; False for what is no class at all."""
    return isinstance(declared, type) and issubclass(declared, kinds)


def unresolved(function: Callable[..., Any]) -> str | None:
    """Why the annotations of a function cannot be read, or None when they can."""
    try:
        get_type_hints(function)
    except Exception as error:  # noqa: BLE001  # an annotation is the user's code, and may raise anything
        return str(error)
    return None


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, `return` included; empty when they cannot be read."""
    return get_type_hints(function) if unresolved(function) is None else {}


def first_parameter(function: Callable[..., Any]) -> tuple[str, Any] | None:
    """Name and annotation (`Any` when it has none) of the parameter that takes the message, or None without one."""
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY or parameter.kind is parameter.VAR_KEYWORD:
            return None
        return name, hints_of(function).get(name, Any)
    return None


def published_by(function: Callable[..., Any]) -> list[type[Message]]:
    """The integration events in a publisher's return annotation."""
    return [member for member in union_members(hints_of(function).get("return")) if is_kind(member, IntegrationEvent)]


def projected_by(projection: type[Projection[Any, Any]]) -> list[type[Message]]:
    """The events a projection is folded from."""
    arguments = parameter_of(projection, Projection)
    return [member for member in union_members(arguments[1]) if is_kind(member, Message)] if len(arguments) > 1 else []


def recorded_by(aggregate: type[Aggregate[Any, Any]]) -> list[type[Message]]:
    """The events an aggregate says it records: `Aggregate[Id, Issued | Paid]`. Empty when it does not say."""
    arguments = parameter_of(aggregate, Aggregate)
    return [member for member in union_members(arguments[1]) if is_kind(member, Message)] if len(arguments) > 1 else []


def aggregates_of(context: Context[Any]) -> Iterator[tuple[type[Aggregate[Any, Any]], Handler]]:
    """Each aggregate that a handler of the context asks for as a repository, with that handler."""
    for handler in context.handlers:
        for aggregate in _asked_for(handler, Repository):
            if is_kind(aggregate, Aggregate):
                yield aggregate, handler


def sent_later(context: Context[Any]) -> Iterator[tuple[Any, Handler]]:
    """Each command that a handler of the context sends for later, with that handler."""
    for handler in context.handlers:
        for command in _asked_for(handler, Later):
            yield command, handler


def asks_for_sql(context: Context[Any]) -> list[Handler]:
    """The handlers of the context that run statements of their own."""
    return [handler for handler in context.handlers if Sql in hints_of(handler.function).values()]


def _asked_for(handler: Handler, port: type) -> list[Any]:
    """The `X` of every parameter annotated `port[X]`."""
    return [get_args(hint)[0] for hint in hints_of(handler.function).values() if get_origin(hint) is port]


def union_members(declared: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    return get_args(declared) if get_args(declared) and not isinstance(declared, type) else (declared,)
