"""Reads what the plan needs to know of each context from its declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from remit.contexts import Context, Model, groups_of
from remit.contexts.annotations import asks_for_sql, is_kind, sent_later
from remit.contexts.mentioned import mentioned
from remit.messages import Command
from remit.messages.component import Component, PartName
from remit.topology.placement import ContextShape, Shapes


def shapes_of(model: Model) -> Shapes:
    """The shape of every context of the system. None for a context that is hosted elsewhere."""
    shapes: dict[str, ContextShape | None] = dict.fromkeys(model.names)
    for context in model.contexts:
        followed = [each for each in model.followed if each.context is context]
        shapes[context.name] = ContextShape(
            frozenset(_parts(model, context)),
            frozenset(_owned(model, (each.event for each in followed if each.role.component == "write")))
            | frozenset(_senders(model, context)),
            frozenset(_owned(model, (each.event for each in followed if each.role.component == "read"))),
            frozenset(_calls(model, context)),
            tuple(handler.name for handler in asks_for_sql(context)),
            tuple(groups_of(model, context)),
            frozenset() if {"write", "read"} & {*_declared(model, context)} else frozenset(("write",)),
        )
    return shapes


def _parts(model: Model, context: Context[Any]) -> Iterator[PartName]:
    """A context that declares neither write nor read has an empty write. The service that runs the context then answers
    for its log, as other processes expect, which do not know its declarations."""
    declared: set[PartName] = {*_declared(model, context)}
    yield from declared
    if not {"write", "read"} & declared:
        yield "write"


def _declared(model: Model, context: Context[Any]) -> Iterator[PartName]:
    for role in context.roles:
        yield role.component
    if context.outbox:
        yield "write"
    if context.name in model.with_edges:
        yield "edge"


def _owned(model: Model, messages: Iterable[Any]) -> Iterator[str]:
    for message in messages:
        if owner := model.owner_of(message):
            yield owner


def _senders(model: Model, context: Context[Any]) -> Iterator[str]:
    """The contexts that send commands of this context for later."""
    for sender in model.contexts:
        later = [command for command, _ in sent_later(sender)]
        later += [command for command in sender.outbox if is_kind(command, Command)]
        if context.name in _owned(model, later):
            yield sender.name


def _calls(model: Model, context: Context[Any]) -> Iterator[tuple[PartName, Component]]:
    for route in (route for edge in model.edges if edge.context == context.name for route in edge.routes):
        for owner in _owned(model, [route.message]):
            yield "edge", Component(owner, _answered_by(route.message))
    later = list(sent_later(context))
    for handler in context.handlers:
        named = {each.message for each in mentioned(handler.function)}
        for message in (each for each in named if (each, handler) not in later):
            for owner in _owned(model, [message]):
                yield handler.role.component, Component(owner, _answered_by(message))


def _answered_by(message: type) -> PartName:
    return "write" if is_kind(message, Command) else "read"
