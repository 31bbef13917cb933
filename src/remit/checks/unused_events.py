"""Notes an event in the modules of a context that nothing makes and nothing follows.

No aggregate records it, no publisher or handler publishes it, and no reaction, projection or publisher takes it. Says
nothing about a context in which an aggregate does not declare its events.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from remit.contexts import Context, Model
from remit.contexts.annotations import aggregates_of, announced_by, is_kind, published_by, recorded_by
from remit.contexts.declarations import line_of
from remit.contexts.homes import Home
from remit.errors import Findings
from remit.messages import DomainEvent, IntegrationEvent, Message, declared_context


def check_unused_events(model: Model, findings: Findings) -> None:
    known = (*model.contexts, *model.beside)
    used = [event for context in known for event in _used(context)] + [each.event for each in model.followed]
    silent = {context.name for context in known if not all(recorded_by(each) for each, _ in aggregates_of(context))}
    for home in model.homes:
        names = {context.name for context in home.contexts}
        for event in _events_in(home):
            owner = declared_context(event)
            if silent & ({owner} if owner else names) or (owner and owner not in names) or _is_among(event, used):
                continue
            makes = "records or publishes" if is_kind(event, DomainEvent) else "publishes"
            findings.note(
                "event.unused", line_of(event), f"{event.__name__} is an event that nothing makes and nothing follows",
                expected=f"something that {makes} it", next="use it, or delete the class",
            )  # fmt: skip


def _events_in(home: Home) -> Iterator[type[Message]]:
    """The events that are defined in the modules, without base classes."""
    for module in home.modules:
        for value in dict.fromkeys(each for each in vars(module).values() if isinstance(each, type)):
            is_event = is_kind(value, DomainEvent, IntegrationEvent)
            if is_event and value.__module__ == module.__name__ and not value.__subclasses__():
                yield value


def _used(context: Context[Any]) -> Iterator[Any]:
    for aggregate, _ in aggregates_of(context):
        yield from recorded_by(aggregate)
    yield from (event for event, _ in announced_by(context))
    for publisher in context.publishers:
        yield from published_by(publisher.function)
    yield from (bound.message for bound in context.functions if bound.fits)
    yield from context.outbox


def _is_among(event: type[Message], used: list[Any]) -> bool:
    """Whether the event, or a base or subclass of it, is used. A base class stands for all its subclasses."""
    return any(is_kind(each, event) or is_kind(event, each) for each in used if isinstance(each, type))
