"""What a topology means for one process: what it runs, what others answer, what it publishes and what it is pushed."""

from __future__ import annotations

from remit.contexts import Model
from remit.log import Channel, SubscriptionId
from remit.runtime import Placed, compile_system
from remit.runtime.plan import FollowPlan
from remit.topology.file import Service, Topology
from remit.topology.placement import PlacedService, Placement, place, reads_directly
from remit.topology.shapes import shapes_of

__all__ = ["CALLER", "followed_by", "placed_in", "placed_on", "relayed"]

CALLER = PlacedService(Service("caller", ()), {}, {})
"""A process that runs no part of the system, and calls all of it."""


def placed_on(topology: Topology, model: Model) -> Placement:
    """The contexts of a system where a topology puts them. Raises `ModelError` with every finding."""
    return place(topology, shapes_of(model))


def placed_in(placement: Placement, service: PlacedService) -> Placed:
    """What a process of this service runs, and what it has to know of the others."""
    contexts = placement.contexts
    relays = [follow for follow in relayed(placement) if service.has(follow.source, "write")]
    pushed = {(name, Channel.PUBLISHED) for name in contexts} | {(name, Channel.PRIVATE) for name in placement.apart}
    # What this very process has written, it hears of from its own store.
    alone = service.service.replicas == 1
    heard = {(source, channel) for source, channel in pushed if not (alone and service.has(source, "write"))}
    return Placed(service.runs, _elsewhere(placement, service, contexts), relays, heard)


def _elsewhere(placement: Placement, service: PlacedService, contexts: list[str]) -> set[str]:
    """The addresses that this service does not answer itself."""
    parts = {f"{context}.{part}" for context, runs in service.runs.items() for part in runs}
    logs = {f"{context}.log" for context in service.stores}
    return {*placement.homes, *(f"{name}.log" for name in contexts)} - parts - logs


def relayed(placement: Placement) -> list[FollowPlan]:
    """What relays follow: who writes a log relays it. What is published always, what is private only where a context's
    components run apart."""
    events = placement.topology.events
    if events is None or reads_directly(placement.topology):
        return []
    writers = sorted(home.partition(".")[0] for home in placement.homes if home.endswith(".write"))
    return [
        FollowPlan(SubscriptionId(f"{context}.relay:{events.technology.name}", context, channel))
        for context in writers
        for channel in ((Channel.PUBLISHED, Channel.PRIVATE) if context in placement.apart else (Channel.PUBLISHED,))
    ]


def followed_by(model: Model, context: str) -> list[str]:
    """The contexts whose published channel a service follows that hosts only this one, which `model` does."""
    follows = compile_system(model)[context].follows.values()
    return sorted({follow.source for follow in follows if follow.channel == Channel.PUBLISHED} - {context})
