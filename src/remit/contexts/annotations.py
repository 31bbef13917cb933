"""Reads declarations from annotations: which events are published and projected, and what handlers ask for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_type_hints

from remit.contexts.context import Context
from remit.contexts.declarations import Envelope, Handler, known_events
from remit.contexts.foreign import commands_in
from remit.contexts.ports import ALCHEMY, CLAIMS, EVENTS, LATER, RECORDS, Injectable, injectable_of, owner_of
from remit.domain import Aggregate, Claim, EventSourced, Projection, Record, Row
from remit.messages import Command, DomainEvent, IntegrationEvent, Message, parameter_of, union_members
from remit.messages.once import once


def is_kind(declared: Any, *kinds: type) -> bool:
    """Whether `declared` is a class of one of these kinds. False if it is not a class."""
    return isinstance(declared, type) and issubclass(declared, kinds)


def name_of(declared: Any) -> str:
    """The name of a declared object in a finding."""
    return declared.__name__ if isinstance(declared, type) else repr(declared)


def unresolved(function: Callable[..., Any]) -> str | None:
    """Why the annotations of a function cannot be read. None if they can."""
    read = _read(function)
    return read if isinstance(read, str) else None


def hints_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The annotations of a function, including `return`. Empty if they cannot be read."""
    read = _read(function)
    return {} if isinstance(read, str) else read


@once
def _read(function: Callable[..., Any]) -> dict[str, Any] | str:
    """The annotations of a function. A text if they cannot be read: why."""
    try:
        return get_type_hints(function)
    except Exception as error:  # noqa: BLE001  # an annotation is the user's code, and may raise anything
        return str(error)


def first_parameter(function: Callable[..., Any], *, method: bool = False) -> tuple[str, Any] | None:
    """Name and annotation (`Any` if it has none) of the parameter that takes the message. None if there is none."""
    for name, parameter in list(inspect.signature(function).parameters.items())[method:]:
        if parameter.kind is parameter.KEYWORD_ONLY or parameter.kind is parameter.VAR_KEYWORD:
            return None
        return name, hints_of(function).get(name, Any)
    return None


def is_loose_method(bound: Handler) -> bool:
    """Whether the handler is a method of a class without the decorator `policy`."""
    first = first_parameter(bound.function)
    return bound.method is None and first is not None and first[0] == "self"


def published_by(function: Callable[..., Any]) -> list[type[Message]]:
    """The integration events in the return annotation of a publisher."""
    return [member for member in union_members(hints_of(function).get("return")) if is_kind(member, IntegrationEvent)]


def projected_by(projection: type[Projection[Any, Any]]) -> list[type[Message]]:
    """The events from which a projection is folded. A base class stands for itself and all its subclasses."""
    named = [event for event in events_named(projection, Projection) if is_kind(event, Message)]
    return list(dict.fromkeys(event for each in named for event in known_events(each)))


def takes_envelope(publisher: Callable[..., Any]) -> bool:
    """Whether a publisher asks for the envelope of its event."""
    return [*_given(publisher)] == [Envelope]


def is_publisher(function: Callable[..., Any]) -> bool:
    """Whether a function takes an event, optionally its envelope, and nothing else."""
    return not _given(function) or takes_envelope(function)


def _given(function: Callable[..., Any]) -> list[Any]:
    """The annotations of the parameters after the message."""
    hints = hints_of(function)
    return [hints.get(name, Any) for name in [*inspect.signature(function).parameters][1:]]


def recorded_by(aggregate: type[Aggregate[Any, Any]]) -> list[type[Message]]:
    """The events that an aggregate declares: `Aggregate[Id, Issued | Paid]`. Empty if it declares none."""
    return [event for event in events_named(aggregate, Aggregate) if is_kind(event, Message)]


def events_named(declared: type, base: type) -> tuple[Any, ...]:
    """The second type argument of an aggregate or a projection, as members of a union: `Projection[Key, A | B]`."""
    arguments = parameter_of(declared, base)
    return union_members(arguments[1]) if len(arguments) > 1 else ()


def projections_of(context: Context[Any]) -> list[type[Projection[Any, Any]]]:
    """The projections of a context, without declared objects of other kinds, which a check reports."""
    return [each for each in context.projections if is_kind(each, Projection)]


def row_models_of(context: Context[Any]) -> list[type[Row[Any, Any]]]:
    """Those of the projections that are stored as rows."""
    return [each for each in projections_of(context) if issubclass(each, Row)]


class Asked(NamedTuple):
    """A dependency that a handler asks for by one of its parameters."""

    parameter: str
    wanted: Any
    """The annotation."""
    injectable: Injectable
    subject: Any


def asked_by(context: Context[Any], handler: Handler) -> Sequence[Asked]:
    """The dependencies that a handler of the context asks for. Empty if its annotations cannot be read."""
    return _asked_by(context, handler.function)


@once
def _asked_by(context: Context[Any], function: Callable[..., Any]) -> tuple[Asked, ...]:
    if unresolved(function) is not None:
        return ()
    hints = hints_of(function)
    names = list(inspect.signature(function).parameters)[1:]
    wanted = {name: hints.get(name, "Type") for name in names}
    return tuple(Asked(name, hint, *injectable_of(context, hint)) for name, hint in wanted.items())


def aggregates_of(context: Context[Any]) -> Iterator[tuple[type[Aggregate[Any, Any]], Handler]]:
    """Each aggregate whose repository a handler of the context asks for or whose claims it uses, with that handler."""
    for handler in context.handlers:
        for asked in asked_by(context, handler):
            if asked.injectable.of is Aggregate and is_kind(asked.subject, Aggregate):
                yield asked.subject, handler
    for claim, handler in claims_by(context):
        owner = owner_of(claim)
        if is_kind(owner, Aggregate):
            yield owner, handler


def sourced_of(context: Context[Any]) -> list[type[EventSourced[Any, Any]]]:
    """The event-sourced aggregates of a context, each once."""
    found = dict.fromkeys(aggregate for aggregate, _ in aggregates_of(context))
    return [aggregate for aggregate in found if issubclass(aggregate, EventSourced)]


def records_of(context: Context[Any]) -> Iterator[tuple[type[Record[Any]], Handler]]:
    """Each record that a handler of the context asks for, with that handler."""
    return _asked_for(context, RECORDS, Record)


def claims_by(context: Context[Any]) -> Iterator[tuple[type[Claim[Any, Any]], Handler]]:
    """Each claim that a handler of the context asks for, with that handler."""
    return _asked_for(context, CLAIMS, Claim)


def _asked_for(context: Context[Any], injectable: Injectable, kind: type) -> Iterator[tuple[Any, Handler]]:
    for handler in context.handlers:
        for asked in asked_by(context, handler):
            if asked.injectable is injectable and is_kind(asked.subject, kind):
                yield asked.subject, handler


def announced_by(context: Context[Any]) -> Iterator[tuple[type[Message], Handler]]:
    """Each event that a handler of the context may publish through `Events`, with that handler."""
    for handler in context.handlers:
        for asked in asked_by(context, handler):
            if asked.injectable is EVENTS:
                for event in publishable(asked.subject):
                    yield event, handler


def publishable(events: Any) -> list[type[Message]]:
    """The events that `Events[...]` publishes. A base class stands for itself and all its subclasses."""
    named = [each for each in union_members(events) if is_kind(each, DomainEvent, IntegrationEvent)]
    named = [each for each in named if each not in (DomainEvent, IntegrationEvent)]
    return list(dict.fromkeys(event for each in named for event in known_events(each)))


def sent_later(context: Context[Any]) -> Iterator[tuple[Any, Handler]]:
    """Each command that a handler or a translation of the context sends for later, with that function."""
    for handler in context.handlers:
        for asked in asked_by(context, handler):
            if asked.injectable is LATER:
                yield asked.subject, handler
    for handler in (each.handler for each in context.translations):
        for command in commands_in(hints_of(handler.function).get("return")):
            if is_kind(command, Command):
                yield command, handler


def asks_for_sql(context: Context[Any]) -> list[Handler]:
    """The handlers of the context that ask for `Sql` or another dependency that runs statements."""
    return [
        handler for handler in context.handlers if any(asked.injectable.has_sql for asked in asked_by(context, handler))
    ]


def asks_for_session(context: Context[Any]) -> list[Handler]:
    """The handlers of the context that ask for a session or a connection of SQLAlchemy."""
    return [
        handler
        for handler in context.handlers
        if any(each.injectable is ALCHEMY for each in asked_by(context, handler))
    ]
