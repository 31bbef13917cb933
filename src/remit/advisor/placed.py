"""What the services of a topology do not know of one another, so that fresh answers wait for more than in one process.

A service that has not loaded a context does not know whether the context sends commands for later, or calls others
(`remit.runtime.freshness.influence`). So it follows the commands of that context, and waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from remit.contexts import Model
from remit.runtime import compile_system
from remit.topology.placement import Placement


@dataclass(frozen=True)
class Service:
    """What one service has loaded."""

    hosts: frozenset[str]
    unknown: frozenset[str]
    """The contexts of which it knows the name only."""
    edges: frozenset[str]
    """The contexts whose routes it serves."""


@dataclass(frozen=True)
class Unseen:
    """What services do not know of one another."""

    services: tuple[Service, ...]
    commands: Mapping[str, frozenset[str]]
    """By context, the contexts whose commands its service follows."""


def unseen_by(placement: Placement, models: Mapping[str, Model]) -> Unseen:
    """What the services do not know. `models` are the models with which they start, by the name of the service."""
    commands: dict[str, set[str]] = {}
    services: list[Service] = []
    for name, model in models.items():
        known = {context.name for context in (*model.contexts, *model.beside)}
        runs = placement.services[name].runs
        edges = frozenset(context for context, parts in runs.items() if "edge" in parts)
        hosts = frozenset(placement.services[name].stores)
        services.append(Service(hosts, frozenset(model.names) - known, edges))
        for context, plan in compile_system(model).items():
            sources = {id.source for id in plan.follows if id.name == f"{context}.commands"}
            commands.setdefault(context, set()).update(sources)
    return Unseen(tuple(services), {context: frozenset(sources) for context, sources in commands.items()})
