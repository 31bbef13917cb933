"""Reads the registry from the model of a system."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from remit.contexts import AntiCorruptionLayer, Context, Foreign, Model
from remit.contexts.annotations import (
    aggregates_of,
    asked_by,
    first_parameter,
    is_kind,
    projected_by,
    projections_of,
)
from remit.contexts.foreign import Translation
from remit.contexts.homes import package_of
from remit.contexts.integrations import Way, integrations_of
from remit.contexts.model import is_within
from remit.contexts.ports import VIEW
from remit.messages import Command, IntegrationEvent, Message, Query, declared_context, union_members
from remit.messages.component import PARTS
from remit.registry.entries import Consumed, Entry, How, Kind, Published, ReadModel, Registry
from remit.registry.links import kernels_in, links_of, open_hosts_in
from remit.topology.file import Topology
from remit.topology.shapes import shapes_of

_HOW: Mapping[Way, How] = {"follows": "event", "calls": "call", "sends": "later", "leads": "call"}


def registry_of(model: Model, topology: Topology | None = None) -> Registry:
    """The registry of a system. With a topology, it also says where the stores are."""
    shapes = shapes_of(model)
    consumed = {context.name: tuple(_consumes(model, context)) for context in model.contexts}
    used = {each.message for some in consumed.values() for each in some}
    entries = [
        Entry(
            context.name, context.kind, context.owner, context.language,
            packages=packages_of(model, context),
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
    return Registry(
        model.name,
        tuple(entries),
        links_of(entries, model.relations),
        open_hosts_in(model.relations),
        kernels_in(model.relations),
    )


def packages_of(model: Model, context: Context[Any]) -> tuple[str, ...]:
    """The package of the module that declares a context, and modules elsewhere that hold its messages: a published
    language may be a distribution of its own. Empty for a context that is declared inside a function."""
    package = package_of(context)
    if package is None:
        return ()
    homes = [home for each in model.contexts if (home := package_of(each))]
    modules = {message.__module__ for message, owner in model.owners.items() if owner == context.name}
    return (package, *sorted(each for each in modules if not any(_is_within(each, home) for home in homes)))


def folders_of(model: Model) -> dict[str, Path]:
    """The folder of each package of the contexts and shared kernels, or the file of a module that is no package."""
    found: dict[str, Path] = {}
    packages = [each for context in model.contexts for each in packages_of(model, context)]
    for package in (*packages, *(kernel.package for kernel in kernels_in(model.relations))):
        module = sys.modules.get(package)
        paths, file = list(getattr(module, "__path__", [])), getattr(module, "__file__", None)
        if paths or file:
            found[package] = Path(paths[0] if paths else str(file)).absolute()
    return found


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


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
    found = {
        Consumed(each.owner, _wire_name(model, each.message, each.owner), _HOW[each.way])
        for each in integrations_of(model)
        if each.consumer == context.name
    }
    found |= set(_translates(model, context))
    yield from sorted(found, key=lambda each: (each.context, each.message, each.how))


def _translates(model: Model, context: Context[Any]) -> Iterator[Consumed]:
    """The foreign messages that a context translates, by who sends them: the `Foreign` that has the name of the source,
    otherwise each one in whose layer the translation stands."""
    layers = [
        each
        for each in model.relations
        if isinstance(each, AntiCorruptionLayer)
        and isinstance(each.upstream, Foreign)
        and each.names[1] == context.name
    ]
    for translation in context.translations:
        source, module = translation.source.name, translation.function.__module__
        named = [each for each in layers if each.names[0] == source]
        around = [each for each in layers if each.module and is_within(module, [each.module])]
        for layer in named or around:
            for name in _foreign_names(translation):
                yield Consumed(layer.names[0], f"{layer.names[0]}.{name}", "translation")


def _foreign_names(translation: Translation) -> list[str]:
    """The names of the classes that a translation takes. The name of its source, if it takes no class of its own."""
    first = first_parameter(translation.function)
    members = union_members(first[1]) if first else ()
    names = [each.__name__ for each in members if isinstance(each, type) and each.__module__ != "builtins"]
    return names or [translation.source.name]


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
