"""Reads the registry from the model of a system."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from remit.contexts import Context, Foreign, Handler, Model, components_of
from remit.contexts.annotations import aggregates_of, asked_by, is_kind, projected_by, projections_of, sent_later
from remit.contexts.homes import package_of
from remit.contexts.mentioned import mentioned
from remit.contexts.ports import VIEW
from remit.messages import Command, IntegrationEvent, Message, Query, declared_context
from remit.messages.component import PARTS
from remit.registry.entries import Consumed, Entry, How, Kind, Published, ReadModel, Registry
from remit.registry.links import links_of, open_hosts_in
from remit.topology.file import Topology
from remit.topology.shapes import shapes_of


def registry_of(model: Model, topology: Topology | None = None) -> Registry:
    """The registry of a system. With a topology, it also says where the stores are."""
    shapes = shapes_of(model)
    consumed = {context.name: tuple(_consumes(model, context)) for context in model.contexts}
    used = {each.message for some in consumed.values() for each in some}
    entries = [
        Entry(
            context.name, context.kind, context.owner, context.language,
            packages=tuple(filter(None, [package_of(context)])),
            components=tuple(part for part in PARTS if (shape := shapes[context.name]) and part in shape.parts),
            store=topology.store_of(context.name).shown if topology else "",
            aggregates=tuple(sorted({each.__name__ for each, _ in aggregates_of(context)})),
            publishes=tuple(_publishes(model, context, used)),
            consumes=consumed[context.name],
            read_models=tuple(_read_models(model, context)),
        )
        for context in model.contexts
    ]  # fmt: skip
    entries += [Entry(name) for name in model.elsewhere]
    foreign = {party.name for each in model.relations for party in each.parties if isinstance(party, Foreign)}
    entries += [Entry(name, is_foreign=True) for name in sorted(foreign - {entry.name for entry in entries})]
    return Registry(model.name, tuple(entries), links_of(entries, model.relations), open_hosts_in(model.relations))


def folders_of(model: Model) -> dict[str, Path]:
    """The folder of the package of each context, or the file if it is declared in a module outside of packages."""
    found: dict[str, Path] = {}
    for context in model.contexts:
        module = sys.modules.get(package_of(context) or "")
        if module is not None and (file := getattr(module, "__file__", None)):
            path = Path(file).absolute()
            found[module.__name__] = path.parent if hasattr(module, "__path__") else path
        elif module is not None and (paths := list(getattr(module, "__path__", []))):
            found[module.__name__] = Path(paths[0]).absolute()
    return found


def published_in(model: Model, context: Context[Any], used: Iterable[str] = ()) -> Iterator[type[Message]]:
    """The published language of a context: its integration events, and the commands and queries that others may use.

    If modules of the context name it (`__context__`), these are the published ones, and those that others use (`used`,
    by wire name). A context without such a module publishes all its commands and queries.
    """
    owned = [message for message, owner in model.owners.items() if owner == context.name]
    says_so = any(declared_context(message) for message in owned)
    for message in owned:
        is_called = is_kind(message, Command, Query) and (not says_so or bool(declared_context(message)))
        if is_kind(message, IntegrationEvent) or is_called or model.contracts[message].type in used:
            yield message


def _publishes(model: Model, context: Context[Any], used: Iterable[str]) -> Iterator[Published]:
    made = [model.contracts[message] for message in published_in(model, context, used)]
    for contract in sorted(made, key=lambda each: (each.type, each.version)):
        yield Published(contract.type, _kind_of(contract.message), contract.version)


def _kind_of(message: type[Message]) -> Kind:
    if is_kind(message, Command):
        return "command"
    return "query" if is_kind(message, Query) else "event"


def _consumes(model: Model, context: Context[Any]) -> Iterator[Consumed]:
    found: dict[Consumed, None] = {}
    for message, how, component in _taken(model, context):
        owner = model.owner_of(message)
        if owner and owner != context.name:
            found[Consumed(owner, _wire_name(model, message, owner), how, component)] = None
    yield from sorted(found, key=lambda each: (each.context, each.message, each.how, each.component))


class _Taken(NamedTuple):
    """A message that a context takes, how, and by which component."""

    message: Any
    how: How
    component: str


def _taken(model: Model, context: Context[Any]) -> Iterator[_Taken]:
    """What a context takes from others, and of its own."""
    runs = components_of(model, context)
    for followed in model.followed:
        if followed.context is context:
            name = f"{context.name}.{followed.follower.__name__}"
            yield _Taken(followed.event, "event", runs.get(name, followed.role.component))
    later: list[tuple[Any, Handler]] = list(sent_later(context))
    for command, handler in later:
        yield _Taken(command, "later", runs.get(f"{context.name}.{handler.name}", handler.role.component))
    yield from (_Taken(command, "later", "write") for command in context.outbox if is_kind(command, Command))
    for handler in context.handlers:
        for message, _ in mentioned(handler.function):
            if (message, handler) not in later:
                yield _Taken(message, "call", runs.get(f"{context.name}.{handler.name}", handler.role.component))
    for edge in model.edges:
        if edge.context == context.name:
            yield from (_Taken(route.message, "call", "edge") for route in edge.routes)


def _wire_name(model: Model, message: Any, owner: str) -> str:
    contract = model.contracts.get(message)
    return contract.type if contract else f"{owner}.{message.__remit_name__}"


def _read_models(model: Model, context: Context[Any]) -> Iterator[ReadModel]:
    readers: dict[Any, list[str]] = {}
    for handler in context.handlers:
        for asked in asked_by(context, handler):
            if asked.injectable is VIEW:
                readers.setdefault(asked.subject, []).append(handler.message.__name__)
    for projection in projections_of(context):
        folds = [_wire_name(model, event, model.owner_of(event) or context.name) for event in projected_by(projection)]
        yield ReadModel(projection.__name__, tuple(sorted(folds)), tuple(sorted(set(readers.get(projection, ())))))
