"""Whose a message is: the context that its module names, else the one that handles, publishes, records or folds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from remit.contexts.annotations import aggregates_of, is_kind, projected_by, published_by, recorded_by, sent_later
from remit.contexts.context import Context
from remit.contexts.declarations import where
from remit.messages import Command, DomainEvent, IntegrationEvent, Message, Query, declared_context

__all__ = ["Claim", "claims_of", "owners_of"]


class Claim(NamedTuple):
    """A context does something with a message that only its owner may do."""

    context: str
    message: type[Message]
    place: str


def owners_of(contexts: Sequence[Context[Any]]) -> dict[type[Message], str]:
    """The owner of each message that a declaration names. Where several contexts claim one, the first has it."""
    owners: dict[type[Message], str] = {}
    for claim in (claim for context in contexts for claim in claims_of(context)):
        owners.setdefault(claim.message, declared_context(claim.message) or claim.context)
    for message in (message for context in contexts for message in _used(context)):
        if is_kind(message, Message) and (named := declared_context(message)):
            owners.setdefault(message, named)
    return owners


def claims_of(context: Context[Any]) -> Iterator[Claim]:
    """All that a context claims, in the order of its declarations."""
    for handler in context.handlers:
        if is_kind(handler.message, Command, Query, DomainEvent):
            yield Claim(context.name, handler.message, where(handler.function))
    for publisher in context.publishers:
        place = where(publisher.function)
        yield from _claim(context, [publisher.message] if publisher.fits else [], place)
        yield from _claim(context, published_by(publisher.function), place)
    for aggregate, _ in aggregates_of(context):
        yield from _claim(context, recorded_by(aggregate), where(aggregate))
    for projection in context.projections:
        own = [event for event in projected_by(projection) if is_kind(event, DomainEvent)]
        yield from _claim(context, own, where(projection))
    yield from _claim(context, [event for event in context.outbox if is_kind(event, IntegrationEvent)], repr(context))


def _used(context: Context[Any]) -> Iterator[Any]:
    """Every message that a context reacts to, folds or sends for later, whosever it is."""
    yield from (handler.message for handler in context.handlers)
    yield from (event for projection in context.projections for event in projected_by(projection))
    yield from (command for command, _ in sent_later(context))
    yield from context.outbox


def _claim(context: Context[Any], messages: Iterable[type[Message]], place: str) -> Iterator[Claim]:
    for message in messages:
        yield Claim(context.name, message, place)
