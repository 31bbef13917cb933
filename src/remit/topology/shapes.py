"""Reads what the plan needs to know of each context from its declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from remit.contexts import REACTION, Context, Handler, Model, Webhook, components_of, groups_of
from remit.contexts.annotations import asks_for_session, asks_for_sql, is_kind, sent_later
from remit.contexts.mentioned import mentioned
from remit.messages import Command
from remit.messages.component import PARTS, Component, PartName
from remit.topology.placement import ContextShape, Shapes


def shapes_of(model: Model) -> Shapes:
    """The shape of every context of the system. None for a context that is hosted elsewhere."""
    shapes: dict[str, ContextShape | None] = dict.fromkeys(model.names)
    for context in model.contexts:
        sources = {part: frozenset(_sources(model, context, part)) for part in PARTS}
        hooks = [each.source for each in context.translations if isinstance(each.source, Webhook)]
        shapes[context.name] = ContextShape(
            frozenset(_parts(model, context)),
            sources["write"] | frozenset(_senders(model, context)),
            sources["read"],
            sources["acl"],
            tuple(hook.name for hook in hooks),
            frozenset(name for hook in hooks for name in hook.verify.secrets),
            frozenset(_calls(model, context)),
            tuple(each.name for each in asks_for_sql(context) if each not in asks_for_session(context)),
            tuple(each.name for each in asks_for_session(context)),
            tuple(groups_of(model, context)),
            frozenset() if {"write", "read"} & {*_declared(model, context)} else frozenset(("write",)),
        )
    return shapes


def _sources(model: Model, context: Context[Any], part: PartName) -> Iterator[str]:
    """The contexts whose events a component follows."""
    components = components_of(model, context)
    for each in (each for each in model.followed if each.context is context):
        name = f"{context.name}.{each.follower.__name__}"
        if (each.role.component if each.role is not REACTION else components[name]) == part:
            yield from _owned(model, [each.event])


def _parts(model: Model, context: Context[Any]) -> Iterator[PartName]:
    """A context that declares neither write nor read has an empty write. The service that runs the context then answers
    for its log, as other processes expect, which do not know its declarations."""
    declared: set[PartName] = {*_declared(model, context)}
    yield from declared
    if not {"write", "read"} & declared:
        yield "write"


def _declared(model: Model, context: Context[Any]) -> Iterator[PartName]:
    for role in context.roles - {REACTION}:
        yield role.component
    yield from components_of(model, context).values()
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
                yield _runs(model, context, handler), Component(owner, _answered_by(message))


def _runs(model: Model, context: Context[Any], handler: Handler) -> PartName:
    return components_of(model, context).get(f"{context.name}.{handler.name}", handler.role.component)


def _answered_by(message: type) -> PartName:
    return "write" if is_kind(message, Command) else "read"
