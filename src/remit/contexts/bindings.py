"""What a context binds by its decorators: handlers, reactions and publishers, each checked against its message."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from remit.contexts.annotations import first_parameter, hints_of, is_kind, published_by, sent_later, unresolved
from remit.contexts.annotations import union_members as members
from remit.contexts.context import Context
from remit.contexts.declarations import Handler, Publisher, Role, where
from remit.findings import Findings
from remit.messages import Command, DomainEvent, IntegrationEvent, Message, Query, declared_context

__all__ = ["check_complete", "check_handlers", "check_publishers"]

_KINDS: dict[Role, tuple[type, ...]] = {
    "command": (Command,),
    "query": (Query,),
    "reaction": (DomainEvent, IntegrationEvent),
    "together": (DomainEvent,),
}
_WORDS: dict[Role, str] = {
    "command": "a command: @context.handle(Command)",
    "query": "a query: @context.answer(Query)",
    "reaction": "a domain event of the context or an integration event: @context.react(Event)",
    "together": "a domain event of the context: @context.react(Event, together=True)",
}


def check_handlers(context: Context[Any], findings: Findings) -> None:
    """Each handler by itself: the kind of its message, its function, its first annotation, its name."""
    bound: set[tuple[str, Any]] = set()
    for handler in context.handlers:
        if not is_kind(handler.message, *_KINDS[handler.role]):
            _report_kind(handler, findings)
            continue
        _check_base(context, handler.message, handler.function, findings)
        if not inspect.iscoroutinefunction(handler.function):
            findings.report(
                "handler.sync",
                where(handler.function),
                f"{handler.name} handles {handler.message.__name__} and is no async function",
                expected="an async function",
                next=f"async def {handler.name}(...)",
            )
        _check_first("handler", handler.message, handler.function, findings)
        if handler.role in ("reaction", "together") and (handler.name, handler.message) in bound:
            findings.report(
                "reaction.doubled",
                where(handler.function),
                f"two reactions of {context.name!r} to {handler.message.__name__} are called {handler.name}",
                expected="one name per reaction: progress is kept under it",
                next="rename one of them",
            )
        bound.add((handler.name, handler.message))


def check_publishers(context: Context[Any], findings: Findings) -> None:
    """Each publisher: a plain function from an own domain event to integration events, to each of them once."""
    made: dict[tuple[Any, Any], Publisher] = {}
    for publisher in context.publishers:
        if not is_kind(publisher.event, DomainEvent):
            findings.report(
                "publisher.source",
                where(publisher.function),
                f"{_name(publisher.event)} cannot be published from: it is no domain event",
                expected=f"a domain event of {context.name!r}",
            )
            continue
        _check_base(context, publisher.event, publisher.function, findings)
        if inspect.iscoroutinefunction(publisher.function):
            findings.report(
                "publisher.async",
                where(publisher.function),
                f"{publisher.function.__name__} is async, and a publisher runs inside the transaction",
                expected="a plain function without I/O",
                next=f"def {publisher.function.__name__}(event: {publisher.event.__name__}) -> ...",
            )
        _check_first("publisher", publisher.event, publisher.function, findings)
        _check_result(publisher, findings)
        for event in published_by(publisher.function):
            first = made.setdefault((publisher.event, event), publisher)
            if first is not publisher:
                findings.report(
                    "publisher.doubled",
                    where(publisher.function),
                    f"{publisher.function.__name__} and {first.function.__name__} ({where(first.function)}) both make"
                    f" {event.__name__} from {publisher.event.__name__}",
                    expected="one publisher for each version of an integration event that a domain event becomes",
                    next="remove one of them, or let it make another version: class ...(..., name=..., version=2)",
                )


def check_complete(
    contexts: Sequence[Context[Any]],
    elsewhere: Sequence[str],
    owners: Mapping[type[Message], str],
    findings: Findings,
) -> None:
    """One handler for every command and query: of the modules in play, of the routes, of what is sent for later.

    Those of contexts `elsewhere` are handled there.
    """
    handled: dict[Any, Handler] = {}
    for handler in (handler for context in contexts for handler in context.handlers):
        if handler.role not in ("command", "query"):
            continue
        first = handled.setdefault(handler.message, handler)
        if first is not handler:
            findings.report(
                "handler.doubled",
                where(handler.function),
                f"{_name(handler.message)} has two handlers: {first.name} ({where(first.function)}) and {handler.name}",
                expected="one handler per command or query",
                next="remove one of them",
            )
    reported: set[Any] = set()
    for context, message, place, why in _expected(contexts, owners):
        if message in handled or message in reported or owners.get(message, declared_context(message)) in elsewhere:
            continue
        reported.add(message)
        verb = "answer" if is_kind(message, Query) else "handle"
        findings.report(
            "handler.missing",
            place,
            f"{_name(message)} {why} and has no handler",
            expected="one handler per command or query",
            next=f"@{context}.{verb}({_name(message)})",
        )


def _expected(
    contexts: Sequence[Context[Any]], owners: Mapping[type[Message], str]
) -> Iterator[tuple[str, Any, str, str]]:
    """Every command and query that needs a handler: its context, itself, the place that needs it, and why."""
    for context in contexts:
        for route in context.routes:
            yield context.name, route.message, f"{route.method} {route.path}", "has a route"
        for command, handler in sent_later(context):
            yield context.name, command, where(handler.function), f"is sent for later by {handler.name}"
        for command in context.outbox:
            if is_kind(command, Command):
                yield context.name, command, repr(context), "is in the outbox"
    names = {context.name for context in contexts}
    for message in _published_language(owners):
        owner = declared_context(message)
        if owner in names:
            yield owner, message, where(message), f"belongs to context {owner!r}"


def _published_language(owners: Mapping[type[Message], str]) -> Iterator[type[Message]]:
    """The commands and queries of every module that a known message comes from; bases of others left out."""
    for module in sorted({message.__module__ for message in owners}):
        for message in list(vars(sys.modules[module]).values()) if module in sys.modules else ():
            if is_kind(message, Command, Query) and message.__module__ == module and not message.__subclasses__():
                yield message


def _check_base(context: Context[Any], event: Any, function: Callable[..., Any], findings: Findings) -> None:
    base = context.events
    if base is not None and is_kind(event, DomainEvent) and not is_kind(event, base):
        findings.report(
            "event.foreign",
            where(function),
            f"{event.__name__} is no domain event of {context.name!r}",
            expected=f"a {base.__name__}, or an integration event",
            next="react to the integration event that its owner publishes",
        )


def _check_first(kind: str, message: type[Message], function: Callable[..., Any], findings: Findings) -> None:
    """The first parameter takes the message, and is annotated with it or with a base of it."""
    name = function.__name__
    if error := unresolved(function):
        findings.report(
            f"{kind}.annotation",
            where(function),
            f"an annotation of {name} cannot be resolved: {error}",
            expected="types importable from the handler's module (not only under TYPE_CHECKING)",
        )
        return
    first = first_parameter(function)
    if first is None:
        findings.report(
            f"{kind}.parameters",
            where(function),
            f"{name} has no parameter for its message",
            expected=f"the message first: {name}(message: {message.__name__}, ...)",
        )
    elif not any(member is Any or is_kind(message, member) for member in members(first[1]) if _is_type(member)):
        findings.report(
            f"{kind}.message",
            where(function),
            f"{name} is bound to {message.__name__}, and its parameter {first[0]!r} takes {_name(first[1])}",
            expected=f"{first[0]}: {message.__name__}",
            next="name the same message in the decorator and in the function",
        )


def _check_result(publisher: Publisher, findings: Findings) -> None:
    function = publisher.function
    if unresolved(function) is not None:
        return
    result = hints_of(function).get("return")
    strange = [member for member in members(result) if not is_kind(member, IntegrationEvent, type(None))]
    if strange or not published_by(function):
        findings.report(
            "publisher.result",
            where(function),
            f"{function.__name__} says that it makes {_name(result)}",
            expected="an integration event, or a union of them with None, as the return annotation",
            next=f"def {function.__name__}(event: {publisher.event.__name__}) -> <IntegrationEvent> | None",
        )


def _report_kind(handler: Handler, findings: Findings) -> None:
    if handler.role == "together" and is_kind(handler.message, IntegrationEvent):
        findings.report(
            "reaction.together",
            where(handler.function),
            f"{_name(handler.message)} is an integration event: it comes from a transaction that is over",
            expected=_WORDS["together"],
            next=f"@context.react({_name(handler.message)})",
        )
        return
    findings.report(
        "handler.kind",
        where(handler.function),
        f"{_name(handler.message)} cannot be bound as a {handler.role}",
        expected=_WORDS[handler.role],
    )


def _is_type(declared: Any) -> bool:
    return declared is Any or isinstance(declared, type)


def _name(declared: Any) -> str:
    return declared.__name__ if isinstance(declared, type) else repr(declared)
